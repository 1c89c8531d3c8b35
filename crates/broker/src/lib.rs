//! The one door: what comes in passes [`Broker::deliver`], every effect passes one of the steps: [`Broker::ask_model`],
//! [`Broker::call`], [`Broker::reply`].
//!
//! Decide, then record, then act, then label: the types allow no other order. This crate never lets an effect happen
//! without a permit that is on disk, never repeats an effect that may have happened, and never forgets what a session
//! has read.
#![forbid(unsafe_code)]

mod answer;
mod broker;
mod codec;
mod deliver;
mod error;
mod executor;
mod happened;
mod holes;
mod intent;
mod keep;
mod ledger;
mod plan;
mod quarantine;
mod rates;
mod recover;
mod standing;
mod steps;
mod submit;

pub use broker::{Broker, Clock, Executors, House, Parts, Resolve, Scan, Speaker, Wrap};
pub use deliver::Taken;
pub use error::Error;
pub use executor::{Cancel, Carried, Context, Executor, Progress, Silent};
pub use happened::{Answer, Happened, Watch, What};
pub use intent::Intent;
pub use quarantine::Quarantine;
pub use recover::Recovered;
pub use steps::Went;
pub use store::Question;
