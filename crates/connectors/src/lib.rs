//! Carries out the tools: files, programs, web pages, mail, facts about this machine, notes.
#![forbid(unsafe_code)]

mod executor;
pub mod files;
mod finding;
pub mod html;
pub mod mail;
mod moment;
pub mod shell;
mod stop;

pub use executor::Tools;
pub use finding::Finding;
pub use stop::Stop;
