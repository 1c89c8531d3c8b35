//! Any line is a record or is refused, and what is a record is read back as it stands.
//!
//! A line of random bytes never has the right digest, so each input is also tried with the digest that fits it, as
//! somebody without the key could make it.
#![no_main]

use audit::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    let key = blake3::derive_key("hardshell audit record v1", b"");
    let mut line = bytes.to_vec();
    line.extend_from_slice(format!(",\"hash\":\"{}\"}}", blake3::keyed_hash(&key, bytes).to_hex()).as_bytes());
    look(&line);
});

fn look(line: &[u8]) {
    if let Ok(record) = Record::parse(line) {
        assert_eq!(record.json().as_bytes(), line);
        let _typed_or_refused = record.entry();
    }
}
