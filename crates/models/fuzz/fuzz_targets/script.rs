//! Any bytes as a script: an answer or an error, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::Script;

fuzz_target!(|bytes: &[u8]| {
    let _ = Script::parse(&String::from_utf8_lossy(bytes));
});
