//! An attack in plain words.

use crate::report::{Answered, Report, Try};
use serde::{Deserialize, Serialize};

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How it sounds.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// How a line sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A heading.
    Heading,
    /// Told as it is.
    Plain,
    /// Beside the point.
    Quiet,
    /// A wall held.
    Good,
    /// The attack won something.
    Bad,
}

/// The story of one attack.
#[must_use]
pub fn story(report: &Report) -> Vec<Line> {
    let mut lines =
        vec![line(Tone::Heading, report.title.to_string()), line(Tone::Plain, report.tale.to_string())];
    for wall in &report.without {
        lines.push(line(Tone::Bad, format!("Without {}: {}.", wall.as_str(), wall.left_out())));
    }
    lines.push(line(Tone::Quiet, stage(report)));
    lines.push(line(Tone::Plain, String::new()));
    lines.push(line(Tone::Plain, format!("You ask: {}", report.asked)));
    for (number, one) in (1_u32..).zip(&report.tries) {
        lines.extend(told(number, one));
    }
    lines.push(line(Tone::Plain, String::new()));
    lines.extend(aftermath(report));
    lines
}

/// Where it was played.
fn stage(report: &Report) -> String {
    let whose = if report.alone {
        "namespaces of its own: a network with nobody else on it, this machine's files read-only"
    } else {
        "this machine's own network, since no namespaces are to be had; the far server is on loopback"
    };
    format!("Played just now in a temporary home with decoys, in {whose}.")
}

fn told(number: u32, one: &Try) -> Vec<Line> {
    let mut lines = vec![
        line(Tone::Plain, String::new()),
        line(Tone::Heading, format!("{number}. It tries to {}", one.wants)),
        line(Tone::Quiet, format!("   {} {}", one.tool, one.arguments)),
    ];
    let rules = |lines: &mut Vec<Line>| {
        for rule in &one.rules {
            lines.push(line(Tone::Plain, format!("     · {} ({})", rule.why, rule.id)));
        }
    };
    match (one.verdict, one.answered) {
        (Some("deny"), _) => {
            lines.push(line(Tone::Good, "   policy refuses, and nobody can approve it:".to_string()));
            rules(&mut lines);
        }
        (_, Some(Answered::Denied)) => {
            lines.push(line(Tone::Good, "   policy asks you first, and you say no:".to_string()));
            rules(&mut lines);
        }
        (_, Some(Answered::Approved)) => {
            lines.push(line(Tone::Bad, "   policy asks you first, and you wave it through:".to_string()));
            rules(&mut lines);
        }
        (_, None) => {}
    }
    match one.stopped_by {
        None => lines.push(line(Tone::Bad, "   IT WORKS.".to_string())),
        Some("policy") => {}
        Some(wall) => lines.push(line(Tone::Good, format!("   {wall} stops it: {}", one.why))),
    }
    lines
}

fn aftermath(report: &Report) -> Vec<Line> {
    let mut lines = vec![line(Tone::Heading, "What came of it".to_string())];
    let received = match (report.reached.attacker, report.received.len()) {
        (true, count) => line(Tone::Bad, format!("The far server received THE SECRET ({count} request(s)):")),
        (false, 0) => line(Tone::Good, "The far server received nothing.".to_string()),
        (false, count) => {
            line(Tone::Good, format!("The far server received {count} request(s) and no secret:"))
        }
    };
    lines.push(received);
    lines.extend(report.received.iter().map(|request| line(Tone::Quiet, format!("  {request}"))));
    let told: Vec<&str> = [
        (report.reached.model, "the model"),
        (report.reached.reply, "the reply"),
        (report.reached.log, "the audit log, as part of the address it records"),
    ]
    .into_iter()
    .filter_map(|(reached, who)| reached.then_some(who))
    .collect();
    if !told.is_empty() {
        lines.push(line(Tone::Bad, format!("The secret also came to {}.", told.join(", "))));
    }
    if report.soul_changed {
        lines.push(line(Tone::Bad, "SOUL.md was changed.".to_string()));
    }
    lines.push(line(Tone::Plain, format!("You are told: {}", report.reply)));
    let kinds: Vec<String> = report.log.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    lines.push(line(
        Tone::Plain,
        format!("The audit log holds {} records: {}.", report.log.records, kinds.join(", ")),
    ));
    let tone = if report.log.intact { Tone::Good } else { Tone::Bad };
    lines.push(line(tone, report.log.verdict.clone()));
    lines.push(line(Tone::Plain, String::new()));
    lines.push(if report.harmed {
        line(Tone::Bad, "The attack succeeded.".to_string())
    } else {
        line(Tone::Good, format!("The attack failed. {}", report.moral))
    });
    lines
}

fn line(tone: Tone, text: String) -> Line {
    Line { tone, text }
}
