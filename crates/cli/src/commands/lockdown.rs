//! `hardshell lockdown`: the stop switch.

use crate::arguments::{Common, LockdownCommand};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use daemon::Switch;
use std::io::IsTerminal as _;

/// Turns it on or off, or says how it stands.
pub fn run(common: &Common, command: LockdownCommand) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    root::leave(&home)?;
    let switch = Switch::of(&home);
    let io = |step: &str| {
        let step = step.to_string();
        move |source| Problem::Io { step, source }
    };
    match command {
        LockdownCommand::On => {
            switch.lock("turned on at the command line").map_err(io("turn lockdown on"))?;
            if !common.json {
                show::line("Lockdown is ON: nothing more is done, also after a restart.");
                show::note("hint: `hardshell lockdown off`, at a terminal of this machine, releases it");
            }
        }
        LockdownCommand::Off if !std::io::stdin().is_terminal() => {
            return Err(Problem::Other {
                what: "release lockdown without a terminal: it is released by a person at the machine"
                    .to_string(),
                hint: Some("run `hardshell lockdown off` in a terminal".to_string()),
            });
        }
        LockdownCommand::Off => {
            switch.dangerous_release().map_err(io("turn lockdown off"))?;
            if !common.json {
                show::line("Lockdown is off.");
            }
        }
        LockdownCommand::Status => {}
    }
    let is_on = switch.is_on();
    if common.json {
        show::json(&serde_json::json!({"lockdown": is_on}));
    } else if let LockdownCommand::Status = command {
        show::line(if is_on { "Lockdown is ON." } else { "Lockdown is off." });
    }
    let asked = matches!(command, LockdownCommand::Status);
    Ok(if is_on && asked { Exit::LockedDown } else { Exit::Done })
}
