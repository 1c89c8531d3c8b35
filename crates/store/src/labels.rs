//! The labels of files that were written: a file is as trustworthy as what it was made from, whatever it is renamed
//! to or copied to.

use crate::row::{bits, integer, label};
use crate::{Error, Tx};
use domain::{Label, Timestamp};
use rusqlite::params;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Which file, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Its canonical path.
    pub path: PathBuf,
    /// The file system it is on.
    pub device: u64,
    /// Which file of that file system.
    pub inode: u64,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// What is remembered of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileLabel {
    /// The same bytes were written under this label, here or elsewhere: the join over all such writings.
    Known(Label),
    /// A file of this path or inode was written under this label, and holds other bytes now: somebody changed it.
    Changed(Label),
    /// Nothing.
    Unknown,
}

impl Tx<'_> {
    /// Remembers that a file was written under `label`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn put_file_label(&self, file: &FileIdentity, label: &Label, now: Timestamp) -> Result<(), Error> {
        self.change(
            "INSERT INTO file_labels (path, device, inode, digest, label, written) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (path) DO UPDATE SET device = ?2, inode = ?3, digest = ?4, label = ?5, written = ?6",
            params![
                file.path.as_os_str().as_bytes(),
                bits(file.device),
                bits(file.inode),
                file.digest,
                label.to_string(),
                integer(now.0),
            ],
        )?;
        Ok(())
    }

    /// What is remembered of a file, by its path, its inode and its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn file_label(&self, file: &FileIdentity) -> Result<FileLabel, Error> {
        let of = file.path.to_string_lossy();
        let join = |labels: Vec<Label>| labels.into_iter().reduce(|all, one| all.join(&one));
        let same_bytes =
            self.rows("SELECT label FROM file_labels WHERE digest = ?1", [file.digest], |row| {
                label(row, &of)
            })?;
        let same_place = self.rows(
            "SELECT label FROM file_labels WHERE (path = ?1 OR (device = ?2 AND inode = ?3)) AND digest <> ?4",
            params![file.path.as_os_str().as_bytes(), bits(file.device), bits(file.inode), file.digest],
            |row| label(row, &of),
        )?;
        Ok(match (join(same_bytes), join(same_place)) {
            (Some(known), _) => FileLabel::Known(known),
            (None, Some(changed)) => FileLabel::Changed(changed),
            (None, None) => FileLabel::Unknown,
        })
    }

    /// Forgets a file that was deleted; the bytes it held are forgotten with it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn forget_file_label(&self, file: &FileIdentity) -> Result<(), Error> {
        self.change("DELETE FROM file_labels WHERE path = ?1", [file.path.as_os_str().as_bytes()])?;
        Ok(())
    }
}
