//! A structured result becomes fields, each believed as far as the manifest says, and a label over all of it.

use crate::manifest::{FieldSpec, Limits, Manifest, SourceName};
use crate::path::{FieldPath, KEY};
use crate::read;
use domain::{Address, Call, Field, Integrity, Label, Output, Source, Tier, Value, ValueKind};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The most leaves of a result that become fields; a result with more is untrusted as a whole and has none.
pub const LEAVES_MAX: usize = 20_000;
/// The deepest nesting of a result; a deeper one is untrusted as a whole and has no fields.
const DEPTH_MAX: usize = 24;
/// The most sources that one result names one by one.
const SOURCES_MAX: usize = 64;

struct Leaf<'a> {
    parts: Vec<String>,
    json: Leafy<'a>,
}

enum Leafy<'a> {
    Value(&'a Json),
    Key(&'a str),
}

impl Manifest {
    /// What `call` gave back: `result` as fields, `text` as the model reads it, and the label.
    ///
    /// - A leaf that no field of the manifest describes, or that is not of the type the manifest says, is as the
    ///   manifest's source says; where its type failed, untrusted.
    /// - A key that no field names is data too; its path ends in `@key`.
    /// - Empty leaves (null, empty text, empty list) are no fields and lower nothing: a result none of whose free-text
    ///   fields holds anything leaves the context clean.
    /// - `attested_where` fields are attested where the service proved that the owner's own people wrote them.
    /// - `only_of_owner` fields are attested where the owner's own address, one of `owner`, stands beside them.
    #[must_use]
    pub fn output(&self, call: &Call, result: &Json, text: String, owner: &[Address]) -> Output {
        let mut leaves = Vec::new();
        if !self.collect(result, &mut Vec::new(), &mut leaves) {
            let label = self.label(call, Integrity::Untrusted, self.source.tier, &[]);
            return Output { text, fields: Vec::new(), label };
        }
        let mut integrity = Integrity::Attested;
        let mut tier = self.source.tier;
        let mut fields = Vec::with_capacity(leaves.len());
        for leaf in &leaves {
            let spec = self.fields.iter().find(|spec| spec.path.matches(&leaf.parts));
            let field = self.field(spec, leaf, result, owner);
            integrity = integrity.max(field.integrity);
            tier = spec.and_then(|spec| spec.tier).map_or(tier, |at_least| tier.max(at_least));
            fields.push(field);
        }
        let label = self.label(call, integrity, tier, &fields);
        Output { text, fields, label }
    }

    /// The label of a text that `call` gave and that has no structure: an error, an outside program's output.
    #[must_use]
    pub fn label_of_text(&self, call: &Call, text: &str) -> Label {
        let integrity = if text.trim().is_empty() { Integrity::Attested } else { Integrity::Untrusted };
        self.label(call, integrity, self.source.tier, &[])
    }

    fn collect<'a>(&self, json: &'a Json, parts: &mut Vec<String>, leaves: &mut Vec<Leaf<'a>>) -> bool {
        if parts.len() >= DEPTH_MAX || leaves.len() >= LEAVES_MAX {
            return false;
        }
        let below = |key: String, json: &'a Json, parts: &mut Vec<String>, leaves: &mut Vec<Leaf<'a>>| {
            parts.push(key);
            let whole = self.collect(json, parts, leaves);
            parts.pop();
            whole
        };
        match json {
            Json::Null => true,
            Json::String(text) if text.trim().is_empty() => true,
            Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                leaves.push(Leaf { parts: parts.clone(), json: Leafy::Value(json) });
                true
            }
            Json::Array(elements) => elements
                .iter()
                .enumerate()
                .all(|(index, element)| below(index.to_string(), element, parts, leaves)),
            Json::Object(map) => map.iter().all(|(key, value)| {
                if !key.is_empty() && !self.fields.iter().any(|spec| spec.path.names_key(parts, key)) {
                    let mut of_key = parts.clone();
                    of_key.push(KEY.to_string());
                    leaves.push(Leaf { parts: of_key, json: Leafy::Key(key) });
                }
                below(key.clone(), value, parts, leaves)
            }),
        }
    }

    fn field(&self, spec: Option<&FieldSpec>, leaf: &Leaf<'_>, result: &Json, owner: &[Address]) -> Field {
        let path = leaf.parts.join(".");
        let owned;
        let json = match leaf.json {
            Leafy::Value(json) => json,
            Leafy::Key(key) => {
                owned = Json::from(key);
                &owned
            }
        };
        let as_text = || Value::Text(json.as_str().map_or_else(|| json.to_string(), str::to_string));
        let Some(spec) = spec else {
            return Field { path, value: as_text(), integrity: self.source.integrity };
        };
        let of_owner =
            spec.only_of_owner.as_ref().is_none_or(|path| is_of_owner(path, &leaf.parts, result, owner));
        let is_true = |path: &FieldPath| beside(path, &leaf.parts, result) == Some(&Json::Bool(true));
        match read::value(json, &spec.kind, &unlimited(&spec.kind)) {
            Ok(value) if spec.attested_where.as_ref().is_some_and(is_true) => {
                let is_address = matches!(value, Value::Address(_));
                let value = if is_address { Value::Text(value.canonical()) } else { value };
                Field { path, value, integrity: Integrity::Attested }
            }
            Ok(value) if of_owner => Field { path, value, integrity: spec.integrity },
            Ok(value) => Field { path, value, integrity: Integrity::Untrusted },
            Err(_not_of_its_type) => Field { path, value: as_text(), integrity: Integrity::Untrusted },
        }
    }

    fn label(&self, call: &Call, integrity: Integrity, tier: Tier, fields: &[Field]) -> Label {
        let names: BTreeSet<String> = match &self.source.name {
            SourceName::Tool => BTreeSet::new(),
            SourceName::Argument(argument) => call.text(argument).into_iter().collect(),
            SourceName::HostOf(argument) => call.value(argument).and_then(host_of).into_iter().collect(),
            SourceName::Field(path) => named_by(path, fields),
        };
        let kind = self.source.kind;
        let crowded = names.len() > SOURCES_MAX;
        let name = |text: &str| Label::new(integrity, tier, Source::new(kind, text));
        if crowded {
            return name("*");
        }
        let unnamed = || name(self.name.as_str());
        names.iter().map(|text| name(text)).reduce(|label, other| label.join(&other)).unwrap_or_else(unnamed)
    }
}

fn named_by(path: &FieldPath, fields: &[Field]) -> BTreeSet<String> {
    let parts = |field: &Field| field.path.split('.').map(str::to_string).collect::<Vec<_>>();
    fields.iter().filter(|field| path.matches(&parts(field))).map(|field| field.value.canonical()).collect()
}

fn host_of(value: &Value) -> Option<String> {
    match value {
        Value::Url(url) => url::Url::parse(url).ok()?.host_str().map(str::to_string),
        Value::Host(host) => Some(host.to_string()),
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Amount(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Command(_)
        | Value::Boolean(_)
        | Value::Json(_)
        | Value::List(_) => None,
    }
}

fn is_of_owner(path: &FieldPath, leaf: &[String], result: &Json, owner: &[Address]) -> bool {
    let address =
        beside(path, leaf, result).and_then(Json::as_str).and_then(|text| text.parse::<Address>().ok());
    address.is_some_and(|address| owner.contains(&address))
}

/// What `path` names in the record that `leaf` stands in.
fn beside<'a>(path: &FieldPath, leaf: &[String], result: &'a Json) -> Option<&'a Json> {
    path.beside(leaf).iter().try_fold(result, |json, part| match json {
        Json::Array(elements) => elements.get(part.parse::<usize>().ok()?),
        Json::Object(map) => map.get(part),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    })
}

/// A result was bounded by the connector that made it; its values are not cut again.
fn unlimited(kind: &ValueKind) -> Limits {
    Limits { bytes_max: usize::MAX, items_max: usize::MAX, ..Limits::of(kind) }
}

#[cfg(test)]
mod tests;
