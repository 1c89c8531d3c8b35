//! `hardshell secret`: what can be typed.

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

/// What can be done with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Keep one, read from a hidden prompt or from stdin.
    #[command(
        after_help = "Examples:\n  hardshell secret set anthropic --host api.anthropic.com\n  pass show github | hardshell secret set github --host api.github.com --expires 2027-03-01"
    )]
    Set {
        /// What it is called here.
        name: String,
        /// A host it may go to; can be given several times.
        #[arg(long, required = true, value_name = "HOST")]
        host: Vec<String>,
        /// What it is for.
        #[arg(long)]
        note: Option<String>,
        /// The day it expires: YYYY-MM-DD. From then on it is not lent any more.
        #[arg(long, value_name = "DAY")]
        expires: Option<String>,
    },
    /// List their names, hosts and ages, and what to do about them.
    #[command(after_help = "Examples:\n  hardshell secret list\n  hardshell secret list --json")]
    List,
    /// Replace one: the old one stays in use until a call proves the new one.
    #[command(
        after_help = "The call is known for well-known services; `--test` names another, which must answer with 2xx.\n\n\
            Examples:\n  hardshell secret rotate anthropic\n  hardshell secret rotate wiki --test https://wiki.example.org/api/me --as header:x-api-key"
    )]
    Rotate {
        /// Its name.
        name: String,
        /// The URL that is asked with the new one.
        #[arg(long, value_name = "URL")]
        test: Option<String>,
        /// Where the secret goes in that request: `bearer`, `basic:USER`, `header:NAME`, `query:NAME`, `cookie:NAME`.
        #[arg(long = "as", value_name = "PLACE", default_value = "bearer")]
        place: String,
        /// Replace it without a call, where none can prove it.
        #[arg(long, conflicts_with = "test")]
        untested: bool,
    },
    /// Take keys over from a `.env` file, a JSON file, or the home of OpenClaw.
    #[command(
        after_help = "Keys of well-known services are recognized by their names and forms; for others say `--only NAME --host HOST`.\nThe file stays as it is, unless you say `--shred`.\n\n\
            Examples:\n  hardshell secret import .env --dry-run\n  hardshell secret import ~/.openclaw\n  hardshell secret import .env --only WIKI_TOKEN --host wiki.example.org --shred"
    )]
    Import {
        /// The file or folder.
        path: PathBuf,
        /// Only this one; can be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// A host that those without a known one may go to; can be given several times.
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
        /// Only say what would be taken over.
        #[arg(long)]
        dry_run: bool,
        /// Overwrite and remove a file all of whose keys were taken over.
        #[arg(long)]
        shred: bool,
    },
    /// Take one out of use at once: it is lent to nobody, and what was under way with it ends, connections and commands.
    /// It is still taken out of whatever is shown or sent. A new value puts it back into use.
    #[command(
        after_help = "Then replace it at its service, which alone can make the old one worthless.\n\nExamples:\n  hardshell secret revoke github\n  hardshell secret rotate github\n  hardshell secret revoke github --lift        it was for nothing, or renewed where it is kept"
    )]
    Revoke {
        /// Its name.
        name: String,
        /// Put it back into use as it is.
        #[arg(long)]
        lift: bool,
    },
    /// Remove one, and overwrite the file that held it.
    #[command(after_help = "Example:\n  hardshell secret remove github")]
    Remove {
        /// Its name.
        name: String,
    },
    /// Change what opens the vault. Stop the house first, and write the same into `[vault]`.
    #[command(after_help = "Examples:\n  hardshell secret key passphrase\n  hardshell secret key file")]
    Key {
        /// What opens it from now on.
        kind: KeyWord,
    },
}

/// What can open the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyWord {
    /// A key file beside it.
    File,
    /// A passphrase.
    Passphrase,
    /// A systemd credential.
    Credential,
}
