//! One JSON value becomes one [`Value`] of a manifest's type, or a reason that a model can act on.

use crate::manifest::{AddressForm, Limits, Lines, Numbers};
use crate::{date, json, kind_to_text, shell};
use domain::{Address, Host, Value, ValueKind};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use url::Url;

/// Why a value does not fit its argument. The text reads on after the argument's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is of another type.
    #[error("takes {wanted}, not {found}")]
    WrongType {
        /// What is wanted.
        wanted: String,
        /// What is there.
        found: &'static str,
    },
    /// It is longer than the limit.
    #[error("has {found} bytes; at most {limit} are allowed")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
        /// What is there, in bytes.
        found: usize,
    },
    /// The list is longer than the limit.
    #[error("has {found} elements; at most {limit} are allowed")]
    TooMany {
        /// The limit.
        limit: usize,
        /// What is there.
        found: usize,
    },
    /// The number is outside its range.
    #[error("is {found}; it must be {wanted}")]
    OutOfRange {
        /// The range in words.
        wanted: String,
        /// The number.
        found: String,
    },
    /// The text is none of those allowed.
    #[error("is `{found}`; it must be one of: {wanted}")]
    NotOneOf {
        /// Those allowed.
        wanted: String,
        /// What is there, cut to 80 characters.
        found: String,
    },
    /// The text cannot be read as the type.
    #[error("{reason}")]
    Malformed {
        /// What is wrong, in a sentence part.
        reason: String,
    },
}

/// Reads `json` as a value of `kind` within `limits`.
pub(crate) fn value(json: &Json, kind: &ValueKind, limits: &Limits) -> Result<Value, ValueError> {
    match kind {
        ValueKind::List(element) => list(json, element, limits),
        ValueKind::Boolean => boolean(json),
        ValueKind::Amount => number(json, kind, limits).map(Value::Amount),
        ValueKind::Number => number(json, kind, limits).map(Value::Number),
        ValueKind::Json => {
            let text = json::canonical(json);
            within(&text, limits)?;
            Ok(Value::Json(text))
        }
        ValueKind::Id(of) => {
            let id = match json {
                Json::String(text) => text.clone(),
                Json::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    return wrong(json, kind);
                }
            };
            text_value(&id, kind, limits).map(|id| Value::Id { kind: of.clone(), id })
        }
        ValueKind::Text => text_value(text(json, kind)?, kind, limits).map(Value::Text),
        ValueKind::Path => text_value(text(json, kind)?, kind, limits).map(Value::Path),
        ValueKind::Address => address(&text_value(text(json, kind)?, kind, limits)?, limits),
        ValueKind::Date => date_value(&text_value(text(json, kind)?, kind, limits)?),
        ValueKind::Url => url(&text_value(text(json, kind)?, kind, limits)?),
        ValueKind::Host => {
            let text = text_value(text(json, kind)?, kind, limits)?;
            text.parse::<Host>().map(Value::Host).map_err(malformed)
        }
        ValueKind::Command => {
            let text = text_value(text(json, kind)?, kind, limits)?;
            shell::parse(&text).map(Value::Command).map_err(malformed)
        }
    }
}

fn malformed(error: impl std::fmt::Display) -> ValueError {
    ValueError::Malformed { reason: format!("could not be read: {error}") }
}

fn wrong<T>(json: &Json, kind: &ValueKind) -> Result<T, ValueError> {
    let found = match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    Err(ValueError::WrongType { wanted: format!("a value of type `{}`", kind_to_text(kind)), found })
}

fn text<'a>(json: &'a Json, kind: &ValueKind) -> Result<&'a str, ValueError> {
    json.as_str().map_or_else(|| wrong(json, kind), Ok)
}

fn within(text: &str, limits: &Limits) -> Result<(), ValueError> {
    if text.len() > limits.bytes_max {
        return Err(ValueError::TooLong { limit: limits.bytes_max, found: text.len() });
    }
    Ok(())
}

fn text_value(text: &str, kind: &ValueKind, limits: &Limits) -> Result<String, ValueError> {
    within(text, limits)?;
    if text.contains('\0') {
        return Err(ValueError::Malformed { reason: "has a NUL character".to_string() });
    }
    let one_line = match kind {
        ValueKind::Path
        | ValueKind::Id(_)
        | ValueKind::Address
        | ValueKind::Date
        | ValueKind::Url
        | ValueKind::Host => true,
        ValueKind::Text
        | ValueKind::Amount
        | ValueKind::Number
        | ValueKind::Command
        | ValueKind::Boolean
        | ValueKind::Json
        | ValueKind::List(_) => false,
    };
    let one_line_asked = limits.lines == Lines::One;
    if (one_line || one_line_asked) && text.chars().any(char::is_control) {
        return Err(ValueError::Malformed {
            reason: "has control characters or line breaks; it is one line of plain text".to_string(),
        });
    }
    if one_line && *kind != ValueKind::Path && text.trim().is_empty() {
        return Err(ValueError::Malformed { reason: "is empty".to_string() });
    }
    if !limits.one_of.is_empty() && !limits.one_of.iter().any(|allowed| allowed == text) {
        let found = text.chars().take(80).collect();
        return Err(ValueError::NotOneOf { wanted: limits.one_of.join(", "), found });
    }
    Ok(text.to_string())
}

/// A single element is taken as a list of one: models often leave the brackets out.
fn list(json: &Json, element: &ValueKind, limits: &Limits) -> Result<Value, ValueError> {
    let elements = match json {
        Json::Array(elements) => elements.as_slice(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            std::slice::from_ref(json)
        }
    };
    if elements.len() > limits.items_max {
        return Err(ValueError::TooMany { limit: limits.items_max, found: elements.len() });
    }
    elements.iter().map(|json| value(json, element, limits)).collect::<Result<_, _>>().map(Value::List)
}

fn boolean(json: &Json) -> Result<Value, ValueError> {
    match json {
        Json::Bool(yes) => Ok(Value::Boolean(*yes)),
        Json::String(text) if text == "true" => Ok(Value::Boolean(true)),
        Json::String(text) if text == "false" => Ok(Value::Boolean(false)),
        Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            wrong(json, &ValueKind::Boolean)
        }
    }
}

fn number(json: &Json, kind: &ValueKind, limits: &Limits) -> Result<Decimal, ValueError> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_string(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return wrong(json, kind),
    };
    within(&text, limits)?;
    let read = text.parse::<Decimal>().or_else(|_not_plain| Decimal::from_scientific(&text));
    let Ok(found) = read else { return wrong(json, kind) };
    let below = limits.min.is_some_and(|min| found < min);
    let above = limits.max.is_some_and(|max| found > max);
    let broken = limits.numbers == Numbers::Whole && !found.fract().is_zero();
    if below || above || broken {
        return Err(ValueError::OutOfRange { wanted: range(limits), found: found.normalize().to_string() });
    }
    Ok(found.normalize())
}

fn range(limits: &Limits) -> String {
    let what = if limits.numbers == Numbers::Whole { "a whole number" } else { "a number" };
    match (limits.min, limits.max) {
        (Some(min), Some(max)) => format!("{what} from {min} to {max}"),
        (Some(min), None) => format!("{what} of at least {min}"),
        (None, Some(max)) => format!("{what} of at most {max}"),
        (None, None) => what.to_string(),
    }
}

fn address(text: &str, limits: &Limits) -> Result<Value, ValueError> {
    let address: Address = text.parse().map_err(malformed)?;
    match limits.form {
        AddressForm::Any => {}
        AddressForm::Mail => is_mail_address(address.as_str()).map_err(|reason| ValueError::Malformed {
            reason: format!("`{address}` is not one mail address: {reason}"),
        })?,
    }
    Ok(Value::Address(address))
}

/// RFC 5321 §4.1.2 without quoted local parts and address literals: those exist to be misread.
fn is_mail_address(text: &str) -> Result<(), &'static str> {
    let (local, domain) = text.split_once('@').ok_or("there is no `@`")?;
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.is_empty()
        || local.len() > 64
        || !local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
    {
        return Err(
            "what stands before the `@` is not a plain mailbox name; give the bare address, without a name or brackets",
        );
    }
    domain
        .parse::<Host>()
        .map(|_host| ())
        .map_err(|_bad| "what stands after the `@` is not a host name; give one address an element")
}

fn date_value(text: &str) -> Result<Value, ValueError> {
    date::normal(text).map(Value::Date).ok_or_else(|| ValueError::Malformed {
        reason: "is not a date: write YYYY-MM-DD or YYYY-MM-DD HH:MM, with seconds and a zone such as Z or +02:00 if needed".to_string(),
    })
}

/// A URL that goes out: `http` or `https`, no user name or password, a host by name or address.
fn url(text: &str) -> Result<Value, ValueError> {
    let bad = |reason: &str| Err(ValueError::Malformed { reason: reason.to_string() });
    if text.chars().any(|c| c.is_whitespace() || c == '\\') {
        return bad("has white space or a backslash, which programs read differently");
    }
    let whole = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
    let url = match Url::parse(&whole) {
        Ok(url) => url,
        Err(error) => return bad(&format!("is not a URL: {error}")),
    };
    match url.scheme() {
        "http" | "https" => {}
        _other => return bad("is not a web address: only http and https are used"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("has a user name or password in it; credentials are never part of a URL");
    }
    if url.host().is_none() {
        return bad("names no host");
    }
    Ok(Value::Url(url.to_string()))
}
