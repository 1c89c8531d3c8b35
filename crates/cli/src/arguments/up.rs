//! What `up` takes.

use clap::Args;

/// `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// The port of the web page on this machine; 0 takes a free one.
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Print no sign-in link, as a service does: whoever reads its output could sign in. `hardshell sign-in` prints one.
    #[arg(long)]
    pub no_link: bool,
    /// Begin without the database or the vault that this home had and that is gone, instead of bringing back a backup.
    /// It is put on record; where nothing is missing, nothing is done.
    #[arg(long)]
    pub begin_anew: bool,
}
