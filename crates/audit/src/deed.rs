//! What an action would reach, in words, and what it would say, as digests that only the log can make.

use crate::TargetKind;
use domain::{Action, ActionDigest, ArgumentRole, CommandForm, Effect, Value};
use std::fmt;
use zeroize::Zeroizing;

/// An action as the log keeps it: what it would reach, and digests of what it would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The action's name: a tool's, `model.ask` or `message.reply`.
    pub name: String,
    /// What it does to the world.
    pub effect: Effect,
    /// The digest of the whole action.
    pub digest: ActionDigest,
    /// Who and what it would reach.
    pub targets: Vec<Target>,
    /// What it would say.
    pub contents: Vec<Content>,
}

impl Deed {
    /// `action`, with its authority arguments and resolved targets in words and its payload as digests under `key`.
    #[must_use]
    pub fn of(action: &Action, key: &ContentKey) -> Self {
        let (targets, contents) = match action {
            Action::AskModel(ask) => {
                let mut prompt = ContentHasher::new(key, "prompt");
                for message in &ask.messages {
                    match message {
                        domain::Message::System(text) | domain::Message::User(text) => prompt.add(text),
                        domain::Message::Assistant { text, calls } => {
                            prompt.add(text);
                            for call in calls {
                                prompt.add(&call.tool);
                                prompt.add(&call.arguments);
                            }
                        }
                        domain::Message::Result { call_id: _, text, failed: _ } => prompt.add(text),
                    }
                }
                (vec![Target::new(TargetKind::Model, ask.model.as_str())], vec![prompt.finish()])
            }
            Action::Reply(reply) => (
                vec![Target::new(TargetKind::Session, reply.session.as_str())],
                vec![Content::of("text", reply.text.as_bytes(), key)],
            ),
            Action::Call(call) => {
                let mut targets = Vec::new();
                let mut contents = Vec::new();
                for argument in &call.arguments {
                    match argument.role {
                        ArgumentRole::Authority => {
                            for value in argument.value.leaves() {
                                add_value(&mut targets, value);
                                contents.extend(query_of(&argument.name, value, key));
                            }
                        }
                        ArgumentRole::Payload => {
                            contents.push(Content::of(
                                &argument.name,
                                argument.value.canonical().as_bytes(),
                                key,
                            ));
                        }
                    }
                }
                call.targets.iter().for_each(|target| add_resolved(&mut targets, target));
                (targets, contents)
            }
        };
        Self {
            name: action.name().to_string(),
            effect: action.effect(),
            digest: ActionDigest::of(action),
            targets,
            contents,
        }
    }
}

fn add_value(targets: &mut Vec<Target>, value: &Value) {
    let kind = match value {
        Value::Command(command) => {
            if let CommandForm::Plain(pipelines) = &command.form {
                for argv in pipelines.iter().flat_map(|pipeline| &pipeline.commands) {
                    if let Some(program) = argv.first() {
                        add(targets, Target::new(TargetKind::Program, program));
                    }
                }
            }
            TargetKind::Command
        }
        Value::Address(_) => TargetKind::To,
        Value::Path(_) => TargetKind::Path,
        Value::Url(url) => {
            if let Some(host) = host_of(url) {
                add(targets, Target::new(TargetKind::Host, host));
            }
            return add(targets, Target::new(TargetKind::Url, &without_query(url)));
        }
        Value::Host(_) => TargetKind::Host,
        Value::Id { .. } => TargetKind::Id,
        Value::Text(_)
        | Value::Amount(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Boolean(_)
        | Value::Json(_)
        | Value::List(_) => TargetKind::Other,
    };
    add(targets, Target::new(kind, &value.canonical()));
}

/// Where a URL leads. What stands behind `?` or `#` is where data goes out: it is kept as a digest, not in words.
fn without_query(url: &str) -> String {
    url.find(['?', '#']).map_or_else(|| url.to_string(), |at| format!("{}?…", url.split_at(at).0))
}

fn query_of(argument: &str, value: &Value, key: &ContentKey) -> Option<Content> {
    let Value::Url(url) = value else { return None };
    let (_place, query) = url.split_once(['?', '#'])?;
    Some(Content::of(&format!("query of {argument}"), query.as_bytes(), key))
}

fn add_resolved(targets: &mut Vec<Target>, target: &domain::Target) {
    let target = match target {
        domain::Target::Program { path, .. } => Target::new(TargetKind::Program, &path.to_string_lossy()),
        domain::Target::File { path, .. } | domain::Target::NewFile { path } => {
            Target::new(TargetKind::Path, &path.to_string_lossy())
        }
        domain::Target::Host { host, port } => Target::new(TargetKind::Host, &format!("{host}:{port}")),
    };
    add(targets, target);
}

fn add(targets: &mut Vec<Target>, target: Target) {
    if !targets.contains(&target) {
        targets.push(target);
    }
}

/// The host of a URL in its normal form: between `//` and the next `/`, without a login.
fn host_of(url: &str) -> Option<&str> {
    let after = url.split_once("//")?.1;
    let authority = after.split(['/', '?', '#']).next()?;
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host)).filter(|host| !host.is_empty())
}

/// Somebody or something that an action reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// What kind of thing.
    pub kind: TargetKind,
    /// Which.
    pub value: String,
}

impl Target {
    /// `value`, of `kind`.
    #[must_use]
    pub fn new(kind: TargetKind, value: &str) -> Self {
        Self { kind, value: value.to_string() }
    }
}

/// `path:/etc/hosts`
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.value)
    }
}

/// Something that was said or kept: its size, and a digest that only the log's key can make, so that a short secret
/// cannot be guessed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What it is called: `body`, `text`.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Keyed BLAKE3 of it.
    pub digest: [u8; 32],
}

impl Content {
    /// The size and keyed digest of `bytes`.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8], key: &ContentKey) -> Self {
        let digest = *blake3::keyed_hash(&key.0, bytes).as_bytes();
        Self { name: name.to_string(), bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), digest }
    }
}

struct ContentHasher {
    name: String,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl ContentHasher {
    fn new(key: &ContentKey, name: &str) -> Self {
        Self { name: name.to_string(), bytes: 0, hasher: blake3::Hasher::new_keyed(&key.0) }
    }

    fn add(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        self.hasher.update(&length.to_le_bytes());
        self.hasher.update(text.as_bytes());
    }

    fn finish(self) -> Content {
        Content { name: self.name, bytes: self.bytes, digest: *self.hasher.finalize().as_bytes() }
    }
}

/// The key of the digests of content; it comes from the log's signing key.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(blake3::derive_key("hardshell audit content digest v1", seed)))
    }
}

/// Never shows the key.
impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(…)")
    }
}
