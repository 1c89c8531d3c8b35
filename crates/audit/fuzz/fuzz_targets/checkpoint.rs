//! Any text is a checkpoint or is refused, and what is a checkpoint is written as it was read.
#![no_main]

use audit::{Checkpoint, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    }
    let _key_or_refused = text.parse::<PublicKey>();
});
