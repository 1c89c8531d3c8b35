//! Handles: names that stand for strangers' text where a planner must not read it.
//!
//! A handle means something in its own session alone. What a text holds that looks like a handle is text.

use crate::json;
use crate::manifest::Manifest;
use crate::show::visible;
use domain::{
    ArgumentRole, Integrity, Item, ItemBody, Label, Output, ProposedCall, Source, SourceKind, Value,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

/// What gave a value that was read out of a text, rather than the text itself: `extract.address`.
const READ_OUT: &str = "extract.";
/// The most facts of one result that a planner is shown.
const FACTS_MAX: usize = 400;
/// The longest fact shown, in characters.
const FACT_CHARS_MAX: usize = 200;
/// The most of a held text that stands in a reply, in characters: several screens.
const QUOTE_CHARS_MAX: usize = 20_000;
/// The most digits of a handle.
const DIGITS_MAX: usize = 9;

/// What a handle stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What gave it.
    pub tool: String,
    /// The text.
    pub text: String,
}

/// What is held in a session, by its handle.
pub type Known = BTreeMap<String, (Held, Label)>;

/// Arguments with what their handles stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The arguments.
    pub arguments: String,
    /// The handles whose text is in them now.
    pub used: BTreeSet<String>,
    /// Arguments that decide whom or what is affected and are a text's handle: a typed hole, or a mistake.
    pub open: Vec<(String, String)>,
}

/// A handle cannot stand where a planner put it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// There is no such handle in this session.
    #[error("there is no `{handle}` in this conversation")]
    Unknown {
        /// The handle.
        handle: String,
    },
    /// It stands for a stranger's text, and the argument decides whom or what is affected.
    #[error(
        "`{handle}` is text that a stranger wrote, and `{argument}` decides whom or what is affected; it takes a value that `extract` gave, alone"
    )]
    Decides {
        /// The argument.
        argument: String,
        /// The handle.
        handle: String,
    },
}

impl Held {
    /// Whether it is one value, an address or an id, and not a text.
    #[must_use]
    pub fn is_value(&self) -> bool {
        self.tool.starts_with(READ_OUT) && self.tool != "extract.text"
    }
}

/// What `item` holds, and its handle, whatever a planner is shown of it.
#[must_use]
pub fn held_in(item: &Item) -> Option<(String, (Held, Label))> {
    let (handle, tool, text) = match item.body_ref() {
        ItemBody::Held { handle, tool, text } => (handle.clone(), tool.as_str(), text),
        ItemBody::Said { quoted: Some(text), .. } => (format!("$quote_{}", item.number), "quote", text),
        ItemBody::Said { quoted: None, .. }
        | ItemBody::Planned { .. }
        | ItemBody::Answered { .. }
        | ItemBody::Result { .. }
        | ItemBody::Asked { .. }
        | ItemBody::Replied { .. }
        | ItemBody::Summary { .. }
        | ItemBody::Ended { .. } => return None,
    };
    Some((handle, (Held { tool: tool.to_string(), text: text.clone() }, item.body.label().clone())))
}

/// What strangers wrote in `items`, shown or held, oldest first.
#[must_use]
pub fn strange_in(items: &[Item]) -> Vec<(Held, Label)> {
    let of = |item: &Item| match item.body_ref() {
        ItemBody::Result { tool, text, failed: false, .. } => {
            let strange = !item.body.label().is_clean() && tool != crate::EXTRACT;
            strange.then(|| (Held { tool: tool.clone(), text: text.clone() }, item.body.label().clone()))
        }
        ItemBody::Said { .. }
        | ItemBody::Held { .. }
        | ItemBody::Planned { .. }
        | ItemBody::Answered { .. }
        | ItemBody::Result { .. }
        | ItemBody::Asked { .. }
        | ItemBody::Replied { .. }
        | ItemBody::Summary { .. }
        | ItemBody::Ended { .. } => held_in(item).map(|(_handle, found)| found),
    };
    items.iter().filter_map(of).collect()
}

/// The newest call of this id, as the model wrote it.
#[must_use]
pub fn call_in(items: &[Item], id: &str) -> Option<ProposedCall> {
    let answers = items.iter().rev().filter_map(|item| {
        if let ItemBody::Answered { calls, text: _ } = item.body_ref() { Some(calls) } else { None }
    });
    answers.flatten().find(|call| call.id == id).cloned()
}

/// What the facts of a result are believed, where its text is held apart.
#[must_use]
pub fn label_of_facts(label: &Label) -> Label {
    let ours = Label::new(Integrity::Attested, label.tier(), Source::new(SourceKind::Config, "hardshell"));
    let facts = |source: &Source| Label::new(Integrity::Attested, label.tier(), source.clone());
    label.sources().fold(ours, |all, source| all.join(&facts(source)))
}

/// The places that something of this label came from, in words.
#[must_use]
pub fn sources_of(label: &Label) -> String {
    label.sources().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The handle of what `tool` gave, the `number`-th of its session.
#[must_use]
pub fn handle_of(tool: &str, number: u32) -> String {
    let word = tool.strip_prefix(READ_OUT).unwrap_or(tool).split('.').next().unwrap_or_default();
    let good = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    format!("${}_{number}", if good { word } else { "result" })
}

/// Where handles stand in `text`.
#[must_use]
pub fn handles_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _dollar) in text.match_indices('$') {
        let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
        let word = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let Some(number) = rest.get(word..).and_then(|rest| rest.strip_prefix('_')) else { continue };
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let goes_on = number.get(digits..).and_then(|rest| rest.chars().next());
        let ends = goes_on.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        if word > 0 && (1..=DIGITS_MAX).contains(&digits) && ends {
            found.push(at..at.saturating_add(word).saturating_add(digits).saturating_add(2));
        }
    }
    found
}

/// Every handle that `text` names.
#[must_use]
pub fn named_in(text: &str) -> BTreeSet<String> {
    handles_in(text).into_iter().filter_map(|at| text.get(at)).map(str::to_string).collect()
}

/// Puts in what handles stand for, in one pass: a handle within what is put in stays as it is. What is said takes any;
/// what decides whom or what is affected takes a value that was read out, and nothing else.
///
/// # Errors
///
/// [`FillError`], worded for the model.
pub fn fill(manifest: &Manifest, arguments: &str, known: &Known) -> Result<Filled, FillError> {
    let unchanged = || Filled { arguments: arguments.to_string(), used: BTreeSet::new(), open: Vec::new() };
    // What is no object is refused where calls are parsed, in words of its own.
    let Ok(Json::Object(mut given)) = json::parse(arguments) else { return Ok(unchanged()) };
    let (mut used, mut open) = (BTreeSet::new(), Vec::new());
    for (name, value) in &mut given {
        let Some(spec) = manifest.argument(name) else { continue };
        match spec.role {
            ArgumentRole::Payload => put_text(value, known, &mut used)?,
            ArgumentRole::Authority => {
                let alone = if let Json::Array(values) = &*value {
                    values.first().filter(|_first| values.len() == 1).and_then(Json::as_str)
                } else {
                    value.as_str()
                };
                match alone.filter(|text| known.get(*text).is_some_and(|(held, _label)| !held.is_value())) {
                    Some(handle) => open.push((name.clone(), handle.to_string())),
                    None => put_value(name, value, known, &mut used)?,
                }
            }
        }
    }
    if used.is_empty() {
        return Ok(Filled { open, ..unchanged() });
    }
    Ok(Filled { arguments: Json::Object(given).to_string(), used, open })
}

fn put_text(value: &mut Json, known: &Known, used: &mut BTreeSet<String>) -> Result<(), FillError> {
    match value {
        Json::String(text) => {
            *text = put_in(text, known, used)?;
            Ok(())
        }
        Json::Array(values) => values.iter_mut().try_for_each(|value| put_text(value, known, used)),
        Json::Object(map) => map.values_mut().try_for_each(|value| put_text(value, known, used)),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

fn put_in(text: &str, known: &Known, used: &mut BTreeSet<String>) -> Result<String, FillError> {
    let mut filled = String::with_capacity(text.len());
    let mut from = 0;
    for at in handles_in(text) {
        let handle = text.get(at.clone()).unwrap_or_default();
        let (held, _label) =
            known.get(handle).ok_or_else(|| FillError::Unknown { handle: handle.to_string() })?;
        filled.push_str(text.get(from..at.start).unwrap_or_default());
        filled.push_str(&held.text);
        used.insert(handle.to_string());
        from = at.end;
    }
    filled.push_str(text.get(from..).unwrap_or_default());
    Ok(filled)
}

fn put_value(
    argument: &str,
    value: &mut Json,
    known: &Known,
    used: &mut BTreeSet<String>,
) -> Result<(), FillError> {
    match value {
        Json::String(text) => {
            let decides = |handle: &str| FillError::Decides {
                argument: argument.to_string(),
                handle: handle.to_string(),
            };
            match known.get(text.as_str()) {
                Some((held, _label)) if held.is_value() => {
                    used.insert(text.clone());
                    *text = held.text.clone();
                    Ok(())
                }
                Some(_) => Err(decides(text)),
                // A `$word_1` of a command line that is no handle is the command's own.
                None => match named_in(text).iter().find(|handle| known.contains_key(*handle)) {
                    Some(handle) => Err(decides(handle)),
                    None => Ok(()),
                },
            }
        }
        Json::Array(values) => {
            values.iter_mut().try_for_each(|value| put_value(argument, value, known, used))
        }
        Json::Object(map) => map.values_mut().try_for_each(|value| put_value(argument, value, known, used)),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

/// Puts `value` in the place of the argument called `argument`, or of the one element of its list.
#[must_use]
pub fn with_argument(arguments: &str, argument: &str, value: &Value) -> Option<String> {
    let Ok(Json::Object(mut given)) = json::parse(arguments) else { return None };
    let json = match value {
        Value::Boolean(yes) => Json::Bool(*yes),
        Value::Number(number) => serde_json::from_str(&number.to_string()).ok()?,
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Amount(_)
        | Value::Date(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_)
        | Value::Json(_)
        | Value::List(_) => Json::String(value.canonical()),
    };
    let was_list = given.get(argument).is_some_and(Json::is_array);
    given.insert(argument.to_string(), if was_list { Json::Array(vec![json]) } else { json });
    Some(Json::Object(given).to_string())
}

/// Which facts of a result a planner may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// All of them.
    All,
    /// None that is spelled out: a tool that was given a stranger's text may say it back.
    Numbers,
}

/// What a planner is shown of a result that is held apart: the handle, its size, and the facts.
#[must_use]
pub fn shown(handle: &str, tool: &str, output: &Output, which: Facts) -> String {
    let bytes = output.text.len();
    let mut text = format!(
        "{handle} holds what {tool} gave back: {bytes} bytes, not shown, because strangers wrote some of it. \
         Ask about it with `{}`, pass {handle} on as what is said, or name it in your answer to have it shown.",
        crate::EXTRACT
    );
    let plain = |value: &Value| match value {
        Value::Id { .. } | Value::Amount(_) | Value::Number(_) | Value::Date(_) | Value::Boolean(_) => true,
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_)
        | Value::Json(_)
        | Value::List(_) => which == Facts::All,
    };
    let facts: Vec<_> = output
        .fields
        .iter()
        .filter(|field| {
            field.integrity != Integrity::Untrusted && field.value.leaves().into_iter().all(plain)
        })
        .collect();
    for field in facts.iter().take(FACTS_MAX) {
        let value: String = visible(&field.value.canonical()).chars().take(FACT_CHARS_MAX).collect();
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n{}: {value}", visible(&field.path));
    }
    let more = facts.len().saturating_sub(FACTS_MAX);
    if more > 0 {
        let _ = write!(text, "\n… and {more} more facts");
    }
    text
}

/// `text` and, below it, what its handles stand for, each line marked: for people.
#[must_use]
pub fn with_quotes(text: &str, known: &Known) -> String {
    let mut whole = text.trim_end().to_string();
    for handle in named_in(text) {
        let Some((held, label)) = known.get(&handle) else { continue };
        let _ = write!(whole, "\n\n{handle}, untrusted, from {}:", visible(&sources_of(label)));
        let cut: String = held.text.chars().take(QUOTE_CHARS_MAX).collect();
        for line in cut.split('\n') {
            let _ = write!(whole, "\n> {}", visible(line.trim_end_matches('\r')));
        }
        let more = held.text.chars().count().saturating_sub(QUOTE_CHARS_MAX);
        if more > 0 {
            let _ = write!(whole, "\n> … and {more} more characters");
        }
    }
    whole
}

#[cfg(test)]
mod tests;
