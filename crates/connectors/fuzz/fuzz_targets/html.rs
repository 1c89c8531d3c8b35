//! Any text is a page, read in bounded time: `cargo +nightly fuzz run --fuzz-dir crates/connectors/fuzz html`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let page = connectors::html::read(text);
    assert!(!page.title.contains('\n'));
});
