//! The events that sockets follow: numbered, kept for a while, read at each socket's own pace.

use crate::wire::{Event, Numbered, ServerFrame};
use domain::{SessionId, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many events are kept for a socket that comes back: a minute of a very busy house.
pub const EVENTS_KEPT_MAX: usize = 4096;
/// How many bytes of events are kept.
pub const EVENTS_KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many events one look takes at most, so that one socket never holds the lock for long.
const EVENTS_AT_ONCE_MAX: usize = 64;

/// The events. Publishing never waits and never fails; a reader that falls behind what is kept is told so.
#[derive(Debug)]
pub struct Events {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    /// INVARIANT: numbers rise by one from front to back, and the back one is `newest`.
    events: VecDeque<KeptEvent>,
    newest: u64,
    bytes: usize,
}

/// One event, as its bytes on the wire.
#[derive(Clone, Debug)]
pub(crate) struct KeptEvent {
    pub(crate) seq: u64,
    pub(crate) audience: Audience,
    /// The session it is about.
    pub(crate) session: Option<SessionId>,
    pub(crate) text: Arc<str>,
}

/// Who an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever may read.
    Readers,
    /// Whoever may see the audit log.
    Auditors,
    /// Only the owner: the session it is about cannot be told.
    Owner,
}

/// What a look found.
pub(crate) enum Look {
    /// The next events, possibly none.
    Next(Vec<KeptEvent>),
    /// Events after the asked number are gone, or the number was never given out.
    Missed,
}

impl Events {
    /// No events yet. Numbers begin at `started` in milliseconds × 1000, so that they rise over a restart too (and
    /// stay below 2⁵³, which JSON readers need, until the year 2255).
    #[must_use]
    pub fn new(started: Timestamp) -> Arc<Self> {
        let newest = started.0.saturating_mul(1000);
        let kept = Kept { events: VecDeque::new(), newest, bytes: 0 };
        Arc::new(Self { kept: Mutex::new(kept), newest: watch::Sender::new(newest) })
    }

    /// Numbers `event`, keeps it and wakes every socket. Returns its number.
    pub fn publish(&self, event: Event, now: Timestamp) -> u64 {
        let (audience, session) = audience(&event);
        let mut kept = self.kept();
        let seq = kept.newest.saturating_add(1);
        let frame = ServerFrame::Event(Box::new(Numbered { seq, time: now.0, event }));
        match serde_json::to_string(&frame) {
            Ok(text) => kept.push(KeptEvent { seq, audience, session, text: text.into() }),
            Err(error) => {
                tracing::error!(%error, "an event cannot be written as JSON; sockets are told to load again");
                kept.forget_everything(seq);
            }
        }
        // Under the lock, so that `newest` never goes back.
        self.newest.send_replace(seq);
        seq
    }

    /// The number of the newest event.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.kept().newest
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(crate) fn after(&self, seq: u64) -> Look {
        self.kept().after(seq)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn audience(event: &Event) -> (Audience, Option<SessionId>) {
    let session = match event {
        Event::Audit { .. } => return (Audience::Auditors, None),
        Event::Status { .. } => return (Audience::Readers, None),
        Event::Asked { question, .. } => &question.session,
        Event::Accepted { session, .. }
        | Event::Planned { session, .. }
        | Event::Draft { session, .. }
        | Event::Call { session, .. }
        | Event::Decided { session, .. }
        | Event::Result { session, .. }
        | Event::Waits { session, .. }
        | Event::Answered { session, .. }
        | Event::Reply { session, .. }
        | Event::Ended { session, .. }
        | Event::Label { session, .. }
        | Event::Progress { session, .. } => session,
    };
    match session.parse() {
        Ok(session) => (Audience::Readers, Some(session)),
        Err(_not_an_id) => (Audience::Owner, None),
    }
}

impl Kept {
    fn push(&mut self, event: KeptEvent) {
        self.newest = event.seq;
        self.bytes = self.bytes.saturating_add(event.text.len());
        self.events.push_back(event);
        while self.events.len() > EVENTS_KEPT_MAX || self.bytes > EVENTS_KEPT_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
        }
    }

    fn forget_everything(&mut self, newest: u64) {
        self.events.clear();
        self.bytes = 0;
        self.newest = newest;
    }

    fn after(&self, seq: u64) -> Look {
        if seq == self.newest {
            return Look::Next(Vec::new());
        }
        let (Some(oldest), false) = (self.events.front(), seq > self.newest) else { return Look::Missed };
        if seq.saturating_add(1) < oldest.seq {
            return Look::Missed;
        }
        let skip = usize::try_from(seq.saturating_add(1).saturating_sub(oldest.seq)).unwrap_or(usize::MAX);
        Look::Next(self.events.iter().skip(skip).take(EVENTS_AT_ONCE_MAX).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(n: usize) -> Event {
        Event::Answered { session: "s".to_string(), question: format!("q{n}"), answer: None }
    }

    fn found(events: &Events, after: u64) -> Option<Vec<u64>> {
        match events.after(after) {
            Look::Next(next) => Some(next.iter().map(|event| event.seq).collect()),
            Look::Missed => None,
        }
    }

    #[test]
    fn a_reader_goes_on_where_it_was_or_is_told_that_it_missed_some() {
        let events = Events::new(Timestamp(5));
        assert_eq!(events.newest(), 5000);
        assert_eq!(found(&events, 5000), Some(vec![]), "nothing yet");
        assert_eq!(found(&events, 4999), None, "from before the start");
        for n in 0..3 {
            events.publish(ended(n), Timestamp(6));
        }
        assert_eq!(found(&events, 5000), Some(vec![5001, 5002, 5003]));
        assert_eq!(found(&events, 5002), Some(vec![5003]));
        assert_eq!(found(&events, 5003), Some(vec![]));
        assert_eq!(found(&events, 5004), None, "a number that was never given out");
        assert_eq!(found(&events, u64::MAX), None);
        assert_eq!(found(&events, 0), None);
    }

    #[test]
    fn what_is_kept_has_a_limit_in_count_and_bytes() {
        let events = Events::new(Timestamp(0));
        for n in 0..EVENTS_KEPT_MAX + 10 {
            events.publish(ended(n), Timestamp(1));
        }
        assert_eq!(found(&events, 9), None);
        assert_eq!(found(&events, 10).unwrap().len(), EVENTS_AT_ONCE_MAX);

        let big = || Event::Reply {
            session: "s".to_string(),
            task: "t".to_string(),
            text: "x".repeat(1024 * 1024),
            label: (&domain::Label::owner()).into(),
        };
        for _ in 0..20 {
            events.publish(big(), Timestamp(1));
        }
        let kept = events.kept();
        assert!(kept.bytes <= EVENTS_KEPT_BYTES_MAX && kept.events.len() == 7, "{}", kept.events.len());
    }
}
