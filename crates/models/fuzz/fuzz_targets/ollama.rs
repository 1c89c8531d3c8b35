//! Any bytes as an answer: no panic, and the same answer whole as in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::{ModelKind, wire};

fuzz_target!(|bytes: &[u8]| wire::check_cutting(ModelKind::Ollama, bytes));
