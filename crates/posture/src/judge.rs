//! A session that has read a stranger's text tries each consequential effect: it must be asked about or refused.

use crate::{Proof, State};
use domain::{Action, Call, Channel, Effect, Label, Principal, SessionId, Timestamp, Verdict};
use policy::{ChannelProof, Facts, IsolationLevel, Policy};

/// The effects that nobody but the owner may cause.
const CONSEQUENTIAL: [Effect; 6] =
    [Effect::Write, Effect::Delete, Effect::Execute, Effect::Send, Effect::Spend, Effect::Configure];

/// Puts each consequential effect to `policy`, from a session that has read hostile text and was granted nothing.
#[must_use]
pub fn the_policy_asks(policy: &Policy, session: &SessionId, now: Timestamp) -> Vec<Proof> {
    CONSEQUENTIAL.into_iter().map(|effect| try_one(policy, session, now, effect)).collect()
}

fn try_one(policy: &Policy, session: &SessionId, now: Timestamp, effect: Effect) -> Proof {
    let name = format!("policy.{}", effect.as_str());
    let Ok(tool) = "proof.canary".parse() else {
        return Proof::new(&name, State::Failed, "the canary has no name".to_string());
    };
    let action = Action::Call(Call { tool, effect, arguments: Vec::new(), targets: Vec::new() });
    let facts = Facts {
        label: Label::unknown(),
        proof: ChannelProof::Proven,
        isolation: IsolationLevel::Full,
        ..Facts::nothing_known(now, Principal::owner(), Channel::Web, session.clone())
    };
    let decision = policy.decide(action, &facts);
    let rule = decision.hits().first().map(|hit| format!("{} ({})", hit.why, hit.id)).unwrap_or_default();
    let what = format!("a session that read a stranger's text tried to {}", effect.as_str());
    match decision.verdict() {
        Verdict::Ask => Proof::new(&name, State::Holds, format!("{what}: it must ask: {rule}")),
        Verdict::Deny => Proof::new(&name, State::Holds, format!("{what}: refused: {rule}")),
        Verdict::Allow => Proof::new(&name, State::Failed, format!("{what}: it was ALLOWED: {rule}")),
    }
}
