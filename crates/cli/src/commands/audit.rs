//! `hardshell audit`: what it did, and whether anybody rewrote it.

use crate::arguments::{Audit, AuditCommand, Common, Query};
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use gateway::wire::{AuditPage, AuditRecord, Event, ServerFrame};

/// Does it.
pub async fn run(common: &Common, arguments: &Audit) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    match &arguments.command {
        AuditCommand::Verify => verify(common, &home),
        AuditCommand::Tail => tail(common, &Client::of(&home)).await,
        AuditCommand::Query(query) => look(common, &Client::of(&home), query).await,
    }
}

fn verify(common: &Common, home: &std::path::Path) -> Result<Exit, Problem> {
    root::leave(home)?;
    let report = daemon::verify_log(home)?;
    if common.json {
        show::json(&report);
    } else {
        show::line(&report.in_words());
    }
    Ok(if report.holds() { Exit::Done } else { Exit::ProofFailed })
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

async fn look(common: &Common, client: &Client, query: &Query) -> Result<Exit, Problem> {
    let mut path = format!("/api/v1/audit?limit={}", query.limit);
    let words = [("kind", &query.kind), ("session", &query.session), ("tool", &query.tool)];
    for (name, value) in words {
        if let Some(value) = value {
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            if !plain {
                let what =
                    format!("look for the {name} `{value}`: names have letters, digits, `.`, `_` and `-`");
                return Err(Problem::Other { what, hint: None });
            }
            path.push_str(&format!("&{name}={value}"));
        }
    }
    if let Some(after) = query.after {
        path.push_str(&format!("&after={after}"));
    }
    let page: AuditPage = client.get(&path).await?;
    if common.json {
        show::json(&page);
        return Ok(Exit::Done);
    }
    page.records.iter().for_each(|record| print(common, record));
    if page.records.is_empty() {
        show::note("no such record");
    }
    if page.more {
        show::note("there are more; `--limit` and `--after` go further");
    }
    Ok(Exit::Done)
}

fn print(common: &Common, record: &AuditRecord) {
    if common.json {
        show::json_line(record);
        return;
    }
    let time = i64::try_from(record.time).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let time = time.map(|time| time.strftime("%F %T").to_string()).unwrap_or_default();
    let fields = serde_json::to_string(&record.fields).unwrap_or_default();
    show::line(&show::printable(&format!("{:>7} {time} {:<10} {fields}", record.seq, record.kind)));
}
