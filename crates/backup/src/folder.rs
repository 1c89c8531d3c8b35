//! The folder of backups: their names, which there are, and which go.

use crate::Error;
use domain::Timestamp;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "hardshell-";
const SUFFIX: &str = ".backup.age";
const FORM: &str = "%Y%m%dT%H%M%SZ";
/// What stands behind the name of a backup that is being made.
pub(crate) const UNFINISHED: &str = ".unfinished";
/// What else stood beside it in earlier versions: the database's copy, in plaintext.
const COPY: &str = ".database";

/// A backup in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// When it was made.
    pub made: Timestamp,
    /// How long it is.
    pub bytes: u64,
}

/// The name of a backup that is made at `now`: `hardshell-20261127T060500Z.backup.age`.
#[must_use]
pub fn file_name(now: Timestamp) -> String {
    let moment = i64::try_from(now.0).ok().and_then(|now| jiff::Timestamp::from_millisecond(now).ok());
    let text = moment.map_or_else(|| now.0.to_string(), |moment| moment.strftime(FORM).to_string());
    format!("{PREFIX}{text}{SUFFIX}")
}

/// The backups in `folder`, oldest first. Other files are passed over.
///
/// # Errors
///
/// [`Error::Io`].
pub fn list(folder: &Path) -> Result<Vec<Kept>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(text) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else {
            continue;
        };
        let Ok(civil) = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text) else { continue };
        let Ok(moment) = civil.to_zoned(jiff::tz::TimeZone::UTC) else { continue };
        let made = u64::try_from(moment.timestamp().as_millisecond()).unwrap_or_default();
        let bytes = entry.metadata().map_err(Error::io("read", &entry.path()))?.len();
        found.push(Kept { path: entry.path(), made: Timestamp(made), bytes });
    }
    found.sort_by(|left, right| left.made.cmp(&right.made).then(left.path.cmp(&right.path)));
    Ok(found)
}

/// The newest backup that was made before `time`.
///
/// # Errors
///
/// [`Error::Io`].
pub fn newest_before(folder: &Path, time: Timestamp) -> Result<Option<Kept>, Error> {
    Ok(list(folder)?.into_iter().rfind(|kept| kept.made < time))
}

/// Removes all but the newest `keep`, and returns what went. `made`, which was just made, always stays: a clock that was
/// wrong may have left some that seem newer.
///
/// # Errors
///
/// [`Error::Io`].
pub fn rotate(folder: &Path, keep: usize, made: &Path) -> Result<Vec<PathBuf>, Error> {
    let all = list(folder)?;
    let surplus = all.len().saturating_sub(keep.max(1));
    let mut gone = Vec::new();
    for kept in all.into_iter().filter(|kept| kept.path != made).take(surplus) {
        fs::remove_file(&kept.path).map_err(Error::io("remove", &kept.path))?;
        gone.push(kept.path);
    }
    Ok(gone)
}

/// Removes what processes that were killed left of the backups that they made in `folder`.
pub(crate) fn sweep(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let base = [UNFINISHED, COPY].iter().find_map(|ending| name.strip_suffix(ending));
        if base.is_some_and(|base| base.starts_with(PREFIX) && base.ends_with(SUFFIX)) {
            match given_up(&path) {
                Ok(()) | Err(Error::UnderWay { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Removes an unfinished backup, unless somebody is at it.
pub(crate) fn given_up(path: &Path) -> Result<(), Error> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(Error::io("open", path))?,
    };
    crate::place::lock(&file, path)?;
    fs::remove_file(path).map_err(Error::io("remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_one_before_a_moment_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let day = 86_400_000;
        for number in 1..=5 {
            fs::write(folder.path().join(file_name(Timestamp(number * day))), "x").unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let before = newest_before(folder.path(), Timestamp(3 * day)).unwrap().unwrap();
        assert_eq!(before.made, Timestamp(2 * day));
        assert_eq!(newest_before(folder.path(), Timestamp(day)).unwrap(), None);
        let newest = folder.path().join(file_name(Timestamp(5 * day)));
        assert_eq!(rotate(folder.path(), 2, &newest).unwrap().len(), 3);
        let left: Vec<u64> = list(folder.path()).unwrap().iter().map(|kept| kept.made.0 / day).collect();
        assert_eq!(left, [4, 5]);
        assert_eq!(rotate(folder.path(), 0, &newest).unwrap().len(), 1);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn what_was_just_made_stays_also_beside_what_a_wrong_clock_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |day: u64| folder.path().join(file_name(Timestamp(day * 86_400_000)));
        for day in [1, 2, 9_000] {
            fs::write(at(day), "x").unwrap();
        }
        assert_eq!(rotate(folder.path(), 1, &at(2)).unwrap(), [at(1), at(9_000)]);
        assert!(at(2).exists());
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_being_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let base = |day: u64| file_name(Timestamp(day * 86_400_000));
        let left = [format!("{}.unfinished", base(1)), format!("{}.database", base(1))];
        let stays = [format!("{}.unfinished", base(2)), base(1), "my.database".to_string()];
        for name in left.iter().chain(&stays) {
            fs::write(at(name), "x").unwrap();
        }
        let somebody = File::open(at(&stays[0])).unwrap();
        crate::place::lock(&somebody, &at(&stays[0])).unwrap();
        sweep(folder.path()).unwrap();
        assert!(left.iter().all(|name| !at(name).exists()));
        assert!(stays.iter().all(|name| at(name).exists()));
        assert!(matches!(given_up(&at(&stays[0])), Err(Error::UnderWay { .. })));
    }
}
