//! Parts of a segment, read without unpacking the rest: a packed one is made of members that say how long they are.

use audit::{Error, HEADER_BYTES, LENGTH_AT, MEMBER_BYTES, Segment};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest member, packed, in bytes: what cannot be made smaller grows a little.
const PACKED_BYTES_MAX: usize = MEMBER_BYTES + MEMBER_BYTES / 8;
/// Reads parts of a segment.
pub(crate) struct Reader {
    file: File,
    path: PathBuf,
    is_packed: bool,
    /// Where each member begins in the file, as far as it was looked for.
    members: Vec<u64>,
    /// The members that were unpacked last: a record can lie across two.
    kept: [Option<(usize, Vec<u8>)>; 2],
}

impl Reader {
    pub(crate) fn open(segment: &Segment) -> Result<Self, Error> {
        let (file, is_packed) = segment.open()?;
        let path = segment.path().to_path_buf();
        Ok(Self { file, path, is_packed, members: vec![0], kept: [None, None] })
    }

    /// The bytes from `start` to `end` of the unpacked segment; fewer where it ends before.
    pub(crate) fn read(&mut self, start: usize, end: usize) -> Result<Vec<u8>, Error> {
        let length = end.saturating_sub(start).min(MEMBER_BYTES);
        if !self.is_packed {
            let mut bytes = vec![0; length];
            let at = u64::try_from(start).unwrap_or(u64::MAX);
            return match self.file.read_exact_at(&mut bytes, at) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(failed("read", &self.path, error)),
            };
        }
        let mut bytes = Vec::with_capacity(length);
        let mut at = start;
        while bytes.len() < length {
            let number = at / MEMBER_BYTES;
            let within = at % MEMBER_BYTES;
            let member = self.member(number)?;
            let part = member.get(within..).unwrap_or_default();
            let part = part.get(..length.saturating_sub(bytes.len())).unwrap_or(part);
            if part.is_empty() {
                break;
            }
            bytes.extend_from_slice(part);
            at = at.saturating_add(part.len());
        }
        Ok(bytes)
    }

    fn member(&mut self, number: usize) -> Result<&[u8], Error> {
        let slot = number % 2;
        let known =
            self.kept.get(slot).is_some_and(|kept| kept.as_ref().is_some_and(|kept| kept.0 == number));
        if !known {
            let bytes = self.unpack(number)?;
            if let Some(kept) = self.kept.get_mut(slot) {
                *kept = Some((number, bytes));
            }
        }
        let kept = self.kept.get(slot).and_then(Option::as_ref);
        Ok(kept.map(|kept| kept.1.as_slice()).unwrap_or_default())
    }

    fn unpack(&mut self, number: usize) -> Result<Vec<u8>, Error> {
        while self.members.len() <= number {
            let at = self.members.last().copied().unwrap_or_default();
            let length = self.packed_length(at).map_err(|error| failed("unpack", &self.path, error))?;
            self.members.push(at.saturating_add(u64::from(length)));
        }
        let at = self.members.get(number).copied().unwrap_or(u64::MAX);
        let length = self.packed_length(at).map_err(|error| failed("unpack", &self.path, error))?;
        let mut packed = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut packed, at).map_err(|error| failed("unpack", &self.path, error))?;
        let mut bytes = Vec::with_capacity(MEMBER_BYTES);
        let limit = u64::try_from(MEMBER_BYTES).unwrap_or(u64::MAX);
        GzDecoder::new(packed.as_slice())
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| failed("unpack", &self.path, error))?;
        Ok(bytes)
    }

    /// The packed length of the member at `at`, from its header.
    fn packed_length(&self, at: u64) -> std::io::Result<u32> {
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, at)?;
        let field = header.get(12..LENGTH_AT).unwrap_or_default();
        let length = header.last_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        let fits =
            usize::try_from(length).is_ok_and(|length| length > HEADER_BYTES && length <= PACKED_BYTES_MAX);
        if field == [b'H', b'S', 4, 0] && fits {
            Ok(length)
        } else {
            Err(std::io::Error::new(ErrorKind::InvalidData, "a member is not as Hardshell packs it"))
        }
    }
}

fn failed(step: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { step, path: path.to_path_buf(), source: Arc::new(source) }
}
