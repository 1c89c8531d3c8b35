//! The live proofs of a house: made at every start and on demand, on record, and shown as they came out.

use crate::state::HouseState;
use audit::{Entry, Event, Log, Subject};
use domain::{SessionId, Timestamp};
use egress::Egress;
use gateway::wire;
use policy::Policy;
use posture::{Cache, Proof, State};
use sandbox::Sandbox;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use vault::Vault;

/// Where what the canaries did without walls is kept, below the home.
const CACHE: &str = "run/canaries.json";

/// What the proofs are made with.
pub(crate) struct Prover {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) log: Arc<Log>,
    pub(crate) clock: broker::Clock,
}

impl Prover {
    /// Makes every proof, puts it on record and into `state`.
    pub(crate) async fn prove(&self, state: &HouseState, policy: &Policy) {
        let cache = Cache::at(state.home.join(CACHE));
        let proofs =
            prove(&self.sandbox, &self.egress, &self.vault, policy, Some(&cache), (self.clock)()).await;
        let now = (self.clock)();
        let mut shown = Vec::new();
        for proof in proofs {
            if proof.state == State::Failed {
                let why = format!("the proof {} failed: {}", proof.name, proof.detail);
                state.lockdown.lock_or_say(&why);
            }
            shown.push(wire_proof(&proof, now));
            let entry = Entry { subject: Subject::default(), event: record_of(proof) };
            if let Err(error) = self.log.note(entry, now).await {
                tracing::error!(%error, "could not record a proof");
            }
        }
        *state.proofs.write().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }
}

fn wire_proof(proof: &Proof, now: Timestamp) -> wire::Proof {
    let state = match proof.state {
        State::Holds => wire::ProofState::Holds,
        State::Failed | State::NotShown => wire::ProofState::Failed,
        State::Off => wire::ProofState::Off,
    };
    wire::Proof { name: proof.name.clone(), state, detail: proof.detail.clone(), checked: Some(now.0) }
}

fn record_of(proof: Proof) -> Event {
    let state = match proof.state {
        State::Holds => audit::ProofState::Holds,
        State::Failed | State::NotShown => audit::ProofState::Failed,
        State::Off => audit::ProofState::Off,
    };
    Event::Proof { name: proof.name, state, detail: proof.detail }
}

async fn prove(
    sandbox: &Sandbox,
    egress: &Egress,
    vault: &Vault,
    policy: &Policy,
    cache: Option<&Cache>,
    now: Timestamp,
) -> Vec<Proof> {
    let (walls, way_out) =
        tokio::join!(posture::the_walls_hold(sandbox, cache), posture::the_way_out_refuses(egress));
    let mut proofs = walls;
    proofs.extend(way_out);
    proofs.extend(posture::the_process_is_closed());
    proofs.push(posture::the_secrets_are_fresh(vault, now));
    match "proof".parse::<SessionId>() {
        Ok(session) => proofs.extend(posture::the_policy_asks(policy, &session, now)),
        Err(error) => tracing::error!(%error, "the proof's session has no name"),
    }
    proofs
}

/// Makes every proof for the home at `root`, without starting anything.
///
/// # Errors
///
/// [`crate::StartError`] when the home cannot be used.
pub async fn prove_home(root: &Path, ask: crate::keys::Ask) -> Result<Vec<wire::Proof>, crate::StartError> {
    let home = crate::Home::prepare(root)?;
    let config = crate::config::Config::load(&home.path(crate::config::FILE))?;
    let vault = Arc::new(config.vault.open(home.root(), ask)?);
    let egress = Egress::new(Arc::clone(&vault), egress::Settings::default(), Arc::new(egress::Unobserved))?;
    let sandbox = Sandbox::probe().await?;
    let policy = crate::rules::load_policy(home.root(), &config)?;
    let clock = gateway::clock();
    let now = clock();
    let proofs = prove(&sandbox, &egress, &vault, &policy, None, now).await;
    Ok(proofs.iter().map(|proof| wire_proof(proof, now)).collect())
}
