//! What the model is shown of a session.

use crate::Settings;
use crate::wrap::wrap_untrusted;
use domain::{Integrity, Item, ItemBody, Label, Labelled, Message, TaskState};

/// Bytes a token stands for, on the cautious side: English text has about four, code and other scripts fewer.
const BYTES_PER_TOKEN: usize = 3;
/// What a message costs beside its text, in tokens.
const TOKENS_PER_MESSAGE: usize = 8;

/// The prompt for the next answer: standing instructions, then everything since the last summary.
#[must_use]
pub fn messages(items: &[Item], settings: &Settings) -> Vec<Message> {
    let mut messages = vec![Message::System(settings.system.clone())];
    let summary = items.iter().rev().find_map(|item| match item.body.clone().into_parts() {
        (ItemBody::Summary { text, up_to }, label) => Some((text, up_to, label)),
        (
            ItemBody::Said { .. }
            | ItemBody::Answered { .. }
            | ItemBody::Result { .. }
            | ItemBody::Asked { .. }
            | ItemBody::Replied { .. }
            | ItemBody::Ended { .. },
            _,
        ) => None,
    });
    let after = summary.as_ref().map_or(0, |(_, up_to, _)| *up_to);
    if let Some((text, _, label)) = summary {
        let text = shown(&text, &label, settings, "summary of the conversation so far");
        messages.push(Message::User(format!("What was said before, in short:\n{text}")));
    }
    for item in items.iter().filter(|item| item.number > after) {
        push_item(&mut messages, item, settings);
    }
    close_open_calls(&mut messages);
    messages
}

fn push_item(messages: &mut Vec<Message>, item: &Item, settings: &Settings) {
    let (body, label) = item.body.clone().into_parts();
    match body {
        ItemBody::Said { by, text, quoted } => {
            let mut said = if by == "owner" { text } else { shown(&text, &label, settings, &by) };
            if let Some(quoted) = quoted {
                said = format!(
                    "{said}\n\n{}",
                    wrap_untrusted(&quoted, &settings.delimiter, "quoted by the sender")
                );
            }
            messages.push(Message::User(said));
        }
        ItemBody::Answered { text, calls } => messages.push(Message::Assistant { text, calls }),
        ItemBody::Result { call_id, tool, text, failed, rules: _ } => {
            let text = shown(&text, &label, settings, &tool);
            messages.push(Message::Result { call_id, text, failed });
        }
        ItemBody::Ended { state, why } => {
            let word = match state {
                TaskState::Cancelled => "The owner cancelled this.",
                TaskState::Failed => "This ended in an error.",
                TaskState::Running | TaskState::Waiting | TaskState::Done => return,
            };
            close_open_calls(messages);
            messages.push(Message::Assistant { text: format!("[{word} {why}]"), calls: Vec::new() });
        }
        // A reply repeats the answer before it; a question is answered by its result; a summary stands at the front.
        ItemBody::Replied { .. } | ItemBody::Asked { .. } | ItemBody::Summary { .. } => {}
    }
}

/// Providers refuse a prompt in which a call has no result; a cancelled task can leave one.
fn close_open_calls(messages: &mut Vec<Message>) {
    let Some(at) = messages.iter().rposition(|message| matches!(message, Message::Assistant { .. })) else {
        return;
    };
    let (before, after) = messages.split_at(at.saturating_add(1));
    let Some(Message::Assistant { calls, .. }) = before.last() else { return };
    let answered =
        |id: &str| after.iter().any(|m| matches!(m, Message::Result { call_id, .. } if call_id == id));
    let open: Vec<Message> = calls
        .iter()
        .filter(|call| !answered(&call.id))
        .map(|call| Message::Result {
            call_id: call.id.clone(),
            text: "not carried out".to_string(),
            failed: true,
        })
        .collect();
    let insert_at = messages
        .iter()
        .skip(at.saturating_add(1))
        .take_while(|message| matches!(message, Message::Result { .. }))
        .count()
        .saturating_add(at)
        .saturating_add(1);
    messages.splice(insert_at..insert_at, open);
}

fn shown(text: &str, label: &Label, settings: &Settings, from: &str) -> String {
    match label.integrity() {
        Integrity::Trusted | Integrity::Attested => text.to_string(),
        Integrity::Untrusted => wrap_untrusted(text, &settings.delimiter, from),
    }
}

/// About how many tokens `messages` cost, on the cautious side.
#[must_use]
pub fn estimate_tokens(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(|message| {
            let bytes = match message {
                Message::System(text) | Message::User(text) => text.len(),
                Message::Assistant { text, calls } => calls
                    .iter()
                    .map(|call| call.tool.len().saturating_add(call.arguments.len()))
                    .fold(text.len(), usize::saturating_add),
                Message::Result { text, .. } => text.len(),
            };
            bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(TOKENS_PER_MESSAGE)
        })
        .fold(0, usize::saturating_add)
}

/// The join of the labels of `items`.
pub(crate) fn joined(items: &[Item]) -> Label {
    items.iter().map(|item| Labelled::label(&item.body)).fold(Label::nothing(), Label::join)
}
