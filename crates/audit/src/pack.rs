//! Closed segments, packed: gzip members of a quarter of a MiB each, so that `zcat` reads the whole and a query reads
//! one record without unpacking the rest.

use crate::folder::{self, Folder, Form, SegmentFile, sync_folder};
use crate::{Error, segment};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;

/// How much of a segment goes into one member, in bytes.
pub const MEMBER_BYTES: usize = 256 * 1024;
/// A member's header as we write it: fixed part, and an extra field (RFC 1952, 2.3.1.1) `HS` of four bytes that holds
/// the member's packed length.
pub const HEADER_BYTES: usize = 10 + 2 + 4 + 4;
/// Where in the header the packed length stands.
pub const LENGTH_AT: usize = 16;

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
