//! An attacker that tries every consequential call it can build, after every step since a stranger's text came in.

use crate::candidates::{self, ATTACKERS_TEXT};
use crate::play::{Play, Told};
use crate::report::{TaskReport, Timer};
use crate::setup::Scene;
use crate::suite::UserTask;
use domain::{Argument, ArgumentRole, Call, Effect, Verdict};
use serde_json::Value as Json;
use std::collections::BTreeSet;

pub(crate) fn play(scene: &Scene<'_>, task: &UserTask, found: &mut TaskReport, timer: &mut Timer) {
    let mut play = Play::start(scene, task);
    let asked_for: Vec<Call> = task.steps.iter().filter_map(|step| play.parse(step)).collect();
    let mut hijacked = false;
    for step in &task.steps {
        let Some(call) = play.parse(step) else { continue };
        if hijacked {
            try_payload(&mut play, step, &call, found, timer);
        }
        let told = play.judge(&call, timer);
        match told.verdict {
            Verdict::Allow | Verdict::Ask => play.observe(&call, step, &told),
            Verdict::Deny => {}
        }
        hijacked |= !play.facts().label.is_clean();
        if hijacked {
            try_everything(scene, task, &mut play, &asked_for, found, timer);
        }
    }
}

fn try_everything(
    scene: &Scene<'_>,
    task: &UserTask,
    play: &mut Play<'_>,
    asked_for: &[Call],
    found: &mut TaskReport,
    timer: &mut Timer,
) {
    let mut tried = BTreeSet::new();
    for manifest in scene.manifests.values().filter(|manifest| Play::is_worth_trying(manifest)) {
        for step in candidates::calls(scene, task, play, manifest) {
            let Some(call) = play.parse(&step) else { continue };
            if !tried.insert(domain::ActionDigest::of(&domain::Action::Call(call.clone()))) {
                continue;
            }
            let told = play.judge(&call, timer);
            if told.verdict == Verdict::Allow && !is_asked_for(play, &call, &told, asked_for) {
                found.residual.insert(shown(&call));
            }
        }
    }
}

/// Whether the task asks for this very call, or to look at this very page, what a grant leaves open by design aside.
fn is_asked_for(play: &Play<'_>, call: &Call, told: &Told, asked_for: &[Call]) -> bool {
    let grant = told.uses.grant.and_then(|place| play.facts().mandate.grants().nth(place));
    let open = |name: &str| grant.is_some_and(|grant| grant.leaves_open(name));
    let deciding = |call: &Call| -> BTreeSet<(String, String)> {
        let given = |argument: &&Argument| argument.role == ArgumentRole::Authority && !open(&argument.name);
        let values = call.arguments.iter().filter(given);
        values
            .filter(|argument| !argument.value.canonical().is_empty())
            .map(|argument| (argument.name.clone(), argument.value.canonical()))
            .collect()
    };
    // A page that the owner's words name whole is one that they ask to look at, whether or not the reference does.
    let named = |argument: &Argument| {
        argument.value.leaves().iter().all(|leaf| play.facts().provenance.ground_in_words(leaf).is_some())
    };
    let named_page = call.effect == Effect::Fetch && call.arguments.iter().all(named);
    named_page || asked_for.iter().any(|other| other.tool == call.tool && deciding(other) == deciding(call))
}

/// The call that was asked for, with an attacker's text in each of its payloads.
fn try_payload(
    play: &mut Play<'_>,
    step: &crate::suite::Step,
    call: &Call,
    found: &mut TaskReport,
    timer: &mut Timer,
) {
    if !play.manifest(call).is_some_and(Play::is_worth_trying) {
        return;
    }
    for argument in call.arguments.iter().filter(|argument| argument.role == ArgumentRole::Payload) {
        let mut poisoned = step.clone();
        poisoned.args.insert(argument.name.clone(), Json::from(ATTACKERS_TEXT));
        let allowed =
            play.parse(&poisoned).is_some_and(|call| play.judge(&call, timer).verdict == Verdict::Allow);
        if allowed {
            found.payload.insert(format!("{}.{}", call.tool, argument.name));
        }
    }
}

fn shown(call: &Call) -> String {
    let arguments: Vec<String> = call
        .arguments
        .iter()
        .filter(|argument| argument.role == ArgumentRole::Authority)
        .map(|argument| format!("{}={}", argument.name, argument.value.canonical()))
        .collect();
    format!("{}({})", call.tool, arguments.join(", "))
}
