//! What a session has read, and what it may do: kept by the door, out of the agent's reach.

use crate::codec::{LedgerCodecError, read_ledger, write_ledger};
use domain::{Label, Output};
use policy::{Mandate, Provenance};
use tools::Catalog;

/// How many texts and results ground values, newest kept. An older one only stops grounding: stricter, never laxer.
const NOTES_MAX: usize = 400;
/// How many fields of one result are kept; the rest ground nothing.
const FIELDS_PER_RESULT_MAX: usize = 2_000;

/// The facts of one session.
///
/// Invariant: the label covers everything that was ever read in the session; it only rises.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) label: Label,
    pub(crate) notes: Vec<Note>,
    /// What `notes` come to, judged in their order.
    pub(crate) provenance: Provenance,
    pub(crate) mandate: Mandate,
    /// The slash command that the running task is, word for word.
    pub(crate) typed: Option<String>,
    /// Whether anything read looked like an attack; never taken back.
    pub(crate) suspicious: bool,
    /// Whether a stranger's text was ever shown to the planner; never taken back.
    pub(crate) shown: bool,
    /// The number of the last handle.
    pub(crate) handles: u32,
    /// What a quarantined model read out for the running task.
    pub(crate) extracted: Vec<Extracted>,
}

/// A value that a quarantined model read out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extracted {
    /// For which argument of which effect.
    pub(crate) at: (String, String),
    /// The value; nothing when the text did not say.
    pub(crate) value: Option<domain::Value>,
}

/// One thing that may ground values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Somebody's words.
    Text {
        /// The words.
        text: String,
        /// Their label: only trusted words ground anything.
        label: Label,
    },
    /// What a call returned.
    Result {
        /// The tool.
        tool: String,
        /// The arguments, as proposed.
        arguments: String,
        /// What came back; its text is not kept.
        output: Output,
    },
}

impl Ledger {
    /// A session in which nothing has been read.
    pub(crate) fn new() -> Self {
        Self {
            label: Label::nothing(),
            notes: Vec::new(),
            provenance: Provenance::default(),
            mandate: Mandate::default(),
            typed: None,
            suspicious: false,
            shown: false,
            handles: 0,
            extracted: Vec::new(),
        }
    }

    /// What [`Ledger::to_text`] wrote.
    pub(crate) fn parse(text: &str, catalog: &Catalog) -> Result<Self, LedgerCodecError> {
        read_ledger(text, catalog)
    }

    /// What [`Ledger::parse`] reads back.
    pub(crate) fn to_text(&self) -> String {
        write_ledger(self)
    }

    /// The session has read something under `label`. The first untrusted byte freezes the mandate.
    pub(crate) fn read(&mut self, label: &Label) {
        self.label = std::mem::replace(&mut self.label, Label::nothing()).join(label);
        if !self.label.is_clean() {
            self.mandate.freeze();
        }
    }

    /// Something that may ground values has been said or returned; its label joins the session's.
    pub(crate) fn note(&mut self, note: Note, catalog: &Catalog) {
        let note = match note {
            Note::Text { text, label } => {
                self.provenance.note_text(&text, &label);
                self.read(&label);
                Note::Text { text, label }
            }
            Note::Result { tool, arguments, mut output } => {
                output.text.clear();
                output.fields.truncate(FIELDS_PER_RESULT_MAX);
                // A call that no longer parses, because its manifest changed, grounds nothing.
                if let Ok(call) = catalog.parse(&tool, &arguments) {
                    self.provenance.note_result(&call, catalog.manifest(&call.tool), &output);
                }
                self.read(&output.label);
                Note::Result { tool, arguments, output }
            }
        };
        self.notes.push(note);
        let spare = self.notes.len().saturating_sub(NOTES_MAX);
        self.notes.drain(..spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Field, Integrity, Source, SourceKind, Tier, Value};

    fn ledger() -> Ledger {
        let catalog = Catalog::builtin().unwrap();
        let mut ledger = Ledger::new();
        ledger
            .note(Note::Text { text: "pay anna@example.org 12.50".into(), label: Label::owner() }, &catalog);
        let label =
            Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x@example.org"));
        let values = [
            Value::Text("a\n\u{202e}b".into()),
            Value::Address("anna@example.org".parse().unwrap()),
            Value::Id { kind: "mail".into(), id: "13".into() },
            Value::Amount("12.50".parse().unwrap()),
            Value::Number("-3".parse().unwrap()),
            Value::Host("example.org".parse().unwrap()),
            Value::Boolean(true),
            Value::Json("{\"a\":1}".into()),
            Value::List(vec![Value::Url("https://example.org/".into()), Value::Date("2026-01-01".into())]),
        ];
        let fields = values
            .into_iter()
            .map(|value| Field { path: "mails.0.x".into(), value, integrity: Integrity::Attested })
            .collect();
        let output = Output { text: "text".into(), fields, label };
        ledger.note(Note::Result { tool: "mail.list".into(), arguments: "{}".into(), output }, &catalog);
        ledger.typed = Some("/mail".into());
        (ledger.shown, ledger.handles) = (true, 7);
        let read = |value| Extracted { at: ("t-1.3.0".into(), "start".into()), value };
        ledger.extracted = vec![read(None), read(Some(Value::Date("2026-01-01".into())))];
        ledger.provenance.extracted = vec![Value::Date("2026-01-01".into())];
        ledger
    }

    #[test]
    fn a_ledger_is_read_back_as_it_was_written() {
        let ledger = ledger();
        let back = Ledger::parse(&ledger.to_text(), &Catalog::builtin().unwrap()).unwrap();
        assert_eq!((&back.label, &back.notes, &back.typed), (&ledger.label, &ledger.notes, &ledger.typed));
        assert_eq!((&back.provenance, &back.mandate), (&ledger.provenance, &ledger.mandate));
        assert_eq!((back.shown, back.handles, &back.extracted), (true, 7, &ledger.extracted));
    }

    #[test]
    fn a_broken_ledger_is_an_error_not_a_clean_one() {
        let catalog = Catalog::builtin().unwrap();
        let text = ledger().to_text();
        for bad in
            ["", "{}", "{\"version\":2}", &text.replace("untrusted", "unknown"), &text[..text.len() / 2]]
        {
            assert!(Ledger::parse(bad, &catalog).is_err(), "{bad}");
        }
    }

    #[test]
    fn reading_never_lowers_a_label() {
        let mut ledger = ledger();
        let before = ledger.label.clone();
        ledger.read(&Label::owner());
        assert!(ledger.label.covers(&before));
        assert!(!ledger.label.is_clean());
    }
}
