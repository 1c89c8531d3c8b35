//! Chores that cargo has no word for: `cargo xtask bench`.
#![forbid(unsafe_code)]

mod bench;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bench") => bench::run(),
        _ => {
            eprintln!("usage: cargo xtask bench    measure what DESIGN.md §12 names, on this machine");
            ExitCode::from(2)
        }
    }
}
