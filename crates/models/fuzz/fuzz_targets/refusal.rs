//! Any bytes as a refusal: no panic, and nothing unprintable in what is shown of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::PeerError;

fuzz_target!(|bytes: &[u8]| {
    let error = PeerError::read(&String::from_utf8_lossy(bytes));
    for status in [200, 400, 401, 403, 404, 429, 500, 529] {
        let trouble = error.trouble(status, "m");
        let words = error.words(&trouble).unwrap_or_default();
        assert!(!words.chars().any(char::is_control), "{words:?}");
    }
});
