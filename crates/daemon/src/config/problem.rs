//! What is wrong with a configuration, where, and what was probably meant.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How many letters may differ for a word to be "probably meant".
const SLIP_DISTANCE_MAX: usize = 3;

/// The configuration cannot be used; nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is longer than a person would type.
    #[error("the configuration {} has {bytes} bytes; the limit is {bytes_max}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// It is not TOML of the right shape.
    #[error("{}:{place}: {reason}{}", path.display(), meant.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where.
        place: Place,
        /// What is wrong.
        reason: String,
        /// The key or word that was probably meant.
        meant: Option<String>,
    },
    /// A value has the right shape and means nothing.
    #[error("{}{}: `{key}`: {reason}", path.display(), place.map(|place| format!(":{place}")).unwrap_or_default())]
    Meaningless {
        /// The file.
        path: PathBuf,
        /// Where, when that can be told.
        place: Option<Place>,
        /// The key, with its section.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Place {
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        Self { line: before.matches('\n').count().saturating_add(1), column: column.saturating_add(1) }
    }
}

impl ConfigProblem {
    pub(super) fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let reason = error.message().lines().next().unwrap_or("it is not TOML").to_string();
        let place = Place::of(text, error.span().map_or(0, |span| span.start));
        Self::Malformed { path: path.to_path_buf(), place, meant: meant(&reason), reason }
    }
}

/// From "unknown field `prot`, expected one of `port`, `address`": the known word nearest to the unknown one.
fn meant(reason: &str) -> Option<String> {
    let mut words = reason.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    if !reason.starts_with("unknown ") {
        return None;
    }
    words
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, known)| *distance <= SLIP_DISTANCE_MAX && *distance < known.len())
        .map(|(_, known)| known.to_string())
}
