//! Transcript items, outcomes and rules as JSON, version 1. What cannot be read is nothing, and the caller says so.

mod outcome;
mod value;

pub(crate) use outcome::{OUTCOME_VERSION, read_outcome, write_outcome};

use domain::{ItemBody, ProposedCall, RuleHit, TaskState, Verdict};
use serde::{Deserialize, Serialize};

/// The version of item bodies.
pub(crate) const BODY_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum WireBody {
    Said {
        by: String,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<String>,
    },
    Planned {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        grants: Vec<String>,
        why: String,
    },
    Answered {
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<WireCall>,
    },
    Result {
        call_id: String,
        tool: String,
        text: String,
        failed: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<WireRule>,
    },
    Held {
        handle: String,
        tool: String,
        text: String,
    },
    Asked {
        call_id: String,
        question: String,
    },
    Replied {
        text: String,
    },
    Summary {
        text: String,
        up_to: u64,
    },
    Ended {
        state: String,
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireCall {
    id: String,
    tool: String,
    arguments: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRule {
    verdict: String,
    id: String,
    why: String,
}

impl From<ProposedCall> for WireCall {
    fn from(call: ProposedCall) -> Self {
        Self { id: call.id, tool: call.tool, arguments: call.arguments }
    }
}

impl From<WireCall> for ProposedCall {
    fn from(call: WireCall) -> Self {
        Self { id: call.id, tool: call.tool, arguments: call.arguments }
    }
}

pub(crate) fn write_body(body: ItemBody) -> String {
    let wire = match body {
        ItemBody::Said { by, text, quoted } => WireBody::Said { by, text, quoted },
        ItemBody::Planned { grants, why } => WireBody::Planned { grants, why },
        ItemBody::Answered { text, calls } => {
            WireBody::Answered { text, calls: calls.into_iter().map(WireCall::from).collect() }
        }
        ItemBody::Result { call_id, tool, text, failed, rules } => {
            WireBody::Result { call_id, tool, text, failed, rules: rules.iter().map(wire_rule).collect() }
        }
        ItemBody::Held { handle, tool, text } => WireBody::Held { handle, tool, text },
        ItemBody::Asked { call_id, question } => WireBody::Asked { call_id, question: question.to_string() },
        ItemBody::Replied { text } => WireBody::Replied { text },
        ItemBody::Summary { text, up_to } => WireBody::Summary { text, up_to },
        ItemBody::Ended { state, why } => WireBody::Ended { state: state.as_str().to_string(), why },
    };
    json(&wire)
}

pub(crate) fn read_body(version: u32, text: &str) -> Option<ItemBody> {
    if version != BODY_VERSION {
        return None;
    }
    Some(match serde_json::from_str(text).ok()? {
        WireBody::Said { by, text, quoted } => ItemBody::Said { by, text, quoted },
        WireBody::Planned { grants, why } => ItemBody::Planned { grants, why },
        WireBody::Answered { text, calls } => {
            ItemBody::Answered { text, calls: calls.into_iter().map(ProposedCall::from).collect() }
        }
        WireBody::Result { call_id, tool, text, failed, rules } => {
            let rules = rules.into_iter().map(rule).collect::<Option<_>>()?;
            ItemBody::Result { call_id, tool, text, failed, rules }
        }
        WireBody::Held { handle, tool, text } => ItemBody::Held { handle, tool, text },
        WireBody::Asked { call_id, question } => {
            ItemBody::Asked { call_id, question: question.parse().ok()? }
        }
        WireBody::Replied { text } => ItemBody::Replied { text },
        WireBody::Summary { text, up_to } => ItemBody::Summary { text, up_to },
        WireBody::Ended { state, why } => {
            let state = TaskState::ALL.into_iter().find(|one| one.as_str() == state)?;
            ItemBody::Ended { state, why }
        }
    })
}

pub(crate) fn write_rules(rules: &[RuleHit]) -> String {
    json(&rules.iter().map(wire_rule).collect::<Vec<_>>())
}

pub(crate) fn read_rules(text: &str) -> Option<Vec<RuleHit>> {
    let rules: Vec<WireRule> = serde_json::from_str(text).ok()?;
    rules.into_iter().map(rule).collect()
}

fn wire_rule(rule: &RuleHit) -> WireRule {
    WireRule { verdict: rule.verdict.as_str().to_string(), id: rule.id.clone(), why: rule.why.clone() }
}

fn rule(wire: WireRule) -> Option<RuleHit> {
    let all = [Verdict::Allow, Verdict::Ask, Verdict::Deny];
    let verdict = all.into_iter().find(|verdict| verdict.as_str() == wire.verdict)?;
    Some(RuleHit { verdict, id: wire.id, why: wire.why })
}

/// These types hold strings, numbers and lists, which JSON can always say; an empty text would be unreadable, not
/// misread.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
