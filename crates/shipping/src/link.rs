//! The way to one receiver, whatever it is.

use crate::error::Trouble;
use crate::local::Local;
use crate::message::{Message, WHO};
use crate::otlp::Collector;
use crate::shipping::Parts;
use crate::stream::Stream;
use crate::syslog::{Format, Packets};
use crate::{Otlp, Receiver, To, Transport};
use audit::Checkpoint;
use egress::{Limits, Scope};
use std::time::Duration;

/// The way to one receiver.
pub(crate) enum Link {
    Lines(Local),
    Signatures(Box<Signatures>),
    Packets(Box<Packets>),
    Stream(Box<Stream>),
    Collector(Box<Collector>),
}

/// How a batch was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// The receiver has it.
    Taken,
    /// It is on its way; [`Link::confirm`] tells.
    Written,
    /// The receiver has it but for so many records, which it will not take.
    Partly { rejected: u64, why: String },
}

impl Link {
    pub(crate) fn to(receiver: &Receiver, parts: &Parts, log: &str) -> std::io::Result<Self> {
        let pace = parts.pace;
        let name = &receiver.name;
        Ok(match &receiver.to {
            To::File(path) => Self::Lines(Local::file(name, path)?),
            To::StandardOutput => Self::Lines(Local::standard_output(name)?),
            To::Signatures(path) => Self::Signatures(Box::new(Signatures {
                log: std::sync::Arc::clone(&parts.log),
                place: Local::file(name, path)?,
                last: None,
            })),
            To::Syslog(syslog) => {
                let format = Format::of(syslog, &parts.host, log);
                let scope = scope(receiver, &syslog.rules, pace.answer);
                let egress = std::sync::Arc::clone(&parts.egress);
                let place = (syslog.destination.clone(), syslog.port);
                match syslog.transport {
                    Transport::Udp => Self::Packets(Box::new(Packets::new(egress, place, scope, format))),
                    Transport::Tcp | Transport::Tls => Self::Stream(Box::new(Stream::new(
                        egress,
                        place,
                        syslog.transport,
                        syslog.confirmation,
                        scope,
                        format,
                    ))),
                }
            }
            To::Otlp(otlp) => {
                let scope = scope(receiver, &otlp.rules, pace.answer);
                Self::Collector(Box::new(Collector::new(parts, Otlp::clone(otlp), scope, log)))
            }
        })
    }

    pub(crate) async fn send(&mut self, messages: &[Message], answer: Duration) -> Result<Went, Trouble> {
        match self {
            Self::Lines(local) => local.lines(messages, answer).await,
            Self::Signatures(signatures) => signatures.copy(answer).await,
            Self::Packets(packets) => packets.send(messages).await,
            Self::Stream(stream) => stream.send(messages, answer).await,
            Self::Collector(collector) => collector.send(messages).await,
        }
    }

    /// Makes sure that what was written is taken, and opens the way again.
    pub(crate) async fn confirm(&mut self, answer: Duration) -> Result<(), Trouble> {
        match self {
            Self::Stream(stream) => stream.confirm(answer).await,
            Self::Lines(_) | Self::Signatures(_) | Self::Packets(_) | Self::Collector(_) => Ok(()),
        }
    }

    /// Returns when a receiver that was there is gone. Safe to cancel.
    pub(crate) async fn gone(&mut self) -> Trouble {
        match self {
            Self::Stream(stream) => stream.gone().await,
            Self::Lines(_) | Self::Signatures(_) | Self::Packets(_) | Self::Collector(_) => {
                std::future::pending().await
            }
        }
    }

    /// Says the last that there is to say before the program ends.
    pub(crate) async fn close(&mut self, answer: Duration) {
        if let Self::Signatures(signatures) = self
            && let Err(trouble) = signatures.copy(answer).await
        {
            tracing::warn!(%trouble, "the last signature of the audit log was not copied");
        }
    }

    /// Lets the way go; the next batch opens it anew.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Stream(stream) => stream.reset(),
            Self::Packets(packets) => packets.reset(),
            // A file that hangs is waited for, not opened a second time.
            Self::Lines(_) | Self::Signatures(_) | Self::Collector(_) => {}
        }
    }
}

fn scope(receiver: &Receiver, rules: &std::sync::Arc<egress::Rules>, answer: Duration) -> Scope {
    let limits = Limits {
        body_bytes_max: 256 * 1024,
        connect_timeout: answer.min(Limits::default().connect_timeout),
        head_timeout: answer,
        total_timeout: answer,
        redirects_max: 0,
        ..Limits::default()
    };
    Scope { who: format!("{WHO}{}", receiver.name), rules: std::sync::Arc::clone(rules), limits }
}

/// Copies of the log's signatures.
pub(crate) struct Signatures {
    log: std::sync::Arc<audit::Log>,
    place: Local,
    last: Option<Checkpoint>,
}

impl Signatures {
    async fn copy(&mut self, answer: Duration) -> Result<Went, Trouble> {
        let signed = self.log.checkpoint().await.map_err(|error| Trouble::later(&error))?;
        if self.last.as_ref() != Some(&signed) {
            self.place.write(format!("{signed}\n").into_bytes(), answer).await?;
            self.last = Some(signed);
        }
        Ok(Went::Taken)
    }
}
