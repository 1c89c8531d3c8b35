//! Backups that are made, or brought back, at the command line, on record. A house that runs has the log, and is handed
//! what was done.

use crate::secret_record::{NotRecorded, SecretRecord};
use audit::{BackupAct, Content, Entry, Event, Log, Subject};
use domain::Principal;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What was done with a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupNote {
    version: u32,
    act: String,
    path: String,
    /// The digest of its bytes; empty where it has none.
    digest: String,
    detail: String,
}

impl BackupNote {
    /// `act` was done with the backup at `path`, whose bytes have `digest`.
    #[must_use]
    pub fn new(act: BackupAct, path: &Path, digest: &str, detail: String) -> Self {
        let path = path.display().to_string();
        Self { version: VERSION, act: act.as_str().to_string(), path, digest: digest.to_string(), detail }
    }

    /// Puts it into the log of the home at `root`, or hands it to the house that runs there.
    /// A home that never had a log has none to put it into.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`].
    pub async fn keep(self, root: &Path) -> Result<(), NotRecorded> {
        let record = SecretRecord::open(root).await?;
        record.note_backup(self).await?;
        record.close().await
    }

    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn is_known(&self) -> bool {
        BackupAct::parse(&self.act).is_some()
    }

    /// What the log is told; nothing of an unknown act.
    pub(crate) fn entry(&self, log: &Log) -> Option<Entry> {
        let act = BackupAct::parse(&self.act)?;
        let content = Content::of("backup", self.digest.as_bytes(), log.content_key());
        let event = Event::Backup { act, path: self.path.clone(), content, detail: self.detail.clone() };
        let subject = Subject { principal: Some(Principal::owner()), ..Subject::default() };
        Some(Entry { subject, event })
    }
}

const VERSION: u32 = 1;
