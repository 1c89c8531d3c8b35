//! Attacks for the page: played by the demo, told line by line.

use daemon::Theatre;
use demo::{Line, Scenario, Tone, Wall};
use futures_util::FutureExt as _;
use gateway::HouseError;
use gateway::wire::{Demo, DemoAttack, DemoLine, DemoTone, NewDemo};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Plays what is asked for.
pub fn theatre() -> Theatre {
    Arc::new(|new| play(new).boxed())
}

async fn play(new: NewDemo) -> Result<Demo, HouseError> {
    let chosen = match &new.name {
        None => demo::ALL.first(),
        Some(name) => demo::find(name),
    };
    let unknown = || HouseError::NotFound { what: "attack", id: new.name.clone().unwrap_or_default() };
    let scenario: &Scenario = chosen.ok_or_else(unknown)?;
    let wall = |name: &String| {
        Wall::find(name).ok_or_else(|| HouseError::NotFound { what: "wall", id: name.clone() })
    };
    let without = new.without.iter().map(wall).collect::<Result<BTreeSet<Wall>, HouseError>>()?;
    let failed = |error: &dyn std::error::Error| HouseError::Failed { why: daemon::error_chain(error) };
    let place = demo::place().map_err(|error| failed(&error))?;
    let report = demo::play(scenario, &without, &place.path().join(scenario.name), &mut |_progress| {})
        .await
        .map_err(|error| failed(&error))?;
    let attacks = demo::ALL
        .iter()
        .map(|scenario| DemoAttack { name: scenario.name.to_string(), title: scenario.title.to_string() })
        .collect();
    let lines = demo::story(&report).into_iter().map(told).collect();
    Ok(Demo { name: scenario.name.to_string(), harmed: report.harmed, lines, attacks })
}

fn told(Line { tone, text }: Line) -> DemoLine {
    let tone = match tone {
        Tone::Heading => DemoTone::Heading,
        Tone::Plain => DemoTone::Plain,
        Tone::Quiet => DemoTone::Quiet,
        Tone::Good => DemoTone::Good,
        Tone::Bad => DemoTone::Bad,
    };
    DemoLine { tone, text: crate::show::printable(&text) }
}
