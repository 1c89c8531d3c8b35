//! Every connection outwards, every secret that went along, every stand-in in a wrong place: into the audit log.

use crate::lockdown::Switch;
use audit::{Entry, Event, Log, ProofState, SecretAct, Subject};
use connectors::secrets::Refused;
use domain::{EffectKey, Host, Principal, RuleHit, SecretName, TaskId, Verdict};
use egress::{Observer, Record, Stage};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use vault::Vault;

/// How many records may wait for the log. Those beyond it are counted, and the count is put on record.
const WAITING_MAX: usize = 16_384;
/// The status of an answer to a secret that is not good, or not any more (RFC 9110 §15.5.2).
const UNAUTHORIZED: u16 = 401;
/// How many are written at a time.
const TOGETHER_MAX: usize = 256;
/// The control that fails when connections were not recorded one by one.
const CONTROL: &str = "egress.record";
/// What the connections are for that the audit log is sent on by, before the receiver's name.
const SHIPPING: &str = "shipping ";
/// What a command's connections are for, before its key.
const COMMAND: &str = "command ";

/// What waits for the log.
enum Waiting {
    Record(Box<Record>),
    /// Somebody wants to know when everything before this is written.
    Drained(oneshot::Sender<()>),
}

/// The rule by which egress holds back what carries a secret, and how it says so.
const SECRET_RULE: &str = "egress.secret";
const SECRET_SEEN: &str = "has the secret `";

/// Writes what egress reports into the audit log, and turns the stop switch on when a secret was about to leave.
pub struct Connections {
    queue: mpsc::Sender<Waiting>,
    missed: Arc<AtomicU64>,
    switch: Switch,
    vault: Arc<Vault>,
    refused: Arc<Refused>,
}

impl Connections {
    /// Into `log`, at the time of `clock`. Must be made within a runtime.
    #[must_use]
    pub fn into(log: Arc<Log>, clock: gateway::Clock, switch: Switch, vault: Arc<Vault>) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let missed = Arc::new(AtomicU64::new(0));
        tokio::spawn(write(log, clock, waiting, Arc::clone(&missed)));
        Self { queue, missed, switch, vault, refused: Arc::default() }
    }

    /// The same, which tells `refused` of secrets that a server did not take.
    #[must_use]
    pub fn telling(self, refused: Arc<Refused>) -> Self {
        Self { refused, ..self }
    }

    /// Returns when everything that was reported so far is on record.
    pub async fn drain(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Waiting::Drained(done)).await.is_ok() {
            // Without an answer there is no writer any more, and nothing to wait for.
            let _gone = written.await;
        }
    }

    /// A secret of the vault in bytes on their way out: somebody has it who must not.
    fn alarm(&self, record: &Record) {
        let Stage::Refused { rule: SECRET_RULE, why } = &record.stage else { return };
        let named = why.split_once(SECRET_SEEN).and_then(|(_, rest)| rest.split_once('`'));
        let Some((name, _)) = named else { return };
        // A thing that merely looks like a key is held back too, and is nobody's secret that we know of.
        let known = self.vault.list().is_ok_and(|all| all.iter().any(|secret| secret.name.as_str() == name));
        if known {
            let place = format!("{}:{}", record.destination, record.port);
            self.switch.lock_or_say(&format!("the secret `{name}` was on its way out to {place}"));
        }
    }
}

impl Observer for Connections {
    fn observe(&self, record: &Record) {
        self.alarm(record);
        if record.stage == (Stage::Closed { status: Some(UNAUTHORIZED) }) && !record.secrets.is_empty() {
            self.refused.tell(&record.secrets);
        }
        if !entries(record).is_empty()
            && self.queue.try_send(Waiting::Record(Box::new(record.clone()))).is_err()
        {
            self.missed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                host = record.destination,
                by = record.who,
                "too many connections to record one by one"
            );
        }
    }
}

async fn write(
    log: Arc<Log>,
    clock: gateway::Clock,
    mut waiting: mpsc::Receiver<Waiting>,
    missed: Arc<AtomicU64>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, TOGETHER_MAX).await > 0 {
        // Together they share the disk's time; the log keeps their order.
        let mut asked = Vec::new();
        let mut all = Vec::new();
        for waiting in batch.drain(..) {
            match waiting {
                Waiting::Record(record) => all.extend(entries(&record)),
                Waiting::Drained(done) => asked.push(done),
            }
        }
        let noted = all.into_iter().map(|entry| log.note(entry, clock()));
        for error in join_all(noted).await.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "could not record a connection");
            missed.fetch_add(1, Ordering::Relaxed);
        }
        // The gap stands in the log beside what came before it, and the control counts as failed.
        let gap = missed.swap(0, Ordering::Relaxed);
        if gap > 0 {
            let detail = format!(
                "{gap} connections came faster than the log could take them, or it could not be written: they are counted, not listed"
            );
            let event = Event::Proof { name: CONTROL.to_string(), state: ProofState::Failed, detail };
            if log.note(Entry { subject: Subject::default(), event }, clock()).await.is_err() {
                missed.fetch_add(gap, Ordering::Relaxed);
            }
        }
        for done in asked {
            // Whoever asked may be gone.
            let _gone = done.send(());
        }
    }
}

/// What the log is told: a connection when it is refused and when it is over, a secret when it goes along, a stand-in
/// that was sent where it is worth nothing.
fn entries(record: &Record) -> Vec<Entry> {
    let subject = subject(&record.who);
    let of = |event| Entry { subject: subject.clone(), event };
    match &record.stage {
        Stage::Refused { rule, why } => vec![of(connection(record, Some(denied(rule, why))))],
        Stage::Misplaced { secret } => {
            let why = format!("the stand-in of the secret `{secret}` was sent where it is good for nothing");
            vec![of(connection(record, Some(denied("egress.placeholder", &why))))]
        }
        Stage::Connecting => record.secrets.iter().map(|secret| of(lent(record, secret))).collect(),
        Stage::Closed { .. } | Stage::Failed { .. } => {
            // A login in another protocol than HTTP comes after the connection was made.
            let later = record.secrets.iter().filter(|_secret| record.method.is_none());
            let mut all: Vec<Entry> = later.map(|secret| of(lent(record, secret))).collect();
            all.push(of(connection(record, None)));
            all
        }
    }
}

fn denied(rule: &str, why: &str) -> RuleHit {
    RuleHit { verdict: Verdict::Deny, id: rule.to_string(), why: why.to_string() }
}

fn lent(record: &Record, secret: &SecretName) -> Event {
    let host = record.destination.parse::<Host>().ok();
    Event::Secret { secret: secret.clone(), act: SecretAct::Lent, host }
}

fn connection(record: &Record, denied: Option<RuleHit>) -> Event {
    let request =
        record.method.as_ref().map(|method| format!("{method} {}", record.path.as_deref().unwrap_or("/")));
    Event::Connection {
        by: record.who.clone(),
        host: record.destination.clone(),
        port: record.port,
        address: record.address,
        verdict: denied.as_ref().map_or(Verdict::Allow, |hit| hit.verdict),
        rules: denied.into_iter().collect(),
        request,
        bytes_out: record.sent_bytes,
        bytes_in: record.received_bytes,
    }
}

/// The effect that a command's connections belong to.
fn subject(who: &str) -> Subject {
    let key: Option<EffectKey> = who.strip_prefix(COMMAND).and_then(|key| key.parse().ok());
    let task: Option<TaskId> =
        key.as_ref().and_then(|key| key.as_str().split('.').next().and_then(|task| task.parse().ok()));
    // Nobody's task: the house's own standing traffic.
    let principal = who.starts_with(SHIPPING).then(Principal::house);
    Subject { key, task, principal, ..Subject::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(who: &str, stage: Stage, secrets: &[&str], method: Option<egress::Method>) -> Record {
        Record {
            number: 1,
            who: who.to_string(),
            destination: "api.example".to_string(),
            port: 443,
            address: None,
            method,
            path: None,
            secrets: secrets.iter().map(|name| name.parse().unwrap()).collect(),
            sent_bytes: 1,
            received_bytes: 2,
            stage,
        }
    }

    #[test]
    fn a_secret_is_on_record_when_it_goes_along_and_a_stand_in_when_it_is_misplaced() {
        let get = || Some(egress::Method::GET);
        let kinds =
            |record: &Record| entries(record).iter().map(|entry| entry.event.kind()).collect::<Vec<_>>();
        let closed = || Stage::Closed { status: None };
        assert_eq!(kinds(&record("model a", Stage::Connecting, &["a"], get())), [audit::Kind::Secret]);
        assert_eq!(kinds(&record("model a", closed(), &["a"], get())), [audit::Kind::Connection]);
        assert_eq!(
            kinds(&record("mail", closed(), &["m"], None)),
            [audit::Kind::Secret, audit::Kind::Connection]
        );
        assert_eq!(kinds(&record("mail", Stage::Connecting, &[], None)), []);
        let misplaced = Stage::Misplaced { secret: "a".parse().unwrap() };
        let found = entries(&record("command t-1.2.0", misplaced, &[], get()));
        let [Entry { subject, event: Event::Connection { by, verdict, rules, .. } }] = found.as_slice()
        else {
            panic!("{found:?}")
        };
        assert_eq!((by.as_str(), *verdict), ("command t-1.2.0", Verdict::Deny));
        assert_eq!(rules[0].id, "egress.placeholder");
        assert_eq!(subject.key.as_ref().unwrap().as_str(), "t-1.2.0");
        assert_eq!(subject.task.as_ref().unwrap().as_str(), "t-1");
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_counted_on_record() {
        struct Plain;
        impl audit::Redact for Plain {
            fn redact<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
                std::borrow::Cow::Borrowed(text)
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let home = crate::Home::prepare(&folder.path().join("home")).unwrap();
        let key = audit::KeySource::File(home.path("audit.key"));
        let clock = gateway::clock();
        let (log, _) = Log::open(&home.path("audit"), &key, Arc::new(Plain), clock()).unwrap();
        let log = Arc::new(log);
        let vault = Arc::new(Vault::open(home.root(), &vault::KeySource::File).unwrap());
        let host: Host = "api.example.org".parse().unwrap();
        let about = vault::About { hosts: vec![host], note: String::new(), expires: None };
        let text = vault::SecretText::new("s3cret-enough-to-see".to_string()).unwrap();
        vault.set(&"hub".parse().unwrap(), text, about).unwrap();
        let switch = Switch::of(home.root());
        let connections = Connections::into(Arc::clone(&log), Arc::clone(&clock), switch.clone(), vault);
        let seen = |name: &str| {
            let why = format!("its URL has the secret `{name}` in it");
            record("web.fetch", Stage::Refused { rule: SECRET_RULE, why }, &[], None)
        };
        connections.alarm(&seen("a key of AWS's shape"));
        assert!(!switch.is_on());
        connections.alarm(&seen("hub"));
        assert!(switch.why().unwrap().contains("`hub` was on its way out to"), "{:?}", switch.why());
        // One thread: the writer gets its turn only after all of these.
        let refused = Stage::Refused { rule: "egress.host", why: "no rule".to_string() };
        for _ in 0..WAITING_MAX + 3 {
            connections.observe(&record("web.fetch", refused.clone(), &[], None));
        }
        let mut tail = log.tail();
        let found = loop {
            let record = tail.next().await.unwrap().unwrap();
            if let Ok(Some(Entry { event: Event::Proof { name, detail, .. }, .. })) = record.entry() {
                break (name, detail);
            }
        };
        assert_eq!(found.0, CONTROL);
        assert!(found.1.starts_with("3 connections"), "{}", found.1);
    }
}
