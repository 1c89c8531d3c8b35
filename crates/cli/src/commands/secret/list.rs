//! Names, hosts, ages, and what to do about them.

use super::{Opened, failed};
use crate::arguments::Common;
use crate::problem::Problem;
use crate::show;
use domain::Timestamp;
use serde_json::{Value, json};
use vault::{Entry, Warning};

/// Lists the secrets, those with the most pressing warnings first.
pub fn run(common: &Common, opened: &Opened) -> Result<(), Problem> {
    let now = daemon::now();
    let mut entries = opened.vault.list().map_err(failed)?;
    entries.sort_by_key(|entry| entry.warnings(now).is_empty());
    let revoked = opened.vault.revoked().map_err(failed)?;
    let since = |name: &str| revoked.get(name).copied();
    if common.json {
        let each = entries.iter().map(|entry| in_json(entry, now, since(entry.name.as_str())));
        show::json(&each.collect::<Vec<_>>());
        return Ok(());
    }
    if entries.is_empty() {
        show::line("The vault is empty. `hardshell secret set NAME --host HOST` keeps a key.");
    }
    for entry in &entries {
        let hosts: Vec<String> = entry.about.hosts.iter().map(ToString::to_string).collect();
        let used = match (entry.used, &entry.used_by) {
            (Some(when), Some(by)) => format!("used {} ago by {by}", age(now, when)),
            (Some(when), None) => format!("used {} ago", age(now, when)),
            (None, _) => "not used yet".to_string(),
        };
        let line = format!(
            "{:<24} for {:<32} {} old, {used}  {}",
            entry.name,
            hosts.join(" "),
            age(now, entry.rotated.unwrap_or(entry.created)),
            entry.about.note
        );
        show::line(show::printable(&line).trim_end());
        if let Some(since) = since(entry.name.as_str()) {
            let name = &entry.name;
            show::line(&format!(
                "  ! revoked {} ago, and not lent any more: `hardshell secret rotate {name}`",
                age(now, since)
            ));
        }
        for warning in entry.warnings(now) {
            show::line(&format!("  ! {}", in_words(entry, warning)));
        }
    }
    let elsewhere =
        revoked.iter().filter(|(name, _)| !entries.iter().any(|entry| entry.name.as_str() == *name));
    for (name, since) in elsewhere {
        show::line(&format!(
            "{name:<24} kept elsewhere, revoked {} ago: `hardshell secret revoke {name} --lift` puts it back",
            age(now, *since)
        ));
    }
    show::note(&format!("key of the vault: {}", opened.config.vault.key.caveat()));
    Ok(())
}

/// What a warning means, with the command that settles it.
fn in_words(entry: &Entry, warning: Warning) -> String {
    let name = &entry.name;
    match warning {
        Warning::Old { days } => format!("{days} days old: `hardshell secret rotate {name}`"),
        Warning::ExpiresSoon { days } => {
            format!("expires in {days} day(s): `hardshell secret rotate {name}`")
        }
        Warning::Expired => {
            let hosts: String = entry.about.hosts.iter().map(|host| format!(" --host {host}")).collect();
            format!("expired, and is not lent any more: `hardshell secret set {name}{hosts}`")
        }
        Warning::Staged => format!("a new value was never proved: `hardshell secret rotate {name}`"),
    }
}

fn word(warning: Warning) -> &'static str {
    match warning {
        Warning::Old { .. } => "old",
        Warning::ExpiresSoon { .. } => "expires-soon",
        Warning::Expired => "expired",
        Warning::Staged => "staged",
    }
}

fn in_json(entry: &Entry, now: Timestamp, revoked: Option<Timestamp>) -> Value {
    json!({
        "name": entry.name.as_str(),
        "kept_in": entry.kept_in.to_string(),
        "hosts": entry.about.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "note": entry.about.note,
        "created": entry.created.0,
        "rotated": entry.rotated.map(|when| when.0),
        "expires": entry.about.expires.map(|when| when.0),
        "revoked": revoked.map(|when| when.0),
        "used": entry.used.map(|when| when.0),
        "used_by": entry.used_by,
        "warnings": entry.warnings(now).into_iter().map(word).collect::<Vec<_>>(),
    })
}

fn age(now: Timestamp, then: Timestamp) -> String {
    let minutes = now.since(then).as_secs() / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}
