//! Something the agent wants done, already parsed.

use crate::{Address, CommandLine, Host, Message, ModelName, SessionId, ToolName, ToolSchema, Value};
use std::path::PathBuf;

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Looks at something of the owner's.
    Read,
    /// Gets something from the network.
    Fetch,
    /// Makes or changes something.
    Write,
    /// Takes something away.
    Delete,
    /// Runs a program.
    Execute,
    /// Says something to somebody.
    Send,
    /// Costs money.
    Spend,
    /// Changes how Hardshell, or another service, behaves.
    Configure,
}

impl Effect {
    /// Every effect, mildest first.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Fetch,
        Self::Write,
        Self::Delete,
        Self::Execute,
        Self::Send,
        Self::Spend,
        Self::Configure,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Fetch => "fetch",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Execute => "execute",
            Self::Send => "send",
            Self::Spend => "spend",
            Self::Configure => "configure",
        }
    }

    /// Whether a second time would do something more than a first.
    #[must_use]
    pub fn is_repeatable(self) -> bool {
        match self {
            Self::Read | Self::Fetch => true,
            Self::Write | Self::Delete | Self::Execute | Self::Send | Self::Spend | Self::Configure => false,
        }
    }
}

/// What the agent wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put a prompt to a model.
    AskModel(AskModel),
    /// Use a tool.
    Call(Call),
    /// Answer whoever is on the other side of the session.
    Reply(Reply),
}

/// A prompt, on its way to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskModel {
    /// Which model.
    pub model: ModelName,
    /// What for.
    pub purpose: Purpose,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools the model may propose calls of.
    pub tools: Vec<ToolSchema>,
    /// The most tokens the answer may have.
    pub answer_tokens_max: u32,
}

/// Why a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The next step of a turn.
    Turn,
    /// A mandate, written from trusted text alone.
    Plan,
    /// One value of a closed type, read out of untrusted text.
    Extract,
    /// Older turns, made shorter.
    Summarize,
}

/// A tool call, parsed against its manifest: every argument has its role and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which tool.
    pub tool: ToolName,
    /// What it does to the world, with these arguments.
    pub effect: Effect,
    /// In the manifest's order; an argument that was not given and has no default is not here.
    pub arguments: Vec<Argument>,
    /// What the arguments lead to on this machine at this moment: part of what an approval binds, and compared again
    /// when the call is carried out. Empty until the broker has resolved it.
    pub targets: Vec<Target>,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the manifest.
    pub name: String,
    /// Whether it decides who or what is affected.
    pub role: ArgumentRole,
    /// Its value.
    pub value: Value,
}

/// The two kinds of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArgumentRole {
    /// Decides who or what is affected: recipient, path, amount, url, command.
    Authority,
    /// What is said: subject, body, content.
    Payload,
}

/// What an argument leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A program that will be started.
    Program {
        /// The name in the command line.
        name: String,
        /// Where it is.
        path: PathBuf,
        /// The file system it is on.
        device: u64,
        /// Which file it is.
        inode: u64,
        /// BLAKE3 of its bytes.
        digest: [u8; 32],
    },
    /// A file or folder that exists.
    File {
        /// Its canonical path.
        path: PathBuf,
        /// The file system it is on.
        device: u64,
        /// Which file it is.
        inode: u64,
    },
    /// A file that does not exist yet.
    NewFile {
        /// Its path, every folder above it canonical.
        path: PathBuf,
    },
    /// A host and port.
    Host {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
}

/// An answer to whoever is on the other side of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The conversation.
    pub session: SessionId,
    /// What is said.
    pub text: String,
}

impl Call {
    /// The value of the argument called `name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.arguments.iter().find(|argument| argument.name == name).map(|argument| &argument.value)
    }

    /// The text of the argument `name`, whatever its type.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(Value::canonical)
    }

    /// The command line of the argument `name`.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&CommandLine> {
        if let Value::Command(command) = self.value(name)? { Some(command) } else { None }
    }

    /// Every address among the authority arguments: whom the call is for.
    #[must_use]
    pub fn recipients(&self) -> Vec<&Address> {
        self.arguments
            .iter()
            .filter(|argument| argument.role == ArgumentRole::Authority)
            .flat_map(|argument| argument.value.leaves())
            .filter_map(|value| if let Value::Address(address) = value { Some(address) } else { None })
            .collect()
    }
}

impl Action {
    /// What it does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::AskModel(_) | Self::Reply(_) => Effect::Send,
            Self::Call(call) => call.effect,
        }
    }

    /// The name it has in rules, records and screens: a tool's name, `model.ask` or `message.reply`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AskModel(_) => "model.ask",
            Self::Call(call) => call.tool.as_str(),
            Self::Reply(_) => "message.reply",
        }
    }
}
