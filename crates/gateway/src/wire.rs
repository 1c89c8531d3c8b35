//! The JSON that travels between the gateway and its clients: the web page, the command line, programs.
//!
//! `docs/api.md` shows every shape. Version 1: fields are only ever added; a client ignores fields it does not know,
//! the server refuses them.

mod approval;
mod audit;
mod demo;
mod error;
mod frame;
mod label;
mod session;
mod shipping;
mod sign_in;
mod status;

pub use approval::{
    Answer, Answered, ApprovalStats, Approvals, Argument, ArgumentRole, DayCount, NewAnswer, NewSheetAnswer,
    Question, QuestionGroup, RuleCount, SHEET_QUESTIONS_MAX, STATS_DAYS_MAX, SheetAnswer, SheetAnswered,
    StandingCount,
};
pub use audit::{AuditPage, AuditQuery, AuditRecord, RECORDS_MAX};
pub use demo::{Demo, DemoAttack, DemoLine, DemoTone, NewDemo};
pub use error::{ApiError, ErrorBody, ErrorCode};
pub use frame::{ClientFrame, Event, FRAME_BYTES_MAX, FrameError, Numbered, ServerFrame, close};
pub use label::{Effect, Integrity, Label, Rule, Tier, Verdict};
pub use session::{
    Accepted, Cancelled, Item, ItemBody, NewCeiling, NewMessage, NewSession, ProposedCall, Session, Sessions,
    TEXT_BYTES_MAX, TITLE_CHARACTERS_MAX, TaskState, Transcript,
};
pub use shipping::{Receiver, Receivers};
pub use sign_in::{
    MadeToken, NewToken, SecretText, SignIn, SignInEntry, SignInKind, SignInLink, SignIns, SignedIn,
    SpeaksFor,
};
pub use status::{
    Command, Commands, Isolation, ModelInUse, PolicyInForce, Proof, ProofState, Readiness, Reason, Status,
};

/// The version of these shapes, in the path and in `welcome`.
pub const VERSION: u32 = 1;
