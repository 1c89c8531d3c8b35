//! `hardshell lockdown`: the stop switch.

use crate::arguments::{Common, LockdownCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::keeper::{self, Stopped};
use crate::problem::Problem;
use crate::{root, show};
use daemon::Switch;
use gateway::wire::Status;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// How long the running Hardshell may take to say how it is.
const PATIENCE: Duration = Duration::from_millis(500);

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
            release(common, &switch, says_it_is_on(&home).await)?;
            Ok(Exit::Done)
        }
        LockdownCommand::Status => Ok(status(common, &switch, says_it_is_on(&home).await)),
    }
}

/// The file comes first: from then on sandboxes end by themselves and nothing begins. Then it is seen to that
/// everything ended, by force where it must be.
async fn turn_on(common: &Common, home: &Path, switch: &Switch) -> Result<(), Problem> {
    let kept = switch.lock("turned on at the command line");
    let stopped = keeper::see_to_it(home).await;
    let is_written = std::fs::symlink_metadata(home.join(daemon::LOCKDOWN)).is_ok();
    if !is_written {
        show::note(&in_words(&stopped));
        return Err(unwritten(kept, stopped.ran && !stopped.killed));
    }
    if common.json {
        show::json(&serde_json::json!({"lockdown": true, "stopped": stopped}));
        return Ok(());
    }
    show::line("Lockdown is ON: nothing more is done, also after a restart.");
    show::line(&in_words(&stopped));
    if let Err(error) = kept {
        show::note(&format!(
            "it may not hold over a power failure: it could not be flushed to the disk ({error})"
        ));
    }
    show::note("hint: `hardshell lockdown off`, at a terminal of this machine, releases it");
    Ok(())
}

/// What to say where not even the switch's name could be written.
fn unwritten(kept: std::io::Result<()>, lives: bool) -> Problem {
    let why = kept.err().map_or_else(|| "its file is gone again".to_string(), |error| error.to_string());
    let (holds, hint) = if lives {
        (
            "Hardshell does nothing more for as long as this process of it runs",
            "make room, then `hardshell lockdown on` again, before it is restarted",
        )
    } else {
        (
            "nothing runs any more, and nothing keeps Hardshell from being started again",
            "make room, then `hardshell lockdown on` again, before it is started",
        )
    };
    Problem::Other { what: format!("write lockdown down: {why}; {holds}"), hint: Some(hint.to_string()) }
}

/// Whether the running Hardshell says that it is locked down: on a disk without any room it knows that by itself alone.
async fn says_it_is_on(home: &Path) -> bool {
    let client = Client::of(home);
    let asked = tokio::time::timeout(PATIENCE, client.get::<Status>("/api/v1/status"));
    matches!(asked.await, Ok(Ok(status)) if status.lockdown)
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

fn release(common: &Common, switch: &Switch, is_told: bool) -> Result<(), Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::Other {
            what: "release lockdown without a terminal: it is released by a person at the machine"
                .to_string(),
            hint: Some("run `hardshell lockdown off` in a terminal".to_string()),
        });
    }
    // A running Hardshell that says so without the file was told when nothing could be written.
    let by_itself = is_told && !switch.is_on();
    switch.dangerous_release().map_err(|source| Problem::Other {
        what: format!("turn lockdown off: {source}"),
        hint: Some(
            "whatever is called `lockdown` in the home is the switch: look at it, then remove it by hand"
                .to_string(),
        ),
    })?;
    if by_itself {
        return Err(Problem::Other {
            what: "turn lockdown off: Hardshell was told when the disk had no room, and knows it by itself alone".to_string(),
            hint: Some("stop Hardshell and start it again".to_string()),
        });
    }
    if common.json {
        show::json(&serde_json::json!({"lockdown": switch.is_on()}));
    } else {
        show::line("Lockdown is off.");
        show::note("hint: every sign-in was taken back; `hardshell sign-in` prints a new link");
    }
    Ok(())
}

fn status(common: &Common, switch: &Switch, is_told: bool) -> Exit {
    let is_on = switch.is_on() || is_told;
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
