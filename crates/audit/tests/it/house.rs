//! A log in a temporary folder, and ways to spoil it.

use audit::{
    Against, Content, ContentKey, Deed, Entry, Event, Go, KeySource, Log, NothingSecret, Opened, PublicKey,
    Recordable, Report, Seq, Subject, Target, TargetKind,
};
use domain::{ActionDigest, Effect, RuleHit, Timestamp, Verdict};
use std::fs;
use std::path::{Path, PathBuf};
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

    pub fn verify(&self, key: PublicKey) -> Report {
        verify(&self.folder(), key, Against::default())
    }
}

pub fn verify(folder: &Path, key: PublicKey, against: Against<'_>) -> Report {
    audit::verify(folder, key, against, &mut |_| Go::On).unwrap()
}

/// The plain segments of a log, oldest first.
pub fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    paths
}

pub fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The lines of a file, each with its line feed.
pub fn lines(path: &Path) -> Vec<Vec<u8>> {
    fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
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

pub fn content(key: &ContentKey) -> Content {
    Content::of("text", b"hello", key)
}

/// Something to record.
#[derive(Debug)]
pub struct Wish(pub String);

impl Recordable for Wish {
    fn entry(&self) -> Entry {
        intent(&self.0)
    }
}

pub async fn note(log: &Log, command: &str, now: Timestamp) -> Seq {
    log.note(intent(command), now).await.unwrap()
}
