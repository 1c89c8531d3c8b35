//! What `backup` takes.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a key that opens backups, and print the recipient they are made for.
    #[command(after_help = "Example:\n  hardshell backup key --out /media/stick/backup-key.txt")]
    Key {
        /// The file to write it to, which must not exist. Keep it away from this machine.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make one now, also while Hardshell runs.
    #[command(
        after_help = "Examples:\n  hardshell backup create --recipient age1…\n  hardshell backup create --passphrase --to /mnt/elsewhere"
    )]
    Create(Create),
    /// Restore one into a temporary home, check it and prove every control there.
    #[command(after_help = "Example:\n  hardshell backup verify FILE --identity backup-key.txt")]
    Verify {
        /// The backup.
        file: PathBuf,
        /// With what it is opened.
        #[command(flatten)]
        opened_with: OpenedWith,
    },
    /// Bring one back. What stands in its place is set aside, not deleted.
    #[command(
        after_help = "Examples:\n  hardshell backup restore FILE --identity backup-key.txt\n  hardshell backup restore --before 2026-11-26 --identity backup-key.txt      the last one from before an incident\n  hardshell backup restore FILE --identity backup-key.txt --home /srv/new-home"
    )]
    Restore(Restore),
    /// List those that are kept here.
    #[command(after_help = "Example:\n  hardshell backup list --json")]
    List {
        /// Another folder than the configured one.
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// `backup create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Who can open it (age); can be given several times. Left out: those of `[backup]` in the configuration.
    #[arg(long, value_name = "AGE1…", conflicts_with = "passphrase")]
    pub recipient: Vec<String>,
    /// Lock it with a passphrase of at least 12 characters, read from a hidden prompt or from stdin.
    #[arg(long)]
    pub passphrase: bool,
    /// A folder, or a file that must not exist. Left out: the configured folder.
    #[arg(long, value_name = "PATH")]
    pub to: Option<PathBuf>,
}

/// With what a backup is opened.
#[derive(Debug, Args)]
pub struct OpenedWith {
    /// The key file. Left out: a passphrase is read from a hidden prompt or from stdin.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// `backup restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup. Left out: the newest of the configured folder.
    pub file: Option<PathBuf>,
    /// The newest that was made before this time.
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    pub before: Option<String>,
    /// With what it is opened.
    #[command(flatten)]
    pub opened_with: OpenedWith,
}
