//! Checks a home without starting anything in it: whether it could be started, and would hold.

use crate::StartError;
use crate::look::{LogReport, verify_log};
use gateway::wire::Proof;
use std::path::Path;

/// How a home is.
#[derive(Debug)]
pub struct HomeCheck {
    /// Its log.
    pub log: LogReport,
    /// How many conversations its database holds.
    pub sessions: usize,
    /// Its proofs; none where its vault cannot be opened.
    pub proofs: Vec<Proof>,
}

/// Whether the key of the home's vault is with it.
#[derive(Clone, Copy, Debug)]
pub enum VaultKey {
    /// It is, or this asks a person for the passphrase that it is made of.
    With(crate::Ask),
    /// It is not: the vault stays closed, and nothing is proved.
    IsMissing,
}

/// The most conversations that are counted.
const SESSIONS_MAX: u32 = 1_000_000;

/// Opens every part of the home at `root`, checks its log from the first record on (against `checkpoint`, if it was
/// kept elsewhere), its database page by page, and makes every proof where its vault can be opened.
///
/// # Errors
///
/// [`StartError`] when the house could not be started.
pub async fn check_restored(
    root: &Path,
    checkpoint: Option<&str>,
    vault: VaultKey,
) -> Result<HomeCheck, StartError> {
    let elsewhere: Vec<audit::Checkpoint> =
        checkpoint.and_then(|line| line.parse().ok()).into_iter().collect();
    let log = verify_log(root, &elsewhere)?;
    let config = crate::config::Config::load(&root.join(crate::config::FILE))?;
    let (store, _) = crate::lost::open_store(root, &config, crate::now(), crate::Begin::GoingOn)?;
    let sessions = store.run(|tx| tx.sessions(SESSIONS_MAX)).await?.len();
    store.close();
    let proofs = match vault {
        VaultKey::With(ask) => crate::prove_home(root, ask, None).await?,
        VaultKey::IsMissing => Vec::new(),
    };
    Ok(HomeCheck { log, sessions, proofs })
}
