//! How often things happened lately: what the limits of the policy are compared with.

use domain::{SessionId, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
/// The most moments one window keeps: above any limit that can be set to mean something.
const MOMENTS_MAX: usize = 10_000;

/// Moments within a window.
#[derive(Debug, Default)]
struct Window {
    moments: VecDeque<Timestamp>,
}

impl Window {
    fn add(&mut self, now: Timestamp) {
        if self.moments.len() >= MOMENTS_MAX {
            self.moments.pop_front();
        }
        self.moments.push_back(now);
    }

    fn count(&mut self, now: Timestamp, width: Duration) -> u32 {
        // A clock that was set back leaves moments in the future; they count until it has caught up.
        while self.moments.front().is_some_and(|first| now.since(*first) > width) {
            self.moments.pop_front();
        }
        u32::try_from(self.moments.len()).unwrap_or(u32::MAX)
    }
}

/// The windows of the whole house and of each session.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    effects: BTreeMap<SessionId, Window>,
    refusals: BTreeMap<SessionId, Window>,
    sends: Window,
    prompts: Window,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) effects_last_minute: u32,
    pub(crate) refusals_last_ten_minutes: u32,
    pub(crate) sends_last_hour: u32,
    pub(crate) prompts_last_hour: u32,
}

impl Rates {
    pub(crate) fn effect(&mut self, session: &SessionId, now: Timestamp) {
        self.effects.entry(session.clone()).or_default().add(now);
    }

    pub(crate) fn refusal(&mut self, session: &SessionId, now: Timestamp) {
        self.refusals.entry(session.clone()).or_default().add(now);
    }

    pub(crate) fn send(&mut self, now: Timestamp) {
        self.sends.add(now);
    }

    pub(crate) fn prompt(&mut self, now: Timestamp) {
        self.prompts.add(now);
    }

    pub(crate) fn counts(&mut self, session: &SessionId, now: Timestamp) -> Counts {
        self.effects.retain(|_, window| window.count(now, MINUTE) > 0);
        self.refusals.retain(|_, window| window.count(now, TEN_MINUTES) > 0);
        Counts {
            effects_last_minute: self.effects.get_mut(session).map_or(0, |window| window.count(now, MINUTE)),
            refusals_last_ten_minutes: self
                .refusals
                .get_mut(session)
                .map_or(0, |window| window.count(now, TEN_MINUTES)),
            sends_last_hour: self.sends.count(now, HOUR),
            prompts_last_hour: self.prompts.count(now, HOUR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_past_no_longer_counts() {
        let session: SessionId = "s-1".parse().unwrap();
        let at = |seconds: u64| Timestamp(seconds * 1000);
        let mut rates = Rates::default();
        for second in [0, 30, 59] {
            rates.effect(&session, at(second));
            rates.refusal(&session, at(second));
            rates.send(at(second));
        }
        let counts = rates.counts(&session, at(61));
        assert_eq!(
            (counts.effects_last_minute, counts.refusals_last_ten_minutes, counts.sends_last_hour),
            (2, 3, 3)
        );
        let other = rates.counts(&"s-2".parse().unwrap(), at(61));
        assert_eq!((other.effects_last_minute, other.refusals_last_ten_minutes), (0, 0));
    }

    #[test]
    fn a_clock_set_back_forgets_nothing() {
        let session: SessionId = "s-1".parse().unwrap();
        let mut rates = Rates::default();
        rates.effect(&session, Timestamp(100_000));
        assert_eq!(rates.counts(&session, Timestamp(0)).effects_last_minute, 1);
    }
}
