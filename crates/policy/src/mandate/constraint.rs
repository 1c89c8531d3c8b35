//! Whether a value is what a grant says it must be.

use super::Constraint;
use crate::provenance::Provenance;
use domain::{Call, Value};
use rust_decimal::Decimal;

/// Whether a constant must stand in trusted words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    Needed,
    NotNeeded,
}

impl Constraint {
    pub(super) fn fits(&self, value: &Value, call: &Call, known: &Provenance, ground: Ground) -> bool {
        let leaves = value.leaves();
        let grounded = || {
            ground == Ground::NotNeeded
                || leaves.iter().all(|leaf| !is_target(leaf) || known.ground_in_words(leaf).is_some())
        };
        match self {
            Self::Is(texts) => same_set(&leaves, texts) && grounded(),
            Self::OneOf(texts) => {
                leaves.iter().all(|leaf| texts.iter().any(|text| means(leaf, text))) && grounded()
            }
            Self::Computed(expression) => {
                expression.values(known, call).is_ok_and(|texts| same_set(&leaves, &texts))
            }
            Self::Among(expression) => expression.values(known, call).is_ok_and(|texts| {
                !leaves.is_empty()
                    && leaves.iter().all(|leaf| {
                        texts.iter().any(|text| means(leaf, text))
                            && (!self.is_read_out() || known.is_extracted(leaf))
                    })
            }),
            Self::Hole(hole) => {
                leaves.len() == 1 && leaves.iter().all(|leaf| hole.takes(leaf) && known.is_extracted(leaf))
            }
        }
    }

    /// Whether only strangers' text can say the value, so that a quarantined model has to read it out: the planner's own
    /// word for it does not count.
    #[must_use]
    pub fn is_read_out(&self) -> bool {
        match self {
            Self::Is(_) | Self::OneOf(_) | Self::Computed(_) => false,
            Self::Among(expression) => expression.takes_handles(),
            Self::Hole(_) => true,
        }
    }

    pub(super) fn accepts_nothing(&self) -> bool {
        match self {
            Self::Is(texts) => texts.is_empty(),
            Self::OneOf(_) | Self::Among(_) | Self::Hole(_) => true,
            Self::Computed(_) => false,
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Is(texts) => format!("is {}", texts.join(", ")),
            Self::OneOf(texts) => format!("is one of {}", texts.join(", ")),
            Self::Computed(expression) => format!("is what `{expression}` gives"),
            Self::Among(expression) => format!("is one of what `{expression}` gives"),
            Self::Hole(hole) => format!("is any {}", hole.as_str()),
        }
    }
}

/// Values that decide whom or what is reached: a constant of these must stand in trusted words, so that a planner's
/// slip, or a model that plans from memory, reaches nobody. The rest (dates, amounts, plain texts) may be worked out
/// from trusted words.
fn is_target(value: &Value) -> bool {
    match value {
        Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_) => true,
        Value::Text(_)
        | Value::Amount(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Boolean(_)
        | Value::Json(_)
        | Value::List(_) => false,
    }
}

/// Whether `text`, read as the type that `value` has, means `value`.
pub(crate) fn means(value: &Value, text: &str) -> bool {
    match value {
        Value::Address(address) => text.parse::<domain::Address>().is_ok_and(|parsed| parsed == *address),
        Value::Host(host) => text.parse::<domain::Host>().is_ok_and(|parsed| parsed == *host),
        Value::Amount(number) | Value::Number(number) => {
            text.trim().parse::<Decimal>().is_ok_and(|parsed| parsed.normalize() == number.normalize())
        }
        Value::Url(url) => same_url(url, text),
        Value::Date(date) => date.replace('T', " ") == text.trim().replace('T', " "),
        Value::Text(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Command(_)
        | Value::Boolean(_)
        | Value::Json(_)
        | Value::List(_) => value.canonical() == text,
    }
}

/// The same but for the scheme a bare name lacks, the letter case of the host, and a slash at the end.
fn same_url(left: &str, right: &str) -> bool {
    let normal = |text: &str| {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
        url::Url::parse(&whole).map(|url| url.to_string().trim_end_matches('/').to_string()).unwrap_or(whole)
    };
    let either = |text: &str| normal(text).replacen("http://", "https://", 1);
    if left.contains("://") && right.contains("://") {
        normal(left) == normal(right)
    } else {
        either(left) == either(right)
    }
}

pub(super) fn same_set(leaves: &[&Value], texts: &[String]) -> bool {
    leaves.iter().all(|leaf| texts.iter().any(|text| means(leaf, text)))
        && texts.iter().all(|text| leaves.iter().any(|leaf| means(leaf, text)))
}
