//! Tool names as vendors accept them: `^[a-zA-Z0-9_-]{1,64}$`, so `files.read` travels as `files__read`.

use std::collections::BTreeMap;

/// The longest name vendors accept, in bytes.
const WIRE_NAME_BYTES_MAX: usize = 64;
/// How much of a name too long to travel is kept, in bytes; sixteen hexadecimal digits of its digest follow.
const KEPT_BYTES: usize = 46;
/// Stands for a dot.
const DOT: &str = "__";
/// Stands for an underscore that touches a dot or another underscore. Our names have no capitals, so it is free.
const UNDERSCORE: &str = "Xu";

/// The names of one request, both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    ours: BTreeMap<String, String>,
}

impl Names {
    /// A table of `names`, ours.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { ours: names.into_iter().map(|name| (to_wire(name), name.to_string())).collect() }
    }

    /// Our name for what a model wrote. A name that was not offered is undone as far as it can be, so that the model
    /// is told about the name it meant.
    #[must_use]
    pub fn undo(&self, wire: &str) -> String {
        self.ours.get(wire).cloned().unwrap_or_else(|| undone(wire))
    }
}

fn undone(wire: &str) -> String {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(DOT) {
            name.push('.');
            rest = after;
        } else if let Some(after) = rest.strip_prefix(UNDERSCORE) {
            name.push('_');
            rest = after;
        } else {
            name.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    name
}

/// The name as it travels. Two different names never travel alike, but for a collision of BLAKE3.
#[must_use]
pub fn to_wire(name: &str) -> String {
    let bytes = name.as_bytes();
    let joins =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| matches!(byte, b'.' | b'_'));
    let mut wire = String::with_capacity(name.len());
    let mut plain = !name.is_empty();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'.' => wire.push_str(DOT),
            b'_' if joins(at.checked_sub(1)) || joins(at.checked_add(1)) => wire.push_str(UNDERSCORE),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => wire.push(char::from(*byte)),
            _ => plain = false,
        }
    }
    if plain && wire.len() <= WIRE_NAME_BYTES_MAX {
        return wire;
    }
    // `wire` is ASCII, so every index is a character's edge.
    wire.truncate(KEPT_BYTES);
    let digest = blake3::hash(bytes).to_hex();
    format!("{wire}X-{}", digest.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_travels_and_comes_back() {
        for (name, wire) in [
            ("files.read", "files__read"),
            ("shell", "shell"),
            ("mcp.git-hub.list_issues", "mcp__git-hub__list_issues"),
            ("a__b", "aXuXub"),
            ("a_.b", "aXu__b"),
            ("a..b", "a____b"),
        ] {
            assert_eq!(to_wire(name), wire);
            assert_eq!(Names::default().undo(wire), name);
        }
        let long = format!("mcp.{}", "x".repeat(120));
        assert_eq!(to_wire(&long).len(), 64);
        assert_eq!(Names::new([long.as_str()]).undo(&to_wire(&long)), long);
        assert_eq!(Names::default().undo("files.read"), "files.read");
    }

    proptest! {
        #[test]
        fn every_name_is_accepted_and_undone(name in "[a-z0-9][a-z0-9._-]{0,127}") {
            let wire = to_wire(&name);
            prop_assert!(wire.len() <= 64);
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            prop_assert_eq!(Names::new([name.as_str()]).undo(&wire), name.clone());
            if wire.len() < 64 {
                prop_assert_eq!(Names::default().undo(&wire), name);
            }
        }

        #[test]
        fn no_two_names_travel_alike(a in "[a-b._]{1,6}", b in "[a-b._]{1,6}") {
            prop_assert_eq!(a == b, to_wire(&a) == to_wire(&b));
        }

        #[test]
        fn any_text_at_all_becomes_a_name(name in ".{0,200}") {
            let wire = to_wire(&name);
            prop_assert!((1..=64).contains(&wire.len()));
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        }
    }
}
