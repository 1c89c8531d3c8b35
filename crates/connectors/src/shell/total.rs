//! What a whole line came to, put together from what became of each of its programs.

use super::Written;
use super::changes::{Changed, Settled};
use crate::Finding;
use sandbox::{Ending, Level, Report};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// How much of an output the model reads, in bytes; the end of it counts most, so that the middle is left out.
const SHOWN_BYTES_MAX: usize = 96 * 1024;

/// How many changes are listed.
const CHANGES_SHOWN_MAX: usize = 40;

/// What the whole line came to.
#[derive(Debug, Default)]
pub(super) struct Total {
    output: String,
    errors: String,
    pub(super) code: i32,
    pub(super) notes: Vec<String>,
    level: Option<Level>,
    changes: Vec<Changed>,
    /// Whether what it changed is on no list.
    pub(super) is_direct: bool,
    /// The change sets that were applied, in their order.
    pub(super) sets: Vec<String>,
}

impl Total {
    /// Adds what became of the programs of one pipeline.
    pub(super) fn add(&mut self, commands: &[Vec<String>], reports: Vec<Report>) {
        let last = reports.len().saturating_sub(1);
        for (place, (report, argv)) in reports.into_iter().zip(commands).enumerate() {
            let name = tools::visible(argv.first().map_or("sh", String::as_str));
            self.errors.push_str(&report.stderr.text());
            self.level = Some(report.level);
            // A program that was ended because the next one had enough has done its part.
            let had_enough = place < last && report.ending == Ending::Cancelled;
            if place == last {
                self.output.push_str(&report.stdout.text());
                self.code = report.exit_code();
            }
            match report.ending {
                Ending::TimedOut => self.notes.push(format!("`{name}` was stopped: its time was up.")),
                Ending::Cancelled if !had_enough => self.notes.push(format!("`{name}` was stopped.")),
                Ending::Signalled(signal) => {
                    self.notes.push(format!("`{name}` was ended by signal {signal}."))
                }
                Ending::Exited(_) | Ending::LimitReached | Ending::Cancelled => {}
            }
            if let Some(limit) = report.limit_hit {
                self.notes.push(format!("`{name}` met its limit of {}.", limit.as_str()));
            }
            for denied in report.denied.iter().take(10) {
                self.notes.push(format!("The sandbox refused `{name}` the system call {}.", denied.call));
            }
            for (stream, captured) in [("output", &report.stdout), ("errors", &report.stderr)] {
                // What goes on to the next program goes on whole.
                if captured.truncated() && (place == last || stream == "errors") {
                    let (kept, all) = (captured.bytes.len(), captured.total_bytes);
                    self.notes.push(format!(
                        "Of the {all} bytes of `{name}`'s {stream} only the first {kept} bytes were kept (`output_kib`)."
                    ));
                }
            }
        }
    }

    /// Adds what became of their changes.
    pub(super) fn settled(&mut self, settled: Settled) {
        self.changes.extend(settled.changes);
        self.sets.extend(settled.sets);
        self.notes.extend(settled.notes);
        self.notes.extend(settled.dropped);
    }

    /// What the line wrote in the workspace.
    pub(super) fn written(&self) -> Written {
        if self.is_direct {
            return Written::Anything;
        }
        Written::These(self.changes.iter().filter_map(Changed::written).map(Path::to_path_buf).collect())
    }

    pub(super) fn finding(self) -> Finding {
        let (output, errors) = (without_middle(&self.output), without_middle(&self.errors));
        let mut text = output.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if !errors.trim().is_empty() {
            let _ = writeln!(text, "[errors]\n{}", errors.trim_end());
        }
        for note in &self.notes {
            let _ = writeln!(text, "[{note}]");
        }
        if !self.changes.is_empty() {
            let shown: Vec<String> =
                self.changes.iter().take(CHANGES_SHOWN_MAX).map(Changed::in_words).collect();
            let more = self.changes.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let _ = writeln!(text, "[changed: {}{more}; files.undo takes it back]", shown.join(", "));
        }
        let level = self.level.map_or("", Level::as_str);
        let _ = write!(text, "[exit code {}, isolation {level}]", self.code);
        let ended = if self.notes.is_empty() { "by itself".to_string() } else { self.notes.join(" ") };
        Finding {
            fields: json!({
                "output": output,
                "errors": errors,
                "code": self.code,
                "ended": ended,
                "changes": self.changes.iter().take(CHANGES_SHOWN_MAX).collect::<Vec<_>>(),
            }),
            text,
        }
    }
}

/// The text, without its middle where it is too long.
fn without_middle(text: &str) -> String {
    // A program that redraws its line is shown as if it had written each on a line of its own.
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    if text.len() <= SHOWN_BYTES_MAX {
        return text;
    }
    let half = SHOWN_BYTES_MAX / 2;
    let head = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len().saturating_sub(half)..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    let left_out = tail.saturating_sub(head);
    format!(
        "{}\n… {left_out} bytes are left out here …\n{}",
        text.get(..head).unwrap_or(""),
        text.get(tail..).unwrap_or("")
    )
}
