//! The list of programs: TOML, one file a program, with its own examples.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The built-in list.
pub(crate) const BUILT_IN: [(&str, &str); 37] = [
    ("awk.toml", include_str!("../../programs/awk.toml")),
    ("basename.toml", include_str!("../../programs/basename.toml")),
    ("cat.toml", include_str!("../../programs/cat.toml")),
    ("comm.toml", include_str!("../../programs/comm.toml")),
    ("cut.toml", include_str!("../../programs/cut.toml")),
    ("date.toml", include_str!("../../programs/date.toml")),
    ("df.toml", include_str!("../../programs/df.toml")),
    ("diff.toml", include_str!("../../programs/diff.toml")),
    ("du.toml", include_str!("../../programs/du.toml")),
    ("echo.toml", include_str!("../../programs/echo.toml")),
    ("file.toml", include_str!("../../programs/file.toml")),
    ("find.toml", include_str!("../../programs/find.toml")),
    ("free.toml", include_str!("../../programs/free.toml")),
    ("git.toml", include_str!("../../programs/git.toml")),
    ("grep.toml", include_str!("../../programs/grep.toml")),
    ("head.toml", include_str!("../../programs/head.toml")),
    ("id.toml", include_str!("../../programs/id.toml")),
    ("jq.toml", include_str!("../../programs/jq.toml")),
    ("ls.toml", include_str!("../../programs/ls.toml")),
    ("nl.toml", include_str!("../../programs/nl.toml")),
    ("ps.toml", include_str!("../../programs/ps.toml")),
    ("pwd.toml", include_str!("../../programs/pwd.toml")),
    ("realpath.toml", include_str!("../../programs/realpath.toml")),
    ("rg.toml", include_str!("../../programs/rg.toml")),
    ("sed.toml", include_str!("../../programs/sed.toml")),
    ("seq.toml", include_str!("../../programs/seq.toml")),
    ("sha256sum.toml", include_str!("../../programs/sha256sum.toml")),
    ("sort.toml", include_str!("../../programs/sort.toml")),
    ("stat.toml", include_str!("../../programs/stat.toml")),
    ("tac.toml", include_str!("../../programs/tac.toml")),
    ("tail.toml", include_str!("../../programs/tail.toml")),
    ("tr.toml", include_str!("../../programs/tr.toml")),
    ("true.toml", include_str!("../../programs/true.toml")),
    ("uname.toml", include_str!("../../programs/uname.toml")),
    ("uniq.toml", include_str!("../../programs/uniq.toml")),
    ("uptime.toml", include_str!("../../programs/uptime.toml")),
    ("wc.toml", include_str!("../../programs/wc.toml")),
];

/// Programs by name.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    pub(super) by_name: BTreeMap<String, Program>,
}

/// One program and the arguments with which it only looks. What is not written here is unfamiliar.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The names it goes by.
    pub names: Vec<String>,
    /// What it does, and which of its ways to start programs, write or call out are left out.
    pub about: String,
    /// Options that take no value: `-l`, `--all`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Options that take a value, and what the value is: `-n = "number"`, `--file = "read"`.
    #[serde(default)]
    pub options: BTreeMap<String, Access>,
    /// Long options with a value that is optional and only given by `=`.
    #[serde(default)]
    pub optional: BTreeMap<String, Access>,
    /// What the words that are no options are, in order; the last one may be repeated if `repeat` says so.
    #[serde(default)]
    pub words: Vec<Access>,
    /// The fewest words.
    #[serde(default)]
    pub words_min: usize,
    /// Whether the last of `words` may stand any number of times.
    #[serde(default)]
    pub repeat: bool,
    /// Options that must stand in the line.
    #[serde(default)]
    pub requires: Vec<String>,
    /// How its options are written.
    #[serde(default)]
    pub style: Style,
    /// The second word is a command of its own: `git log`.
    #[serde(default)]
    pub subcommands: BTreeMap<String, Subcommand>,
    /// Lines and what becomes of them; each list has its own tests.
    #[serde(default)]
    pub example: Vec<Example>,
}

/// A command of a program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subcommand {
    /// Words that must stand before the command, exactly, or the line is unfamiliar: `["-c", "core.fsmonitor=false"]`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Options that must stand after the command.
    #[serde(default)]
    pub requires: Vec<String>,
    /// As for the program.
    #[serde(default)]
    pub flags: Vec<String>,
    /// As for the program.
    #[serde(default)]
    pub options: BTreeMap<String, Access>,
    /// As for the program.
    #[serde(default)]
    pub optional: BTreeMap<String, Access>,
    /// As for the program.
    #[serde(default)]
    pub words: Vec<Access>,
    /// As for the program.
    #[serde(default)]
    pub words_min: usize,
    /// As for the program.
    #[serde(default)]
    pub repeat: bool,
}

/// What a value is to the rules.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Access {
    /// A path that is read.
    Read,
    /// A number, perhaps with a sign and a unit letter.
    Number,
    /// Text that leads nowhere: a pattern, a format, a name.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
    /// A script in sed's language: only addresses with `p`, `d`, `q`, `=`, and `s` without `e` or `w`.
    SedScript,
    /// A program in awk's language: no `system`, no pipes, no redirection, no `getline`.
    AwkProgram,
    /// A filter in jq's language: no `input_filename`-like reach outside, no `env`, no `import`.
    JqFilter,
    /// A format of `git log`: its own names, or placeholders that only show facts of a commit.
    GitFormat,
    /// A date: no file is read for it.
    Date,
    /// A format for dates: a `+` and text.
    DateFormat,
}

/// How options are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// GNU: `-abc`, `--long`, `--long=value`, options anywhere, `--` ends them. A long option must be whole.
    #[default]
    Gnu,
    /// `find`: single words such as `-name`, after the paths.
    Find,
    /// No options at all: every word is a word (`echo`, `printf`).
    Words,
}

/// A line of the list's own tests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The argument vector.
    pub argv: Vec<String>,
    /// What becomes of it.
    pub verdict: ExampleVerdict,
    /// Why.
    pub why: String,
}

/// What becomes of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleVerdict {
    /// The list knows it.
    Familiar,
    /// It asks.
    Asks,
}

/// The list of programs cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("program list `{file}`: {reason}")]
pub struct ProgramError {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

impl Programs {
    /// The list that comes with Hardshell.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] when a file of it is broken, which a test rules out.
    pub fn built_in() -> Result<Self, ProgramError> {
        let mut programs = Self::default();
        for (file, text) in BUILT_IN {
            programs.add(file, text)?;
        }
        Ok(programs)
    }

    /// Every program, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Program)> {
        self.by_name.iter()
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ProgramError> {
        let bad = |reason: String| ProgramError { file: file.to_string(), reason };
        let program: Program = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        for name in &program.names {
            if self.by_name.insert(name.clone(), program.clone()).is_some() {
                return Err(bad(format!("`{name}` is listed twice")));
            }
        }
        Ok(())
    }
}
