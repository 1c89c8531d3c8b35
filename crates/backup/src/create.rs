//! Makes a backup.

use crate::manifest::{FORM, HEADER, HOME, MANIFEST, Manifest};
use crate::place::lock as lock_file;
use crate::{Error, Lock, folder};
use domain::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files and folders of a home that are not taken along, each with the reason that the manifest gives.
const LEFT_OUT: [(&str, &str); 14] = [
    ("vault.key", "the vault's key: with it whoever opens the backup would have every secret"),
    ("backups", "the other backups"),
    ("run", "sockets and what belongs to a running program"),
    ("trash", "what was deleted"),
    ("lockdown", "the stop switch, which belongs to the machine"),
    ("shipping", "how far the receivers of the log have come, which belongs to the machine"),
    ("suspended", "what is suspended, which belongs to the machine"),
    ("audit.seen", "how far the audit log was seen signed, which belongs to the machine"),
    ("audit.seen.new", "how far the audit log was seen signed, which belongs to the machine"),
    ("state.db", "copied by the database itself"),
    ("state.db-wal", "copied by the database itself"),
    ("state.db-shm", "copied by the database itself"),
    ("state.lock", "belongs to a running program"),
    ("vault.lock", "belongs to a running program"),
];
/// Endings of files that can be made anew.
const MADE_ANEW: [&str; 3] = [".index", ".packing", ".new"];
/// Where a home keeps what belongs to a running program: the database's copy too, which never leaves the home.
const RUN: &str = "run";
/// That copy.
const COPY: &str = "backup.database";
/// The most files of one backup.
pub(crate) const FILES_MAX: usize = 1_000_000;
/// The deepest folder.
pub(crate) const DEPTH_MAX: usize = 64;

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its digest (BLAKE3).
    pub digest: String,
    /// What it holds.
    pub manifest: Manifest,
}

type Archive<W> = tar::Builder<GzEncoder<W>>;

/// Makes a backup of `home` as the file `to`, which must not exist. Can run while Hardshell does; two of one home wait
/// for each other. `checkpoint` is the log's last signature. Nothing is left behind when it fails, and no plaintext is
/// written outside of the home at any time. What a process that was killed left is removed by the next one.
///
/// # Errors
///
/// [`Error`].
pub fn create(
    home: &Path,
    to: &Path,
    lock: &Lock,
    checkpoint: Option<String>,
    now: Timestamp,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Made, Error> {
    let _turn = turn(home)?;
    if to.exists() {
        return Err(Error::InTheWay { path: to.to_path_buf() });
    }
    let copy = home.join(RUN).join(COPY);
    remove(&copy)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder::sweep(folder)?;
    let unfinished = beside(to);
    folder::given_up(&unfinished)?;
    // Whoever is told of that knows that it has begun.
    progress(&Progress { files: 0, bytes: 0 });
    let made = (|| {
        // The database first: the log is read after it, and so knows of everything in it.
        store::snapshot(home, &copy)?;
        let (manifest, _held) = write(home, &unfinished, &copy, lock, checkpoint, now, progress)?;
        remove(&copy)?;
        fs::rename(&unfinished, to).map_err(Error::io("rename", &unfinished))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("flush", folder))?;
        let (bytes, digest) = digest_of(to)?;
        Ok(Made { path: to.to_path_buf(), bytes, digest, manifest })
    })();
    if made.is_err() {
        // The first error is the one that says why.
        let _ = remove(&unfinished);
        let _ = remove(&copy);
    }
    made
}

/// Where a backup of `home` as the file `to` is until it is whole.
#[must_use]
pub fn unfinished(home: &Path, to: &Path) -> [PathBuf; 3] {
    let run = home.join(RUN);
    [beside(to), run.join(COPY), run.join(format!("{COPY}-journal"))]
}

fn beside(to: &Path) -> PathBuf {
    let mut unfinished = to.as_os_str().to_os_string();
    unfinished.push(folder::UNFINISHED);
    PathBuf::from(unfinished)
}

/// Waits until no other process makes a backup of this home.
fn turn(home: &Path) -> Result<File, Error> {
    let run = home.join(RUN);
    DirBuilder::new().recursive(true).mode(0o700).create(&run).map_err(Error::io("create", &run))?;
    let path = run.join("backup.lock");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(Error::io("open", &path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| Error::io("lock", &path)(error.into()))?;
    Ok(file)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn digest_of(path: &Path) -> Result<(u64, String), Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let bytes = io::copy(&mut file, &mut hasher).map_err(Error::io("read", path))?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

fn write(
    home: &Path,
    to: &Path,
    database: &Path,
    lock: &Lock,
    checkpoint: Option<String>,
    now: Timestamp,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(Manifest, File), Error> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(Error::io("create", to))?;
    // Whoever finds it meanwhile sees that somebody is at it; not every file system can say so.
    let _held_or_not = lock_file(&file, to);
    let held = file.try_clone().map_err(Error::io("open", to))?;
    let locked = lock.wrap(file, to)?;
    let archive = tar::Builder::new(GzEncoder::new(locked, Compression::default()));
    let manifest = Manifest {
        made: now.0,
        program: env!("CARGO_PKG_VERSION").to_string(),
        checkpoint,
        ..Manifest::default()
    };
    let mut pack = Pack { archive, to, manifest, done: Progress { files: 0, bytes: 0 }, progress };
    pack.text(HEADER, format!("{FORM}\n").as_bytes())?;
    pack.file(database, "state.db")?;
    pack.folder(home, home, 0)?;
    for (name, why) in LEFT_OUT {
        if home.join(name).exists() && !name.starts_with("state.db") {
            pack.manifest.left_out.push(format!("{name}: {why}"));
        }
    }
    let manifest = pack.manifest.clone();
    let last = serde_json::to_vec(&manifest).map_err(|error| Error::io("describe", to)(error.into()))?;
    pack.text(MANIFEST, &last)?;
    let failed = Error::io("write", to);
    let finished = (|| pack.archive.into_inner()?.finish()?.finish()?.sync_all())();
    finished.map_err(failed)?;
    Ok((manifest, held))
}

struct Pack<'a, W: Write> {
    archive: Archive<W>,
    to: &'a Path,
    manifest: Manifest,
    done: Progress,
    progress: &'a mut dyn FnMut(&Progress),
}

impl<W: Write> Pack<'_, W> {
    fn text(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_cksum();
        self.archive.append_data(&mut header, name, bytes).map_err(Error::io("write", self.to))
    }

    fn folder(&mut self, home: &Path, folder: &Path, depth: usize) -> Result<(), Error> {
        let entries = fs::read_dir(folder).map_err(Error::io("list", folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(Error::io("list", folder))?.path());
        }
        paths.sort();
        for path in paths {
            let Ok(name) = path.strip_prefix(home) else { continue };
            let name = name.to_path_buf();
            let shown = name.display().to_string();
            if (depth == 0 && crate::place::is_of_a_restore(&shown))
                || LEFT_OUT.iter().any(|(left, _)| Path::new(left) == name)
                || MADE_ANEW
                    .iter()
                    .any(|ending| depth == 1 && folder.ends_with("audit") && shown.ends_with(ending))
            {
                continue;
            }
            if is_segment(&shown) {
                self.segment(&path, &shown)?;
                continue;
            }
            // What went away while it was looked at is not there.
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_dir() && depth < DEPTH_MAX {
                self.folder(home, &path, depth.saturating_add(1))?;
            } else if found.is_file() {
                let Some(name) = name.to_str() else {
                    self.manifest.left_out.push(format!("{shown}: its name is no text"));
                    continue;
                };
                self.file(&path, name)?;
            } else {
                self.manifest.left_out.push(format!("{shown}: neither a file nor a folder, or too deep"));
            }
        }
        Ok(())
    }

    /// A segment of the log, which the house may pack meanwhile: then it is there under its other name. A log without
    /// one could not be proved.
    fn segment(&mut self, path: &Path, name: &str) -> Result<(), Error> {
        self.file(path, name)?;
        if self.manifest.files.contains_key(name) {
            return Ok(());
        }
        let (path, name) = (path.with_extension("jsonl.gz"), format!("{name}.gz"));
        self.file(&path, &name)?;
        if self.manifest.files.contains_key(&name) {
            return Ok(());
        }
        let gone = io::Error::new(io::ErrorKind::NotFound, "it was removed meanwhile; try again");
        Err(Error::io("read", &path)(gone))
    }

    /// As much of a file as it has now: the log's last segment grows meanwhile, and what it has is whole. Nothing when
    /// it is gone, or was taken along before.
    fn file(&mut self, path: &Path, name: &str) -> Result<(), Error> {
        if self.manifest.files.contains_key(name) {
            return Ok(());
        }
        if self.manifest.files.len() >= FILES_MAX {
            return Err(Error::TooLarge { path: self.to.to_path_buf(), what: "files" });
        }
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file.map_err(Error::io("open", path))?,
        };
        let found = file.metadata().map_err(Error::io("read", path))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(found.len());
        header.set_mode(found.mode() & 0o777);
        header.set_mtime(u64::try_from(found.mtime()).unwrap_or_default());
        header.set_cksum();
        let mut source = Hashing { inner: file.take(found.len()), hasher: blake3::Hasher::new(), read: 0 };
        self.archive
            .append_data(&mut header, format!("{HOME}{name}"), &mut source)
            .map_err(Error::io("write", self.to))?;
        if source.read != found.len() {
            let source = io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read");
            return Err(Error::io("read", path)(source));
        }
        let digest = source.hasher.finalize().to_hex().to_string();
        self.manifest.files.insert(name.to_string(), (found.len(), digest));
        self.done.files = self.done.files.saturating_add(1);
        self.done.bytes = self.done.bytes.saturating_add(found.len());
        (self.progress)(&self.done);
        Ok(())
    }
}

/// Whether a name in a home is that of a segment that is not packed.
fn is_segment(name: &str) -> bool {
    name.starts_with("audit/segment-") && name.ends_with(".jsonl")
}

struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
    read: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.hasher.update(into.get(..count).unwrap_or_default());
        self.read = self.read.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}
