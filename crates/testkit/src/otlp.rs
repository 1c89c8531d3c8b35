//! The far side of OTLP/HTTP with JSON: a collector written from the published protocol that takes nothing which the
//! protocol does not name.
//!
//! opentelemetry.io/docs/specs/otlp, and `common.proto`, `resource.proto`, `logs.proto` and `trace.proto`, version 1:
//! lowerCamelCase keys, ids in hexadecimal, enums as numbers, numbers of 64 bits as decimal strings.

use crate::http::{Answer, Asked, Refusal, Refused, Reply, Server, Vendor};
use http::{Method, header};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io;

/// A collector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collector;

type Checked = Result<(), String>;

impl Collector {
    /// Starts it; logs go to `{origin}/v1/logs`, traces to `{origin}/v1/traces`.
    ///
    /// # Errors
    ///
    /// When nothing can listen on 127.0.0.1.
    pub async fn start(self) -> io::Result<Server> {
        Server::start(self).await
    }
}

impl Vendor for Collector {
    fn judge(&self, asked: &Asked) -> Result<Option<Reply>, Box<Refused>> {
        match check_request(asked) {
            Ok(()) => Ok(None),
            Err(complaint) => {
                // The body of a failure is a `google.rpc.Status`.
                let reply = Reply::json(400, &json!({"code": 3, "message": complaint}));
                Err(Box::new(Refused { complaint, reply }))
            }
        }
    }

    fn answer(&self, _request: &Value, _answer: &Answer) -> Reply {
        Reply::json(200, &json!({}))
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let (status, after) = match refusal {
            Refusal::RateLimited(after) => (429, after.clone()),
            Refusal::Overloaded(after) => (503, after.clone()),
            Refusal::WrongKey => (401, None),
            Refusal::NoCredit
            | Refusal::UnknownModel
            | Refusal::ContextTooLong
            | Refusal::ServerFault
            | Refusal::Filtered => (500, None),
        };
        let mut reply = Reply::json(status, &json!({"code": 14, "message": "not now"}));
        reply.headers.extend(after.map(|after| ("retry-after", after)));
        reply
    }
}

fn check_request(asked: &Asked) -> Checked {
    if asked.method != Method::POST {
        return Err(format!("{} is not how data is exported", asked.method));
    }
    let media = asked.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media != Some("application/json") {
        return Err(format!("the content type is {media:?}"));
    }
    let body = asked.body.as_ref().map_err(|error| format!("the body is no JSON: {error}"))?;
    match asked.path {
        "/v1/logs" => groups(body, "resourceLogs", "scopeLogs", "logRecords", log_record),
        "/v1/traces" => groups(body, "resourceSpans", "scopeSpans", "spans", span),
        other => Err(format!("there is no {other}")),
    }
}

/// The three levels that every signal has: resource, scope, item.
fn groups(
    body: &Value,
    outer: &str,
    inner: &str,
    items: &str,
    item: fn(&Map<String, Value>) -> Checked,
) -> Checked {
    let body = object(body, "the body", &[outer])?;
    for group in list(body, outer)? {
        let group = object(group, outer, &["resource", inner, "schemaUrl"])?;
        if let Some(resource) = group.get("resource") {
            let resource = object(resource, "resource", &["attributes", "droppedAttributesCount"])?;
            attributes(resource)?;
        }
        for scoped in list(group, inner)? {
            let scoped = object(scoped, inner, &["scope", items, "schemaUrl"])?;
            if let Some(scope) = scoped.get("scope") {
                let scope =
                    object(scope, "scope", &["name", "version", "attributes", "droppedAttributesCount"])?;
                text(scope, "name")?;
                text(scope, "version")?;
                attributes(scope)?;
            }
            for one in list(scoped, items)? {
                let fields = one.as_object().ok_or_else(|| format!("one of {items} is no object"))?;
                item(fields)?;
            }
        }
    }
    Ok(())
}

fn log_record(record: &Map<String, Value>) -> Checked {
    known(
        record,
        "logRecords",
        &[
            "timeUnixNano",
            "observedTimeUnixNano",
            "severityNumber",
            "severityText",
            "body",
            "attributes",
            "droppedAttributesCount",
            "flags",
            "traceId",
            "spanId",
            "eventName",
        ],
    )?;
    long(record, "timeUnixNano")?;
    long(record, "observedTimeUnixNano")?;
    small(record, "severityNumber", 24)?;
    text(record, "severityText")?;
    text(record, "eventName")?;
    id(record, "traceId", 32)?;
    id(record, "spanId", 16)?;
    if record.contains_key("spanId") && !record.contains_key("traceId") {
        return Err("a span without its trace".to_string());
    }
    if let Some(body) = record.get("body") {
        any_value(body)?;
    }
    attributes(record)
}

fn span(span: &Map<String, Value>) -> Checked {
    known(
        span,
        "spans",
        &[
            "traceId",
            "spanId",
            "traceState",
            "parentSpanId",
            "flags",
            "name",
            "kind",
            "startTimeUnixNano",
            "endTimeUnixNano",
            "attributes",
            "droppedAttributesCount",
            "events",
            "links",
            "status",
        ],
    )?;
    for needed in ["traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano"] {
        if !span.contains_key(needed) {
            return Err(format!("a span without {needed}"));
        }
    }
    id(span, "traceId", 32)?;
    id(span, "spanId", 16)?;
    id(span, "parentSpanId", 16)?;
    if span.get("parentSpanId") == span.get("spanId") {
        return Err("a span that is its own parent".to_string());
    }
    if text(span, "name")?.is_none_or(str::is_empty) {
        return Err("a span without a name".to_string());
    }
    small(span, "kind", 5)?;
    if long(span, "endTimeUnixNano")? < long(span, "startTimeUnixNano")? {
        return Err("a span that ends before it starts".to_string());
    }
    if let Some(status) = span.get("status") {
        let status = object(status, "status", &["message", "code"])?;
        text(status, "message")?;
        small(status, "code", 2)?;
    }
    attributes(span)
}

fn attributes(holder: &Map<String, Value>) -> Checked {
    if !holder.contains_key("attributes") {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    for attribute in list(holder, "attributes")? {
        let attribute = object(attribute, "attributes", &["key", "value"])?;
        let key =
            text(attribute, "key")?.filter(|key| !key.is_empty()).ok_or("an attribute without a key")?;
        if !seen.insert(key) {
            return Err(format!("the attribute {key} stands there twice"));
        }
        any_value(attribute.get("value").ok_or_else(|| format!("the attribute {key} has no value"))?)?;
    }
    Ok(())
}

fn any_value(value: &Value) -> Checked {
    const FORMS: [&str; 7] =
        ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];
    let value = object(value, "a value", &FORMS)?;
    let (form, inner) = match value.iter().collect::<Vec<_>>().as_slice() {
        [(form, inner)] => (form.as_str(), *inner),
        _ => return Err("a value has exactly one form".to_string()),
    };
    let fits = match form {
        "stringValue" | "bytesValue" => inner.is_string(),
        "boolValue" => inner.is_boolean(),
        "intValue" => inner.as_str().is_some_and(|digits| digits.parse::<i64>().is_ok()),
        "doubleValue" => inner.is_number(),
        _array_or_list => inner.is_object(),
    };
    if fits { Ok(()) } else { Err(format!("{form} is {inner}")) }
}

fn object<'a>(value: &'a Value, name: &str, keys: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{name} is no object"))?;
    known(object, name, keys)?;
    Ok(object)
}

fn known(object: &Map<String, Value>, name: &str, keys: &[&str]) -> Checked {
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("{name} has no field {key}")),
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Vec<Value>, String> {
    object.get(key).and_then(Value::as_array).ok_or_else(|| format!("{key} is no list"))
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{key} is {other}")),
    }
}

/// A number of 64 bits.
fn long(object: &Map<String, Value>, key: &str) -> Result<Option<u64>, String> {
    match text(object, key)? {
        None => Ok(None),
        Some(digits) => digits.parse().map(Some).map_err(|_not_a_number| format!("{key} is {digits}")),
    }
}

/// An enum or another small number.
fn small(object: &Map<String, Value>, key: &str, most: u64) -> Checked {
    match object.get(key) {
        None => Ok(()),
        Some(number) if number.as_u64().is_some_and(|number| number <= most) => Ok(()),
        Some(other) => Err(format!("{key} is {other}")),
    }
}

fn id(object: &Map<String, Value>, key: &str, digits: usize) -> Checked {
    match text(object, key)? {
        None => Ok(()),
        Some(id)
            if id.len() == digits
                && id.bytes().all(|byte| byte.is_ascii_hexdigit())
                && id.bytes().any(|byte| byte != b'0') =>
        {
            Ok(())
        }
        Some(other) => Err(format!("{key} is {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, body: &Value) -> Checked {
        let headers = [(header::CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        check_request(&Asked { method: &Method::POST, path, headers: &headers, body: &Ok(body.clone()) })
    }

    fn log(record: Value) -> Checked {
        asked("/v1/logs", &json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
    }

    #[test]
    fn the_example_of_the_protocol_is_taken() {
        // The shape of examples/logs.json of the protocol's repository.
        log(json!({
            "timeUnixNano": "1544712660300000000", "observedTimeUnixNano": "1544712660300000000",
            "severityNumber": 10, "severityText": "Information",
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
            "body": {"stringValue": "Example log record"},
            "attributes": [{"key": "string.attribute", "value": {"stringValue": "some string"}}],
        }))
        .unwrap();
    }

    #[test]
    fn what_the_protocol_does_not_name_is_not_taken() {
        for wrong in [
            json!({"time_unix_nano": "1"}),
            json!({"timeUnixNano": 1}),
            json!({"severityNumber": 25}),
            json!({"severityNumber": "INFO"}),
            json!({"traceId": "00000000000000000000000000000000"}),
            json!({"spanId": "EEE19B7EC3C1B174"}),
            json!({"body": "text"}),
            json!({"body": {"stringValue": "a", "boolValue": true}}),
            json!({"attributes": [{"key": "a", "value": {"intValue": 1}}]}),
            json!({"attributes": [
                {"key": "a", "value": {"boolValue": true}}, {"key": "a", "value": {"boolValue": true}},
            ]}),
        ] {
            assert!(log(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(asked("/v1/metrics", &json!({})).is_err());
    }
}
