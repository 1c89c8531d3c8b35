//! Sends the audit log elsewhere as it grows: to files, standard output, syslog and OpenTelemetry collectors, and
//! copies of its signatures to a second place.
//!
//! The log itself is the spool: a receiver has a cursor, which is on disk, and everything behind it is still to go.
//! Delivery is at least once: after a break some records come again, with the same number and digest. A receiver that
//! is too far behind has its oldest records skipped, which stands in the audit log and is told to the receiver.
//!
//! This crate must never: write to a segment, wait for a receiver in the way of an effect, move a cursor past a record
//! that was neither taken nor put on record as skipped nor noted in the cursor to be put on record, or reach the network but through egress.
#![forbid(unsafe_code)]

mod cursor;
mod error;
mod feed;
mod link;
mod local;
mod message;
mod otlp;
mod pace;
mod receiver;
mod ship;
mod shipping;
mod state;
mod stream;
mod syslog;
mod traces;

pub use cursor::CursorError;
pub use pace::Pace;
pub use receiver::{Confirmation, Facility, Name, NameError, Otlp, Receiver, Syslog, To, Transport};
pub use shipping::{Clock, FOLDER, Parts, Shipping, Stopped};
pub use state::{ReceiverState, states};
pub use traces::Spans;
