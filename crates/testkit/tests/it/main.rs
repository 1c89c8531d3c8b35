//! The fakes, asked by others than us.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something fails")]

mod clients;
