//! A call that a model wrote becomes a [`Call`] in which no field still needs checking.

use crate::json;
use crate::manifest::{ArgumentSpec, Manifest, Need};
use crate::read::{self, ValueError};
use domain::{Argument, Call, Value};
use serde_json::{Map, Value as Json};

/// The longest name shown back, in characters.
const SHOWN_CHARS_MAX: usize = 80;
/// How unlike a name may be to one that exists and still be taken for a slip of it, in edits.
const EDITS_MAX: usize = 3;

/// Why a call was not understood, in words that a model can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No tool has that name.
    #[error("there is no tool `{tool}`{}", did_you_mean(.meant.as_deref()))]
    NoSuchTool {
        /// The name, cut.
        tool: String,
        /// The nearest that exists.
        meant: Option<String>,
    },
    /// The arguments are longer than any call may be.
    #[error("the arguments of `{tool}` have {found} bytes; at most {limit} are allowed")]
    TooLong {
        /// The tool.
        tool: String,
        /// The limit, in bytes.
        limit: usize,
        /// What is there, in bytes.
        found: usize,
    },
    /// The arguments are not JSON, or JSON that can be read two ways.
    #[error("the arguments of `{tool}` are not a JSON object: {reason}")]
    NotJson {
        /// The tool.
        tool: String,
        /// What is wrong and where.
        reason: String,
    },
    /// The tool has no such argument.
    #[error("`{tool}` has no argument `{argument}`{}; it takes: {}", did_you_mean(.meant.as_deref()), list(.takes))]
    NoSuchArgument {
        /// The tool.
        tool: String,
        /// The name, cut.
        argument: String,
        /// The nearest that exists.
        meant: Option<String>,
        /// Those that exist.
        takes: Vec<String>,
    },
    /// An argument is missing.
    #[error("`{tool}` needs the argument `{argument}`: {about}")]
    Missing {
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// What it is.
        about: String,
    },
    /// An argument's value does not fit.
    #[error("the argument `{argument}` of `{tool}` {error}")]
    Value {
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// Why.
        error: ValueError,
    },
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

pub(crate) fn cut(text: &str) -> String {
    crate::show::visible(&text.chars().take(SHOWN_CHARS_MAX).collect::<String>())
}

pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let wrong: String = wrong.chars().take(SHOWN_CHARS_MAX).collect::<String>().to_lowercase();
    let distance = |name: &str| {
        let loose = |text: &str| text.replace(['_', '-', '.', '/'], "").to_lowercase();
        if loose(name) == loose(&wrong) {
            0
        } else {
            strsim::damerau_levenshtein(&wrong, &name.to_lowercase())
        }
    };
    let near = names.map(|name| (distance(name), name)).min_by_key(|(edits, _)| *edits)?;
    let close = near.0 <= EDITS_MAX && near.0.saturating_mul(2) <= near.1.len();
    close.then(|| near.1.to_string())
}

/// Parses the arguments of a call of `manifest`'s tool.
pub(crate) fn parse(manifest: &Manifest, text: &str) -> Result<Call, CallError> {
    let tool = || manifest.name().to_string();
    if text.len() > json::BYTES_MAX {
        return Err(CallError::TooLong { tool: tool(), limit: json::BYTES_MAX, found: text.len() });
    }
    let not_json = |reason: String| CallError::NotJson { tool: tool(), reason };
    let json = if text.trim().is_empty() {
        Json::Object(Map::new())
    } else {
        json::parse(text).map_err(not_json)?
    };
    let Json::Object(given) = json else {
        return Err(not_json("it is another value; write {\"argument\": value, …}".to_string()));
    };
    if let Some(unknown) = given.keys().find(|key| manifest.argument(key).is_none()) {
        let takes: Vec<String> = manifest.arguments().iter().map(|argument| argument.name.clone()).collect();
        let meant = nearest(unknown, takes.iter().map(String::as_str));
        return Err(CallError::NoSuchArgument { tool: tool(), argument: cut(unknown), meant, takes });
    }
    let mut arguments = Vec::with_capacity(manifest.arguments().len());
    for spec in manifest.arguments() {
        if let Some(value) = value_of(manifest, spec, given.get(&spec.name))? {
            arguments.push(Argument { name: spec.name.clone(), role: spec.role, value });
        }
    }
    let effect = manifest.effect_of(&arguments);
    Ok(Call { tool: manifest.name().clone(), effect, arguments, targets: Vec::new() })
}

/// `null` is what a model writes for an argument that it leaves out.
fn value_of(
    manifest: &Manifest,
    spec: &ArgumentSpec,
    given: Option<&Json>,
) -> Result<Option<Value>, CallError> {
    let given = given.filter(|json| !json.is_null());
    match (given, &spec.need) {
        (Some(json), Need::Required | Need::Optional | Need::Default(_)) => {
            let bad = |error| CallError::Value {
                tool: manifest.name().to_string(),
                argument: spec.name.clone(),
                error,
            };
            read::value(json, &spec.kind, &spec.limits).map(Some).map_err(bad)
        }
        (None, Need::Optional) => Ok(None),
        (None, Need::Default(value)) => Ok(Some(value.clone())),
        (None, Need::Required) => Err(CallError::Missing {
            tool: manifest.name().to_string(),
            argument: spec.name.clone(),
            about: spec.about.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
