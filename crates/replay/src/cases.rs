//! One action with its context as JSON, for `policy check`; a table of cases, for `policy test`. Version 1. The policy that
//! ships decides; this only puts the question.

use domain::{
    Action, Channel, Integrity, Label, Principal, Role, RuleHit, SessionId, Source, SourceKind, Timestamp,
    Verdict,
};
use policy::{
    ChannelProof, Decision, Extension, Facts, IsolationLevel, Lockdown, Plan, Policy, Suspicion, TierWord,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tools::Catalog;

/// The most cases of one table.
const CASES_MAX: usize = 10_000;

/// One action with what is known when it is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The tool.
    tool: String,
    /// Its arguments.
    #[serde(default)]
    arguments: serde_json::Map<String, Json>,
    /// What is known.
    #[serde(default)]
    context: Known,
}

/// What is known; what is left out is as for the owner on the command line, with nothing read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    /// `owner`, `member`, `guest` or `house`.
    role: Option<String>,
    /// The channel.
    channel: Option<String>,
    /// Whether the channel has proved who speaks.
    proven: Option<bool>,
    /// What the owner said.
    said: Vec<String>,
    /// A slash command that the owner typed.
    typed: Option<String>,
    /// `trusted`, `attested` or `untrusted`.
    integrity: Option<String>,
    /// `low`, `medium` or `high`.
    tier: Option<TierWord>,
    /// Where what was read came from: `mail:x@example.org`.
    sources: Vec<String>,
    /// The highest tier that may be read.
    ceiling: Option<TierWord>,
    /// A plan, as a planner writes it.
    mandate: Option<Json>,
    /// To whom something has been sent before.
    familiar_recipients: Vec<String>,
    /// `full`, `full-soft`, `landlock` or `none`.
    isolation: Option<String>,
    /// Whether the text read is suspicious.
    suspicious: bool,
    /// Whether the house is locked down.
    lockdown: bool,
}

/// A row of `policy test`: a question and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    tool: String,
    #[serde(default)]
    arguments: serde_json::Map<String, Json>,
    #[serde(default)]
    context: Known,
    expect: String,
    rule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    version: u32,
    #[serde(default)]
    case: Vec<Case>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Whether it came as expected.
    pub passed: bool,
    /// What was expected and what came, with the rules.
    pub detail: String,
}

/// A question or a table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} cannot be read: {reason}")]
pub struct CheckError {
    /// What was being read.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Decides the action of a JSON document `{"tool": …, "arguments": {…}, "context": {…}}` and answers
/// `{"verdict": …, "rules": [{"verdict", "id", "why"}], "question": …}`. Nothing is carried out: a permit that was
/// made is dropped.
///
/// # Errors
///
/// [`CheckError`] when the document, the call or the context cannot be read.
pub fn check(policy: &Policy, text: &str, catalog: &Catalog, now: Timestamp) -> Result<Json, CheckError> {
    let question: Asked = serde_json::from_str(text).map_err(bad("question"))?;
    let (verdict, hits, shown) =
        judge(policy, &question.tool, question.arguments, &question.context, catalog, now)?;
    Ok(json!({"verdict": verdict.as_str(), "rules": rules_json(&hits), "question": shown}))
}

/// Runs a table of cases (TOML, `[[case]]` with `name`, `tool`, `arguments`, `context`, `expect`, `rule`).
///
/// # Errors
///
/// [`CheckError`] when the table or a case of it cannot be read.
pub fn run_cases(
    policy: &Policy,
    text: &str,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Vec<CaseResult>, CheckError> {
    let file: CaseFile = toml::from_str(text).map_err(bad("table of cases"))?;
    if file.version != 1 {
        return Err(CheckError {
            what: "table of cases",
            reason: format!("version {} is not known, 1 is", file.version),
        });
    }
    if file.case.len() > CASES_MAX {
        return Err(CheckError {
            what: "table of cases",
            reason: format!("it has more than {CASES_MAX} cases"),
        });
    }
    file.case.into_iter().map(|case| run_case(policy, case, catalog, now)).collect()
}

fn run_case(
    policy: &Policy,
    case: Case,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<CaseResult, CheckError> {
    let expected = [Verdict::Allow, Verdict::Ask, Verdict::Deny]
        .into_iter()
        .find(|verdict| verdict.as_str() == case.expect);
    let expected = expected.ok_or_else(|| CheckError {
        what: "table of cases",
        reason: format!("`{}` expects `{}`; it is allow, ask or deny", case.name, case.expect),
    })?;
    let (verdict, hits, _shown) = judge(policy, &case.tool, case.arguments, &case.context, catalog, now)?;
    let rule = case.rule.as_ref().is_none_or(|rule| hits.iter().any(|hit| hit.id == *rule));
    let names: Vec<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
    let detail = format!("expected {}, came {} by {}", case.expect, verdict.as_str(), names.join(", "));
    Ok(CaseResult { name: case.name, passed: verdict == expected && rule, detail })
}

fn judge(
    policy: &Policy,
    tool: &str,
    arguments: serde_json::Map<String, Json>,
    context: &Known,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<(Verdict, Vec<RuleHit>, Json), CheckError> {
    let call = catalog.parse(tool, &Json::Object(arguments).to_string()).map_err(bad("call"))?;
    let mut facts = context.facts(now)?;
    facts.manifest = catalog.manifest(&call.tool).cloned().map(Arc::new);
    let decision = policy.decide(Action::Call(call), &facts);
    let shown = match &decision {
        Decision::Ask { action: _, hits: _, question } => {
            json!({"title": question.title, "text": question.text, "asked_for_by": question.asked_for_by, "warnings": question.warnings})
        }
        Decision::Allow { .. } | Decision::Deny { .. } => Json::Null,
    };
    Ok((decision.verdict(), decision.hits().to_vec(), shown))
}

impl Known {
    fn facts(&self, now: Timestamp) -> Result<Facts, CheckError> {
        let wrong = |what: &str, found: &str| CheckError {
            what: "context",
            reason: format!("`{found}` is no {what}"),
        };
        let role = self.role.as_deref().unwrap_or("owner");
        let role = [Role::Owner, Role::Member, Role::Guest, Role::House]
            .into_iter()
            .find(|found| found.as_str() == role)
            .ok_or_else(|| wrong("role", role))?;
        let channel: Channel = self.channel.as_deref().unwrap_or("cli").parse().map_err(bad("context"))?;
        let session: SessionId = "check".parse().map_err(bad("context"))?;
        let principal = Principal { role, name: role.as_str().to_string() };
        let mut facts = Facts::nothing_known(now, principal, channel, session);
        facts.proof = if self.proven.unwrap_or(true) { ChannelProof::Proven } else { ChannelProof::Unproven };
        facts.label = self.label()?;
        facts.ceiling = self.ceiling.map_or(domain::Tier::High, Into::into);
        facts.typed.clone_from(&self.typed);
        self.said
            .iter()
            .chain(&self.typed)
            .for_each(|text| facts.provenance.note_text(text, &Label::owner()));
        facts.familiar_recipients = self
            .familiar_recipients
            .iter()
            .map(|text| text.parse().map_err(bad("context")))
            .collect::<Result<_, _>>()?;
        let level = self.isolation.as_deref().unwrap_or("full");
        facts.isolation = IsolationLevel::ALL
            .into_iter()
            .find(|found| found.as_str() == level)
            .ok_or_else(|| wrong("isolation level", level))?;
        facts.suspicion = if self.suspicious { Suspicion::Raised } else { Suspicion::Quiet };
        facts.lockdown = if self.lockdown { Lockdown::Locked } else { Lockdown::Released };
        if let Some(plan) = &self.mandate {
            let grants = Plan::from_json(&plan.to_string())
                .and_then(|plan| plan.grants(&Label::owner()))
                .map_err(bad("mandate"))?;
            facts.mandate.extend(grants, Extension::Plan).map_err(bad("mandate"))?;
        }
        Ok(facts)
    }

    fn label(&self) -> Result<Label, CheckError> {
        let wrong = |what: &str, found: &str| CheckError {
            what: "context",
            reason: format!("`{found}` is no {what}"),
        };
        let integrity = self.integrity.as_deref().unwrap_or("trusted");
        let integrity = Integrity::ALL
            .into_iter()
            .find(|found| found.as_str() == integrity)
            .ok_or_else(|| wrong("integrity", integrity))?;
        let tier = self.tier.map_or(domain::Tier::Low, Into::into);
        let mut label = Label::new(integrity, tier, Source::new(SourceKind::Owner, "owner"));
        for text in &self.sources {
            let (kind, name) = text.split_once(':').ok_or_else(|| wrong("source", text))?;
            let kind = SourceKind::ALL
                .into_iter()
                .find(|found| found.as_str() == kind)
                .ok_or_else(|| wrong("source", text))?;
            label = label.join(&Label::new(integrity, tier, Source::new(kind, name)));
        }
        Ok(label)
    }
}

fn rules_json(hits: &[RuleHit]) -> Json {
    hits.iter().map(|hit| json!({"verdict": hit.verdict.as_str(), "id": hit.id, "why": hit.why})).collect()
}

fn bad<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> CheckError {
    move |error| CheckError { what, reason: error.to_string() }
}

#[cfg(test)]
mod tests;
