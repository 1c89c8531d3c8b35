//! `hardshell channel`: where people and programs talk to it, and taking that back.

use crate::arguments::{ChannelCommand, ChannelWord, Common};
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use gateway::wire::{SignInEntry, SignInKind, SignIns};

/// Lists the channels, or takes back everything by which somebody comes in over one.
pub async fn run(common: &Common, command: &ChannelCommand) -> Result<Exit, Problem> {
    let client = Client::of(&show::home(common)?);
    let all: SignIns = client.get("/api/v1/sign-ins").await?;
    let of =
        |kind: SignInKind| all.sign_ins.iter().filter(move |entry| entry.kind == kind).collect::<Vec<_>>();
    let (web, api) = (of(SignInKind::Browser), of(SignInKind::Token));
    match command {
        ChannelCommand::List => list(common, &web, &api),
        ChannelCommand::Revoke { channel } => {
            let (word, entries) = match channel {
                ChannelWord::Web => ("web", web),
                ChannelWord::Api => ("api", api),
            };
            for entry in &entries {
                // Nothing comes back but that it is done.
                let _nothing: serde_json::Value =
                    client.delete(&format!("/api/v1/sign-ins/{}", entry.id)).await?;
            }
            if common.json {
                show::json(&serde_json::json!({"channel": word, "revoked": entries.len()}));
            } else {
                show::line(&format!(
                    "Taken back on {word}: {}. What was open with them is closed.",
                    entries.len()
                ));
            }
        }
    }
    Ok(Exit::Done)
}

fn list(common: &Common, web: &[&SignInEntry], api: &[&SignInEntry]) {
    if common.json {
        show::json(&serde_json::json!([
            {"channel": "cli", "entries": []},
            {"channel": "web", "entries": web},
            {"channel": "api", "entries": api},
        ]));
        return;
    }
    show::line(
        "cli   this machine's owner, by the socket in the home; the files' modes are what keeps others out",
    );
    for (word, what, entries) in [("web", "browser(s) signed in", web), ("api", "token(s)", api)] {
        show::line(&format!("{word}   {} {what}", entries.len()));
        for entry in entries {
            show::line(&show::printable(&format!("      {}  {}  {}", entry.id, entry.principal, entry.name)));
        }
    }
    show::note("no channel leads outside: chat services are not built in");
}
