//! A ledger on disk: one versioned JSON document. An unreadable one is an error, never a clean slate.

use crate::ledger::{Extracted, Ledger, Note};
use domain::{Field, Integrity, Label, Output, Value};
use policy::{mandate_from_json, mandate_to_json};
use serde::{Deserialize, Serialize};
use tools::Catalog;

const VERSION: u32 = 1;

/// The text is not a ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerCodecError {
    /// It is not JSON of the right shape.
    #[error("what the session has read is not legible")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("what the session has read is written in version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// A label, name or value in it means nothing.
    #[error("what the session has read has a bad {0}")]
    Part(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerWire {
    version: u32,
    label: String,
    notes: Vec<NoteWire>,
    mandate: String,
    typed: Option<String>,
    #[serde(default)]
    suspicious: bool,
    /// What a ledger without it has read was shown.
    #[serde(default)]
    shown: Option<bool>,
    #[serde(default)]
    handles: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extracted: Vec<ExtractedWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtractedWire {
    key: String,
    argument: String,
    value: Option<ValueWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum NoteWire {
    Text { text: String, label: String },
    Result { tool: String, arguments: String, fields: Vec<FieldWire>, label: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldWire {
    path: String,
    integrity: String,
    value: ValueWire,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueWire {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<Vec<ValueWire>>,
}

pub(crate) fn write_ledger(ledger: &Ledger) -> String {
    let wire = LedgerWire {
        version: VERSION,
        label: ledger.label.to_string(),
        notes: ledger.notes.iter().map(note_to_wire).collect(),
        mandate: mandate_to_json(&ledger.mandate),
        typed: ledger.typed.clone(),
        suspicious: ledger.suspicious,
        shown: Some(ledger.shown),
        handles: ledger.handles,
        extracted: ledger.extracted.iter().map(extracted_to_wire).collect(),
    };
    // These types have no maps, so writing them cannot fail; an empty text would be refused when it is read.
    serde_json::to_string(&wire).unwrap_or_default()
}

pub(crate) fn read_ledger(text: &str, catalog: &Catalog) -> Result<Ledger, LedgerCodecError> {
    let wire: LedgerWire = serde_json::from_str(text)?;
    if wire.version != VERSION {
        return Err(LedgerCodecError::Version(wire.version));
    }
    let mut ledger = Ledger::new();
    for note in wire.notes {
        ledger.note(note_from_wire(note)?, catalog);
    }
    ledger.label = label(&wire.label)?;
    ledger.mandate =
        mandate_from_json(&wire.mandate).map_err(|_malformed| LedgerCodecError::Part("mandate"))?;
    ledger.typed = wire.typed;
    ledger.suspicious = wire.suspicious;
    ledger.shown = wire.shown.unwrap_or(!ledger.label.is_clean());
    ledger.handles = wire.handles;
    ledger.extracted = wire.extracted.into_iter().map(extracted_from_wire).collect::<Result<_, _>>()?;
    ledger.provenance.extracted = ledger.extracted.iter().filter_map(|read| read.value.clone()).collect();
    Ok(ledger)
}

fn extracted_to_wire(extracted: &Extracted) -> ExtractedWire {
    let (key, argument) = extracted.at.clone();
    ExtractedWire { key, argument, value: extracted.value.as_ref().map(value_to_wire) }
}

fn extracted_from_wire(wire: ExtractedWire) -> Result<Extracted, LedgerCodecError> {
    let value = wire.value.map(value_from_wire).transpose()?;
    Ok(Extracted { at: (wire.key, wire.argument), value })
}

fn label(text: &str) -> Result<Label, LedgerCodecError> {
    text.parse().map_err(|_malformed| LedgerCodecError::Part("label"))
}

fn note_to_wire(note: &Note) -> NoteWire {
    match note {
        Note::Text { text, label } => NoteWire::Text { text: text.clone(), label: label.to_string() },
        Note::Result { tool, arguments, output } => NoteWire::Result {
            tool: tool.clone(),
            arguments: arguments.clone(),
            fields: output.fields.iter().map(field_to_wire).collect(),
            label: output.label.to_string(),
        },
    }
}

fn note_from_wire(wire: NoteWire) -> Result<Note, LedgerCodecError> {
    Ok(match wire {
        NoteWire::Text { text, label: of } => Note::Text { text, label: label(&of)? },
        NoteWire::Result { tool, arguments, fields, label: of } => {
            let fields = fields.into_iter().map(field_from_wire).collect::<Result<_, _>>()?;
            Note::Result {
                tool,
                arguments,
                output: Output { text: String::new(), fields, label: label(&of)? },
            }
        }
    })
}

fn field_to_wire(field: &Field) -> FieldWire {
    FieldWire {
        path: field.path.clone(),
        integrity: field.integrity.as_str().to_string(),
        value: value_to_wire(&field.value),
    }
}

fn field_from_wire(wire: FieldWire) -> Result<Field, LedgerCodecError> {
    let integrity = Integrity::ALL.into_iter().find(|integrity| integrity.as_str() == wire.integrity);
    let integrity = integrity.ok_or(LedgerCodecError::Part("integrity"))?;
    Ok(Field { path: wire.path, value: value_from_wire(wire.value)?, integrity })
}

fn value_to_wire(value: &Value) -> ValueWire {
    if let Value::List(values) = value {
        let list = Some(values.iter().map(value_to_wire).collect());
        return ValueWire { kind: "list".to_string(), text: None, list };
    }
    ValueWire { kind: tools::kind_to_text(&value.kind()), text: Some(value.canonical()), list: None }
}

fn value_from_wire(wire: ValueWire) -> Result<Value, LedgerCodecError> {
    let bad = || LedgerCodecError::Part("value");
    if wire.kind == "list" {
        let values = wire.list.ok_or_else(bad)?;
        return values.into_iter().map(value_from_wire).collect::<Result<_, _>>().map(Value::List);
    }
    let text = wire.text.ok_or_else(bad)?;
    let kind = tools::kind_from_text(&wire.kind).map_err(|_malformed| bad())?;
    Ok(match kind {
        domain::ValueKind::Text => Value::Text(text),
        domain::ValueKind::Address => Value::Address(text.parse().map_err(|_malformed| bad())?),
        domain::ValueKind::Path => Value::Path(text),
        domain::ValueKind::Id(kind) => Value::Id { kind, id: text },
        domain::ValueKind::Amount => Value::Amount(text.parse().map_err(|_malformed| bad())?),
        domain::ValueKind::Number => Value::Number(text.parse().map_err(|_malformed| bad())?),
        domain::ValueKind::Date => Value::Date(text),
        domain::ValueKind::Url => Value::Url(text),
        domain::ValueKind::Host => Value::Host(text.parse().map_err(|_malformed| bad())?),
        domain::ValueKind::Command => Value::Command(tools::shell::parse(&text).map_err(|_malformed| bad())?),
        domain::ValueKind::Boolean => Value::Boolean(text.parse().map_err(|_malformed| bad())?),
        domain::ValueKind::Json => Value::Json(text),
        domain::ValueKind::List(_) => return Err(bad()),
    })
}
