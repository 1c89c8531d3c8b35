//! The words every other crate shares: who speaks, what is asked for, where a value came from.
//!
//! Pure: this crate never reads a clock, a file, a socket or a random number, and knows no format of disk or wire
//! but the label's one-line text.
#![forbid(unsafe_code)]

mod action;
mod address;
mod digest;
mod ids;
mod label;
mod message;
mod outcome;
mod principal;
mod rules;
mod task;
mod time;
mod value;

pub use action::{Action, Argument, ArgumentRole, AskModel, Call, Effect, Purpose, Reply, Target};
pub use address::{Address, Host, HostError};
pub use digest::ActionDigest;
pub use ids::{
    EffectKey, IdError, MessageId, ModelName, QuestionId, SecretName, SessionId, TaskId, ToolName,
};
pub use label::{Integrity, Label, LabelError, Labelled, Source, SourceKind, Tier};
pub use message::{Message, ModelTurn, ProposedCall, StopReason, ToolSchema, Usage};
pub use outcome::{Blame, Done, Failure, Field, Output};
pub use principal::{Channel, Inbound, Principal, Role, Sender};
pub use rules::{RuleHit, Verdict};
pub use task::{Item, ItemBody, TaskState, TextIsolation};
pub use time::Timestamp;
pub use value::{CommandForm, CommandLine, Connector, Pipeline, Value, ValueKind};

#[cfg(test)]
mod tests;
