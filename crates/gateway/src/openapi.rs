//! The OpenAPI document, made from the route table: what is not in the table is not served, and the other way round.

use crate::caller::Scope;
use crate::routes::{Gives, Need, Route, Style};
use crate::wire::ErrorBody;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The document.
pub(crate) fn document(routes: &[Route], version: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let error = generator.subschema_for::<ErrorBody>();
    let frames = [
        generator.subschema_for::<crate::wire::ClientFrame>(),
        generator.subschema_for::<crate::wire::ServerFrame>(),
    ];
    let mut paths = Map::new();
    for route in routes {
        let operation = operation(route, &mut generator, &error, &frames);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = methods {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hardshell",
            "version": version,
            "description": "The gateway of a Hardshell. Times are milliseconds since 1970. Within version 1 fields are only ever added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "hardshell-PORT",
                    "description": "Set by POST /api/v1/sign-in; `__Host-hardshell` under TLS."},
                "token": {"type": "http", "scheme": "bearer",
                    "description": "Made by POST /api/v1/tokens. On the unix socket the peer's uid takes the place of either."},
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator, error: &Schema, frames: &[Schema; 2]) -> Value {
    let mut operation = Map::new();
    operation.insert("summary".to_string(), json!(route.summary));
    operation.insert("operationId".to_string(), json!(operation_id(route)));
    operation.insert("description".to_string(), json!(need_in_words(route.need)));
    operation.insert("security".to_string(), security(route.need));
    let parameters = parameters(route, generator);
    if !parameters.is_empty() {
        operation.insert("parameters".to_string(), json!(parameters));
    }
    if let Some(takes) = route.takes {
        let schema = takes(generator);
        operation.insert(
            "requestBody".to_string(),
            json!({"required": true, "content": {"application/json": {"schema": schema}}}),
        );
    }
    let (status, good) = good_answer(route.gives, generator, frames);
    let bad = match route.style {
        Style::Api => {
            json!({"description": "Not carried out", "content": {"application/json": {"schema": error}}})
        }
        Style::OpenAi => json!({"description": "Not carried out, in OpenAI's shape of an error"}),
    };
    let mut responses = Map::new();
    responses.insert(status, good);
    responses.insert("default".to_string(), bad);
    operation.insert("responses".to_string(), Value::Object(responses));
    Value::Object(operation)
}

fn operation_id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    format!("{}{path}", route.method.as_str().to_ascii_lowercase())
}

fn need_in_words(need: Need) -> String {
    match need {
        Need::Nothing => "Needs no credential.".to_string(),
        Need::Anyone => "Needs any credential.".to_string(),
        Need::Has(scope) => format!("Needs the scope `{scope}`."),
        Need::OwnerInPerson => {
            "Needs the owner in person: a cookie or the unix socket, never a token.".to_string()
        }
        Need::AtTheMachine => "Needs the unix socket.".to_string(),
    }
}

fn security(need: Need) -> Value {
    match need {
        Need::Nothing | Need::AtTheMachine => json!([]),
        Need::Anyone => json!([{"cookie": []}, {"token": []}]),
        Need::Has(scope) => json!([{"cookie": []}, {"token": [Scope::as_str(scope)]}]),
        Need::OwnerInPerson => json!([{"cookie": []}]),
    }
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let Some(query) = route.query else { return parameters };
    let schema = query(generator);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, shape) in properties.into_iter().flatten() {
        parameters.push(json!({"name": name, "in": "query", "required": false, "schema": shape}));
    }
    parameters
}

fn good_answer(gives: Gives, generator: &mut SchemaGenerator, frames: &[Schema; 2]) -> (String, Value) {
    match gives {
        Gives::Json(status, schema) => {
            let schema = schema(generator);
            (
                status.to_string(),
                json!({"description": "Done", "content": {"application/json": {"schema": schema}}}),
            )
        }
        Gives::Foreign(status, source) => (
            status.to_string(),
            json!({"description": format!("As described at {source}"), "content": {"application/json": {}}}),
        ),
        Gives::Empty(status) => (status.to_string(), json!({"description": "Done; no body"})),
        Gives::Text(status, kind) => {
            (status.to_string(), json!({"description": "Done", "content": {kind: {}}}))
        }
        Gives::Socket => (
            "101".to_string(),
            json!({"description": "A WebSocket of JSON text frames", "x-client-frames": frames[0], "x-server-frames": frames[1]}),
        ),
    }
}
