//! What a client's frame asks of the house, with the scope that its route over HTTP needs.

use crate::api::{inbound, read_id};
use crate::gate::missing_scope;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::{Answer, ClientFrame, NewMessage, ServerFrame};
use crate::{Caller, Scope};
use std::sync::Arc;

/// The longest id that an error repeats, in characters: the longest id there is.
const ABOUT_MAX: usize = 128;

/// Asks the house; an error becomes a frame.
pub(super) async fn carry_out(
    shared: Arc<Shared>,
    caller: Caller,
    frame: ClientFrame,
) -> Option<ServerFrame> {
    let (about, result) = match frame {
        ClientFrame::Send { session, id, text, quoted } => {
            let about = id.clone();
            (about, send(&shared, &caller, &session, NewMessage { id, text, quoted }).await)
        }
        ClientFrame::Cancel { session } => {
            let result = cancel(&shared, &caller, &session).await;
            (session, result)
        }
        ClientFrame::Answer { question, answer } => {
            let result = answer_question(&shared, &caller, &question, answer).await;
            (question, result)
        }
        ClientFrame::Hello { .. } | ClientFrame::Ping { .. } => return None,
    };
    let refusal = result.err()?;
    let about = about.chars().take(ABOUT_MAX).collect();
    Some(ServerFrame::Error { about: Some(about), error: refusal.error() })
}

fn check(caller: &Caller, scope: Scope) -> Result<(), Refusal> {
    if caller.may(scope) { Ok(()) } else { Err(missing_scope(scope)) }
}

async fn send(shared: &Shared, caller: &Caller, session: &str, message: NewMessage) -> Result<(), Refusal> {
    check(caller, Scope::Chat)?;
    let inbound = inbound(shared, caller, session, message)?;
    shared.ask(shared.house.deliver(inbound)).await.map(|_accepted| ())
}

async fn cancel(shared: &Shared, caller: &Caller, session: &str) -> Result<(), Refusal> {
    check(caller, Scope::Chat)?;
    let session = read_id(session)?;
    shared.ask(shared.house.cancel(caller, &session)).await.map(|_cancelled| ())
}

async fn answer_question(
    shared: &Shared,
    caller: &Caller,
    question: &str,
    answer: Answer,
) -> Result<(), Refusal> {
    check(caller, Scope::Approve)?;
    let question = read_id(question)?;
    shared.ask(shared.house.answer(caller, &question, answer)).await.map(|_answered| ())
}
