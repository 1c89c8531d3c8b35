//! The log for whoever reads it: its segments with what counts of each, and the newest records.

use crate::folder::{self, Folder, Form, SegmentFile};
use crate::heads::Heads;
use crate::{Error, Hash, Kind, Record, segment};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// One file of records, and what of it is part of the chain.
#[derive(Debug)]
pub struct Segment {
    file: SegmentFile,
    void: Option<usize>,
    closed: bool,
    span: Option<(Hash, Hash)>,
    beside: PathBuf,
}

/// The segments of the log in `folder`, oldest first.
///
/// # Errors
///
/// [`Error::Exposed`], [`Error::Foreign`], [`Error::WrongType`] for files that are not safe; [`Error::Io`].
pub fn segments(folder: &Path) -> Result<Vec<Segment>, Error> {
    let folder = Folder::at(folder)?;
    let files = folder.segments()?;
    let heads = Heads::read(&files)?;
    let newest = files.last().map(|file| file.number);
    let segment = |file: SegmentFile| {
        let closed = Some(file.number) != newest;
        let void = heads.void_of(file.number).filter(|_| closed);
        let ends = heads.end_of(file.number).map(|(_, hash)| hash).filter(|_| closed);
        let span = heads.first_of(file.number).map(|first| first.hash).zip(ends);
        Segment { span, beside: index_path(&folder.path, file.number), void, closed, file }
    };
    Ok(files.into_iter().map(segment).collect())
}

/// The newest records of these kinds, the newest first, at most `most`.
///
/// # Errors
///
/// As [`segments`].
pub fn newest(folder: &Path, kinds: &[Kind], most: usize) -> Result<Vec<Record>, Error> {
    let mut found = Vec::new();
    for segment in segments(folder)?.iter().rev() {
        let bytes = segment.bytes()?;
        let lines: Vec<&[u8]> = lines(&bytes).map(|(_, line)| line).collect();
        let records = lines.into_iter().rev().filter_map(|line| Record::parse(line).ok());
        found.extend(
            records.filter(|record| kinds.contains(&record.kind())).take(most.saturating_sub(found.len())),
        );
        if found.len() >= most {
            break;
        }
    }
    Ok(found)
}

/// Each line of a segment, and where it begins.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    segment::lines(bytes).map(|(offset, line, _)| (offset, line))
}

/// Opens a file that only this user may reach, never through a link.
///
/// # Errors
///
/// As [`segments`].
pub fn open_private(path: &Path) -> Result<File, Error> {
    let open = OpenOptions::new().read(true).custom_flags(folder::NO_FOLLOW).open(path);
    let file = open.map_err(|error| Error::io("read", path, error))?;
    folder::check_file(path, &file, folder::Access::Read)?;
    Ok(file)
}

impl Segment {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Whether nothing is written to it any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The digests of its first and of its last record, of a closed segment: as its first line and the segment behind it
    /// say.
    #[must_use]
    pub fn span(&self) -> Option<(Hash, Hash)> {
        self.span
    }

    /// Where an index of it may lie: the log removes it with the segment, and never reads it.
    #[must_use]
    pub fn index_path(&self) -> &Path {
        &self.beside
    }

    /// Its lines, unpacked, as far as they are part of the chain.
    ///
    /// # Errors
    ///
    /// As [`segments`].
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = segment::read(&self.file)?;
        bytes.truncate(self.void.unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// Opens it to read parts of it, and says whether it is packed.
    ///
    /// # Errors
    ///
    /// As [`segments`].
    pub fn open(&self) -> Result<(File, bool), Error> {
        segment::open(&self.file).map(|(file, form)| (file, form == Form::Gzip))
    }
}

/// Where the index of a segment may lie.
pub(crate) fn index_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("segment-{number:08}.index"))
}
