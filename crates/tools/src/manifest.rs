//! What a manifest says of one tool.

use crate::path::FieldPath;
use crate::show::Template;
use domain::{ArgumentRole, Call, Effect, Integrity, SourceKind, Tier, ToolName, Value, ValueKind};
use rust_decimal::Decimal;

/// One tool, as its manifest describes it.
///
/// Invariant: argument names are unique; every name that a sink, a rule, a source or the template mentions is an
/// argument; the template shows every argument; no result field and no source is `trusted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) name: ToolName,
    pub(crate) about: String,
    pub(crate) effect: Effect,
    pub(crate) raises: Vec<Raise>,
    pub(crate) undo: Undo,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) data_in: Vec<String>,
    pub(crate) arguments: Vec<ArgumentSpec>,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) source: SourceSpec,
    pub(crate) template: Template,
}

/// A call does more than the tool's plain effect when an argument is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Which argument.
    pub argument: String,
    /// How it is.
    pub condition: Condition,
    /// What the call then does at least.
    pub effect: Effect,
}

/// How an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It was given and is not empty.
    Given,
    /// Its canonical text, or that of one of its elements, is one of these.
    OneOf(Vec<String>),
}

/// Whether the effect can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undo {
    /// Another tool takes it back whole, such as a trash.
    Possible,
    /// What is done is done.
    Impossible,
}

/// Who receives what the arguments of a call carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sink {
    /// It stays on this machine, in the owner's own files.
    Machine,
    /// The owner.
    Owner,
    /// A language model.
    Model,
    /// A service that the owner has an account with, by name: `calendar`, `bank`.
    Service(String),
    /// Whoever the argument names: addresses, accounts, channels.
    Argument(String),
    /// The host of the URL, or the host, in the argument.
    HostOf(String),
    /// Anybody.
    Public,
}

/// One argument of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentSpec {
    /// Its name.
    pub name: String,
    /// What it is, for the model.
    pub about: String,
    /// Whether it decides who or what is affected.
    pub role: ArgumentRole,
    /// Its type.
    pub kind: ValueKind,
    /// Whether it may be left out.
    pub need: Need,
    /// What values it takes.
    pub limits: Limits,
}

/// Whether an argument may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be given.
    Required,
    /// It may be left out.
    Optional,
    /// Left out, it is this.
    Default(Value),
}

/// What values an argument takes, beyond its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes; of a list, of each element.
    pub bytes_max: usize,
    /// The most elements of a list.
    pub items_max: usize,
    /// The smallest number.
    pub min: Option<Decimal>,
    /// The largest number.
    pub max: Option<Decimal>,
    /// Which numbers.
    pub numbers: Numbers,
    /// The only texts allowed; empty for any.
    pub one_of: Vec<String>,
    /// Which addresses.
    pub form: AddressForm,
    /// How many lines a text has.
    pub lines: Lines,
}

/// Which numbers an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Numbers {
    /// Any.
    Any,
    /// Without a fraction.
    Whole,
}

/// How many lines a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lines {
    /// Any number.
    Any,
    /// One, without control characters.
    One,
}

/// Which addresses an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressForm {
    /// Any handle or account.
    Any,
    /// One mail address and nothing else: no name, no second address.
    Mail,
}

/// One field of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Which leaves of the result it describes.
    pub path: FieldPath,
    /// Their type.
    pub kind: ValueKind,
    /// How far they may be believed: `Attested` or `Untrusted`.
    pub integrity: Integrity,
    /// They are attested only where the field at this path, in the same record, is the owner's own address; elsewhere
    /// untrusted.
    pub only_of_owner: Option<FieldPath>,
    /// They are untrusted, but attested where the field at this path, in the same record, is true: the service proved
    /// that the owner's own people wrote them. An address among them is a text then, which grounds no recipient.
    pub attested_where: Option<FieldPath>,
    /// A tier above that of the whole result.
    pub tier: Option<Tier>,
}

/// Where a tool's results come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// How far what no field describes may be believed: `Attested` or `Untrusted`.
    pub integrity: Integrity,
    /// How confidential it is at least.
    pub tier: Tier,
    /// What kind of place it is.
    pub kind: SourceKind,
    /// How the place is named.
    pub name: SourceName,
}

/// How the source of a result is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceName {
    /// After the tool.
    Tool,
    /// After the value of an argument.
    Argument(String),
    /// After the host of the URL in an argument.
    HostOf(String),
    /// After each distinct value of a field; after the tool when there is none.
    Field(FieldPath),
}

impl Manifest {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ToolName {
        &self.name
    }

    /// What it does, for the model.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// What it does to the world at least; [`Call::effect`] is what one call does.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the effect can be taken back.
    #[must_use]
    pub fn undo(&self) -> Undo {
        self.undo
    }

    /// Everyone who receives what the arguments carry. Never empty; the lowest clearance of them counts.
    #[must_use]
    pub fn sinks(&self) -> &[Sink] {
        &self.sinks
    }

    /// The arguments, in order.
    #[must_use]
    pub fn arguments(&self) -> &[ArgumentSpec] {
        &self.arguments
    }

    /// The argument called `name`.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&ArgumentSpec> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// What is known of the fields of a result; the first that matches a leaf describes it.
    #[must_use]
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields
    }

    /// Where results come from.
    #[must_use]
    pub fn source(&self) -> &SourceSpec {
        &self.source
    }

    /// Whether an argument that the manifest lists under `data_in` takes data out by itself, as the query of a URL
    /// does. See [`crate::url_carries_data`] for what this can and cannot tell.
    #[must_use]
    pub fn carries_data(&self, call: &Call) -> bool {
        let listed = |name: &str| self.data_in.iter().any(|argument| argument == name);
        call.arguments
            .iter()
            .filter(|argument| listed(&argument.name))
            .flat_map(|argument| argument.value.leaves())
            .any(crate::carries::carries_data)
    }

    pub(crate) fn effect_of(&self, arguments: &[domain::Argument]) -> Effect {
        self.raises
            .iter()
            .filter(|raise| {
                arguments
                    .iter()
                    .any(|given| given.name == raise.argument && raise.condition.holds(&given.value))
            })
            .fold(self.effect, |worst, raise| worst.max(raise.effect))
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Given => value.leaves().iter().any(|leaf| !leaf.canonical().is_empty()),
            Self::OneOf(texts) => value.leaves().iter().any(|leaf| texts.contains(&leaf.canonical())),
        }
    }
}

impl Limits {
    /// The limits of an argument of `kind` whose manifest names none.
    #[must_use]
    pub fn of(kind: &ValueKind) -> Self {
        Self {
            bytes_max: default_bytes_max(kind),
            items_max: ITEMS_MAX,
            min: None,
            max: None,
            numbers: Numbers::Any,
            one_of: Vec::new(),
            form: AddressForm::Any,
            lines: Lines::Any,
        }
    }
}

/// The most elements of a list that names no limit: more recipients or files than a person would read in a question.
const ITEMS_MAX: usize = 100;
/// The longest free text, in bytes, of an argument that names no limit.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest command line, in bytes: what fits a screen of a question several times over.
const COMMAND_BYTES_MAX: usize = 16 * 1024;
/// The longest path, in bytes (Linux `PATH_MAX`, less the NUL).
const PATH_BYTES_MAX: usize = 4095;
/// The longest URL, in bytes: what servers commonly take.
const URL_BYTES_MAX: usize = 8 * 1024;
/// The longest id, date, number or host, in bytes.
const WORD_BYTES_MAX: usize = 512;

fn default_bytes_max(kind: &ValueKind) -> usize {
    match kind {
        ValueKind::Text | ValueKind::Json => TEXT_BYTES_MAX,
        ValueKind::Command => COMMAND_BYTES_MAX,
        ValueKind::Path => PATH_BYTES_MAX,
        ValueKind::Url => URL_BYTES_MAX,
        ValueKind::Address
        | ValueKind::Id(_)
        | ValueKind::Amount
        | ValueKind::Number
        | ValueKind::Date
        | ValueKind::Host
        | ValueKind::Boolean => WORD_BYTES_MAX,
        ValueKind::List(element) => default_bytes_max(element),
    }
}
