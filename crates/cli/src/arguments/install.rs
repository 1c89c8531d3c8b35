//! What `hardshell install` takes.

use clap::Args;
use std::path::PathBuf;

/// `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The port of the web page, when it is not the configured one.
    #[arg(long, value_name = "N", conflicts_with = "remove")]
    pub port: Option<u16>,
    /// Only write the unit, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["remove", "dry_run"])]
    pub out: Option<PathBuf>,
    /// Change nothing: say what would be done, and print the unit.
    #[arg(long)]
    pub dry_run: bool,
    /// Take the service away again. Its home stays.
    #[arg(long)]
    pub remove: bool,
}
