//! Audit records as a line for people: when, what kind, what it concerns, and the rule that decided.

use crate::{moment, show};
use gateway::wire::AuditRecord;
use serde_json::Value;

/// The kinds of targets that say most, first.
const TELLING: [&str; 4] = ["command:", "url:", "to:", "path:"];
/// How much of a target is told; `--json` has it whole.
const TARGET_CHARS_MAX: usize = 100;

/// `record` as one line, safe to print.
pub fn in_words(record: &AuditRecord) -> String {
    let told = join(&[about(record), rule(record).map(|rule| format!("[{rule}]"))], "  ");
    let line =
        format!("{:>7}  {}  {:<10}  {told}", record.seq, moment::shown(record.time), record.kind.as_str());
    show::printable(line.trim_end())
}

fn about(record: &AuditRecord) -> Option<String> {
    let (name, target) = (text(record, "name"), target(record));
    let named = join(&[name.map(str::to_string), target], " ");
    let detail = text(record, "detail").map(str::to_string);
    let act = text(record, "act").map(plain);
    let of = |field| text(record, field).map(str::to_string);
    let parts = match record.kind.as_str() {
        "intent" | "question" => vec![Some(named)],
        "outcome" => vec![Some(named), of("ending").map(|ending| plain(&ending)), detail, took(record)],
        "refusal" => vec![Some(named), why(record)],
        "answer" => vec![of("answer"), of("question")],
        "inbound" => vec![of("sender"), bytes(record)],
        "checkpoint" => vec![number(record, "signed_seq").map(|seq| format!("signed up to record {seq}"))],
        "sign_in" => vec![act, of("from").map(|from| format!("from {from}"))],
        "connection" => vec![place(record), of("request"), of("verdict"), of("by"), why(record)],
        "secret" => vec![of("secret"), act, of("host").map(|host| format!("for {host}"))],
        "config" => vec![act, of("path")],
        "policy" => vec![act, of("rule"), detail],
        "proof" => vec![of("name"), of("state"), detail],
        "lockdown" => vec![act, of("why")],
        "backup" => vec![act, of("path"), detail],
        _ => vec![Some(named).filter(|named| !named.is_empty()), act, of("state"), detail],
    };
    Some(join(&parts, ", "))
}

fn join(parts: &[Option<String>], between: &str) -> String {
    let said: Vec<&str> =
        parts.iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
    said.join(between)
}

fn text<'a>(record: &'a AuditRecord, field: &str) -> Option<&'a str> {
    record.fields.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn number(record: &AuditRecord, field: &str) -> Option<u64> {
    record.fields.get(field)?.as_u64()
}

/// `may_have_happened` as people say it.
fn plain(word: &str) -> String {
    word.replace('_', " ")
}

fn took(record: &AuditRecord) -> Option<String> {
    number(record, "took_ms").map(|milliseconds| format!("{milliseconds} ms"))
}

/// How long a message is, in place of what it says: the log has only digests of that.
fn bytes(record: &AuditRecord) -> Option<String> {
    let contents = record.fields.get("contents")?.as_array()?;
    let all = contents.iter().filter_map(|content| content.get("bytes")?.as_u64());
    Some(format!("{} bytes", all.fold(0, u64::saturating_add)))
}

fn place(record: &AuditRecord) -> Option<String> {
    let host = text(record, "host")?;
    Some(number(record, "port").map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

/// The rule that decided.
fn rule(record: &AuditRecord) -> Option<&str> {
    record.fields.get("rules")?.as_array()?.first()?.get("id")?.as_str()
}

fn why(record: &AuditRecord) -> Option<String> {
    let first = record.fields.get("rules")?.as_array()?.first()?;
    first.get("why")?.as_str().filter(|why| !why.is_empty()).map(str::to_string)
}

/// What an action reaches: the target that says most, and how many more there are.
fn target(record: &AuditRecord) -> Option<String> {
    let named: Vec<&str> =
        record.fields.get("targets")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let telling: Vec<&str> = TELLING
        .iter()
        .flat_map(|kind| named.iter().copied().filter(move |target| target.starts_with(kind)))
        .collect();
    // A program, a host or a file stands beside the command or address that names it.
    let told = if telling.is_empty() { &named } else { &telling };
    let first = *told.first()?;
    let bare = first.split_once(':').map_or(first, |(_kind, bare)| bare);
    let mut shown: String = bare.chars().take(TARGET_CHARS_MAX).collect();
    if shown.len() < bare.len() {
        shown.push('…');
    }
    Some(match told.len() {
        1 => shown,
        count => format!("{shown} and {} more", count.saturating_sub(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(kind: &str, fields: Value) -> AuditRecord {
        let Value::Object(fields) = fields else { panic!("fields") };
        AuditRecord {
            seq: 12,
            time: 1_800_000_000_000,
            kind: kind.to_string(),
            hash: String::new(),
            fields: fields.into_iter().collect(),
        }
    }

    #[test]
    fn a_record_is_one_line_that_says_what_it_concerns() {
        let rules =
            json!([{"verdict": "deny", "id": "floor.house", "why": "its own files stay as they are"}]);
        for (kind, fields, expected) in [
            (
                "intent",
                json!({"name": "shell.run", "targets": ["program:df", "command:df -h"], "rules": [{"verdict": "allow", "id": "owner.slash", "why": ""}]}),
                "intent      shell.run df -h  [owner.slash]",
            ),
            (
                "outcome",
                json!({"name": "mail.send", "ending": "may_have_happened", "took_ms": 7}),
                "outcome     mail.send, may have happened, 7 ms",
            ),
            (
                "refusal",
                json!({"name": "files.write", "targets": ["path:/a", "path:/b"], "rules": rules}),
                "refusal     files.write /a and 1 more, its own files stay as they are  [floor.house]",
            ),
            (
                "connection",
                json!({"by": "web.fetch", "host": "example.org", "port": 443, "verdict": "allow", "rules": []}),
                "connection  example.org:443, allow, web.fetch",
            ),
            (
                "lockdown",
                json!({"act": "on", "why": "a drill\u{1b}[2J"}),
                "lockdown    on, a drill\\u{1b}[2J",
            ),
            ("open", json!({}), "open"),
        ] {
            let line = in_words(&record(kind, fields));
            assert_eq!(line, format!("     12  2027-01-15 08:00:00  {expected}"));
        }
    }
}
