//! Any text is a file of manifests or an error: `cargo +nightly fuzz run --fuzz-dir crates/tools/fuzz manifest`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tools::Catalog;

fuzz_target!(|text: &str| {
    if let Ok(catalog) = Catalog::from_toml(text) {
        assert_eq!(catalog.schema_for_model(|_| true).len(), catalog.iter().len());
        for manifest in catalog.iter() {
            assert!(!manifest.sinks().is_empty());
        }
    }
});
