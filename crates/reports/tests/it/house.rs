//! A log in a temporary folder.

use audit::{Deed, Entry, Event, KeySource, Log, NothingSecret, Opened, Subject, Target, TargetKind};
use domain::{ActionDigest, Effect, RuleHit, Timestamp, Verdict};
use std::path::PathBuf;
use std::sync::Arc;

pub struct House {
    pub temporary: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        Self { temporary: tempfile::tempdir().unwrap() }
    }

    pub fn folder(&self) -> PathBuf {
        self.temporary.path().join("audit")
    }

    pub fn key(&self) -> KeySource {
        KeySource::File(self.temporary.path().join("audit.key"))
    }

    pub fn open(&self, now: Timestamp) -> (Log, Opened) {
        Log::open(&self.folder(), &self.key(), Arc::new(NothingSecret), now).unwrap()
    }
}

/// An intent to run `command`.
pub fn intent(command: &str) -> Entry {
    let deed = Deed {
        name: "shell.run".to_string(),
        effect: Effect::Execute,
        digest: ActionDigest::from_hex(&"ab".repeat(32)).unwrap(),
        targets: vec![Target::new(TargetKind::Command, command)],
        contents: Vec::new(),
    };
    let rules = vec![RuleHit {
        verdict: Verdict::Allow,
        id: "may.run".to_string(),
        why: "it is on the list".to_string(),
    }];
    let subject = Subject { session: Some("s1".parse().unwrap()), ..Subject::default() };
    Entry { subject, event: Event::Intent { deed, rules, isolation: Some("full".to_string()) } }
}
