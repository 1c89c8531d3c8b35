//! Notes and the labels of files, kept in the store.

use crate::state::HouseState;
use connectors::remember::{Known, KnownFile, Note, NoteFile, Remember, Remembered};
use domain::{Label, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{FileIdentity, FileLabel, Store};

/// Remembers in the store.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) state: Arc<HouseState>,
}

fn identity(file: KnownFile) -> FileIdentity {
    FileIdentity { path: file.path, device: file.device, inode: file.inode, digest: file.digest }
}

fn in_words(error: store::Error) -> String {
    crate::tasks::error_chain(&error)
}

impl Remember for Kept {
    fn file_written<'a>(&'a self, file: KnownFile, label: Label, now: Timestamp) -> Remembered<'a, ()> {
        Box::pin(async move {
            let file = identity(file);
            self.store.run(move |tx| tx.put_file_label(&file, &label, now)).await.map_err(in_words)
        })
    }

    fn written_below<'a>(&'a self, folder: PathBuf, label: Label, now: Timestamp) -> Remembered<'a, ()> {
        Box::pin(async move {
            self.store.run(move |tx| tx.put_folder_label(&folder, &label, now)).await.map_err(in_words)
        })
    }

    fn file_label<'a>(&'a self, file: KnownFile) -> Remembered<'a, Known> {
        Box::pin(async move {
            let file = identity(file);
            let found = self.store.run(move |tx| tx.file_label(&file)).await.map_err(in_words)?;
            Ok(match found {
                FileLabel::Known(label) => Known::Exactly(label),
                // Somebody changed it: it is not believed any more, and as confidential as before.
                FileLabel::AtLeast(label) => Known::AtLeast(label),
                FileLabel::Unknown => Known::AtLeast(Label::nothing()),
            })
        })
    }

    fn label_below<'a>(&'a self, folder: PathBuf) -> Remembered<'a, Label> {
        Box::pin(async move {
            let below = self.store.run(move |tx| tx.label_below(&folder)).await.map_err(in_words)?;
            Ok(below.unwrap_or_else(Label::nothing))
        })
    }

    fn note<'a>(&'a self, file: NoteFile, text: String, label: Label, now: Timestamp) -> Remembered<'a, u64> {
        Box::pin(async move {
            let kept = self.store.run(move |tx| {
                let id = tx.remember_in(&file.file, &text, &label, None, now)?;
                tx.stamp_memory_file(&file.file, &file.stamp)?;
                Ok(id)
            });
            kept.await.map_err(in_words)
        })
    }

    fn note_files(&self) -> Remembered<'_, BTreeMap<String, String>> {
        Box::pin(async move { self.store.run(|tx| tx.memory_stamps()).await.map_err(in_words) })
    }

    fn read_notes<'a>(
        &'a self,
        file: NoteFile,
        texts: Vec<String>,
        label: Label,
        now: Timestamp,
    ) -> Remembered<'a, ()> {
        Box::pin(async move {
            let read =
                self.store.run(move |tx| tx.read_memory_file(&file.file, &file.stamp, &texts, &label, now));
            read.await.map_err(in_words)
        })
    }

    fn search<'a>(&'a self, words: String, limit: u32) -> Remembered<'a, Vec<Note>> {
        Box::pin(async move {
            let found = self.store.run(move |tx| tx.search_memory(&words, limit)).await.map_err(in_words)?;
            let note = |memory: store::Memory| Note {
                id: memory.id,
                text: memory.text,
                file: memory.file,
                label: memory.label,
                saved: memory.created,
            };
            Ok(found.into_iter().map(note).collect())
        })
    }

    fn tier_of(&self, path: &Path) -> domain::Tier {
        self.state.rules().tier_of_path(path)
    }
}
