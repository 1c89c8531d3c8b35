//! What happens in a chat, drawn in the terminal.

use crate::client::Client;
use crate::problem::Problem;
use crate::show;
use gateway::wire::{Event, Status, TaskState, Verdict};
use std::io::IsTerminal as _;

/// Whether what a command prints would stand on the same screen twice: cards go to stderr, and the answer to a
/// command, or of no language model, is what the command printed.
pub(super) async fn says_twice(client: &Client, text: &str) -> Result<bool, Problem> {
    if !(std::io::stdout().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(false);
    }
    if text.starts_with('/') {
        return Ok(true);
    }
    let status: Status = client.get("/api/v1/status").await?;
    Ok(status.model.kind == "builtin")
}

/// Something to print.
#[derive(Debug, PartialEq, Eq)]
enum Print {
    /// A piece of the answer.
    Piece(String),
    /// A line of it.
    Line(String),
    /// Something that is not the answer.
    Note(String),
}

/// What has been shown of an answer while it was being written.
#[derive(Default)]
pub(super) struct Drafted {
    text: String,
    step: Option<u32>,
    /// Whether the cursor stands behind a piece of it.
    is_open: bool,
    /// Whether something was shown in the middle of one of its lines.
    is_broken: bool,
    /// What was last said of the session's label.
    label: String,
    /// What is said when the line is whole.
    then: Option<String>,
    /// What a command printed, when the answer is going to say it again on the same screen.
    printed: Option<String>,
}

impl Drafted {
    /// For a screen that shows answer and cards, and a model whose answer repeats what a command printed.
    pub(super) fn once() -> Self {
        Self { printed: Some(String::new()), ..Self::default() }
    }

    /// Shows a piece of a draft, or what a reply adds to it. Tells whether that was all there was to show.
    pub(super) fn show(&mut self, event: &Event) -> bool {
        let (prints, is_all) = self.draw(event);
        for print in prints {
            match print {
                Print::Piece(text) => show::piece(&show::printable(&text)),
                Print::Line(text) => show::line(&show::printable(&text)),
                Print::Note(text) => show::note(&show::printable(&text)),
            }
        }
        is_all
    }

    fn draw(&mut self, event: &Event) -> (Vec<Print>, bool) {
        let mut prints = Vec::new();
        match event {
            Event::Draft { step, text, .. } => {
                if self.step != Some(*step) {
                    self.end_line(&mut prints);
                    self.text.clear();
                    self.is_broken = false;
                    self.step = Some(*step);
                }
                // What was printed already is taken out of the whole.
                if self.printed.as_ref().is_some_and(|printed| !printed.is_empty()) {
                    return (prints, true);
                }
                if std::mem::take(&mut self.is_broken) {
                    prints.push(Print::Piece(self.last_line().to_string()));
                }
                prints.push(Print::Piece(text.clone()));
                self.text.push_str(text);
                self.is_open = !self.text.ends_with('\n');
                (prints, true)
            }
            Event::Reply { text, .. } => {
                self.reply(text, &mut prints);
                (prints, true)
            }
            Event::Label { label, .. } => {
                let sources = label.sources.len();
                let told =
                    format!("  session: {:?} · {:?} · {sources} source(s)", label.integrity, label.tier);
                if told != self.label {
                    self.label.clone_from(&told);
                    let note = told.to_lowercase();
                    if self.is_open { self.then = Some(note) } else { prints.push(Print::Note(note)) }
                }
                (prints, true)
            }
            Event::Planned { .. }
            | Event::Call { .. }
            | Event::Decided { .. }
            | Event::Progress { .. }
            | Event::Result { .. }
            | Event::Asked { .. }
            | Event::Waits { .. }
            | Event::Ended { state: TaskState::Failed | TaskState::Cancelled, .. } => {
                if let (Event::Progress { text, .. }, Some(printed)) = (event, &mut self.printed) {
                    printed.push_str(text.trim_end_matches('\n'));
                    printed.push('\n');
                }
                self.is_broken = self.is_open;
                self.end_line(&mut prints);
                (prints, false)
            }
            Event::Ended { .. } => {
                self.end_line(&mut prints);
                (prints, false)
            }
            // Nothing of these is shown, and the line goes on.
            Event::Accepted { .. } | Event::Answered { .. } | Event::Audit { .. } | Event::Status { .. } => {
                (prints, false)
            }
        }
    }

    fn reply(&mut self, text: &str, prints: &mut Vec<Print>) {
        match text.strip_prefix(&self.text).filter(|_| !self.text.is_empty()) {
            Some(rest) if self.is_broken && !rest.is_empty() => {
                prints.push(Print::Line(format!("{}{rest}", self.last_line())));
            }
            Some("") if !self.is_open => {}
            Some(rest) => prints.push(Print::Line(rest.to_string())),
            None => {
                self.end_line(prints);
                prints.push(Print::Line(self.without_printed(text)));
            }
        }
        self.text.clear();
        self.is_open = false;
        self.is_broken = false;
        prints.extend(self.then.take().map(Print::Note));
    }

    /// `text`, where what a command printed is not said again.
    fn without_printed(&self, text: &str) -> String {
        let printed = self.printed.as_deref().unwrap_or_default().trim_matches('\n');
        match text.split_once(printed) {
            Some((before, after)) if !printed.is_empty() => format!("{before}(as above){after}"),
            _ => text.to_string(),
        }
    }

    fn last_line(&self) -> &str {
        self.text.rsplit('\n').next().unwrap_or_default()
    }

    fn end_line(&mut self, prints: &mut Vec<Print>) {
        if std::mem::take(&mut self.is_open) {
            prints.push(Print::Line(String::new()));
        }
        prints.extend(self.then.take().map(Print::Note));
    }
}

/// `text` behind `mark`, with each further line of it behind the bar of its card.
fn behind(mark: char, text: &str) -> String {
    format!("  {mark} {}", text.trim_end_matches('\n').replace('\n', "\n  │ "))
}

/// Prints an event as a card.
pub(super) fn card(event: &Event) {
    match event {
        Event::Planned { grants, .. } => {
            for grant in grants {
                show::note(&show::printable(&format!("  · may do unasked: {grant}")));
            }
        }
        Event::Call { tool, arguments, .. } => {
            let arguments: Vec<String> =
                arguments.iter().map(|argument| format!("{}={}", argument.name, argument.value)).collect();
            show::note(&show::printable(&behind('┌', &format!("{tool} {}", arguments.join(" ")))));
        }
        Event::Decided { verdict, rules, .. } => {
            let word = match verdict {
                // What had to be asked and is allowed was approved.
                Verdict::Allow if rules.first().is_some_and(|rule| rule.verdict == Verdict::Ask) => {
                    "you approved what was asked"
                }
                Verdict::Allow => "allowed",
                Verdict::Ask => "asks you",
                Verdict::Deny => "refused",
            };
            let why: Vec<String> = rules.iter().map(|rule| format!("{} ({})", rule.why, rule.id)).collect();
            show::note(&show::printable(&behind('│', &format!("{word}: {}", why.join("; ")))));
        }
        Event::Progress { text, percent, .. } => {
            let percent = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            show::note(&show::printable(&behind('│', &format!("{}{percent}", text.trim_end_matches('\n')))));
        }
        Event::Result { text, failed, label, .. } => {
            let lines = text.lines().count();
            let word = if *failed { "did not work" } else { "done" };
            show::note(&show::printable(
                &format!("  └ {word}, {lines} line(s), {:?}", label.integrity).to_lowercase(),
            ));
        }
        Event::Reply { text, .. } => show::line(&show::printable(text)),
        Event::Ended { state: TaskState::Failed | TaskState::Cancelled, why, .. } => {
            show::note(&show::printable(&format!("could not answer: {why}")));
        }
        Event::Accepted { .. }
        | Event::Draft { .. }
        | Event::Asked { .. }
        | Event::Waits { .. }
        | Event::Answered { .. }
        | Event::Label { .. }
        | Event::Ended { .. }
        | Event::Audit { .. }
        | Event::Status { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(mut of: Value) -> Event {
        of["session"] = "s-1".into();
        of["task"] = "t-1".into();
        serde_json::from_value(of).unwrap()
    }

    fn draft(text: &str) -> Event {
        event(json!({"kind": "draft", "step": 1, "text": text}))
    }

    fn labelled(kind: &str, text: &str) -> Event {
        let label = json!({"integrity": "trusted", "tier": "low", "sources": []});
        event(json!({"kind": kind, "text": text, "label": label, "call_id": "c-1", "failed": false}))
    }

    fn progress(text: &str) -> Event {
        event(json!({"kind": "progress", "call_id": "c-1", "text": text}))
    }

    /// What stands on the screen, where an event that is a card stands as `#`.
    fn screen(mut drafted: Drafted, events: &[Event]) -> String {
        let mut shown = String::new();
        for event in events {
            let (prints, is_all) = drafted.draw(event);
            for print in prints {
                match print {
                    Print::Piece(text) => shown.push_str(&text),
                    Print::Line(text) | Print::Note(text) => shown.push_str(&format!("{text}\n")),
                }
            }
            if !is_all && matches!(event, Event::Call { .. } | Event::Progress { .. } | Event::Result { .. })
            {
                shown.push_str("#\n");
            }
        }
        shown
    }

    #[test]
    fn what_happens_between_the_last_piece_and_the_reply_breaks_no_line() {
        let whole = "All.\n\nshows one of them.";
        let label = labelled("label", "");
        for between in [vec![], vec![label.clone()]] {
            let mut events = vec![draft("All.\n\nshows one of ")];
            events.extend(between);
            events.push(labelled("reply", whole));
            let shown = screen(Drafted::default(), &events);
            assert!(shown.starts_with(&format!("{whole}\n")), "{shown:?}");
        }
        let shown = screen(
            Drafted::default(),
            &[draft("All.\nshows one of "), progress("again"), labelled("reply", "All.\nshows one of them.")],
        );
        assert_eq!(shown, "All.\nshows one of \n#\nshows one of them.\n");
    }

    #[test]
    fn every_line_of_a_card_stands_behind_its_bar() {
        assert_eq!(behind('│', "one\ntwo\nthree\n"), "  │ one\n  │ two\n  │ three");
        assert_eq!(behind('┌', "shell.run command=a\nb"), "  ┌ shell.run command=a\n  │ b");
    }

    #[test]
    fn what_a_command_printed_is_said_once_where_both_are_seen() {
        let whole = "**seq 2**\n\n```\n1\n2\n```";
        let events = [progress("1"), progress("2"), draft("**seq 2**\n\n```\n1\n"), labelled("reply", whole)];
        assert_eq!(screen(Drafted::once(), &events), "#\n#\n**seq 2**\n\n```\n(as above)\n```\n");
        assert_eq!(screen(Drafted::default(), &events), format!("#\n#\n{whole}\n"));
        let other = [progress("cut"), draft("x"), labelled("reply", "another text")];
        assert_eq!(screen(Drafted::once(), &other), "#\nanother text\n");
    }
}
