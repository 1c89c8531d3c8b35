//! Which tools exist: their arguments, what each does to the world, who receives it, how far each part of a result
//! may be believed, and how a call that a model wrote becomes a [`domain::Call`].
//!
//! A tool is described by a *manifest*, which is data (TOML). [`Catalog::builtin`] holds Hardshell's own;
//! [`Catalog::from_toml`] reads those of foreign tools in the same format; [`Manifest::worst_case`] stands in where
//! there is none.
//!
//! Pure: this crate runs no tool, reads no file, clock or network, and decides nothing. Names of tools and arguments
//! carry no meaning here: rename them all and nothing changes.
#![forbid(unsafe_code)]

mod calendar;
mod call;
mod carries;
mod catalog;
mod codec;
mod date;
mod extract;
mod foreign;
mod held;
mod json;
mod kind;
mod manifest;
mod output;
mod path;
pub mod plan;
mod read;
mod schema;
pub mod shell;
mod show;

pub use calendar::plus_minutes;
pub use call::CallError;
pub use carries::url_carries_data;
pub use catalog::{Catalog, CatalogError};
pub use codec::{Flaw, ManifestError};
pub use extract::{EXTRACT, IDS_MAX, NotOfType, Request, RequestError, Wanted, extract_schema};
pub use foreign::ForeignError;
pub use held::{
    Facts, FillError, Filled, Held, Known, call_in, fill, handle_of, handles_in, held_in, label_of_facts,
    named_in, shown, sources_of, strange_in, with_argument, with_quotes,
};
pub use kind::{KindError, kind_from_text, kind_to_text};
pub use manifest::{
    AddressForm, ArgumentSpec, Condition, FieldSpec, Limits, Lines, Manifest, Need, Numbers, Raise, Sink,
    SourceName, SourceSpec, Undo,
};
pub use output::LEAVES_MAX;
pub use path::{FieldPath, PathError};
pub use read::ValueError;
pub use show::{TemplateError, visible};
