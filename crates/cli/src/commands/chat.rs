//! `hardshell chat`: in the terminal.

use crate::arguments::{Chat, Common};
use crate::client::{Client, Following};
use crate::commands::approvals::{Heard, STOP, print_sheet, sheet_here, sheet_hint, stop, stopped};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::typed::{self, Lines};
use crate::{root, show};
use daemon::{Options, Running};
use gateway::wire::{
    Accepted, Commands, Event, ItemBody, NewCeiling, NewMessage, NewSession, Proof, ProofState, Question,
    ServerFrame, Session, Sessions, Status, TaskState, Tier, Transcript, Verdict,
};

/// Of how many sessions what was typed can be called back.
const SESSIONS_CALLED_BACK: u32 = 5;

/// How often one answer is followed again after a connection that was closed.
const REJOINED_MAX: u32 = 20;

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
                Options { home, port: Some(0), theatre: None, log: daemon::LogRedaction::default() },
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
            if client.get::<Transcript>(&format!("/api/v1/sessions/{session}")).await.is_err() {
                // A slip in its name is a new conversation, which has read nothing.
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
    let lines = if typed::is_at_terminal() {
        let commands: Commands = client.get("/api/v1/commands").await?;
        Lines::edited(commands.commands, said_before(client, &session).await?)
    } else {
        Lines::plain()
    };
    loop {
        let Some(line) = lines.next().await else { return Ok(Exit::Done) };
        if matches!(line.trim(), "/exit" | "/quit") {
            return Ok(Exit::Done);
        }
        if let Some(word) = line.trim().strip_prefix("/ceiling") {
            match tier(word.trim()) {
                Some(ceiling) => set_ceiling(client, &session, ceiling).await?,
                None => show::note("hint: /ceiling low, /ceiling medium or /ceiling high"),
            }
        } else if !line.trim().is_empty() {
            say(common, client, &session, line.trim(), Asking::Here).await?;
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
    let accepted: Accepted = match client.post(&path, &message).await {
        // That is what was asked for.
        Err(problem) if problem.exit() == Exit::LockedDown && text.eq_ignore_ascii_case(STOP) => {
            return Ok(stopped(common));
        }
        accepted => accepted?,
    };
    let mut interrupted = false;
    let mut drafted = Drafted::default();
    let mut asked: Vec<Event> = Vec::new();
    let mut rejoined = 0_u32;
    loop {
        let event = tokio::select! {
            event = next_of(&mut following, &accepted.task, session) => event?,
            _ = tokio::signal::ctrl_c(), if !interrupted => {
                interrupted = true;
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
            following = client.follow_again(&following).await.map_err(|_gone| following.ended())?;
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
        if common.json {
            let failed =
                matches!(event, Event::Ended { state: TaskState::Failed | TaskState::Cancelled, .. });
            if failed || matches!(event, Event::Reply { .. }) {
                show::json(&event);
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

/// What `task` has come to, from its transcript: printed, and how it ended; nothing when it goes on.
async fn come_to(
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

/// What has been shown of an answer while it was being written.
#[derive(Default)]
struct Drafted {
    text: String,
    step: Option<u32>,
    /// Whether the cursor stands behind a piece of it.
    is_open: bool,
    /// What was last said of the session's label.
    label: String,
}

impl Drafted {
    /// Shows a piece of a draft, or what a reply adds to it. Tells whether that was all there was to show.
    fn show(&mut self, event: &Event) -> bool {
        if let Event::Draft { step, text, .. } = event {
            if self.step != Some(*step) {
                self.end_line();
                self.text.clear();
                self.step = Some(*step);
            }
            show::piece(&show::printable(text));
            self.text.push_str(text);
            self.is_open = !text.ends_with('\n');
            return true;
        }
        if let Event::Reply { text, .. } = event
            && !self.text.is_empty()
            && let Some(rest) = text.strip_prefix(&self.text)
        {
            if !rest.is_empty() || self.is_open {
                show::line(&show::printable(rest));
            }
            self.text.clear();
            self.is_open = false;
            return true;
        }
        self.end_line();
        if let Event::Label { label, .. } = event {
            let sources = label.sources.len();
            let told = format!("  session: {:?} · {:?} · {sources} source(s)", label.integrity, label.tier);
            if told != self.label {
                show::note(&told.to_lowercase());
                self.label = told;
            }
            return true;
        }
        false
    }

    fn end_line(&mut self) {
        if self.is_open {
            show::line("");
            self.is_open = false;
        }
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

/// Prints an event as a card.
fn card(event: &Event) {
    match event {
        Event::Planned { grants, .. } => {
            for grant in grants {
                show::note(&show::printable(&format!("  · may do unasked: {grant}")));
            }
        }
        Event::Call { tool, arguments, .. } => {
            let arguments: Vec<String> =
                arguments.iter().map(|argument| format!("{}={}", argument.name, argument.value)).collect();
            show::note(&show::printable(&format!("  ┌ {tool} {}", arguments.join(" "))));
        }
        Event::Decided { verdict, rules, .. } => {
            let word = match verdict {
                Verdict::Allow => "allowed",
                Verdict::Ask => "asks you",
                Verdict::Deny => "refused",
            };
            let why: Vec<String> = rules.iter().map(|rule| format!("{} ({})", rule.why, rule.id)).collect();
            show::note(&show::printable(&format!("  │ {word}: {}", why.join("; "))));
        }
        Event::Progress { text, percent, .. } => {
            let percent = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            show::note(&show::printable(&format!("  │ {text}{percent}")));
        }
        Event::Result { text, failed, label, .. } => {
            let lines = text.lines().count();
            let word = if *failed { "did not work" } else { "done" };
            show::note(&show::printable(
                &format!("  └ {word}, {lines} line(s), {:?}", label.integrity).to_lowercase(),
            ));
        }
        Event::Reply { text, .. } => show::line(&show::printable(text)),
        Event::Ended { state: TaskState::Failed | TaskState::Cancelled, why, .. } => {
            show::note(&show::printable(&format!("could not answer: {why}")));
        }
        Event::Accepted { .. }
        | Event::Draft { .. }
        | Event::Asked { .. }
        | Event::Waits { .. }
        | Event::Answered { .. }
        | Event::Label { .. }
        | Event::Ended { .. }
        | Event::Audit { .. }
        | Event::Status { .. } => {}
    }
}
