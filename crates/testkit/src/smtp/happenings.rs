//! What a session comes to: trouble, or a mail.

use std::time::Duration;

/// What goes wrong in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// It hangs up when it hears this verb: `EHLO`, `MAIL`, `RCPT`, `DATA`.
    HangUpAt(&'static str),
    /// It hangs up within the mail.
    HangUpWithinMail,
    /// It reads the whole mail, does not take it, and hangs up without a word.
    DropThenHangUp,
    /// It takes the mail and hangs up without a word.
    TakeThenHangUp,
    /// It takes the mail and says so only after this time.
    TakeThenPause(Duration),
    /// It answers this verb, or `.` for the whole mail, with this line.
    Answer(&'static str, &'static str),
}

impl Trouble {
    pub(super) fn hangs_up_at(&self, verb: &str) -> bool {
        matches!(self, Self::HangUpAt(at) if *at == verb)
    }

    pub(super) fn answer_to(&self, verb: &str) -> Option<&'static str> {
        match self {
            Self::Answer(at, answer) if *at == verb => Some(answer),
            Self::Answer(..)
            | Self::None
            | Self::HangUpAt(_)
            | Self::HangUpWithinMail
            | Self::DropThenHangUp
            | Self::TakeThenHangUp
            | Self::TakeThenPause(_) => None,
        }
    }
}

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope, in order.
    pub to: Vec<String>,
    /// The account that signed in.
    pub account: Option<String>,
    /// Whether TLS was spoken.
    pub tls: bool,
    /// The mail, dots taken back.
    pub mail: String,
}

impl Delivery {
    /// The value of a header, folded lines joined.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        super::form::headers(&self.mail)
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}
