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
    /// The file is no text.
    #[error("{}:{place}: from here on it is not UTF-8 text", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The first place that is none.
        place: Place,
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
    /// The command that helps.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, source } => {
                let is_no_file =
                    matches!(source.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput);
                if source.kind() == io::ErrorKind::NotFound {
                    "`hardshell up` makes a home and its configuration; `--home DIR` names another"
                        .to_string()
                } else if is_no_file {
                    let path = path.display();
                    format!("mv '{path}' '{path}.old'   and `hardshell up` writes the file anew")
                } else {
                    format!("ls -l '{}'", path.display())
                }
            }
            Self::NoText { path, .. } => {
                let path = path.display();
                format!(
                    "save it as UTF-8 in your editor, or: iconv -f latin1 -t utf-8 '{path}' -o '{path}.utf-8'"
                )
            }
            Self::TooLong { path, .. } => format!(
                "shorten it; `ls -l '{}'` shows how long it is, `hardshell config schema` what belongs into it",
                path.display()
            ),
            Self::Malformed { .. } | Self::Meaningless { .. } => "hardshell config check".to_string(),
        }
    }

    pub(crate) fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let reason = error.message().lines().next().unwrap_or("it is not TOML");
        let at = error.span().map_or(0, |span| span.start);
        let reason = plain(reason, key_at(text, at).as_deref());
        let place = Place::of(text, at);
        Self::Malformed { path: path.to_path_buf(), place, meant: meant(&reason), reason }
    }
}

/// The key that begins at `at`, or whose value does, with its section.
pub(crate) fn key_at(text: &str, at: usize) -> Option<String> {
    let (before, behind) = text.split_at_checked(at)?;
    let line = before.rsplit('\n').next()?;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = behind.split(|c| !word(c)).next().filter(|name| !name.is_empty());
    if let Some(table) = behind.strip_prefix('[').filter(|_| line.trim().is_empty()) {
        // A table is wrong as a whole: its header is its name.
        return table.trim_start_matches('[').split(']').next().map(|name| name.trim().to_string());
    }
    if line.trim_start().starts_with('[') && !line.contains(']') {
        return named.map(str::to_string);
    }
    let key = line.split_once('=').map(|(key, _)| key.trim()).or(named)?;
    let header = |line: &str| {
        let name =
            line.trim().strip_prefix('[')?.trim_start_matches('[').split(']').next()?.trim().to_string();
        Some(name).filter(|name| !name.is_empty() && !name.contains(['"', '=', ',']))
    };
    let above = before.get(..before.len().saturating_sub(line.len())).unwrap_or_default();
    let section = above.lines().rev().filter(|line| line.trim_start().starts_with('[')).find_map(header);
    Some(section.map_or_else(|| key.to_string(), |section| format!("{section}.{key}")))
}

/// The parser's words without its names of types.
fn plain(reason: &str, key: Option<&str>) -> String {
    let Some((found, expected)) = reason.split_once(", expected ").filter(|_| reason.starts_with("invalid "))
    else {
        return reason.to_string();
    };
    let found = found.trim_start_matches("invalid value: ").trim_start_matches("invalid type: ");
    let is_port = key.is_some_and(|key| key == "port" || key.ends_with(".port"));
    let wanted = match expected {
        "u16" if is_port => "a port: a number from 1 to 65535, or 0 for a free one",
        "u16" => "a number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0 on",
        "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" => "text in quotes",
        "a sequence" => "a list in brackets",
        other => other,
    };
    format!("{found} is not {wanted}")
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
