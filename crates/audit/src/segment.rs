//! The bytes of one segment, and the lines in them.

use crate::Error;
use crate::folder::{self, Form, SegmentFile};
use crate::line::LINE_BYTES_MAX;
use flate2::read::MultiGzDecoder;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A segment is closed when it is this long, in bytes: it can then be read whole, and checked in a few hundredths of
/// a second.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The longest segment that is read: one full one, one batch behind it, and room for a later limit.
const READ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How much of a segment is read at first to find its first line, in bytes.
const SHORT_LINE_BYTES: usize = 2048;

/// Reads a segment, unpacked, as far as it can be unpacked: a check says where somebody changed it.
pub(crate) fn read(file: &SegmentFile) -> Result<Vec<u8>, Error> {
    Ok(read_as_far(file)?.0)
}

/// The same, and whether that is all of it.
pub(crate) fn read_as_far(file: &SegmentFile) -> Result<(Vec<u8>, bool), Error> {
    let failed = |error| Error::io("read", &file.path, error);
    let (open, form) = open(file)?;
    let length = open.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(READ_BYTES_MAX)).unwrap_or_default());
    let limit = READ_BYTES_MAX.saturating_add(1);
    let whole = read_up_to(open, form, limit, &mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > READ_BYTES_MAX {
        return Err(failed(std::io::Error::other("the segment is longer than 64 MiB")));
    }
    Ok((bytes, whole))
}

/// Whether two files of one segment hold the same, wholly.
pub(crate) fn are_the_same(one: &SegmentFile, other: &SegmentFile) -> Result<bool, Error> {
    let (one, other) = (read_as_far(one)?, read_as_far(other)?);
    Ok(one == other && one.1)
}

/// Reads at most `limit` unpacked bytes; whether nothing that is packed was found broken.
fn read_up_to(open: File, form: Form, limit: u64, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    use ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match form {
        Form::Plain => open.take(limit).read_to_end(bytes).map(|_| true),
        Form::Gzip => match MultiGzDecoder::new(open).take(limit).read_to_end(bytes) {
            Err(error) if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => Ok(false),
            read => read.map(|_| true),
        },
    }
}

/// Reads the first line of a segment, without its line feed; empty when there is none within the longest line.
pub(crate) fn first_line(file: &SegmentFile) -> Result<Vec<u8>, Error> {
    // Almost every first line is shorter than this, and a packed segment is read only as far as it must.
    for limit in [SHORT_LINE_BYTES, LINE_BYTES_MAX] {
        let (open, form) = open(file)?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        read_up_to(open, form, limit, &mut bytes).map_err(|error| Error::io("read", &file.path, error))?;
        if let Some((_, line, true)) = lines(&bytes).next() {
            return Ok(line.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Opens a segment. One that was packed since the folder was listed is found under its new name.
pub(crate) fn open(file: &SegmentFile) -> Result<(File, Form), Error> {
    let open = |path: &Path| OpenOptions::new().read(true).custom_flags(folder::NO_FOLLOW).open(path);
    let packed = file.path.with_extension("jsonl.gz");
    let (path, opened, form) = match open(&file.path) {
        Err(error) if error.kind() == ErrorKind::NotFound && file.form == Form::Plain => {
            (&packed, open(&packed), Form::Gzip)
        }
        other => (&file.path, other, file.form),
    };
    let opened = opened.map_err(|error| Error::io("read", path, error))?;
    folder::check_file(path, &opened, folder::Access::Read)?;
    Ok((opened, form))
}

/// Each line without its line feed: where it begins, its bytes, and whether it ended in a line feed.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8], bool)> {
    let mut start = 0_usize;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let (line, complete) = match memchr::memchr(b'\n', rest) {
            Some(end) => (rest.get(..end).unwrap_or_default(), true),
            None => (rest, false),
        };
        let offset = start;
        start = start.saturating_add(line.len()).saturating_add(usize::from(complete));
        Some((offset, line, complete))
    })
}
