//! Puts Hardshell together: configuration, recovery, and the one loop in which everything happens.
//!
//! This crate decides nothing and carries nothing out: it hands models, connectors and the sandbox to the broker and
//! asks the agent for the next step.
#![forbid(unsafe_code)]

pub mod config;
