//! The log from outside: what is recorded, what is found, what survives.
#![forbid(unsafe_code)]

#[cfg(test)]
mod chain;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod full;
#[cfg(test)]
mod house;
#[cfg(test)]
mod safe;
#[cfg(test)]
mod tidied;

/// A moment to start from.
const NOW: domain::Timestamp = domain::Timestamp(1_760_000_000_000);
