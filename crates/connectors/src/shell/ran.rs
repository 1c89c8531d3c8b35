//! What became of a command line.

use crate::Finding;
use std::path::PathBuf;

/// What a line came to, and the change sets that `files.undo` can take back.
#[derive(Debug)]
pub struct Ran {
    /// For the model and the owner.
    pub finding: Finding,
    /// The names of the change sets that were applied, in their order.
    pub sets: Vec<String>,
    /// What it wrote.
    pub written: Written,
}

/// What a line wrote in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// These files, and folders, relative to the workspace.
    These(Vec<PathBuf>),
    /// Nobody kept a list.
    Anything,
}
