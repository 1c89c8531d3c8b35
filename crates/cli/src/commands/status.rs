//! `hardshell status`: proofs, walls, model.

use crate::arguments::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use gateway::wire::{ProofState, Status};

/// Prints how the running Hardshell is.
pub async fn run(common: &Common) -> Result<Exit, Problem> {
    let status: Status = Client::of(&show::home(common)?).get("/api/v1/status").await?;
    let exit = if status.lockdown {
        Exit::LockedDown
    } else if status.proofs.iter().any(|proof| proof.state == ProofState::Failed) {
        Exit::ProofFailed
    } else {
        Exit::Done
    };
    if common.json {
        show::json(&status);
        return Ok(exit);
    }
    show::line(&format!("Hardshell {} · home {}", status.version, status.home));
    show::line(&format!("model      {} ({})", status.model.name, status.model.kind));
    show::line(&format!("walls      {}", status.isolation.level));
    for more in [status.isolation.reason, status.isolation.fix].into_iter().flatten() {
        show::line(&format!("           {more}"));
    }
    show::line(&format!("lockdown   {}", if status.lockdown { "ON: everything is stopped" } else { "off" }));
    for suspended in &status.suspended {
        show::line(&show::printable(&format!("suspended  {suspended}")));
    }
    if !status.suspended.is_empty() {
        show::line("           `hardshell session resume` lets a session or a stranger go on");
    }
    show::line("proofs");
    crate::commands::prove::table(&status.proofs);
    if status.proofs.is_empty() {
        show::line("  none has been made yet");
    }
    Ok(exit)
}
