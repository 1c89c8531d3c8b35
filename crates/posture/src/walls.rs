//! Canaries inside a real sandbox, each also known to succeed outside.

use crate::{Proof, State};
use sandbox::canaries::{self, Canary, CanaryResult, Outcome, Tried, Verdict};
use sandbox::{Level, Sandbox};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// The longest cache that is believed, in bytes.
const CACHE_BYTES_MAX: u64 = 1 << 20;

/// How often the canaries are tried until each shows something.
const TRIES_MAX: u32 = 4;

/// Keeps what the canaries did without walls, per kernel and program: that does not change from start to start.
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheWire {
    version: u32,
    kept_for: String,
    tried: Vec<Tried>,
}

const VERSION: u32 = 1;

impl Cache {
    /// A cache in the file at `path`, which is private to its owner.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    fn read(&self, kept_for: &str) -> Option<Vec<Tried>> {
        if fs::symlink_metadata(&self.path).ok()?.len() > CACHE_BYTES_MAX {
            return None;
        }
        let wire: CacheWire = serde_json::from_str(&fs::read_to_string(&self.path).ok()?).ok()?;
        (wire.version == VERSION && wire.kept_for == kept_for).then_some(wire.tried)
    }

    /// A cache that cannot be written only costs time at the next start.
    fn write(&self, kept_for: &str, tried: &[Tried]) {
        let wire = CacheWire { version: VERSION, kept_for: kept_for.to_string(), tried: tried.to_vec() };
        let Ok(text) = serde_json::to_string(&wire) else { return };
        let beside = self.path.with_extension("new");
        let written =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
        let _ = written.and_then(|()| fs::rename(&beside, &self.path));
    }
}

/// Tries every canary behind the walls of `sandbox`.
pub async fn the_walls_hold(sandbox: &Sandbox, cache: Option<&Cache>) -> Vec<Proof> {
    let isolation = sandbox.isolation();
    if isolation.level == Level::None {
        let why = isolation.reason.clone().unwrap_or_else(|| "no reason is known".to_string());
        return vec![Proof::new("sandbox", State::Off, format!("commands do not run: {why}"))];
    }
    match tried(sandbox, cache).await {
        Ok(results) => results.iter().map(proof).collect(),
        Err(error) => {
            vec![Proof::new("sandbox", State::NotShown, format!("the canaries could not be tried: {error}"))]
        }
    }
}

/// Tries again, a few times, what could not be tried or shown: a starved machine is no broken wall. A canary that got
/// through is never tried again.
async fn tried(sandbox: &Sandbox, cache: Option<&Cache>) -> Result<Vec<CanaryResult>, sandbox::Error> {
    let mut tries: u32 = 0;
    loop {
        tries = tries.saturating_add(1);
        let results = try_once(sandbox, cache).await;
        let unclear = match &results {
            Ok(results) => {
                let got_through = results.iter().any(|result| result.verdict == Verdict::Failed);
                !got_through && results.iter().any(|result| result.verdict == Verdict::NotShown)
            }
            Err(_) => true,
        };
        if !unclear || tries >= TRIES_MAX {
            return results;
        }
    }
}

async fn try_once(sandbox: &Sandbox, cache: Option<&Cache>) -> Result<Vec<CanaryResult>, sandbox::Error> {
    let kept_for = canaries::kept_for(sandbox)?;
    let known = cache.and_then(|cache| cache.read(&kept_for));
    if let Some(outside) = known {
        return canaries::run(sandbox, Some(&outside)).await;
    }
    let (results, outside) = canaries::on_both_sides(sandbox).await?;
    // Only what succeeded is worth keeping: a canary that failed by chance would fail for good.
    let all_passed = outside.iter().all(|tried| tried.outcome == Outcome::Passed);
    if let Some(cache) = cache.filter(|_| all_passed) {
        cache.write(&kept_for, &outside);
    }
    Ok(results)
}

fn proof(result: &CanaryResult) -> Proof {
    let name = format!("sandbox.{}", result.canary.name());
    let tries = Canary::tries(result.canary);
    match result.verdict {
        Verdict::Holds => {
            Proof::new(&name, State::Holds, format!("a command tried to {tries}: {}", result.detail))
        }
        Verdict::Failed => {
            Proof::new(&name, State::Failed, format!("a command could {tries}: {}", result.detail))
        }
        Verdict::NotShown => Proof::new(
            &name,
            State::NotShown,
            format!("it is not shown that a command cannot {tries}: {}", result.detail),
        ),
    }
}
