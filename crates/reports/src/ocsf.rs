//! A record as an event of the Open Cybersecurity Schema Framework, version 1.3 (schema.ocsf.io): what people do with
//! the assistant and what it does are API Activity, connections are Network Activity, signing in is Authentication,
//! and what somebody must look at is a Detection Finding. What the schema has no place for stands in `unmapped`.

use crate::export::field;
use audit::{Kind, Record};
use serde_json::{Map, Value, json};

const SCHEMA: &str = "1.3.0";
/// `class_uid`s of the schema.
const DETECTION_FINDING: u64 = 2004;
const AUTHENTICATION: u64 = 3002;
const NETWORK_ACTIVITY: u64 = 4001;
const API_ACTIVITY: u64 = 6003;

/// What every event says of itself.
struct Class {
    class: u64,
    activity: u64,
    severity: Severity,
    status: Status,
}

/// `severity_id`.
#[derive(Clone, Copy)]
enum Severity {
    Informational = 1,
    Medium = 3,
    High = 4,
    Critical = 5,
}

/// `status_id`.
#[derive(Clone, Copy)]
enum Status {
    Unknown = 0,
    Success = 1,
    Failure = 2,
}

/// The event of `record`.
pub(crate) fn event(record: &Record) -> Value {
    let fields: Value = serde_json::from_str(record.json()).unwrap_or_default();
    let of = class(record.kind(), &fields);
    let mut event = json!({
        "metadata": {
            "version": SCHEMA,
            "product": {"name": "Hardshell", "vendor_name": "Hardshell", "version": env!("CARGO_PKG_VERSION")},
            "log_name": "audit",
            "sequence": record.seq().0,
            "uid": record.hash().to_string(),
        },
        "time": record.time().0,
        "category_uid": of.class / 1000,
        "class_uid": of.class,
        "activity_id": of.activity,
        "type_uid": of.class.saturating_mul(100).saturating_add(of.activity),
        "severity_id": of.severity as u64,
        "status_id": of.status as u64,
        "actor": {
            "user": {"name": field(&fields, "principal")},
            "session": {"uid": field(&fields, "session")},
            "app_name": "hardshell",
        },
    });
    let Some(out) = event.as_object_mut() else { return event };
    match of.class {
        NETWORK_ACTIVITY => network(out, &fields),
        AUTHENTICATION => {
            out.insert("user".to_string(), json!({"name": "owner"}));
            out.insert("message".to_string(), json!(field(&fields, "from")));
        }
        DETECTION_FINDING => {
            let title = format!("{} {}", record.kind(), field(&fields, "act"));
            out.insert(
                "finding_info".to_string(),
                json!({"title": title.trim(), "uid": record.hash().to_string(), "desc": field(&fields, "detail")}),
            );
        }
        _ => api(out, record.kind(), &fields),
    }
    out.insert("unmapped".to_string(), rest(&fields));
    event
}

fn class(kind: Kind, fields: &Value) -> Class {
    let of = |class, activity, severity, status| Class { class, activity, severity, status };
    let denied = field(fields, "verdict") == "deny";
    match kind {
        Kind::Connection if denied => of(NETWORK_ACTIVITY, 5, Severity::Medium, Status::Failure),
        Kind::Connection => of(NETWORK_ACTIVITY, 6, Severity::Informational, Status::Success),
        Kind::SignIn => match field(fields, "act") {
            "failed" | "locked_out" => of(AUTHENTICATION, 1, Severity::Medium, Status::Failure),
            "signed_out" | "revoked" => of(AUTHENTICATION, 2, Severity::Informational, Status::Success),
            _ => of(AUTHENTICATION, 1, Severity::Informational, Status::Success),
        },
        Kind::Lockdown => match field(fields, "act") {
            "on" => of(DETECTION_FINDING, 1, Severity::Critical, Status::Unknown),
            "suspended" => of(DETECTION_FINDING, 1, Severity::High, Status::Unknown),
            _ => of(DETECTION_FINDING, 3, Severity::Informational, Status::Unknown),
        },
        Kind::Proof if field(fields, "state") == "failed" => {
            of(DETECTION_FINDING, 1, Severity::Critical, Status::Failure)
        }
        Kind::Secret if field(fields, "act") == "seen" => {
            of(DETECTION_FINDING, 1, Severity::Critical, Status::Unknown)
        }
        Kind::Refusal => of(API_ACTIVITY, activity(fields), Severity::Medium, Status::Failure),
        Kind::Outcome => {
            let status = match field(fields, "ending") {
                "done" => Status::Success,
                "unknown" => Status::Unknown,
                _ => Status::Failure,
            };
            of(API_ACTIVITY, activity(fields), Severity::Informational, status)
        }
        Kind::Intent
        | Kind::Question
        | Kind::Answer
        | Kind::Inbound
        | Kind::Config
        | Kind::Policy
        | Kind::Secret
        | Kind::Proof
        | Kind::Backup
        | Kind::Segment
        | Kind::Open
        | Kind::Checkpoint
        | Kind::Pruned => of(API_ACTIVITY, activity(fields), Severity::Informational, Status::Unknown),
    }
}

/// API Activity: 1 create, 2 read, 3 update, 4 delete, 99 other.
fn activity(fields: &Value) -> u64 {
    match field(fields, "effect") {
        "read" | "fetch" => 2,
        "write" | "configure" => 3,
        "delete" => 4,
        _ => 99,
    }
}

fn api(out: &mut Map<String, Value>, kind: Kind, fields: &Value) {
    let name = field(fields, "name");
    let operation = if name.is_empty() { kind.as_str() } else { name };
    out.insert("api".to_string(), json!({"operation": operation, "service": {"name": kind.as_str()}}));
    out.insert("src_endpoint".to_string(), json!({"name": field(fields, "channel")}));
    let targets = fields.get("targets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let resources: Vec<Value> = targets
        .iter()
        .filter_map(|target| target.as_str()?.split_once(':'))
        .map(|(kind, name)| json!({"type": kind, "name": name}))
        .collect();
    if !resources.is_empty() {
        out.insert("resources".to_string(), Value::Array(resources));
    }
}

fn network(out: &mut Map<String, Value>, fields: &Value) {
    let number = |name: &str| fields.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut endpoint = json!({"hostname": field(fields, "host"), "port": number("port")});
    if let (Some(address), Some(endpoint)) =
        (fields.get("address").filter(|address| !address.is_null()), endpoint.as_object_mut())
    {
        endpoint.insert("ip".to_string(), address.clone());
    }
    out.insert("dst_endpoint".to_string(), endpoint);
    out.insert(
        "traffic".to_string(),
        json!({"bytes_out": number("bytes_out"), "bytes_in": number("bytes_in")}),
    );
    let disposition = if field(fields, "verdict") == "deny" { 2 } else { 1 };
    out.insert("disposition_id".to_string(), json!(disposition));
}

/// Everything the record says besides its head.
fn rest(fields: &Value) -> Value {
    let mut rest = fields.as_object().cloned().unwrap_or_default();
    for head in ["v", "seq", "time", "hash"] {
        rest.remove(head);
    }
    Value::Object(rest)
}
