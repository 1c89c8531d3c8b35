//! What is done to secrets at the command line, on record: what becomes of each, and the calls that prove new ones.
//! Never a value. A house that runs has the log, and is handed what was done in files of its own folder: in the vault
//! it sees only what is left of several changes.

use crate::backup_record::BackupNote;
use audit::{Entry, Event, KeySource, Log, NothingSecret, SecretAct, Subject};
use domain::{RuleHit, SecretName, Verdict};
use egress::{Observer, Record, Stage};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where what was done waits for a house that runs, below the home.
const FOLDER: &str = "run/secrets";
/// How many are taken at a time.
const TAKEN_MAX: usize = 64;
/// The largest file of one, in bytes.
const HANDED_BYTES_MAX: u64 = 16 * 1024;
const VERSION: u32 = 1;
/// Who made such a call, as records name it.
pub(crate) const WHO: &str = "secret rotate";

/// What is handed to a house that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Handed {
    Call(Call),
    Act(Act),
    Backup(BackupNote),
}

/// What became of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    version: u32,
    secret: String,
    act: String,
}

impl Act {
    fn read(&self) -> Option<(SecretName, SecretAct)> {
        Some((self.secret.parse().ok()?, SecretAct::parse(&self.act)?))
    }
}

/// A connection that a command of the owner's made with a new secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    version: u32,
    secret: String,
    host: String,
    port: u16,
    address: Option<IpAddr>,
    request: Option<String>,
    bytes_out: u64,
    bytes_in: u64,
    /// The rule that stopped it, and why.
    refused: Option<(String, String)>,
}

impl Call {
    fn of(secret: &SecretName, record: &Record) -> Option<Self> {
        let refused = match &record.stage {
            Stage::Refused { rule, why } => Some(((*rule).to_string(), why.clone())),
            Stage::Closed { .. } | Stage::Failed { .. } => None,
            Stage::Connecting | Stage::Misplaced { .. } => return None,
        };
        let path = record.path.as_deref().unwrap_or("/");
        Some(Self {
            version: VERSION,
            secret: secret.to_string(),
            host: record.destination.clone(),
            port: record.port,
            address: record.address,
            request: record.method.as_ref().map(|method| format!("{method} {path}")),
            bytes_out: record.sent_bytes,
            bytes_in: record.received_bytes,
            refused,
        })
    }

    /// What the log is told: that the secret went along, and the connection.
    fn entries(self) -> Vec<Entry> {
        let of = |event| Entry { subject: Subject::default(), event };
        let denied = self.refused.map(|(id, why)| RuleHit { verdict: Verdict::Deny, id, why });
        let verdict = denied.as_ref().map_or(Verdict::Allow, |hit| hit.verdict);
        let mut entries = Vec::new();
        if let (Verdict::Allow, Ok(secret)) = (verdict, self.secret.parse()) {
            let host = self.host.parse().ok();
            entries.push(of(Event::Secret { secret, act: SecretAct::Lent, host }));
        }
        entries.push(of(Event::Connection {
            by: WHO.to_string(),
            host: self.host,
            port: self.port,
            address: self.address,
            verdict,
            rules: denied.into_iter().collect(),
            request: self.request,
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
        }));
        entries
    }
}

/// Remembers the connections of a call, to be put on record.
#[derive(Debug, Default)]
pub struct Calls(Mutex<Vec<Record>>);

impl Observer for Calls {
    fn observe(&self, record: &Record) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }
}

impl Calls {
    fn take(&self, secret: &SecretName) -> Vec<Call> {
        let records = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        records.iter().filter_map(|record| Call::of(secret, record)).collect()
    }
}

/// Something that was done to a secret could not be put on record.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// The log does not take it.
    #[error(transparent)]
    Log(#[from] audit::Error),
    /// The running house cannot be told.
    #[error("hand it over to the running house")]
    Handed(#[source] io::Error),
}

/// Where it goes on record. To be opened before anything is changed, so that nothing is changed off the record.
pub struct SecretRecord {
    root: PathBuf,
    to: To,
}

enum To {
    /// The log itself: no house runs.
    Log(Box<Log>),
    /// The house that runs.
    House,
    /// Nothing yet: what is in the vault of a home at its first start is its beginning.
    Nowhere,
}

impl SecretRecord {
    /// For the home at `root`.
    ///
    /// # Errors
    ///
    /// [`NotRecorded::Log`] when there is a log that cannot be opened.
    pub async fn open(root: &Path) -> Result<Self, NotRecorded> {
        let key = KeySource::File(root.join(crate::up::AUDIT_KEY));
        let folder = root.join("audit");
        let is_new = !folder.join("segment-00000001.jsonl").exists() && audit::PublicKey::of(&key).is_err();
        let to = if is_new {
            To::Nowhere
        } else {
            let now = crate::now();
            let open = move || Log::open(&folder, &key, std::sync::Arc::new(NothingSecret), now);
            match tokio::task::spawn_blocking(open).await {
                Ok(Ok((log, _))) => To::Log(Box::new(log)),
                Ok(Err(audit::Error::InUse { .. })) => To::House,
                Ok(Err(error)) => return Err(error.into()),
                Err(_gone) => return Err(audit::Error::Closed.into()),
            }
        };
        Ok(Self { root: root.to_path_buf(), to })
    }

    /// Puts down what became of a secret. Tells whether it stands in the log now; a house that runs puts it down itself,
    /// within moments.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`].
    pub async fn note(&self, secret: &SecretName, act: SecretAct) -> Result<bool, NotRecorded> {
        match &self.to {
            To::Log(log) => {
                log.note(entry(secret.clone(), act), crate::now()).await?;
                Ok(true)
            }
            To::House => {
                let (secret, act) = (secret.to_string(), act.as_str().to_string());
                let handed = Handed::Act(Act { version: VERSION, secret, act });
                hand_over(&self.root, &handed).map_err(NotRecorded::Handed)?;
                Ok(false)
            }
            To::Nowhere => Ok(false),
        }
    }

    /// Puts down the connections that were made with a new value of `secret`.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`].
    pub async fn note_calls(&self, secret: &SecretName, calls: &Calls) -> Result<(), NotRecorded> {
        for call in calls.take(secret) {
            match &self.to {
                To::Log(log) => {
                    for entry in call.entries() {
                        log.note(entry, crate::now()).await?;
                    }
                }
                To::House => hand_over(&self.root, &Handed::Call(call)).map_err(NotRecorded::Handed)?,
                To::Nowhere => {}
            }
        }
        Ok(())
    }

    /// Puts down what was done with a backup.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`].
    pub(crate) async fn note_backup(&self, note: BackupNote) -> Result<(), NotRecorded> {
        match &self.to {
            To::Log(log) => Ok(note_backup(log, &note).await?),
            To::House => hand_over(&self.root, &Handed::Backup(note)).map_err(NotRecorded::Handed),
            To::Nowhere => Ok(()),
        }
    }

    /// Lets go of the log.
    ///
    /// # Errors
    ///
    /// [`NotRecorded::Log`] when its writer is gone.
    pub async fn close(self) -> Result<(), NotRecorded> {
        match self.to {
            To::Log(log) => tokio::task::spawn_blocking(move || log.close())
                .await
                .map_err(|_gone| audit::Error::Closed.into()),
            To::House | To::Nowhere => Ok(()),
        }
    }
}

pub(crate) fn entry(secret: SecretName, act: SecretAct) -> Entry {
    Entry { subject: Subject::default(), event: Event::Secret { secret, act, host: None } }
}

fn hand_over(root: &Path, handed: &Handed) -> io::Result<()> {
    let folder = root.join(FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    // In the order in which they were done.
    let name = format!("{:016}-{}", crate::now().0, crate::message_id());
    let beside = folder.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(serde_json::to_string(handed)?.as_bytes())?;
    fs::rename(&beside, folder.join(format!("{name}.json")))
}

/// Takes what was handed over: calls are put on record, and what became of secrets is given back, oldest first. A file
/// that cannot be read is said and taken away too.
pub(crate) async fn take_over(root: &Path, log: &Log) -> Vec<(SecretName, SecretAct)> {
    let Ok(entries) = fs::read_dir(root.join(FOLDER)) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let is_whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let mut paths: Vec<PathBuf> = paths.filter(is_whole).take(TAKEN_MAX).collect();
    paths.sort();
    let mut acts = Vec::new();
    for path in paths {
        let taken = match read(&path) {
            Ok(Handed::Act(act)) => {
                acts.extend(act.read());
                Ok(())
            }
            Ok(Handed::Call(call)) => note_all(log, call).await.map_err(|error| crate::chain(&error)),
            Ok(Handed::Backup(note)) => note_backup(log, &note).await.map_err(|error| crate::chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = taken {
            tracing::error!(why, "what was done at the command line could not be recorded");
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::error!(%error, "what is on record could not be taken away");
        }
    }
    acts
}

async fn note_all(log: &Log, call: Call) -> Result<(), audit::Error> {
    for entry in call.entries() {
        log.note(entry, crate::now()).await?;
    }
    Ok(())
}

async fn note_backup(log: &Log, note: &BackupNote) -> Result<(), audit::Error> {
    if let Some(entry) = note.entry(log) {
        log.note(entry, crate::now()).await?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Handed> {
    let mut text = String::new();
    let file = fs::OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path)?;
    file.take(HANDED_BYTES_MAX).read_to_string(&mut text)?;
    parse(&text)
}

fn parse(text: &str) -> io::Result<Handed> {
    let handed: Handed = serde_json::from_str(text)?;
    let (version, is_known) = match &handed {
        Handed::Call(call) => (call.version, call.secret.parse::<SecretName>().is_ok()),
        Handed::Act(act) => (act.version, act.read().is_some()),
        Handed::Backup(note) => (note.version(), note.is_known()),
    };
    if version != VERSION || !is_known {
        return Err(io::Error::other("it is of another version, or about nothing known"));
    }
    Ok(handed)
}

/// A link was not handed over.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

#[cfg(test)]
mod tests {
    use super::*;

    fn record(stage: Stage) -> Record {
        Record {
            number: 1,
            who: WHO.to_string(),
            destination: "api.example".to_string(),
            port: 443,
            address: None,
            method: Some(egress::Method::GET),
            path: Some("/me".to_string()),
            secrets: vec!["wiki.new".parse().unwrap()],
            sent_bytes: 5,
            received_bytes: 7,
            stage,
        }
    }

    #[test]
    fn a_call_is_read_as_it_was_handed_over_and_stands_under_the_secret_s_own_name() {
        let name: SecretName = "wiki".parse().unwrap();
        for (stage, kinds) in [
            (Stage::Closed { status: Some(200) }, vec![audit::Kind::Secret, audit::Kind::Connection]),
            (
                Stage::Failed { why: "no answer".to_string() },
                vec![audit::Kind::Secret, audit::Kind::Connection],
            ),
            (Stage::Refused { rule: "egress.stopped", why: "w".to_string() }, vec![audit::Kind::Connection]),
        ] {
            let call = Call::of(&name, &record(stage)).unwrap();
            let handed = Handed::Call(call.clone());
            assert_eq!(parse(&serde_json::to_string(&handed).unwrap()).unwrap(), handed);
            let entries = call.entries();
            assert_eq!(entries.iter().map(|entry| entry.event.kind()).collect::<Vec<_>>(), kinds);
            assert!(!format!("{entries:?}").contains("wiki.new"));
        }
        assert!(Call::of(&name, &record(Stage::Connecting)).is_none());
    }

    #[test]
    fn what_is_no_call_is_not_taken_for_one() {
        let call = Call::of(&"wiki".parse().unwrap(), &record(Stage::Closed { status: None })).unwrap();
        let good = serde_json::to_string(&Handed::Call(call)).unwrap();
        let act = Act { version: VERSION, secret: "wiki".to_string(), act: "set".to_string() };
        let act = serde_json::to_string(&Handed::Act(act)).unwrap();
        assert!(parse(&good).is_ok() && parse(&act).is_ok());
        for bad in [
            act.replace("\"set\"", "\"shown\""),
            act.replace("\"act\":{", "\"value\":{"),
            String::new(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"wiki\"", "\"No Name\""),
            good.replace("\"port\"", "\"value\":\"x\",\"port\""),
            good.replace(":443", ":443000"),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }
}
