//! What a model is told about a tool: JSON Schema.

use crate::kind_to_text;
use crate::manifest::{AddressForm, ArgumentSpec, Manifest, Need, Numbers};
use domain::{ToolSchema, Value, ValueKind};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Number, Value as Json, json};

/// The schema of a tool's arguments object.
pub(crate) fn schema(manifest: &Manifest) -> ToolSchema {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for argument in manifest.arguments() {
        properties.insert(argument.name.clone(), property(argument));
        match argument.need {
            Need::Required => required.push(Json::from(argument.name.as_str())),
            Need::Optional | Need::Default(_) => {}
        }
    }
    let parameters = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    ToolSchema { name: manifest.name().to_string(), description: manifest.about().to_string(), parameters }
}

fn property(argument: &ArgumentSpec) -> Json {
    let mut schema = of_kind(&argument.kind, argument);
    schema.insert("description".to_string(), Json::from(argument.about.as_str()));
    if let Need::Default(value) = &argument.need {
        schema.insert("default".to_string(), default(value));
    }
    Json::Object(schema)
}

fn of_kind(kind: &ValueKind, argument: &ArgumentSpec) -> Map<String, Json> {
    let mut schema = Map::new();
    let mut set = |key: &str, value: Json| {
        schema.insert(key.to_string(), value);
    };
    match kind {
        ValueKind::Text | ValueKind::Path | ValueKind::Id(_) | ValueKind::Host | ValueKind::Command => {
            set("type", json!("string"));
            if !argument.limits.one_of.is_empty() {
                set("enum", json!(argument.limits.one_of));
            }
        }
        ValueKind::Address => {
            set("type", json!("string"));
            match argument.limits.form {
                AddressForm::Any => {}
                AddressForm::Mail => set("format", json!("email")),
            }
        }
        ValueKind::Date => {
            set("type", json!("string"));
            set("pattern", json!("^[0-9]{4}-[0-9]{2}-[0-9]{2}"));
        }
        ValueKind::Url => {
            set("type", json!("string"));
            set("format", json!("uri"));
        }
        ValueKind::Amount | ValueKind::Number => {
            set("type", json!(if argument.limits.numbers == Numbers::Whole { "integer" } else { "number" }));
            if let Some(min) = argument.limits.min {
                set("minimum", number(min));
            }
            if let Some(max) = argument.limits.max {
                set("maximum", number(max));
            }
        }
        ValueKind::Boolean => set("type", json!("boolean")),
        ValueKind::Json => {}
        ValueKind::List(element) => {
            set("type", json!("array"));
            set("items", Json::Object(of_kind(element, argument)));
            set("maxItems", json!(argument.limits.items_max));
        }
    }
    schema
}

fn default(value: &Value) -> Json {
    match value {
        Value::Amount(decimal) | Value::Number(decimal) => number(*decimal),
        Value::Boolean(yes) => Json::Bool(*yes),
        Value::List(values) => Json::Array(values.iter().map(default).collect()),
        Value::Json(text) => serde_json::from_str(text).unwrap_or(Json::Null),
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Date(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_) => Json::from(value.canonical()),
    }
}

fn number(decimal: Decimal) -> Json {
    if let Some(whole) = decimal.to_i64().filter(|_| decimal.fract().is_zero()) {
        return Json::from(whole);
    }
    decimal
        .to_f64()
        .and_then(Number::from_f64)
        .map_or_else(|| Json::from(kind_to_text(&ValueKind::Number)), Json::Number)
}
