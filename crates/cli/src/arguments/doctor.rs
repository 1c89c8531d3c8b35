//! `hardshell doctor`: what can be typed.

use clap::{Args, ValueEnum};

/// `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each finding comes with the command that mends it. `--fix` does what is without risk: it closes files of the home to others.\n\nExamples:\n  hardshell doctor\n  hardshell doctor --only home --json\n  hardshell doctor --fix"
)]
pub struct Doctor {
    /// Look at this alone.
    #[arg(long, value_name = "WHAT")]
    pub only: Option<DoctorWord>,
    /// Mend what can be mended without risk, asking before each.
    #[arg(long)]
    pub fix: bool,
    /// With `--fix`: ask nothing.
    #[arg(long, requires = "fix")]
    pub yes: bool,
}

/// What a doctor looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorWord {
    /// The home, and keys lying about.
    Home,
    /// The machine.
    Machine,
}
