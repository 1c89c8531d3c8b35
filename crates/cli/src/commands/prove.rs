//! `hardshell prove`: every proof, now.

use crate::arguments::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use gateway::wire::{Proof, ProofState, Status};

/// Makes every proof and shows how each came out.
pub async fn run(common: &Common) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    let client = Client::of(&home);
    let in_force = if client.is_there().await {
        Some(client.get::<Status>("/api/v1/status").await?.policy)
    } else {
        None
    };
    root::leave(&home)?;
    show::note("trying every control; each canary is also let loose once without the wall it tests");
    let proofs = daemon::prove_home(&home, crate::hidden::passphrase, in_force).await.map_err(Box::new)?;
    if common.json {
        show::json(&proofs);
    } else {
        table(&proofs);
    }
    let failed = proofs.iter().any(|proof| proof.state == ProofState::Failed);
    Ok(if failed { Exit::ProofFailed } else { Exit::Done })
}

/// Prints proofs, one a line.
pub fn table(proofs: &[Proof]) {
    for proof in proofs {
        let word = match proof.state {
            ProofState::Holds => "holds ",
            ProofState::Failed => "FAILED",
            ProofState::Off => "OFF   ",
        };
        show::line(&show::printable(&format!("  {word} {:<28} {}", proof.name, proof.detail)));
    }
}
