//! Decides. Same question, same answer: no clock, no I/O, no randomness.
//!
//! The one crate that can make a [`Permit`]. It never carries anything out, never reads a file, and never turns an
//! error into a yes: whatever cannot be judged is refused.
//!
//! A caller loads a [`Policy`] once per configuration, gathers [`Facts`] for each [`domain::Action`], and puts both to
//! [`Policy::decide`]. The answer is a [`Decision`]: a permit, a question for the owner, or a refusal, each with the
//! rules that decided.
#![forbid(unsafe_code)]

mod cases;
mod command;
mod configured;
mod decide;
mod decision;
mod facts;
mod judge;
mod load;
mod mandate;
mod permit;
mod places;
mod provenance;
mod question;
mod rules;
mod settings;
mod show;
mod standing;

pub use command::{
    Access, Example, ExampleVerdict, Judged, Program, ProgramError, Programs, Style, Subcommand,
};
pub use decision::{Decision, Question};
pub use facts::{Approval, ChannelProof, Counters, Facts, IsolationLevel, Lockdown, Suspicion};
pub use load::{Error, Origin, Places, Policy, RuleFile, signed_bytes};
pub use mandate::{
    Constraint, Expression, ExpressionError, Extension, Grant, Hole, Mandate, MandateError, PLAN_BYTES_MAX,
    Plan, Times, grants_of_typed, mandate_from_json, mandate_to_json,
};
pub use permit::{Binding, Expired, Permit, Uses};
pub use provenance::{Provenance, QueryResult, Record, Selection, TrustedText, strangers_in};
pub use settings::{
    Actions, Confirm, Files, Glob, Limits, Mail, Profile, Settings, Shell, ShellMode, Sources, TierWord,
    Tiers, Web, WebMode,
};
pub use show::{Finding, ShownRule};
pub use standing::{StandingRule, StandingScope};

#[cfg(test)]
mod tests;
