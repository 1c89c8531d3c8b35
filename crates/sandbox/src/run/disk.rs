//! What a command has written to its change set so far, while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{FileKind, PathError};
use crate::spec::{Spec, WorkspaceMode};
use crate::transaction::{CHANGES_MAX, UPPER};
use crate::within::Within;

/// How long nobody looks after a look: what is written meanwhile is over the limit.
const LOOK: Duration = Duration::from_millis(200);

/// A look may take this part of the time, however much there is to look at.
const SHARE: u32 = 10;

/// The upper folder of a change set, and what it may hold.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    upper: Arc<Within>,
    bytes_max: u64,
}

impl Disk {
    /// Of a command whose changes are kept apart; the others write where nobody can tell theirs from other people's.
    pub(super) fn of(spec: &Spec) -> Result<Option<Self>, PathError> {
        match spec.workspace.as_ref().map(|workspace| &workspace.mode) {
            Some(WorkspaceMode::Transaction(folder)) => {
                let upper = Arc::new(Within::open(&folder.join(UPPER))?);
                Ok(Some(Self { upper, bytes_max: spec.limits.disk_bytes }))
            }
            Some(WorkspaceMode::InPlace) | None => Ok(None),
        }
    }

    /// Resolves once there is more than there may be.
    pub(super) async fn is_full(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let (disk, begun) = (self.clone(), Instant::now());
            // One that could not look has nothing to say; the change set is looked at again when all is over.
            if tokio::task::spawn_blocking(move || disk.holds_too_much()).await.unwrap_or(false) {
                return;
            }
            tokio::time::sleep(begun.elapsed().saturating_mul(SHARE)).await;
        }
    }

    fn holds_too_much(&self) -> bool {
        let (mut bytes, mut entries) = (0_u64, 0_usize);
        let mut waiting = vec![PathBuf::from(".")];
        while let Some(folder) = waiting.pop() {
            // A folder that was removed meanwhile holds nothing.
            for entry in self.upper.list(&folder, CHANGES_MAX).unwrap_or_default() {
                entries = entries.saturating_add(1);
                match entry.found.kind {
                    FileKind::Folder => waiting.push(below(&folder, &entry.name)),
                    FileKind::File => bytes = bytes.saturating_add(entry.found.bytes),
                    FileKind::Link | FileKind::Pipe | FileKind::Socket | FileKind::Device => {}
                }
            }
            if bytes > self.bytes_max || entries > CHANGES_MAX {
                return true;
            }
        }
        false
    }
}

fn below(folder: &Path, name: &std::ffi::OsStr) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}
