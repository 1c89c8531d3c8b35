//! Attacks to watch: a hijacked model does what a stranger's text tells it, in a home of its own, and the walls answer.
//!
//! The model, the mail and the attacker's server are played; the house is the real one, started as always. A wall is
//! left out by configuration or by the owner's answers only: nothing in here decides what is stopped, and nothing in
//! here touches a home that it did not make.
#![forbid(unsafe_code)]

mod attacker;
mod error;
mod play;
mod report;
mod scenario;
mod scenarios;
mod stage;
mod story;
mod wall;

pub use error::DemoError;
pub use play::{NAMES, Progress, play};
pub use report::{Answered, LogKept, Proposed, Reached, Report, RuleSaid, Try};
pub use scenario::{Attack, Harm, Scenario, Secret, Step, Vain, Win};
pub use scenarios::{ALL, find};
pub use stage::place;
pub use story::{Line, Tone, story};
pub use wall::Wall;
