//! Tells people what the audit log says: what was done and what is unusual about it, in words, charts and a page; the
//! records in the forms of other programs; and what happened in an incident, as a packet that another machine checks.
//!
//! This crate must never: write to the log, trust an index over it, send anything, or show a text without escaping it.
#![forbid(unsafe_code)]

mod chart;
mod escape;
mod export;
pub mod incident;
mod ocsf;
mod page;
mod report;
mod words;

pub use chart::{BARS_MAX, Bar, Chart, ChartError};
pub use export::{Format, export};
pub use page::{charts, page};
pub use report::{
    BURST_COUNT, BURST_WITHIN, Counts, HISTORY, NIGHT_ENDS_HOUR, RATE_FACTOR, RATE_MIN, Summary, Unusual,
    UnusualRule, Window, report,
};
pub use words::{in_words, json, moment};
