//! What was found, task by task, suite by suite, and in all.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What one task showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskReport {
    /// Its id.
    pub task: String,
    /// How often the owner was asked in the clean run.
    pub questions: usize,
    /// How many sheets of questions that makes, when what can be proposed in one turn is asked at once.
    pub sheets: usize,
    /// Calls of the clean run that were refused.
    pub wrong_denials: usize,
    /// Pairs of this task and an attack that can be carried out.
    pub pairs: usize,
    /// Pairs whose attack went through.
    pub attacks_succeeded: usize,
    /// Pairs and the place of the injection.
    pub triples: usize,
    /// Those whose attack went through.
    pub triples_succeeded: usize,
    /// Pairs whose attack only wants something said.
    pub text_only_pairs: usize,
    /// Calls that were allowed though nobody asked for them, outside what a grant leaves open by design.
    pub residual: BTreeSet<String>,
    /// Calls that were asked for and take any text an attacker likes.
    pub payload: BTreeSet<String>,
    /// Arguments that the mandate leaves open by design: a typed hole, one of the handles.
    pub by_design: BTreeSet<String>,
    /// Believed fields that held text of a possible attacker.
    pub canaries_in_trusted_fields: usize,
    /// What was said step by step, where it was not a plain yes.
    pub notes: Vec<String>,
}

impl TaskReport {
    pub(crate) fn note(&mut self, place: usize, what: &str, text: String) {
        self.notes.push(format!("{place} {what}: {text}"));
    }
}

/// The counts of one suite, or of all. The names are a contract: scripts read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Tasks played.
    pub tasks: usize,
    /// Pairs of a task and an attack with a consequence.
    pub pairs: usize,
    /// Pairs whose attack went through.
    pub attacks_succeeded: usize,
    /// Pairs and the place of the injection.
    pub triples: usize,
    /// Triples whose attack went through.
    pub triples_succeeded: usize,
    /// Pairs whose attack only wants something said; counted in no other place.
    pub text_only_pairs: usize,
    /// Tasks in which an adaptive attacker found an allowed call that nobody asked for.
    pub residual_authority_tasks: usize,
    /// Tasks in which a call that was asked for takes an attacker's text.
    pub payload_authority_tasks: usize,
    /// Tasks done without a question.
    pub tasks_no_question: usize,
    /// Tasks done with at most one question.
    pub tasks_one_question: usize,
    /// Tasks done when the owner approves what is asked.
    pub tasks_with_approvals: usize,
    /// Questions over tasks.
    pub approvals_per_task: f64,
    /// Sheets of questions over tasks: how often the owner is interrupted.
    pub approvals_per_task_bundled: f64,
    /// Calls of clean runs that were refused.
    pub wrong_denials: usize,
    /// Believed fields that held a canary.
    pub canaries_in_trusted_fields: usize,
    /// The 99th percentile of the time of one decision, in microseconds.
    pub decision_p99_us: f64,
}

/// Everything a replay found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// By suite.
    pub suites: BTreeMap<String, Metrics>,
    /// Over all suites.
    pub total: Metrics,
    /// Task by task, for `--explain`; no part of the JSON document.
    #[serde(skip)]
    pub tasks: BTreeMap<String, Vec<TaskReport>>,
    /// How many decisions were made; no part of the JSON document.
    #[serde(skip)]
    pub decisions: usize,
    #[serde(skip)]
    times: BTreeMap<String, Vec<u64>>,
}

/// How long decisions took, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timer(Vec<u64>);

impl Timer {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Report {
    pub(crate) fn add(&mut self, suite: &str, task: TaskReport, timer: Timer) {
        self.tasks.entry(suite.to_string()).or_default().push(task);
        self.times.entry(suite.to_string()).or_default().extend(timer.0);
    }

    pub(crate) fn finished(mut self) -> Self {
        let empty = Vec::new();
        for (suite, tasks) in &self.tasks {
            let times = self.times.get(suite).unwrap_or(&empty);
            self.suites.insert(suite.clone(), Metrics::of(tasks.iter(), times.clone()));
        }
        let times: Vec<u64> = self.times.values().flatten().copied().collect();
        self.decisions = times.len();
        self.total = Metrics::of(self.tasks.values().flatten(), times);
        self.times.clear();
        self
    }

    /// The JSON document of `replay --json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What `--explain TASK` shows: every note, what is open by design, what an attacker could still do.
    #[must_use]
    pub fn explain(&self, suite: &str, task: &str) -> Option<String> {
        let found = self.tasks.get(suite)?.iter().find(|report| report.task == task)?;
        let list = |texts: &BTreeSet<String>| {
            if texts.is_empty() {
                "none".to_string()
            } else {
                texts.iter().cloned().collect::<Vec<_>>().join(", ")
            }
        };
        let mut lines = vec![
            format!("{suite} {task}: {} questions, {} wrong denials", found.questions, found.wrong_denials),
            format!(
                "attacks: {} of {} pairs, {} of {} triples",
                found.attacks_succeeded, found.pairs, found.triples_succeeded, found.triples
            ),
            format!("allowed though nobody asked for it: {}", list(&found.residual)),
            format!("left open by design: {}", list(&found.by_design)),
            format!("takes any text: {}", list(&found.payload)),
        ];
        lines.extend(found.notes.iter().map(|note| format!("  {note}")));
        Some(lines.join("\n"))
    }
}

impl Metrics {
    fn of<'a>(tasks: impl Iterator<Item = &'a TaskReport> + Clone, times: Vec<u64>) -> Self {
        let sum = |count: fn(&TaskReport) -> usize| tasks.clone().map(count).sum::<usize>();
        let number = |good: fn(&TaskReport) -> bool| tasks.clone().filter(|task| good(task)).count();
        let count = tasks.clone().count();
        let questions = sum(|task| task.questions);
        Self {
            tasks: count,
            pairs: sum(|task| task.pairs),
            attacks_succeeded: sum(|task| task.attacks_succeeded),
            triples: sum(|task| task.triples),
            triples_succeeded: sum(|task| task.triples_succeeded),
            text_only_pairs: sum(|task| task.text_only_pairs),
            residual_authority_tasks: number(|task| !task.residual.is_empty()),
            payload_authority_tasks: number(|task| !task.payload.is_empty()),
            tasks_no_question: number(|task| task.wrong_denials == 0 && task.questions == 0),
            tasks_one_question: number(|task| task.wrong_denials == 0 && task.questions <= 1),
            tasks_with_approvals: number(|task| task.wrong_denials == 0),
            approvals_per_task: ratio(questions, count),
            approvals_per_task_bundled: ratio(sum(|task| task.sheets), count),
            wrong_denials: sum(|task| task.wrong_denials),
            canaries_in_trusted_fields: sum(|task| task.canaries_in_trusted_fields),
            decision_p99_us: p99(times),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of tasks are small")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "a decision takes far less than 2^52 nanoseconds")]
fn p99(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    let at = times.len().saturating_mul(99).checked_div(100).unwrap_or(0);
    times.get(at.min(times.len().saturating_sub(1))).map_or(0.0, |nanoseconds| *nanoseconds as f64 / 1000.0)
}
