//! `hardshell secret`: keys, kept in the vault. No command prints one.

mod import;
mod list;
mod rotate;

use crate::arguments::{Common, KeyWord, SecretCommand};
use crate::exit::Exit;
use crate::hidden;
use crate::problem::Problem;
use crate::{root, show};
use audit::SecretAct;
use daemon::config::{Config, FILE};
use daemon::{Asking, Home, KeyKind, SecretRecord};
use domain::{Host, SecretName, Timestamp};
use std::sync::Arc;
use vault::{About, SecretText, Vault};

/// What every one of these commands works with.
struct Opened {
    home: Home,
    config: Config,
    vault: Arc<Vault>,
}

/// Does what was typed.
pub async fn run(common: &Common, command: &SecretCommand) -> Result<Exit, Problem> {
    let root = show::home(common)?;
    match command {
        SecretCommand::Set { .. } | SecretCommand::Import { .. } => root::leave(&root)?,
        SecretCommand::List
        | SecretCommand::Rotate { .. }
        | SecretCommand::Revoke { .. }
        | SecretCommand::Remove { .. }
        | SecretCommand::Key { .. } => root::enter(&root)?,
    }
    let home = Home::prepare(&root)?;
    let config = Config::load(&home.path(FILE))?;
    let vault =
        config.open_vault(home.root(), hidden::passphrase, daemon::Begin::GoingOn).map_err(Box::new)?;
    let opened = Opened { home, config, vault: Arc::new(vault) };
    match command {
        SecretCommand::Set { name, host, note, expires } => {
            let name: SecretName = name.parse().map_err(failed)?;
            let about = About {
                hosts: hosts(host)?,
                note: note.clone().unwrap_or_default(),
                expires: expires.as_deref().map(day).transpose()?,
            };
            let text = read("secret (not shown): ")?;
            let known = opened.vault.list().map_err(failed)?.iter().any(|entry| entry.name == name);
            let record = SecretRecord::open(opened.home.root()).await?;
            opened.vault.set(&name, text, about).map_err(failed)?;
            record.note(&name, if known { SecretAct::Rotated } else { SecretAct::Set }).await?;
            record.close().await?;
            done(
                common,
                &format!("{name} is in the vault. Write it in the configuration as `secret://{name}`."),
            );
        }
        SecretCommand::List => list::run(common, &opened)?,
        SecretCommand::Rotate { name, test, place, untested } => {
            let proof = match (test, untested) {
                (Some(url), _) => rotate::Proof::By { url, place },
                (None, true) => rotate::Proof::Untested,
                (None, false) => rotate::Proof::Known,
            };
            rotate::run(common, &opened, name, &proof).await?;
        }
        SecretCommand::Import { path, only, host, dry_run, shred } => {
            let wishes = import::Wishes { only, hosts: hosts(host)?, dry_run: *dry_run, shred: *shred };
            import::run(common, &opened, path, &wishes).await?;
        }
        SecretCommand::Revoke { name, lift } => revoke(common, &opened, name, *lift).await?,
        SecretCommand::Remove { name } => {
            let name: SecretName = name.parse().map_err(failed)?;
            let record = SecretRecord::open(opened.home.root()).await?;
            opened.vault.remove(&name).map_err(failed)?;
            record.note(&name, SecretAct::Removed).await?;
            record.close().await?;
            done(common, &format!("{name} is gone from the vault, and what held it is overwritten."));
        }
        SecretCommand::Key { kind } => rekey(common, opened, *kind)?,
    }
    Ok(Exit::Done)
}

/// Takes a secret out of use, or puts it back. A running house sees it in the vault and ends what is under way.
async fn revoke(common: &Common, opened: &Opened, name: &str, lift: bool) -> Result<(), Problem> {
    let name: SecretName = name.parse().map_err(failed)?;
    let elsewhere = opened.config.secrets.iter().any(|section| section.name == name.as_str());
    let known = opened.vault.list().map_err(failed)?.iter().any(|entry| entry.name == name) || elsewhere;
    let record = SecretRecord::open(opened.home.root()).await?;
    let act = if lift {
        opened.vault.reinstate(&name).map_err(failed)?;
        SecretAct::Reinstated
    } else if known {
        opened.vault.revoke(&name).map_err(failed)?;
        SecretAct::Revoked
    } else {
        return Err(Problem::Other {
            what: format!("revoke the secret `{name}`: there is none of that name"),
            hint: Some("hardshell secret list".to_string()),
        });
    };
    let noted = record.note(&name, act).await?;
    record.close().await?;
    let how = if noted {
        "That is on record."
    } else {
        "A running Hardshell ends what is under way, and records it."
    };
    if lift {
        done(common, &format!("{name} is in use again. {how}"));
    } else {
        done(
            common,
            &format!(
                "{name} is out of use. {how}\nReplace it at its service, then `hardshell secret rotate {name}` or `hardshell secret set {name} --host …`."
            ),
        );
    }
    Ok(())
}

fn rekey(common: &Common, opened: Opened, kind: KeyWord) -> Result<(), Problem> {
    let kind = match kind {
        KeyWord::File => KeyKind::File,
        KeyWord::Passphrase => KeyKind::Passphrase,
        KeyWord::Credential => KeyKind::Credential,
    };
    let source = kind.source(Asking::New, hidden::passphrase).map_err(Box::new)?;
    let Opened { home, config: _, vault } = opened;
    let vault = Arc::try_unwrap(vault).map_err(|_shared| Problem::Other {
        what: "change the key: the vault is in use by this command".to_string(),
        hint: None,
    })?;
    vault.rekey(home.root(), &source).map_err(failed)?;
    let word = match kind {
        KeyKind::File => "file",
        KeyKind::Passphrase => "passphrase",
        KeyKind::Credential => "credential",
    };
    done(
        common,
        &format!(
            "The vault has another key. Write `key = \"{word}\"` under `[vault]` in {}, and start again.\nMind that {}.",
            home.path(FILE).display(),
            kind.caveat()
        ),
    );
    Ok(())
}

fn hosts(texts: &[String]) -> Result<Vec<Host>, Problem> {
    texts.iter().map(|text| text.parse::<Host>()).collect::<Result<_, _>>().map_err(failed)
}

/// The end of a day, in UTC.
fn day(text: &str) -> Result<Timestamp, Problem> {
    let wrong = || Problem::Other {
        what: format!("read the day `{text}`: write YYYY-MM-DD"),
        hint: Some("hardshell secret set NAME --host HOST --expires 2027-03-01".to_string()),
    };
    let day: jiff::civil::Date = text.parse().map_err(|_bad: jiff::Error| wrong())?;
    let end = day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).map_err(|_bad| wrong())?;
    let milliseconds = u64::try_from(end.timestamp().as_millisecond()).map_err(|_past| wrong())?;
    Ok(Timestamp(milliseconds))
}

fn read(prompt: &str) -> Result<SecretText, Problem> {
    let text = hidden::secret(prompt)
        .map_err(|source| Problem::Io { step: "read the secret".to_string(), source })?;
    SecretText::new(text).map_err(failed)
}

fn done(common: &Common, text: &str) {
    if common.json { show::json(&serde_json::json!({"ok": true})) } else { show::line(text) }
}

fn failed(error: impl std::error::Error) -> Problem {
    Problem::Other { what: format!("do that with the vault: {error}"), hint: None }
}
