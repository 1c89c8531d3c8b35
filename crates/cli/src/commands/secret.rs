//! `hardshell secret`: keys, kept in the vault. No command prints one.

use crate::arguments::{Common, SecretCommand};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use domain::{Host, SecretName};
use std::io::{IsTerminal as _, Read as _};
use vault::{About, KeySource, SecretText, Vault};

/// Sets, lists or removes.
pub fn run(common: &Common, command: &SecretCommand) -> Result<Exit, Problem> {
    let root = show::home(common)?;
    root::leave(&root)?;
    let home = daemon::Home::prepare(&root)?;
    let vault = Vault::open(home.root(), &KeySource::File).map_err(failed)?;
    let now = (gateway::clock())();
    match command {
        SecretCommand::Set { name, host, note } => {
            let name: SecretName = name.parse().map_err(failed)?;
            let hosts = host
                .iter()
                .map(|host| host.parse::<Host>())
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)?;
            let about = About { hosts, note: note.clone().unwrap_or_default(), expires: None };
            vault.set(&name, read_secret()?, about).map_err(failed)?;
            done(
                common,
                &format!("{name} is in the vault. Write it in the configuration as `secret://{name}`."),
            );
        }
        SecretCommand::List => {
            let entries = vault.list().map_err(failed)?;
            if common.json {
                let shown: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        serde_json::json!({
                            "name": entry.name.as_str(),
                            "hosts": entry.about.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
                            "note": entry.about.note,
                            "created": entry.created.0,
                        })
                    })
                    .collect();
                show::json(&shown);
            } else if entries.is_empty() {
                show::line("The vault is empty. `hardshell secret set NAME --host HOST` keeps a key.");
            } else {
                for entry in entries {
                    let hosts: Vec<String> = entry.about.hosts.iter().map(ToString::to_string).collect();
                    let days = now.since(entry.created).as_secs() / 86_400;
                    let line = format!(
                        "{:<24} for {:<32} {days} day(s) old  {}",
                        entry.name,
                        hosts.join(" "),
                        entry.about.note
                    );
                    show::line(&show::printable(&line));
                }
            }
        }
        SecretCommand::Remove { name } => {
            let name: SecretName = name.parse().map_err(failed)?;
            vault.remove(&name).map_err(failed)?;
            done(common, &format!("{name} is gone from the vault."));
        }
    }
    Ok(Exit::Done)
}

/// From a terminal without showing it, or from what is piped in. Never from an argument, which others could see.
fn read_secret() -> Result<SecretText, Problem> {
    let io = |source| Problem::Io { step: "read the secret".to_string(), source };
    let stdin = std::io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        show::piece("secret (not shown): ");
        let before = rustix::termios::tcgetattr(&stdin).map_err(|errno| io(errno.into()))?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(rustix::termios::LocalModes::ECHO);
        rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &quiet)
            .map_err(|errno| io(errno.into()))?;
        let read = stdin.read_line(&mut text);
        let restored = rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &before);
        show::line("");
        read.map_err(io)?;
        restored.map_err(|errno| io(errno.into()))?;
    } else {
        let limit = u64::try_from(vault::SECRET_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
        stdin.lock().take(limit).read_to_string(&mut text).map_err(io)?;
    }
    let trimmed = text.trim_end_matches(['\n', '\r']).to_string();
    SecretText::new(trimmed).map_err(failed)
}

fn done(common: &Common, text: &str) {
    if common.json { show::json(&serde_json::json!({"ok": true})) } else { show::line(text) }
}

fn failed(error: impl std::error::Error) -> Problem {
    Problem::Other { what: format!("do that with the vault: {error}"), hint: None }
}
