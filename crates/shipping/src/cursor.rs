//! How far a receiver has come: a small file that is whole or not there, beside the log and never in it.

use audit::{Hash, Seq};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;
/// The longest file: marks and words of bounded length.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The longest reason that is kept, in bytes.
const WHY_BYTES_MAX: usize = 1024;

/// Why a cursor could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The file cannot be read or written.
    #[error("{step} {}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is none of ours.
    #[error("read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// How far a receiver has come, and how it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    version: u32,
    /// The name of the log that the numbers are of.
    pub(crate) log: String,
    /// The last record that was taken or skipped on record; 0 before the first.
    pub(crate) seq: u64,
    /// Records that were sent, with their digests, rising: where the log was before, should it be put back to an
    /// older state.
    pub(crate) marks: Vec<Mark>,
    /// What was skipped and is not told to the receiver yet.
    pub(crate) gap: Option<Gap>,
    /// How often a record was taken.
    pub(crate) sent: u64,
    /// How often a batch was not taken.
    pub(crate) failed: u64,
    /// How many records were skipped.
    pub(crate) skipped: u64,
    /// When a batch was last taken, in milliseconds.
    pub(crate) last_sent: Option<u64>,
    /// Since when nothing is taken, in milliseconds.
    pub(crate) down_since: Option<u64>,
    /// Why the last batch was not taken.
    pub(crate) last_error: Option<String>,
    /// Whether it is on record that nothing is taken.
    pub(crate) told: bool,
    /// What was not taken and is not on record yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<Refused>,
}

/// A record that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    hash: String,
}

impl Mark {
    pub(crate) fn is_of(&self, hash: Hash) -> bool {
        self.hash == hash.to_string()
    }
}

/// Records that a receiver is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) why: String,
}

/// Records that a receiver would not take, until that is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// They are among those from this one.
    pub(crate) from: u64,
    /// To this one.
    pub(crate) to: u64,
    pub(crate) count: u64,
    /// What the receiver says of the last.
    pub(crate) why: String,
}

impl Gap {
    pub(crate) fn records(&self) -> u64 {
        self.to.saturating_sub(self.from).saturating_add(1)
    }
}

impl Cursor {
    /// At the beginning of the log of that name.
    pub(crate) fn at_start_of(log: &str) -> Self {
        Self { version: VERSION, log: log.to_string(), ..Self::default() }
    }

    /// The cursor at `path`; none when there is no file.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, CursorError> {
        let io = |source| CursorError::Io { step: "read", path: path.to_path_buf(), source };
        let bad = |reason: String| CursorError::Unreadable { path: path.to_path_buf(), reason };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io(error.into())),
        };
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
        let cursor: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if cursor.version != VERSION {
            return Err(bad(format!("it is of version {}, and {VERSION} is known", cursor.version)));
        }
        Ok(Some(cursor))
    }

    /// Puts it at `path`, whole and flushed, instead of what is there.
    pub(crate) fn keep(&self, path: &Path) -> Result<(), CursorError> {
        let io = |step| move |source| CursorError::Io { step, path: path.to_path_buf(), source };
        let text = serde_json::to_vec(self).map_err(|error| io("write")(io::Error::other(error)))?;
        let beside = path.with_extension("new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: OwnedFd = rustix::fs::open(&beside, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| io("write")(error.into()))?;
        let mut file = File::from(file);
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io("write"))?;
        std::fs::rename(&beside, path).map_err(io("replace"))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("flush the folder of"))
    }

    /// Goes on to `seq`, whose digest is `hash`.
    pub(crate) fn advance(&mut self, seq: Seq, hash: Hash) {
        self.seq = self.seq.max(seq.0);
        if self.marks.last().is_none_or(|last| last.seq < seq.0) {
            self.marks.push(Mark { seq: seq.0, hash: hash.to_string() });
        }
        self.thin();
    }

    /// Skips what `gap` names.
    pub(crate) fn skip(&mut self, gap: Gap) {
        self.seq = self.seq.max(gap.to);
        self.skipped = self.skipped.saturating_add(gap.records());
        self.gap = Some(match self.gap.take() {
            Some(before) if before.to.saturating_add(1) >= gap.from => {
                Gap { from: before.from.min(gap.from), to: gap.to, why: gap.why }
            }
            Some(before) => Gap { from: before.from, to: gap.to, why: before.why },
            None => gap,
        });
    }

    /// Counts what the receiver would not take; whoever calls goes on behind it.
    pub(crate) fn refuse(&mut self, refused: Refused) {
        let before = self.refused.take();
        let (from, count) = before.map_or((refused.from, 0), |before| (before.from, before.count));
        let why = bounded(&refused.why).to_string();
        let count = count.saturating_add(refused.count);
        self.refused = Some(Refused { from: from.min(refused.from), to: refused.to, count, why });
    }

    /// Goes back to `seq`: the log is not as it was behind it.
    pub(crate) fn go_back(&mut self, log: &str, seq: u64) {
        self.log = log.to_string();
        self.seq = seq;
        self.marks.retain(|mark| mark.seq <= seq);
        self.gap = None;
    }

    pub(crate) fn set_error(&mut self, why: &str) {
        self.last_error = Some(bounded(why).to_string());
    }

    /// Keeps one mark for each doubling of the distance from the end: never more than 65.
    fn thin(&mut self) {
        let end = self.seq;
        let distance = |mark: &Mark| u64::BITS.saturating_sub(end.saturating_sub(mark.seq).leading_zeros());
        let mut kept: Option<u32> = None;
        self.marks.retain(|mark| {
            let here = distance(mark);
            let keep = kept != Some(here);
            kept = Some(here);
            keep
        });
    }
}

fn bounded(why: &str) -> &str {
    let end = (0..=WHY_BYTES_MAX.min(why.len())).rev().find(|end| why.is_char_boundary(*end));
    why.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> Hash {
        Hash([number; 32])
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_kept_and_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siem.json");
        assert_eq!(Cursor::load(&path).unwrap(), None);
        let mut cursor = Cursor::at_start_of("0123");
        cursor.advance(Seq(7), hash(7));
        cursor.skip(Gap { from: 8, to: 9, why: "too far behind".to_string() });
        cursor.set_error("connection refused");
        cursor.keep(&path).unwrap();
        assert_eq!(Cursor::load(&path).unwrap(), Some(cursor));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_cursor_of_version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siem.json");
        let text = r#"{"version":1,"log":"0123","seq":9,"marks":[{"seq":7,"hash":"0707070707070707070707070707070707070707070707070707070707070707"}],"gap":{"from":8,"to":9,"why":"w"},"sent":7,"failed":0,"skipped":2,"last_sent":5,"down_since":null,"last_error":null,"told":false}"#;
        std::fs::write(&path, text).unwrap();
        let cursor = Cursor::load(&path).unwrap().unwrap();
        assert_eq!((cursor.seq, cursor.marks[0].is_of(hash(7)), cursor.skipped), (9, true, 2));
    }

    #[test]
    fn what_is_no_cursor_is_said_and_never_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siem.json");
        for text in ["", "{}", "{\"version\":2}", "not JSON"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Cursor::load(&path), Err(CursorError::Unreadable { .. })), "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(Cursor::load(&path), Err(CursorError::Io { .. })));
    }

    #[test]
    fn marks_stay_few_and_reach_back_to_the_start() {
        let mut cursor = Cursor::at_start_of("0123");
        for seq in 1..=100_000_u64 {
            cursor.advance(Seq(seq), hash(1));
        }
        assert!(cursor.marks.len() <= 65, "{}", cursor.marks.len());
        assert_eq!(cursor.marks.last().unwrap().seq, 100_000);
        assert!(cursor.marks.first().unwrap().seq < 50_000);
        assert!(cursor.marks.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    }

    #[test]
    fn what_is_refused_is_counted_together_and_comes_back_with_the_cursor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siem.json");
        let mut cursor = Cursor::at_start_of("0123");
        let refused = |from, to, count| Refused { from, to, count, why: "w".to_string() };
        cursor.refuse(refused(3, 3, 1));
        cursor.refuse(refused(5, 9, 4));
        cursor.keep(&path).unwrap();
        assert_eq!(Cursor::load(&path).unwrap().unwrap().refused, Some(refused(3, 9, 5)));
    }

    #[test]
    fn gaps_that_touch_are_told_as_one() {
        let mut cursor = Cursor::at_start_of("0123");
        let gap = |from, to| Gap { from, to, why: "w".to_string() };
        cursor.skip(gap(1, 10));
        cursor.skip(gap(11, 20));
        assert_eq!((cursor.gap.clone(), cursor.seq, cursor.skipped), (Some(gap(1, 20)), 20, 20));
    }
}
