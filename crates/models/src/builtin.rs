//! Kind `builtin`: no language model. It understands slash commands and a few plain phrases, proposes the calls they
//! stand for, and shows what came back. It says so, and never pretends to have understood or judged anything.
//!
//! The answer is a function of the conversation alone. Its calls pass the same door as any model's.

mod command;
mod phrases;
mod reply;

use domain::{AskModel, Message, ModelTurn, ProposedCall, Purpose, StopReason, Usage};

pub use command::{COMMANDS, Command};
use command::{Reading, Wish};

/// How much of the beginning and of the end of a long conversation is kept when it has to be made shorter, in
/// characters. What happened last matters more.
const SUMMARY_CHARS: (usize, usize) = (1_500, 4_500);

/// The answer to `ask`.
#[must_use]
pub fn answer(ask: &AskModel) -> ModelTurn {
    let (text, calls) = match ask.purpose {
        Purpose::Turn => turn(ask),
        Purpose::Summarize => (shortened(newest_user_text(&ask.messages)), Vec::new()),
        Purpose::Plan | Purpose::Extract => (reply::no_model_for_this(), Vec::new()),
    };
    let stop = if calls.is_empty() { StopReason::Finished } else { StopReason::Calls };
    ModelTurn { text, calls, stop, usage: Usage::default(), answered_by: ask.model.to_string() }
}

/// Whether the newest message is a command that the owner typed: `/disk`, not a sentence, nor somebody else's words. It
/// needs no model, and costs nothing, whichever is connected.
pub(crate) fn is_command(ask: &AskModel) -> bool {
    let text = newest_user_text(&ask.messages);
    let first = own_words(text).split_whitespace().next().unwrap_or_default();
    ask.purpose == Purpose::Turn
        && reply::unwrapped(text).is_none()
        && COMMANDS.iter().any(|command| command.name == first)
}

fn turn(ask: &AskModel) -> (String, Vec<ProposedCall>) {
    let said_at = ask.messages.iter().rposition(|message| matches!(message, Message::User(_)));
    let since = ask.messages.get(said_at.map_or(0, |at| at.saturating_add(1))..).unwrap_or_default();
    let words = own_words(newest_user_text(&ask.messages));
    let wish = match command::read(words) {
        Reading::Wish(wish) => wish,
        Reading::Say(text) => return (text, Vec::new()),
        Reading::Plain => match phrases::read(words) {
            Some(wish) => wish,
            None => return (reply::not_understood(), Vec::new()),
        },
    };
    let asked = since.iter().find_map(|message| match message {
        Message::Assistant { text: _, calls } if !calls.is_empty() => Some(calls.as_slice()),
        Message::Assistant { .. } | Message::System(_) | Message::User(_) | Message::Result { .. } => None,
    });
    match asked {
        Some(calls) => (reply::results(&wish, calls, since), Vec::new()),
        None => propose(&wish, ask),
    }
}

fn propose(wish: &Wish, ask: &AskModel) -> (String, Vec<ProposedCall>) {
    if let Wish::Help(topic) = wish {
        return (reply::help(topic.as_deref()), Vec::new());
    }
    let answers = ask.messages.iter().filter(|message| matches!(message, Message::Assistant { .. })).count();
    let (have, lacking): (Vec<_>, Vec<_>) =
        wish.calls().into_iter().partition(|(tool, _)| ask.tools.iter().any(|schema| schema.name == *tool));
    if have.is_empty() {
        return (reply::no_such_tool(&lacking), Vec::new());
    }
    let call = |(at, (tool, arguments)): (usize, (&str, serde_json::Value))| ProposedCall {
        id: format!("call_{answers}_{at}"),
        tool: tool.to_string(),
        arguments: arguments.to_string(),
    };
    (String::new(), have.into_iter().enumerate().map(call).collect())
}

fn newest_user_text(messages: &[Message]) -> &str {
    let newest = messages.iter().rev().find_map(|message| match message {
        Message::User(text) => Some(text.as_str()),
        Message::System(_) | Message::Assistant { .. } | Message::Result { .. } => None,
    });
    newest.unwrap_or_default()
}

/// What the sender typed: without what was quoted or attached below it, which is data and never a wish. A message
/// that is wrapped as a whole is somebody's who is not the owner: their words count as words, and the policy decides
/// what they may do.
fn own_words(text: &str) -> &str {
    if let Some(inner) = reply::unwrapped(text) {
        return inner.trim();
    }
    text.split("<user_data id=\"").next().unwrap_or_default().trim()
}

/// The beginning and the end: there is nobody here who could tell what matters.
fn shortened(text: &str) -> String {
    let text = reply::unwrapped(text).unwrap_or(text);
    let (first, last) = SUMMARY_CHARS;
    let count = text.chars().count();
    if count <= first.saturating_add(last) {
        return text.to_string();
    }
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(count.saturating_sub(last)).collect();
    format!("{head}\n[… left out: no language model is connected that could sum it up …]\n{tail}")
}

#[cfg(test)]
mod tests;
