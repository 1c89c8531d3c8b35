//! What a tool found: structured for the policy, as text for the model.

use serde_json::Value as Json;

/// A result before it is labelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The fields that the tool's manifest describes.
    pub fields: Json,
    /// The same in words.
    pub text: String,
}

/// A size in words.
#[must_use]
pub(crate) fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of a unit, so that no float is needed.
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        for (bytes, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 30, "1.0 GiB"),
            (5 << 40, "5.0 TiB"),
        ] {
            assert_eq!(bytes_in_words(bytes), words);
        }
    }
}
