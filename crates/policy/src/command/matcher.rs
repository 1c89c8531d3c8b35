//! Holds an argument vector against the list. What is not known is refused, never guessed.

mod language;

use super::table::{Access, Program, Programs, Style};
use std::collections::BTreeMap;

/// The most words of one command that are judged.
const WORDS_MAX: usize = 256;

/// What the list says of one argument vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It only looks.
    Familiar {
        /// The paths it reads, as written.
        paths: Vec<String>,
    },
    /// The list does not know it.
    Unfamiliar {
        /// Why.
        because: String,
    },
}

/// One shape of arguments: a program's, or a subcommand's.
struct Shape<'a> {
    flags: &'a [String],
    options: &'a BTreeMap<String, Access>,
    optional: &'a BTreeMap<String, Access>,
    words: &'a [Access],
    words_min: usize,
    repeat: bool,
}

type Reading<T> = Result<T, String>;

impl Programs {
    /// What the list says of `argv`.
    #[must_use]
    pub fn judge(&self, argv: &[String]) -> Judged {
        match self.read(argv) {
            Ok(paths) => Judged::Familiar { paths },
            Err(because) => Judged::Unfamiliar { because },
        }
    }

    fn read(&self, argv: &[String]) -> Reading<Vec<String>> {
        let (name, rest) = argv.split_first().ok_or("there is no program")?;
        let program = self.by_name.get(name).ok_or("the program is not on the list")?;
        if argv.len() > WORDS_MAX {
            return Err("it has more than 256 words".into());
        }
        if argv.iter().any(|word| word.contains(['\0', '\n'])) {
            return Err("a word holds a line break".into());
        }
        let mut found = Vec::new();
        if program.subcommands.is_empty() {
            let shape = Shape::of(program);
            needs_all(name, &program.requires, rest)?;
            match program.style {
                Style::Gnu => shape.gnu(rest, &mut found)?,
                Style::Find => shape.find(rest, &mut found)?,
                Style::Words => shape.all_words(rest, &mut found)?,
            }
        } else {
            program.subcommand(rest, &mut found)?;
        }
        Ok(found)
    }
}

impl Program {
    fn subcommand(&self, rest: &[String], found: &mut Vec<String>) -> Reading<()> {
        let at = rest
            .iter()
            .position(|word| self.subcommands.contains_key(word))
            .ok_or("its command is not on the list")?;
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let (name, after) = after.split_first().ok_or("it has no command")?;
        let command = self.subcommands.get(name).ok_or("its command is not on the list")?;
        if before != command.needs.as_slice() {
            return Err(if command.needs.is_empty() {
                format!("`{}` before `{name}` is not on the list", before.join(" "))
            } else {
                format!(
                    "`{name}` is known only as `{} {name}`, which keeps the folder's own settings from starting programs",
                    command.needs.join(" ")
                )
            });
        }
        needs_all(name, &command.requires, after)?;
        let shape = Shape {
            flags: &command.flags,
            options: &command.options,
            optional: &command.optional,
            words: &command.words,
            words_min: command.words_min,
            repeat: command.repeat,
        };
        shape.gnu(after, found)
    }
}

fn needs_all(name: &str, options: &[String], words: &[String]) -> Reading<()> {
    match options.iter().find(|option| !words.contains(option)) {
        Some(missing) => Err(format!("`{name}` is known only with `{missing}`")),
        None => Ok(()),
    }
}

impl<'a> Shape<'a> {
    fn of(program: &'a Program) -> Self {
        Self {
            flags: &program.flags,
            options: &program.options,
            optional: &program.optional,
            words: &program.words,
            words_min: program.words_min,
            repeat: program.repeat,
        }
    }

    fn gnu(&self, rest: &[String], found: &mut Vec<String>) -> Reading<()> {
        let mut words = Vec::new();
        let mut left = rest.iter();
        while let Some(word) = left.next() {
            if word == "--" {
                words.extend(left.by_ref());
            } else if word.starts_with("--") {
                self.long(word, &mut left, found)?;
            } else if word.len() > 1 && word.starts_with('-') {
                self.short(word, &mut left, found)?;
            } else {
                words.push(word);
            }
        }
        self.take_words(&words, found)
    }

    /// A long option, whole: an abbreviation could be another option in another version.
    fn long(
        &self,
        word: &str,
        left: &mut std::slice::Iter<'_, String>,
        found: &mut Vec<String>,
    ) -> Reading<()> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if let Some(access) = self.options.get(name) {
            let value = match value {
                Some(value) => value,
                None => left.next().ok_or_else(|| format!("`{name}` lacks its value"))?,
            };
            return access.take(value, found);
        }
        match (value, self.optional.get(name)) {
            (Some(value), Some(access)) => access.take(value, found),
            (None, Some(_)) => Ok(()),
            (None, None) if self.has_flag(name) => Ok(()),
            (Some(_), None) | (None, None) => Err(format!("the option `{name}` is not on the list")),
        }
    }

    /// A cluster of short options; the first that takes a value takes the rest of the word, or the next word. A whole
    /// word on the list (`-name`, `-10`) counts first.
    fn short(
        &self,
        word: &str,
        left: &mut std::slice::Iter<'_, String>,
        found: &mut Vec<String>,
    ) -> Reading<()> {
        if self.has_flag(word) {
            return Ok(());
        }
        for (at, c) in word.char_indices().skip(1) {
            let name = format!("-{c}");
            if let Some(access) = self.options.get(&name) {
                let rest = word.get(at.saturating_add(c.len_utf8())..).unwrap_or_default();
                let value = if rest.is_empty() { left.next().map(String::as_str) } else { Some(rest) };
                return access.take(value.ok_or_else(|| format!("`{name}` lacks its value"))?, found);
            }
            if c.is_ascii_digit()
                && self.has_flag("-NUMBER")
                && word.chars().skip(1).all(|c| c.is_ascii_digit())
            {
                return Ok(());
            }
            if !self.has_flag(&name) {
                return Err(format!("the option `{name}` is not on the list"));
            }
        }
        Ok(())
    }

    /// Paths first, then tests; a word with a dash must be on the list whole.
    fn find(&self, rest: &[String], found: &mut Vec<String>) -> Reading<()> {
        let mut words = Vec::new();
        let mut left = rest.iter();
        let mut tests_began = false;
        while let Some(word) = left.next() {
            let punctuation = matches!(word.as_str(), "(" | ")" | "!" | ",");
            if word.starts_with('-') || punctuation {
                tests_began = true;
                if let Some(access) = self.options.get(word) {
                    let value = left.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
                    access.take(value, found)?;
                } else if !punctuation && !self.has_flag(word) {
                    return Err(format!("`{word}` is not on the list"));
                }
            } else if tests_began {
                return Err(format!("`{word}` stands where a test should"));
            } else {
                words.push(word);
            }
        }
        self.take_words(&words, found)
    }

    fn all_words(&self, rest: &[String], found: &mut Vec<String>) -> Reading<()> {
        self.take_words(&rest.iter().collect::<Vec<_>>(), found)
    }

    fn take_words(&self, words: &[&String], found: &mut Vec<String>) -> Reading<()> {
        if words.len() < self.words_min {
            return Err("a word is missing".into());
        }
        for (place, word) in words.iter().enumerate() {
            let access = self.words.get(place).or_else(|| self.words.last().filter(|_last| self.repeat));
            access.ok_or_else(|| format!("`{word}` is one word too many"))?.take(word, found)?;
        }
        Ok(())
    }

    fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }
}

impl Access {
    /// Takes one value: notes a path, checks a word.
    fn take(&self, value: &str, found: &mut Vec<String>) -> Reading<()> {
        let number = || {
            let digits =
                value.trim_start_matches(['+', '-']).trim_end_matches(|c: char| c.is_ascii_alphabetic());
            !digits.is_empty()
                && digits.len() <= 20
                && digits
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'/' | b':'))
        };
        let good = match self {
            Self::Read => {
                if value != "-" {
                    found.push(value.to_string());
                }
                true
            }
            Self::Text | Self::Date => true,
            Self::DateFormat => value.starts_with('+'),
            Self::Number => number(),
            Self::OneOf(words) => words.iter().any(|word| word == value),
            Self::SedScript => language::sed_only_looks(value),
            Self::AwkProgram => language::awk_only_looks(value),
            Self::GitFormat => language::git_format_only_looks(value),
            Self::JqFilter => language::jq_only_looks(value),
        };
        if good { Ok(()) } else { Err(format!("`{value}` is not a value that is on the list")) }
    }
}
