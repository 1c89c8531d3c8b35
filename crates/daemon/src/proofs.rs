//! The live proofs of a house: made at every start and on demand, on record, and shown as they came out.

use crate::bait::Given;
use crate::decoy::After;
use crate::in_force::{an_unsigned_permission_does_not_count, digest_of, rules_are_those_on_disk};
use crate::state::HouseState;
use audit::{Entry, Event, Log, Subject};
use domain::{SessionId, Timestamp};
use egress::{Egress, Redactor};
use gateway::wire;
use policy::Policy;
use posture::{Cache, Crash, Proof, State};
use sandbox::Sandbox;
use std::path::{Path, PathBuf};
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
    pub(crate) async fn prove(&self, state: &HouseState, policy: &Arc<Policy>) {
        let cache = Cache::at(state.home.join(CACHE));
        let rules =
            Rules { root: state.home.clone(), policy: Arc::clone(policy), in_force: Some(digest_of(policy)) };
        let proofs = prove(&self.sandbox, &self.egress, &self.vault, rules, Some(&cache), &self.clock).await;
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

pub(crate) fn wire_proof(proof: &Proof, now: Timestamp) -> wire::Proof {
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

/// The rules that are proved, and where they should be from.
struct Rules {
    root: PathBuf,
    policy: Arc<Policy>,
    /// The digest of what a running house decides by.
    in_force: Option<String>,
}

impl Rules {
    fn are_the_owners(self) -> Vec<Proof> {
        let on_disk = crate::rules::policy_of(&self.root);
        let load = |file, signer| crate::rules::with_canary(&self.root, self.policy.settings(), file, signer);
        vec![
            rules_are_those_on_disk(self.in_force.as_deref(), on_disk),
            an_unsigned_permission_does_not_count(&load),
        ]
    }
}

async fn prove(
    sandbox: &Sandbox,
    egress: &Egress,
    vault: &Vault,
    rules: Rules,
    cache: Option<&Cache>,
    clock: &broker::Clock,
) -> Vec<Proof> {
    let (now, policy) = (clock(), Arc::clone(&rules.policy));
    // With a cache it is a start, which takes the time of nobody's crashes.
    let crash = if cache.is_some() { Crash::Closed } else { Crash::ClosedAndOpen };
    let known = egress.redactor().unwrap_or_else(|_unreadable| Redactor::shapes_only());
    let (walls, way_out, bait, core, door, owners) = tokio::join!(
        posture::the_walls_hold(sandbox, cache),
        posture::the_way_out_refuses(egress),
        crate::bait::the_bait_stays(sandbox, &known, Given::StandIn),
        posture::a_crash_leaves_no_core(sandbox, crash),
        crate::decoy::the_door_asks(Arc::clone(&policy), After::Stranger, Arc::clone(clock)),
        tokio::task::spawn_blocking(move || rules.are_the_owners()),
    );
    let mut proofs = walls;
    proofs.extend(way_out);
    proofs.extend(bait);
    proofs.extend(door);
    match owners {
        Ok(owners) => proofs.extend(owners),
        Err(error) => proofs.push(Proof {
            name: "policy.on-disk".to_string(),
            state: State::NotShown,
            detail: format!("could not be tried: {error}"),
        }),
    }
    proofs.extend(posture::the_process_is_closed());
    proofs.push(core);
    proofs.push(posture::the_secrets_are_fresh(vault, now));
    match "proof".parse::<SessionId>() {
        Ok(session) => proofs.extend(posture::the_policy_asks(&policy, &session, now)),
        Err(error) => tracing::error!(%error, "the proof's session has no name"),
    }
    proofs
}

/// Makes every proof for the home at `root`, without starting anything. `in_force` is the digest of the rules of a house
/// that runs there.
///
/// # Errors
///
/// [`crate::StartError`] when the home cannot be used.
pub async fn prove_home(
    root: &Path,
    ask: crate::keys::Ask,
    in_force: Option<String>,
) -> Result<Vec<wire::Proof>, crate::StartError> {
    let home = crate::Home::prepare(root)?;
    let config = crate::config::Config::load(&home.path(crate::config::FILE))?;
    let vault = Arc::new(config.open_vault(home.root(), ask, crate::Begin::GoingOn)?);
    let egress = Egress::new(Arc::clone(&vault), egress::Settings::default(), Arc::new(egress::Unobserved))?;
    let sandbox = Sandbox::probe().await?;
    let policy = crate::rules::load_policy(home.root(), &config)?;
    let clock = gateway::clock();
    let now = clock();
    let rules = Rules { root: home.root().to_path_buf(), policy: Arc::new(policy), in_force };
    let proofs = prove(&sandbox, &egress, &vault, rules, None, &clock).await;
    Ok(proofs.iter().map(|proof| wire_proof(proof, now)).collect())
}
