//! The names that manifests give to types: `list of address`, `id of mail`.

use domain::ValueKind;

/// How deep lists of lists go: a call that needs more is JSON.
const LISTS_MAX: usize = 3;

/// The text names no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a type: the types are text, address, path, id of KIND, amount, number, date, url, host, command, \
     boolean, json, and list of TYPE"
)]
pub struct KindError {
    /// The text.
    pub text: String,
}

/// Reads the name of a type.
///
/// # Errors
///
/// [`KindError`] when there is no such type.
pub fn kind_from_text(text: &str) -> Result<ValueKind, KindError> {
    kind_within(text, LISTS_MAX).ok_or_else(|| KindError { text: text.chars().take(80).collect() })
}

fn kind_within(text: &str, lists: usize) -> Option<ValueKind> {
    if let Some(element) = text.strip_prefix("list of ") {
        let element = kind_within(element, lists.checked_sub(1)?)?;
        return Some(ValueKind::List(Box::new(element)));
    }
    if let Some(kind) = text.strip_prefix("id of ") {
        let named =
            !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        return named.then(|| ValueKind::Id(kind.to_string()));
    }
    Some(match text {
        "text" => ValueKind::Text,
        "address" => ValueKind::Address,
        "path" => ValueKind::Path,
        "amount" => ValueKind::Amount,
        "number" => ValueKind::Number,
        "date" => ValueKind::Date,
        "url" => ValueKind::Url,
        "host" => ValueKind::Host,
        "command" => ValueKind::Command,
        "boolean" => ValueKind::Boolean,
        "json" => ValueKind::Json,
        _ => return None,
    })
}

/// The name of a type, read back by [`kind_from_text`].
#[must_use]
pub fn kind_to_text(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Text => "text".to_string(),
        ValueKind::Address => "address".to_string(),
        ValueKind::Path => "path".to_string(),
        ValueKind::Id(kind) => format!("id of {kind}"),
        ValueKind::Amount => "amount".to_string(),
        ValueKind::Number => "number".to_string(),
        ValueKind::Date => "date".to_string(),
        ValueKind::Url => "url".to_string(),
        ValueKind::Host => "host".to_string(),
        ValueKind::Command => "command".to_string(),
        ValueKind::Boolean => "boolean".to_string(),
        ValueKind::Json => "json".to_string(),
        ValueKind::List(element) => format!("list of {}", kind_to_text(element)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_back() {
        for text in
            ["text", "list of list of address", "id of mail", "command", "list of id of calendar-event"]
        {
            assert_eq!(kind_to_text(&kind_from_text(text).unwrap()), text);
        }
        for text in ["", "string", "id of ", "id of a b", "list of list of list of list of text", "list of"] {
            assert!(kind_from_text(text).is_err(), "{text}");
        }
    }
}
