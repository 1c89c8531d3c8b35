//! Real commands in real sandboxes.

mod basic;
mod canaries;
mod compatibility;
mod house;
mod levels;
mod lifetime;
mod limits;
mod network;
mod transaction;
