//! Attacks for the page: played by the demo on a stage of its own, told line by line.

use crate::stage;
use daemon::Theatre;
use demo::{Line, Scenario, Tone, Wall};
use futures_util::FutureExt as _;
use gateway::HouseError;
use gateway::wire::{Demo, DemoAttack, DemoLine, DemoTone, NewDemo};
use sandbox::{Output, Played};
use serde::Deserialize;
use std::sync::Arc;

/// The most that a story may take as JSON; one takes some ten kilobytes.
const STORY_BYTES_MAX: u64 = 4 << 20;

/// Plays what is asked for.
pub fn theatre() -> Theatre {
    Arc::new(|new| play(new).boxed())
}

/// What `hardshell demo --json` prints, as far as the page shows it.
#[derive(Deserialize)]
struct Reports {
    reports: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    harmed: bool,
    story: Vec<Line>,
}

async fn play(new: NewDemo) -> Result<Demo, HouseError> {
    let chosen = match &new.name {
        None => demo::ALL.first(),
        Some(name) => demo::find(name),
    };
    let unknown = || HouseError::NotFound { what: "attack", id: new.name.clone().unwrap_or_default() };
    let scenario: &Scenario = chosen.ok_or_else(unknown)?;
    if let Some(name) = new.without.iter().find(|name| Wall::find(name).is_none()) {
        return Err(HouseError::NotFound { what: "wall", id: name.clone() });
    }
    let failed = |why: String| HouseError::Failed { why };
    let place = demo::place().map_err(|error| failed(daemon::error_chain(&error)))?;
    let path = place.path().canonicalize().map_err(|error| failed(error.to_string()))?;
    let mut line =
        vec!["demo".into(), scenario.name.into(), "--json".into(), "--stage".into(), path.clone().into()];
    line.extend(new.without.iter().flat_map(|wall| ["--without".into(), wall.into()]));
    let played = stage::alone(&path, line, Output::Kept(STORY_BYTES_MAX)).await;
    let output = match played.map_err(|problem| failed(problem.to_string()))? {
        Played::Ended { code: _, output } if !output.is_empty() => output,
        Played::Ended { code, .. } => {
            return Err(failed(format!("the attack was not played: it ended with {code}")));
        }
        Played::Refused => return Err(failed(stage::refused().to_string())),
    };
    let told: Reports =
        serde_json::from_slice(&output).map_err(|error| failed(format!("read the story: {error}")))?;
    let told = told.reports.into_iter().next().ok_or_else(|| failed("the story is empty".to_string()))?;
    let attacks = demo::ALL
        .iter()
        .map(|scenario| DemoAttack { name: scenario.name.to_string(), title: scenario.title.to_string() })
        .collect();
    let lines = told.story.into_iter().map(shown).collect();
    Ok(Demo { name: scenario.name.to_string(), harmed: told.harmed, lines, attacks })
}

fn shown(Line { tone, text }: Line) -> DemoLine {
    let tone = match tone {
        Tone::Heading => DemoTone::Heading,
        Tone::Plain => DemoTone::Plain,
        Tone::Quiet => DemoTone::Quiet,
        Tone::Good => DemoTone::Good,
        Tone::Bad => DemoTone::Bad,
    };
    DemoLine { tone, text: crate::show::printable(&text) }
}
