//! What counts as unusual: a closed list of rules, each stated, none learnt.

use super::{HISTORY, PROOF, Window, is_in};
use audit::{Entry, Event, Record, Seq, SignInAct, TargetKind};
use domain::{Effect, SessionId, Tier, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// So many refusals, or failed sign-ins, within [`BURST_WITHIN`] are a burst.
pub const BURST_COUNT: usize = 5;
/// Within what time they are.
pub const BURST_WITHIN: Duration = Duration::from_secs(10 * 60);
/// The night is from midnight to this hour, by the owner's clock.
pub const NIGHT_ENDS_HOUR: u64 = 5;
/// So many times the daily average of the history is unusual …
pub const RATE_FACTOR: u64 = 3;
/// … when there are at least so many on that day.
pub const RATE_MIN: u64 = 20;
/// The most findings of a report; a flood of them is one.
const FINDINGS_MAX: usize = 1000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A rule by which something is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnusualRule {
    /// A host that was not reached in the 30 days before.
    NewHost,
    /// A program that was not started in the 30 days before.
    NewProgram,
    /// A recipient that nothing was sent to in the 30 days before.
    NewRecipient,
    /// On one day, an effect came at least 20 times and more than three times as often as on an average day before.
    Rate,
    /// Five refusals within ten minutes.
    RefusalBurst,
    /// Five failed sign-ins within ten minutes.
    SignInBurst,
    /// Something was written, deleted, run, sent, spent or configured between midnight and five.
    Night,
    /// A session came to hold what is most confidential.
    TierRise,
    /// The clock was set back.
    ClockBack,
}

impl UnusualRule {
    /// The name of the rule.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewHost => "new-host",
            Self::NewProgram => "new-program",
            Self::NewRecipient => "new-recipient",
            Self::Rate => "rate",
            Self::RefusalBurst => "refusal-burst",
            Self::SignInBurst => "sign-in-burst",
            Self::Night => "night",
            Self::TierRise => "tier-rise",
            Self::ClockBack => "clock-back",
        }
    }
}

/// Something unusual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// By which rule.
    pub rule: UnusualRule,
    /// The record that made it so.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// What, and why it is unusual, in one sentence.
    pub why: String,
}

/// Watches the records go by, history first.
pub(super) struct Watch {
    window: Window,
    /// When each thing was last seen.
    seen: BTreeMap<(UnusualRule, String), Timestamp>,
    /// When the record before was written.
    last: Timestamp,
    /// Refusals and failed sign-ins of the last minutes, and whether their burst was told.
    bursts: BTreeMap<UnusualRule, (VecDeque<Timestamp>, Option<Timestamp>)>,
    /// By effect and day: how many.
    days: BTreeMap<(Effect, u64), (u64, Seq, Timestamp)>,
    high: BTreeSet<SessionId>,
    nights: BTreeSet<(u64, Effect)>,
    found: Vec<Unusual>,
    first: Option<Timestamp>,
}

impl Watch {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            seen: BTreeMap::new(),
            last: Timestamp(0),
            bursts: BTreeMap::new(),
            days: BTreeMap::new(),
            high: BTreeSet::new(),
            nights: BTreeSet::new(),
            found: Vec::new(),
            first: None,
        }
    }

    pub(super) fn see(&mut self, record: &Record, entry: &Entry) {
        self.first.get_or_insert(record.time());
        if record.time() < self.last {
            let why =
                "the clock was set back: the order of the records is right, their times are not".to_string();
            self.tell(UnusualRule::ClockBack, record, why);
        }
        self.last = record.time();
        if let (Some(session), Some(label)) = (&entry.subject.session, &entry.subject.label)
            && label.tier() == Tier::High
            && self.high.insert(session.clone())
        {
            self.tell(
                UnusualRule::TierRise,
                record,
                format!("session {session} came to hold what is most confidential"),
            );
        }
        match &entry.event {
            Event::Intent { deed, .. } => {
                for target in &deed.targets {
                    match target.kind {
                        TargetKind::Program => {
                            self.is_new(UnusualRule::NewProgram, "program", &target.value, record)
                        }
                        TargetKind::To => {
                            self.is_new(UnusualRule::NewRecipient, "recipient", &target.value, record)
                        }
                        TargetKind::Command
                        | TargetKind::Path
                        | TargetKind::Host
                        | TargetKind::Url
                        | TargetKind::Model
                        | TargetKind::Session
                        | TargetKind::Id
                        | TargetKind::Other => {}
                    }
                }
                self.count(deed.effect, record);
                self.by_night(deed.effect, &deed.name, record);
            }
            Event::Connection { by, host, verdict: Verdict::Allow, .. } if by != PROOF => {
                self.is_new(UnusualRule::NewHost, "host", host, record);
            }
            Event::Refusal { .. } => self.burst(UnusualRule::RefusalBurst, "refusals", record),
            Event::SignIn { act: SignInAct::Failed, .. } => {
                self.burst(UnusualRule::SignInBurst, "failed sign-ins", record);
            }
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

    pub(super) fn finish(mut self) -> Vec<Unusual> {
        self.rates();
        self.found.sort_by_key(|found| found.seq);
        self.found.truncate(FINDINGS_MAX);
        self.found
    }

    fn tell(&mut self, rule: UnusualRule, record: &Record, why: String) {
        if is_in(self.window, record) && self.found.len() < FINDINGS_MAX {
            self.found.push(Unusual { rule, seq: record.seq(), time: record.time(), why });
        }
    }

    fn is_new(&mut self, rule: UnusualRule, kind: &str, value: &str, record: &Record) {
        let before = self.seen.insert((rule, value.to_string()), record.time());
        if before.is_none_or(|before| record.time().since(before) > HISTORY) {
            self.tell(rule, record, format!("the {kind} {value} had not come up in the 30 days before"));
        }
    }

    fn burst(&mut self, rule: UnusualRule, what: &str, record: &Record) {
        let now = record.time();
        let (times, told) = self.bursts.entry(rule).or_default();
        times.push_back(now);
        while times.front().is_some_and(|first| now.since(*first) > BURST_WITHIN) {
            times.pop_front();
        }
        let already = told.is_some_and(|told| now.since(told) <= BURST_WITHIN);
        if times.len() >= BURST_COUNT && !already {
            *told = Some(now);
            self.tell(rule, record, format!("{BURST_COUNT} {what} within ten minutes"));
        }
    }

    fn count(&mut self, effect: Effect, record: &Record) {
        let day = self.local_day(record.time());
        let (count, seq, time) = self.days.entry((effect, day)).or_insert((0, record.seq(), record.time()));
        *count = count.saturating_add(1);
        (*seq, *time) = (record.seq(), record.time());
    }

    fn by_night(&mut self, effect: Effect, name: &str, record: &Record) {
        let local = self.local(record.time());
        let hour = local / 3_600_000 % 24;
        let night = local / 86_400_000;
        if !effect.is_repeatable()
            && effect != Effect::Send
            && hour < NIGHT_ENDS_HOUR
            && self.nights.insert((night, effect))
        {
            let why = format!("{name} ({}) between midnight and {NIGHT_ENDS_HOUR} o'clock", effect.as_str());
            self.tell(UnusualRule::Night, record, why);
        }
    }

    /// An average needs days to be made of: a day of history counts from the first record on.
    fn rates(&mut self) {
        let start = self.first.map_or(0, |first| self.local_day(first));
        let days = std::mem::take(&mut self.days);
        for ((effect, day), (count, seq, time)) in &days {
            let reach = HISTORY.as_secs() / DAY.as_secs();
            let from = start.max(day.saturating_sub(reach));
            let length = day.saturating_sub(from);
            let before: u64 =
                days.range((*effect, from)..(*effect, *day)).map(|(_, (count, ..))| count).sum();
            let unusual = length > 0
                && *count >= RATE_MIN
                && count.saturating_mul(length) > before.saturating_mul(RATE_FACTOR);
            if unusual
                && *time >= self.window.from
                && *time < self.window.until
                && self.found.len() < FINDINGS_MAX
            {
                let effect = effect.as_str();
                let why = format!(
                    "{count} effects of the kind {effect} on one day, after {before} in the {length} days before"
                );
                self.found.push(Unusual { rule: UnusualRule::Rate, seq: *seq, time: *time, why });
            }
        }
    }

    /// Milliseconds since 1970 by the owner's clock.
    fn local(&self, time: Timestamp) -> u64 {
        self.window.local(time)
    }

    fn local_day(&self, time: Timestamp) -> u64 {
        self.local(time) / 86_400_000
    }
}
