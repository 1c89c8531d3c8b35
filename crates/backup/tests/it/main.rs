//! A home goes into a backup and comes back whole, or not at all.
#![forbid(unsafe_code)]

#[cfg(test)]
mod round_trip;
