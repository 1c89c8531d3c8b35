//! Chores that cargo has no word for.
#![forbid(unsafe_code)]
fn main() {}
