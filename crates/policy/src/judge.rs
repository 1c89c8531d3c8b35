//! The predicates that rules speak of: what an action carries, what stands behind it, whether it has consequences.

use crate::cases::{self, Cases};
use crate::facts::{ChannelProof, Facts, IsolationLevel, Lockdown, Suspicion};
use crate::mandate::{Extension, Grant, Mandate, grants_of_typed};
use crate::provenance::{self, Provenance, TrustedText};
use crate::settings::{Confirm, Settings};
use domain::{Action, Argument, ArgumentRole, Call, Effect, Integrity, Label, Role, Tier, Value};
use std::collections::BTreeSet;
use tools::{Manifest, Sink, Undo};

/// What the rules are told of an action besides the things it affects.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub typed: bool,
    pub grant: Option<usize>,
    pub granted: bool,
    pub grounded: bool,
    pub strangers: Vec<String>,
    pub consequential: bool,
    pub carries_data: bool,
    pub undoable: bool,
    pub carried: Tier,
    pub clearance: Tier,
    pub result_tier: Tier,
    pub public_sink: bool,
    pub sink: &'static str,
    pub always: BTreeSet<String>,
    pub over: BTreeSet<String>,
}

pub(crate) fn judge(action: &Action, facts: &Facts, cases: &Cases, settings: &Settings) -> Judged {
    match action {
        Action::AskModel(_) => Judged {
            carried: facts.label.tier(),
            clearance: facts.model_clearance,
            sink: "model",
            over: over_for_prompt(facts, settings),
            ..Judged::plain()
        },
        Action::Reply(reply) => {
            let clearance = match (facts.principal.role, facts.proof) {
                (Role::Owner, ChannelProof::Proven) => Tier::High,
                (
                    Role::Owner | Role::Member | Role::Guest | Role::House,
                    ChannelProof::Proven | ChannelProof::Unproven,
                ) => Tier::Low,
            };
            let strangers = if facts.principal.role == Role::Owner || facts.label.is_clean() {
                Vec::new()
            } else {
                facts.provenance.strangers(&refanged(&reply.text))
            };
            Judged { carried: facts.label.tier(), clearance, sink: "owner", strangers, ..Judged::plain() }
        }
        Action::Call(call) => judge_call(call, facts, cases, settings),
    }
}

impl Judged {
    fn plain() -> Self {
        Self {
            typed: false,
            grant: None,
            granted: false,
            grounded: true,
            strangers: Vec::new(),
            consequential: false,
            carries_data: false,
            undoable: false,
            carried: Tier::Low,
            clearance: Tier::Low,
            result_tier: Tier::Low,
            public_sink: false,
            sink: "machine",
            always: BTreeSet::new(),
            over: BTreeSet::new(),
        }
    }
}

/// What the output guard made harmless for the eye, as whoever copies it would mend it.
fn refanged(text: &str) -> String {
    let text = text.replace("[.]", ".").replace("[@]", "@").replace("[:]", ":");
    text.replace("hxxp", "http")
}

fn judge_call(call: &Call, facts: &Facts, cases: &Cases, settings: &Settings) -> Judged {
    let manifest = facts.manifest.as_deref();
    let typed = typed_covers(call, facts);
    let covering = facts.mandate.covering(call, manifest, &facts.provenance);
    let granted = typed || covering.is_some();
    let grounded = granted || is_grounded(call, manifest, &facts.provenance);
    let carries_data = manifest.is_none_or(|manifest| manifest.carries_data(call));
    let undoable = manifest.is_some_and(|manifest| manifest.undo() == Undo::Possible);
    let consequential = is_consequential(call, facts, cases);
    let (clearance, public_sink, sink) = clearance(call, facts, cases, granted);
    let carried = carried(call, facts, covering.map(|(_place, grant)| grant), carries_data);
    Judged {
        typed,
        grant: covering.map(|(place, _grant)| place),
        granted,
        grounded,
        strangers: strangers(call, facts, covering.map(|(_place, grant)| grant)),
        consequential,
        carries_data,
        undoable,
        carried: carried.max(cases.carries_out.unwrap_or(Tier::Low)),
        clearance,
        result_tier: Tier::Low,
        public_sink,
        sink,
        always: always(call.effect, undoable, settings),
        over: over(call.effect, facts, settings),
    }
}

/// Whether the owner typed exactly this call. Only on a proven channel, only the owner.
fn typed_covers(call: &Call, facts: &Facts) -> bool {
    let Some(line) = &facts.typed else { return false };
    if facts.principal.role != Role::Owner || facts.proof != ChannelProof::Proven {
        return false;
    }
    let mut mandate = Mandate::default();
    let known = Provenance {
        texts: vec![TrustedText { text: line.clone(), label: Label::owner() }],
        ..Provenance::default()
    };
    mandate.extend(grants_of_typed(line), Extension::OwnerSpoke).is_ok()
        && mandate.covering(call, facts.manifest.as_deref(), &known).is_some()
}

/// Whether everything that decides whom or what it affects stands in trusted words or a selected fact. Dates, numbers
/// and yes or no decide when and how much of it, not whom.
fn is_grounded(call: &Call, manifest: Option<&Manifest>, known: &Provenance) -> bool {
    let counts = |leaf: &&Value| match leaf {
        Value::Date(_) | Value::Number(_) | Value::Boolean(_) => false,
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Amount(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_)
        | Value::Json(_)
        | Value::List(_) => true,
    };
    provenance::authority(call, manifest)
        .flat_map(|argument| argument.value.leaves())
        .filter(counts)
        .all(|leaf| known.ground(leaf).is_some())
}

fn is_consequential(call: &Call, facts: &Facts, cases: &Cases) -> bool {
    match call.effect {
        Effect::Read => false,
        // What a fetch names in the owner's own words carries nobody else's data.
        Effect::Fetch => !names_known_page(call, &facts.provenance),
        Effect::Write => !cases.in_workspace,
        Effect::Execute => !cases.command.only_looks() || cases.carries_out.is_some(),
        Effect::Delete | Effect::Send | Effect::Spend | Effect::Configure => true,
    }
}

/// Whether everything a fetch names stands whole in trusted words or in a fact: then its choice carries no stranger's
/// data.
fn names_known_page(call: &Call, known: &Provenance) -> bool {
    call.arguments
        .iter()
        .filter(|argument| argument.role == ArgumentRole::Authority)
        .flat_map(|argument| argument.value.leaves())
        .all(|leaf| matches!(leaf, Value::Number(_) | Value::Boolean(_)) || known.names(leaf))
}

/// The highest tier of what the arguments carry: constants of a grant and words of the owner carry the label of those
/// words; a selected fact that of its result; anything else that of the whole session.
fn carried(call: &Call, facts: &Facts, grant: Option<&Grant>, carries_data: bool) -> Tier {
    // With nobody's text in the session, or an address that somebody believed wrote down, nobody chose it to carry
    // something out; the name of a page is no secret to whoever serves it.
    let chosen_freely = !facts.label.is_clean() && !names_known_page(call, &facts.provenance);
    if call.effect == Effect::Fetch && !chosen_freely && !carries_data {
        return Tier::Low;
    }
    let of_argument = |argument: &Argument| {
        if provenance::is_default(argument, facts.manifest.as_deref()) {
            return Tier::Low;
        }
        if let Some(label) = grant.and_then(|grant| grant.label_of_constant(argument)) {
            return label.tier();
        }
        let of_leaf =
            |leaf: &Value| facts.provenance.ground(leaf).map_or(facts.label.tier(), |label| label.tier());
        argument.value.leaves().into_iter().map(of_leaf).max().unwrap_or(Tier::Low)
    };
    call.arguments.iter().map(of_argument).max().unwrap_or(Tier::Low)
}

/// The lowest clearance of everyone who receives the arguments, whether one of them is anyone at all, and a word for
/// the widest of them.
fn clearance(call: &Call, facts: &Facts, cases: &Cases, granted: bool) -> (Tier, bool, &'static str) {
    let Some(manifest) = facts.manifest.as_deref() else { return (Tier::Low, true, "public") };
    let of_recipients = || {
        let own = !cases.recipients.is_empty()
            && cases.recipients.iter().all(|(_who, groups)| groups.contains("own_domains"));
        if own || granted { Tier::Medium } else { Tier::Low }
    };
    let owner = || match (facts.principal.role, facts.proof) {
        (Role::Owner, ChannelProof::Proven) => Tier::High,
        (
            Role::Owner | Role::Member | Role::Guest | Role::House,
            ChannelProof::Proven | ChannelProof::Unproven,
        ) => Tier::Low,
    };
    let of = |sink: &Sink| match sink {
        Sink::Machine => (Tier::High, false, "machine"),
        Sink::Owner => (owner(), false, "owner"),
        Sink::Model => (facts.model_clearance, false, "model"),
        Sink::Service(_) => (Tier::Medium, false, "service"),
        // An argument that was left out receives nothing.
        Sink::Argument(name) | Sink::HostOf(name) if call.value(name).is_none_or(is_empty) => {
            (Tier::High, false, "machine")
        }
        Sink::Argument(_) => (of_recipients(), false, "recipients"),
        Sink::HostOf(_) if granted => (Tier::Medium, false, "host"),
        Sink::HostOf(_) => (Tier::Low, true, "host"),
        Sink::Public => (Tier::Low, true, "public"),
    };
    let found = manifest.sinks().iter().map(of);
    let widest = |left: (Tier, bool, &'static str), right: (Tier, bool, &'static str)| {
        let word = if right.0 < left.0 { right.2 } else { left.2 };
        (left.0.min(right.0), left.1 || right.1, word)
    };
    found.reduce(widest).unwrap_or((Tier::Low, true, "public"))
}

fn is_empty(value: &Value) -> bool {
    value.leaves().iter().all(|leaf| leaf.canonical().is_empty())
}

/// What payload arguments pass on that only a stranger's text can have supplied. In a clean session there is none. A
/// payload that a grant fixes word for word was written before any stranger was read.
fn strangers(call: &Call, facts: &Facts, grant: Option<&Grant>) -> Vec<String> {
    if facts.label.integrity() != Integrity::Untrusted {
        return Vec::new();
    }
    let free = |argument: &&Argument| {
        argument.role == ArgumentRole::Payload
            && grant.is_none_or(|grant| grant.label_of_constant(argument).is_none())
    };
    let texts = call.arguments.iter().filter(free).flat_map(|argument| argument.value.leaves());
    let found: BTreeSet<String> =
        texts.flat_map(|leaf| facts.provenance.strangers(&leaf.canonical())).collect();
    found.into_iter().collect()
}

fn always(effect: Effect, undoable: bool, settings: &Settings) -> BTreeSet<String> {
    let actions = &settings.actions;
    let of_effect = match effect {
        Effect::Delete if undoable => actions.confirm_trash(),
        Effect::Send if settings.mail.require_confirmation => Confirm::Always,
        Effect::Read
        | Effect::Fetch
        | Effect::Write
        | Effect::Delete
        | Effect::Execute
        | Effect::Send
        | Effect::Spend
        | Effect::Configure => actions.confirm(effect),
    };
    let named = [
        (effect.as_str(), of_effect),
        ("unfamiliar_program", actions.confirm_unfamiliar_program()),
        ("new_recipient", actions.confirm_new_recipient()),
    ];
    named
        .into_iter()
        .filter(|(_name, confirm)| *confirm == Confirm::Always)
        .map(|(name, _)| name.to_string())
        .collect()
}

fn over(effect: Effect, facts: &Facts, settings: &Settings) -> BTreeSet<String> {
    let (used, limits) = (&facts.counters, &settings.limits);
    let sends = matches!(effect, Effect::Send) && used.sends_last_hour >= limits.sends_per_hour;
    let named = [
        ("effects_per_minute", used.effects_last_minute >= limits.effects_per_minute),
        ("sends_per_hour", sends),
        ("refusals_per_ten_minutes", used.refusals_last_ten_minutes >= limits.refusals_per_ten_minutes),
    ];
    named.into_iter().filter(|(_name, is_over)| *is_over).map(|(name, _)| name.to_string()).collect()
}

fn over_for_prompt(facts: &Facts, settings: &Settings) -> BTreeSet<String> {
    let (used, limits) = (&facts.counters, &settings.limits);
    let named = [
        ("prompts_per_hour", used.prompts_last_hour >= limits.prompts_per_hour),
        ("tokens_per_day", used.tokens_today >= limits.tokens_per_day),
    ];
    named.into_iter().filter(|(_name, is_over)| *is_over).map(|(name, _)| name.to_string()).collect()
}

/// The facts that are the same for every case, in the words of the schema.
pub(crate) fn is_below_floor(facts: &Facts) -> bool {
    facts.isolation == IsolationLevel::Off || facts.isolation > facts.isolation_floor
}

pub(crate) fn is_locked(facts: &Facts) -> bool {
    facts.lockdown == Lockdown::Locked
}

pub(crate) fn is_suspicious(facts: &Facts) -> bool {
    facts.suspicion == Suspicion::Raised
}

pub(crate) fn recipients_in_words(call: &Call, facts: &Facts) -> Vec<String> {
    cases::recipients(call, facts.manifest.as_deref())
}
