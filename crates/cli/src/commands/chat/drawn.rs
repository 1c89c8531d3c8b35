//! What happens in a chat, drawn in the terminal.

use crate::show;
use gateway::wire::{Event, TaskState, Verdict};

/// What has been shown of an answer while it was being written.
#[derive(Default)]
pub(super) struct Drafted {
    text: String,
    step: Option<u32>,
    /// Whether the cursor stands behind a piece of it.
    is_open: bool,
    /// What was last said of the session's label.
    label: String,
}

impl Drafted {
    /// Shows a piece of a draft, or what a reply adds to it. Tells whether that was all there was to show.
    pub(super) fn show(&mut self, event: &Event) -> bool {
        if let Event::Draft { step, text, .. } = event {
            if self.step != Some(*step) {
                self.end_line();
                self.text.clear();
                self.step = Some(*step);
            }
            show::piece(&show::printable(text));
            self.text.push_str(text);
            self.is_open = !text.ends_with('\n');
            return true;
        }
        if let Event::Reply { text, .. } = event
            && !self.text.is_empty()
            && let Some(rest) = text.strip_prefix(&self.text)
        {
            if !rest.is_empty() || self.is_open {
                show::line(&show::printable(rest));
            }
            self.text.clear();
            self.is_open = false;
            return true;
        }
        self.end_line();
        if let Event::Label { label, .. } = event {
            let sources = label.sources.len();
            let told = format!("  session: {:?} · {:?} · {sources} source(s)", label.integrity, label.tier);
            if told != self.label {
                show::note(&told.to_lowercase());
                self.label = told;
            }
            return true;
        }
        false
    }

    pub(super) fn end_line(&mut self) {
        if self.is_open {
            show::line("");
            self.is_open = false;
        }
    }
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
            show::note(&show::printable(&format!("  ┌ {tool} {}", arguments.join(" "))));
        }
        Event::Decided { verdict, rules, .. } => {
            let word = match verdict {
                Verdict::Allow => "allowed",
                Verdict::Ask => "asks you",
                Verdict::Deny => "refused",
            };
            let why: Vec<String> = rules.iter().map(|rule| format!("{} ({})", rule.why, rule.id)).collect();
            show::note(&show::printable(&format!("  │ {word}: {}", why.join("; "))));
        }
        Event::Progress { text, percent, .. } => {
            let percent = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            show::note(&show::printable(&format!("  │ {text}{percent}")));
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
