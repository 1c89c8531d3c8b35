//! Real commands in real sandboxes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "the rules for tests, which do not reach the helpers of tests"
)]

mod basic;
mod canaries;
mod compatibility;
mod house;
mod levels;
mod lifetime;
mod limits;
mod missing;
mod network;
mod pool;
mod protected;
mod spare;
mod stop;
mod transaction;
mod works;
