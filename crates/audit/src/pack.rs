//! Closed segments, packed: gzip members of a quarter of a MiB each, so that `zcat` reads the whole and a query reads
//! one record without unpacking the rest.

use crate::folder::{self, Folder, Form, SegmentFile, sync_folder};
use crate::{Error, segment};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// How much of a segment goes into one member, in bytes.
const MEMBER_BYTES: usize = 256 * 1024;
/// The longest member, packed, in bytes: what cannot be made smaller grows a little.
const PACKED_BYTES_MAX: usize = MEMBER_BYTES + MEMBER_BYTES / 8;
/// A member's header as we write it: fixed part, and an extra field (RFC 1952, 2.3.1.1) `HS` of four bytes that holds
/// the member's packed length.
const HEADER_BYTES: usize = 10 + 2 + 4 + 4;
/// Where in the header the packed length stands.
const LENGTH_AT: usize = 16;

/// Packs a closed segment and removes the plain file, once the packed one is durable and reads back the same. A
/// segment or folder that may only be appended to stays as it is, and so do two files of one segment that differ: a
/// check says which of them somebody put there.
pub(crate) fn pack(folder: &Folder, file: &SegmentFile) -> Result<(), Error> {
    let twin = folder.twin(file);
    let plain = match (file.form, &twin) {
        (Form::Plain, _) => file,
        (Form::Gzip, Some(plain)) => plain,
        (Form::Gzip, None) => return Ok(()),
    };
    if append_only(&folder.path) || append_only(&plain.path) {
        return Ok(());
    }
    match &twin {
        None => pack_plain(folder, file)?,
        Some(twin) if !segment::are_the_same(file, twin)? => return Ok(()),
        Some(_) => {}
    }
    std::fs::remove_file(&plain.path).map_err(|error| Error::io("remove", &plain.path, error))?;
    sync_folder(&folder.path)
}

/// Makes the packed file of a segment that has none.
fn pack_plain(folder: &Folder, file: &SegmentFile) -> Result<(), Error> {
    let bytes = segment::read(file)?;
    let path = folder.path.join(format!("segment-{:08}.jsonl.gz", file.number));
    let beside = path.with_extension("packing");
    match std::fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("remove", &beside, error)),
    }
    let failed = |error| Error::io("write", &beside, error);
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(folder::NO_FOLLOW)
        .open(&beside)
        .map_err(failed)?;
    for chunk in bytes.chunks(MEMBER_BYTES) {
        out.write_all(&member(chunk).map_err(failed)?).map_err(failed)?;
    }
    out.sync_all().map_err(failed)?;
    let packed = SegmentFile { number: file.number, path: beside.clone(), form: Form::Gzip };
    if segment::read(&packed)? != bytes {
        return Err(Error::io("pack", &file.path, std::io::Error::other("it does not read back the same")));
    }
    std::fs::rename(&beside, &path).map_err(failed)?;
    sync_folder(&folder.path)
}

/// One member, with its own length in its header.
fn member(chunk: &[u8]) -> std::io::Result<Vec<u8>> {
    let builder = flate2::GzBuilder::new().extra([b"HS".as_slice(), &4_u16.to_le_bytes(), &[0; 4]].concat());
    let mut encoder: GzEncoder<Vec<u8>> = builder.write(Vec::new(), Compression::default());
    encoder.write_all(chunk)?;
    let mut member = encoder.finish()?;
    let length = u32::try_from(member.len()).map_err(std::io::Error::other)?;
    let place = member.get_mut(LENGTH_AT..HEADER_BYTES).ok_or(ErrorKind::InvalidData)?;
    place.copy_from_slice(&length.to_le_bytes());
    Ok(member)
}

/// Whether a file or folder carries the append-only or immutable attribute (`chattr +a`, `+i`).
fn append_only(path: &std::path::Path) -> bool {
    let flags = File::open(path)
        .map_err(|_unreadable| ())
        .and_then(|file| rustix::fs::ioctl_getflags(&file).map_err(|_none| ()));
    flags.is_ok_and(|flags| flags.intersects(rustix::fs::IFlags::APPEND | rustix::fs::IFlags::IMMUTABLE))
}

/// Reads parts of a segment.
pub(crate) struct Reader {
    file: File,
    path: std::path::PathBuf,
    form: Form,
    /// Where each member begins in the file, as far as it was looked for.
    members: Vec<u64>,
    /// The members that were unpacked last: a record can lie across two.
    kept: [Option<(usize, Vec<u8>)>; 2],
}

impl Reader {
    pub(crate) fn open(file: &SegmentFile) -> Result<Self, Error> {
        let (open, form) = segment::open(file)?;
        Ok(Self { file: open, path: file.path.clone(), form, members: vec![0], kept: [None, None] })
    }

    /// The bytes from `start` to `end` of the unpacked segment; fewer where it ends before.
    pub(crate) fn read(&mut self, start: usize, end: usize) -> Result<Vec<u8>, Error> {
        let length = end.saturating_sub(start).min(MEMBER_BYTES);
        if self.form == Form::Plain {
            let mut bytes = vec![0; length];
            let at = u64::try_from(start).unwrap_or(u64::MAX);
            return match self.file.read_exact_at(&mut bytes, at) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(Error::io("read", &self.path, error)),
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
        let failed = |path: &std::path::Path, error: std::io::Error| Error::io("unpack", path, error);
        while self.members.len() <= number {
            let at = self.members.last().copied().unwrap_or_default();
            let length = self.packed_length(at).map_err(|error| failed(&self.path, error))?;
            self.members.push(at.saturating_add(u64::from(length)));
        }
        let at = self.members.get(number).copied().unwrap_or(u64::MAX);
        let length = self.packed_length(at).map_err(|error| failed(&self.path, error))?;
        let mut packed = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut packed, at).map_err(|error| failed(&self.path, error))?;
        let mut bytes = Vec::with_capacity(MEMBER_BYTES);
        let limit = u64::try_from(MEMBER_BYTES).unwrap_or(u64::MAX);
        GzDecoder::new(packed.as_slice())
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&self.path, error))?;
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
