//! Names of mail folders.

use super::MailError;
use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes.
const BYTES_MAX: usize = 200;

/// A mail folder: `INBOX`, `Sent`, `Archive.2024`. Never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folder(String);

impl Folder {
    pub(crate) fn inbox() -> Self {
        Self("INBOX".to_string())
    }

    pub(crate) fn sent() -> Self {
        Self("Sent".to_string())
    }

    pub(crate) fn drafts() -> Self {
        Self("Drafts".to_string())
    }

    pub(crate) fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Folder {
    type Err = MailError;

    fn from_str(text: &str) -> Result<Self, MailError> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("inbox") {
            return Ok(Self::inbox());
        }
        let bad = text.len() > BYTES_MAX
            || text.starts_with('.')
            || text.ends_with('.')
            || text.contains("..")
            || text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '*' | '%' | '"'));
        if bad {
            return Err(MailError::FolderName { folder: text.chars().take(80).collect() });
        }
        Ok(Self(text.to_string()))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
