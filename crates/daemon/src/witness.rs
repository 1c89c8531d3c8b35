//! Remembers, outside of the audit log, the last signature that was seen in it: whoever can write the log's files and
//! nothing else can then neither cut it, nor write it anew, nor put an older one in its place.

use audit::{Against, Checkpoint, Error, Fault, Go, KeySource, Log, PublicKey};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of the file in the home: one line, as `hardshell audit checkpoint` prints it. It belongs to the machine:
/// a backup leaves it out, and a restore sets it aside.
pub(crate) const FILE: &str = "audit.seen";
/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 1024;
/// How long signatures are gathered before the last of them is written down: a busy log has several in a second.
const GATHER: Duration = Duration::from_secs(1);

/// What was remembered.
pub(crate) enum Seen {
    /// Nothing: the home is new, was restored, or is of an older Hardshell.
    Nothing,
    /// This signature.
    Signed(Checkpoint),
    /// The file is there, and was not written like this.
    Changed,
}

/// What was remembered in the home at `root`. To be asked before the log is looked at: it may grow in between.
pub(crate) fn seen(root: &Path) -> Result<Seen, Error> {
    let path = root.join(FILE);
    let file = match audit::open_private(&path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(Seen::Nothing),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut bytes).map_err(|source| Error::Io {
        step: "read",
        path,
        source: Arc::new(source),
    })?;
    let line = String::from_utf8_lossy(&bytes);
    Ok(line.parse().map_or(Seen::Changed, Seen::Signed))
}

/// What stands against the log of the home at `root`, by what was remembered of it; nothing when nothing does. Reads
/// what was written since then, and the segment before it.
///
/// # Errors
///
/// As [`audit::verify`].
pub(crate) fn against(root: &Path, key: &KeySource) -> Result<Option<String>, Error> {
    let signed = match seen(root)? {
        Seen::Nothing => return Ok(None),
        Seen::Changed => return Ok(Some(CHANGED.to_string())),
        Seen::Signed(signed) => signed,
    };
    let folder = root.join("audit");
    let key = match PublicKey::of(key) {
        Err(Error::KeyMissing { .. }) if !folder.exists() => return Ok(Some(gone(&signed))),
        key => key?,
    };
    let from = Against { elsewhere: &[], since: Some(&signed) };
    match audit::verify(&folder, key, from, &mut |_| Go::On) {
        Err(_) if !folder.exists() => Ok(Some(gone(&signed))),
        report => Ok(report?.fault.as_ref().map(Fault::to_string)),
    }
}

/// What is said when the file was changed.
pub(crate) const CHANGED: &str =
    "`audit.seen`, which keeps the last signature of the audit log outside of it, is not as it was written";

/// What is said when there is no log any more.
pub(crate) fn gone(signed: &Checkpoint) -> String {
    format!("record {}: the whole log is gone; `{FILE}` has the signature over this record", signed.seq)
}

/// Keeps the signatures of a log.
#[derive(Clone)]
pub(crate) struct Witness {
    log: Arc<Log>,
    root: PathBuf,
}

impl Witness {
    pub(crate) fn of(log: Arc<Log>, root: &Path) -> Self {
        Self { log, root: root.to_path_buf() }
    }

    /// Writes down the signatures as they come, for as long as the house stands.
    pub(crate) async fn keep(self) {
        let mut tail = self.log.tail();
        self.remember().await;
        while let Some(next) = tail.next().await {
            if next.is_ok_and(|record| record.kind() != audit::Kind::Checkpoint) {
                continue;
            }
            tokio::time::sleep(GATHER).await;
            // What was signed in between is covered by what is asked for now.
            tail = self.log.tail();
            self.remember().await;
        }
    }

    /// Writes down that everything in the log so far was signed.
    pub(crate) async fn remember(&self) {
        // A log that takes no signature says so itself.
        let Ok(signed) = self.log.checkpoint().await else { return };
        let path = self.root.join(FILE);
        let written = tokio::task::spawn_blocking(move || write(&path, &format!("{signed}\n"))).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the last signature of the audit log could not be kept in {FILE}")
            }
            Err(error) => {
                tracing::error!(%error, "keeping the last signature of the audit log ended in a panic")
            }
        }
    }
}

/// Written beside and renamed, so that a crash leaves a whole line.
fn write(path: &Path, line: &str) -> std::io::Result<()> {
    let beside = path.with_extension("seen.new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::verify_log;
    use audit::{Entry, Event, NothingSecret, SignInAct, Subject};
    use domain::Timestamp;

    const NOW: Timestamp = Timestamp(1_760_000_000_000);

    fn open(root: &Path) -> Arc<Log> {
        let key = KeySource::File(root.join("audit.key"));
        Arc::new(Log::open(&root.join("audit"), &key, Arc::new(NothingSecret), NOW).unwrap().0)
    }

    /// Some records, each start remembered at its end as a house does.
    async fn run(root: &Path, records: usize) {
        let log = open(root);
        for number in 0..records {
            let event = Event::SignIn { act: SignInAct::Failed, from: number.to_string() };
            log.note(Entry { subject: Subject::default(), event }, NOW).await.unwrap();
        }
        Witness::of(Arc::clone(&log), root).remember().await;
        log.close();
    }

    fn copy(from: &Path, to: &Path) {
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }

    #[tokio::test]
    async fn a_log_that_was_put_back_cut_or_taken_away_is_not_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let (root, folder) = (home.path(), home.path().join("audit"));
        let key = KeySource::File(root.join("audit.key"));
        let check = || (against(root, &key).unwrap(), verify_log(root, &[]).unwrap());
        assert!(matches!(seen(root).unwrap(), Seen::Nothing));
        run(root, 5).await;
        let older = root.join("older");
        copy(&folder, &older);
        run(root, 5).await;
        let (what, report) = check();
        assert_eq!((what, report.fault.as_deref(), report.holds()), (None, None, true));
        let newer = root.join("newer");
        std::fs::rename(&folder, &newer).unwrap();
        let is_found = |expected: &str| {
            let (what, report) = check();
            assert!(what.as_ref().is_some_and(|what| what.contains(expected)), "{what:?}");
            assert!(!report.holds());
            assert!(report.fault.as_ref().is_some_and(|fault| fault.contains(expected)), "{report:?}");
        };
        // Taken away.
        is_found("the whole log is gone");
        // Begun anew, with the same key.
        drop(open(root));
        is_found("vouches for");
        std::fs::remove_dir_all(&folder).unwrap();
        // An older one in its place, also when it went on from there.
        std::fs::rename(&older, &folder).unwrap();
        is_found("the log was cut or an older one was put in its place");
        let log = open(root);
        for number in 0..20 {
            let event = Event::SignIn { act: SignInAct::Failed, from: format!("later {number}") };
            log.note(Entry { subject: Subject::default(), event }, NOW).await.unwrap();
        }
        log.close();
        drop(log);
        is_found("vouches for another record here");
        // The right one is right again; what was remembered must be as it was written.
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::rename(&newer, &folder).unwrap();
        assert_eq!(check().0, None);
        std::fs::write(root.join(FILE), "hardshell-checkpoint v1 nothing\n").unwrap();
        let (what, report) = check();
        assert_eq!((what.as_deref(), report.fault.as_deref()), (Some(CHANGED), Some(CHANGED)));
    }

    #[tokio::test]
    async fn signatures_are_remembered_as_they_come() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        let log = open(root);
        let keeps = tokio::spawn(Witness::of(Arc::clone(&log), root).keep());
        let mut last = None;
        for number in 0..3 {
            let event = Event::SignIn { act: SignInAct::Failed, from: number.to_string() };
            let seq = log.note(Entry { subject: Subject::default(), event }, NOW).await.unwrap();
            // A second without a record, and it is signed, and a second later remembered.
            loop {
                if let Seen::Signed(signed) = seen(root).unwrap()
                    && signed.seq >= seq
                {
                    assert!(log.public_key().signed(&signed));
                    assert!(last.replace(signed.seq) < Some(signed.seq));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        keeps.abort();
    }
}
