//! What keeps the house's memory good, beside the tasks: the log is tidied and checked, a backup is made every day.

use crate::config::Config;
use crate::lockdown::Switch;
use crate::meters::Meters;
use crate::witness::{self, Seen};
use audit::{Against, BackupAct, Content, Entry, Event, Go, Log, Subject};
use backup::Lock;
use domain::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long after the start the first round begins: the start belongs to whoever waits for it.
const FIRST: Duration = Duration::from_secs(5);
/// How often it is looked whether a backup is due: a machine that slept over the time makes it when it wakes.
const MINUTE: Duration = Duration::from_secs(60);
/// How many times that is done before the log is tidied and checked again, and a backup that failed is tried again.
const MINUTES: u32 = 60;
/// The check of the log rests for so many times as long as a segment took: it goes over everything and is in no hurry.
const REST: u32 = 4;
/// It rests no longer than this after a segment, so that it ends within the hour, and a stop does not wait for it.
const REST_MAX: Duration = Duration::from_millis(200);
/// A backup is due when the last one is this old.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What keeps the memory good.
pub(crate) struct Keeping {
    pub(crate) log: Arc<Log>,
    pub(crate) switch: Switch,
    pub(crate) home: PathBuf,
    pub(crate) config: Config,
    pub(crate) meters: Arc<Meters>,
}

impl Keeping {
    /// For as long as the house stands.
    pub(crate) async fn keep(self) {
        let this = Arc::new(self);
        tokio::time::sleep(FIRST).await;
        loop {
            let round = Arc::clone(&this);
            if let Err(error) = tokio::task::spawn_blocking(move || round.look_after_log()).await {
                tracing::error!(%error, "looking after the audit log ended in a panic");
            }
            let mut failed = false;
            for _ in 0..MINUTES {
                failed = failed || !this.back_up((gateway::clock())()).await;
                tokio::time::sleep(MINUTE).await;
            }
        }
    }

    /// Packs, prunes and checks the log, from its first record on and each time again; somebody who changed it locks the
    /// house. What a restore that was killed had unpacked goes.
    fn look_after_log(&self) {
        if self.log.state() != audit::State::Writing {
            // What the disk did not take is closed by the next record that it does; until then there is nothing to pack.
            return;
        }
        if let Err(error) = backup::sweep(&self.home) {
            tracing::error!(%error, "what a restore left could not be removed");
        }
        let now = (gateway::clock())();
        let tidied = self.log.tidy(self.config.audit.retention(), now);
        if let Err(error) = tidied.and_then(|_| audit_query::index_closed(self.log.folder())) {
            tracing::error!(%error, "the audit log could not be tidied");
        }
        let seen = match witness::seen(&self.home) {
            Ok(Seen::Signed(signed)) => vec![signed],
            Ok(Seen::Nothing | Seen::Changed) | Err(_) => Vec::new(),
        };
        let against = Against { elsewhere: &seen, since: None };
        let (mut worked, mut begun) = (Duration::ZERO, std::time::Instant::now());
        let checked = audit::verify(self.log.folder(), self.log.public_key(), against, &mut |_| {
            let took = begun.elapsed();
            worked = worked.saturating_add(took);
            if self.log.state() == audit::State::Closed {
                return Go::Stop;
            }
            std::thread::sleep(took.saturating_mul(REST).min(REST_MAX));
            begun = std::time::Instant::now();
            Go::On
        });
        match checked {
            Ok(report) => match report.fault {
                None => self.meters.verified(worked, report.bytes),
                Some(fault) => self.switch.lock_or_say(&format!("somebody changed the audit log: {fault}")),
            },
            Err(error) => tracing::error!(%error, "the audit log could not be checked"),
        }
    }

    /// Makes the daily backup when it is due, and puts it on record either way. Tells whether nothing went wrong.
    async fn back_up(&self, now: Timestamp) -> bool {
        let section = &self.config.backup;
        let folder = section.folder(&self.home);
        // What a clock that was ahead has left says nothing of today.
        let before = |kept: &backup::Kept| kept.made <= now;
        let is_due = backup::list(&folder)
            .is_ok_and(|all| all.into_iter().rfind(before).is_none_or(|last| now.since(last.made) >= DAY));
        if section.recipients.is_empty() || !is_due {
            return true;
        }
        let checkpoint = self.log.checkpoint().await.ok().map(|checkpoint| checkpoint.to_string());
        let (home, keep, recipients) = (self.home.clone(), section.keep, section.recipients.clone());
        let to = folder.join(backup::file_name(now));
        let made = tokio::task::spawn_blocking(move || {
            let lock = Lock::for_recipients(recipients.iter().map(String::as_str))?;
            let made = backup::create(&home, &to, &lock, checkpoint, now, &mut |_progress| {})?;
            backup::rotate(&folder, keep, &made.path)?;
            Ok::<_, backup::Error>(made)
        });
        let (act, path, bytes, detail) = match made.await {
            Ok(Ok(made)) => {
                let detail = format!("{} files", made.manifest.files.len());
                (BackupAct::Made, made.path, made.digest, detail)
            }
            Ok(Err(error)) => (
                BackupAct::Failed,
                section.folder(&self.home),
                String::new(),
                crate::tasks::error_chain(&error),
            ),
            Err(error) => (BackupAct::Failed, section.folder(&self.home), String::new(), error.to_string()),
        };
        if act == BackupAct::Failed {
            tracing::error!(detail, "the daily backup could not be made");
        }
        let content = Content::of("backup", bytes.as_bytes(), self.log.content_key());
        let event = Event::Backup { act, path: path.display().to_string(), content, detail };
        if let Err(error) = self.log.note(Entry { subject: Subject::default(), event }, now).await {
            tracing::error!(%error, "a backup could not be recorded");
        }
        act == BackupAct::Made
    }
}
