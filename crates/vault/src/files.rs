//! Reading and replacing the vault's files: only private files of this user, and never half a file.

use crate::Error;
use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a file of the vault may be open to: nobody but its owner.
const OTHERS: u32 = 0o077;
/// The mode of files that are made.
const FILE_MODE: u32 = 0o600;
/// The mode of the home.
const FOLDER_MODE: u32 = 0o700;

/// Makes the folder if it is missing, and refuses it when others may enter it.
pub(crate) fn private_folder(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(|source| failed("make", path, source))?;
    }
    let metadata = std::fs::metadata(path).map_err(|source| failed("look at", path, source))?;
    judge(path, &metadata, FOLDER_MODE)?;
    if metadata.is_dir() { Ok(()) } else { Err(not_ours(path, "it is not a folder")) }
}

/// Reads a whole file of mode 0600 in a folder of mode 0700, both of this user, without following a link.
pub(crate) fn read_private(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let folder = path.parent().ok_or_else(|| not_ours(path, "it has no folder"))?;
    let folder_metadata = std::fs::metadata(folder).map_err(|source| failed("look at", folder, source))?;
    judge(folder, &folder_metadata, FOLDER_MODE)?;
    let (file, _) = open_private(path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max.saturating_add(1)));
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|source| failed("read", path, source))?;
    if bytes.len() > bytes_max {
        return Err(not_ours(path, "it is larger than such a file may be"));
    }
    Ok(std::mem::take(&mut *bytes))
}

/// Opens an ordinary file of mode 0600 of this user, without following a link.
pub(crate) fn open_private(path: &Path) -> Result<(File, Metadata), Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed("open", path, error.into()))?;
    let file = File::from(descriptor);
    let metadata = file.metadata().map_err(|source| failed("look at", path, source))?;
    if !metadata.is_file() {
        return Err(not_ours(path, "it is not an ordinary file"));
    }
    judge(path, &metadata, FILE_MODE)?;
    Ok((file, metadata))
}

/// Whether there is anything at `path`; a link that leads nowhere counts.
pub(crate) fn is_there(path: &Path) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed("look at", path, source)),
    }
}

/// Writes a file that is not there yet, durably.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::from_raw_mode(FILE_MODE))
        .map_err(|error| failed("make", path, error.into()))?;
    let mut file = File::from(descriptor);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| failed("write", path, source))?;
    sync_folder(path)
}

/// Puts `bytes` in the place of what is at `path`, at once or not at all, durably.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let beside = beside(path);
    match std::fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(failed("clear", &beside, source)),
    }
    create_private(&beside, bytes)?;
    std::fs::rename(&beside, path).map_err(|source| failed("replace", path, source))?;
    sync_folder(path)
}

/// Overwrites what an open file holds, once nothing names it any more. Another name for it (a backup by hard link) is
/// left alone.
pub(crate) fn scrub(mut file: &File, path: &Path) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|source| failed("look at", path, source))?;
    if metadata.nlink() > 0 {
        return Ok(());
    }
    let zeros = vec![0; usize::try_from(metadata.len()).unwrap_or(0)];
    file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(|source| failed("overwrite", path, source))
}

/// Opens the present file for [`scrub`].
pub(crate) fn open_for_scrub(path: &Path) -> Result<File, Error> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|error| failed("open", path, error.into()))
}

/// Holds the lock that every writer of this vault takes; let go when dropped.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::from_raw_mode(FILE_MODE))
        .map_err(|error| failed("open", path, error.into()))?;
    let file = File::from(descriptor);
    file.lock().map_err(|source| failed("lock", path, source))?;
    Ok(file)
}

fn judge(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), Error> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(not_ours(path, "it belongs to another user"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(Error::Mode { path: path.to_path_buf(), mode, wanted });
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|file| file.sync_all()).map_err(|source| failed("sync", folder, source))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".new");
    PathBuf::from(name)
}

pub(crate) fn failed(step: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { step, path: path.to_path_buf(), source }
}

fn not_ours(path: &Path, reason: &'static str) -> Error {
    Error::NotOurs { path: path.to_path_buf(), reason }
}
