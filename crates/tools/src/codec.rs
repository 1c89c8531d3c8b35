//! The text of manifests: TOML, version 1.

use crate::manifest::{
    AddressForm, ArgumentSpec, Condition, FieldSpec, Limits, Lines, Manifest, Need, Numbers, Raise, Sink,
    SourceName, SourceSpec, Undo,
};
use crate::path::{FieldPath, PathError};
use crate::read::{self, ValueError};
use crate::show::{Template, TemplateError};
use crate::{KindError, kind_from_text};
use domain::{ArgumentRole, Effect, IdError, Integrity, SourceKind, Tier, ValueKind};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use wire::{ArgumentText, File, RaiseText, ResultText, Source, Tool};

mod wire;

/// The longest manifest file, in bytes: hundreds of tools, and no more than is read at once.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The longest name of an argument, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The most arguments of a tool: what a question can still show.
const ARGUMENTS_MAX: usize = 64;
/// The most described fields of a result.
const FIELDS_MAX: usize = 256;

/// Why a manifest was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The file is too long.
    #[error("read the manifests: {found} bytes, at most {FILE_BYTES_MAX} are read")]
    TooLong {
        /// What is there, in bytes.
        found: usize,
    },
    /// It is not TOML of this shape.
    #[error("read the manifests: {reason}")]
    Shape {
        /// What and where, over several lines.
        reason: String,
    },
    /// It is of another version.
    #[error("read the manifests: they are of version {found}, this program reads version 1")]
    Version {
        /// The version there.
        found: u32,
    },
    /// One tool's manifest contradicts itself.
    #[error("take the manifest of `{tool}`: {flaw}")]
    Tool {
        /// The tool.
        tool: String,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// What is wrong with one tool's manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The tool's name.
    #[error(transparent)]
    Name(#[from] IdError),
    /// A type.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// A field path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The approval's text.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A default value.
    #[error("the default of `{argument}` {error}")]
    Default {
        /// The argument.
        argument: String,
        /// Why it is no value of its type.
        error: ValueError,
    },
    /// A word that stands for nothing here.
    #[error("`{found}` is no {what}; write {wanted}")]
    Word {
        /// What was being read.
        what: &'static str,
        /// The word.
        found: String,
        /// The words there are.
        wanted: &'static str,
    },
    /// A name that is no argument of the tool.
    #[error("{place} names `{name}`, which is no argument of the tool")]
    NoArgument {
        /// Where.
        place: &'static str,
        /// The name.
        name: String,
    },
    /// Something that must be there once.
    #[error("{reason}")]
    Whole {
        /// What is wrong.
        reason: String,
    },
}

/// Reads every manifest in `text`.
pub(crate) fn read_manifests(text: &str) -> Result<Vec<Manifest>, ManifestError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(ManifestError::TooLong { found: text.len() });
    }
    let file: File =
        toml::from_str(text).map_err(|error| ManifestError::Shape { reason: error.to_string() })?;
    if file.version != 1 {
        return Err(ManifestError::Version { found: file.version });
    }
    let read = |tool: Tool| {
        let name = tool.name.chars().take(128).collect();
        manifest(tool).map_err(|flaw| ManifestError::Tool { tool: name, flaw })
    };
    file.tool.into_iter().map(read).collect()
}

fn manifest(tool: Tool) -> Result<Manifest, Flaw> {
    if tool.argument.len() > ARGUMENTS_MAX || tool.result.len() > FIELDS_MAX {
        return whole(format!("more than {ARGUMENTS_MAX} arguments or {FIELDS_MAX} result fields"));
    }
    let arguments = tool.argument.into_iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    if let Some(twice) = arguments.iter().find(|argument| !names.insert(argument.name.as_str())) {
        return whole(format!("the argument `{}` stands twice", twice.name));
    }
    let known = |place: &'static str, name: &str| {
        if names.contains(name) {
            Ok(name.to_string())
        } else {
            Err(Flaw::NoArgument { place, name: name.to_string() })
        }
    };
    if tool.sinks.is_empty() {
        return whole("it names no sink: who receives what the arguments carry?".to_string());
    }
    let sinks = tool.sinks.iter().map(|text| sink(text, &known)).collect::<Result<_, _>>()?;
    let data_in = tool.data_in.iter().map(|name| known("`data_in`", name)).collect::<Result<_, _>>()?;
    let raises = tool.raise.into_iter().map(|text| raise(text, &known)).collect::<Result<_, _>>()?;
    let template = Template::parse(&tool.show, &tool.name, &arguments)?;
    Ok(Manifest {
        name: tool.name.parse()?,
        about: tool.about,
        effect: effect(&tool.effect)?,
        raises,
        undo: undo(tool.undo.as_deref())?,
        sinks,
        data_in,
        fields: tool.result.into_iter().map(field).collect::<Result<_, _>>()?,
        source: source(&tool.source, &known)?,
        template,
        arguments,
    })
}

fn whole<T>(reason: String) -> Result<T, Flaw> {
    Err(Flaw::Whole { reason })
}

type Known<'a> = dyn Fn(&'static str, &str) -> Result<String, Flaw> + 'a;

fn sink(text: &str, known: &Known<'_>) -> Result<Sink, Flaw> {
    if let Some(name) = text.strip_prefix("argument ") {
        return known("a sink", name).map(Sink::Argument);
    }
    if let Some(name) = text.strip_prefix("host of ") {
        return known("a sink", name).map(Sink::HostOf);
    }
    if let Some(name) = text.strip_prefix("service ").filter(|name| !name.trim().is_empty()) {
        return Ok(Sink::Service(name.to_string()));
    }
    match text {
        "machine" => Ok(Sink::Machine),
        "owner" => Ok(Sink::Owner),
        "model" => Ok(Sink::Model),
        "public" => Ok(Sink::Public),
        found => Err(Flaw::Word {
            what: "sink",
            found: found.to_string(),
            wanted: "machine, owner, model, public, `service NAME`, `argument NAME` or `host of ARGUMENT`",
        }),
    }
}

fn raise(text: RaiseText, known: &Known<'_>) -> Result<Raise, Flaw> {
    let argument = known("a raise", &text.argument)?;
    let condition = text.one_of.map_or(Condition::Given, Condition::OneOf);
    Ok(Raise { argument, condition, effect: effect(&text.effect)? })
}

fn effect(text: &str) -> Result<Effect, Flaw> {
    Effect::ALL.into_iter().find(|effect| effect.as_str() == text).ok_or_else(|| Flaw::Word {
        what: "effect",
        found: text.to_string(),
        wanted: "read, fetch, write, delete, execute, send, spend or configure",
    })
}

fn undo(text: Option<&str>) -> Result<Undo, Flaw> {
    match text {
        None | Some("impossible") => Ok(Undo::Impossible),
        Some("possible") => Ok(Undo::Possible),
        Some(found) => {
            Err(Flaw::Word { what: "undo", found: found.to_string(), wanted: "possible or impossible" })
        }
    }
}

/// Never `trusted`: only the owner's words and the configuration are, and neither comes out of a tool.
fn integrity(text: Option<&str>) -> Result<Integrity, Flaw> {
    match text {
        None | Some("untrusted") => Ok(Integrity::Untrusted),
        Some("attested") => Ok(Integrity::Attested),
        Some(found) => {
            Err(Flaw::Word { what: "label", found: found.to_string(), wanted: "attested or untrusted" })
        }
    }
}

fn tier(text: &str) -> Result<Tier, Flaw> {
    Tier::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| Flaw::Word {
        what: "tier",
        found: text.to_string(),
        wanted: "low, medium or high",
    })
}

fn source(text: &Source, known: &Known<'_>) -> Result<SourceSpec, Flaw> {
    let kind = match text.kind.as_deref() {
        None => SourceKind::Tool,
        Some(found) => tool_source_kind(found)?,
    };
    let name = match text.name.as_deref() {
        None | Some("tool") => SourceName::Tool,
        Some(name) => {
            if let Some(argument) = name.strip_prefix("argument ") {
                SourceName::Argument(known("the source", argument)?)
            } else if let Some(argument) = name.strip_prefix("host of ") {
                SourceName::HostOf(known("the source", argument)?)
            } else if let Some(path) = name.strip_prefix("field ") {
                SourceName::Field(path.parse()?)
            } else {
                let wanted = "tool, `argument NAME`, `host of ARGUMENT` or `field PATH`";
                return Err(Flaw::Word { what: "source name", found: name.to_string(), wanted });
            }
        }
    };
    Ok(SourceSpec { integrity: integrity(text.integrity.as_deref())?, tier: tier(&text.tier)?, kind, name })
}

/// A tool's result is never the owner's, the configuration's or a model's word.
fn tool_source_kind(text: &str) -> Result<SourceKind, Flaw> {
    use SourceKind::{Command, File, Host, Mail, Memory, Person, Quote, Tool, Web};
    [Person, Quote, Mail, Web, File, Command, Host, Tool, Memory]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| Flaw::Word {
            what: "kind of source",
            found: text.to_string(),
            wanted: "person, quote, mail, web, file, command, host, tool or memory",
        })
}

fn argument(text: ArgumentText) -> Result<ArgumentSpec, Flaw> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    if text.name.is_empty() || text.name.len() > NAME_BYTES_MAX || !text.name.chars().all(plain) {
        return whole(format!(
            "`{}` is no argument name: 1 to 64 letters, digits, `_`, `-`, `.`, `$`",
            visible(&text.name)
        ));
    }
    let role = match text.role.as_str() {
        "authority" => ArgumentRole::Authority,
        "payload" => ArgumentRole::Payload,
        found => {
            return Err(Flaw::Word {
                what: "role",
                found: found.to_string(),
                wanted: "authority or payload",
            });
        }
    };
    let kind = kind_from_text(&text.r#type)?;
    let limits = limits(&text, &kind)?;
    let need = match (text.default, text.optional) {
        (Some(_), Some(_)) => {
            return whole(format!("`{}` has a default, so it need not say `optional`", text.name));
        }
        (Some(json), None) => {
            let bad = |error| Flaw::Default { argument: text.name.clone(), error };
            Need::Default(read::value(&json, &kind, &limits).map_err(bad)?)
        }
        (None, Some(true)) => Need::Optional,
        (None, Some(false) | None) => Need::Required,
    };
    Ok(ArgumentSpec { name: text.name, about: text.about, role, kind, need, limits })
}

fn limits(text: &ArgumentText, kind: &ValueKind) -> Result<Limits, Flaw> {
    let plain = Limits::of(kind);
    let form = match text.form.as_deref() {
        None => AddressForm::Any,
        Some("mail") => AddressForm::Mail,
        Some(found) => return Err(Flaw::Word { what: "form", found: found.to_string(), wanted: "mail" }),
    };
    let bytes_max = text.bytes_max.unwrap_or(plain.bytes_max);
    if bytes_max > crate::json::BYTES_MAX {
        return whole(format!("`{}` allows more bytes than any call may have", text.name));
    }
    Ok(Limits {
        bytes_max,
        items_max: text.items_max.unwrap_or(plain.items_max),
        min: bound(text.min.as_ref())?,
        max: bound(text.max.as_ref())?,
        numbers: if text.whole == Some(true) { Numbers::Whole } else { Numbers::Any },
        one_of: text.one_of.clone().unwrap_or_default(),
        form,
        lines: if text.one_line == Some(true) { Lines::One } else { Lines::Any },
    })
}

fn bound(json: Option<&Json>) -> Result<Option<Decimal>, Flaw> {
    let Some(json) = json else { return Ok(None) };
    let read = json.as_number().and_then(|number| number.to_string().parse().ok());
    read.map(Some).ok_or_else(|| Flaw::Word { what: "bound", found: json.to_string(), wanted: "a number" })
}

fn field(text: ResultText) -> Result<FieldSpec, Flaw> {
    let path: FieldPath = text.path.parse()?;
    let integrity = integrity(Some(&text.label))?;
    let only_of_owner = text.only_of_owner.map(|path| path.parse()).transpose()?;
    if only_of_owner.is_some() && integrity != Integrity::Attested {
        return whole(format!("`{path}` is untrusted, so `only_of_owner` changes nothing"));
    }
    let attested_where = text.attested_where.map(|path| path.parse()).transpose()?;
    if attested_where.is_some() && integrity == Integrity::Attested {
        return whole(format!("`{path}` is attested, so `attested_where` changes nothing"));
    }
    let tier = text.tier.as_deref().map(tier).transpose()?;
    let kind = kind_from_text(&text.r#type)?;
    Ok(FieldSpec { kind, path, integrity, only_of_owner, attested_where, tier })
}

fn visible(text: &str) -> String {
    crate::show::visible(&text.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests;
