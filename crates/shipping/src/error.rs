//! Why a batch was not taken.

use std::time::Duration;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It may be taken later.
    #[error("{why}")]
    Later {
        /// What went wrong.
        why: String,
        /// How long the receiver asks to be left alone.
        after: Option<Duration>,
    },
    /// It is taken neither now nor later as it is; a smaller one may be.
    #[error("{why}")]
    Never {
        /// What the receiver says.
        why: String,
    },
}

impl Trouble {
    pub(crate) fn later(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Later { why: chain(error), after: None }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
