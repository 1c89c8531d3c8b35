//! Tools that came without a manifest: the worst is assumed.

use crate::manifest::{ArgumentSpec, Limits, Manifest, Need, Sink, SourceName, SourceSpec, Undo};
use crate::show::{Template, TemplateError};
use domain::{ArgumentRole, Effect, Integrity, SourceKind, Tier, ToolName, ValueKind};
use serde_json::Value as Json;

/// The most arguments a foreign schema may have: what a question can still show.
const ARGUMENTS_MAX: usize = 64;
/// How much of a foreign description is kept, in characters: it is a stranger's text in the model's prompt.
const ABOUT_CHARS_MAX: usize = 1024;

/// The schema describes no tool that could be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// It has too many arguments.
    #[error("take the tool `{tool}`: it has {found} arguments, at most {ARGUMENTS_MAX} are taken")]
    TooMany {
        /// The tool.
        tool: ToolName,
        /// How many.
        found: usize,
    },
    /// It could not be shown in a question.
    #[error("take the tool `{tool}`: {error}")]
    Unshowable {
        /// The tool.
        tool: ToolName,
        /// Why.
        error: TemplateError,
    },
}

impl Manifest {
    /// The manifest of a tool of which only its own JSON Schema is known, such as an MCP server's: every argument is
    /// authority, every result untrusted and confidential, whatever it does is of consequence and cannot be undone,
    /// and anybody may receive what it is given.
    ///
    /// # Errors
    ///
    /// [`ForeignError`] when the schema has more arguments than a question can show.
    pub fn worst_case(name: ToolName, about: &str, schema: &Json) -> Result<Self, ForeignError> {
        let properties = schema.get("properties").and_then(Json::as_object);
        let found = properties.map_or(0, serde_json::Map::len);
        if found > ARGUMENTS_MAX {
            return Err(ForeignError::TooMany { tool: name, found });
        }
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let arguments: Vec<ArgumentSpec> = properties
            .into_iter()
            .flatten()
            .map(|(key, schema)| argument(key, schema, required.contains(&key.as_str())))
            .collect();
        let template = Template::parse(&[], name.as_str(), &arguments)
            .map_err(|error| ForeignError::Unshowable { tool: name.clone(), error })?;
        Ok(Self {
            name,
            about: about.chars().take(ABOUT_CHARS_MAX).collect(),
            effect: Effect::Configure,
            raises: Vec::new(),
            undo: Undo::Impossible,
            sinks: vec![Sink::Public],
            data_in: arguments.iter().map(|argument| argument.name.clone()).collect(),
            arguments,
            fields: Vec::new(),
            source: SourceSpec {
                integrity: Integrity::Untrusted,
                tier: Tier::Medium,
                kind: SourceKind::Tool,
                name: SourceName::Tool,
            },
            template,
        })
    }
}

fn argument(name: &str, schema: &Json, required: bool) -> ArgumentSpec {
    let kind = match schema.get("type").and_then(Json::as_str) {
        Some("string") => ValueKind::Text,
        Some("integer" | "number") => ValueKind::Number,
        Some("boolean") => ValueKind::Boolean,
        Some(_) | None => ValueKind::Json,
    };
    let about = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    let need = if required { Need::Required } else { Need::Optional };
    ArgumentSpec {
        name: name.to_string(),
        about: about.chars().take(ABOUT_CHARS_MAX).collect(),
        role: ArgumentRole::Authority,
        limits: Limits::of(&kind),
        kind,
        need,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use serde_json::json;

    #[test]
    fn a_tool_without_a_manifest_is_taken_at_its_worst() {
        let schema = json!({"type": "object", "properties": {"q": {"type": "string"}, "opts": {"type": "object"}}, "required": ["q"]});
        let manifest =
            Manifest::worst_case("mcp.notes.search".parse().unwrap(), "Searches notes", &schema).unwrap();
        assert_eq!(manifest.effect(), Effect::Configure);
        assert_eq!(manifest.sinks(), [Sink::Public]);
        assert!(manifest.arguments().iter().all(|argument| argument.role == ArgumentRole::Authority));
        let catalog = Catalog::default().with_manifest(manifest).unwrap();
        let call = catalog.parse("mcp.notes.search", r#"{"q": "rent", "opts": {"b": 1, "a": 2}}"#).unwrap();
        assert_eq!(call.text("opts").unwrap(), r#"{"a":2,"b":1}"#);
        let manifest = catalog.manifest(&call.tool).unwrap();
        let output = manifest.output(&call, &json!([{"id": 1}]), String::new(), &[]);
        assert_eq!(output.label.integrity(), Integrity::Untrusted);
        assert!(output.fields.iter().all(|field| field.integrity == Integrity::Untrusted));
    }
}
