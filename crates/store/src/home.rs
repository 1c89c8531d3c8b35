//! The database's file: who may reach it, that one process has it, and what becomes of a damaged one.

use crate::{Error, Opened, schema};
use domain::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use rustix::fs::{FlockOperation, OFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// `hshl`: says that the database is Hardshell's.
const APPLICATION_ID: i64 = 0x6873_686c;
/// What a damaged database is renamed to: this, and the time in milliseconds.
const SET_ASIDE: &str = "state.db.damaged-";
/// How many findings of a check are put into the error.
const FINDINGS_MAX: u32 = 5;

pub(crate) fn database_path(home: &Path) -> PathBuf {
    home.join("state.db")
}

/// The damaged databases that were set aside in `home`, oldest first.
///
/// # Errors
///
/// [`Error::Io`] when the folder cannot be listed.
pub fn backups_of_damage(home: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = |error| Error::io("list", home, error);
    let mut found = Vec::new();
    for file in fs::read_dir(home).map_err(list)? {
        let file = file.map_err(list)?;
        let digits =
            file.file_name().to_str().and_then(|name| name.strip_prefix(SET_ASIDE)).map(str::to_string);
        if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
            found.push(file.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Takes the database for this process, until the returned file is dropped.
pub(crate) fn lock(home: &Path) -> Result<File, Error> {
    let found = fs::symlink_metadata(home).map_err(|error| Error::io("open", home, error))?;
    if !found.is_dir() {
        return Err(Error::WrongType { path: home.to_path_buf(), wanted: "a folder" });
    }
    check(home, &found, 0o700)?;
    let path = home.join("state.lock");
    let file = open_private(&path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse { path: database_path(home) }),
        Err(error) => Err(Error::io("lock", &path, error)),
    }
}

/// Opens `home/state.db`, checks it and brings it up to date. The caller holds the lock.
pub(crate) fn connect(home: &Path, now: Timestamp, first: First) -> Result<(Connection, Opened), Error> {
    let path = database_path(home);
    if first == First::Was && is_nothing(&path)? {
        return Err(Error::Empty { path });
    }
    // Made here, not by SQLite, so that it is private from its first moment on; its companions take its mode.
    let is_new = open_private(&path)?.metadata().map_err(|error| Error::io("open", &path, error))?.len() == 0;
    for companion in companions(&path) {
        if companion.exists() {
            open_private(&companion)?;
        }
    }
    let opened = match open_checked(&path, is_new, first) {
        // A disk that failed once looks like damage too: it is set aside for what is there at the second look.
        Err(error) if error.damage().is_some() => {
            read_through(&path)?;
            open_checked(&path, is_new, first)
        }
        opened => opened,
    };
    match opened {
        Ok(opened) => {
            if is_new {
                // From now on its absence means that it is gone.
                flush(home)?;
            }
            Ok(opened)
        }
        Err(error) => match error.damage() {
            Some(detail) => Err(set_aside(home, &path, now, detail)?),
            None => Err(error),
        },
    }
}

/// Whether a home's first database may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// It may be the first start.
    MayBe,
    /// The home had one.
    Was,
}

/// Whether there is no file at `path`, or an empty one.
fn is_nothing(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_file() && found.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io("open", path, error)),
    }
}

fn open_checked(path: &Path, is_new: bool, first: First) -> Result<(Connection, Opened), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| Error::database("open", error))?;
    set_up(&connection)?;
    if !is_new {
        check_owner(&connection, path)?;
    }
    let from_version = schema::version(&connection)?;
    if from_version > schema::KNOWN {
        return Err(Error::Newer { path: path.to_path_buf(), found: from_version, known: schema::KNOWN });
    }
    if from_version == 0 && first == First::Was {
        return Err(Error::Empty { path: path.to_path_buf() });
    }
    let after_crash = from_version > 0 && !schema::was_closed(&connection)?;
    if after_crash {
        check_whole(&connection, path)?;
    }
    if from_version == 0 {
        // Before there is anything in it: a first start that is killed leaves one that the next knows as its own.
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(|error| Error::database("mark", error))?;
    }
    schema::migrate(&connection)?;
    schema::mark_open(&connection)?;
    Ok((connection, Opened { from_version, after_crash }))
}

/// Durability: in WAL mode `synchronous = FULL` flushes the log at each commit, so that what `Store::run` answers for
/// survives a power cut. `NORMAL` would flush only at checkpoints: enough against a crash of the process, but a
/// message could be acknowledged and gone. The price is one flush for each batch of waiting calls.
fn set_up(connection: &Connection) -> Result<(), Error> {
    let failed = |error| Error::database("set up", error);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    for (name, value) in [
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("cell_size_check", "ON"),
        ("temp_store", "MEMORY"),
        // In KiB: two MiB of pages, which holds the indexes of a busy home.
        ("cache_size", "-2048"),
        // In bytes: the log shrinks back to 16 MiB after a large change.
        ("journal_size_limit", "16777216"),
        // In milliseconds: only a reader like `sqlite3` by hand can be in the way.
        ("busy_timeout", "5000"),
    ] {
        connection.pragma_update(None, name, value).map_err(failed)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(failed)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

pub(crate) fn connect_in_memory() -> Result<Connection, Error> {
    let connection = Connection::open_in_memory().map_err(|error| Error::database("open", error))?;
    set_up(&connection)?;
    schema::migrate(&connection)?;
    Ok(connection)
}

/// Marks the database as closed in good order. One that was not is checked at the next start.
pub(crate) fn close(connection: Connection) {
    if let Err(error) = schema::mark_closed(&connection) {
        tracing::warn!(%error, "the database could not be marked as closed, and is checked at the next start");
    }
    if let Err((_connection, error)) = connection.close() {
        tracing::warn!(%error, "the database could not be closed");
    }
}

/// Copies the whole database to `path`, which must not be there.
pub(crate) fn copy(connection: &Connection, path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_made) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::Conflict {
                what: "file",
                id: path.display().to_string(),
                found: "there already",
            });
        }
        Err(error) => return Err(Error::io("create", path, error)),
    }
    connection.backup(MAIN_DB, path, None).map_err(|error| Error::database("copy", error))
}

/// Copies the database of `home` to the new file `to`, also while another process has it open: SQLite's own copy gives
/// one moment of it, whole.
///
/// # Errors
///
/// [`Error::Conflict`] when `to` is there; [`Error::NotFound`] when there is no database; [`Error::Database`],
/// [`Error::Io`].
pub fn snapshot(home: &Path, to: &Path) -> Result<(), Error> {
    let path = database_path(home);
    if !path.exists() {
        return Err(Error::NotFound { what: "database", id: path.display().to_string() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(&path, flags).map_err(|error| Error::database("open", error))?;
    connection
        .pragma_update(None, "busy_timeout", "5000")
        .map_err(|error| Error::database("set up", error))?;
    copy(&connection, to)
}

fn check_owner(connection: &Connection, path: &Path) -> Result<(), Error> {
    let id: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| Error::database("read", error))?;
    if id == APPLICATION_ID || schema::is_unborn(connection)? {
        return Ok(());
    }
    Err(Error::NotOurs { path: path.to_path_buf() })
}

fn check_whole(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = |error| Error::database("check", error);
    let mut statement =
        connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})")).map_err(failed)?;
    let findings = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let findings: Vec<String> = findings.collect::<Result<_, _>>().map_err(failed)?;
    if findings.iter().all(|finding| finding == "ok") {
        return Ok(());
    }
    Err(Error::Corrupt { set_aside: path.to_path_buf(), detail: findings.join("; ") })
}

/// Reads every byte of the database and of its log: what the disk does not give is not damaged for that.
fn read_through(path: &Path) -> Result<(), Error> {
    let [log, _shared_memory] = companions(path);
    for file in [path.to_path_buf(), log] {
        match File::open(&file).and_then(|mut open| io::copy(&mut open, &mut io::sink())) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("read", &file, error)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Renames the database and its companions. The error says where they are.
fn set_aside(home: &Path, path: &Path, now: Timestamp, detail: String) -> Result<Error, Error> {
    let set_aside = home.join(format!("{SET_ASIDE}{:013}", now.0));
    for (companion, ending) in companions(path).into_iter().zip(["-wal", "-shm"]) {
        let to = home.join(format!("{SET_ASIDE}{:013}{ending}", now.0));
        match fs::rename(&companion, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("set aside", &companion, error)),
        }
    }
    fs::rename(path, &set_aside).map_err(|error| Error::io("set aside", path, error))?;
    flush(home)?;
    Ok(Error::Corrupt { set_aside, detail })
}

fn flush(home: &Path) -> Result<(), Error> {
    File::open(home).and_then(|folder| folder.sync_all()).map_err(|error| Error::io("flush", home, error))
}

fn companions(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|ending| {
        let mut name = path.as_os_str().to_os_string();
        name.push(ending);
        PathBuf::from(name)
    })
}

fn open_private(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| Error::io("open", path, error))?;
    let found = file.metadata().map_err(|error| Error::io("open", path, error))?;
    if !found.is_file() {
        return Err(Error::WrongType { path: path.to_path_buf(), wanted: "a file" });
    }
    check(path, &found, 0o600)?;
    Ok(file)
}

fn check(path: &Path, found: &fs::Metadata, wanted: u32) -> Result<(), Error> {
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        return Err(Error::Foreign { path: path.to_path_buf(), owner: found.uid(), us });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_path_buf(), found: mode, wanted });
    }
    Ok(())
}
