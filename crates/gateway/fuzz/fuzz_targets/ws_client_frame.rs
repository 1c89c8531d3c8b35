//! Any text is a client's frame or an error, and a frame that was read is written and read back the same:
//! `cargo +nightly fuzz run --fuzz-dir crates/gateway/fuzz ws_client_frame`.
#![no_main]

use gateway::wire::ClientFrame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(frame) = ClientFrame::parse(text) {
        let written = serde_json::to_string(&frame).expect("a frame can be written");
        assert_eq!(ClientFrame::parse(&written).expect("what was written can be read"), frame);
    }
});
