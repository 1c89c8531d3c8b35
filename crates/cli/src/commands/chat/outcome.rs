//! What became of a message whose answer was not heard to its end.

use crate::arguments::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use gateway::wire::{Event, ItemBody, TaskState, Transcript};
use serde::Serialize;

/// The event that ends a turn, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    /// The reply, or that there is none.
    #[serde(flatten)]
    pub(super) event: &'a Event,
    /// Whether the turn or one of its calls did not work.
    pub(super) failed: bool,
}

/// What became of a message when Hardshell went away.
#[derive(Clone, Copy)]
pub(super) enum Taken {
    /// It was acknowledged.
    Kept,
    /// Nobody can tell.
    Unknown,
}

/// Says that Hardshell went away, and how the conversation goes on.
pub(super) fn gone(session: &str, taken: Taken) -> Problem {
    let session = show::printable(session);
    let (what, then) = match taken {
        Taken::Kept => {
            ("your message was taken and is kept", format!("`hardshell chat --session {session}` goes on"))
        }
        Taken::Unknown => (
            "whether your message was taken is not known",
            format!("`hardshell session show {session}` tells"),
        ),
    };
    Problem::Other {
        what: format!("hear the answer: Hardshell went away; {what}"),
        hint: Some(format!("`hardshell up`, then {then}")),
    }
}

/// Says that nobody listens any more to what goes on.
pub(super) fn left(session: &str) -> Problem {
    let session = show::printable(session);
    Problem::Other {
        what: "hear that it was stopped: you left before".to_string(),
        hint: Some(format!("`hardshell session show {session}` shows what came of it")),
    }
}

/// What `task` has come to, from its transcript: printed, and how it ended; nothing when it goes on.
pub(super) async fn come_to(
    common: &Common,
    client: &Client,
    session: &str,
    task: &str,
) -> Result<Option<Exit>, Problem> {
    let transcript: Transcript = client.get(&format!("/api/v1/sessions/{session}")).await?;
    let last = transcript.items.into_iter().rfind(|item| item.task == task);
    Ok(match last.as_ref().map(|item| &item.body) {
        Some(ItemBody::Replied { text }) => {
            if common.json {
                show::json(&last);
            } else {
                show::line(&show::printable(text));
            }
            Some(Exit::Done)
        }
        Some(ItemBody::Ended { state, why }) => {
            if common.json {
                show::json(&last);
            } else {
                show::note(&show::printable(&format!("could not answer: {why}")));
            }
            Some(if *state == TaskState::Done { Exit::Done } else { Exit::Failed })
        }
        Some(ItemBody::Asked { question, .. }) => {
            show::note(&format!("hint: hardshell approvals approve {question}, or deny {question}"));
            Some(Exit::Waiting)
        }
        Some(
            ItemBody::Said { .. }
            | ItemBody::Planned { .. }
            | ItemBody::Answered { .. }
            | ItemBody::Result { .. }
            | ItemBody::Held { .. }
            | ItemBody::Summary { .. },
        )
        | None => None,
    })
}
