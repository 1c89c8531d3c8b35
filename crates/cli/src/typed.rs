//! Lines that a person types in `chat`: with history and completion at a terminal, as they come from anywhere else.

use gateway::wire::Command;
use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::io::{BufRead, IsTerminal as _, Read as _};
use std::sync::mpsc;
use tokio::sync::oneshot;

const PROMPT: &str = "› ";
/// How many lines can be called back.
const HISTORY_MAX: usize = 500;
/// What the chat itself understands, beside the commands of the house.
const OF_THE_CHAT: [&str; 7] =
    ["/ceiling low", "/ceiling medium", "/ceiling high", "/exit", "/quit", "/lockdown", "/help"];

/// The longest line that is taken from a pipe, in bytes: more than any message may have.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line.
    Line(String),
    /// A line that cannot be said, with its number, from 1.
    Unusable {
        /// Which.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The person leaves, or the pipe is empty.
    End,
}

/// Where the next line comes from.
pub struct Lines {
    source: Source,
    /// How many there were.
    pub number: u64,
}

enum Source {
    /// An editor in a thread of its own, which waits for the keyboard.
    Editor(mpsc::Sender<oneshot::Sender<Option<String>>>),
    /// Standard input, line by line.
    Plain,
}

/// Whether a person sits here, at a terminal to type on and to read.
pub fn is_at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

impl Lines {
    /// Standard input as it is.
    pub fn plain() -> Self {
        Self { source: Source::Plain, number: 0 }
    }

    /// An editor that completes `commands` and calls back what was `said`, the oldest first; standard input as it is
    /// where the terminal cannot be edited on.
    pub fn edited(commands: Vec<Command>, said: Vec<String>) -> Self {
        let Ok(editor) = editor(commands, said) else { return Self::plain() };
        let (asks, asked) = mpsc::channel();
        std::thread::spawn(move || edit(editor, &asked));
        Self { source: Source::Editor(asks), number: 0 }
    }

    /// The next line.
    pub async fn next(&mut self) -> Typed {
        self.number = self.number.saturating_add(1);
        match &self.source {
            Source::Editor(asks) => {
                let (answers, answer) = oneshot::channel();
                let line = if asks.send(answers).is_ok() { answer.await.ok().flatten() } else { None };
                line.map_or(Typed::End, Typed::Line)
            }
            Source::Plain => {
                if std::io::stdin().is_terminal() {
                    crate::show::piece(PROMPT);
                }
                let number = self.number;
                let line = tokio::task::spawn_blocking(move || read(&mut std::io::stdin().lock(), number));
                line.await.unwrap_or(Typed::End)
            }
        }
    }
}

/// The next line of `input`, the `number`-th. One that cannot be said is read to its end.
fn read(input: &mut impl BufRead, number: u64) -> Typed {
    let unusable = |why: String| Typed::Unusable { number, why };
    let mut line = Vec::new();
    match input.take(LINE_BYTES_MAX.saturating_add(1)).read_until(b'\n', &mut line) {
        Ok(0) => return Typed::End,
        Ok(_) => {}
        Err(error) => return broken(number, &error),
    }
    let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
    if bytes > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        return match input.skip_until(b'\n') {
            Ok(_) => unusable(format!("it has more than {LINE_BYTES_MAX} bytes")),
            Err(error) => broken(number, &error),
        };
    }
    String::from_utf8(line).map_or_else(
        |error| {
            let at = error.utf8_error().valid_up_to().saturating_add(1);
            unusable(format!("it is not UTF-8 text from byte {at} on"))
        },
        Typed::Line,
    )
}

/// A pipe that cannot be read has no more lines.
fn broken(number: u64, error: &std::io::Error) -> Typed {
    crate::show::note(&format!("could not read line {number}: {error}"));
    Typed::End
}

fn editor(commands: Vec<Command>, said: Vec<String>) -> rustyline::Result<Editor<Known, MemHistory>> {
    let config = Config::builder().completion_type(CompletionType::List).build();
    let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
    editor.set_max_history_size(HISTORY_MAX)?;
    editor.set_history_ignore_dups(true)?;
    editor.set_helper(Some(Known { commands }));
    for line in said {
        editor.add_history_entry(line)?;
    }
    Ok(editor)
}

fn edit(mut editor: Editor<Known, MemHistory>, asked: &mpsc::Receiver<oneshot::Sender<Option<String>>>) {
    while let Ok(answers) = asked.recv() {
        let line = loop {
            match editor.readline(PROMPT) {
                Ok(line) => break Some(line),
                // Ctrl-C gives up the line, as in a shell.
                Err(ReadlineError::Interrupted) => {}
                Err(_end_or_broken) => break None,
            }
        };
        if let Some(line) = line.as_deref().filter(|line| !line.trim().is_empty()) {
            // A line that cannot be called back was said all the same.
            let _kept = editor.add_history_entry(line);
        }
        if answers.send(line).is_err() {
            return;
        }
    }
}

/// The commands that can be completed.
struct Known {
    commands: Vec<Command>,
}

impl Known {
    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_house =
            self.commands.iter().map(|command| (command.name.as_str(), command.arguments.as_str()));
        let of_chat = OF_THE_CHAT.iter().map(|line| (*line, ""));
        of_house.chain(of_chat.filter(|(line, _)| self.commands.iter().all(|command| command.name != *line)))
    }
}

impl Completer for Known {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..pos).unwrap_or(line);
        if !typed.starts_with('/') {
            return Ok((0, Vec::new()));
        }
        let pairs = self.all().filter(|(name, _)| name.starts_with(typed)).map(|(name, arguments)| Pair {
            display: format!("{name} {arguments}").trim_end().to_string(),
            replacement: if arguments.is_empty() { name.to_string() } else { format!("{name} ") },
        });
        Ok((0, pairs.collect()))
    }
}

/// What may follow a command, shown behind the cursor and never typed by itself.
struct Follows(String);

impl Hint for Follows {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Known {
    type Hint = Follows;

    fn hint(&self, line: &str, pos: usize, _context: &Context<'_>) -> Option<Follows> {
        let command = self.commands.iter().find(|command| command.name == line.trim_end())?;
        (pos == line.len() && !command.arguments.is_empty()).then(|| {
            let gap = if line.ends_with(' ') { "" } else { " " };
            Follows(format!("{gap}{}", command.arguments))
        })
    }
}

impl Highlighter for Known {
    fn highlight_hint<'h>(&self, hint: &'h str) -> std::borrow::Cow<'h, str> {
        format!("\u{1b}[2m{hint}\u{1b}[22m").into()
    }
}

impl Validator for Known {}

impl Helper for Known {}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let command = |name: &str, arguments: &str| Command {
            name: name.to_string(),
            arguments: arguments.to_string(),
            help: String::new(),
            example: name.to_string(),
        };
        Known {
            commands: vec![command("/disk", ""), command("/find", "PATTERN"), command("/help", "[COMMAND]")],
        }
    }

    #[test]
    fn a_line_that_cannot_be_said_is_told_with_its_number_and_the_next_one_is_read() {
        let long = "x".repeat(1 << 20);
        let mut input = [b"first\n\xff\xfe\n".as_slice(), long.as_bytes(), b"y\nlast"].concat();
        let mut input = std::io::Cursor::new(std::mem::take(&mut input));
        let unusable = |number, why: &str| Typed::Unusable { number, why: why.to_string() };
        for (number, expected) in [
            (1, Typed::Line("first\n".to_string())),
            (2, unusable(2, "it is not UTF-8 text from byte 1 on")),
            (3, unusable(3, "it has more than 1048576 bytes")),
            (4, Typed::Line("last".to_string())),
            (5, Typed::End),
        ] {
            assert_eq!(read(&mut input, number), expected);
        }
    }

    #[test]
    fn a_command_is_completed_and_words_are_not() {
        let (history, known) = (MemHistory::new(), known());
        let completed = |typed: &str| {
            let (_, pairs) = known.complete(typed, typed.len(), &Context::new(&history)).unwrap();
            pairs.into_iter().map(|pair| pair.replacement).collect::<Vec<_>>()
        };
        assert_eq!(completed("/d"), ["/disk"]);
        assert_eq!(completed("/f"), ["/find "]);
        assert_eq!(completed("/h"), ["/help "], "one of the house's own goes before the chat's");
        assert_eq!(completed("/ceiling m"), ["/ceiling medium"]);
        assert_eq!(completed("disk"), Vec::<String>::new());
        assert_eq!(completed("/disk now"), Vec::<String>::new());
        let hint = |typed: &str| known.hint(typed, typed.len(), &Context::new(&history)).map(|hint| hint.0);
        assert_eq!(hint("/find").as_deref(), Some(" PATTERN"));
        assert_eq!(hint("/find ").as_deref(), Some("PATTERN"));
        assert_eq!((hint("/disk"), hint("/find x")), (None, None));
    }
}
