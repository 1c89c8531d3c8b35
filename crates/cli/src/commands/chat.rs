//! `hardshell chat`: in the terminal.

mod drawn;
mod outcome;

use crate::arguments::{Chat, Common};
use crate::client::{Client, Following};
use crate::commands::approvals::{Heard, STOP, print_sheet, sheet_here, sheet_hint, stop, stopped};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::typed::{self, Lines, Typed};
use crate::{root, show};
use daemon::{Options, Running};
use drawn::{Drafted, card};
use gateway::wire::{
    Accepted, Commands, ErrorCode, Event, ItemBody, NewCeiling, NewMessage, NewSession, Proof, ProofState,
    Question, ServerFrame, Session, Sessions, Status, TaskState, Tier, Transcript, Verdict,
};
use outcome::{Taken, come_to, gone, left};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Of how many sessions what was typed can be called back.
const SESSIONS_CALLED_BACK: u32 = 5;

/// How often one answer is followed again after a connection that was closed.
const REJOINED_MAX: u32 = 20;

/// How long the first proofs are waited for, and how often it is asked.
const PROVED_WITHIN: Duration = Duration::from_secs(10);
const ASKED_AGAIN_EVERY: Duration = Duration::from_millis(100);

/// Talks.
pub async fn run(common: &Common, arguments: &Chat) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    let client = Client::of(&home);
    let own = if client.is_there().await {
        None
    } else {
        root::leave(&home)?;
        show::note("Hardshell is not running: starting it for this chat");
        Some(
            Running::start_asking(
                Options {
                    home,
                    port: Some(0),
                    theatre: None,
                    begin: daemon::Begin::GoingOn,
                    log: daemon::LogRedaction::default(),
                },
                crate::hidden::passphrase,
            )
            .await
            .map_err(Box::new)?,
        )
    };
    let result = talk(common, arguments, &client).await;
    if let Some(running) = own {
        running.stop().await;
    }
    result
}

async fn talk(common: &Common, arguments: &Chat, client: &Client) -> Result<Exit, Problem> {
    let ceiling = arguments.ceiling.as_deref().and_then(tier);
    let session = match &arguments.session {
        Some(session) => {
            let found = client.get::<Transcript>(&format!("/api/v1/sessions/{session}")).await;
            if found.is_err() && session.starts_with("s-") {
                // Only Hardshell gives such names: this one was meant to be there.
                return Err(Problem::Other {
                    what: format!("go on with {}: there is no session of that name", show::printable(session)),
                    hint: Some("`hardshell session list` shows those there are; without `--session` a new one begins".to_string()),
                });
            }
            if found.is_err() {
                show::note(&format!("no session is called {}: this is a new one", show::printable(session)));
            }
            if let Some(ceiling) = ceiling {
                set_ceiling(client, session, ceiling).await?;
            }
            session.clone()
        }
        None => {
            let new = NewSession { ceiling, ..NewSession::default() };
            client.post::<Session>("/api/v1/sessions", &new).await?.id
        }
    };
    if let Some(text) = &arguments.message {
        return say(common, client, &session, text, Asking::Leave).await;
    }
    show::note(&format!("session {session} · /help shows what it understands · /exit or Ctrl-D leaves"));
    let waiting: gateway::wire::Approvals = client.get("/api/v1/approvals").await?;
    if !waiting.questions.is_empty() {
        show::note(&format!(
            "{} questions wait for your approval; `hardshell approvals list`",
            waiting.questions.len()
        ));
        crate::commands::approvals::digest(&waiting).iter().for_each(|line| show::note(line));
    }
    let status: Status = client.get("/api/v1/status").await?;
    let due = |proof: &&Proof| proof.name == "vault.age" && proof.state != ProofState::Holds;
    if let Some(due) = status.proofs.iter().find(due) {
        show::note(&show::printable(&format!("due: {}", due.detail)));
    }
    let mut lines = if typed::is_at_terminal() {
        let commands: Commands = client.get("/api/v1/commands").await?;
        Lines::edited(commands.commands, said_before(client, &session).await?)
    } else {
        Lines::plain()
    };
    let mut exit = Exit::Done;
    loop {
        let line = match lines.next().await {
            Typed::End => return Ok(exit),
            Typed::Line(line) => line,
            Typed::Unusable { number, why } => {
                show::note(&format!("could not say line {number}: {why}; the others go on"));
                exit = Exit::Failed;
                continue;
            }
        };
        if matches!(line.trim(), "/exit" | "/quit") {
            return Ok(exit);
        }
        if let Some(word) = line.trim().strip_prefix("/ceiling") {
            match tier(word.trim()) {
                Some(ceiling) => set_ceiling(client, &session, ceiling).await?,
                None => show::note("hint: /ceiling low, /ceiling medium or /ceiling high"),
            }
        } else if !line.trim().is_empty() {
            match say(common, client, &session, line.trim(), Asking::Here).await {
                Err(Problem::Refused(error)) if error.code == ErrorCode::TooLarge => {
                    show::note(&format!(
                        "could not say line {}: {}; the others go on",
                        lines.number, error.message
                    ));
                    exit = Exit::Failed;
                }
                said => {
                    said?;
                }
            }
        }
    }
}

/// What was typed before, the oldest first: in this session, and in the last ones.
async fn said_before(client: &Client, session: &str) -> Result<Vec<String>, Problem> {
    let sessions: Sessions = client.get(&format!("/api/v1/sessions?limit={SESSIONS_CALLED_BACK}")).await?;
    let others = sessions.sessions.into_iter().map(|session| session.id).filter(|id| id != session);
    let mut newest_first: Vec<String> = std::iter::once(session.to_string()).chain(others).collect();
    newest_first.reverse();
    let mut said = Vec::new();
    for id in newest_first {
        // One that was never written to, or is gone meanwhile, has said nothing.
        let Ok(transcript) = client.get::<Transcript>(&format!("/api/v1/sessions/{id}")).await else {
            continue;
        };
        for item in transcript.items {
            if let ItemBody::Said { text, .. } = item.body
                && !text.contains('\n')
            {
                said.push(text);
            }
        }
    }
    Ok(said)
}

fn tier(word: &str) -> Option<Tier> {
    match word {
        "low" => Some(Tier::Low),
        "medium" => Some(Tier::Medium),
        "high" => Some(Tier::High),
        _ => None,
    }
}

async fn set_ceiling(client: &Client, session: &str, ceiling: Tier) -> Result<(), Problem> {
    let path = format!("/api/v1/sessions/{session}/ceiling");
    let session: Session = client.post(&path, &NewCeiling { ceiling }).await?;
    show::note(&format!("this session may read {:?} at most", session.ceiling).to_lowercase());
    Ok(())
}

/// What `post` says once the proofs that every start makes are made: a moment later they are.
async fn once_proved<T>(client: &Client, post: impl AsyncFn() -> Result<T, Problem>) -> Result<T, Problem> {
    let begun = Instant::now();
    loop {
        match post().await {
            Err(Problem::Refused(error))
                if error.code == ErrorCode::NotReady && begun.elapsed() < PROVED_WITHIN =>
            {
                let status: Status = client.get("/api/v1/status").await?;
                if !status.proofs.is_empty() {
                    return Err(Problem::Refused(error));
                }
                tokio::time::sleep(ASKED_AGAIN_EVERY).await;
            }
            said => return said,
        }
    }
}

/// What to do with a question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// Put it to whoever sits here.
    Here,
    /// Say that it waits, and leave.
    Leave,
}

async fn say(
    common: &Common,
    client: &Client,
    session: &str,
    text: &str,
    asking: Asking,
) -> Result<Exit, Problem> {
    let mut following = client.follow().await?;
    let id = daemon::message_id();
    let path = format!("/api/v1/sessions/{session}/messages");
    let message = NewMessage { id, text: text.to_string(), quoted: None };
    let accepted: Accepted = match once_proved(client, async || client.post(&path, &message).await).await {
        // That is what was asked for.
        Err(problem) if problem.exit() == Exit::LockedDown && text.eq_ignore_ascii_case(STOP) => {
            return Ok(stopped(common));
        }
        Err(Problem::Http(_)) => return Err(gone(session, Taken::Unknown)),
        accepted => accepted?,
    };
    let mut interrupted = false;
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|source| Problem::Io { step: "listen for Ctrl-C".to_string(), source })?;
    let mut drafted =
        if drawn::says_twice(client, text).await? { Drafted::once() } else { Drafted::default() };
    let mut asked: Vec<Event> = Vec::new();
    let (mut has_failed, mut was_refused) = (false, false);
    let mut rejoined = 0_u32;
    loop {
        let event = tokio::select! {
            event = next_of(&mut following, &accepted.task, session) => event?,
            _ = interrupt.recv() => {
                if std::mem::replace(&mut interrupted, true) {
                    return Err(left(session));
                }
                show::note("stopping it; Ctrl-C again leaves");
                let path = format!("/api/v1/sessions/{session}/cancel");
                client.post::<gateway::wire::Cancelled>(&path, &serde_json::json!({})).await?;
                continue;
            }
        };
        let Some(event) = event else {
            // Whoever reads too slowly is cut off: it goes on where it was, or with what has come of the task.
            rejoined = rejoined.saturating_add(1);
            if rejoined > REJOINED_MAX {
                return Err(following.ended());
            }
            following = match client.follow_again(&following).await {
                Err(Problem::NotRunning { .. }) => return Err(gone(session, Taken::Kept)),
                again => again.map_err(|_gone| following.ended())?,
            };
            if !following.is_whole {
                show::note(&format!(
                    "some of what happened was missed here; `hardshell session show {session}` has all of it"
                ));
                if let Some(exit) = come_to(common, client, session, &accepted.task).await? {
                    return Ok(exit);
                }
            }
            continue;
        };
        let is_end = matches!(event, Event::Ended { state: TaskState::Failed | TaskState::Cancelled, .. });
        has_failed |= is_end || matches!(event, Event::Result { failed: true, .. });
        was_refused |= matches!(event, Event::Decided { verdict: Verdict::Deny, .. });
        if common.json {
            if is_end || matches!(event, Event::Reply { .. }) {
                show::json(&outcome::Told { event: &event, failed: has_failed });
            }
        } else if !drafted.show(&event) {
            card(&event);
        }
        match event {
            Event::Asked { .. } => asked.push(event),
            // The owner looks at everything that is asked in one turn before the first answer.
            Event::Waits { questions, .. } => {
                let put = std::mem::take(&mut asked);
                let sheet = put.iter().filter_map(question_of).filter(|one| questions.contains(&one.id));
                let sheet: Vec<Question> = sheet.cloned().collect();
                match asking {
                    Asking::Here => match sheet_here(common, client, &sheet).await? {
                        Heard::Answer => {}
                        Heard::Stop => return stop(common, client).await,
                        // What is left of an earlier sheet was put before.
                        Heard::Later if sheet.is_empty() => {}
                        // It may be answered from anywhere; here the conversation goes on.
                        Heard::Later => {
                            show::note(&format!(
                                "it waits: {}",
                                sheet_hint(&ids_of(&sheet)).trim_start_matches("hint: ")
                            ));
                            return Ok(Exit::Waiting);
                        }
                    },
                    Asking::Leave => {
                        if common.json {
                            waits_as_json(&put, &sheet);
                        } else {
                            print_sheet(&sheet);
                            show::note(&sheet_hint(&ids_of(&sheet)));
                        }
                        return Ok(Exit::Waiting);
                    }
                }
            }
            Event::Ended { state, .. } => {
                return Ok(match state {
                    TaskState::Failed | TaskState::Cancelled => Exit::Failed,
                    // Whoever types a command means that very call; a model may have got there another way.
                    TaskState::Done if text.starts_with('/') && was_refused => Exit::Refused,
                    TaskState::Done if text.starts_with('/') && has_failed => Exit::Failed,
                    TaskState::Done | TaskState::Running | TaskState::Waiting => Exit::Done,
                });
            }
            Event::Accepted { .. }
            | Event::Planned { .. }
            | Event::Draft { .. }
            | Event::Call { .. }
            | Event::Decided { .. }
            | Event::Progress { .. }
            | Event::Result { .. }
            | Event::Reply { .. }
            | Event::Answered { .. }
            | Event::Label { .. }
            | Event::Audit { .. }
            | Event::Status { .. } => {}
        }
    }
}

fn question_of(event: &Event) -> Option<&Question> {
    if let Event::Asked { question, .. } = event { Some(question) } else { None }
}

fn ids_of(sheet: &[Question]) -> Vec<String> {
    sheet.iter().map(|question| question.id.clone()).collect()
}

/// One document: the question, or all of them where there are several.
fn waits_as_json(asked: &[Event], sheet: &[Question]) {
    match asked {
        [only] => show::json(only),
        _ => show::json(&serde_json::json!({"kind": "waits", "questions": sheet})),
    }
}

/// The next event of `task`, or of the label of `session`.
async fn next_of(following: &mut Following, task: &str, session: &str) -> Result<Option<Event>, Problem> {
    while let Some(frame) = following.next().await? {
        let ServerFrame::Event(numbered) = frame else { continue };
        let of = match &numbered.event {
            Event::Accepted { task, .. }
            | Event::Planned { task, .. }
            | Event::Draft { task, .. }
            | Event::Call { task, .. }
            | Event::Decided { task, .. }
            | Event::Result { task, .. }
            | Event::Reply { task, .. }
            | Event::Ended { task, .. }
            | Event::Progress { task, .. } => task,
            Event::Asked { question, .. } => &question.task,
            Event::Waits { task, .. } => task,
            Event::Label { session: of, .. } if of == session => return Ok(Some(numbered.event)),
            Event::Answered { .. } | Event::Label { .. } | Event::Audit { .. } | Event::Status { .. } => {
                continue;
            }
        };
        if of == task {
            return Ok(Some(numbered.event));
        }
    }
    Ok(None)
}
