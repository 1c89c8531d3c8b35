//! What is done to secrets at the command line, on record: what becomes of each, and the calls that prove new ones.
//! Never a value. A house that runs has the log: it sees changes in the vault by itself, and is handed the calls in
//! files of its own folder.

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

/// Where calls wait for a house that runs, below the home.
const FOLDER: &str = "run/calls";
/// How many waiting calls are taken at a time.
const TAKEN_MAX: usize = 64;
/// The largest file of one, in bytes.
const CALL_BYTES_MAX: u64 = 16 * 1024;
const VERSION: u32 = 1;
/// Who made such a call, as records name it.
pub(crate) const WHO: &str = "secret rotate";

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
    #[error("hand a call over to the running house")]
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

    /// Puts down what became of a secret. Tells whether it stands in the log now; a house that runs sees it in the
    /// vault and puts it down itself.
    ///
    /// # Errors
    ///
    /// [`NotRecorded::Log`].
    pub async fn note(&self, secret: &SecretName, act: SecretAct) -> Result<bool, NotRecorded> {
        match &self.to {
            To::Log(log) => {
                log.note(entry(secret.clone(), act), crate::now()).await?;
                Ok(true)
            }
            To::House | To::Nowhere => Ok(false),
        }
    }

    /// Puts down the connections that were made with a new value of `secret`. To be called before the vault is
    /// changed: at that, a house that runs takes what was handed to it.
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
                To::House => hand_over(&self.root, &call).map_err(NotRecorded::Handed)?,
                To::Nowhere => {}
            }
        }
        Ok(())
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

fn hand_over(root: &Path, call: &Call) -> io::Result<()> {
    let folder = root.join(FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let name = crate::message_id();
    let beside = folder.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(serde_json::to_string(call)?.as_bytes())?;
    fs::rename(&beside, folder.join(format!("{name}.json")))
}

/// Puts the calls that were handed over on record, and takes their files away. One that cannot be read is said and
/// taken away too.
pub(crate) async fn take_over(root: &Path, log: &Log) {
    let Ok(entries) = fs::read_dir(root.join(FOLDER)) else { return };
    let paths = entries.flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    for path in paths.take(TAKEN_MAX) {
        let noted = match read(&path) {
            Ok(call) => note_all(log, call).await.map_err(|error| crate::chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = noted {
            tracing::error!(why, "a call with a new secret could not be recorded");
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::error!(%error, "a call that is on record could not be taken away");
        }
    }
}

async fn note_all(log: &Log, call: Call) -> Result<(), audit::Error> {
    for entry in call.entries() {
        log.note(entry, crate::now()).await?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Call> {
    let mut text = String::new();
    let file = fs::OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path)?;
    file.take(CALL_BYTES_MAX).read_to_string(&mut text)?;
    parse(&text)
}

fn parse(text: &str) -> io::Result<Call> {
    let call: Call = serde_json::from_str(text)?;
    if call.version != VERSION || call.secret.parse::<SecretName>().is_err() {
        return Err(io::Error::other("it is of another version, or of no secret"));
    }
    Ok(call)
}

/// A link is nobody's call.
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
            assert_eq!(parse(&serde_json::to_string(&call).unwrap()).unwrap(), call);
            let entries = call.entries();
            assert_eq!(entries.iter().map(|entry| entry.event.kind()).collect::<Vec<_>>(), kinds);
            assert!(!format!("{entries:?}").contains("wiki.new"));
        }
        assert!(Call::of(&name, &record(Stage::Connecting)).is_none());
    }

    #[test]
    fn what_is_no_call_is_not_taken_for_one() {
        let call = Call::of(&"wiki".parse().unwrap(), &record(Stage::Closed { status: None })).unwrap();
        let good = serde_json::to_string(&call).unwrap();
        for bad in [
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
