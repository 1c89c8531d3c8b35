//! The one digest that binds an approval, a record and a permit to exactly one action.

use crate::{Action, Argument, ArgumentRole, Call, CommandForm, Message, Target, Value};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// BLAKE3 of the canonical bytes of an action: every field, each preceded by its length, so that no two actions share
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionDigest([u8; 32]);

impl ActionDigest {
    /// The digest of `action`.
    #[must_use]
    pub fn of(action: &Action) -> Self {
        let mut bytes = Canonical(blake3::Hasher::new_derive_key("hardshell action v1"));
        bytes.action(action);
        Self(*bytes.0.finalize().as_bytes())
    }

    /// A digest that was written down before, from its 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// A digest that was made before.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for ActionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

struct Canonical(blake3::Hasher);

impl Canonical {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::AskModel(ask) => {
                self.text("model.ask");
                self.text(ask.model.as_str());
                self.number(ask.purpose as u64);
                self.number(u64::from(ask.answer_tokens_max));
                self.number(ask.messages.len() as u64);
                ask.messages.iter().for_each(|message| self.message(message));
                self.number(ask.tools.len() as u64);
                for tool in &ask.tools {
                    self.text(&tool.name);
                    self.text(&tool.description);
                    self.text(&tool.parameters.to_string());
                }
            }
            Action::Call(call) => self.call(call),
            Action::Reply(reply) => {
                self.text("message.reply");
                self.text(reply.session.as_str());
                self.text(&reply.text);
            }
        }
    }

    fn message(&mut self, message: &Message) {
        match message {
            Message::System(text) => {
                self.text("system");
                self.text(text);
            }
            Message::User(text) => {
                self.text("user");
                self.text(text);
            }
            Message::Assistant { text, calls } => {
                self.text("assistant");
                self.text(text);
                self.number(calls.len() as u64);
                for call in calls {
                    self.text(&call.id);
                    self.text(&call.tool);
                    self.text(&call.arguments);
                }
            }
            Message::Result { call_id, text, failed } => {
                self.text("result");
                self.text(call_id);
                self.text(text);
                self.number(u64::from(*failed));
            }
        }
    }

    fn call(&mut self, call: &Call) {
        self.text("call");
        self.text(call.tool.as_str());
        self.text(call.effect.as_str());
        self.number(call.arguments.len() as u64);
        for Argument { name, role, value } in &call.arguments {
            self.text(name);
            self.text(match role {
                ArgumentRole::Authority => "authority",
                ArgumentRole::Payload => "payload",
            });
            self.value(value);
        }
        self.number(call.targets.len() as u64);
        call.targets.iter().for_each(|target| self.target(target));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::List(values) => {
                self.text("list");
                self.number(values.len() as u64);
                values.iter().for_each(|value| self.value(value));
            }
            Value::Id { kind, id } => {
                self.text("id");
                self.text(kind);
                self.text(id);
            }
            Value::Command(command) => {
                self.text("command");
                self.text(&command.text);
                match &command.form {
                    CommandForm::Unfamiliar { because } => self.text(because),
                    CommandForm::Plain(pipelines) => {
                        self.number(pipelines.len() as u64);
                        for pipeline in pipelines {
                            self.number(pipeline.connector as u64);
                            self.number(pipeline.commands.len() as u64);
                            for argv in &pipeline.commands {
                                self.number(argv.len() as u64);
                                argv.iter().for_each(|word| self.text(word));
                            }
                        }
                    }
                }
            }
            Value::Text(_) => self.tagged("text", value),
            Value::Address(_) => self.tagged("address", value),
            Value::Path(_) => self.tagged("path", value),
            Value::Amount(_) => self.tagged("amount", value),
            Value::Number(_) => self.tagged("number", value),
            Value::Date(_) => self.tagged("date", value),
            Value::Url(_) => self.tagged("url", value),
            Value::Host(_) => self.tagged("host", value),
            Value::Boolean(_) => self.tagged("boolean", value),
            Value::Json(_) => self.tagged("json", value),
        }
    }

    fn tagged(&mut self, tag: &str, value: &Value) {
        self.text(tag);
        self.text(&value.canonical());
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Program { name, path, device, inode, digest } => {
                self.text("program");
                self.text(name);
                self.bytes(path.as_os_str().as_bytes());
                self.number(*device);
                self.number(*inode);
                self.bytes(digest);
            }
            Target::File { path, device, inode } => {
                self.text("file");
                self.bytes(path.as_os_str().as_bytes());
                self.number(*device);
                self.number(*inode);
            }
            Target::NewFile { path } => {
                self.text("new file");
                self.bytes(path.as_os_str().as_bytes());
            }
            Target::Host { host, port } => {
                self.text("host");
                self.text(host.as_str());
                self.number(u64::from(*port));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Effect;

    fn call(arguments: &[(&str, Value)]) -> Action {
        let arguments = arguments
            .iter()
            .map(|(name, value)| Argument {
                name: (*name).into(),
                role: ArgumentRole::Authority,
                value: value.clone(),
            })
            .collect();
        Action::Call(Call {
            tool: "mail.send".parse().unwrap(),
            effect: Effect::Send,
            arguments,
            targets: vec![],
        })
    }

    #[test]
    fn no_two_actions_share_a_digest() {
        let text = |t: &str| Value::Text(t.into());
        let id = |kind: &str, id: &str| Value::Id { kind: kind.into(), id: id.into() };
        let actions = [
            call(&[("to", text("ab")), ("cc", text("c"))]),
            call(&[("to", text("a")), ("cc", text("bc"))]),
            call(&[("cc", text("c")), ("to", text("ab"))]),
            call(&[("to", Value::List(vec![text("a"), text("b")]))]),
            call(&[("to", text("a, b"))]),
            call(&[("id", id("file", "13"))]),
            call(&[("id", id("event", "13"))]),
            call(&[("id", text("13"))]),
        ];
        let digests: std::collections::BTreeSet<_> = actions.iter().map(ActionDigest::of).collect();
        assert_eq!(digests.len(), actions.len());
    }

    #[test]
    fn a_digest_is_read_back() {
        let digest = ActionDigest::of(&call(&[]));
        assert_eq!(ActionDigest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(ActionDigest::from_hex("00"), None);
    }
}
