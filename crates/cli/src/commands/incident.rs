//! `hardshell incident`: what happened, told from the log, and handed on so that others can check it.

use crate::arguments::Common;
use crate::arguments::looking::{IncidentCommand, IncidentReport};
use crate::commands::audit::{create, unwritten};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::scratch::Scratch;
use crate::{moment, root, show, stage};
use audit::{KeySource, PublicKey};
use daemon::Switch;
use reports::incident::{self, Facts, Incident, Scope};
use sandbox::{Output, Played};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The files of a home that say how it was set up, and hold no secret.
const SETTINGS: [&str; 3] = ["hardshell.toml", "SOUL.md", "AGENTS.md"];
/// The most that the story of a drill's attack may take, in bytes.
const STORY_BYTES_MAX: u64 = 4 << 20;
/// The attack that a drill plays, and the wall that is left out so that there is something to report.
const DRILL: &str = "signature";

/// Does it.
pub async fn run(common: &Common, command: &IncidentCommand) -> Result<Exit, Problem> {
    match command {
        IncidentCommand::Report(wanted) => {
            let home = show::home(common)?;
            report(common, &home, wanted)
        }
        IncidentCommand::Verify { packet, key } => verify(common, packet, key.as_deref()),
        IncidentCommand::Drill => drill(common).await,
    }
}

fn report(common: &Common, home: &Path, wanted: &IncidentReport) -> Result<Exit, Problem> {
    let now = daemon::now();
    let session = wanted.session.as_ref().map(|text| {
        text.parse().map_err(|_bad| Problem::Other {
            what: format!("look for the session `{}`: that is no id", show::printable(text)),
            hint: Some("hardshell session list".to_string()),
        })
    });
    let scope = Scope {
        from: moment::parse(&wanted.since, now)?,
        until: wanted.until.as_deref().map(|text| moment::parse(text, now)).transpose()?.unwrap_or(now),
        session: session.transpose()?,
        source: wanted.source.clone(),
    };
    let page = wanted.html.as_deref().map(create).transpose()?;
    root::enter(home)?;
    if let Some(session) = &scope.session {
        is_on_record(home, session)?;
    }
    let found = incident::collect(&home.join("audit"), &scope)?;
    if let (Some(path), Some(mut file)) = (&wanted.html, page) {
        file.write_all(incident::as_page(&found, &scope).as_bytes())
            .map_err(|source| unwritten(path, source))?;
        show::note(&format!("the page is {}", path.display()));
    }
    let key = wanted.out.as_deref().map(|out| packet(home, out, &found, &scope)).transpose()?;
    if common.json {
        let mut whole = incident::json(&found, &scope);
        if let (Some(whole), Some(key)) = (whole.as_object_mut(), key) {
            whole.insert("key".to_string(), serde_json::json!(key.to_string()));
        }
        show::json(&whole);
        return Ok(Exit::Done);
    }
    show::line(&incident::in_words(&found, &scope));
    if let (Some(out), Some(key)) = (&wanted.out, key) {
        show::note(&format!("the packet is {}; whoever gets it checks it with", out.display()));
        show::note(&format!("  hardshell incident verify {} --key {key}", out.display()));
    }
    Ok(Exit::Done)
}

/// Writes the packet of what was found in the house of `home`.
fn packet(home: &Path, out: &Path, found: &Incident, scope: &Scope) -> Result<PublicKey, Problem> {
    let mut files = vec![
        ("report.txt".to_string(), incident::in_words(found, scope).into_bytes()),
        ("report.html".to_string(), incident::as_page(found, scope).into_bytes()),
        ("graph.svg".to_string(), incident::picture(found).into_bytes()),
        ("report.json".to_string(), format!("{:#}\n", incident::json(found, scope)).into_bytes()),
        ("system.json".to_string(), format!("{:#}\n", system(home)).into_bytes()),
    ];
    let rules = std::fs::read_dir(home.join("policy")).into_iter().flatten().flatten();
    let rules = rules.map(|entry| format!("policy/{}", entry.file_name().to_string_lossy()));
    for name in SETTINGS.map(str::to_string).into_iter().chain(rules) {
        // What is not there was not there: the report says what it says without it.
        if let Ok(bytes) = std::fs::read(home.join(&name)) {
            files.push((format!("settings/{name}"), bytes));
        }
    }
    let key = KeySource::File(home.join(daemon::AUDIT_KEY));
    let facts = Facts { log: &home.join("audit"), key: &key, scope, files };
    incident::pack(out, &facts).map_err(|error| packet_problem("write the packet", &error))
}

fn packet_problem(what: &str, error: &incident::PacketError) -> Problem {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    Problem::Other { what: format!("{what}: {why}"), hint: None }
}

/// What the machine and the program are, as far as it matters to whoever looks into it.
fn system(home: &Path) -> serde_json::Value {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_string();
    let programs: Vec<serde_json::Value> = std::env::current_exe()
        .into_iter()
        .flat_map(|own| [own.with_file_name("hardshell-sandbox"), own])
        .filter_map(|path| {
            let digest = blake3::hash(&std::fs::read(&path).ok()?).to_hex().to_string();
            Some(serde_json::json!({"path": path, "blake3": digest}))
        })
        .collect();
    let files: Vec<serde_json::Value> = std::fs::read_dir(home)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let mode = format!("{:04o}", meta.mode() & 0o7777);
            Some(serde_json::json!({"name": name, "mode": mode, "owner": meta.uid(), "bytes": meta.len(), "changed": meta.mtime()}))
        })
        .collect();
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "made": daemon::now().0,
        "kernel": text("/proc/sys/kernel/osrelease"),
        "kernel_version": text("/proc/version"),
        "machine": text("/etc/machine-id"),
        "host": text("/proc/sys/kernel/hostname"),
        "uptime": text("/proc/uptime"),
        "user": rustix::process::geteuid().as_raw(),
        "lockdown": Switch::of(home).why(),
        "programs": programs,
        "home": files,
    })
}

fn verify(common: &Common, packet: &Path, key: Option<&str>) -> Result<Exit, Problem> {
    let expected = key.map(|key| {
        key.parse::<PublicKey>().map_err(|error| Problem::Other {
            what: format!("use the key: {error}"),
            hint: Some("`hardshell incident report --out` prints it".to_string()),
        })
    });
    let expected = expected.transpose()?;
    let scratch = Scratch::make()?;
    match incident::verify(packet, expected, scratch.path()) {
        Ok(verified) => {
            let intact = verified.log.is_intact();
            let fault = verified.log.fault.as_ref().map(ToString::to_string);
            if common.json {
                show::json(
                    &serde_json::json!({"whole": true, "files": verified.files, "key": verified.key.to_string(),
                    "log_intact": intact, "records": verified.log.records, "fault": fault, "key_given": expected.is_some()}),
                );
            } else {
                show::line(&format!(
                    "The packet is whole: {} files, signed by {}.",
                    verified.files, verified.key
                ));
                if expected.is_none() {
                    show::line("Whose key that is was not checked: `--key HEX` does.");
                }
                show::line(&match &fault {
                    None => {
                        let seq = |seq: Option<audit::Seq>| seq.map_or(0, |seq| seq.0);
                        format!(
                            "The log in it is intact: {} records, from {} to {}.",
                            verified.log.records,
                            seq(verified.log.first),
                            seq(verified.log.last)
                        )
                    }
                    Some(fault) => format!("The log in it is NOT intact: {fault}"),
                });
            }
            Ok(if intact { Exit::Done } else { Exit::ProofFailed })
        }
        Err(
            error @ (incident::PacketError::Missing { .. }
            | incident::PacketError::Added { .. }
            | incident::PacketError::Changed { .. }
            | incident::PacketError::Signature
            | incident::PacketError::OtherKey { .. }),
        ) => {
            if common.json {
                show::json(&serde_json::json!({"whole": false, "why": error.to_string()}));
            } else {
                show::line(&format!("The packet is NOT as it was signed: {error}"));
            }
            Ok(Exit::ProofFailed)
        }
        Err(error) => Err(packet_problem("check the packet", &error)),
    }
}

/// A report of a session that never was would look like one in which nothing happened.
fn is_on_record(home: &Path, session: &domain::SessionId) -> Result<(), Problem> {
    let filter = audit_query::Filter { session: Some(session.clone()), ..audit_query::Filter::default() };
    if audit_query::query(&home.join("audit"), &filter, 1)?.records.is_empty() {
        return Err(Problem::Other {
            what: format!("report on the session `{session}`: the log has no record of it"),
            hint: Some("hardshell session list".to_string()),
        });
    }
    Ok(())
}

/// A rehearsal: every step of the runbook, in a home that is thrown away.
async fn drill(common: &Common) -> Result<Exit, Problem> {
    root::leave(&show::home(common)?)?;
    let scratch = Scratch::make()?;
    let step = |text: &str| show::note(&format!("drill: {text}"));
    let attack = demo::find(DRILL).ok_or_else(|| Problem::Other {
        what: format!("rehearse: there is no attack `{DRILL}`"),
        hint: None,
    })?;
    step("an attack is played in a temporary home; the owner approves everything");
    let place = scratch
        .path()
        .canonicalize()
        .map_err(|source| Problem::Io { step: "find the temporary home".to_string(), source })?;
    let mut line =
        vec!["demo".into(), attack.name.into(), "--json".into(), "--stage".into(), place.clone().into()];
    line.extend(["--without".into(), demo::Wall::Policy.as_str().into()]);
    match stage::alone(&place, line, Output::Kept(STORY_BYTES_MAX)).await? {
        Played::Ended { code: 0, .. } => {}
        Played::Ended { code, .. } => {
            return Err(Problem::Other {
                what: format!("play the attack: it ended with {code}"),
                hint: None,
            });
        }
        Played::Refused => return Err(stage::refused()),
    }
    let home = home_below(&place.join(attack.name))?;
    step("contain: lockdown on");
    let switch = Switch::of(&home);
    let locked = switch.lock("a drill");
    locked.map_err(|source| Problem::Io { step: "turn lockdown on".to_string(), source })?;
    step("investigate: the report and its packet");
    let now = daemon::now();
    let scope = Scope { from: domain::Timestamp(0), until: now, session: None, source: None };
    let found = incident::collect(&home.join("audit"), &scope)?;
    let out = scratch.path().join("incident.zip");
    let key = packet(&home, &out, &found, &scope)?;
    step("report: the packet is checked as another machine would");
    let other = Scratch::make()?;
    let verified = incident::verify(&out, Some(key), other.path())
        .map_err(|error| packet_problem("check the packet", &error))?;
    let checks = [
        ("everything is locked down", switch.is_on()),
        ("the way in was found", !found.ways_in.is_empty()),
        ("what it did was found", !(found.run.is_empty() && found.sent.is_empty() && found.read.is_empty())),
        ("the packet is whole", verified.files > 0),
        ("the log in it is intact", verified.log.is_intact()),
    ];
    let passed = checks.iter().all(|(_, holds)| *holds);
    if common.json {
        let checks: serde_json::Map<String, serde_json::Value> =
            checks.iter().map(|(name, holds)| ((*name).to_string(), serde_json::json!(holds))).collect();
        show::json(
            &serde_json::json!({"passed": passed, "checks": checks, "incident": incident::json(&found, &scope)}),
        );
    } else {
        show::line(&incident::in_words(&found, &scope));
        show::line("");
        for (name, holds) in checks {
            show::line(&format!("{}  {name}", if holds { "ok    " } else { "FAILED" }));
        }
    }
    Ok(if passed { Exit::Done } else { Exit::ProofFailed })
}

/// The home in the folder of a played attack.
fn home_below(folder: &Path) -> Result<PathBuf, Problem> {
    let found =
        [folder.to_path_buf(), folder.join("home")].into_iter().find(|path| path.join("audit").is_dir());
    let deeper = || {
        let entries = std::fs::read_dir(folder).ok()?.flatten();
        entries.map(|entry| entry.path()).find(|path| path.join("audit").is_dir())
    };
    found.or_else(deeper).ok_or_else(|| Problem::Other {
        what: "rehearse: the attack left no home behind".to_string(),
        hint: None,
    })
}
