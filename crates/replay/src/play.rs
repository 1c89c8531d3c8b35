//! One task being played: what a broker's ledger would hold, and what the policy says to each call.

use crate::report::Timer;
use crate::setup::Scene;
use crate::suite::{Step, UserTask};
use domain::{Action, Call, Channel, Effect, Integrity, Label, Output, Principal, Timestamp, Verdict};
use policy::{ChannelProof, Decision, Facts, IsolationLevel, Uses};
use serde_json::Value as Json;
use std::time::Instant;
use tools::Manifest;

/// The moment at which every replay is played: the export's own, 2024-05-15 12:00 UTC.
const NOW: Timestamp = Timestamp(1_715_774_400_000);

/// One task, as far as it has been played.
#[derive(Clone)]
pub struct Play<'a> {
    scene: &'a Scene<'a>,
    facts: Facts,
}

/// What the policy said to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its verdict.
    pub verdict: Verdict,
    /// The rules that decided, worst first.
    pub rules: Vec<String>,
    /// What an allowed call uses up.
    pub uses: Uses,
}

impl<'a> Play<'a> {
    pub(crate) fn start(scene: &'a Scene<'a>, task: &UserTask) -> Self {
        Self::with_words(scene, &task.id, &task.prompt)
    }

    pub(crate) fn with_words(scene: &'a Scene<'a>, task: &str, words: &str) -> Self {
        #[expect(clippy::expect_used, reason = "a constant of the right shape")]
        let session = "replay".parse().expect("a session id");
        let mut facts = Facts::nothing_known(NOW, Principal::owner(), Channel::Cli, session);
        facts.proof = ChannelProof::Proven;
        facts.isolation = IsolationLevel::Full;
        facts.label = Label::owner();
        facts.model_clearance = domain::Tier::High;
        facts.provenance.note_text(words, &Label::owner());
        facts.mandate = scene.mandates.get(task).cloned().unwrap_or_default();
        Self { scene, facts }
    }

    /// The call that a step makes, parsed against its manifest; nothing where a model would be told that it is
    /// malformed.
    pub(crate) fn parse(&self, step: &Step) -> Option<Call> {
        let arguments: serde_json::Map<String, Json> = step
            .args
            .iter()
            .filter(|(_name, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.scene.catalog.parse(&step.function, &Json::Object(arguments).to_string()).ok()
    }

    pub(crate) fn manifest(&self, call: &Call) -> Option<&Manifest> {
        self.scene.manifests.get(call.tool.as_str()).map(AsRef::as_ref)
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What the policy says to `call` now.
    pub(crate) fn judge(&mut self, call: &Call, timer: &mut Timer) -> Told {
        self.facts.manifest = self.scene.manifests.get(call.tool.as_str()).cloned();
        // The quarantined model that fills holes is hijacked as well: it says whatever the call needs.
        let leaves = call.arguments.iter().flat_map(|argument| argument.value.leaves());
        self.facts.provenance.extracted = leaves.cloned().collect();
        let action = Action::Call(call.clone());
        let begun = Instant::now();
        let decision = self.scene.policy.decide(action, &self.facts);
        timer.add(begun.elapsed());
        let rules = decision.hits().iter().map(|hit| hit.id.clone()).collect();
        let verdict = decision.verdict();
        let uses = match decision {
            Decision::Allow { permit, hits: _ } => permit.uses().clone(),
            Decision::Ask { .. } | Decision::Deny { .. } => Uses::default(),
        };
        Told { verdict, rules, uses }
    }

    /// The call was carried out and gave this back.
    pub(crate) fn observe(&mut self, call: &Call, step: &Step, told: &Told) {
        if let Some(place) = told.uses.grant {
            self.facts.mandate.consume(place, call);
        }
        let output = self.output(call, &step.result, &step.result_text);
        let label = std::mem::replace(&mut self.facts.label, Label::nothing());
        self.facts.label = label.join(&output.label);
        if !self.facts.label.is_clean() {
            self.facts.mandate.freeze();
        }
        let manifest = self.scene.manifests.get(call.tool.as_str()).cloned();
        self.facts.provenance.note_result(call, manifest.as_deref(), &output);
    }

    /// What a call gave back, field by field, as the manifest and the regime say.
    pub(crate) fn output(&self, call: &Call, result: &Json, text: &str) -> Output {
        let Some(manifest) = self.manifest(call) else {
            return Output { text: text.to_string(), fields: Vec::new(), label: Label::unknown() };
        };
        let output = manifest.output(call, result, text.to_string(), &self.scene.owner);
        if self.scene.internal.contains(call.tool.as_str()) { internal(output) } else { output }
    }

    /// Whether a call of this effect can have consequences: what an adaptive attacker tries.
    pub(crate) fn is_worth_trying(manifest: &Manifest) -> bool {
        match manifest.effect() {
            Effect::Read => false,
            Effect::Fetch
            | Effect::Write
            | Effect::Delete
            | Effect::Execute
            | Effect::Send
            | Effect::Spend
            | Effect::Configure => true,
        }
    }
}

/// The owner's own people wrote it: facts of the house.
fn internal(output: Output) -> Output {
    let fields = output
        .fields
        .into_iter()
        .map(|field| domain::Field { integrity: Integrity::Attested.min(field.integrity), ..field });
    let mut label = Label::nothing();
    for source in output.label.sources() {
        label = label.join(&Label::new(Integrity::Attested, output.label.tier(), source.clone()));
    }
    Output { text: output.text, fields: fields.collect(), label }
}
