//! Why the door could not do its part. None of these is an answer of the policy.

use crate::codec::LedgerCodecError;

/// Why the door could not do its part. Nothing is carried out after one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The audit log did not take a record.
    #[error("the audit log does not take a record, so nothing more is done")]
    Audit(#[from] audit::Error),
    /// The store did not answer.
    #[error("the store does not answer, so nothing more is done")]
    Store(#[from] store::Error),
    /// What the session has read cannot be read back.
    #[error("what this session has read cannot be read back, so it is closed")]
    Ledger(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such question, or it is not open.
    #[error("there is no open question `{question}`")]
    NoQuestion {
        /// As asked for.
        question: String,
    },
    /// Somebody else than the owner answered.
    #[error("only the owner answers questions, and this is {principal}")]
    NotTheOwner {
        /// Who it was.
        principal: String,
    },
    /// "Always" is not on offer for the question.
    #[error("a standing rule is not on offer for this question; approve it once, or deny it")]
    NoStandingRule,
    /// The session's planner has been shown strangers' text, and isolation is strict now.
    #[error(
        "isolation is strict, and the model of this session has been shown strangers' text before; begin a new session"
    )]
    NotApart,
    /// An id could not be made.
    #[error("an id could not be made")]
    Id(#[from] domain::IdError),
}

impl From<LedgerCodecError> for Error {
    fn from(error: LedgerCodecError) -> Self {
        Self::Ledger(Box::new(error))
    }
}
