//! Which values stand on trusted ground: the owner's words, and facts that a trusted query selected.
//!
//! Pure functions over what the broker's ledger holds. Nothing here looks at what a model says of itself.

mod text;

use domain::{Argument, ArgumentRole, Call, Effect, Field, Integrity, Label, Output, ToolName, Value};
use std::collections::{BTreeMap, BTreeSet};
use tools::{Manifest, Need};

pub use text::strangers_in;
use text::{stands_in, stands_in_as_fragment, stands_in_as_lead};

/// The most results a session keeps for grounding; the oldest go first, so that the newest facts are the ones known.
const RESULTS_MAX: usize = 512;
/// An argument shorter than this stands in results by chance.
const ECHO_BYTES_MIN: usize = 3;
/// The most trusted texts a session keeps for grounding.
const TEXTS_MAX: usize = 512;

/// A text that may ground values: the owner's words, the configuration, the address book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedText {
    /// The text.
    pub text: String,
    /// Its label.
    pub label: Label,
}

/// What one query of the session returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryResult {
    /// The tool that was used.
    pub tool: ToolName,
    /// With what.
    pub arguments: Vec<Argument>,
    /// Whether the query itself stood on trusted ground.
    pub selection: Selection,
    /// What came back, record by record. A result that is no list is one record.
    pub records: Vec<Record>,
    /// The label of the whole.
    pub label: Label,
}

/// One record of a result: one mail, one file, one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which list it stands in, without numbers: `messages`; empty for a list that is the whole result, or none.
    pub list: String,
    /// Its fields by their path within the record; a list of plain values has one field with the empty name.
    pub fields: Vec<Field>,
}

/// Whether a query stood on trusted ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// Every argument of it was grounded or its default, or it had none.
    Grounded,
    /// Some argument was the model's own.
    Free,
}

/// What a session knows that may ground an argument. Kept by the broker, saved with the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The texts.
    pub texts: Vec<TrustedText>,
    /// The results, oldest first.
    pub results: Vec<QueryResult>,
    /// What a quarantined model read out of strangers' text for the running task: closed values, and no ground of any.
    pub extracted: Vec<Value>,
}

impl Provenance {
    /// Adds a trusted text. What is not trusted is not added: a text grounds nothing because someone says so.
    pub fn note_text(&mut self, text: &str, label: &Label) {
        if label.integrity() != Integrity::Trusted || text.is_empty() {
            return;
        }
        self.texts.push(TrustedText { text: text.to_string(), label: label.clone() });
        if self.texts.len() > TEXTS_MAX {
            self.texts.remove(0);
        }
    }

    /// Whether a quarantined model read `value` out, for the hole of a grant.
    #[must_use]
    pub fn is_extracted(&self, value: &Value) -> bool {
        self.extracted.iter().any(|read| crate::mandate::means(value, &read.canonical()))
    }

    /// Up to `most` different ids of `kind` that services returned, facts or not, newest results first.
    #[must_use]
    pub fn ids_of(&self, kind: &str, most: usize) -> Vec<String> {
        let fields =
            self.results.iter().rev().flat_map(|result| &result.records).flat_map(|record| &record.fields);
        let mut found = Vec::new();
        for leaf in fields.flat_map(|field| field.value.leaves()) {
            if let Value::Id { kind: of, id } = leaf
                && of == kind
                && !found.contains(id)
                && found.len() < most
            {
                found.push(id.clone());
            }
        }
        found
    }

    /// Adds what a call returned. Whether the call selected anything is judged here, by what was trusted before it.
    pub fn note_result(&mut self, call: &Call, manifest: Option<&Manifest>, output: &Output) {
        let selection = self.selection_of(call, manifest);
        let arguments = call.arguments.clone();
        let fields: Vec<Field> = output.fields.iter().map(|field| self.without_echo(field, call)).collect();
        let records = records(&fields, manifest);
        self.results.push(QueryResult {
            tool: call.tool.clone(),
            arguments,
            selection,
            records,
            label: output.label.clone(),
        });
        if self.results.len() > RESULTS_MAX {
            self.results.remove(0);
        }
    }

    /// The field, believed only where the service says something of its own: what changes something answers with what
    /// it was given, but for the ids it makes, and a query can repeat its arguments. Else a model would make its own
    /// words a fact.
    fn without_echo(&self, field: &Field, call: &Call) -> Field {
        let text = field.value.canonical().to_lowercase();
        let only_looks = matches!(call.effect, Effect::Read | Effect::Fetch);
        let is_id = matches!(field.value, Value::Id { .. });
        let repeats = |argument: &Argument| {
            argument.value.leaves().into_iter().any(|leaf| {
                let given = leaf.canonical().to_lowercase();
                given.len() >= ECHO_BYTES_MIN
                    && (text.contains(&given) || given.contains(&text))
                    && !self.selects(leaf)
            })
        };
        let echo = !text.is_empty() && call.arguments.iter().any(repeats);
        let integrity = if echo || !(only_looks || is_id) { Integrity::Untrusted } else { field.integrity };
        Field { integrity, ..field.clone() }
    }

    /// Whether every argument of `call` is grounded or left at its default.
    #[must_use]
    pub fn selection_of(&self, call: &Call, manifest: Option<&Manifest>) -> Selection {
        let grounded = call.arguments.iter().all(|argument| {
            is_default(argument, manifest)
                || argument.value.leaves().into_iter().all(|leaf| self.selects(leaf))
        });
        if grounded { Selection::Grounded } else { Selection::Free }
    }

    /// The label of the trusted words or the attested fact that `value` stands on, or nothing.
    #[must_use]
    pub fn ground(&self, value: &Value) -> Option<Label> {
        self.ground_in_words(value).or_else(|| self.ground_in_facts(value))
    }

    /// The label of the trusted text that `value` stands in as a whole word.
    #[must_use]
    pub fn ground_in_words(&self, value: &Value) -> Option<Label> {
        self.texts.iter().rev().find(|text| stands_in(value, &text.text)).map(|text| text.label.clone())
    }

    /// The label of the attested field with this very value and kind, in a record that a grounded query selected: the
    /// only record of its list, or one that the owner's words name.
    #[must_use]
    pub fn ground_in_facts(&self, value: &Value) -> Option<Label> {
        let selected = |result: &&QueryResult| result.selection == Selection::Grounded;
        self.results.iter().rev().filter(selected).find_map(|result| {
            let holds = |record: &&Record| self.is_selected(record, result) && record.attests(value);
            result.records.iter().find(holds).map(|_record| result.label.clone())
        })
    }

    /// Whether any attested field, selected or not, has this value: it is a fact, though not one the owner chose.
    #[must_use]
    pub fn is_attested(&self, value: &Value) -> bool {
        self.results.iter().flat_map(|result| &result.records).any(|record| record.attests(value))
    }

    /// Whether `value` stands whole in trusted words, or in a fact of any result: somebody believed wrote it down.
    #[must_use]
    pub fn names(&self, value: &Value) -> bool {
        let fields = self.results.iter().flat_map(|result| &result.records).flat_map(|record| &record.fields);
        let facts = fields
            .filter(|field| field.integrity != Integrity::Untrusted)
            .flat_map(|field| field.value.leaves());
        let mut said =
            facts.filter_map(
                |fact| {
                    if let Value::Text(text) | Value::Url(text) = fact { Some(text) } else { None }
                },
            );
        self.ground_in_words(value).is_some() || said.any(|text| stands_in(value, text))
    }

    /// What `payload` passes on (addresses, links, accounts) that stands in no trusted text and is no attested fact.
    #[must_use]
    pub fn strangers(&self, payload: &str) -> Vec<String> {
        let found = strangers_in(payload);
        if found.is_empty() {
            return found;
        }
        let fields = self.results.iter().flat_map(|result| &result.records).flat_map(|record| &record.fields);
        let facts: BTreeSet<String> = fields
            .filter(|field| field.integrity != Integrity::Untrusted)
            .flat_map(|field| field.value.leaves())
            .map(|value| value.canonical().to_lowercase())
            .collect();
        let known_word = |text: &str| self.texts.iter().any(|trusted| stands_in_as_lead(text, &trusted.text));
        found.into_iter().filter(|lead| !facts.contains(&lead.to_lowercase()) && !known_word(lead)).collect()
    }

    /// A query's argument may be any words of the owner's: it selects, it does not affect.
    fn selects(&self, value: &Value) -> bool {
        self.ground(value).is_some()
            || match value {
                Value::Text(words) | Value::Date(words) => {
                    self.texts.iter().any(|text| stands_in_as_fragment(words, &text.text))
                }
                Value::Number(_) | Value::Boolean(_) => true,
                Value::Address(_)
                | Value::Path(_)
                | Value::Id { .. }
                | Value::Amount(_)
                | Value::Url(_)
                | Value::Host(_)
                | Value::Command(_)
                | Value::Json(_)
                | Value::List(_) => false,
            }
    }

    fn is_selected(&self, record: &Record, result: &QueryResult) -> bool {
        let alone = result.records.iter().filter(|other| other.list == record.list).count() == 1;
        alone
            || record
                .fields
                .iter()
                .any(|field| field.integrity != Integrity::Untrusted && self.owner_names(&field.value))
    }

    /// Whether the owner's words name a record by this value: words and addresses do, bare numbers do not.
    fn owner_names(&self, value: &Value) -> bool {
        match value {
            Value::Text(_) | Value::Address(_) | Value::Path(_) | Value::Url(_) | Value::Host(_) => {
                value.canonical().chars().count() >= NAME_CHARACTERS_MIN
                    && self.ground_in_words(value).is_some()
            }
            Value::Id { .. }
            | Value::Amount(_)
            | Value::Number(_)
            | Value::Date(_)
            | Value::Command(_)
            | Value::Boolean(_)
            | Value::Json(_)
            | Value::List(_) => false,
        }
    }
}

/// A name shorter than this is in every text by chance.
const NAME_CHARACTERS_MIN: usize = 3;

impl Record {
    /// The field called `name`, if it is a fact.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&Value> {
        let found = self.fields.iter().find(|field| field.path == name)?;
        (found.integrity != Integrity::Untrusted).then_some(&found.value)
    }

    /// Every fact called `name`, or `name.0`, `name.1`, … of a list.
    pub fn facts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.fields
            .iter()
            .filter(move |field| {
                field.integrity != Integrity::Untrusted
                    && (field.path == name
                        || field.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
            })
            .flat_map(|field| field.value.leaves())
    }

    fn attests(&self, value: &Value) -> bool {
        self.fields
            .iter()
            .filter(|field| field.integrity != Integrity::Untrusted)
            .any(|field| field.value.leaves().into_iter().any(|leaf| leaf == value))
    }
}

/// Whether `argument` is what the tool takes when it is left out.
pub(crate) fn is_default(argument: &Argument, manifest: Option<&Manifest>) -> bool {
    manifest.and_then(|manifest| manifest.argument(&argument.name)).is_some_and(|spec| match &spec.need {
        Need::Default(value) => *value == argument.value,
        Need::Optional => argument.value.leaves().iter().all(|leaf| leaf.canonical().is_empty()),
        Need::Required => false,
    })
}

/// The authority arguments of a call that are not left at their default.
pub(crate) fn authority<'a>(
    call: &'a Call,
    manifest: Option<&'a Manifest>,
) -> impl Iterator<Item = &'a Argument> {
    call.arguments
        .iter()
        .filter(move |argument| argument.role == ArgumentRole::Authority && !is_default(argument, manifest))
}

/// Puts fields into records. Where the manifest's path has a `*`, the first one tells records apart; a number in the
/// path does so too, where no manifest speaks of the field.
fn records(fields: &[Field], manifest: Option<&Manifest>) -> Vec<Record> {
    let mut found: BTreeMap<(String, String), (usize, Record)> = BTreeMap::new();
    for field in fields {
        let parts: Vec<String> = if field.path.is_empty() {
            Vec::new()
        } else {
            field.path.split('.').map(str::to_string).collect()
        };
        let at = first_choice(&parts, manifest);
        let (list, key, rest) = match at.and_then(|at| parts.split_at_checked(at)) {
            // The key of a record that is a key of a map: it belongs to the record that it names.
            Some((list, [only])) if only == KEY => (list.join("."), field.value.canonical(), KEY.to_string()),
            Some((list, rest)) => {
                let (key, rest) = rest.split_first().map_or(("", rest), |(key, rest)| (key.as_str(), rest));
                (list.join("."), key.to_string(), rest.join("."))
            }
            None => (String::new(), String::new(), parts.join(".")),
        };
        let place = found.len();
        let (_place, record) =
            found.entry((list.clone(), key)).or_insert_with(|| (place, Record { list, fields: Vec::new() }));
        record.fields.push(Field { path: rest, value: kept(field), integrity: field.integrity });
    }
    let mut records: Vec<(usize, Record)> = found.into_values().collect();
    records.sort_by_key(|(place, _record)| *place);
    records.into_iter().map(|(_place, record)| record).collect()
}

/// What is kept of a field: facts, and the ids and addresses that a service returned. A stranger's text is known to be
/// there, and no more: nothing here may be built from it.
fn kept(field: &Field) -> Value {
    let is_handle =
        field.value.leaves().iter().all(|leaf| matches!(leaf, Value::Id { .. } | Value::Address(_)));
    if field.integrity != Integrity::Untrusted || is_handle {
        field.value.clone()
    } else {
        Value::Text(String::new())
    }
}

/// How a result's path names a key that is data.
const KEY: &str = "@key";

fn first_choice(parts: &[String], manifest: Option<&Manifest>) -> Option<usize> {
    let spec = manifest.and_then(|manifest| manifest.fields().iter().find(|spec| spec.path.matches(parts)));
    let star =
        spec.and_then(|spec| spec.path.to_string().split('.').position(|part| part == "*" || part == KEY));
    star.or_else(|| parts.iter().position(|part| part.bytes().all(|byte| byte.is_ascii_digit())))
}

#[cfg(test)]
mod tests;
