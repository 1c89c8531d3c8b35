//! What the model is shown of a session.

use crate::Settings;
use crate::wrap::wrap_untrusted;
use domain::{Integrity, Item, ItemBody, Label, Labelled, Message, ProposedCall, TaskState, TextIsolation};

/// Bytes a token stands for, on the cautious side: English text has about four, code and other scripts fewer.
const BYTES_PER_TOKEN: usize = 3;
/// What a message costs beside its text, in tokens.
const TOKENS_PER_MESSAGE: usize = 8;

/// What a model is told of handles, where strangers' text is held apart.
const HANDLES: &str = "Text that strangers wrote is held apart: you are shown a handle such as `$mail_1`, never the text. \
    Have a value read out with `extract` (a boolean, a number, one of your own words, a date, an address, an id, or a text \
    of its own, such as a summary); put a handle where something is said (a body, a content) and its text is put in; name \
    a handle in your answer and whoever asked is shown what it holds, marked as a stranger's words. \
    Never guess what a handle holds.";

/// What a model is told of approvals, so that the owner is asked once and not call by call.
const AT_ONCE: &str = "Look at everything you need first. Then propose all calls that change something or reach somebody \
    in one turn, in the order they are to be done, unless one needs what another gives back: whoever is asked about them \
    is then asked once.";

/// The prompt for the next answer: standing instructions, then everything since the last summary.
#[must_use]
pub fn messages(items: &[Item], settings: &Settings) -> Vec<Message> {
    let system = match settings.isolation {
        TextIsolation::Wrapped => format!("{}\n\n{AT_ONCE}", settings.system),
        TextIsolation::Strict => format!("{}\n\n{AT_ONCE}\n\n{HANDLES}", settings.system),
    };
    let mut messages = vec![Message::System(system)];
    let summary = items.iter().rev().find_map(|item| match item.body.clone().into_parts() {
        (ItemBody::Summary { text, up_to }, label) => Some((text, up_to, label)),
        (
            ItemBody::Said { .. }
            | ItemBody::Answered { .. }
            | ItemBody::Result { .. }
            | ItemBody::Held { .. }
            | ItemBody::Asked { .. }
            | ItemBody::Planned { .. }
            | ItemBody::Replied { .. }
            | ItemBody::Ended { .. },
            _,
        ) => None,
    });
    let after = summary.as_ref().map_or(0, |(_, up_to, _)| *up_to);
    if let Some((text, _, label)) = summary {
        let text = shown(&text, &label, settings, "summary of the conversation so far");
        let handles = handles_up_to(items, after, settings);
        messages.push(Message::User(format!("What was said before, in short:\n{text}{handles}")));
    }
    for item in items.iter().filter(|item| item.number > after) {
        push_item(&mut messages, item, items, settings);
    }
    messages
}

fn push_item(messages: &mut Vec<Message>, item: &Item, items: &[Item], settings: &Settings) {
    let (body, label) = item.body.clone().into_parts();
    match body {
        ItemBody::Said { by, text, quoted } => {
            let mut said = if by == "owner" { text } else { shown(&text, &label, settings, &by) };
            if let Some(quoted) = quoted {
                let quoted = match settings.isolation {
                    TextIsolation::Wrapped => {
                        wrap_untrusted(&quoted, &settings.delimiter, "quoted by the sender")
                    }
                    TextIsolation::Strict => {
                        format!("[$quote_{} holds what came quoted: {} bytes]", item.number, quoted.len())
                    }
                };
                said = format!("{said}\n\n{quoted}");
            }
            messages.push(Message::User(said));
        }
        ItemBody::Answered { text, calls } => {
            let results: Vec<Message> =
                calls.iter().map(|call| result_of(call, item, items, settings)).collect();
            messages.push(Message::Assistant { text, calls });
            messages.extend(results);
        }
        ItemBody::Ended { state, why } => {
            let word = match state {
                TaskState::Cancelled => "The owner cancelled this.",
                TaskState::Failed => "This ended in an error.",
                TaskState::Running | TaskState::Waiting | TaskState::Done => return,
            };
            messages.push(Message::Assistant { text: format!("[{word} {why}]"), calls: Vec::new() });
        }
        // A result stands behind its call; a reply repeats the answer before it; a summary stands at the front.
        ItemBody::Result { .. }
        | ItemBody::Held { .. }
        | ItemBody::Planned { .. }
        | ItemBody::Replied { .. }
        | ItemBody::Asked { .. }
        | ItemBody::Summary { .. } => {}
    }
}

/// What became of a call of `answer`. Providers want every call's result right behind it, also where the owner has not
/// answered yet or the task was cancelled.
fn result_of(call: &ProposedCall, answer: &Item, items: &[Item], settings: &Settings) -> Message {
    let later = items.iter().filter(|item| item.task == answer.task && item.number > answer.number);
    let until_next_answer = later.take_while(|item| !matches!(item.body_ref(), ItemBody::Answered { .. }));
    let mut waiting = false;
    for item in until_next_answer {
        match item.body_ref() {
            ItemBody::Result { call_id, tool, text, failed, rules: _ } if *call_id == call.id => {
                let text = shown(text, item.body.label(), settings, tool);
                return Message::Result { call_id: call.id.clone(), text, failed: *failed };
            }
            ItemBody::Asked { call_id, question: _ } if *call_id == call.id => waiting = true,
            ItemBody::Said { .. }
            | ItemBody::Answered { .. }
            | ItemBody::Result { .. }
            | ItemBody::Held { .. }
            | ItemBody::Asked { .. }
            | ItemBody::Planned { .. }
            | ItemBody::Replied { .. }
            | ItemBody::Summary { .. }
            | ItemBody::Ended { .. } => {}
        }
    }
    let text = if waiting { "waiting for the owner's answer" } else { "not carried out" };
    Message::Result { call_id: call.id.clone(), text: text.to_string(), failed: true }
}

fn shown(text: &str, label: &Label, settings: &Settings, from: &str) -> String {
    match label.integrity() {
        Integrity::Trusted | Integrity::Attested => text.to_string(),
        Integrity::Untrusted => wrap_untrusted(text, &settings.delimiter, from),
    }
}

/// The handles of what a summary stands for: they are good for the whole session.
fn handles_up_to(items: &[Item], up_to: u64, settings: &Settings) -> String {
    let old = items.iter().filter(|item| item.number <= up_to && settings.isolation == TextIsolation::Strict);
    let handles: Vec<String> = old
        .filter_map(|item| match item.body_ref() {
            ItemBody::Held { handle, tool, text } => Some(format!("{handle} ({tool}, {} bytes)", text.len())),
            ItemBody::Said { quoted: Some(text), .. } => {
                Some(format!("$quote_{} (quoted, {} bytes)", item.number, text.len()))
            }
            ItemBody::Said { quoted: None, .. }
            | ItemBody::Planned { .. }
            | ItemBody::Answered { .. }
            | ItemBody::Result { .. }
            | ItemBody::Asked { .. }
            | ItemBody::Replied { .. }
            | ItemBody::Summary { .. }
            | ItemBody::Ended { .. } => None,
        })
        .collect();
    if handles.is_empty() { String::new() } else { format!("\nHandles from before: {}", handles.join(", ")) }
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
