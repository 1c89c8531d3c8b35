//! The labels of files that were written: a file is as trustworthy as what it was made from, whatever it is renamed
//! to or copied to.

use crate::row::{bits, column, digest, integer, label};
use crate::{Error, Tx};
use domain::{Label, Timestamp};
use rusqlite::params;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Stands for the device and inode of what is no file.
const NO_FILE: i64 = -1;

/// Which file, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Its canonical path.
    pub path: PathBuf,
    /// The file system it is on; `None` while it is not written yet.
    pub device: Option<u64>,
    /// Which file of that file system; `None` while it is not written yet.
    pub inode: Option<u64>,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// What is remembered of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileLabel {
    /// The same bytes were written under this label, here or elsewhere: the join over all such writings. It is as
    /// confidential as what last stood at its path, too.
    Known(Label),
    /// Nobody knows its bytes. What last stood at its path or in its inode, and what may have been written somewhere
    /// into its folders, was of this label.
    AtLeast(Label),
    /// Nothing.
    Unknown,
}

fn join(labels: Vec<Label>) -> Option<Label> {
    labels.into_iter().reduce(|all, one| all.join(&one))
}

fn identity_bits(number: Option<u64>) -> i64 {
    number.map_or(NO_FILE, bits)
}

impl Tx<'_> {
    /// Remembers that a file was written under `label`, or is about to be.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn put_file_label(&self, file: &FileIdentity, label: &Label, now: Timestamp) -> Result<(), Error> {
        self.keep_bytes_before(file, label)?;
        self.change(
            "INSERT INTO file_labels (path, device, inode, digest, label, written) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (path) DO UPDATE SET device = ?2, inode = ?3, digest = ?4, label = ?5, written = ?6",
            params![
                file.path.as_os_str().as_bytes(),
                identity_bits(file.device),
                identity_bits(file.inode),
                file.digest,
                label.to_string(),
                integer(now.0),
            ],
        )?;
        Ok(())
    }

    /// The bytes that stood at this path before may have been copied or moved elsewhere: they stay known, under a name
    /// that no path has, once for each label. They are fewer than the transcripts' items, which hold what was written.
    fn keep_bytes_before(&self, file: &FileIdentity, new: &Label) -> Result<(), Error> {
        let of = file.path.to_string_lossy();
        let before = self.rows(
            "SELECT digest, label, written FROM file_labels WHERE path = ?1 AND (digest <> ?2 OR label <> ?3)",
            params![file.path.as_os_str().as_bytes(), file.digest, new.to_string()],
            |row| Ok((digest(row, &of)?, column::<String>(row, "label")?, column::<i64>(row, "written")?)),
        )?;
        for (digest, label, written) in before {
            // No path has a NUL in it.
            let mut name = vec![0];
            name.extend_from_slice(&digest);
            name.extend_from_slice(label.as_bytes());
            self.change(
                "INSERT INTO file_labels (path, device, inode, digest, label, written)
                 VALUES (?1, ?2, ?2, ?3, ?4, ?5) ON CONFLICT (path) DO NOTHING",
                params![name, NO_FILE, digest, label, written],
            )?;
        }
        Ok(())
    }

    /// Remembers that something of `label` may have been written anywhere below `folder`, which nobody could list. What
    /// is remembered of the folder already is joined.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], [`Error::Database`].
    pub fn put_folder_label(&self, folder: &Path, label: &Label, now: Timestamp) -> Result<(), Error> {
        let before = self.label_at(folder)?;
        let joined = before.map_or_else(|| label.clone(), |before| before.join(label));
        let all = FileIdentity { path: folder.to_path_buf(), device: None, inode: None, digest: [0; 32] };
        self.put_file_label(&all, &joined, now)
    }

    fn label_at(&self, path: &Path) -> Result<Option<Label>, Error> {
        let of = path.to_string_lossy();
        let found = self.rows(
            "SELECT label FROM file_labels WHERE path = ?1",
            [path.as_os_str().as_bytes()],
            |row| label(row, &of),
        )?;
        Ok(join(found))
    }

    /// What is remembered of a file, by its path, its inode and its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn file_label(&self, file: &FileIdentity) -> Result<FileLabel, Error> {
        let of = file.path.to_string_lossy();
        let same_bytes =
            self.rows("SELECT label FROM file_labels WHERE digest = ?1", [file.digest], |row| {
                label(row, &of)
            })?;
        let mut around = self.rows(
            "SELECT label FROM file_labels
             WHERE (path = ?1 OR (device = ?2 AND inode = ?3 AND inode <> ?5)) AND digest <> ?4",
            params![
                file.path.as_os_str().as_bytes(),
                identity_bits(file.device),
                identity_bits(file.inode),
                file.digest,
                NO_FILE
            ],
            |row| label(row, &of),
        )?;
        if let Some(known) = join(same_bytes) {
            let tier = join(around).map_or(known.tier(), |place| place.tier());
            return Ok(FileLabel::Known(known.raised_to(tier)));
        }
        for folder in file.path.ancestors().skip(1) {
            around.extend(self.label_at(folder)?);
        }
        Ok(join(around).map_or(FileLabel::Unknown, FileLabel::AtLeast))
    }

    /// The join over what is remembered of `folder` and of everything below it, also of what is gone since: it may have
    /// been moved or copied within the folder. `None` when nothing is.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn label_below(&self, folder: &Path) -> Result<Option<Label>, Error> {
        let of = folder.to_string_lossy();
        let mut first = folder.as_os_str().as_bytes().to_vec();
        while first.last() == Some(&b'/') {
            first.pop();
        }
        // Everything that begins with the folder and a slash: `0` is the byte after it.
        let mut past = first.clone();
        first.push(b'/');
        past.push(b'0');
        let below = self.rows(
            "SELECT DISTINCT label FROM file_labels WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
            params![folder.as_os_str().as_bytes(), first, past],
            |row| label(row, &of),
        )?;
        Ok(join(below))
    }
}
