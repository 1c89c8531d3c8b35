//! What was done in a stretch of time: counted, and what is unusual about it by stated rules.

mod unusual;

pub use unusual::{BURST_COUNT, BURST_WITHIN, NIGHT_ENDS_HOUR, RATE_FACTOR, RATE_MIN, Unusual, UnusualRule};

use audit::{Answer, Ending, Entry, Error, Event, Go, Record, SecretAct, SignInAct, Target, TargetKind};
use audit_query::{Filter, Order, visit};
use domain::{Effect, Timestamp, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use unusual::Watch;

/// What the connections are for that proofs make.
const PROOF: &str = "proof";
/// How far back "seen before" and "as usual" reach.
pub const HISTORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many different things of one kind are counted one by one; what comes after is counted as `(others)`.
const DISTINCT_MAX: usize = 10_000;
const OTHERS: &str = "(others)";
pub(crate) const MILLISECONDS_A_DAY: u64 = 86_400_000;

/// How often each of several things came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    fn add(&mut self, what: &str) {
        let full = self.0.len() >= DISTINCT_MAX && !self.0.contains_key(what);
        let count = self.0.entry(if full { OTHERS } else { what }.to_string()).or_default();
        *count = count.saturating_add(1);
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |all, count| all.saturating_add(*count))
    }

    /// How often `what` came up.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Each with its count, most often first.
    #[must_use]
    pub fn most_first(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.0.iter().map(|(what, count)| (what.as_str(), *count)).collect();
        all.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        all
    }
}

/// What was done between two moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records in that time.
    pub records: u64,
    /// Effects that were begun, by class.
    pub effects: Counts,
    /// Command lines that were run.
    pub commands: Counts,
    /// Programs that were started.
    pub programs: Counts,
    /// Files that were read or listed.
    pub files_read: Counts,
    /// Files that were written or deleted.
    pub files_changed: Counts,
    /// Hosts that were reached.
    pub hosts: Counts,
    /// Hosts that a connection was refused to.
    pub hosts_refused: Counts,
    /// Recipients that something was sent to.
    pub recipients: Counts,
    /// Messages that came in, by sender.
    pub messages: Counts,
    /// Questions that were asked, by action.
    pub questions: Counts,
    /// Answers, by answer.
    pub answers: Counts,
    /// Refusals, by the rule that weighed most.
    pub refusals: Counts,
    /// Effects by how they ended.
    pub endings: Counts,
    /// Secrets that were used, by name.
    pub secrets: Counts,
    /// Sign-ins, by what happened.
    pub sign_ins: Counts,
    /// Calls, by model.
    pub models: Counts,
    /// Tokens that models were given.
    pub input_tokens: u64,
    /// Tokens that models gave.
    pub output_tokens: u64,
    /// What models cost, in millionths of the configured currency.
    pub cost_micros: u64,
    /// What is unusual, in the order in which it happened.
    pub unusual: Vec<Unusual>,
    /// Effects that were begun, by the hour of the owner's day.
    pub hours: [u64; 24],
    /// Effects that were begun and refused, by the owner's day: days since 1970.
    pub days: BTreeMap<u64, (u64, u64)>,
}

/// The stretch of time to report on, and where the sun stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From this moment.
    pub from: Timestamp,
    /// Up to before this one.
    pub until: Timestamp,
    /// What to add to UTC for the owner's time of day, in minutes.
    pub utc_offset_minutes: i32,
}

/// Reads the log from [`HISTORY`] before the window to its end and counts.
///
/// # Errors
///
/// As [`audit_query::query`].
pub fn report(folder: &Path, window: Window) -> Result<Summary, Error> {
    let history = u64::try_from(HISTORY.as_millis()).unwrap_or(u64::MAX);
    let filter = Filter {
        from: Some(Timestamp(window.from.0.saturating_sub(history))),
        until: Some(window.until),
        order: Order::OldestFirst,
        ..Filter::default()
    };
    let mut summary = Summary::default();
    let mut watch = Watch::new(window);
    visit(folder, &filter, &mut |record| {
        if let Ok(Some(entry)) = record.entry() {
            watch.see(&record, &entry);
            if record.time() >= window.from {
                summary.take(&entry);
                summary.place(&entry, window.local(record.time()));
            }
        }
        if record.time() >= window.from {
            summary.records = summary.records.saturating_add(1);
        }
        Go::On
    })?;
    summary.unusual = watch.finish();
    Ok(summary)
}

impl Window {
    /// Milliseconds since 1970 by the owner's clock.
    fn local(self, time: Timestamp) -> u64 {
        time.0.saturating_add_signed(i64::from(self.utc_offset_minutes).saturating_mul(60_000))
    }
}

impl Summary {
    fn place(&mut self, entry: &Entry, local: u64) {
        let day = self.days.entry(local / MILLISECONDS_A_DAY).or_default();
        match entry.event {
            Event::Intent { .. } => {
                day.0 = day.0.saturating_add(1);
                let hour = usize::try_from(local / 3_600_000 % 24).unwrap_or_default();
                if let Some(count) = self.hours.get_mut(hour) {
                    *count = count.saturating_add(1);
                }
            }
            Event::Refusal { .. } => day.1 = day.1.saturating_add(1),
            Event::Outcome { .. }
            | Event::Question { .. }
            | Event::Answer { .. }
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
    }

    fn take(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Intent { deed, .. } => {
                self.effects.add(deed.effect.as_str());
                deed.targets.iter().for_each(|target| self.take_target(deed.effect, target));
            }
            Event::Outcome { ending, usage, cost_micros, .. } => {
                self.endings.add(ending_word(*ending));
                if let Some(usage) = usage {
                    self.input_tokens = self.input_tokens.saturating_add(usage.input_tokens);
                    self.output_tokens = self.output_tokens.saturating_add(usage.output_tokens);
                }
                self.cost_micros = self.cost_micros.saturating_add(cost_micros.unwrap_or_default());
            }
            Event::Refusal { rules, .. } => {
                self.refusals.add(rules.first().map_or("(no rule)", |rule| rule.id.as_str()));
            }
            Event::Question { deed, .. } => self.questions.add(&deed.name),
            Event::Answer { answer, .. } => self.answers.add(Answer::as_str(*answer)),
            Event::Inbound { sender, .. } => {
                self.messages.add(&format!("{}:{}", sender.channel, sender.account))
            }
            Event::SignIn { act, .. } => self.sign_ins.add(SignInAct::as_str(*act)),
            Event::Secret { secret, act: SecretAct::Lent, .. } => self.secrets.add(secret.as_str()),
            // What the house tries on itself is no work of anybody's.
            Event::Connection { by, .. } if by == PROOF => {}
            Event::Connection { host, verdict, .. } => match verdict {
                Verdict::Allow => self.hosts.add(host),
                Verdict::Ask | Verdict::Deny => self.hosts_refused.add(host),
            },
            Event::Secret { .. }
            | Event::Config { .. }
            | Event::Policy { .. }
            | Event::Proof { .. }
            | Event::Lockdown { .. }
            | Event::Backup { .. } => {}
        }
    }

    fn take_target(&mut self, effect: Effect, target: &Target) {
        match target.kind {
            TargetKind::Command => self.commands.add(&target.value),
            TargetKind::Program => self.programs.add(&target.value),
            TargetKind::To => self.recipients.add(&target.value),
            TargetKind::Model => self.models.add(&target.value),
            TargetKind::Path => match effect {
                Effect::Write | Effect::Delete => self.files_changed.add(&target.value),
                Effect::Read
                | Effect::Fetch
                | Effect::Execute
                | Effect::Send
                | Effect::Spend
                | Effect::Configure => {
                    self.files_read.add(&target.value);
                }
            },
            // Connections count the hosts: what was reached, not what was meant to be.
            TargetKind::Host | TargetKind::Url | TargetKind::Session | TargetKind::Id | TargetKind::Other => {
            }
        }
    }
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Failed(_) => "failed",
        Ending::MayHaveHappened(_) => "may have happened",
        Ending::Cancelled => "cancelled",
        Ending::Unknown => "unknown",
    }
}

/// Whether `record` lies in the window, for the rules.
fn is_in(window: Window, record: &Record) -> bool {
    record.time() >= window.from && record.time() < window.until
}
