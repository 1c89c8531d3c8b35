//! Hands records out in forms that other programs read.

use crate::ocsf;
use audit::{Error, Go, Record};
use audit_query::{Filter, visit};
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;

/// A form to hand records out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The lines as they stand in the log: with them the chain can be checked elsewhere.
    JsonLines,
    /// One line a record with the columns that tables want (RFC 4180); a cell that a spreadsheet would take for a
    /// formula begins with `'`.
    Csv,
    /// One event of the Open Cybersecurity Schema Framework a line, for a SIEM.
    Ocsf,
}

impl Format {
    /// The one of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "jsonl" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "ocsf" => Some(Self::Ocsf),
            _ => None,
        }
    }
}

const COLUMNS: [&str; 18] = [
    "seq",
    "time",
    "kind",
    "session",
    "task",
    "principal",
    "channel",
    "label",
    "name",
    "effect",
    "verdict",
    "rules",
    "targets",
    "ending",
    "act",
    "detail",
    "prev",
    "hash",
];

/// Writes every record that matches `filter` to `out`, and returns how many there were.
///
/// # Errors
///
/// As [`audit_query::query`], and [`Error::Io`] when `out` takes no more.
pub fn export(folder: &Path, filter: &Filter, format: Format, out: &mut dyn Write) -> Result<u64, Error> {
    let mut written = 0_u64;
    let mut failed = None;
    if format == Format::Csv {
        line(out, &COLUMNS.map(str::to_string)).map_err(|error| gone(folder, error))?;
    }
    visit(folder, filter, &mut |record| {
        let result = match format {
            Format::JsonLines => writeln!(out, "{}", record.json()),
            Format::Csv => line(out, &row(&record)),
            Format::Ocsf => writeln!(out, "{}", ocsf::event(&record)),
        };
        match result {
            Ok(()) => {
                written = written.saturating_add(1);
                Go::On
            }
            Err(error) => {
                failed = Some(error);
                Go::Stop
            }
        }
    })?;
    match failed {
        None => Ok(written),
        Some(error) => Err(gone(folder, error)),
    }
}

fn gone(folder: &Path, source: io::Error) -> Error {
    Error::Io { step: "write the export of", path: folder.to_path_buf(), source: std::sync::Arc::new(source) }
}

fn row(record: &Record) -> [String; 18] {
    let fields: Value = serde_json::from_str(record.json()).unwrap_or_default();
    let text = |name: &str| field(&fields, name).to_string();
    let time =
        i64::try_from(record.time().0).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    let rules = list(&fields, "rules");
    let ids: Vec<&str> = rules.iter().map(|rule| field(rule, "id")).collect();
    let worst = ["deny", "ask", "allow"]
        .into_iter()
        .find(|word| rules.iter().any(|rule| field(rule, "verdict") == *word));
    let mut targets: Vec<String> =
        list(&fields, "targets").iter().filter_map(Value::as_str).map(str::to_string).collect();
    if let Some(host) = fields.get("host").and_then(Value::as_str) {
        let port = fields.get("port").and_then(Value::as_u64).unwrap_or_default();
        targets.push(format!("host:{host}:{port}"));
    }
    let verdict = text("verdict");
    [
        record.seq().to_string(),
        time.map_or_else(|| record.time().0.to_string(), |time| time.to_string()),
        record.kind().to_string(),
        text("session"),
        text("task"),
        text("principal"),
        text("channel"),
        text("label"),
        text("name"),
        text("effect"),
        if verdict.is_empty() { worst.unwrap_or_default().to_string() } else { verdict },
        ids.join(" "),
        targets.join("\n"),
        text("ending"),
        text("act"),
        text("detail"),
        record.prev().to_string(),
        record.hash().to_string(),
    ]
}

/// The text of a field; empty when it is not there.
pub(crate) fn field<'a>(fields: &'a Value, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(fields: &'a Value, name: &str) -> &'a [Value] {
    fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn line(out: &mut dyn Write, cells: &[String; 18]) -> io::Result<()> {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| {
            let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            format!("\"{}{}\"", if formula { "'" } else { "" }, cell.replace('"', "\"\""))
        })
        .collect();
    write!(out, "{}\r\n", cells.join(","))
}
