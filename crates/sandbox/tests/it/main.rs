//! Real commands in real sandboxes.

mod basic;
mod house;
