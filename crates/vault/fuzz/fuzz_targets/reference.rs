//! Any text is a reference that is shown as it was written, or an error that does not repeat it:
//! `cargo +nightly fuzz run --fuzz-dir crates/vault/fuzz reference`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::SecretRef;

fuzz_target!(|text: &str| {
    match text.parse::<SecretRef>() {
        Ok(reference) => assert_eq!(reference.to_string(), text),
        Err(error) => assert!(text.len() < 12 || !error.to_string().contains(text)),
    }
});
