//! Paths into a structured result: `messages.*.from`.

use std::fmt;
use std::str::FromStr;

/// The most parts of a path: deeper than any result a person could check.
const PARTS_MAX: usize = 16;

/// Which leaves of a result a manifest speaks of.
///
/// Parts are joined by dots; `*` is any index of a list or any key of an object; `@key`, last, is the key itself where
/// keys are data. The empty path is the whole result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<String>);

/// The part that stands for a key which is data.
pub(crate) const KEY: &str = "@key";

/// The text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a field path: parts are joined by dots, none is empty, at most 16")]
pub struct PathError {
    /// The text.
    pub text: String,
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let parts: Vec<String> = text.split('.').map(str::to_string).collect();
        if parts.len() > PARTS_MAX || parts.iter().any(String::is_empty) {
            return Err(PathError { text: text.chars().take(80).collect() });
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl FieldPath {
    /// Whether the leaf at `parts` is one it speaks of.
    #[must_use]
    pub fn matches(&self, parts: &[String]) -> bool {
        self.0.len() == parts.len()
            && self.0.iter().zip(parts).all(|(pattern, part)| part_matches(pattern, part))
    }

    /// Whether a path that begins with `parts` names its next part by that very key, so that the key is structure and
    /// not data.
    pub(crate) fn names_key(&self, parts: &[String], key: &str) -> bool {
        let begins = self.0.len() > parts.len()
            && self.0.iter().zip(parts).all(|(pattern, part)| part_matches(pattern, part));
        begins && self.0.get(parts.len()).is_some_and(|next| next == key)
    }

    /// This path within the record that `parts` stands in: each `*` becomes the part of `parts` at the same place, as
    /// long as both have run alike so far.
    pub(crate) fn beside(&self, parts: &[String]) -> Vec<String> {
        let mut alike = true;
        let mut found = Vec::with_capacity(self.0.len());
        for (place, pattern) in self.0.iter().enumerate() {
            match parts.get(place) {
                Some(part) if alike && part_matches(pattern, part) => found.push(part.clone()),
                Some(_) | None => {
                    alike = false;
                    found.push(pattern.clone());
                }
            }
        }
        found
    }
}

fn part_matches(pattern: &str, part: &str) -> bool {
    pattern == part || (pattern == "*" && part != KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        text.split('.').map(str::to_string).collect()
    }

    #[test]
    fn a_star_is_one_part_and_never_a_key_that_is_data() {
        for (pattern, leaf, matches) in [
            ("messages.*.from", "messages.0.from", true),
            ("messages.*.from", "messages.0.1.from", false),
            ("messages.*.from", "messages.0.to", false),
            ("*", "0", true),
            ("*", "@key", false),
            ("@key", "@key", true),
        ] {
            assert_eq!(
                pattern.parse::<FieldPath>().unwrap().matches(&parts(leaf)),
                matches,
                "{pattern} {leaf}"
            );
        }
        assert!("".parse::<FieldPath>().unwrap().matches(&[]));
        assert!("a..b".parse::<FieldPath>().is_err());
    }

    #[test]
    fn a_neighbour_is_found_in_the_same_record() {
        let owner: FieldPath = "events.*.organizer".parse().unwrap();
        assert_eq!(owner.beside(&parts("events.3.participants.0")), parts("events.3.organizer"));
    }
}
