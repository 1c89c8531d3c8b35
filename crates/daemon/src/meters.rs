//! What is counted and timed, for Prometheus. Labels are fixed words of our own and names that the configuration gives:
//! nothing that a stranger chooses.

use crate::redaction::Redaction;
use crate::state::HouseState;
use audit::{Ending, Entry, Event, Log, Record};
use domain::{Effect, QuestionId, TaskId, Timestamp, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use shipping::ReceiverState;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many tasks are timed at once; the time of one beyond is not told.
const TASKS_MAX: usize = 4096;
/// The action that ends a task.
const REPLY: &str = "message.reply";

/// Everything that is counted as it happens.
#[derive(Debug)]
pub struct Meters {
    records: Family<OfKind, Counter>,
    decisions: Family<OfVerdict, Counter>,
    decision: Histogram,
    effects: Family<OfEffect, Histogram>,
    overhead: Histogram,
    tokens: Family<OfDirection, Counter>,
    cost: Counter,
    query: Histogram,
    sandbox: Histogram,
    /// In microseconds: from the start to the first message that could be taken, and to the end of the proofs.
    listening: AtomicU64,
    proved: AtomicU64,
    /// What the last check of the log took, in microseconds, and how many bytes it read.
    verified: (AtomicU64, AtomicU64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVerdict {
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEffect {
    effect: &'static str,
    ending: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDirection {
    direction: &'static str,
}

impl Default for Meters {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 4.0, 10));
        Self {
            records: Family::default(),
            decisions: Family::default(),
            decision: Histogram::new(exponential_buckets(0.000_005, 2.0, 12)),
            effects: Family::new_with_constructor(seconds),
            overhead: Histogram::new(exponential_buckets(0.001, 2.0, 12)),
            tokens: Family::default(),
            cost: Counter::default(),
            query: Histogram::new(exponential_buckets(0.000_25, 4.0, 9)),
            sandbox: Histogram::new(exponential_buckets(0.001, 2.0, 12)),
            listening: AtomicU64::new(0),
            proved: AtomicU64::new(0),
            verified: (AtomicU64::new(0), AtomicU64::new(0)),
        }
    }
}

impl Meters {
    /// Puts all of it, and what is looked up when somebody asks, into `registry`.
    pub(crate) fn register(
        self: &Arc<Self>,
        registry: &mut Registry,
        state: &Arc<HouseState>,
        redaction: Arc<Redaction>,
        receivers: impl Fn() -> Vec<ReceiverState> + Send + Sync + 'static,
    ) {
        let registry = registry.sub_registry_with_prefix("hardshell");
        registry.register("audit_records", "Records written, by kind", self.records.clone());
        registry.register("decisions", "Decisions of the policy on record", self.decisions.clone());
        let seconds = || Unit::Seconds;
        let decision = "How long the policy took to decide";
        registry.register_with_unit("decision_duration", decision, seconds(), self.decision.clone());
        let effects = "How long effects took, by class and how they ended";
        registry.register_with_unit("effect_duration", effects, seconds(), self.effects.clone());
        let overhead = "How long tasks took beyond the model, the tools and the waiting for answers";
        registry.register_with_unit("turn_overhead", overhead, seconds(), self.overhead.clone());
        registry.register("model_tokens", "Tokens of models", self.tokens.clone());
        let cost = "What models cost, in millionths of the configured currency";
        registry.register("model_cost_micros", cost, self.cost.clone());
        let query = "How long searches in the audit log took";
        registry.register_with_unit("audit_query_duration", query, seconds(), self.query.clone());
        let sandbox = "How long it took to make a sandbox, up to where its program runs";
        registry.register_with_unit("sandbox_start", sandbox, seconds(), self.sandbox.clone());
        let (meters, state) = (Arc::clone(self), Arc::clone(state));
        let now = Now { meters, state, redaction, receivers: Box::new(receivers) };
        registry.register_collector(Box::new(now));
    }

    pub(crate) fn decided(&self, took: Duration) {
        self.decision.observe(took.as_secs_f64());
    }

    pub(crate) fn queried(&self, took: Duration) {
        self.query.observe(took.as_secs_f64());
    }

    pub(crate) fn sandbox_started(&self, took: Duration) {
        self.sandbox.observe(took.as_secs_f64());
    }

    pub(crate) fn listening(&self, after: Duration) {
        self.listening.store(micros(after), Ordering::Relaxed);
    }

    pub(crate) fn proved(&self, after: Duration) {
        self.proved.store(micros(after), Ordering::Relaxed);
    }

    pub(crate) fn verified(&self, took: Duration, bytes: u64) {
        self.verified.0.store(micros(took), Ordering::Relaxed);
        self.verified.1.store(bytes, Ordering::Relaxed);
    }

    /// Counts what the log takes, for as long as the house stands.
    pub(crate) async fn follow(self: Arc<Self>, log: Arc<Log>) {
        let mut tail = log.tail();
        let mut tasks = Tasks::default();
        while let Some(next) = tail.next().await {
            match next {
                Ok(record) => self.count(&record, &mut tasks),
                Err(missed) => tracing::warn!(%missed, "records were not counted; they are in the log"),
            }
        }
    }

    fn count(&self, record: &Record, tasks: &mut Tasks) {
        self.records.get_or_create(&OfKind { kind: record.kind().as_str() }).inc();
        let Ok(Some(entry)) = record.entry() else { return };
        let verdict = |verdict: Verdict| {
            self.decisions.get_or_create(&OfVerdict { verdict: verdict.as_str() }).inc();
        };
        match &entry.event {
            Event::Intent { .. } => verdict(Verdict::Allow),
            Event::Refusal { .. } => verdict(Verdict::Deny),
            Event::Question { .. } => verdict(Verdict::Ask),
            Event::Outcome { effect, ending, took, usage, cost_micros, .. } => {
                self.effects.get_or_create(&of_effect(*effect, *ending)).observe(took.as_secs_f64());
                if let Some(usage) = usage {
                    for (direction, tokens) in
                        [("input", usage.input_tokens), ("output", usage.output_tokens)]
                    {
                        self.tokens.get_or_create(&OfDirection { direction }).inc_by(tokens);
                    }
                }
                self.cost.inc_by(cost_micros.unwrap_or(0));
            }
            Event::Answer { .. }
            | Event::Inbound { .. }
            | Event::SignIn { .. }
            | Event::Config { .. }
            | Event::Policy { .. }
            | Event::Secret { .. }
            | Event::Proof { .. }
            | Event::Lockdown { .. }
            | Event::Backup { .. }
            | Event::Connection { .. } => {}
        }
        if let Some(overhead) = tasks.take(record.time(), &entry) {
            self.overhead.observe(overhead.as_secs_f64());
        }
    }
}

fn of_effect(effect: Effect, ending: Ending) -> OfEffect {
    let ending = match ending {
        Ending::Done => "done",
        Ending::Failed(_) => "failed",
        Ending::MayHaveHappened(_) => "may_have_happened",
        Ending::Cancelled => "cancelled",
        Ending::Unknown => "unknown",
    };
    OfEffect { effect: effect.as_str(), ending }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Tasks under way: what of their time was the model's, the tools' and the owner's.
#[derive(Debug, Default)]
struct Tasks {
    begun: BTreeMap<TaskId, (Timestamp, Duration)>,
    asked: BTreeMap<QuestionId, Timestamp>,
}

impl Tasks {
    /// The rest, when a task has ended.
    fn take(&mut self, now: Timestamp, entry: &Entry) -> Option<Duration> {
        let task = entry.subject.task.as_ref()?;
        match &entry.event {
            Event::Inbound { .. } => {
                if self.begun.len() >= TASKS_MAX {
                    self.begun.pop_first();
                }
                self.begun.entry(task.clone()).or_insert((now, Duration::ZERO));
            }
            Event::Outcome { name, .. } if name == REPLY => {
                let (begun, elsewhere) = self.begun.remove(task)?;
                return Some(now.since(begun).saturating_sub(elsewhere));
            }
            Event::Outcome { took, .. } => self.add(task, *took),
            Event::Question { question, .. } => {
                if self.asked.len() >= TASKS_MAX {
                    self.asked.pop_first();
                }
                self.asked.insert(question.clone(), now);
            }
            Event::Answer { question, .. } => {
                let waited = self.asked.remove(question).map(|asked| now.since(asked));
                self.add(task, waited.unwrap_or_default());
            }
            Event::Intent { .. }
            | Event::Refusal { .. }
            | Event::SignIn { .. }
            | Event::Config { .. }
            | Event::Policy { .. }
            | Event::Secret { .. }
            | Event::Proof { .. }
            | Event::Lockdown { .. }
            | Event::Backup { .. }
            | Event::Connection { .. } => {}
        }
        None
    }

    fn add(&mut self, task: &TaskId, time: Duration) {
        if let Some((_, elsewhere)) = self.begun.get_mut(task) {
            *elsewhere = elsewhere.saturating_add(time);
        }
    }
}

/// What is looked up when somebody asks.
struct Now {
    meters: Arc<Meters>,
    state: Arc<HouseState>,
    redaction: Arc<Redaction>,
    receivers: Box<dyn Fn() -> Vec<ReceiverState> + Send + Sync>,
}

impl Now {
    fn numbers(&self) -> Vec<(&'static str, &'static str, MetricType, f64)> {
        let gauge = MetricType::Gauge;
        let of = |micros: &AtomicU64| Duration::from_micros(micros.load(Ordering::Relaxed)).as_secs_f64();
        let is = |holds: bool| if holds { 1.0 } else { 0.0 };
        let (flushes, flushing) = self.state.log.flushes();
        let (looked_through, looking) = self.redaction.looked_through();
        let program = std::env::current_exe().and_then(std::fs::metadata).map_or(0, |found| found.len());
        let store = std::fs::metadata(self.state.home.join("state.db")).map_or(0, |found| found.len());
        vec![
            ("up", "Whether it takes messages", gauge, is(self.state.readiness().ready)),
            ("locked_down", "Whether the stop switch is on", gauge, is(self.state.lockdown.is_on())),
            (
                "start_seconds",
                "From the start to the first message that can be taken",
                gauge,
                of(&self.meters.listening),
            ),
            (
                "start_proved_seconds",
                "From the start to the end of the proofs",
                gauge,
                of(&self.meters.proved),
            ),
            ("resident_memory_bytes", "Memory in use", gauge, resident_bytes()),
            ("program_bytes", "The program's size", gauge, wide(program)),
            ("store_bytes", "The size of the database", gauge, wide(store)),
            (
                "audit_writing",
                "Whether records can be written",
                gauge,
                is(self.state.log.state() == audit::State::Writing),
            ),
            ("audit_flushes", "Flushes of the audit log", MetricType::Counter, wide(flushes)),
            ("audit_flush_seconds", "Time spent in them", MetricType::Counter, flushing.as_secs_f64()),
            ("redaction_bytes", "Text looked through for secrets", MetricType::Counter, wide(looked_through)),
            ("redaction_seconds", "Time spent in that", MetricType::Counter, looking.as_secs_f64()),
            (
                "audit_verify_seconds",
                "What the last check of the log took",
                gauge,
                of(&self.meters.verified.0),
            ),
            (
                "audit_verify_bytes",
                "How much it read",
                gauge,
                wide(self.meters.verified.1.load(Ordering::Relaxed)),
            ),
        ]
    }
}

/// How one receiver of the log fares, as numbers.
fn of_receiver(state: &ReceiverState) -> [(&'static str, &'static str, MetricType, u64); 6] {
    let counter = MetricType::Counter;
    [
        ("shipping_seq", "The last record that a receiver of the log has", MetricType::Gauge, state.seq),
        ("shipping_behind", "How many records it still has to be sent", MetricType::Gauge, state.behind),
        ("shipping_sent", "How often a record was taken", counter, state.sent),
        ("shipping_failed", "How often a batch was not taken", counter, state.failed),
        ("shipping_dropped", "How many records were skipped, on record", counter, state.skipped),
        (
            "shipping_down",
            "Whether it takes nothing",
            MetricType::Gauge,
            u64::from(state.down_since.is_some()),
        ),
    ]
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (name, help, of, value) in self.numbers() {
            let metric = encoder.encode_descriptor(name, help, None, of)?;
            if matches!(of, MetricType::Counter) {
                ConstCounter::new(value).encode(metric)?;
            } else {
                ConstGauge::new(value).encode(metric)?;
            }
        }
        let states = (self.receivers)();
        let rows: Vec<_> = states.iter().map(of_receiver).collect();
        for column in 0..rows.first().map_or(0, |row| row.len()) {
            let Some((name, help, of, _)) = rows.first().and_then(|row| row.get(column)) else { continue };
            let mut family = encoder.encode_descriptor(name, help, None, *of)?;
            for (state, row) in states.iter().zip(&rows) {
                let value = row.get(column).map_or(0, |(_, _, _, value)| *value);
                let labels = [("receiver", state.name.as_str()), ("kind", state.kind)];
                let metric = family.encode_family(&labels)?;
                if matches!(of, MetricType::Counter) {
                    ConstCounter::new(value).encode(metric)?;
                } else {
                    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

/// Sizes are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn wide(number: u64) -> f64 {
    number as f64
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    wide(pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(0)))
}
