//! One message of syslog (RFC 5424), and datagrams with one in each (RFC 5426).

use crate::error::Trouble;
use crate::link::Went;
use crate::message::{Message, Weight};
use crate::{Facility, Syslog};
use egress::{DATAGRAM_BYTES_MAX, Datagrams, Destination, Egress, Scope};
use std::sync::Arc;
use std::time::Duration;

/// The longest host name in a message (RFC 5424 §6).
const HOST_BYTES_MAX: usize = 255;
/// The number behind `@` in the name of our data: the one that RFC 5612 sets aside for those without one of their own.
const DATA: &str = "hardshell@32473";
/// So many datagrams are sent in a row; a receiver's buffer commonly has room for 200 KB.
const DATAGRAMS_IN_A_ROW: usize = 64;
/// Then it is left alone for so long: more than 6,000 records a second pass.
const PAUSE: Duration = Duration::from_millis(10);

/// How records are written for one server.
pub(crate) struct Format {
    facility: Facility,
    message_bytes_max: usize,
    host: String,
    process: u32,
    log: String,
}

impl Format {
    pub(crate) fn of(syslog: &Syslog, host: &str, log: &str) -> Self {
        let visible = host.chars().filter(char::is_ascii_graphic).take(HOST_BYTES_MAX).collect::<String>();
        Self {
            facility: syslog.facility,
            message_bytes_max: syslog.message_bytes_max,
            host: if visible.is_empty() { "-".to_string() } else { visible },
            process: std::process::id(),
            log: log.to_string(),
        }
    }

    /// `<PRI>1 TIME HOST hardshell PID KIND [DATA] LINE`, at most `limit` bytes.
    pub(crate) fn message(&self, message: &Message, limit: usize) -> Vec<u8> {
        let limit = limit.min(self.message_bytes_max);
        let whole = self.head(message, None);
        let length = whole.len().saturating_add(message.line.len());
        if length <= limit {
            return [whole.as_bytes(), message.line.as_bytes()].concat();
        }
        // How much is cut makes the head longer, by no more than this.
        let head = self.head(message, Some(length));
        let room = limit.saturating_sub(head.len());
        let end = (0..=room.min(message.line.len())).rev().find(|end| message.line.is_char_boundary(*end));
        let kept = message.line.get(..end.unwrap_or_default()).unwrap_or_default();
        let cut = message.line.len().saturating_sub(kept.len());
        [self.head(message, Some(cut)).as_bytes(), kept.as_bytes()].concat()
    }

    fn head(&self, message: &Message, cut: Option<usize>) -> String {
        let priority =
            u32::from(self.facility.number()).saturating_mul(8).saturating_add(severity(message.weight));
        let milliseconds = i64::try_from(message.time.0).unwrap_or_default();
        let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
        let time = time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        let hash = message.hash.as_ref().map(|hash| format!(" hash=\"{hash}\"")).unwrap_or_default();
        let cut = cut.map(|cut| format!(" cut=\"{cut}\"")).unwrap_or_default();
        let Self { host, process, log, .. } = self;
        let (kind, seq) = (message.kind, message.seq);
        // Digits, letters of hexadecimal numbers and words of our own: nothing in here needs escaping (§6.3.3).
        format!(
            "<{priority}>1 {time} {host} hardshell {process} {kind} [{DATA} log=\"{log}\" seq=\"{seq}\"{hash}{cut}] "
        )
    }
}

/// RFC 5424 §6.2.1.
fn severity(weight: Weight) -> u32 {
    match weight {
        Weight::Ordinary => 6,
        Weight::Notable => 5,
        Weight::Warning => 4,
        Weight::Error => 3,
        Weight::Alarm => 1,
    }
}

/// A server that is sent datagrams.
pub(crate) struct Packets {
    egress: Arc<Egress>,
    place: (Destination, u16),
    scope: Scope,
    format: Format,
    way: Option<Datagrams>,
}

impl Packets {
    pub(crate) fn new(egress: Arc<Egress>, place: (Destination, u16), scope: Scope, format: Format) -> Self {
        Self { egress, place, scope, format, way: None }
    }

    pub(crate) async fn send(&mut self, messages: &[Message]) -> Result<Went, Trouble> {
        let way = match &mut self.way {
            Some(way) => way,
            none => {
                let (to, port) = (&self.place.0, self.place.1);
                let opened = self.egress.datagrams(to, port, &self.scope).await;
                none.insert(opened.map_err(|error| Trouble::later(&error))?)
            }
        };
        for row in messages.chunks(DATAGRAMS_IN_A_ROW) {
            for message in row {
                let bytes = self.format.message(message, DATAGRAM_BYTES_MAX);
                way.send(&bytes).await.map_err(|error| Trouble::later(&error))?;
            }
            tokio::time::sleep(PAUSE).await;
            way.check().map_err(|error| Trouble::later(&error))?;
        }
        Ok(Went::Taken)
    }

    pub(crate) fn reset(&mut self) {
        self.way = None;
    }
}

#[cfg(test)]
mod tests;
