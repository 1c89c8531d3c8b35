//! What the tools need remembered: notes, and the labels of files.

pub use crate::found::Known;
use domain::{Label, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// What remembering comes to; an error says what failed, as a fragment.
pub type Remembered<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// A file with these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its canonical path.
    pub path: PathBuf,
    /// The file system it is on; `None` before it is written.
    pub device: Option<u64>,
    /// Which file it is; `None` before it is written.
    pub inode: Option<u64>,
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
    /// The file of the home it stands in.
    pub file: Option<String>,
    /// The label it was kept under.
    pub label: Label,
    /// When.
    pub saved: Timestamp,
}

/// A file of notes, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteFile {
    /// Its path beneath the home.
    pub file: String,
    /// Tells one state of it from another; empty when it is gone.
    pub stamp: String,
}

/// Keeps notes and labels of files. The daemon implements it over the store.
pub trait Remember: Send + Sync {
    /// Notes that a file holds bytes of `label` now, or will. What stood there before stays known by its bytes.
    fn file_written<'a>(&'a self, file: KnownFile, label: Label, now: Timestamp) -> Remembered<'a, ()>;

    /// Notes that bytes of `label` may be anywhere in `folder` now, or, where that is a file, in it.
    fn written_below<'a>(&'a self, folder: PathBuf, label: Label, now: Timestamp) -> Remembered<'a, ()>;

    /// The label under which exactly these bytes were written, here or elsewhere; for bytes that nobody knows, that of
    /// what stood there before and of what may have been written there.
    fn file_label<'a>(&'a self, file: KnownFile) -> Remembered<'a, Known>;

    /// The join of what is known of everything in `folder`, now and before; [`Label::nothing`] when nothing is.
    fn label_below<'a>(&'a self, folder: PathBuf) -> Remembered<'a, Label>;

    /// Notes that `text` was just added to the file, under `label`, and gives the note's id.
    fn note<'a>(&'a self, file: NoteFile, text: String, label: Label, now: Timestamp) -> Remembered<'a, u64>;

    /// The files of notes as they were when they were last read, by path.
    fn note_files(&self) -> Remembered<'_, BTreeMap<String, String>>;

    /// Takes in what a file of notes holds now: a text that was noted there keeps its label, any other gets `label`.
    fn read_notes<'a>(
        &'a self,
        file: NoteFile,
        texts: Vec<String>,
        label: Label,
        now: Timestamp,
    ) -> Remembered<'a, ()>;

    /// At most `limit` notes that hold every word, best first.
    fn search<'a>(&'a self, words: String, limit: u32) -> Remembered<'a, Vec<Note>>;

    /// How confidential the file at `path` is at least, by the owner's rules.
    fn tier_of(&self, path: &Path) -> domain::Tier;
}
