//! What happens when a receiver takes nothing, or is too far behind; all of it on record.

use super::Ship;
use crate::To;
use crate::cursor::{Gap, Refused};
use crate::error::Trouble;
use crate::link::Link;
use crate::message::CONTROL;
use audit::{Entry, Event, ProofState, Subject};
use domain::Principal;
use tokio::time::{Instant, sleep};

/// Of a receiver that is too far behind, so many parts of the bound are skipped at once, so that each skip is one
/// record and not each record a skip.
const SKIPPED_PART: u64 = 10;

impl Ship {
    /// The receiver takes nothing: it is let alone for a while, and then gets again what it may not have.
    pub(super) async fn failed(&mut self, trouble: Trouble) {
        let (Trouble::Later { why, .. } | Trouble::Never { why }) = &trouble;
        let after = match &trouble {
            Trouble::Later { after, .. } => *after,
            Trouble::Never { .. } => None,
        };
        let pace = self.parts.pace;
        let now = (self.parts.clock)();
        self.cursor.failed = self.cursor.failed.saturating_add(1);
        self.cursor.set_error(why);
        let since = domain::Timestamp(*self.cursor.down_since.get_or_insert(now.0));
        self.rewind();
        if !self.cursor.told && now.since(since) >= pace.told_after {
            let name = &self.receiver.name;
            let seconds = now.since(since).as_secs();
            let said =
                format!("`{name}` has taken nothing for {seconds} s: {why}. Its records wait in the log");
            self.cursor.told = self.note(ProofState::Failed, &said).await;
        }
        tracing::warn!(receiver = %self.receiver.name, why, "the audit log could not be sent on; it is tried again");
        self.keep();
        self.show();
        let doubled = pace.retry_first.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        sleep(after.unwrap_or(doubled.min(pace.retry_max)).max(pace.retry_first)).await;
    }

    /// Lets the way go. What was on it, and what a stream's far end may have lost, comes again.
    pub(super) fn rewind(&mut self) {
        self.written = None;
        self.gap_sent = false;
        let is_stream = matches!(&self.way, Some((_, Link::Stream(_))));
        if let Some((feed, link)) = &mut self.way {
            link.reset();
            if is_stream {
                feed.go_to(self.settled.min(self.cursor.seq));
            }
        }
    }

    /// A receiver that is too far behind does without the oldest.
    pub(super) async fn keep_bound(&mut self) {
        let end = *self.end.borrow();
        let (seq, most) = (self.cursor.seq, self.receiver.behind_records_max);
        if end.saturating_sub(seq) <= most {
            return;
        }
        if let To::Signatures(_) = self.receiver.to {
            // The next signature covers all of them.
            return;
        }
        self.rewind();
        let to = end.saturating_sub(most.saturating_sub(most.div_euclid(SKIPPED_PART)));
        let why = format!("it is more than {most} records behind");
        self.skip(Gap { from: seq.saturating_add(1), to, why }).await;
    }

    /// Skips what `gap` names, once that is on record.
    pub(super) async fn skip(&mut self, gap: Gap) {
        if self.written.is_some() {
            // What is on its way counts as had only when it is.
            self.confirm().await;
            if self.cursor.seq.saturating_add(1) < gap.from {
                return;
            }
        }
        let (from, to) = (gap.from, gap.to);
        let name = &self.receiver.name;
        let said =
            format!("the records {from} to {to} ({}) are not sent to `{name}`: {}", gap.records(), gap.why);
        if self.note(ProofState::Failed, &said).await {
            self.cursor.skip(gap);
            self.settled = self.settled.max(self.cursor.seq);
            self.keep();
        } else {
            sleep(self.parts.pace.retry_first).await;
        }
        if let Some((feed, _)) = &mut self.way {
            feed.go_to(self.cursor.seq);
        }
    }

    /// The receiver will never take the record `seq`: it goes on behind it, the slower the more of them there are in a
    /// row, for what takes nothing at all is no reason to give up one record after the other in a second.
    pub(super) async fn refused(&mut self, seq: u64, why: String) {
        self.cursor.refuse(Refused { from: seq, to: seq, count: 1, why: why.clone() });
        self.cursor.skip(Gap { from: seq, to: seq, why: why.clone() });
        self.settled = self.settled.max(seq);
        if self.refused_told.is_none() {
            self.tell_refused().await;
        }
        self.failed(Trouble::Never { why }).await;
    }

    /// When what was not taken is due to be put on record.
    pub(super) fn tell_due(&self) -> Option<Instant> {
        self.cursor.refused.as_ref()?;
        let now = Instant::now();
        Some(self.refused_told.and_then(|told| told.checked_add(self.parts.pace.told_every)).unwrap_or(now))
    }

    /// Puts what was not taken on record, as one record.
    pub(super) async fn tell_refused(&mut self) {
        let Some(refused) = &self.cursor.refused else { return };
        let name = &self.receiver.name;
        let Refused { from, to, count, why } = refused;
        let said = format!(
            "`{name}` would not take {count} of the records {from} to {to}, which stay in this log: {why}"
        );
        // Also when it could not be recorded: it is tried again, and no faster.
        self.refused_told = Some(Instant::now());
        if self.note(ProofState::Failed, &said).await {
            self.cursor.refused = None;
        }
        self.keep();
    }

    /// Puts on record how it goes with the receiver.
    pub(super) async fn note(&self, state: ProofState, said: &str) -> bool {
        let name = format!("{CONTROL}{}", self.receiver.name);
        let event = Event::Proof { name, state, detail: said.to_string() };
        let subject = Subject { principal: Some(Principal::house()), ..Subject::default() };
        match self.parts.log.note(Entry { subject, event }, (self.parts.clock)()).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(said, error = crate::error::chain(&error), "this could not be recorded");
                false
            }
        }
    }
}
