//! A command line becomes argument vectors, where it can be run without a shell; anything else is *unfamiliar*.
//!
//! Plain are the words of the POSIX shell's grammar (Shell Command Language, §2.2 quoting, §2.3 tokens, §2.9 pipelines
//! and lists) whose every character stands for itself: literal words, quotes, `|`, `&&`, `||` and `;`. The reading is
//! one pass from left to right without recursion, and knows no construct that expands: a character that could begin
//! one ends the reading, and the line is unfamiliar. So a line can be called unfamiliar without need, but never plain
//! with another meaning than a shell gives it; tests hold this against two shells' own reading.
//!
//! A whole grammar is not used here on purpose: those that exist recurse on nested input, so that one hostile line of
//! `$(` overflows the stack and takes the program down.

use domain::{CommandForm, CommandLine, Connector, Pipeline};
use std::iter::Peekable;
use std::str::Chars;
use words::{BUILTINS, KEYWORDS};

mod words;

/// The most words in all: more than a person reads in a question.
const WORDS_MAX: usize = 2_000;
/// The most commands in all.
const COMMANDS_MAX: usize = 64;

/// Why a text is no command line at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// There is no command.
    #[error("there is no command in it")]
    Empty,
    /// A NUL, which no argument can hold.
    #[error("it has a NUL character, which no argument can hold")]
    Nul,
    /// A quote is not closed.
    #[error("a {quote} quote is not closed")]
    Unclosed {
        /// `single` or `double`.
        quote: &'static str,
    },
    /// A backslash at the end.
    #[error("it ends in a backslash")]
    LooseBackslash,
    /// An operator without a command beside it.
    #[error("there is no command {place} `{operator}`")]
    LooseOperator {
        /// `before` or `after`.
        place: &'static str,
        /// The operator.
        operator: &'static str,
    },
    /// The name of a program is the empty word.
    #[error("the name of a program is empty")]
    NoProgram,
    /// Too many words or commands.
    #[error("it has more than {WORDS_MAX} words or {COMMANDS_MAX} commands")]
    TooLong,
}

/// Reads a command line.
///
/// # Errors
///
/// [`ShellError`] when it is none: the model can write it better.
pub fn parse(text: &str) -> Result<CommandLine, ShellError> {
    if text.contains('\0') {
        return Err(ShellError::Nul);
    }
    let line = text.trim_matches([' ', '\t', '\n']);
    if line.is_empty() {
        return Err(ShellError::Empty);
    }
    let form = match Reader::new(line).read() {
        Ok(pipelines) => CommandForm::Plain(pipelines),
        Err(Stop::Unfamiliar(because)) => CommandForm::Unfamiliar { because },
        Err(Stop::Malformed(error)) => return Err(error),
    };
    Ok(CommandLine { text: text.to_string(), form })
}

/// The words as a line that every POSIX shell, and [`parse`], reads back as these very words.
#[must_use]
pub fn quote(words: &[String]) -> String {
    words.iter().map(|word| quote_word(word)).collect::<Vec<_>>().join(" ")
}

fn quote_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,^".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !KEYWORDS.contains(&word) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

enum Stop {
    Unfamiliar(String),
    Malformed(ShellError),
}

impl From<ShellError> for Stop {
    fn from(error: ShellError) -> Self {
        Self::Malformed(error)
    }
}

fn unfamiliar<T>(because: &str) -> Result<T, Stop> {
    Err(Stop::Unfamiliar(because.to_string()))
}

/// The one pass. `word` is what has been read of the current word; `bare` is how much of it, from its start, was
/// written without quotes (keywords and assignments count only so).
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    word: Option<String>,
    bare: bool,
    argv: Vec<String>,
    commands: Vec<Vec<String>>,
    pipelines: Vec<Pipeline>,
    connector: Connector,
    words: usize,
    operator: Option<&'static str>,
}

impl<'a> Reader<'a> {
    fn new(line: &'a str) -> Self {
        Self {
            rest: line.chars().peekable(),
            word: None,
            bare: true,
            argv: Vec::new(),
            commands: Vec::new(),
            pipelines: Vec::new(),
            connector: Connector::Always,
            words: 0,
            operator: None,
        }
    }

    fn read(mut self) -> Result<Vec<Pipeline>, Stop> {
        while let Some(c) = self.rest.next() {
            self.character(c)?;
        }
        self.end_word()?;
        if self.argv.is_empty() {
            if let Some(operator) = self.operator.filter(|operator| *operator != ";") {
                return Err(ShellError::LooseOperator { place: "after", operator }.into());
            }
        } else {
            self.end_pipeline(";")?;
        }
        Ok(self.pipelines)
    }

    fn character(&mut self, c: char) -> Result<(), Stop> {
        match c {
            ' ' | '\t' => self.end_word(),
            '\'' => self.single_quoted(),
            '"' => self.double_quoted(),
            '\\' => self.escaped(),
            '|' | '&' | ';' => self.operator(c),
            '\n' => unfamiliar("more than one line"),
            '<' | '>' => unfamiliar("redirection"),
            '(' | ')' => unfamiliar("a subshell or function"),
            '`' => unfamiliar("command substitution"),
            '$' => self.dollar(),
            '*' | '?' | '[' | ']' => unfamiliar("a file name pattern"),
            '{' | '}' => self.brace(c),
            '#' if self.word.is_none() => unfamiliar("a comment"),
            '~' if self.word.as_ref().is_none_or(|word| word.ends_with(['=', ':'])) => {
                unfamiliar("`~`, which stands for a home folder")
            }
            c if c.is_control() => unfamiliar("control characters"),
            c => self.bare_literal(c),
        }
    }

    /// An unquoted character that stands for itself.
    fn bare_literal(&mut self, c: char) -> Result<(), Stop> {
        let first = self.word.is_none();
        let word = self.word.get_or_insert_default();
        if first {
            self.bare = true;
        }
        if c == '=' && self.bare && self.argv.is_empty() && is_variable(word) {
            return unfamiliar("an assignment before the command");
        }
        word.push(c);
        Ok(())
    }

    fn quoted_literal(&mut self, c: char) {
        self.bare = false;
        self.word.get_or_insert_default().push(c);
    }

    fn single_quoted(&mut self) -> Result<(), Stop> {
        self.bare = false;
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                None => return Err(ShellError::Unclosed { quote: "single" }.into()),
                Some('\'') => return Ok(()),
                Some(c) => self.quoted_literal(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<(), Stop> {
        self.bare = false;
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                None => return Err(ShellError::Unclosed { quote: "double" }.into()),
                Some('"') => return Ok(()),
                Some('`') => return unfamiliar("command substitution"),
                Some('$') if self.rest.peek().is_none_or(|next| matches!(next, '"' | ' ' | '|')) => {
                    self.quoted_literal('$')
                }
                Some('$') => return unfamiliar(self.expansion()),
                Some('\\') => match self.rest.next() {
                    None => return Err(ShellError::Unclosed { quote: "double" }.into()),
                    Some('\n') => return unfamiliar("more than one line"),
                    Some(c @ ('$' | '"' | '\\' | '`')) => self.quoted_literal(c),
                    Some(c) => {
                        self.quoted_literal('\\');
                        self.quoted_literal(c);
                    }
                },
                Some(c) => self.quoted_literal(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<(), Stop> {
        match self.rest.next() {
            None => Err(ShellError::LooseBackslash.into()),
            Some('\n') => unfamiliar("more than one line"),
            Some(c) => {
                self.quoted_literal(c);
                Ok(())
            }
        }
    }

    fn dollar(&mut self) -> Result<(), Stop> {
        if self.rest.peek().is_none_or(|next| matches!(next, ' ' | '\t')) {
            return self.bare_literal('$');
        }
        unfamiliar(self.expansion())
    }

    fn expansion(&mut self) -> &'static str {
        match self.rest.peek() {
            Some('(') => "command substitution",
            Some('\'' | '"') => "a quote that a shell rewrites",
            Some(_) | None => "a variable",
        }
    }

    /// `{}` and `{word}` stand for themselves, as in `find -exec` and `stash@{0}`; `{a,b}` and `{1..9}` do not.
    fn brace(&mut self, c: char) -> Result<(), Stop> {
        if c == '}' {
            return unfamiliar("braces");
        }
        self.bare_literal('{')?;
        loop {
            match self.rest.next() {
                Some('}') => return self.bare_literal('}'),
                Some(c) if c.is_ascii_alphanumeric() => self.bare_literal(c)?,
                Some(_) | None => return unfamiliar("braces"),
            }
        }
    }

    fn operator(&mut self, c: char) -> Result<(), Stop> {
        let twice = self.rest.next_if_eq(&c).is_some();
        if c == '|' && !twice && self.rest.peek() == Some(&'&') {
            return unfamiliar("redirection");
        }
        let operator = match (c, twice) {
            ('|', false) => "|",
            ('|', true) => "||",
            ('&', true) => "&&",
            (';', false) => ";",
            (';', true) => return unfamiliar("`;;`"),
            ('&', false) if self.rest.peek() == Some(&'>') => return unfamiliar("redirection"),
            _other => return unfamiliar("a command in the background"),
        };
        self.end_word()?;
        if operator == "|" {
            return self.end_command(operator);
        }
        self.end_pipeline(operator)?;
        self.connector = match operator {
            "&&" => Connector::OnSuccess,
            "||" => Connector::OnFailure,
            _semicolon => Connector::Always,
        };
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), Stop> {
        let Some(word) = self.word.take() else { return Ok(()) };
        let bare = std::mem::replace(&mut self.bare, true);
        if self.argv.is_empty() {
            if bare && KEYWORDS.contains(&word.as_str()) {
                return Err(Stop::Unfamiliar(format!("the shell's word `{word}`")));
            }
            if BUILTINS.contains(&word.as_str()) {
                return Err(Stop::Unfamiliar(format!("`{word}`, which only a shell can do")));
            }
            if word.is_empty() {
                return Err(ShellError::NoProgram.into());
            }
        }
        self.words = self.words.saturating_add(1);
        if self.words > WORDS_MAX {
            return Err(ShellError::TooLong.into());
        }
        self.argv.push(word);
        Ok(())
    }

    fn end_command(&mut self, operator: &'static str) -> Result<(), Stop> {
        if self.argv.is_empty() {
            return Err(ShellError::LooseOperator { place: "before", operator }.into());
        }
        self.operator = Some(operator);
        self.commands.push(std::mem::take(&mut self.argv));
        let all = self.pipelines.iter().map(|pipeline| pipeline.commands.len()).sum::<usize>();
        if all.saturating_add(self.commands.len()) > COMMANDS_MAX {
            return Err(ShellError::TooLong.into());
        }
        Ok(())
    }

    fn end_pipeline(&mut self, operator: &'static str) -> Result<(), Stop> {
        self.end_command(operator)?;
        self.pipelines
            .push(Pipeline { connector: self.connector, commands: std::mem::take(&mut self.commands) });
        Ok(())
    }
}

fn is_variable(word: &str) -> bool {
    let name = word.strip_suffix('+').unwrap_or(word);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
