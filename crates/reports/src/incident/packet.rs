//! The packet of an incident: a zip of what was found, with the log, signed by the log's key, so that a second machine
//! can check that nothing in it was changed and that the log in it is whole.

use super::Scope;
use audit::{Against, Checkpoint, Go, KeySource, Kind, PublicKey, Record, Report, Seq};
use audit_query::{Filter, Order};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const MANIFEST: &str = "MANIFEST";
const SIGNATURE: &str = "SIGNATURE";
const PUBLIC_KEY: &str = "public-key.txt";
/// First line of the manifest.
const HEADER: &str = "hardshell incident packet v2";
/// The same of packets that hold the whole log.
const HEADER_OF_ALL: &str = "hardshell incident packet v1";
/// The first signature in the part of the log that the packet holds: there the check begins.
const FROM: &str = "log-from.txt";
/// The folder of the log in the packet.
const LOG: &str = "log/";
/// The most files of a packet that is read.
const FILES_MAX: usize = 20_000;
/// The longest file of a packet that is read, in bytes: a segment has at most 64 MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of all files together.
const ALL_BYTES_MAX: u64 = 16 << 30;

/// What goes into a packet.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The folder of the log.
    pub log: &'a Path,
    /// The log's key, which signs.
    pub key: &'a KeySource,
    /// The time that is looked at: of the log, the segments of it go along, up to the first signature behind them.
    pub scope: &'a Scope,
    /// Files by their name in the packet: reports, configuration, facts about the system.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What a check of a packet showed.
#[derive(Debug)]
pub struct Verified {
    /// How many files it holds, all of them as they were signed.
    pub files: usize,
    /// The key that signed it.
    pub key: PublicKey,
    /// The part of the log in it.
    pub log: Report,
}

/// A packet that cannot be made, or is not as it was signed.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// A file cannot be read or written.
    #[error("{step} {}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no zip file, or a broken one.
    #[error("read it as a zip file")]
    Zip(#[from] zip::result::ZipError),
    /// A part is missing.
    #[error("`{name}` is missing from it")]
    Missing {
        /// Which.
        name: String,
    },
    /// A part is there that the manifest does not know.
    #[error("`{name}` was added to it")]
    Added {
        /// Which.
        name: String,
    },
    /// A part was changed.
    #[error("`{name}` was changed")]
    Changed {
        /// Which.
        name: String,
    },
    /// The manifest or its signature is not as it was made.
    #[error("its signature does not fit its manifest")]
    Signature,
    /// It was signed by another key than expected.
    #[error("it was signed by the key {found}")]
    OtherKey {
        /// By which.
        found: String,
    },
    /// More than is read.
    #[error("it is larger than a packet may be")]
    TooLarge,
    /// The log's files or key cannot be used.
    #[error("use the log")]
    Log(#[from] audit::Error),
}

fn at(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PacketError {
    let path = path.to_path_buf();
    move |source| PacketError::Io { step, path, source }
}

/// Writes a packet to `out`, which must not exist.
///
/// # Errors
///
/// [`PacketError`]; what was begun is removed.
pub fn pack(out: &Path, facts: &Facts<'_>) -> Result<PublicKey, PacketError> {
    let file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(at("create", out))?;
    let written = write(file, out, facts);
    if written.is_err() {
        // The error that is told is the one above it.
        let _ = fs::remove_file(out);
    }
    written
}

fn write(file: File, out: &Path, facts: &Facts<'_>) -> Result<PublicKey, PacketError> {
    let key = PublicKey::of(facts.key)?;
    let mut zip = ZipWriter::new(file);
    let mut manifest = format!("{HEADER}\n");
    let mut put = |zip: &mut ZipWriter<File>, name: &str, bytes: &[u8]| -> Result<(), PacketError> {
        // Segments that are closed are packed already.
        let method =
            if name.ends_with(".gz") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o600);
        zip.start_file(name, options)?;
        zip.write_all(bytes).map_err(at("write", out))?;
        manifest.push_str(&format!("{} {} {name}\n", blake3::hash(bytes).to_hex(), bytes.len()));
        Ok(())
    };
    for (name, bytes) in &facts.files {
        put(&mut zip, name, bytes)?;
    }
    put(&mut zip, PUBLIC_KEY, format!("{key}\n").as_bytes())?;
    let part = Part::of(facts.log, facts.scope)?;
    if let Some(from) = &part.from {
        put(&mut zip, FROM, format!("{from}\n").as_bytes())?;
    }
    for path in segments(facts.log)?.into_iter().filter(|path| part.holds(path)) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = fs::read(&path).map_err(at("read", &path))?;
        put(&mut zip, &format!("{LOG}{name}"), &bytes)?;
    }
    let signature = audit::sign_statement(facts.key, manifest.as_bytes())?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file(MANIFEST, options)?;
    zip.write_all(manifest.as_bytes()).map_err(at("write", out))?;
    zip.start_file(SIGNATURE, options)?;
    zip.write_all(format!("{}\n", hex(&signature)).as_bytes()).map_err(at("write", out))?;
    let file = zip.finish()?;
    file.sync_all().map_err(at("flush", out))?;
    Ok(key)
}

/// The part of a log that goes into a packet.
struct Part {
    /// Its first and last segment.
    segments: (u64, u64),
    /// Its first signature; none where it begins with the log itself.
    from: Option<Checkpoint>,
}

impl Part {
    fn of(log: &Path, scope: &Scope) -> Result<Self, PacketError> {
        let of = |kind| Filter { kinds: vec![kind], order: Order::OldestFirst, ..Filter::default() };
        let mut headers: Vec<(u64, Seq, String)> = Vec::new();
        audit_query::visit(log, &of(Kind::Segment), &mut |record| {
            let fields: serde_json::Value = serde_json::from_str(record.json()).unwrap_or_default();
            let (number, name) = (fields.get("number"), fields.get("log"));
            if let (Some(number), Some(name)) =
                (number.and_then(|n| n.as_u64()), name.and_then(|n| n.as_str()))
            {
                headers.push((number, record.seq(), name.to_string()));
            }
            Go::On
        })?;
        let one = |filter: Filter| -> Result<Option<Record>, PacketError> {
            Ok(audit_query::query(log, &filter, 1)?.records.into_iter().next())
        };
        let (from, until) = (Some(scope.from), Some(scope.until));
        let first = one(Filter { from, until, order: Order::OldestFirst, ..Filter::default() })?;
        let last = one(Filter { from, until, order: Order::NewestFirst, ..Filter::default() })?;
        let signed = match &last {
            None => None,
            Some(last) => one(Filter { after: Some(last.seq()), ..of(Kind::Checkpoint) })?,
        };
        let before = |seq: Seq| headers.iter().rposition(|(_, first, _)| *first <= seq);
        let end = signed.and_then(|record| before(record.seq())).unwrap_or(headers.len().saturating_sub(1));
        let start = first.and_then(|record| before(record.seq())).unwrap_or(end);
        // Where its own segment has no signature yet, what stands before it begins with one.
        for at in (0..=start).rev() {
            let Some((number, seq, name)) = headers.get(at) else { continue };
            let last = headers.get(end).map_or(*number, |(number, _, _)| *number);
            let segments = (*number, last);
            if *seq == Seq(1) {
                return Ok(Self { segments, from: None });
            }
            let next = headers.get(at.saturating_add(1)).map(|(_, seq, _)| *seq);
            let within = Filter { after: Some(*seq), before: next, ..of(Kind::Checkpoint) };
            if let Some(from) = one(within)?.and_then(|record| Checkpoint::in_record(&record, name)) {
                return Ok(Self { segments, from: Some(from) });
            }
        }
        // Nothing in it is signed: all of it goes along.
        Ok(Self { segments: (0, u64::MAX), from: None })
    }

    fn holds(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let digits =
            name.strip_prefix("segment-").and_then(|rest| rest.split_once('.')).map(|(digits, _)| digits);
        let number = digits.and_then(|digits| digits.parse().ok());
        number.is_some_and(|number| (self.segments.0..=self.segments.1).contains(&number))
    }
}

/// The segments of a log, oldest first.
fn segments(folder: &Path) -> Result<Vec<PathBuf>, PacketError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at("list", folder))? {
        let path = entry.map_err(at("list", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("segment-") && (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Checks a packet: every file against its manifest, the manifest against its signature, the log in it against its own
/// chain. `expected` is the key of the house it must come from; without it the key is the one in the packet, which
/// shows that the packet is of one piece, and not whose it is. The log is unpacked into `scratch`, an empty folder.
///
/// # Errors
///
/// [`PacketError`]. A log that is not whole is no error, but a fault in the report.
pub fn verify(packet: &Path, expected: Option<PublicKey>, scratch: &Path) -> Result<Verified, PacketError> {
    let file = File::open(packet).map_err(at("open", packet))?;
    let mut zip = ZipArchive::new(file)?;
    if zip.len() > FILES_MAX {
        return Err(PacketError::TooLarge);
    }
    let manifest = text(&mut zip, MANIFEST)?;
    let signature = unhex(text(&mut zip, SIGNATURE)?.trim()).ok_or(PacketError::Signature)?;
    let named = text(&mut zip, PUBLIC_KEY)?;
    let found: PublicKey = named.parse().map_err(|_not_a_key| PacketError::Signature)?;
    if expected.is_some_and(|expected| expected != found) {
        return Err(PacketError::OtherKey { found: found.to_string() });
    }
    if !found.vouches_for(manifest.as_bytes(), &signature) {
        return Err(PacketError::Signature);
    }
    let log = scratch.join("log");
    fs::DirBuilder::new().mode(0o700).create(&log).map_err(at("create", &log))?;
    let mut lines = manifest.lines();
    if !lines.next().is_some_and(|line| line == HEADER || line == HEADER_OF_ALL) {
        return Err(PacketError::Signature);
    }
    let mut known = vec![MANIFEST.to_string(), SIGNATURE.to_string()];
    let mut all = 0_u64;
    let mut from = None;
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (Some(digest), Some(_length), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(PacketError::Signature);
        };
        let bytes = contents(&mut zip, name)?;
        all = all.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if all > ALL_BYTES_MAX {
            return Err(PacketError::TooLarge);
        }
        if blake3::hash(&bytes).to_hex().as_str() != digest {
            return Err(PacketError::Changed { name: name.to_string() });
        }
        // Only plain names of segments are unpacked, whatever the manifest says.
        if let Some(segment) = name.strip_prefix(LOG).filter(|name| is_segment(name)) {
            let path = log.join(segment);
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            made.and_then(|mut file| file.write_all(&bytes)).map_err(at("write", &path))?;
        }
        if name == FROM {
            let line = String::from_utf8_lossy(&bytes);
            from = Some(line.parse::<Checkpoint>().map_err(|_no_signature| PacketError::Signature)?);
        }
        known.push(name.to_string());
    }
    if let Some(added) = zip.file_names().find(|name| !known.iter().any(|known| known == name)) {
        return Err(PacketError::Added { name: added.to_string() });
    }
    let files = known.len();
    let against = Against { elsewhere: &[], since: from.as_ref() };
    let report = audit::verify(&log, found, against, &mut |_| Go::On)?;
    Ok(Verified { files, key: found, log: report })
}

fn is_segment(name: &str) -> bool {
    let number = name.strip_prefix("segment-").and_then(|rest| rest.split_once('.'));
    number.is_some_and(|(number, ending)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && matches!(ending, "jsonl" | "jsonl.gz")
    })
}

fn text(zip: &mut ZipArchive<File>, name: &str) -> Result<String, PacketError> {
    String::from_utf8(contents(zip, name)?).map_err(|_not_text| PacketError::Signature)
}

fn contents(zip: &mut ZipArchive<File>, name: &str) -> Result<Vec<u8>, PacketError> {
    let file = match zip.by_name(name) {
        Err(zip::result::ZipError::FileNotFound) => {
            return Err(PacketError::Missing { name: name.to_string() });
        }
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|_broken| PacketError::Changed { name: name.to_string() })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(PacketError::TooLarge);
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 64]> {
    let mut out = [0; 64];
    if text.len() != 128 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        let start = at.checked_mul(2)?;
        *byte = u8::from_str_radix(text.get(start..start.checked_add(2)?)?, 16).ok()?;
    }
    Some(out)
}
