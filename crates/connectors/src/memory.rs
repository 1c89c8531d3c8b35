//! Notes for later sessions: Markdown that the owner can read and edit, `MEMORY.md` and one file a day in `memory/`.
//!
//! The store remembers under which label each note was written. What somebody else put into a file has no such label,
//! and counts as untrusted.

mod text;

use crate::Finding;
use crate::error::Error;
use crate::moment;
use crate::remember::{NoteFile, Remember};
use domain::{Integrity, Label, Source, SourceKind, Tier, Timestamp};
use sandbox::{FileKind, Found, PathError, Replace, Within};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the owner keeps by hand.
const OWN_FILE: &str = "MEMORY.md";
/// The folder of what is noted, one file a day.
const FOLDER: &str = "memory";
/// The most notes that one search gives.
const NOTES_MAX: u32 = 50;
/// The most files that are looked at: a note file for every day of ten years.
const FILES_MAX: usize = 4_000;
/// The longest file of notes, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Notes cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// A file cannot be read or written.
    #[error("the notes cannot be {step}; `chmod -R u+rwX MEMORY.md memory` in the home lets their owner in")]
    Path {
        /// `read` or `written`.
        step: &'static str,
        /// Why.
        source: PathError,
    },
    /// A file is not text.
    #[error("`{file}` is not UTF-8 text")]
    NotText {
        /// Which.
        file: String,
    },
    /// A file is too long.
    #[error("`{file}` has {bytes} bytes; a file of notes has at most {FILE_BYTES_MAX}")]
    TooLong {
        /// Which.
        file: String,
        /// How long it is.
        bytes: u64,
    },
    /// The note says nothing.
    #[error("the note is empty")]
    Empty,
}

/// The files that notes stand in.
#[derive(Debug)]
pub struct Notes {
    home: Within,
    /// One at a time: a file is read, added to and written whole.
    busy: tokio::sync::Mutex<()>,
}

impl Notes {
    /// The notes of the home at `path`, which has a folder `memory`.
    ///
    /// # Errors
    ///
    /// [`NotesError::Path`].
    pub fn open(path: &Path) -> Result<Self, NotesError> {
        let read = |source| NotesError::Path { step: "read", source };
        let home = Within::open(path).map_err(read)?;
        home.make_folder(Path::new(FOLDER)).map_err(read)?;
        Ok(Self { home, busy: tokio::sync::Mutex::new(()) })
    }

    /// Adds a note to the file of this day, under `label`.
    pub(crate) async fn note(
        &self,
        remember: &dyn Remember,
        text: &str,
        label: Label,
        now: Timestamp,
    ) -> Result<Finding, Error> {
        let _alone = self.busy.lock().await;
        let note = text::plain(text).ok_or(NotesError::Empty)?;
        self.index(remember, now).await?;
        let day = moment::of(now);
        let file = format!("{FOLDER}/{}.md", day.get(..10).unwrap_or("undated"));
        self.append(&file, &note)?;
        let at = self.found(&file)?;
        let file = NoteFile { stamp: at.as_ref().map(stamp).unwrap_or_default(), file };
        let place = file.file.clone();
        let id = remember.note(file, note, label, now).await.map_err(Error::Remember)?;
        Ok(Finding { fields: json!({"id": id.to_string()}), text: format!("Kept as note {id}, in {place}.") })
    }

    /// The notes that hold every word, and the join of the labels they were kept under.
    pub(crate) async fn search(
        &self,
        remember: &dyn Remember,
        query: String,
        now: Timestamp,
    ) -> Result<(Finding, Label), Error> {
        let _alone = self.busy.lock().await;
        self.index(remember, now).await?;
        let notes = remember.search(query, NOTES_MAX).await.map_err(Error::Remember)?;
        let mut text = if notes.is_empty() { "No note holds that.\n".to_string() } else { String::new() };
        let mut label = Label::nothing();
        for note in &notes {
            let place = note.file.as_deref().unwrap_or(FOLDER);
            let _ = writeln!(text, "[{} · {place} · {}] {}", note.id, moment::of(note.saved), note.text);
            label = label.join(&note.label);
        }
        let fields: Vec<_> = notes
            .iter()
            .map(
                |note| json!({"id": note.id.to_string(), "text": note.text, "saved": moment::of(note.saved)}),
            )
            .collect();
        Ok((Finding { fields: json!({"notes": fields}), text }, label))
    }

    /// Reads into the index whatever has changed since the last time.
    async fn index(&self, remember: &dyn Remember, now: Timestamp) -> Result<(), Error> {
        let mut known = remember.note_files().await.map_err(Error::Remember)?;
        for (file, stamp) in self.files()? {
            if known.remove(&file).is_some_and(|then| then == stamp) {
                continue;
            }
            let texts = text::notes(&self.read(&file)?);
            let label = self.label_of_strangers(remember, &file);
            let at = NoteFile { file, stamp };
            remember.read_notes(at, texts, label, now).await.map_err(Error::Remember)?;
        }
        for file in known.into_keys() {
            let gone = NoteFile { file, stamp: String::new() };
            remember.read_notes(gone, Vec::new(), Label::unknown(), now).await.map_err(Error::Remember)?;
        }
        Ok(())
    }

    /// Whoever wrote it, it was not a session that is on record.
    fn label_of_strangers(&self, remember: &dyn Remember, file: &str) -> Label {
        let tier = remember.tier_of(&self.home.path().join(file)).max(Tier::Medium);
        Label::new(Integrity::Untrusted, tier, Source::new(SourceKind::Memory, file))
    }

    /// The files there are, each with what tells one state of it from another.
    fn files(&self) -> Result<Vec<(String, String)>, NotesError> {
        let mut files = Vec::new();
        if let Some(found) = self.found(OWN_FILE)? {
            files.push((OWN_FILE.to_string(), stamp(&found)));
        }
        let entries = self.home.list(Path::new(FOLDER), FILES_MAX);
        for entry in entries.map_err(|source| NotesError::Path { step: "read", source })? {
            let Some(name) = entry.name.to_str().filter(|name| name.ends_with(".md")) else { continue };
            if entry.found.kind == FileKind::File {
                files.push((format!("{FOLDER}/{name}"), stamp(&entry.found)));
            }
        }
        Ok(files)
    }

    fn found(&self, file: &str) -> Result<Option<Found>, NotesError> {
        match self.home.stat(Path::new(file)) {
            Ok(found) => Ok(Some(found)),
            Err(PathError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(NotesError::Path { step: "read", source }),
        }
    }

    fn read(&self, file: &str) -> Result<String, NotesError> {
        if let Some(found) = self.found(file)?.filter(|found| found.bytes > FILE_BYTES_MAX) {
            return Err(NotesError::TooLong { file: file.to_string(), bytes: found.bytes });
        }
        let bytes = self
            .home
            .read(Path::new(file), FILE_BYTES_MAX)
            .map_err(|source| NotesError::Path { step: "read", source })?;
        String::from_utf8(bytes).map_err(|_not_text| NotesError::NotText { file: file.to_string() })
    }

    fn append(&self, file: &str, note: &str) -> Result<(), NotesError> {
        let mut whole = if self.found(file)?.is_some() { self.read(file)? } else { String::new() };
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(&text::bullet(note));
        let bytes = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        if bytes > FILE_BYTES_MAX {
            return Err(NotesError::TooLong { file: file.to_string(), bytes });
        }
        let path = PathBuf::from(file);
        let written = self.home.write(&path, whole.as_bytes(), Replace::File);
        written.map(|_identity| ()).map_err(|source| NotesError::Path { step: "written", source })
    }
}

/// Differs whenever the file was touched: the time of the last change is the kernel's, not the writer's.
fn stamp(found: &Found) -> String {
    let (seconds, nanoseconds) = found.changed;
    format!("{}-{}-{seconds}.{nanoseconds:09}", found.identity.inode, found.bytes)
}

/// A BLAKE3 digest out of its hexadecimal form.
pub(crate) fn digest(hex: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}
