//! What a call gives a tool.

use crate::error::Error;
use crate::mail::Recipients;
use domain::{Call, CommandLine, Target, Value};
use rust_decimal::prelude::ToPrimitive;
use std::path::Path;

/// The arguments of a call. The parser has checked them against the manifest; what is missing here is our own mistake.
pub(crate) struct Given<'a>(pub(crate) &'a Call);

impl Given<'_> {
    pub(crate) fn text(&self, name: &'static str) -> Result<String, Error> {
        self.0.text(name).ok_or(Error::Argument { name })
    }

    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        self.0.text(name)
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<u64, Error> {
        match self.0.value(name) {
            Some(Value::Number(number)) => number.to_u64().ok_or(Error::Argument { name }),
            Some(_) | None => Err(Error::Argument { name }),
        }
    }

    pub(crate) fn count(&self, name: &'static str) -> Result<usize, Error> {
        usize::try_from(self.number(name)?).map_err(|_too_many| Error::Argument { name })
    }

    pub(crate) fn yes(&self, name: &str) -> bool {
        self.0.value(name) == Some(&Value::Boolean(true))
    }

    pub(crate) fn command(&self) -> Result<&CommandLine, Error> {
        self.0.command("command").ok_or(Error::Argument { name: "command" })
    }

    pub(crate) fn target(&self, place: usize) -> Result<&Target, Error> {
        self.0.targets.get(place).ok_or(Error::TargetsChanged)
    }

    pub(crate) fn recipients(&self) -> Recipients {
        let of = |name: &str| {
            let leaves = self.0.value(name).map(Value::leaves).unwrap_or_default();
            let address = |value: &&Value| {
                if let Value::Address(address) = value { Some(address.clone()) } else { None }
            };
            leaves.iter().filter_map(address).collect()
        };
        Recipients { to: of("to"), cc: of("cc") }
    }
}

/// The path that a target names.
pub(crate) fn path_of(target: &Target) -> &Path {
    match target {
        Target::File { path, .. } | Target::NewFile { path } | Target::Program { path, .. } => path,
        Target::Host { .. } => Path::new(""),
    }
}
