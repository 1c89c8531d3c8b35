//! An incident told: in words, as a page, as JSON; with what to do about each secret.

use super::{Deed, Incident, Scope, picture};
use crate::escape::{escaped, plain};
use crate::page::head;
use crate::words::moment;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many deeds of a kind are told in words; the packet has them all.
const TOLD_MAX: usize = 40;

/// Where keys of well-known services are replaced, by the end of the host's name.
const ROTATED_AT: &[(&str, &str)] = &[
    ("anthropic.com", "https://console.anthropic.com/settings/keys"),
    ("openai.com", "https://platform.openai.com/api-keys"),
    ("github.com", "https://github.com/settings/tokens"),
    ("gitlab.com", "https://gitlab.com/-/user_settings/personal_access_tokens"),
    ("googleapis.com", "https://console.cloud.google.com/apis/credentials"),
    ("gmail.com", "https://myaccount.google.com/apppasswords"),
    ("slack.com", "https://api.slack.com/apps"),
    ("discord.com", "https://discord.com/developers/applications"),
    ("telegram.org", "https://t.me/BotFather (/revoke)"),
    ("amazonaws.com", "https://console.aws.amazon.com/iam/home#/security_credentials"),
    ("openrouter.ai", "https://openrouter.ai/settings/keys"),
    ("mistral.ai", "https://console.mistral.ai/api-keys"),
];

fn chapters(incident: &Incident) -> [(&'static str, &[Deed]); 9] {
    [
        ("Sent", &incident.sent),
        ("Run", &incident.run),
        ("Written or deleted", &incident.written),
        ("Read", &incident.read),
        ("Refused", &incident.refused),
        ("Asked, and answered", &incident.asked),
        ("Not known whether it happened", &incident.unclear),
        ("Lockdowns and suspensions", &incident.lockdowns),
        ("Proofs that failed", &incident.failed_proofs),
    ]
}

/// What to do, most urgent first.
fn advice(incident: &Incident) -> Vec<String> {
    let mut steps = vec![
        "Keep it locked down (`hardshell lockdown on`) until the steps below are done.".to_string(),
        "Check that nobody rewrote this: `hardshell audit verify`.".to_string(),
    ];
    for (name, exposed) in &incident.secrets {
        let why = if exposed.seen { "it was seen where it must not be" } else { "it was used in this time" };
        let hosts: Vec<&str> = exposed.hosts.iter().map(String::as_str).collect();
        let place = ROTATED_AT.iter().find(|(end, _)| hosts.iter().any(|host| host.ends_with(end)));
        let place = place.map_or_else(
            || "at the service it belongs to".to_string(),
            |(_, address)| format!("at {address}"),
        );
        let flags: String = hosts.iter().map(|host| format!(" --host {host}")).collect();
        let flags = if flags.is_empty() { " --host HOST".to_string() } else { flags };
        steps.push(format!(
            "Replace the secret `{name}` ({why}): make a new one {place}, revoke the old one there, then `hardshell secret set {name}{flags}`."
        ));
    }
    if !incident.written.is_empty() {
        steps.push("Look at each file under “Written or deleted”; restore from before it: `hardshell backup restore --before TIME`.".to_string());
    }
    if !incident.sent.is_empty() {
        steps.push("Tell whoever received what is under “Sent”.".to_string());
    }
    for way in &incident.ways_in {
        steps.push(format!("Take the session back: `hardshell session revoke {}`.", way.session));
    }
    steps.push("Sign in anew, from a machine you trust: `hardshell sign-in`.".to_string());
    steps
}

/// The incident in words, for a terminal.
#[must_use]
pub fn in_words(incident: &Incident, scope: &Scope) -> String {
    let at = |time| moment(time, 0);
    let mut out = format!(
        "From {} to {} (UTC): {} records belong to it.",
        at(scope.from),
        at(scope.until),
        incident.records
    );
    // Writing to a String cannot fail, here and below.
    if incident.ways_in.is_empty() {
        let _ = write!(out, "\n\nNothing of a stranger's came in.");
    }
    for way in &incident.ways_in {
        let _ = write!(
            out,
            "\n\nHow it came in: {} into session {} at {}, with {} (record {}).",
            plain(&way.sources.join(", ")),
            way.session,
            at(way.time),
            plain(&way.by),
            way.seq
        );
    }
    for (title, deeds) in chapters(incident) {
        if deeds.is_empty() {
            continue;
        }
        let _ = write!(out, "\n\n{title}: {}", deeds.len());
        for deed in deeds.iter().take(TOLD_MAX) {
            let _ = write!(out, "\n  {}", plain(&line(deed)));
        }
        if let Some(more) = deeds.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
            let _ = write!(out, "\n  … and {more} more; the packet has them all");
        }
    }
    if !incident.hosts.is_empty() {
        let _ = write!(out, "\n\nHosts:");
        for (host, (through, refused, bytes)) in &incident.hosts {
            let _ = write!(
                out,
                "\n  {} let through {through} times with {bytes} bytes out, refused {refused} times",
                plain(host)
            );
        }
    }
    let _ = write!(out, "\n\nWhat to do:");
    for (number, step) in (1..).zip(advice(incident)) {
        let _ = write!(out, "\n  {number}. {}", plain(&step));
    }
    if incident.cut {
        let _ = write!(
            out,
            "\n\nThere was more than is told here: narrow the time, or name a session or source."
        );
    }
    out
}

fn line(deed: &Deed) -> String {
    let because = if deed.because.is_empty() { String::new() } else { format!("  [{}]", deed.because) };
    format!(
        "{}  {}  {}{because}  (record {})",
        moment(deed.time, 0),
        deed.name,
        deed.targets.join(" "),
        deed.seq
    )
}

/// The incident as one HTML page that loads and runs nothing.
#[must_use]
pub fn as_page(incident: &Incident, scope: &Scope) -> String {
    let mut out = head("Incident report");
    let _ = writeln!(
        out,
        "{}<pre>{}</pre></body></html>",
        picture(incident),
        escaped_lines(&in_words(incident, scope))
    );
    out
}

fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// The incident for programs, whole.
#[must_use]
pub fn json(incident: &Incident, scope: &Scope) -> Value {
    let deeds = |deeds: &[Deed]| -> Vec<Value> {
        deeds
            .iter()
            .map(|deed| {
                json!({"seq": deed.seq.0, "time": deed.time.0, "session": deed.session, "name": deed.name,
                    "targets": deed.targets, "because": deed.because, "sources": deed.sources})
            })
            .collect()
    };
    let ways: Vec<Value> = incident
        .ways_in
        .iter()
        .map(|way| {
            json!({"seq": way.seq.0, "time": way.time.0, "session": way.session, "sources": way.sources, "by": way.by})
        })
        .collect();
    let hosts: serde_json::Map<String, Value> = incident
        .hosts
        .iter()
        .map(|(host, (through, refused, out))| {
            (host.clone(), json!({"let_through": through, "refused": refused, "bytes_out": out}))
        })
        .collect();
    let secrets: serde_json::Map<String, Value> = incident
        .secrets
        .iter()
        .map(|(name, one)| (name.clone(), json!({"hosts": one.hosts, "uses": one.uses, "seen": one.seen})))
        .collect();
    json!({
        "from": scope.from.0, "until": scope.until.0,
        "session": scope.session.as_ref().map(ToString::to_string), "source": scope.source,
        "records": incident.records, "first": incident.first.map(|seq| seq.0), "last": incident.last.map(|seq| seq.0),
        "ways_in": ways, "read": deeds(&incident.read), "written": deeds(&incident.written),
        "run": deeds(&incident.run), "sent": deeds(&incident.sent), "refused": deeds(&incident.refused),
        "asked": deeds(&incident.asked), "unclear": deeds(&incident.unclear),
        "lockdowns": deeds(&incident.lockdowns), "failed_proofs": deeds(&incident.failed_proofs),
        "hosts": hosts, "secrets": secrets, "advice": advice(incident), "cut": incident.cut,
    })
}
