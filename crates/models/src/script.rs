//! Kind `script`: answers read from a file, one a line, for tests, the demo and replay.
//!
//! Which line comes next follows from the prompt alone (how many answers stand in it), so a script goes on at the
//! right place after a restart.

use crate::trouble::Trouble;
use domain::{AskModel, Message, ModelTurn, ProposedCall, Purpose, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The largest script, in bytes: the demo's has a few KiB, a recorded benchmark a few MiB.
const SCRIPT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Stands for the last result.
const LAST: &str = "$LAST";
/// Stands for the last result, encoded as in the query of a URL.
const QUERY: &str = "$QUERY";
/// Stands for the last user text.
const USER: &str = "$USER";

/// A script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("the script `{}` cannot be read", path.display())]
    Read {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("the script `{}` has more than {SCRIPT_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Where it is.
        path: PathBuf,
    },
    /// A line is not an answer.
    #[error(
        "line {line} of the script is not an answer such as {{\"text\": \"…\", \"calls\": [{{\"tool\": \"host.disk\", \"args\": {{}}}}]}}: {why}"
    )]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Answers, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    answers: Vec<Line>,
    plan: Option<Value>,
    read: Vec<ReadOut>,
}

/// One line: version 1 of the format, which is a contract.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    text: String,
    #[serde(default)]
    calls: Vec<ScriptedCall>,
    /// The answer to a planner's prompt, on a line of its own; such a line is no turn.
    #[serde(default)]
    plan: Option<Value>,
    /// The answer to a quarantined prompt, on a line of its own; such a line is no turn.
    #[serde(default)]
    extract: Option<Value>,
    /// Which quarantined prompts that line answers: those with this in them.
    #[serde(default)]
    when: String,
}

/// The answer to quarantined prompts with `when` in them.
#[derive(Clone, Debug, PartialEq)]
struct ReadOut {
    when: String,
    answer: Value,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedCall {
    tool: String,
    #[serde(default)]
    args: Map<String, Value>,
}

impl Script {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] when it cannot be read, is too large, or a line is not an answer.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let read = |source| ScriptError::Read { path: path.to_path_buf(), source };
        if std::fs::metadata(path).map_err(read)?.len() > SCRIPT_BYTES_MAX {
            return Err(ScriptError::TooLarge { path: path.to_path_buf() });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(read)?)
    }

    /// Reads a script: JSON lines; empty lines and lines that start with `#` do not count.
    ///
    /// # Errors
    ///
    /// [`ScriptError::Line`] for the first line that is not an answer.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let lines = (1..).zip(text.lines());
        let counted =
            lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let answer = |(line, text): (usize, &str)| {
            serde_json::from_str(text).map_err(|error| ScriptError::Line { line, why: error.to_string() })
        };
        let mut script = Self::default();
        for line in counted.map(answer) {
            match line? {
                Line { plan: Some(plan), .. } => script.plan = script.plan.or(Some(plan)),
                Line { extract: Some(answer), when, .. } => script.read.push(ReadOut { when, answer }),
                turn @ Line { plan: None, extract: None, .. } => script.answers.push(turn),
            }
        }
        Ok(script)
    }

    /// How many answers it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Whether it has a plan.
    #[must_use]
    pub fn plans(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether it has answers to quarantined prompts.
    #[must_use]
    pub fn extracts(&self) -> bool {
        !self.read.is_empty()
    }

    /// The answer to `ask`: a planner's prompt gets the plan, a quarantined one the first that is for it, any other the line after as many as there are answers in the prompt.
    ///
    /// # Errors
    ///
    /// [`Trouble::ScriptOver`] when there is none.
    pub fn answer(&self, ask: &AskModel) -> Result<ModelTurn, Trouble> {
        let over = || Trouble::ScriptOver { lines: self.answers.len() };
        let aside = match (ask.purpose, &self.plan) {
            (Purpose::Plan, Some(plan)) => Some(plan),
            (Purpose::Extract, _) => Some(self.read_out(ask).ok_or_else(over)?),
            (Purpose::Plan, None) | (Purpose::Turn | Purpose::Summarize, _) => None,
        };
        if let Some(answer) = aside {
            return Ok(ModelTurn {
                // One that is a text stands for whatever a model may say instead.
                text: answer.as_str().map_or_else(|| answer.to_string(), str::to_string),
                calls: Vec::new(),
                stop: StopReason::Finished,
                usage: Usage::default(),
                answered_by: ask.model.to_string(),
            });
        }
        let position =
            ask.messages.iter().filter(|message| matches!(message, Message::Assistant { .. })).count();
        let line = self.answers.get(position).ok_or_else(over)?;
        let last = newest(ask, |message| match message {
            Message::Result { text, .. } => Some(text),
            Message::System(_) | Message::User(_) | Message::Assistant { .. } => None,
        });
        let user = newest(ask, |message| match message {
            Message::User(text) => Some(text),
            Message::System(_) | Message::Assistant { .. } | Message::Result { .. } => None,
        });
        let filled = |text: &str| fill(text, last, user);
        let call = |(at, call): (usize, &ScriptedCall)| ProposedCall {
            id: format!("call_{position}_{at}"),
            tool: call.tool.clone(),
            arguments: fill_value(&Value::Object(call.args.clone()), &filled).to_string(),
        };
        let calls: Vec<ProposedCall> = line.calls.iter().enumerate().map(call).collect();
        let stop = if calls.is_empty() { StopReason::Finished } else { StopReason::Calls };
        Ok(ModelTurn {
            text: filled(&line.text),
            calls,
            stop,
            usage: Usage::default(),
            answered_by: ask.model.to_string(),
        })
    }
}

impl Script {
    fn read_out(&self, ask: &AskModel) -> Option<&Value> {
        let says = |message: &Message, when: &str| match message {
            Message::System(text) | Message::User(text) => text.contains(when),
            Message::Assistant { .. } | Message::Result { .. } => false,
        };
        let fits = |read: &&ReadOut| ask.messages.iter().any(|message| says(message, &read.when));
        self.read.iter().find(fits).map(|read| &read.answer)
    }
}

fn newest<'a>(ask: &'a AskModel, text: impl Fn(&'a Message) -> Option<&'a String>) -> &'a str {
    ask.messages.iter().rev().find_map(text).map_or("", String::as_str)
}

/// Puts in what the marks stand for, in one pass: a mark within what is put in stays as it is.
fn fill(text: &str, last: &str, user: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        rest = if let Some(after) = from.strip_prefix(LAST) {
            filled.push_str(last);
            after
        } else if let Some(after) = from.strip_prefix(QUERY) {
            filled.extend(url::form_urlencoded::byte_serialize(last.as_bytes()));
            after
        } else if let Some(after) = from.strip_prefix(USER) {
            filled.push_str(user);
            after
        } else {
            filled.push('$');
            from.strip_prefix('$').unwrap_or_default()
        };
    }
    filled.push_str(rest);
    filled
}

fn fill_value(value: &Value, filled: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill_value(item, filled)).collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), fill_value(value, filled))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
# the first look
{"text": "Let me look.", "calls": [{"tool": "mail.list", "args": {"limit": 5, "unread": true}}, {"tool": "host.disk"}]}
{"calls": [{"tool": "mail.send", "args": {"to": ["a@x.org"], "body": "you said: $USER; it said: $LAST; cost $5"}}]}

{"text": "$LAST"}
"#;

    fn ask(messages: Vec<Message>) -> AskModel {
        let model = "script".parse().unwrap();
        AskModel { model, purpose: Purpose::Turn, messages, tools: vec![], answer_tokens_max: 10 }
    }

    fn after(answers: usize) -> Vec<Message> {
        let mut messages = vec![Message::System("s".into()), Message::User("hi $LAST".into())];
        for number in 0..answers {
            messages.push(Message::Assistant { text: "x".into(), calls: vec![] });
            let text = format!("result {number}");
            messages.push(Message::Result { call_id: "c".into(), text, failed: false });
        }
        messages
    }

    #[test]
    fn the_line_follows_from_the_conversation() {
        let script = Script::parse(SCRIPT).unwrap();
        assert_eq!(script.len(), 3);
        let first = script.answer(&ask(after(0))).unwrap();
        assert_eq!((first.text.as_str(), first.stop), ("Let me look.", StopReason::Calls));
        let calls: Vec<_> =
            first.calls.iter().map(|c| (c.id.as_str(), c.tool.as_str(), c.arguments.as_str())).collect();
        assert_eq!(
            calls,
            [("call_0_0", "mail.list", r#"{"limit":5,"unread":true}"#), ("call_0_1", "host.disk", "{}")]
        );
        let second = script.answer(&ask(after(1))).unwrap();
        assert_eq!(
            second.calls[0].arguments,
            r#"{"to":["a@x.org"],"body":"you said: hi $LAST; it said: result 0; cost $5"}"#
        );
        assert_eq!(script.answer(&ask(after(2))).unwrap().text, "result 1");
        assert_eq!(script.answer(&ask(after(3))), Err(Trouble::ScriptOver { lines: 3 }));
        assert_eq!(script.answer(&ask(after(1))), script.answer(&ask(after(1))));
    }

    #[test]
    fn the_last_result_fits_into_a_url() {
        let script =
            "{}\n{\"calls\": [{\"tool\": \"web.fetch\", \"args\": {\"url\": \"http://x.org/?q=$QUERY\"}}]}";
        let turn = Script::parse(script).unwrap().answer(&ask(after(1))).unwrap();
        assert_eq!(turn.calls[0].arguments, r#"{"url":"http://x.org/?q=result+0"}"#);
    }

    #[test]
    fn a_plan_answers_a_planner_and_is_no_turn() {
        let script = Script::parse("{\"plan\": {\"version\": 1}}\n{\"text\": \"hello\"}").unwrap();
        assert!(script.plans() && script.len() == 1);
        let mut asked = ask(after(0));
        assert_eq!(script.answer(&asked).unwrap().text, "hello");
        asked.purpose = Purpose::Plan;
        assert_eq!(script.answer(&asked).unwrap().text, "{\"version\":1}");
        assert!(!Script::parse(SCRIPT).unwrap().plans());
    }

    #[test]
    fn a_quarantined_prompt_gets_what_is_for_it_and_no_turn() {
        let text = "{\"extract\": {\"value\": true}, \"when\": \"due\"}\n{\"extract\": \"I obey\"}\n{\"text\": \"hello\"}";
        let script = Script::parse(text).unwrap();
        assert!(script.extracts() && script.len() == 1);
        for (question, answer) in [("is it due?", "{\"value\":true}"), ("when?", "I obey")] {
            let mut asked = ask(vec![Message::System(question.into()), Message::User("a mail".into())]);
            asked.purpose = Purpose::Extract;
            assert_eq!(script.answer(&asked).unwrap().text, answer, "{question}");
        }
        let mut asked = ask(after(0));
        asked.purpose = Purpose::Extract;
        assert_eq!(Script::parse(SCRIPT).unwrap().answer(&asked), Err(Trouble::ScriptOver { lines: 3 }));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in [
            ("{}\nnonsense", 2),
            ("{\"txt\": \"a\"}", 1),
            ("\n#c\n{\"calls\": [{\"args\": {}}]}", 3),
            ("{\"calls\": [{\"tool\": \"t\", \"args\": []}]}", 1),
        ] {
            let Err(ScriptError::Line { line: found, .. }) = Script::parse(text) else { panic!("{text}") };
            assert_eq!(found, line, "{text}");
        }
        assert!(matches!(Script::load(Path::new("/nonexistent/script")), Err(ScriptError::Read { .. })));
    }
}
