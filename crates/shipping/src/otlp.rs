//! OTLP over HTTP with JSON: records as logs, what was done as traces.
//!
//! By the published protocol: opentelemetry.io/docs/specs/otlp (HTTP, JSON encoding, retries, partial success) and
//! its `logs.proto`, `trace.proto` and `common.proto`, version 1.

use crate::Otlp;
use crate::error::Trouble;
use crate::link::Went;
use crate::message::{Message, Weight};
use crate::shipping::{Clock, Parts};
use crate::traces::{self, Span, Spans};
use audit::{Event, Subject};
use egress::{Egress, Request, Scope, StatusCode, Url, header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The longest that a collector may ask to be left alone.
const AFTER_MAX: Duration = Duration::from_secs(600);
/// How much of a collector's words is kept, in characters.
const SHOWN_CHARS_MAX: usize = 300;
const NANOSECONDS: u64 = 1_000_000;

/// A collector.
pub(crate) struct Collector {
    egress: Arc<Egress>,
    otlp: Otlp,
    scope: Scope,
    clock: Clock,
    spans: Spans,
    log: String,
    resource: Value,
    instrument: Value,
}

impl Collector {
    pub(crate) fn new(parts: &Parts, otlp: Otlp, scope: Scope, log: &str) -> Self {
        let resource = json!({"attributes": [
            text("service.name", "hardshell"),
            text("service.version", &parts.version),
            text("service.instance.id", log),
            text("host.name", &parts.host),
        ]});
        let instrument = json!({"name": "hardshell.audit", "version": parts.version});
        Self {
            egress: Arc::clone(&parts.egress),
            otlp,
            scope,
            clock: Arc::clone(&parts.clock),
            spans: Spans::of(parts.log.folder(), log),
            log: log.to_string(),
            resource,
            instrument,
        }
    }

    pub(crate) async fn send(&mut self, messages: &[Message]) -> Result<Went, Trouble> {
        let mut went = Went::Taken;
        if let Some(url) = self.otlp.logs.clone() {
            let now = (self.clock)();
            let records: Vec<Value> = messages.iter().map(|message| self.record(message, now.0)).collect();
            let body = json!({"resourceLogs": [{
                "resource": self.resource,
                "scopeLogs": [{"scope": self.instrument, "logRecords": records}],
            }]});
            went = self.post(url, &body, "rejectedLogRecords").await?;
        }
        if let Some(url) = self.otlp.traces.clone() {
            let spans = self.spans.of_records(messages).await.map_err(|error| Trouble::later(&error))?;
            if !spans.is_empty() {
                let spans: Vec<Value> = spans.iter().map(span).collect();
                let body = json!({"resourceSpans": [{
                    "resource": self.resource,
                    "scopeSpans": [{"scope": self.instrument, "spans": spans}],
                }]});
                let of_traces = self.post(url, &body, "rejectedSpans").await?;
                if went == Went::Taken {
                    went = of_traces;
                }
            }
        }
        Ok(went)
    }

    async fn post(&self, url: Url, body: &Value, rejected: &str) -> Result<Went, Trouble> {
        let mut request = Request::post(url, "application/json", body.to_string());
        if let Some(credential) = &self.otlp.credential {
            request = request.credential(credential.clone());
        }
        let answer =
            self.egress.request(request, &self.scope).await.map_err(|error| Trouble::later(&error))?;
        let (status, headers) = (answer.status, answer.headers.clone());
        let said = answer.body.collect().await.map_err(|error| Trouble::later(&error))?;
        if status.is_success() {
            return partly(&said, rejected);
        }
        let words: String = String::from_utf8_lossy(&said).chars().take(SHOWN_CHARS_MAX).collect();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = format!("the collector answered {}: {words}", status.as_u16());
        match status {
            // What it will not take now it will not take later, unless there is less of it.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Err(Trouble::Never { why }),
            _other => {
                let after =
                    headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                let after = after.map(|seconds| Duration::from_secs(seconds).min(AFTER_MAX));
                Err(Trouble::Later { why, after })
            }
        }
    }

    fn record(&self, message: &Message, now: u64) -> Value {
        let (number, word) = severity(message.weight);
        let mut attributes = vec![
            text("hardshell.log", &self.log),
            number_of("hardshell.seq", message.seq),
            text("hardshell.kind", message.kind),
        ];
        attributes.extend(message.hash.as_ref().map(|hash| text("hardshell.hash", hash)));
        let mut record = json!({
            "timeUnixNano": nanoseconds(message.time.0),
            "observedTimeUnixNano": nanoseconds(now),
            "severityNumber": number,
            "severityText": word,
            "body": {"stringValue": message.line},
            "eventName": format!("hardshell.{}", message.kind),
        });
        if let Some(entry) = &message.subject {
            attributes.extend(subject(&entry.subject));
            attributes.extend(name_of(&entry.event).map(|name| text("hardshell.action", name)));
            if let (Some(task), Some(fields)) = (&entry.subject.task, record.as_object_mut()) {
                let trace = traces::trace_id(&self.log, task);
                fields.insert("traceId".to_string(), json!(trace));
                if let Some(span) = traces::span_of(&self.log, message.seq, &entry.event) {
                    fields.insert("spanId".to_string(), json!(span));
                }
            }
        }
        if let Some(fields) = record.as_object_mut() {
            fields.insert("attributes".to_string(), Value::Array(attributes));
        }
        record
    }
}

/// What a collector that took something says of the rest.
fn partly(said: &[u8], rejected: &str) -> Result<Went, Trouble> {
    if said.trim_ascii().is_empty() {
        return Ok(Went::Taken);
    }
    // A web server that says 200 to everything is no collector, and has nothing.
    let Ok(answer @ Value::Object(_)) = serde_json::from_slice::<Value>(said) else {
        let why = "it answered, but not as a collector does".to_string();
        return Err(Trouble::Later { why, after: None });
    };
    let partial = answer.get("partialSuccess");
    let count = partial.and_then(|partial| partial.get(rejected)).and_then(|count| match count {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    Ok(match count.unwrap_or(0) {
        0 => Went::Taken,
        rejected => {
            let words = partial.and_then(|partial| partial.get("errorMessage")).and_then(Value::as_str);
            let why = words.unwrap_or("it does not say why").chars().take(SHOWN_CHARS_MAX).collect();
            Went::Partly { rejected, why }
        }
    })
}

fn severity(weight: Weight) -> (u32, &'static str) {
    match weight {
        Weight::Ordinary => (9, "INFO"),
        Weight::Notable => (10, "INFO2"),
        Weight::Warning => (13, "WARN"),
        Weight::Error => (17, "ERROR"),
        Weight::Alarm => (21, "FATAL"),
    }
}

fn subject(subject: &Subject) -> Vec<Value> {
    let pairs = [
        ("hardshell.session", subject.session.as_ref().map(ToString::to_string)),
        ("hardshell.task", subject.task.as_ref().map(ToString::to_string)),
        ("hardshell.effect_key", subject.key.as_ref().map(ToString::to_string)),
        ("hardshell.principal", subject.principal.as_ref().map(ToString::to_string)),
        ("hardshell.channel", subject.channel.as_ref().map(ToString::to_string)),
    ];
    pairs.into_iter().filter_map(|(key, value)| Some(text(key, &value?))).collect()
}

/// The action or control that an event is about.
fn name_of(event: &Event) -> Option<&str> {
    match event {
        Event::Intent { deed, .. } | Event::Refusal { deed, .. } | Event::Question { deed, .. } => {
            Some(&deed.name)
        }
        Event::Outcome { name, .. } | Event::Proof { name, .. } => Some(name),
        Event::Answer { .. }
        | Event::Inbound { .. }
        | Event::SignIn { .. }
        | Event::Config { .. }
        | Event::Policy { .. }
        | Event::Secret { .. }
        | Event::Lockdown { .. }
        | Event::Backup { .. }
        | Event::Connection { .. } => None,
    }
}

fn span(span: &Span) -> Value {
    let mut wire = json!({
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": nanoseconds(span.start.0),
        "endTimeUnixNano": nanoseconds(span.end.0),
        "attributes": span.attributes.iter().map(|(key, value)| text(key, value)).collect::<Vec<_>>(),
        "status": match &span.failed { None => json!({"code": 1}), Some(why) => json!({"code": 2, "message": why}) },
    });
    if let (Some(parent), Some(fields)) = (&span.parent, wire.as_object_mut()) {
        fields.insert("parentSpanId".to_string(), json!(parent));
    }
    wire
}

/// Numbers of 64 bits are strings in the JSON of Protocol Buffers.
fn nanoseconds(milliseconds: u64) -> String {
    milliseconds.saturating_mul(NANOSECONDS).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number_of(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
