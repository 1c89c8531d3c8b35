//! Checks the shape of a JSON body, field by field: unknown fields, missing fields and wrong types are complaints.

use serde_json::{Map, Value};

/// Whether a text is a function's name as vendors accept it: `^[a-zA-Z0-9_-]{1,64}$`.
pub(crate) fn is_function_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Sets a field of an object; of anything else there is none to set.
pub(crate) fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_string(), value);
    }
}

/// An object within a body, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'a> {
    at: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Shape<'a> {
    /// The object `value` at `at` (empty for the body itself).
    pub(crate) fn of(value: &'a Value, at: &str) -> Result<Self, String> {
        let at = at.to_string();
        match value {
            Value::Object(fields) => Ok(Self { at, fields }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(format!("{at}: Input should be an object"))
            }
        }
    }

    /// Where the field `name` stands.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_string() } else { format!("{}.{name}", self.at) }
    }

    /// Complains of any field that is not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("{}: Extra inputs are not permitted", self.path(name))),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name)
    }

    pub(crate) fn need(&self, name: &str) -> Result<&'a Value, String> {
        self.get(name).ok_or_else(|| format!("{}: Field required", self.path(name)))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, String> {
        self.need(name)?
            .as_str()
            .ok_or_else(|| format!("{}: Input should be a valid string", self.path(name)))
    }

    pub(crate) fn text_if_any(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.get(name).map(|_| self.text(name)).transpose()
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], String> {
        let list = self.need(name)?.as_array().map(Vec::as_slice);
        list.ok_or_else(|| format!("{}: Input should be a valid list", self.path(name)))
    }

    pub(crate) fn object(&self, name: &str) -> Result<Shape<'a>, String> {
        Shape::of(self.need(name)?, &self.path(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(yes)) => Ok(*yes),
            Some(_) => Err(format!("{}: Input should be a valid boolean", self.path(name))),
        }
    }

    /// A whole number of at least `least`, if it is there.
    pub(crate) fn count(&self, name: &str, least: u64) -> Result<Option<u64>, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) if count >= least => Ok(Some(count)),
                _ => Err(format!("{}: Input should be an integer of at least {least}", self.path(name))),
            },
        }
    }

    pub(crate) fn complain<T>(&self, name: &str, what: &str) -> Result<T, String> {
        Err(format!("{}: {what}", self.path(name)))
    }
}
