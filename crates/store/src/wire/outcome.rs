//! How an effect ended, as JSON.

use super::value::WireValue;
use super::{WireCall, json};
use crate::Ended;
use domain::{
    Blame, Done, Failure, Field, Integrity, Label, Labelled, ModelTurn, Output, ProposedCall, StopReason,
    Usage,
};
use serde::{Deserialize, Serialize};

/// The version of outcomes.
pub(crate) const OUTCOME_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum WireOutcome {
    Answered {
        label: String,
        text: String,
        calls: Vec<WireCall>,
        stop: String,
        input_tokens: u64,
        output_tokens: u64,
        answered_by: String,
    },
    Ran {
        label: String,
        text: String,
        fields: Vec<WireField>,
        output_label: String,
    },
    Delivered {
        label: String,
    },
    Failed {
        blame: String,
        text: String,
        label: String,
        may_have_happened: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireField {
    path: String,
    integrity: String,
    value: WireValue,
}

pub(crate) fn write_outcome(ended: &Ended) -> String {
    json(&match ended {
        Ok(done) => {
            let (done, label) = done.clone().into_parts();
            let label = label.to_string();
            match done {
                Done::Answered(turn) => WireOutcome::Answered {
                    label,
                    text: turn.text,
                    calls: turn.calls.into_iter().map(WireCall::from).collect(),
                    stop: stop_word(turn.stop).to_string(),
                    input_tokens: turn.usage.input_tokens,
                    output_tokens: turn.usage.output_tokens,
                    answered_by: turn.answered_by,
                },
                Done::Ran(output) => WireOutcome::Ran {
                    label,
                    text: output.text,
                    fields: output.fields.iter().map(wire_field).collect(),
                    output_label: output.label.to_string(),
                },
                Done::Delivered => WireOutcome::Delivered { label },
            }
        }
        Err(failure) => WireOutcome::Failed {
            blame: failure.blame.as_str().to_string(),
            text: failure.text.clone(),
            label: failure.label.to_string(),
            may_have_happened: failure.may_have_happened,
        },
    })
}

pub(crate) fn read_outcome(version: u32, text: &str) -> Option<Ended> {
    if version != OUTCOME_VERSION {
        return None;
    }
    let label = |text: String| text.parse::<Label>().ok();
    Some(match serde_json::from_str(text).ok()? {
        WireOutcome::Answered { label: of, text, calls, stop, input_tokens, output_tokens, answered_by } => {
            let turn = ModelTurn {
                text,
                calls: calls.into_iter().map(ProposedCall::from).collect(),
                stop: STOPS.into_iter().find(|one| stop_word(*one) == stop)?,
                usage: Usage { input_tokens, output_tokens },
                answered_by,
            };
            Ok(Labelled::new(Done::Answered(turn), label(of)?))
        }
        WireOutcome::Ran { label: of, text, fields, output_label } => {
            let fields = fields.into_iter().map(field).collect::<Option<_>>()?;
            let output = Output { text, fields, label: label(output_label)? };
            Ok(Labelled::new(Done::Ran(output), label(of)?))
        }
        WireOutcome::Delivered { label: of } => Ok(Labelled::new(Done::Delivered, label(of)?)),
        WireOutcome::Failed { blame, text, label: of, may_have_happened } => {
            let all = [Blame::Owner, Blame::Model, Blame::Tool, Blame::Peer, Blame::Us];
            let blame = all.into_iter().find(|one| one.as_str() == blame)?;
            Err(Failure { blame, text, label: label(of)?, may_have_happened })
        }
    })
}

fn wire_field(field: &Field) -> WireField {
    WireField {
        path: field.path.clone(),
        integrity: field.integrity.as_str().to_string(),
        value: WireValue::of(&field.value),
    }
}

fn field(wire: WireField) -> Option<Field> {
    let integrity = Integrity::ALL.into_iter().find(|one| one.as_str() == wire.integrity)?;
    Some(Field { path: wire.path, integrity, value: wire.value.value()? })
}

const STOPS: [StopReason; 4] =
    [StopReason::Finished, StopReason::Calls, StopReason::Length, StopReason::Filtered];

fn stop_word(stop: StopReason) -> &'static str {
    match stop {
        StopReason::Finished => "finished",
        StopReason::Calls => "calls",
        StopReason::Length => "length",
        StopReason::Filtered => "filtered",
    }
}
