//! Where in the text of a configuration a key stands.

use super::Place;
use toml::de::{DeTable, DeValue};

/// A step from a table or list to what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// One of a list.
    At(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_string())
    }
}

impl From<usize> for Step {
    fn from(at: usize) -> Self {
        Self::At(at)
    }
}

/// Where the value at `way` begins; of a way that ends too early, the last value there is. Nothing when the text is no
/// TOML or has not even the first step.
pub(crate) fn locate(text: &str, way: &[Step]) -> Option<Place> {
    let document = DeTable::parse(text).ok()?;
    let mut value: Option<&toml::Spanned<DeValue<'_>>> = None;
    for step in way {
        let next = match (step, value.map(toml::Spanned::get_ref)) {
            (Step::Key(key), None) => document.get_ref().get(key.as_str()),
            (Step::Key(key), Some(DeValue::Table(table))) => table.get(key.as_str()),
            (Step::At(at), Some(DeValue::Array(list))) => list.get(*at),
            (_, _) => None,
        };
        match next {
            Some(next) => value = Some(next),
            None => break,
        }
    }
    value.map(|value| Place::of(text, value.span().start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_to_its_value_or_as_far_as_there_is_one() {
        let text = "model = \"a\"\n[[models]]\nname = \"a\"\n[[models]]\nname = \"b\"\n  url = \"x\"\n[files]\nallowed_paths = [\"~/a\", \"~/b\"]\n";
        for (way, line, column) in [
            (vec![Step::from("model")], 1, 9),
            (vec!["models".into(), 1.into(), "url".into()], 6, 9),
            (vec!["models".into(), 1.into(), "key".into()], 4, 1),
            (vec!["files".into(), "allowed_paths".into(), 1.into()], 8, 25),
        ] {
            assert_eq!(locate(text, &way), Some(Place { line, column }), "{way:?}");
        }
        assert_eq!(locate(text, &["none".into()]), None);
        assert_eq!(locate("= 1", &["model".into()]), None);
    }
}
