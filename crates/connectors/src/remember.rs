//! What the tools need remembered: notes, and the labels of files.

use domain::{Label, Timestamp};
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// What remembering comes to; an error says what failed, as a fragment.
pub type Remembered<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// A file with these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its canonical path.
    pub path: PathBuf,
    /// The file system it is on.
    pub device: u64,
    /// Which file it is.
    pub inode: u64,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// A note kept for later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: u64,
    /// The note.
    pub text: String,
    /// The label it was kept under.
    pub label: Label,
    /// When.
    pub saved: Timestamp,
}

/// Keeps notes and labels of files. The daemon implements it over the store.
pub trait Remember: Send + Sync {
    /// Notes that a file holds bytes of `label` now.
    fn file_written<'a>(&'a self, file: KnownFile, label: Label, now: Timestamp) -> Remembered<'a, ()>;

    /// The label under which exactly these bytes were written to this file, if they were.
    fn file_label<'a>(&'a self, file: KnownFile) -> Remembered<'a, Option<Label>>;

    /// Keeps a note and gives its id.
    fn save<'a>(&'a self, text: String, label: Label, now: Timestamp) -> Remembered<'a, u64>;

    /// At most `limit` notes that hold every word, best first.
    fn search<'a>(&'a self, words: String, limit: u32) -> Remembered<'a, Vec<Note>>;

    /// How confidential the file at `path` is at least, by the owner's rules.
    fn tier_of(&self, path: &Path) -> domain::Tier;
}
