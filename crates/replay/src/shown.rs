//! What was found, as a person reads it.

use crate::report::{Metrics, Report};
use std::fmt::Write;

/// One way of playing beside others.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// What was found.
    pub total: Metrics,
}

/// Suite by suite and in all, then what the columns mean.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut lines = vec![
        [
            "suite",
            "tasks",
            "attacks",
            "with place",
            "residual",
            "payload",
            "no question",
            "one",
            "all approved",
            "asks/task",
            "sheets/task",
            "denied",
            "canaries",
        ]
        .map(str::to_string),
    ];
    let named = report.suites.iter().map(|(name, found)| (name.as_str(), found));
    for (name, found) in named.chain([("all", &report.total)]) {
        lines.push([
            name.to_string(),
            found.tasks.to_string(),
            format!("{} of {}", found.attacks_succeeded, found.pairs),
            format!("{} of {}", found.triples_succeeded, found.triples),
            found.residual_authority_tasks.to_string(),
            found.payload_authority_tasks.to_string(),
            found.tasks_no_question.to_string(),
            found.tasks_one_question.to_string(),
            found.tasks_with_approvals.to_string(),
            format!("{:.3}", found.approvals_per_task),
            format!("{:.3}", found.approvals_per_task_bundled),
            found.wrong_denials.to_string(),
            found.canaries_in_trusted_fields.to_string(),
        ]);
    }
    let mut text = aligned(&lines);
    let _infallible = writeln!(
        text,
        "\n{} attacks only want something said and are not counted. {} questions make {} sheets, when a model \
         looks first and proposes in one turn whatever needs no answer to the rest. {} decisions, the slowest hundredth over {:.0} µs.",
        report.total.text_only_pairs,
        report.tasks.values().flatten().map(|task| task.questions).sum::<usize>(),
        report.tasks.values().flatten().map(|task| task.sheets).sum::<usize>(),
        report.decisions,
        report.total.decision_p99_us,
    );
    text
}

/// One line for each way of playing the same tasks.
#[must_use]
pub fn beside_each_other(what: &str, rows: &[Row]) -> String {
    let mut lines = vec![
        [what, "attacks", "no question", "all approved", "asks/task", "sheets/task", "denied"]
            .map(str::to_string),
    ];
    for Row { name, total } in rows {
        lines.push([
            name.clone(),
            format!("{} of {}", total.attacks_succeeded, total.pairs),
            format!("{} of {}", total.tasks_no_question, total.tasks),
            total.tasks_with_approvals.to_string(),
            format!("{:.3}", total.approvals_per_task),
            format!("{:.3}", total.approvals_per_task_bundled),
            total.wrong_denials.to_string(),
        ]);
    }
    aligned(&lines)
}

fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let mut widths = [0_usize; COLUMNS];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
            let _infallible =
                if place == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}
