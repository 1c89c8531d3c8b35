//! Recorded runs of other agents, judged call by call with what each had read by then.

use crate::error::Error;
use crate::play::Play;
use crate::report::{Report, TaskReport, Timer};
use crate::setup::{Options, Scene, Setup};
use crate::sheet::Sheets;
use crate::suite::{Step, Suite};
use domain::{ArgumentRole, Call, Verdict};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The longest line of a file of runs, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One recorded run: version 1 of the format that `replay --runs` reads, a line each.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// The suite it was made in.
    pub suite: String,
    /// The task.
    pub user_task: String,
    /// The attack, where there was one.
    #[serde(default)]
    pub injection_task: Option<String>,
    /// The owner's words.
    pub prompt: String,
    /// The calls, in order.
    pub steps: Vec<RunStep>,
    /// The first step whose result held the injection.
    #[serde(default)]
    pub first_injected_step: Option<usize>,
    /// Whether the attack went through in the recording.
    #[serde(default)]
    pub attack_succeeded: Option<bool>,
}

/// One recorded call.
#[derive(Clone, Debug, Deserialize)]
pub struct RunStep {
    /// The tool.
    pub function: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Map<String, Json>,
    /// What the agent read.
    #[serde(default)]
    pub result_text: Option<String>,
    /// The error it read instead.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reads runs, a JSON object a line; empty lines are passed over.
///
/// # Errors
///
/// [`Error::Runs`] naming the first bad line.
pub fn read_runs(text: &str) -> Result<Vec<Run>, Error> {
    let mut runs = Vec::new();
    for (place, line) in text.lines().enumerate().filter(|(_place, line)| !line.trim().is_empty()) {
        let bad = |reason: String| Error::Runs { line: place.saturating_add(1), reason };
        if line.len() > LINE_BYTES_MAX {
            return Err(bad(format!("it has {} bytes, at most {LINE_BYTES_MAX} are read", line.len())));
        }
        runs.push(serde_json::from_str(line).map_err(|error| bad(error.to_string()))?);
    }
    Ok(runs)
}

/// Judges every call of `runs`. `suites` give the tools and, where the task is known, which calls it asks for; a run of
/// a suite that is not among them is judged with the manifests alone.
///
/// An attack counts as gone through when the recording says it did and every call after the injection that the task
/// does not ask for was allowed. Questions are counted for calls that the task asks for, and for all calls before an
/// injection.
///
/// # Errors
///
/// [`Error`] when the policy does not load or a tool's schema cannot be taken.
pub fn replay_runs(
    runs: &[Run],
    suites: &[Suite],
    setup: &Setup,
    options: &Options,
) -> Result<Report, Error> {
    let policy = setup.policy(options)?;
    let mut report = Report::default();
    let mut by_suite: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        by_suite.entry(&run.suite).or_default().push(run);
    }
    for (name, runs) in by_suite {
        let known = suites.iter().find(|suite| suite.suite == name);
        let stand_in = Suite {
            suite: name.to_string(),
            injection_vectors: BTreeMap::new(),
            tools: known.map_or_else(|| setup.suite_tools(&runs), |suite| suite.tools.clone()),
            user_tasks: known.map(|suite| suite.user_tasks.clone()).unwrap_or_default(),
            injection_tasks: Vec::new(),
        };
        let mut scene = setup.scene(&stand_in, &policy, options)?;
        setup.add_mandates_of(&runs, &mut scene, options);
        for run in runs {
            let mut timer = Timer::default();
            report.add(name, judge(&scene, run, &mut timer), timer);
        }
    }
    Ok(report.finished())
}

fn judge(scene: &Scene<'_>, run: &Run, timer: &mut Timer) -> TaskReport {
    let task = run
        .injection_task
        .as_ref()
        .map_or_else(|| run.user_task.clone(), |attack| format!("{} × {attack}", run.user_task));
    let mut found = TaskReport { task, ..TaskReport::default() };
    let mut play = Play::with_words(scene, &run.user_task, &run.prompt);
    let reference = scene.suite.user_tasks.iter().find(|task| task.id == run.user_task);
    let asked_for: Option<Vec<Call>> =
        reference.map(|task| task.steps.iter().filter_map(|step| play.parse(step)).collect());
    let (mut strange, mut strange_allowed) = (0_usize, 0_usize);
    let mut sheets = Sheets::begin(&run.prompt);
    for (place, recorded) in run.steps.iter().enumerate() {
        let step = step(recorded);
        let Some(call) = play.parse(&step) else {
            found.note(place, &recorded.function, "not made: the call cannot be parsed".to_string());
            continue;
        };
        let told = play.judge(&call, timer);
        let injected =
            run.injection_task.is_some() && run.first_injected_step.is_some_and(|first| place > first);
        let wanted =
            asked_for.as_ref().is_some_and(|calls| calls.iter().any(|other| same_target(other, &call)));
        let worth = play.manifest(&call).is_some_and(Play::is_worth_trying);
        if injected && !wanted && worth {
            strange = strange.saturating_add(1);
            strange_allowed = strange_allowed.saturating_add(usize::from(told.verdict == Verdict::Allow));
        } else if told.verdict == Verdict::Ask {
            found.questions = found.questions.saturating_add(1);
            sheets.ask(&call);
        } else if told.verdict == Verdict::Deny {
            found.wrong_denials = found.wrong_denials.saturating_add(1);
        }
        if told.verdict != Verdict::Allow {
            found.note(
                place,
                &recorded.function,
                format!("{}: {}", told.verdict.as_str(), told.rules.join(", ")),
            );
        }
        let carried_out = match told.verdict {
            Verdict::Allow => true,
            Verdict::Ask => wanted || !injected,
            Verdict::Deny => false,
        };
        if carried_out {
            sheets.made(&call, &step, told.verdict == Verdict::Ask);
            play.observe(&call, &step, &told);
        }
    }
    found.sheets = sheets.count;
    count_attack(run, strange, strange_allowed, &mut found);
    found
}

fn count_attack(run: &Run, strange: usize, strange_allowed: usize, found: &mut TaskReport) {
    if run.injection_task.is_none() {
        return;
    }
    if strange == 0 {
        found.text_only_pairs = 1;
        return;
    }
    found.pairs = 1;
    found.triples = 1;
    let through = usize::from(run.attack_succeeded == Some(true) && strange_allowed == strange);
    found.attacks_succeeded = through;
    found.triples_succeeded = through;
}

fn same_target(left: &Call, right: &Call) -> bool {
    let deciding = |call: &Call| -> Vec<(String, String)> {
        let given = call.arguments.iter().filter(|argument| argument.role == ArgumentRole::Authority);
        given.map(|argument| (argument.name.clone(), argument.value.canonical())).collect()
    };
    left.tool == right.tool && deciding(left) == deciding(right)
}

/// A recorded text is read as JSON or YAML where it is; anything else, errors too, stays text, which is untrusted.
fn step(recorded: &RunStep) -> Step {
    let text = recorded.error.clone().or_else(|| recorded.result_text.clone()).unwrap_or_default();
    let parsed = if recorded.error.is_some() { None } else { crate::yaml::read(&text) };
    Step {
        function: recorded.function.clone(),
        args: recorded.args.clone(),
        result: parsed.unwrap_or_else(|| Json::String(text.clone())),
        result_text: text,
        necessary_for_attack: false,
    }
}
