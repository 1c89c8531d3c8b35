//! Answers people where they asked.
//!
//! Each channel is an executor behind the door: it says exactly what a permit on record allows, to the one session it
//! names. This crate never decides who may be answered, and takes nothing in.
#![forbid(unsafe_code)]

mod screens;

pub use screens::Screens;
