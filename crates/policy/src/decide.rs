//! The one function that decides.

use crate::cases::{self, CASES_MAX, Case, Cases};
use crate::decision::Decision;
use crate::facts::{ChannelProof, Facts};
use crate::judge::{self, Judged};
use crate::load::Policy;
use crate::permit::{Binding, Permit, Uses};
use crate::question;
use crate::rules::{Set, Unjudged};
use cedar_policy::{Context, Entities, Entity, EntityId, EntityUid, Request, RestrictedExpression};
use domain::{Action, Effect, Integrity, RuleHit, Tier, Verdict};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Rules whose question a standing rule may answer: who and what, never how confidential, how suspicious or how often.
const STANDING_ANSWERS: [&str; 10] = [
    "integrity.untrusted",
    "integrity.ungrounded",
    "confirm.write",
    "confirm.delete",
    "confirm.execute",
    "confirm.program",
    "confirm.send",
    "confirm.recipient",
    "confirm.host",
    "limit.effects",
];

/// What all rules say of one action.
pub(crate) struct Verdicts {
    /// Every hit that refuses or asks, worst first, each once.
    pub hits: Vec<RuleHit>,
    /// The rules that permit.
    pub permits: Vec<RuleHit>,
    pub cases: Cases,
    pub judged: Judged,
}

impl Policy {
    /// Answers whether `action` may be carried out, given `facts`. Never fails: whatever cannot be judged is denied,
    /// and the hit says why.
    pub fn decide(&self, action: Action, facts: &Facts) -> Decision {
        let Verdicts { mut hits, permits, cases, judged } = self.verdicts(&action, facts);
        match hits.first().map(|hit| hit.verdict) {
            Some(Verdict::Deny) => Decision::Deny { action, hits },
            None | Some(Verdict::Allow) => {
                hits.extend(permits);
                let uses = Uses { grant: judged.grant, ..Uses::default() };
                Decision::Allow { permit: Permit::mint(action, facts.now, uses), hits }
            }
            Some(Verdict::Ask) => match self.answered(&action, facts, &hits, judged.grant) {
                Some(uses) => {
                    hits.extend(permits);
                    Decision::Allow { permit: Permit::mint(action, facts.now, uses), hits }
                }
                None => {
                    let question = question::render(&action, facts, &cases, &judged, self);
                    Decision::Ask { action, hits, question }
                }
            },
        }
    }

    /// What an approval of `action` in the session of `facts` binds under this policy.
    #[must_use]
    pub fn binding(&self, action: &Action, facts: &Facts) -> Binding {
        Binding::of(action, &facts.session, &self.digest)
    }

    /// What every rule says of `action`. An error of any rule is a refusal that names it.
    pub(crate) fn verdicts(&self, action: &Action, facts: &Facts) -> Verdicts {
        let cases = cases::of(action, facts, &self.patterns, &self.programs, &self.settings);
        let mut judged = judge::judge(action, facts, &cases, &self.settings);
        if let Action::Call(call) = action {
            judged.result_tier = self.tier_beforehand(call, facts, &cases);
        }
        let mut hits = BTreeSet::new();
        let mut permits = BTreeSet::new();
        if cases.cases.len() > CASES_MAX {
            let why =
                format!("it affects {} things at once, at most {CASES_MAX} can be judged", cases.cases.len());
            hits.insert((std::cmp::Reverse(Verdict::Deny), deny("limit.targets", &why)));
        }
        for case in cases.cases.iter().take(CASES_MAX) {
            match self.judge_case(action, facts, &cases, case, &judged) {
                Ok((found, permitted)) => {
                    if permitted.is_empty() {
                        hits.insert((
                            std::cmp::Reverse(Verdict::Deny),
                            deny("may.default", "no rule permits it"),
                        ));
                    }
                    hits.extend(found.into_iter().map(|hit| (std::cmp::Reverse(hit.verdict), hit)));
                    permits.extend(permitted);
                }
                Err(Unjudged { rule, reason }) => {
                    let why = format!("the rule `{rule}` could not be judged, so nothing is done: {reason}");
                    hits.insert((std::cmp::Reverse(Verdict::Deny), deny("error.rule", &why)));
                }
            }
        }
        Verdicts {
            hits: hits.into_iter().map(|(_order, hit)| hit).collect(),
            permits: permits.into_iter().collect(),
            cases,
            judged,
        }
    }

    fn judge_case(
        &self,
        action: &Action,
        facts: &Facts,
        cases: &Cases,
        case: &Case,
        judged: &Judged,
    ) -> Result<(Vec<RuleHit>, Vec<RuleHit>), Unjudged> {
        let failed = |reason: String| Unjudged { rule: "the request itself".to_string(), reason };
        let at = action_place(action);
        let uid = self
            .names
            .actions
            .get(at)
            .ok_or_else(|| failed("the action has no name in the schema".into()))?;
        let (principal, entities) = self.principal(facts).map_err(failed)?;
        let resource =
            EntityUid::from_type_name_and_id(self.names.tool.clone(), EntityId::new(action.name()));
        let context = Context::from_pairs(context(facts, cases, case, judged))
            .map_err(|error| failed(error.to_string()))?;
        let request = Request::new(principal, uid.clone(), resource, context, None)
            .map_err(|error| failed(error.to_string()))?;
        let slice = (at, action.name());
        let mut hits = self.rules.hits(Set::Floor, slice, &request, &entities)?;
        hits.extend(self.rules.hits(Set::Forbids, slice, &request, &entities)?);
        hits.extend(self.rules.hits(Set::Asks, slice, &request, &entities)?);
        let permits = self.rules.hits(Set::Permits, slice, &request, &entities)?;
        Ok((hits, permits))
    }

    fn principal(&self, facts: &Facts) -> Result<(EntityUid, Entities), String> {
        let uid = EntityUid::from_type_name_and_id(
            self.names.principal.clone(),
            EntityId::new(facts.principal.to_string()),
        );
        let role = EntityUid::from_type_name_and_id(
            self.names.role.clone(),
            EntityId::new(facts.principal.role.as_str()),
        );
        let entity = Entity::new_no_attrs(uid.clone(), HashSet::from([role]));
        let entities = Entities::from_entities([entity], None).map_err(|error| error.to_string())?;
        Ok((uid, entities))
    }

    /// What answers a question: an approval of exactly this, else a standing rule.
    fn answered(
        &self,
        action: &Action,
        facts: &Facts,
        hits: &[RuleHit],
        grant: Option<usize>,
    ) -> Option<Uses> {
        let binding = self.binding(action, facts);
        if facts.approvals.iter().any(|approval| approval.binding == binding && facts.now <= approval.expires)
        {
            return Some(Uses { approval: Some(binding), grant, standing: None });
        }
        let Action::Call(call) = action else { return None };
        if !hits.iter().all(|hit| STANDING_ANSWERS.contains(&hit.id.as_str())) {
            return None;
        }
        let answers = |rule: &&crate::StandingRule| {
            rule.answers(call, facts.channel, facts.label.integrity(), facts.now)
        };
        let rule = facts.standing.iter().find(answers)?;
        Some(Uses { approval: None, grant, standing: Some(rule.id.clone()) })
    }
}

fn deny(id: &str, why: &str) -> RuleHit {
    RuleHit { verdict: Verdict::Deny, id: id.to_string(), why: why.to_string() }
}

/// The place of the action's word in [`crate::rules::ACTIONS`].
fn action_place(action: &Action) -> usize {
    match action {
        Action::AskModel(_) => 8,
        Action::Reply(_) => 9,
        Action::Call(call) => match call.effect {
            Effect::Read => 0,
            Effect::Fetch => 1,
            Effect::Write => 2,
            Effect::Delete => 3,
            Effect::Execute => 4,
            Effect::Send => 5,
            Effect::Spend => 6,
            Effect::Configure => 7,
        },
    }
}

type Pairs = HashMap<String, RestrictedExpression>;

fn context(facts: &Facts, cases: &Cases, case: &Case, judged: &Judged) -> Pairs {
    let mut pairs = Pairs::with_capacity(48);
    let mut put = |name: &str, value: RestrictedExpression| drop(pairs.insert(name.to_string(), value));
    put("channel", text(facts.channel.as_str()));
    put("proven", yes(facts.proof == ChannelProof::Proven));
    put("typed", yes(judged.typed));
    put("integrity", RestrictedExpression::new_long(integrity(facts.label.integrity())));
    put("clean", yes(facts.label.is_clean()));
    put("session_tier", tier(facts.label.tier()));
    put("result_tier", tier(judged.result_tier));
    put("ceiling", tier(facts.ceiling));
    put("suspicious", yes(judge::is_suspicious(facts)));
    put("carried_tier", tier(judged.carried));
    put("clearance", tier(judged.clearance));
    put("public_sink", yes(judged.public_sink));
    put("sink", text(judged.sink));
    put("granted", yes(judged.granted));
    put("grounded", yes(judged.grounded));
    put("stranger_in_payload", yes(!judged.strangers.is_empty()));
    put("consequential", yes(judged.consequential));
    put("carries_data", yes(judged.carries_data));
    put("undoable", yes(judged.undoable));
    put("in_workspace", yes(cases.in_workspace));
    put("own_file", yes(case.path.as_ref().is_some_and(|path| path.own_file)));
    put("metadata_host", yes(case.metadata_host));
    put("new_recipient", yes(case.new_recipient));
    put("program_rule", text(cases.command.rule));
    put("always", set(&judged.always));
    put("over", set(&judged.over));
    put("isolation_below_floor", yes(judge::is_below_floor(facts)));
    put("lockdown", yes(judge::is_locked(facts)));
    let none = BTreeSet::new();
    put("path_matches", set(case.path.as_ref().map_or(&none, |path| &path.groups)));
    put("host_matches", set(case.host.as_ref().map_or(&none, |(_host, groups)| groups)));
    put("recipient_matches", set(case.recipient.as_ref().map_or(&none, |(_who, groups)| groups)));
    if let Some(path) = &case.path {
        put("path", text(&path.path));
    }
    if let Some((host, _groups)) = &case.host {
        put("host", text(host));
    }
    if let Some((who, _groups)) = &case.recipient {
        put("recipient", text(who));
    }
    if let Some(program) = &case.program {
        put("program", text(program));
    }
    pairs
}

fn yes(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_string())
}

fn set(values: &BTreeSet<String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.iter().map(|value| text(value)))
}

fn tier(tier: Tier) -> RestrictedExpression {
    RestrictedExpression::new_long(match tier {
        Tier::Low => 0,
        Tier::Medium => 1,
        Tier::High => 2,
    })
}

fn integrity(integrity: Integrity) -> i64 {
    match integrity {
        Integrity::Trusted => 0,
        Integrity::Attested => 1,
        Integrity::Untrusted => 2,
    }
}
