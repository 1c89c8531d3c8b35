//! The document and what is served are the same.

use crate::client::{ask, get};
use crate::house::Running;
use serde_json::Value;

#[tokio::test]
async fn every_documented_operation_is_served_and_no_other() {
    let running = Running::start().await;
    let document = get("/api/v1/openapi.json").send(&running).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().unwrap() {
        let target = path.replace("{id}", "x1");
        for method in ["GET", "POST", "DELETE", "PUT", "PATCH"] {
            let status = ask(method, &target).send(&running).await.status;
            let documented = methods.get(method.to_lowercase()).is_some();
            assert_eq!(status != 405, documented, "{method} {path} answers {status}");
            assert_ne!(status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_id_is_its_own() {
    let running = Running::start().await;
    let document = get("/api/v1/openapi.json").send(&running).await.json();
    let mut references = Vec::new();
    collect(&document, "$ref", &mut references);
    assert!(references.len() > 30, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = Vec::new();
    collect(&document, "operationId", &mut ids);
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[tokio::test]
async fn the_written_interface_names_every_route() {
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap();
    let running = Running::start().await;
    let document = get("/api/v1/openapi.json").send(&running).await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let route = format!("{} {path}", method.to_uppercase());
            assert!(written.contains(&route), "docs/api.md lacks `{route}`");
        }
    }
}

fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Value::String(text)) = (name == key, value) {
                    found.push(text.clone());
                }
                collect(value, key, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
