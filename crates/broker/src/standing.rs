//! "Always" on disk: the call as it was proposed, so that the rule is made again by the code that made it first.

use domain::{Action, Channel, Integrity, Timestamp};
use policy::StandingRule;
use serde::{Deserialize, Serialize};
use tools::Catalog;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeWire {
    tool: String,
    arguments: String,
    channel: String,
    integrity: String,
}

/// The standing rule that "always" means for `question`, or nothing where it is not on offer.
pub(crate) fn standing_of(
    question: &store::Question,
    channel: Channel,
    integrity: Integrity,
    now: Timestamp,
    catalog: &Catalog,
) -> Option<store::Standing> {
    question.standing.as_ref()?;
    let call = catalog.parse(question.tool.as_str(), &question.arguments).ok()?;
    let rule = StandingRule::offer(&Action::Call(call), channel, integrity, now)?;
    let scope = ScopeWire {
        tool: question.tool.to_string(),
        arguments: question.arguments.clone(),
        channel: channel.to_string(),
        integrity: integrity.as_str().to_string(),
    };
    Some(store::Standing {
        id: rule.id.clone(),
        version: VERSION,
        scope: serde_json::to_string(&scope).ok()?,
        words: rule.scope.in_words(),
        created: now,
        expires: rule.expires,
        revoked: None,
    })
}

/// A kept rule, made again from what it was made of; nothing when it no longer means what it meant.
pub(crate) fn read_standing(kept: &store::Standing, catalog: &Catalog) -> Option<StandingRule> {
    if kept.version != VERSION {
        return None;
    }
    let scope: ScopeWire = serde_json::from_str(&kept.scope).ok()?;
    let call = catalog.parse(&scope.tool, &scope.arguments).ok()?;
    let integrity = Integrity::ALL.into_iter().find(|integrity| integrity.as_str() == scope.integrity)?;
    let rule =
        StandingRule::offer(&Action::Call(call), scope.channel.parse().ok()?, integrity, kept.created)?;
    (rule.id == kept.id).then_some(StandingRule { expires: kept.expires, ..rule })
}
