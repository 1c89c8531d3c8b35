//! `hardshell config`: what is wrong with it, all of it, its schema.

use crate::arguments::{Common, Config, ConfigCommand};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use daemon::config::{self, ConfigProblem};
use daemon::{Finding, Weight};
use std::path::Path;

/// Does it.
pub fn run(common: &Common, arguments: &Config) -> Result<Exit, Problem> {
    if let ConfigCommand::Schema = arguments.command {
        show::json(&config::Config::schema());
        return Ok(Exit::Done);
    }
    let home = show::home(common)?;
    let path = home.join(config::FILE);
    if let ConfigCommand::Check = arguments.command {
        return check(common, &home, &path);
    }
    let read = config::Config::load(&path)?;
    if common.json {
        show::json(&read)
    } else {
        show::line(&read.to_toml())
    }
    Ok(Exit::Done)
}

/// Says everything for which a start would be refused, and what has no effect.
fn check(common: &Common, home: &Path, path: &Path) -> Result<Exit, Problem> {
    let findings = match daemon::check_home(home) {
        Ok(findings) => findings,
        Err(problem) if common.json => vec![as_finding(path, &problem)],
        Err(problem) => return Err(problem.into()),
    };
    let refused = findings.iter().filter(|finding| finding.weight == Weight::Refused).count();
    if common.json {
        show::json(&serde_json::json!({"ok": refused == 0, "path": path, "findings": findings}));
    } else {
        findings.iter().for_each(say);
        match refused {
            0 => show::line(&format!("{} is good", path.display())),
            1 => show::line("One thing for which `hardshell up` would refuse to start."),
            more => show::line(&format!("{more} things for which `hardshell up` would refuse to start.")),
        }
    }
    Ok(if refused == 0 { Exit::Done } else { Exit::Failed })
}

fn say(finding: &Finding) {
    show::line(&show::printable(&finding.to_string()));
    if let Some(hint) = &finding.hint {
        show::line(&format!("  hint: {}", show::printable(hint)));
    }
}

/// What cannot be read at all, in the shape of the rest.
fn as_finding(path: &Path, problem: &ConfigProblem) -> Finding {
    let place = match problem {
        ConfigProblem::Malformed { place, .. } | ConfigProblem::NoText { place, .. } => Some(*place),
        ConfigProblem::Meaningless { place, .. } => *place,
        ConfigProblem::Unreadable { .. } | ConfigProblem::TooLong { .. } => None,
    };
    let hint = Some(problem.hint());
    Finding {
        file: path.to_path_buf(),
        place,
        key: None,
        what: daemon::chain(problem),
        hint,
        weight: Weight::Refused,
    }
}
