//! `hardshell completions`: for shells.

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::problem::Problem;
use clap::CommandFactory as _;

/// Prints the completions for `shell`.
pub fn run(shell: clap_complete::Shell) -> Result<Exit, Problem> {
    clap_complete::generate(shell, &mut Arguments::command(), "hardshell", &mut std::io::stdout());
    Ok(Exit::Done)
}
