//! Cedar rules, sliced by what they speak of, and what of them hits a request.
//!
//! Cedar answers permit or forbid, never ask. So the rules are kept in sets of their own, and each set is asked which
//! of its rules hit: the floor, what forbids, what permits, and what asks.

use crate::load::Error;
use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Effect, Entities, Policy, PolicyId, PolicySet, Request,
    ResourceConstraint, Schema, ValidationMode, Validator,
};
use domain::{RuleHit, Verdict};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The schema every rule is checked against.
pub(crate) const SCHEMA: &str = include_str!("../rules/schema.cedarschema");
/// The built-in rules, by set.
pub(crate) const BUILT_IN: [(&str, Kind, &str); 3] = [
    ("floor.cedar", Kind::Floor, include_str!("../rules/floor.cedar")),
    ("may.cedar", Kind::May, include_str!("../rules/may.cedar")),
    ("ask.cedar", Kind::Ask, include_str!("../rules/ask.cedar")),
];

/// The most rules of one policy: a hundred times what a household writes.
const RULES_MAX: usize = 20_000;

/// The actions of the schema, in the order of the slices.
pub(crate) const ACTIONS: [&str; 10] =
    ["read", "fetch", "write", "delete", "execute", "send", "spend", "configure", "ask_model", "reply"];

/// What a file of rules is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What no answer of anybody opens.
    Floor,
    /// What is permitted and forbidden.
    May,
    /// What asks.
    Ask,
}

/// One rule as it was loaded.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub set: Set,
    pub id: String,
    pub why: String,
    pub file: String,
    policy: Policy,
}

/// The sets that are asked apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    Floor,
    Forbids,
    Permits,
    Asks,
}

/// All rules, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    names: BTreeMap<PolicyId, usize>,
    slices: BTreeMap<(Set, usize), Slice>,
    authorizer: Authorizer,
}

/// The rules of one set that can hit one action: those of any tool, and those of one tool each.
#[derive(Debug, Default)]
struct Slice {
    general: PolicySet,
    by_tool: BTreeMap<String, PolicySet>,
}

/// A rule could not be evaluated, so nothing may be done.
#[derive(Debug)]
pub(crate) struct Unjudged {
    pub rule: String,
    pub reason: String,
}

impl Rules {
    pub(crate) fn compile(rules: Vec<Rule>) -> Result<Self, Error> {
        if rules.len() > RULES_MAX {
            let reason = format!("there are {} rules, at most {RULES_MAX} are taken", rules.len());
            return Err(Error::RuleFile { file: "policy/".into(), reason });
        }
        let mut compiled = Self {
            rules: Vec::new(),
            names: BTreeMap::new(),
            slices: BTreeMap::new(),
            authorizer: Authorizer::new(),
        };
        for rule in rules {
            compiled.add(rule)?;
        }
        Ok(compiled)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    fn add(&mut self, rule: Rule) -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| Error::RuleFile {
            file: rule.file.clone(),
            reason: error.to_string(),
        };
        let tool = match rule.policy.resource_constraint() {
            ResourceConstraint::Eq(tool) => Some(tool.id().unescaped().to_string()),
            ResourceConstraint::Any
            | ResourceConstraint::In(_)
            | ResourceConstraint::Is(_)
            | ResourceConstraint::IsIn(_, _) => None,
        };
        for action in actions_of(&rule.policy) {
            let slice = self.slices.entry((rule.set, action)).or_default();
            let set = match &tool {
                Some(tool) => slice.by_tool.entry(tool.clone()).or_default(),
                None => &mut slice.general,
            };
            set.add(rule.policy.clone()).map_err(|error| failed(&error))?;
        }
        self.names.insert(rule.policy.id().clone(), self.rules.len());
        self.rules.push(rule);
        Ok(())
    }

    /// The rules of `set` that hit, as hits of `verdict`.
    pub(crate) fn hits(
        &self,
        set: Set,
        (action, tool): (usize, &str),
        request: &Request,
        entities: &Entities,
    ) -> Result<Vec<RuleHit>, Unjudged> {
        let mut found = Vec::new();
        let Some(slice) = self.slices.get(&(set, action)) else { return Ok(found) };
        for rules in std::iter::once(&slice.general).chain(slice.by_tool.get(tool)) {
            let response = self.authorizer.is_authorized(request, rules, entities);
            if let Some(error) = response.diagnostics().errors().next() {
                let AuthorizationError::PolicyEvaluationError(failed) = error;
                let rule = self.names.get(failed.policy_id()).and_then(|at| self.rules.get(*at));
                let rule = rule.map_or_else(|| failed.policy_id().to_string(), |rule| rule.id.clone());
                return Err(Unjudged { rule, reason: error.to_string() });
            }
            found.extend(response.diagnostics().reason().filter_map(|id| self.hit(id, set)));
        }
        Ok(found)
    }

    fn hit(&self, id: &PolicyId, set: Set) -> Option<RuleHit> {
        let rule = self.names.get(id).and_then(|at| self.rules.get(*at))?;
        let verdict = match set {
            Set::Floor | Set::Forbids => Verdict::Deny,
            Set::Permits => Verdict::Allow,
            Set::Asks => Verdict::Ask,
        };
        Some(RuleHit { verdict, id: rule.id.clone(), why: rule.why.clone() })
    }
}

impl Rule {
    /// The rule's text as Cedar prints it.
    pub(crate) fn text(&self) -> String {
        self.policy.to_string()
    }

    /// The actions it can hit, by place in [`ACTIONS`], and the one tool it speaks of, if it names one.
    pub(crate) fn scope(&self) -> (Vec<usize>, Option<String>) {
        let tool = match self.policy.resource_constraint() {
            ResourceConstraint::Eq(tool) => Some(tool.id().unescaped().to_string()),
            ResourceConstraint::Any
            | ResourceConstraint::In(_)
            | ResourceConstraint::Is(_)
            | ResourceConstraint::IsIn(_, _) => None,
        };
        (actions_of(&self.policy), tool)
    }

    /// Whether it has a condition besides who, what and which tool.
    pub(crate) fn has_condition(&self) -> bool {
        self.policy.has_non_scope_constraint()
    }

    /// Whether it speaks of every principal.
    pub(crate) fn is_for_everyone(&self) -> bool {
        matches!(self.policy.principal_constraint(), cedar_policy::PrincipalConstraint::Any)
    }
}

fn actions_of(policy: &Policy) -> Vec<usize> {
    let place = |name: &str| ACTIONS.iter().position(|action| *action == name);
    match policy.action_constraint() {
        ActionConstraint::Any => (0..ACTIONS.len()).collect(),
        ActionConstraint::In(actions) => {
            actions.iter().filter_map(|action| place(action.id().unescaped())).collect()
        }
        ActionConstraint::Eq(action) => place(action.id().unescaped()).into_iter().collect(),
    }
}

/// Parses `text` and checks it against the schema. Every rule has an `@id` of its own and an `@why`; a `forbid` with
/// `@verdict("ask")` asks.
pub(crate) fn parse(file: &str, kind: Kind, text: &str, schema: &Schema) -> Result<Vec<Rule>, Error> {
    let failed = |reason: String| Error::RuleFile { file: file.to_string(), reason };
    let set = PolicySet::from_str(text).map_err(|error| failed(format!("{:?}", miette_text(&error))))?;
    if set.num_of_templates() > 0 {
        return Err(failed("a rule is a template; write it out".to_string()));
    }
    let checked = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    if let Some(error) = checked.validation_errors().next() {
        return Err(failed(error.to_string()));
    }
    let mut rules = set.policies().map(|policy| rule(file, kind, policy)).collect::<Result<Vec<_>, _>>()?;
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(rules)
}

fn miette_text(error: &cedar_policy::ParseErrors) -> String {
    error.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn rule(file: &str, kind: Kind, policy: &Policy) -> Result<Rule, Error> {
    let failed = |reason: String| Error::RuleFile { file: file.to_string(), reason };
    let Some(id) = policy.annotation("id").filter(|id| !id.trim().is_empty()) else {
        return Err(failed(format!(
            "a rule has no @id: {}",
            policy.to_string().lines().last().unwrap_or_default()
        )));
    };
    let Some(why) = policy.annotation("why").filter(|why| !why.trim().is_empty()) else {
        return Err(failed(format!("rule `{id}` has no @why")));
    };
    let set = match (kind, policy.effect(), policy.annotation("verdict")) {
        (Kind::Floor, Effect::Forbid, None) => Set::Floor,
        (Kind::May, Effect::Permit, None) => Set::Permits,
        (Kind::May, Effect::Forbid, None | Some("deny")) => Set::Forbids,
        (Kind::Ask, Effect::Forbid, None) | (Kind::May, Effect::Forbid, Some("ask")) => Set::Asks,
        (Kind::Floor | Kind::Ask, Effect::Permit, None) => {
            return Err(failed(format!("rule `{id}` permits where only `forbid` may stand")));
        }
        (Kind::Floor | Kind::May | Kind::Ask, Effect::Permit | Effect::Forbid, Some(found)) => {
            return Err(failed(format!(
                "rule `{id}` has the verdict `{found}`; a `forbid` may have `ask` or `deny`"
            )));
        }
    };
    let policy = policy.new_id(PolicyId::new(format!("{file}#{id}")));
    Ok(Rule { set, id: id.to_string(), why: why.to_string(), file: file.to_string(), policy })
}
