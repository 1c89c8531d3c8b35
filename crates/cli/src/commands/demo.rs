//! `hardshell demo`: watch an attack.

use crate::arguments::{Common, Demo};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show, stage};
use demo::{Line, Report, Scenario, Tone, Wall};
use sandbox::{Output, Played};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;

/// Plays one attack or all of them, or names them. An attack that succeeds because walls were left out is what was
/// asked for; one that succeeds with every wall in place is a failure.
pub async fn run(common: &Common, arguments: &Demo) -> Result<Exit, Problem> {
    if arguments.name == "list" {
        return Ok(list(common));
    }
    let chosen = chosen(&arguments.name)?;
    if let Some(stage) = &arguments.stage {
        return play(common, arguments, &chosen, stage).await;
    }
    let place = demo::place().map_err(Box::new)?;
    let place = place
        .path()
        .canonicalize()
        .map(|path| (path, place))
        .map_err(|source| Problem::Io { step: "find the temporary home".to_string(), source })?;
    let (path, _kept) = &place;
    root::give_to_service(path)?;
    let mut line = vec!["demo".into(), arguments.name.clone().into(), "--stage".into(), path.clone().into()];
    line.extend(common.json.then(|| "--json".into()));
    line.extend(arguments.without.iter().flat_map(|wall| ["--without".into(), wall.into()]));
    match stage::alone(path, line, Output::Shared).await? {
        Played::Ended { code, .. } => Ok(Exit::Passed(code)),
        Played::Refused if arguments.without.is_empty() => {
            show::note("no namespaces are to be had here: playing on this machine's own network");
            root::leave(path)?;
            play(common, arguments, &chosen, path).await
        }
        Played::Refused => Err(stage::refused()),
    }
}

fn chosen(name: &str) -> Result<Vec<&'static Scenario>, Problem> {
    if name == "all" {
        return Ok(demo::ALL.iter().collect());
    }
    Ok(vec![demo::find(name).ok_or_else(|| unknown(name))?])
}

async fn play(
    common: &Common,
    arguments: &Demo,
    chosen: &[&Scenario],
    place: &Path,
) -> Result<Exit, Problem> {
    let without: BTreeSet<Wall> = arguments.without.iter().filter_map(|name| Wall::find(name)).collect();
    let mut reports = Vec::new();
    for scenario in chosen {
        let folder = place.join(scenario.name);
        let mut tell = |text: &str| show::note(&show::printable(&format!("… {text}")));
        let report = demo::play(scenario, &without, &folder, &mut tell).await.map_err(Box::new)?;
        let story = demo::story(&report);
        if !common.json {
            print(&story);
        }
        reports.push(Told { report, story });
    }
    if common.json {
        show::json(&serde_json::json!({"reports": reports}));
    }
    let broken =
        without.is_empty() && reports.iter().any(|told| told.report.harmed || !told.report.log.intact);
    Ok(if broken { Exit::ProofFailed } else { Exit::Done })
}

/// What `--json` says of one attack.
#[derive(serde::Serialize)]
struct Told {
    #[serde(flatten)]
    report: Report,
    story: Vec<Line>,
}

fn list(common: &Common) -> Exit {
    if common.json {
        let named = |scenario: &Scenario| serde_json::json!({"name": scenario.name, "title": scenario.title});
        show::json(&demo::ALL.iter().map(named).collect::<Vec<_>>());
        return Exit::Done;
    }
    for scenario in demo::ALL {
        show::line(&format!("{:<14}{}", scenario.name, scenario.title));
    }
    Exit::Done
}

fn unknown(name: &str) -> Problem {
    let known: Vec<&str> = demo::ALL.iter().map(|scenario| scenario.name).collect();
    Problem::Other {
        what: format!("play `{name}`: no attack is called that; there are {}", known.join(", ")),
        hint: Some("hardshell demo list".to_string()),
    }
}

fn print(lines: &[Line]) {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    show::line("");
    for Line { tone, text } in lines {
        let text = show::printable(text);
        show::line(&if coloured { format!("{}{text}\x1b[0m", colour(*tone)) } else { text });
    }
}

fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Heading => "\x1b[1m",
        Tone::Plain => "",
        Tone::Quiet => "\x1b[2m",
        Tone::Good => "\x1b[32m",
        Tone::Bad => "\x1b[31m",
    }
}
