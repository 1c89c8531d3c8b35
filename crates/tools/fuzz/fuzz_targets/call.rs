//! Any text is a call of any tool or an error, and what is a call can be shown:
//! `cargo +nightly fuzz run --fuzz-dir crates/tools/fuzz call`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tools::Catalog;

fuzz_target!(|text: &str| {
    let Ok(catalog) = Catalog::builtin() else { return };
    for manifest in catalog.iter() {
        if let Ok(call) = catalog.parse(manifest.name().as_str(), text) {
            let shown = manifest.show(&call);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
            assert!(call.effect >= manifest.effect());
        }
    }
});
