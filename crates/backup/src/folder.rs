//! The folder of backups: their names, which there are, and which go.

use crate::Error;
use domain::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

const PREFIX: &str = "hardshell-";
const SUFFIX: &str = ".backup.age";
const FORM: &str = "%Y%m%dT%H%M%SZ";

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

/// Removes all but the newest `keep`, and returns what went. At least one always stays.
///
/// # Errors
///
/// [`Error::Io`].
pub fn rotate(folder: &Path, keep: usize) -> Result<Vec<PathBuf>, Error> {
    let all = list(folder)?;
    let surplus = all.len().saturating_sub(keep.max(1));
    let mut gone = Vec::new();
    for kept in all.into_iter().take(surplus) {
        fs::remove_file(&kept.path).map_err(Error::io("remove", &kept.path))?;
        gone.push(kept.path);
    }
    Ok(gone)
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
        assert_eq!(rotate(folder.path(), 2).unwrap().len(), 3);
        let left: Vec<u64> = list(folder.path()).unwrap().iter().map(|kept| kept.made.0 / day).collect();
        assert_eq!(left, [4, 5]);
        assert_eq!(rotate(folder.path(), 0).unwrap().len(), 1);
        assert!(folder.path().join("notes.txt").exists());
    }
}
