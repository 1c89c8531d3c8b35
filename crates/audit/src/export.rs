//! Hands records out in forms that other programs read.

use crate::query::{Filter, visit};
use crate::verify::Go;
use crate::wire::Fields;
use crate::{Error, Record};
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
/// As [`crate::query`], and [`Error::Io`] when `out` takes no more.
pub fn export(folder: &Path, filter: &Filter, format: Format, out: &mut dyn Write) -> Result<u64, Error> {
    let mut written = 0_u64;
    let mut failed = None;
    if format == Format::Csv {
        line(out, &COLUMNS.map(str::to_string))
            .map_err(|error| Error::io("write the export of", folder, error))?;
    }
    visit(folder, filter, &mut |record| {
        let result = match format {
            Format::JsonLines => writeln!(out, "{}", record.json()),
            Format::Csv => line(out, &row(&record)),
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
        Some(error) => Err(Error::io("write the export of", folder, error)),
    }
}

fn row(record: &Record) -> [String; 18] {
    let fields = Fields::read(record.json()).unwrap_or_default();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let time =
        i64::try_from(record.time().0).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    let mut targets = fields.targets.clone();
    targets
        .extend(fields.host.as_ref().map(|host| format!("host:{host}:{}", fields.port.unwrap_or_default())));
    let rules: Vec<&str> = fields.rules.iter().map(|rule| rule.id.as_str()).collect();
    let worst = ["deny", "ask", "allow"]
        .into_iter()
        .find(|word| fields.rules.iter().any(|rule| rule.verdict == *word));
    [
        record.seq().to_string(),
        time.map_or_else(|| record.time().0.to_string(), |time| time.to_string()),
        record.kind().to_string(),
        text(&fields.session),
        text(&fields.task),
        text(&fields.principal),
        text(&fields.channel),
        text(&fields.label),
        text(&fields.name),
        text(&fields.effect),
        fields.verdict.clone().or(worst.map(str::to_string)).unwrap_or_default(),
        rules.join(" "),
        targets.join("\n"),
        text(&fields.ending),
        text(&fields.act),
        text(&fields.detail),
        record.prev().to_string(),
        record.hash().to_string(),
    ]
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
