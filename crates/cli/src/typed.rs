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
use std::io::{BufRead as _, IsTerminal as _};
use std::sync::mpsc;
use tokio::sync::oneshot;

const PROMPT: &str = "› ";
/// How many lines can be called back.
const HISTORY_MAX: usize = 500;
/// What the chat itself understands, beside the commands of the house.
const OF_THE_CHAT: [&str; 7] =
    ["/ceiling low", "/ceiling medium", "/ceiling high", "/exit", "/quit", "/lockdown", "/help"];

/// Where the next line comes from.
pub struct Lines(Source);

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
        Self(Source::Plain)
    }

    /// An editor that completes `commands` and calls back what was `said`, the oldest first; standard input as it is
    /// where the terminal cannot be edited on.
    pub fn edited(commands: Vec<Command>, said: Vec<String>) -> Self {
        let Ok(editor) = editor(commands, said) else { return Self(Source::Plain) };
        let (asks, asked) = mpsc::channel();
        std::thread::spawn(move || edit(editor, &asked));
        Self(Source::Editor(asks))
    }

    /// The next line; nothing when the person leaves.
    pub async fn next(&self) -> Option<String> {
        match &self.0 {
            Source::Editor(asks) => {
                let (answers, answer) = oneshot::channel();
                asks.send(answers).ok()?;
                answer.await.ok()?
            }
            Source::Plain => {
                if std::io::stdin().is_terminal() {
                    crate::show::piece(PROMPT);
                }
                let line = tokio::task::spawn_blocking(|| {
                    let mut line = String::new();
                    std::io::stdin().lock().read_line(&mut line).ok().filter(|bytes| *bytes > 0).map(|_| line)
                });
                line.await.unwrap_or_default()
            }
        }
    }
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
