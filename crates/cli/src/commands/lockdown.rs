//! `hardshell lockdown`: the stop switch.

use crate::arguments::{Common, LockdownCommand};
use crate::exit::Exit;
use crate::keeper::{self, Stopped};
use crate::problem::Problem;
use crate::{root, show};
use daemon::Switch;
use std::io::IsTerminal as _;
use std::path::Path;

/// Turns it on or off, or says how it stands.
pub async fn run(common: &Common, command: LockdownCommand) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    root::enter(&home)?;
    let switch = Switch::of(&home);
    match command {
        LockdownCommand::On => {
            turn_on(common, &home, &switch).await?;
            Ok(Exit::Done)
        }
        LockdownCommand::Off => {
            release(common, &switch)?;
            Ok(Exit::Done)
        }
        LockdownCommand::Status => Ok(status(common, &switch)),
    }
}

/// The file comes first: from then on sandboxes end by themselves and nothing begins. Then it is seen to that
/// everything ended, by force where it must be.
async fn turn_on(common: &Common, home: &Path, switch: &Switch) -> Result<(), Problem> {
    switch
        .lock("turned on at the command line")
        .map_err(|source| Problem::Io { step: "turn lockdown on".to_string(), source })?;
    let stopped = keeper::see_to_it(home).await;
    if common.json {
        show::json(&serde_json::json!({"lockdown": true, "stopped": stopped}));
        return Ok(());
    }
    show::line("Lockdown is ON: nothing more is done, also after a restart.");
    show::line(&in_words(&stopped));
    show::note("hint: `hardshell lockdown off`, at a terminal of this machine, releases it");
    Ok(())
}

fn in_words(stopped: &Stopped) -> String {
    let took = stopped.milliseconds;
    match (stopped.ran, stopped.killed, stopped.left) {
        (_, _, left @ 1..) => {
            format!("{left} process(es) could not be ended within {took} ms; look for them with `ps`.")
        }
        (false, _, _) => "Hardshell was not running.".to_string(),
        (true, false, _) => format!("Everything had stopped after {took} ms."),
        (true, true, _) => format!(
            "The running Hardshell did not answer: it was killed, and everything it had started; gone after {took} ms."
        ),
    }
}

fn release(common: &Common, switch: &Switch) -> Result<(), Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::Other {
            what: "release lockdown without a terminal: it is released by a person at the machine"
                .to_string(),
            hint: Some("run `hardshell lockdown off` in a terminal".to_string()),
        });
    }
    switch
        .dangerous_release()
        .map_err(|source| Problem::Io { step: "turn lockdown off".to_string(), source })?;
    if common.json {
        show::json(&serde_json::json!({"lockdown": switch.is_on()}));
    } else {
        show::line("Lockdown is off.");
        show::note("hint: every sign-in was taken back; `hardshell sign-in` prints a new link");
    }
    Ok(())
}

fn status(common: &Common, switch: &Switch) -> Exit {
    let is_on = switch.is_on();
    let why = switch.why();
    if common.json {
        show::json(&serde_json::json!({"lockdown": is_on, "why": why}));
    } else {
        show::line(if is_on { "Lockdown is ON." } else { "Lockdown is off." });
        if let Some(why) = why.filter(|_| is_on) {
            show::note(&show::printable(&format!("because: {why}")));
        }
    }
    if is_on { Exit::LockedDown } else { Exit::Done }
}
