//! What a command line starts, and whether the list of programs knows it with these arguments.

mod matcher;
mod table;

use crate::settings::{Shell, ShellMode};
use domain::{CommandForm, CommandLine};

pub use matcher::Judged;
pub(crate) use table::BUILT_IN;
pub use table::{Access, Example, ExampleVerdict, Program, ProgramError, Programs, Style, Subcommand};

/// What the rules are told of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandMatch {
    /// `none`, `familiar`, `allowed`, `unfamiliar`, `refused` or `denied`: the word the rules see.
    pub rule: &'static str,
    /// Why, where the list does not know it.
    pub because: Vec<String>,
    /// Every program it names.
    pub programs: Vec<String>,
    /// Every path that its arguments name.
    pub paths: Vec<String>,
}

impl CommandMatch {
    /// Of a call that runs no command.
    pub(crate) fn none() -> Self {
        Self { rule: "none", ..Self::default() }
    }

    /// Whether every program in it only looks: nothing is changed and no other program started.
    pub(crate) fn only_looks(&self) -> bool {
        self.rule == "familiar"
    }
}

/// Judges `command` by the list and by `[shell]`.
pub(crate) fn judge(command: &CommandLine, programs: &Programs, shell: &Shell) -> CommandMatch {
    let mut found = CommandMatch { rule: "familiar", ..CommandMatch::default() };
    match &command.form {
        CommandForm::Unfamiliar { because } => {
            found.rule = "unfamiliar";
            found.because.push(because.clone());
            let words = command.text.split(|c: char| !(c.is_alphanumeric() || "_./+-".contains(c)));
            let denied = |word: &&str| shell.denied.iter().any(|denied| is_program(word, denied));
            found.programs.extend(words.filter(denied).map(str::to_string));
        }
        CommandForm::Plain(pipelines) => {
            for argv in pipelines.iter().flat_map(|pipeline| &pipeline.commands) {
                judge_one(argv, programs, shell, &mut found);
            }
        }
    }
    let denied =
        found.programs.iter().any(|program| shell.denied.iter().any(|denied| is_program(program, denied)));
    found.rule = match (shell.mode, denied, found.rule) {
        (ShellMode::Off, _, _) | (_, true, _) => "denied",
        (ShellMode::Allowlist, false, "unfamiliar") => "refused",
        (ShellMode::Ask | ShellMode::Allowlist, false, rule) => rule,
    };
    found
}

fn judge_one(argv: &[String], programs: &Programs, shell: &Shell, found: &mut CommandMatch) {
    let Some(name) = argv.first() else {
        found.rule = "unfamiliar";
        return;
    };
    found.programs.push(name.clone());
    match programs.judge(argv) {
        Judged::Familiar { paths } => found.paths.extend(paths),
        Judged::Unfamiliar { .. } if shell.allowed.contains(name) => {
            found.rule = if found.rule == "unfamiliar" { "unfamiliar" } else { "allowed" };
        }
        Judged::Unfamiliar { because } => {
            found.rule = "unfamiliar";
            found.because.push(format!("{name}: {because}"));
        }
    }
}

/// `rm` is `/bin/rm` too.
fn is_program(found: &str, named: &str) -> bool {
    found == named || found.rsplit('/').next() == Some(named)
}

#[cfg(test)]
mod tests;
