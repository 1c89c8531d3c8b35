//! A log that is sent on, and what the tests ask of it.

use audit::{Entry, Event, KeySource, Log, NothingSecret, Record, SettingAct, Subject};
use domain::Timestamp;
use egress::{Egress, Observer, Rule, Rules, Settings, Stage, Trust};
use shipping::{
    Confirmation, Facility, Pace, Parts, Receiver, ReceiverState, Shipping, Syslog, To, Transport,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const NOW: Timestamp = Timestamp(1_760_000_000_000);

pub struct House {
    pub home: Arc<TempDir>,
    pub log: Arc<Log>,
    pub parts: Parts,
    pub stopped: Arc<AtomicBool>,
}

/// Puts connections on record as they end, as a house does: what is sent on causes records itself.
struct OnRecord(mpsc::UnboundedSender<egress::Record>);

impl Observer for OnRecord {
    fn observe(&self, record: &egress::Record) {
        if matches!(record.stage, Stage::Closed { .. } | Stage::Failed { .. } | Stage::Refused { .. }) {
            let _gone = self.0.send(record.clone());
        }
    }
}

async fn write_down(log: Arc<Log>, mut records: mpsc::UnboundedReceiver<egress::Record>) {
    while let Some(record) = records.recv().await {
        let event = Event::Connection {
            by: record.who,
            host: record.destination,
            port: record.port,
            address: record.address,
            verdict: domain::Verdict::Allow,
            rules: Vec::new(),
            request: None,
            bytes_out: record.sent_bytes,
            bytes_in: record.received_bytes,
        };
        let _closed = log.note(Entry { subject: Subject::default(), event }, NOW).await;
    }
}

/// Short waits, so that a test need not have long ones.
pub fn pace() -> Pace {
    Pace {
        gather: Duration::from_millis(20),
        gather_signatures: Duration::from_millis(20),
        answer: Duration::from_secs(5),
        retry_first: Duration::from_millis(50),
        retry_max: Duration::from_millis(400),
        told_after: Duration::ZERO,
        told_every: Duration::from_millis(100),
        confirm_idle: Duration::from_millis(150),
        confirm_latest: Duration::from_secs(2),
        settle: Duration::from_secs(5),
    }
}

impl House {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self::at(Arc::new(home))
    }

    pub fn at(home: Arc<TempDir>) -> Self {
        let key = KeySource::File(home.path().join("audit.key"));
        let (log, _) = Log::open(&home.path().join("audit"), &key, Arc::new(NothingSecret), NOW).unwrap();
        let log = Arc::new(log);
        let vault = Arc::new(vault::Vault::open(home.path(), &vault::KeySource::File).unwrap());
        let (told, records) = mpsc::unbounded_channel();
        tokio::spawn(write_down(Arc::clone(&log), records));
        let stopped = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stopped);
        let egress = Egress::new(vault, Settings::default(), Arc::new(OnRecord(told))).unwrap();
        let parts = Parts {
            log: Arc::clone(&log),
            egress: Arc::new(egress),
            home: home.path().to_path_buf(),
            host: "box".to_string(),
            version: "0.0.0".to_string(),
            clock: Arc::new(|| NOW),
            stopped: Arc::new(move || asked.load(Ordering::Relaxed)),
            pace: pace(),
        };
        Self { home, log, parts, stopped }
    }

    /// Closes it, and opens it again.
    pub fn again(self) -> Self {
        self.log.close();
        let home = Arc::clone(&self.home);
        drop(self);
        Self::at(home)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn start(&self, receivers: &[Receiver]) -> Shipping {
        Shipping::start(&self.parts, receivers.to_vec()).unwrap()
    }

    /// Writes `count` records.
    pub async fn write(&self, count: usize) {
        for number in 0..count {
            self.note(&format!("number {number}")).await;
        }
    }

    pub async fn note(&self, path: &str) {
        let content = audit::Content::of("text", b"x", self.log.content_key());
        let event = Event::Config { act: SettingAct::Changed, path: path.to_string(), content };
        self.log.note(Entry { subject: Subject::default(), event }, NOW).await.unwrap();
    }

    /// Every record of the log.
    pub fn records(&self) -> Vec<Record> {
        records(self.log.folder())
    }

    /// What is on record of the control of that name.
    pub fn told(&self, name: &str) -> Vec<String> {
        let entries = self.records().into_iter().filter_map(|record| record.entry().unwrap());
        let proofs = entries.filter_map(|entry| {
            let Event::Proof { name: of, state, detail } = entry.event else { return None };
            (of == name).then(|| format!("{state}: {detail}"))
        });
        proofs.collect()
    }

    /// The numbers of the records that something other than sending them on wrote.
    pub fn news(&self) -> Vec<u64> {
        let is_news = |record: &Record| match record.entry().unwrap().map(|entry| entry.event) {
            Some(Event::Connection { by, .. }) => !by.starts_with("shipping "),
            Some(Event::Proof { name, .. }) => !name.starts_with("shipping."),
            Some(_) | None => record.kind() != audit::Kind::Checkpoint,
        };
        self.records().into_iter().filter(is_news).map(|record| record.seq().0).collect()
    }
}

pub fn records(folder: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let filter =
        audit_query::Filter { order: audit_query::Order::OldestFirst, ..audit_query::Filter::default() };
    audit_query::visit(folder, &filter, &mut |record| {
        all.push(record);
        audit::Go::On
    })
    .unwrap();
    all
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the receiver has everything that is news.
pub async fn caught_up(house: &House, shipping: &Shipping) {
    until("every receiver has all", async || {
        let last = house.news().last().copied().unwrap_or(0);
        shipping.states().iter().all(|state| state.seq >= last && state.behind == 0)
    })
    .await;
}

pub fn state(shipping: &Shipping) -> ReceiverState {
    shipping.states().into_iter().next().unwrap()
}

pub fn to_file(path: &Path) -> Receiver {
    receiver("copy", To::File(path.to_path_buf()))
}

pub fn receiver(name: &str, to: To) -> Receiver {
    Receiver { name: name.parse().unwrap(), to, behind_records_max: 1_000_000 }
}

/// A syslog server on this machine, which the rules name.
pub fn to_syslog(transport: Transport, port: u16, trust: Option<Trust>) -> Receiver {
    let destination: egress::Destination = "localhost".parse().unwrap();
    let rules = Rules::new().with(Rule::private(destination.clone(), port));
    let rules = Arc::new(match trust {
        Some(trust) => rules.trusting(trust),
        None => rules,
    });
    let syslog = Syslog {
        destination,
        port,
        transport,
        rules,
        facility: Facility::AUDIT,
        message_bytes_max: 8192,
        confirmation: Confirmation::Close,
    };
    receiver("siem", To::Syslog(syslog))
}

/// The records of a file of JSON lines, by number, in their order.
pub fn numbers(text: &str) -> Vec<u64> {
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_default());
    lines.filter_map(|line| line["seq"].as_u64()).collect()
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
