//! `hardshell session`: conversations.

use crate::arguments::{Common, SessionCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use daemon::Whom;
use gateway::wire::{ItemBody, Sessions, Transcript};
use std::path::Path;

/// Lists them, or shows one.
pub async fn run(common: &Common, command: &SessionCommand) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    let client = Client::of(&home);
    match command {
        SessionCommand::Resume { what } => resume(common, &home, what)?,
        SessionCommand::List => {
            let all: Sessions = client.get("/api/v1/sessions").await?;
            if common.json {
                show::json(&all.sessions);
            } else if all.sessions.is_empty() {
                show::line("No conversation yet. `hardshell chat` begins one.");
            } else {
                for session in all.sessions {
                    let label =
                        format!("{:?}/{:?}", session.label.integrity, session.label.tier).to_lowercase();
                    let ceiling = format!("reads up to {:?}", session.ceiling).to_lowercase();
                    let line = format!("{}  {label:<18} {ceiling:<18} {}", session.id, session.title);
                    show::line(&show::printable(&line));
                }
            }
        }
        SessionCommand::Revoke { id } => {
            let stopped: gateway::wire::Cancelled = client.delete(&format!("/api/v1/sessions/{id}")).await?;
            if common.json {
                show::json(
                    &serde_json::json!({"session": id, "revoked": true, "stopped": stopped.cancelled}),
                );
            } else {
                let what = if stopped.cancelled { "what it did was stopped" } else { "nothing ran in it" };
                show::line(&format!("Taken back: {}; {what}.", show::printable(id)));
            }
        }
        SessionCommand::Show { id } => {
            let transcript: Transcript = client.get(&format!("/api/v1/sessions/{id}")).await?;
            if common.json {
                show::json(&transcript);
            } else {
                transcript.items.iter().for_each(|item| print(&item.body));
            }
        }
    }
    Ok(Exit::Done)
}

fn resume(common: &Common, home: &Path, what: &str) -> Result<(), Problem> {
    root::enter(home)?;
    // An id has no colon, and a stranger's name always has one behind its kind.
    let whom =
        if what.contains(':') { Whom::Source(what.to_string()) } else { Whom::Session(what.to_string()) };
    let lifted = daemon::dangerous_resume(home, &whom);
    let lifted = lifted.map_err(|source| Problem::Io { step: format!("let {whom} go on"), source })?;
    if !lifted {
        return Err(Problem::Other {
            what: format!("let {} go on: that is not suspended", show::printable(&whom.to_string())),
            hint: Some("hardshell status".to_string()),
        });
    }
    if common.json {
        show::json(&serde_json::json!({"resumed": what}));
    } else {
        show::line(&show::printable(&format!("Goes on: {whom}.")));
    }
    Ok(())
}

fn print(body: &ItemBody) {
    let line = match body {
        ItemBody::Said { by, text, .. } => format!("{by}: {text}"),
        ItemBody::Planned { grants, .. } if grants.is_empty() => return,
        ItemBody::Planned { grants, .. } => format!("  may do unasked: {}", grants.join("; ")),
        ItemBody::Answered { calls, .. } if !calls.is_empty() => {
            let calls: Vec<String> =
                calls.iter().map(|call| format!("{} {}", call.tool, call.arguments)).collect();
            format!("  ┌ {}", calls.join("; "))
        }
        ItemBody::Result { tool, failed, text, .. } => {
            format!(
                "  └ {tool} {}: {} line(s)",
                if *failed { "did not work" } else { "done" },
                text.lines().count()
            )
        }
        ItemBody::Held { handle, tool, text } => {
            format!(
                "    held apart as {handle}: {} line(s) of {tool} that strangers wrote",
                text.lines().count()
            )
        }
        ItemBody::Asked { question, .. } => format!("  ? asked you: {question}"),
        ItemBody::Replied { text } => format!("hardshell: {text}"),
        ItemBody::Summary { text, up_to } => format!("(everything up to {up_to}, in short: {text})"),
        ItemBody::Ended { state, why } => format!("({state:?}: {why})"),
        ItemBody::Answered { .. } => return,
    };
    show::line(&show::printable(&line));
}
