//! The log's folder: who may reach it, which segments are in it, and that one process writes it.

use crate::Error;
use rustix::fs::{FlockOperation, OFlags};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Never through a link at the end of the path.
pub(crate) const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();
/// The most segments a folder may hold: 250 GiB of records.
const SEGMENTS_MAX: usize = 16 * 1024;

/// One file of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentFile {
    pub(crate) number: u32,
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
}

/// How a segment lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// JSON lines.
    Plain,
    /// JSON lines in gzip members.
    Gzip,
}

/// The folder, checked, made if need be, and not yet locked.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// The folder at `path`, made if it is not there.
    pub(crate) fn make(path: &Path) -> Result<Self, Error> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                if let Some(parent) = path.parent() {
                    sync_folder(parent)?;
                }
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", path, error)),
        }
        let folder = Self::at(path)?;
        let found = fs::symlink_metadata(path).map_err(|error| Error::io("open", path, error))?;
        check(path, &found, 0o700, Access::Write)?;
        Ok(folder)
    }

    /// The folder at `path`, which must be there.
    pub(crate) fn at(path: &Path) -> Result<Self, Error> {
        let found = fs::symlink_metadata(path).map_err(|error| Error::io("open", path, error))?;
        if !found.is_dir() {
            return Err(Error::WrongType { path: path.to_path_buf(), wanted: "a folder" });
        }
        check(path, &found, 0o700, Access::Read)?;
        Ok(Self { path: path.to_path_buf() })
    }

    /// Takes the log for this process, until the returned file is dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NO_FOLLOW)
            .open(&path)
            .map_err(|error| Error::io("open", &path, error))?;
        check_file(&path, &file, Access::Write)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse { path: self.path.clone() }),
            Err(error) => Err(Error::io("lock", &path, error)),
        }
    }

    /// Every segment, oldest first. A crash can leave one plain and packed: the packed one is whole then, and counts.
    /// The newest is never packed: there the plain one does.
    pub(crate) fn segments(&self) -> Result<Vec<SegmentFile>, Error> {
        let list = |error| Error::io("list", &self.path, error);
        let mut segments = Vec::new();
        for file in fs::read_dir(&self.path).map_err(list)? {
            let file = file.map_err(list)?;
            let name = file.file_name();
            if let Some((number, form)) = name.to_str().and_then(segment_of_name) {
                segments.push(SegmentFile { number, path: file.path(), form });
            }
            if segments.len() > SEGMENTS_MAX {
                return Err(list(std::io::Error::other("there are too many segments")));
            }
        }
        let newest = segments.iter().map(|segment| segment.number).max();
        segments.sort_by_key(|segment| {
            (segment.number, (segment.form == Form::Plain) != (Some(segment.number) == newest))
        });
        segments.dedup_by_key(|segment| segment.number);
        Ok(segments)
    }

    /// The file that holds the same segment in the other form, where there is one.
    pub(crate) fn twin(&self, file: &SegmentFile) -> Option<SegmentFile> {
        let plain = self.segment_path(file.number);
        let (path, form) = match file.form {
            Form::Plain => (plain.with_extension("jsonl.gz"), Form::Gzip),
            Form::Gzip => (plain, Form::Plain),
        };
        fs::symlink_metadata(&path).is_ok().then_some(SegmentFile { number: file.number, path, form })
    }

    /// Where segment `number` is written.
    pub(crate) fn segment_path(&self, number: u32) -> PathBuf {
        self.path.join(format!("segment-{number:08}.jsonl"))
    }

    /// Makes the file of segment `number`, which must not be there.
    pub(crate) fn create_segment(&self, number: u32) -> std::io::Result<File> {
        let path = self.segment_path(number);
        OpenOptions::new().append(true).create_new(true).mode(0o600).custom_flags(NO_FOLLOW).open(path)
    }

    /// Opens the plain file of segment `number` to append to it.
    pub(crate) fn reopen_segment(&self, number: u32) -> Result<File, Error> {
        let path = self.segment_path(number);
        let file = OpenOptions::new()
            .append(true)
            .custom_flags(NO_FOLLOW)
            .open(&path)
            .map_err(|error| Error::io("open", &path, error))?;
        check_file(&path, &file, Access::Write)?;
        Ok(file)
    }
}

fn segment_of_name(name: &str) -> Option<(u32, Form)> {
    let rest = name.strip_prefix("segment-")?;
    let (digits, form) = match rest.strip_suffix(".jsonl") {
        Some(digits) => (digits, Form::Plain),
        None => (rest.strip_suffix(".jsonl.gz")?, Form::Gzip),
    };
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
        .map(|n| (n, form))
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To be read: root may read the log of the service's user.
    Read,
    /// To be written: by its own user alone, so that no file of somebody else's gets in between.
    Write,
}

/// Refuses an open file that others may reach or that is not a plain file.
pub(crate) fn check_file(path: &Path, file: &File, access: Access) -> Result<(), Error> {
    let found = file.metadata().map_err(|error| Error::io("open", path, error))?;
    if !found.is_file() {
        return Err(Error::WrongType { path: path.to_path_buf(), wanted: "a file" });
    }
    check(path, &found, 0o600, access)
}

fn check(path: &Path, found: &fs::Metadata, wanted: u32, access: Access) -> Result<(), Error> {
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us && !(us == 0 && access == Access::Read) {
        return Err(Error::Foreign { path: path.to_path_buf(), owner: found.uid(), us });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_path_buf(), found: mode, wanted });
    }
    Ok(())
}

/// Makes the names in `path` durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| Error::io("flush", path, error))
}
