//! One proof, and how it came out.

/// A live try of one control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which control: `sandbox.read-keys`, `egress.private`, `policy.send`.
    pub name: String,
    /// How it came out.
    pub state: State,
    /// What was tried and what stopped it, or why nothing is shown, in words.
    pub detail: String,
}

/// How a proof came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The try failed, and is known to succeed without the control.
    Holds,
    /// The try got through.
    Failed,
    /// Nothing could be shown: the control counts as failed, and nobody is known to have passed it.
    NotShown,
    /// The control is not in force here.
    Off,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Failed | Self::NotShown => "failed",
            Self::Off => "off",
        }
    }
}

impl Proof {
    pub(crate) fn new(name: &str, state: State, detail: String) -> Self {
        Self { name: name.to_string(), state, detail }
    }
}
