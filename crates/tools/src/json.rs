//! JSON as a model may write it: no duplicate keys, no great depth, no great size.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The longest arguments text, in bytes: a long file to be written, and no more.
pub(crate) const BYTES_MAX: usize = 4 * 1024 * 1024;
/// The deepest nesting: deeper than any tool's arguments.
pub(crate) const DEPTH_MAX: usize = 16;
/// The most values in one text: more than any call has, less than would fill memory.
const VALUES_MAX: usize = 100_000;

/// Reads one JSON value and nothing after it.
///
/// # Errors
///
/// What is wrong and where, as a fragment.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut values = 0;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0, values: &mut values }
        .deserialize(&mut deserializer)
        .map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// The same text for equal values: keys sorted, no spare white space.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}

struct Strict<'a> {
    depth: usize,
    values: &'a mut usize,
}

impl Strict<'_> {
    fn within<E: serde::de::Error>(&mut self) -> Result<Strict<'_>, E> {
        *self.values = self.values.saturating_add(1);
        if *self.values > VALUES_MAX {
            return Err(E::custom(format!("more than {VALUES_MAX} values")));
        }
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Strict { depth, values: self.values })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(self.within()?)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(self.within()?)?;
            if map.insert(key.clone(), value).is_some() {
                let key: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format!("the key `{key}` stands twice")));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_could_take_two_ways_is_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":1} {"a":2}"#,
            "{",
            "",
            "{'a':1}",
            r#"{"a":1e999}"#,
            &format!("{}{}", "[".repeat(17), "]".repeat(17)),
            &format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
            &format!("[{}1]", "1,".repeat(100_001)),
        ] {
            assert!(parse(text).is_err(), "{}", text.chars().take(40).collect::<String>());
        }
        assert_eq!(canonical(&parse(r#" {"b":[1, 2.50],"a":"x"} "#).unwrap()), r#"{"a":"x","b":[1,2.5]}"#);
    }
}
