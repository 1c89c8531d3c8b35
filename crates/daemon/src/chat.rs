//! OpenAI-style chats: each is a task of its own in a session of its own, behind the same door.

use crate::house::FrontDoor;
use broker::{Happened, Speaker, What};
use domain::{Inbound, SessionId, StopReason, TaskState, Usage};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use gateway::{Caller, Chat, ChatMessage, ChatRole, Completion, HouseError, Piece};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

impl FrontDoor {
    pub(crate) async fn answer_chat(&self, caller: &Caller, chat: Chat) -> Result<Completion, HouseError> {
        let model = self.state.model_for(&chat.model)?;
        let Some((last, before)) = chat.messages.split_last().filter(|(last, _)| last.role == ChatRole::User)
        else {
            return Err(HouseError::Invalid { why: "the last message must be a user's".to_string() });
        };
        let session: SessionId = format!("api-{}", (self.draw)())
            .parse()
            .map_err(|error: domain::IdError| HouseError::Failed { why: error.to_string() })?;
        let followed = self.screens.follow();
        let inbound = Inbound {
            id: chat.id,
            session: session.clone(),
            sender: caller.sender(),
            principal: caller.principal().clone(),
            text: last.text.clone(),
            // What a program sends along is history as it tells it: never the owner's words.
            quoted: history(before),
            received: (self.clock)(),
        };
        let (_, who) = self.take_in(inbound).await?;
        let tasks = Arc::clone(&self.tasks);
        let stop = Some(CancelWhenDropped { of: Some((tasks, session)) });
        let pieces = pieces(followed, who, stop);
        Ok(Completion { model, pieces })
    }
}

fn history(messages: &[ChatMessage]) -> Option<String> {
    if messages.is_empty() {
        return None;
    }
    let lines = messages.iter().map(|message| {
        let role = match message.role {
            ChatRole::System => "system",
            ChatRole::User => "user",
            ChatRole::Assistant => "assistant",
        };
        format!("{role}: {}", message.text)
    });
    Some(lines.collect::<Vec<_>>().join("\n\n"))
}

/// The client went away: nobody waits for the answer any more.
struct CancelWhenDropped {
    of: Option<(Arc<crate::tasks::Tasks>, SessionId)>,
}

impl CancelWhenDropped {
    /// The task goes on without whoever asked for it.
    fn let_go(mut self) {
        self.of = None;
    }
}

impl Drop for CancelWhenDropped {
    fn drop(&mut self) {
        if let Some((tasks, session)) = self.of.take() {
            tokio::spawn(async move { tasks.cancel(&session).await });
        }
    }
}

/// What is said when an answer has to wait for the owner: a program cannot answer for them.
fn waits(question: &store::Question) -> String {
    let (title, id, session) = (crate::printable(&question.title), &question.id, &question.session);
    format!(
        "This needs your approval first: {title}. Answer on the web page, or with `hardshell approvals approve {id}` or \
         `hardshell approvals deny {id}`. What comes of it is in the session {session}."
    )
}

struct Following {
    events: Receiver<Happened>,
    who: Speaker,
    /// What has been given of the answer of the latest step.
    given: String,
    step: u32,
    over: bool,
    stop: Option<CancelWhenDropped>,
}

fn pieces(
    events: Receiver<Happened>,
    who: Speaker,
    stop: Option<CancelWhenDropped>,
) -> BoxStream<'static, Result<Piece, HouseError>> {
    let following = Following { events, who, given: String::new(), step: 0, over: false, stop };
    futures_util::stream::unfold(following, |mut following| async move {
        let pieces = following.next().await?;
        Some((futures_util::stream::iter(pieces), following))
    })
    .flatten()
    .boxed()
}

impl Following {
    async fn next(&mut self) -> Option<Vec<Result<Piece, HouseError>>> {
        while !self.over {
            let happened = match self.events.recv().await {
                Ok(happened) if happened.task == self.who.task => happened,
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => {
                    self.over = true;
                    let why = "the answer came faster than it was read".to_string();
                    return Some(vec![Err(HouseError::Failed { why })]);
                }
                Err(RecvError::Closed) => return None,
            };
            let pieces = self.pieces_of(happened.what);
            if !pieces.is_empty() {
                return Some(pieces);
            }
        }
        None
    }

    fn pieces_of(&mut self, what: What) -> Vec<Result<Piece, HouseError>> {
        match what {
            What::Draft { step, text, known: _ } => {
                let mut piece = String::new();
                if step != self.step && !self.given.is_empty() {
                    piece.push_str("\n\n");
                    self.given.clear();
                }
                self.step = step;
                self.given.push_str(&text);
                piece.push_str(&text);
                vec![Ok(Piece::Text(piece))]
            }
            What::Replied { text, label: _ } => {
                self.over = true;
                let rest = text.strip_prefix(self.given.as_str()).map_or(text.clone(), str::to_string);
                self.end(Some(rest).filter(|rest| !rest.is_empty()), StopReason::Finished)
            }
            What::Asked { question, .. } => {
                self.over = true;
                // The task goes on by the owner's answer, whenever that comes, and not by this client's staying.
                if let Some(stop) = self.stop.take() {
                    stop.let_go();
                }
                self.end(Some(waits(&question)), StopReason::Finished)
            }
            What::Ended { state: TaskState::Done, why: _ } => {
                self.over = true;
                self.end(None, StopReason::Finished)
            }
            What::Ended { state: TaskState::Failed | TaskState::Cancelled, why } => {
                self.over = true;
                vec![Err(HouseError::Failed { why })]
            }
            What::Ended { state: TaskState::Running | TaskState::Waiting, why: _ }
            | What::Accepted { .. }
            | What::Planned { .. }
            | What::Called { .. }
            | What::Decided { .. }
            | What::Progress { .. }
            | What::Resulted { .. }
            | What::Answered { .. }
            | What::Labelled { .. } => Vec::new(),
        }
    }

    fn end(&self, text: Option<String>, stop: StopReason) -> Vec<Result<Piece, HouseError>> {
        let done = Piece::Done { stop, usage: Usage::default() };
        text.map(Piece::Text).into_iter().chain([done]).map(Ok).collect()
    }
}
