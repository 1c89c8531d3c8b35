//! Any bytes are a mail: `cargo +nightly fuzz run --fuzz-dir crates/connectors/fuzz mail`. The corpus of
//! `tests/malformed` is a good beginning.
#![no_main]

use connectors::mail::message::Mail;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mail = Mail::read(bytes);
    assert!(!mail.subject.chars().any(char::is_control));
    assert!(mail.from.is_none_or(|from| !from.chars().any(char::is_control)));
    let _ = Mail::read_headers(bytes);
});
