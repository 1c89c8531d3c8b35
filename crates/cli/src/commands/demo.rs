//! `hardshell demo`: watch an attack.

use crate::arguments::{Common, Demo};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use demo::{Line, Scenario, Tone, Wall};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;

/// Plays one attack or all of them, or names them. An attack that succeeds because walls were left out is what was
/// asked for; one that succeeds with every wall in place is a failure.
pub async fn run(common: &Common, arguments: &Demo) -> Result<Exit, Problem> {
    let chosen: Vec<&Scenario> = match arguments.name.as_str() {
        "list" => return Ok(list(common)),
        "all" => demo::ALL.iter().collect(),
        name => vec![demo::find(name).ok_or_else(|| unknown(name))?],
    };
    let without: BTreeSet<Wall> = arguments.without.iter().filter_map(|name| Wall::find(name)).collect();
    let place = demo::place().map_err(Box::new)?;
    root::leave(place.path())?;
    let mut reports = Vec::new();
    for scenario in chosen {
        let folder = place.path().join(scenario.name);
        let mut tell = |text: &str| show::note(&show::printable(&format!("… {text}")));
        let report = demo::play(scenario, &without, &folder, &mut tell).await.map_err(Box::new)?;
        if !common.json {
            print(&demo::story(&report));
        }
        reports.push(report);
    }
    if common.json {
        show::json(&serde_json::json!({"reports": reports}));
    }
    let broken = without.is_empty() && reports.iter().any(|report| report.harmed || !report.log.intact);
    Ok(if broken { Exit::ProofFailed } else { Exit::Done })
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
