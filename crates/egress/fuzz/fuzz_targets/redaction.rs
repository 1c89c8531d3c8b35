//! However text is cut, what comes out of the stream is what comes out of the whole:
//! `cargo +nightly fuzz run --fuzz-dir crates/egress/fuzz redaction`.
#![no_main]

use egress::{Reader, Redactor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<&[u8]>| {
    let redactor = Redactor::shapes_only();
    let whole = redactor.redact_bytes(&pieces.concat(), Reader::Anyone).into_owned();
    let mut stream = redactor.stream();
    let mut out: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
    out.extend(stream.finish());
    assert_eq!(out, whole);
});
