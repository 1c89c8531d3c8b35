//! `hardshell audit`: what it did, and whether anybody rewrote it.

use crate::arguments::Common;
use crate::arguments::looking::{Audit, AuditCommand, Export, Query, Report, Which};
use crate::client::Client;
use crate::exit::Exit;
use crate::output::{Output, There};
use crate::problem::Problem;
use crate::{moment, records, root, show, stopping};
use audit::{Kind, Seq};
use audit_query::{Filter, Order};
use domain::{Effect, Integrity, Tier, Verdict};
use gateway::wire::{AuditPage, AuditRecord, Event, ServerFrame};
use reports::{Format, Window};
use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const DAY_MILLISECONDS: u64 = 86_400_000;

/// Does it.
pub async fn run(common: &Common, arguments: &Audit) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    match &arguments.command {
        AuditCommand::Verify { against } => verify(common, &home, against.as_deref()),
        AuditCommand::Checkpoint => checkpoint(common, &home),
        AuditCommand::Shipping => shipping(common, &home),
        AuditCommand::Tail => tail(common, &Client::of(&home)).await,
        AuditCommand::Query(query) => look(common, &home, query),
        AuditCommand::Report(wanted) => report(common, &home, wanted),
        AuditCommand::Export(wanted) => export(common, &home, wanted),
    }
}

/// As [`root::enter`], for a home that has a log. Whether it has one is asked after a restore that was cut short has
/// been finished; where there never was one, nothing is missing from a backup.
fn enter(home: &Path) -> Result<(), Problem> {
    root::enter(home)?;
    has_log(home)
}

fn has_log(home: &Path) -> Result<(), Problem> {
    match std::fs::metadata(home.join("audit")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::Other {
            what: format!("find a log: there is none in {}", home.display()),
            hint: Some("`hardshell up` makes one; `--home DIR` names another".to_string()),
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn verify(common: &Common, home: &Path, against: Option<&Path>) -> Result<Exit, Problem> {
    let elsewhere = against.map(std::fs::read_to_string).transpose();
    let elsewhere =
        elsewhere.map_err(|source| Problem::Io { step: "read the checkpoints".to_string(), source })?;
    root::enter(home)?;
    if !daemon::log_was_seen(home) {
        has_log(home)?;
    }
    let lines = elsewhere.unwrap_or_default();
    let mut known = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        known.push(line.parse::<audit::Checkpoint>().map_err(|error| Problem::Other {
            what: format!("understand the checkpoint `{}`: {error}", show::printable(line)),
            hint: Some("a line that `hardshell audit checkpoint` printed".to_string()),
        })?);
    }
    let report = daemon::verify_log(home, &known)?;
    if common.json {
        show::json(&report);
    } else {
        show::line(&report.in_words());
    }
    if !report.holds() {
        show::note(
            "hint: `hardshell incident report --since 24h --out incident.zip` keeps what can still be seen; `hardshell backup list` shows the copies from before",
        );
    }
    Ok(if report.holds() { Exit::Done } else { Exit::ProofFailed })
}

fn checkpoint(common: &Common, home: &Path) -> Result<Exit, Problem> {
    enter(home)?;
    let Some(checkpoint) = daemon::last_checkpoint(home)? else {
        return Err(Problem::Other {
            what: "find a signature: the log has none yet".to_string(),
            hint: Some("hardshell up".to_string()),
        });
    };
    if common.json {
        show::json(&serde_json::json!({"checkpoint": checkpoint.to_string(), "seq": checkpoint.seq.0}));
    } else {
        show::line(&checkpoint.to_string());
    }
    Ok(Exit::Done)
}

fn shipping(common: &Common, home: &Path) -> Result<Exit, Problem> {
    enter(home)?;
    let states = daemon::receiver_states(home).map_err(Box::new)?;
    let ailing = states.iter().any(|state| state.down_since.is_some() || state.unknown.is_some());
    if common.json {
        show::json(&states);
    } else {
        states.iter().for_each(print_receiver);
    }
    if states.is_empty() {
        show::note("nobody: `[[shipping]]` in hardshell.toml names whom the log is sent on to");
    }
    Ok(if ailing { Exit::Failed } else { Exit::Done })
}

fn print_receiver(state: &daemon::ReceiverState) {
    let line = |text: &str| show::line(&show::printable(text));
    line(&format!("{:<12} {:<10} {}", state.name, state.kind, state.to));
    line(&format!("             permit {}", daemon::permit(&state.name)));
    line(&format!(
        "             has record {}, {} behind; {} sent, {} failed, {} skipped",
        state.seq, state.behind, state.sent, state.failed, state.skipped
    ));
    if let Some(since) = state.down_since {
        let why = state.last_error.as_deref().unwrap_or("it does not say why");
        line(&format!("             takes nothing since {}: {why}", moment::shown(since)));
    }
    if let Some(why) = &state.unknown {
        line(&format!("             how far it has come is not known: {why}"));
    }
}

async fn tail(common: &Common, client: &Client) -> Result<Exit, Problem> {
    let mut following = client.follow().await?;
    show::note("following the audit log; Ctrl-C leaves");
    while let Some(frame) = following.next().await? {
        if let ServerFrame::Event(numbered) = frame
            && let Event::Audit { record } = numbered.event
        {
            print(common, &record);
        }
    }
    Ok(Exit::Done)
}

fn look(common: &Common, home: &Path, query: &Query) -> Result<Exit, Problem> {
    enter(home)?;
    let order = if query.oldest_first || query.which.after.is_some() {
        Order::OldestFirst
    } else {
        Order::NewestFirst
    };
    let filter = filter(&query.which, order)?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut found = audit_query::query(&home.join("audit"), &filter, limit)?;
    found.records.sort_by_key(audit::Record::seq);
    let page = AuditPage {
        records: found.records.iter().filter_map(daemon::shown_record).collect(),
        more: found.more,
    };
    if common.json {
        show::json(&page);
        return Ok(Exit::Done);
    }
    page.records.iter().for_each(|record| print(common, record));
    if page.records.is_empty() {
        show::note("no such record");
    }
    if page.more {
        show::note("there are more; `--limit`, `--before` and `--after` go further");
    }
    Ok(Exit::Done)
}

fn report(common: &Common, home: &Path, wanted: &Report) -> Result<Exit, Problem> {
    let now = daemon::now();
    let until = wanted.until.as_deref().map(|text| moment::parse(text, now)).transpose()?.unwrap_or(now);
    let days = match wanted.period.as_str() {
        "month" => 30,
        "week" => 7,
        _ => 1,
    };
    let window = Window {
        from: domain::Timestamp(until.0.saturating_sub(DAY_MILLISECONDS.saturating_mul(days))),
        until,
        utc_offset_minutes: moment::utc_offset_minutes(now),
    };
    let (svg, png) = (here(wanted.svg.as_deref())?, here(wanted.png.as_deref())?);
    let page = wanted.html.as_deref().map(|to| Output::begin(to, There::Goes)).transpose()?;
    stopping::watch()?;
    enter(home)?;
    let summary = reports::report(&home.join("audit"), window)?;
    if let (Some(path), Some(mut file)) = (&wanted.html, page) {
        let text = reports::page(&summary, window)?;
        file.write_all(text.as_bytes()).map_err(|source| unwritten(path, source))?;
        file.finish()?;
        show::note(&format!("the page is {}", path.display()));
    }
    for (name, chart) in reports::charts(&summary) {
        if let Some(folder) = &svg {
            put(&folder.join(format!("{name}.svg")), chart.svg()?.as_bytes())?;
        }
        if let Some(folder) = &png {
            put(&folder.join(format!("{name}.png")), &chart.png()?)?;
        }
    }
    for folder in svg.iter().chain(png.iter().filter(|folder| svg.as_ref() != Some(*folder))) {
        show::note(&format!("the charts are in {}", folder.display()));
    }
    if common.json {
        show::json(&reports::json(&summary, window));
    } else {
        show::line(&reports::in_words(&summary, window));
    }
    Ok(Exit::Done)
}

fn export(common: &Common, home: &Path, wanted: &Export) -> Result<Exit, Problem> {
    let format = Format::parse(&wanted.format).unwrap_or(Format::JsonLines);
    let file = wanted.out.as_deref().map(|to| Output::begin(to, There::Stays)).transpose()?;
    if file.is_some() {
        stopping::watch()?;
    }
    enter(home)?;
    let filter = filter(&wanted.which, Order::OldestFirst)?;
    let folder = home.join("audit");
    let count = match file {
        Some(file) => {
            let mut out = BufWriter::new(file);
            let count = reports::export(&folder, &filter, format, &mut out)?;
            let path = wanted.out.as_deref().unwrap_or(Path::new(""));
            let file = out.into_inner().map_err(|error| unwritten(path, error.into_error()))?;
            file.finish()?;
            count
        }
        None => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            let count = reports::export(&folder, &filter, format, &mut out)?;
            out.flush().map_err(|source| unwritten(Path::new("stdout"), source))?;
            count
        }
    };
    match &wanted.out {
        Some(path) if common.json => show::json(&serde_json::json!({"records": count, "file": path})),
        Some(_) | None => show::note(&format!("{count} records")),
    }
    Ok(Exit::Done)
}

/// A folder that is there or can be made.
fn here(folder: Option<&Path>) -> Result<Option<std::path::PathBuf>, Problem> {
    let Some(folder) = folder else { return Ok(None) };
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).map_err(|source| unwritten(folder, source))?;
    if is_new {
        root::give_to_service(folder)?;
    }
    Ok(Some(folder.to_path_buf()))
}

/// A new file for its owner alone.
pub fn create(path: &Path) -> Result<std::fs::File, Problem> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|source| unwritten(path, source))
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut file = Output::begin(path, There::Goes)?;
    file.write_all(bytes).map_err(|source| unwritten(path, source))?;
    file.finish()
}

pub fn unwritten(path: &Path, source: std::io::Error) -> Problem {
    Problem::Io { step: format!("write {}", path.display()), source }
}

/// The filter that the command line means.
fn filter(which: &Which, order: Order) -> Result<Filter, Problem> {
    let now = daemon::now();
    let time = |text: &Option<String>| text.as_deref().map(|text| moment::parse(text, now)).transpose();
    let mut kinds = Vec::new();
    for word in &which.kind {
        kinds.push(one_of("kind", word, Kind::ALL.iter().copied(), Kind::as_str)?);
    }
    let id =
        |what: &'static str, text: &str| unknown(what, text, "an id as `audit query` prints it".to_string());
    let verdicts = [Verdict::Allow, Verdict::Ask, Verdict::Deny];
    let channel = |text: &String| text.parse().map_err(|_unknown| id("channel", text));
    Ok(Filter {
        after: which.after.map(Seq),
        before: which.before.map(Seq),
        from: time(&which.since)?,
        until: time(&which.until)?,
        kinds,
        session: which
            .session
            .as_ref()
            .map(|text| text.parse().map_err(|_bad| id("session", text)))
            .transpose()?,
        task: which.task.as_ref().map(|text| text.parse().map_err(|_bad| id("task", text))).transpose()?,
        name: which.tool.clone(),
        effect: optional("effect", which.effect.as_deref(), Effect::ALL.into_iter(), Effect::as_str)?,
        verdict: optional("decision", which.decision.as_deref(), verdicts.into_iter(), Verdict::as_str)?,
        rule: which.rule.clone(),
        principal: which.principal.clone(),
        channel: which.channel.as_ref().map(channel).transpose()?,
        source: which.source.clone(),
        target: which.target.clone(),
        integrity: optional(
            "integrity",
            which.integrity.as_deref(),
            Integrity::ALL.into_iter(),
            Integrity::as_str,
        )?,
        tier: optional("tier", which.tier.as_deref(), Tier::ALL.into_iter(), Tier::as_str)?,
        text: which.text.clone(),
        order,
    })
}

fn optional<T: Copy>(
    what: &'static str,
    text: Option<&str>,
    all: impl Iterator<Item = T> + Clone,
    word: fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    text.map(|text| one_of(what, text, all, word)).transpose()
}

fn one_of<T: Copy>(
    what: &'static str,
    text: &str,
    all: impl Iterator<Item = T> + Clone,
    word: fn(T) -> &'static str,
) -> Result<T, Problem> {
    all.clone().find(|one| word(*one) == text).ok_or_else(|| {
        let known: Vec<&str> = all.map(word).collect();
        unknown(what, text, format!("one of {}", known.join(", ")))
    })
}

fn unknown(what: &str, text: &str, hint: String) -> Problem {
    Problem::Other {
        what: format!("look for the {what} `{}`: there is none", show::printable(text)),
        hint: Some(hint),
    }
}

fn print(common: &Common, record: &AuditRecord) {
    if common.json {
        show::json_line(record);
        return;
    }
    show::line(&records::in_words(record));
}
