//! What is told of a real log: reports, exports, incidents and their packets.
#![forbid(unsafe_code)]

#[cfg(test)]
mod house;
#[cfg(test)]
mod incident;
#[cfg(test)]
mod report;

/// 9 October 2025, 08:53:20 UTC.
const NOW: domain::Timestamp = domain::Timestamp(1_760_000_000_000);
