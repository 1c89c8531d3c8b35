//! Brings a backup back: whole into a new folder, checked, and only then to its place.

use crate::create::{DEPTH_MAX, FILES_MAX, Progress};
use crate::manifest::{FORM, HEADER, HOME, MANIFEST, Manifest};
use crate::place::{flush, lock};
use crate::{Error, Opener};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// The longest header and manifest that are read, in bytes: a million files take about 150 MB.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// The most bytes that are brought back.
const ALL_BYTES_MAX: u64 = 1 << 40;
const BUFFER_BYTES: usize = 1 << 16;

/// What was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where it is.
    pub home: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Unpacks `backup` into the new folder `to` and checks every file. When anything does not fit, the folder is removed
/// again.
///
/// # Errors
///
/// [`Error::WrongKey`], [`Error::NotABackup`], [`Error::Version`], [`Error::Partial`], [`Error::Corrupt`],
/// [`Error::InTheWay`], [`Error::Io`].
pub fn restore(
    backup: &Path,
    opener: &Opener,
    to: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Restored, Error> {
    let file = File::open(backup).map_err(Error::io("open", backup))?;
    let opened = opener.open(io::BufReader::new(file), backup)?;
    match DirBuilder::new().mode(0o700).create(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::InTheWay { path: to.to_path_buf() });
        }
        made => made.map_err(Error::io("create", to))?,
    }
    let folder = File::open(to).map_err(Error::io("open", to))?;
    // Whoever tidies the home meanwhile leaves it alone; not every file system can say so.
    let _held_or_not = lock(&folder, to);
    let done = unpack(GzDecoder::new(opened), backup, to, progress).and_then(|done| {
        // The files are on disk, and with this their names.
        flush_folders(to, 0)?;
        Ok(done)
    });
    if done.is_err() {
        // The first error is the one that says why.
        let _ = fs::remove_dir_all(to);
    }
    Ok(Restored { home: to.to_path_buf(), manifest: done? })
}

/// Makes the names in `folder`, and in those in it, durable.
fn flush_folders(folder: &Path, depth: usize) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        if depth < DEPTH_MAX && entry.file_type().is_ok_and(|found| found.is_dir()) {
            flush_folders(&entry.path(), depth.saturating_add(1))?;
        }
    }
    flush(folder)
}

fn unpack(
    from: impl Read,
    backup: &Path,
    to: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Manifest, Error> {
    let corrupt = |what: &str| Error::Corrupt { path: backup.to_path_buf(), what: what.to_string() };
    // A stream that ends early and one that was changed look alike to whoever reads it; the manifest tells them apart.
    let broken = |error: io::Error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Error::Partial { path: backup.to_path_buf() }
        } else {
            corrupt(&error.to_string())
        }
    };
    let mut archive = tar::Archive::new(from);
    let mut found = BTreeMap::new();
    let mut manifest: Option<Manifest> = None;
    let mut done = Progress { files: 0, bytes: 0 };
    for (number, entry) in archive.entries().map_err(broken)?.enumerate() {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        if number == 0 {
            check_form(&path, &mut entry, backup)?;
            continue;
        }
        if path == Path::new(MANIFEST) {
            let mut text = Vec::new();
            entry.by_ref().take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(broken)?;
            manifest = Some(serde_json::from_slice(&text).map_err(|_not_json| corrupt("its manifest"))?);
            continue;
        }
        if manifest.is_some() {
            return Err(corrupt("something stands behind its manifest"));
        }
        if number > FILES_MAX {
            return Err(Error::TooLarge { path: backup.to_path_buf(), what: "files" });
        }
        let name = plain(&path).ok_or_else(|| corrupt("a name in it leads elsewhere"))?;
        if !entry.header().entry_type().is_file() {
            return Err(corrupt("it holds something that is no file"));
        }
        let mode = entry.header().mode().map_err(broken)? & 0o777;
        let (bytes, digest) = write(&mut entry, &to.join(&name), mode, to, &broken)?;
        done.files = done.files.saturating_add(1);
        done.bytes = done.bytes.saturating_add(bytes);
        if done.bytes > ALL_BYTES_MAX {
            return Err(Error::TooLarge { path: backup.to_path_buf(), what: "bytes" });
        }
        progress(&done);
        found.insert(name, (bytes, digest));
    }
    let manifest = manifest.ok_or_else(|| Error::Partial { path: backup.to_path_buf() })?;
    if manifest.files != found {
        return Err(corrupt("its files are not those of its manifest"));
    }
    Ok(manifest)
}

fn check_form(path: &Path, entry: &mut impl Read, backup: &Path) -> Result<(), Error> {
    let mut text = String::new();
    let read = entry.take(64).read_to_string(&mut text);
    let form = text.trim().parse::<u32>();
    match (path == Path::new(HEADER), read, form) {
        (true, Ok(_), Ok(FORM)) => Ok(()),
        (true, Ok(_), Ok(found)) => Err(Error::Version { path: backup.to_path_buf(), found, known: FORM }),
        (_, _, _) => Err(Error::NotABackup { path: backup.to_path_buf() }),
    }
}

/// The name below the home, when it is one that leads nowhere else.
fn plain(path: &Path) -> Option<String> {
    let name = path.to_str()?.strip_prefix(HOME)?;
    let mut parts = Path::new(name).components();
    let all_plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (all_plain && !name.is_empty()).then(|| name.to_string())
}

fn write(
    from: &mut impl Read,
    path: &Path,
    mode: u32,
    root: &Path,
    broken: &impl Fn(io::Error) -> Error,
) -> Result<(u64, String), Error> {
    let folder = path.parent().unwrap_or(root);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::io("create", folder))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = made.map_err(Error::io("create", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0_u64;
    loop {
        let count = from.read(&mut buffer).map_err(broken)?;
        if count == 0 {
            break;
        }
        let piece = buffer.get(..count).unwrap_or_default();
        hasher.update(piece);
        file.write_all(piece).map_err(Error::io("write", path))?;
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or_default());
    }
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))?;
    file.sync_all().map_err(Error::io("flush", path))?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}
