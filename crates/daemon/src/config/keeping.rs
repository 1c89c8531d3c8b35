//! What is kept, for how long, and where else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[audit]`. Nothing is removed unless one of these says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSection {
    /// Records that are older than this many days are removed, by whole segments.
    pub keep_days: Option<u32>,
    /// The oldest segments are removed until the log takes no more than this on disk, in MiB.
    pub keep_mib: Option<u64>,
}

impl AuditSection {
    /// The same for the log.
    #[must_use]
    pub fn retention(self) -> audit::Retention {
        let day = std::time::Duration::from_secs(86_400);
        audit::Retention {
            age: self.keep_days.map(|days| day.saturating_mul(days)),
            bytes: self.keep_mib.map(|mib| mib.saturating_mul(1 << 20)),
        }
    }
}

/// `[backup]`. Without recipients there is no daily backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupSection {
    /// Who can open the backups: age recipients, as `hardshell backup key` prints one.
    pub recipients: Vec<String>,
    /// Where they are kept; `backups` in the home when left out.
    pub folder: Option<PathBuf>,
    /// How many are kept; the oldest go.
    pub keep: usize,
}

impl Default for BackupSection {
    fn default() -> Self {
        Self { recipients: Vec::new(), folder: None, keep: 14 }
    }
}

impl BackupSection {
    /// Where the backups of the home at `root` are kept.
    #[must_use]
    pub fn folder(&self, root: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| root.join("backups"))
    }
}
