//! The one door: what comes in passes [`Broker::deliver`], every effect passes [`Broker::submit`].
//!
//! Decide, then record, then act, then label: the types allow no other order. This crate never lets an effect happen
//! without a permit that is on disk, never repeats an effect that may have happened, and never forgets what a session
//! has read.
#![forbid(unsafe_code)]

mod executor;
mod intent;

pub use executor::{Cancel, Carried, Context, Executor, Progress, Silent};
pub use intent::Intent;
