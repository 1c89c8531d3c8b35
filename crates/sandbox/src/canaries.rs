//! Live proofs: each canary tries what a wall forbids, inside a real sandbox, where it must fail, and once without the
//! wall, where it must succeed, so that a wall that is not there cannot look like one that holds.
//!
//! Canaries use decoys, servers and a process of their own, never the owner's files.

mod attempts;
mod stage;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::probe::Sandbox;
use crate::report::{Ending, LimitHit, Report};
use crate::spec::Spec;

pub(crate) use attempts::main;
pub(crate) use stage::CANARY_ARGUMENT;
use stage::Stage;

/// The time limits that a canary tries to outlive, the next one where the one before was too short to try.
const TIME_LIMITS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(3)];

/// The memory limit that a canary tries to pass, in bytes, and how much it takes.
const MEMORY_LIMIT_BYTES: u64 = 32 << 20;
pub(crate) const MEMORY_TAKEN_BYTES: u64 = 128 << 20;

/// What a canary tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canary {
    /// Reads a decoy of `~/.ssh`.
    ReadKeys,
    /// Reads a decoy of the vault.
    ReadVault,
    /// Reads a decoy of the audit log.
    ReadAuditLog,
    /// Reads the environment of another process of the same user.
    ReadEnvironment,
    /// Makes a file where none was granted.
    WriteOutside,
    /// Connects to a server on the loopback of the host.
    ConnectLoopback,
    /// Asks a name server on the loopback of the host.
    AskNameServer,
    /// Connects to the metadata address of a cloud.
    ConnectMetadata,
    /// Connects to a unix socket of the host.
    ConnectUnixSocket,
    /// Gains a capability.
    GainCapability,
    /// Makes a namespace.
    MakeNamespace,
    /// Outlives the time limit, as a process of its own session.
    OutliveTime,
    /// Takes more memory than it may, in several processes.
    PassMemory,
}

impl Canary {
    /// Every canary.
    #[rustfmt::skip]
    pub const ALL: [Self; 13] = [
        Self::ReadKeys, Self::ReadVault, Self::ReadAuditLog, Self::ReadEnvironment, Self::WriteOutside,
        Self::ConnectLoopback, Self::AskNameServer, Self::ConnectMetadata, Self::ConnectUnixSocket,
        Self::GainCapability, Self::MakeNamespace, Self::OutliveTime, Self::PassMemory,
    ];

    /// The name that reports use: its own word here, `read-keys`.
    #[must_use]
    pub fn name(self) -> String {
        serde_json::to_string(&self).unwrap_or_default().trim_matches('"').to_owned()
    }

    /// What it tries, in words.
    #[must_use]
    pub fn tries(self) -> &'static str {
        match self {
            Self::ReadKeys => "read a key in ~/.ssh",
            Self::ReadVault => "read the vault",
            Self::ReadAuditLog => "read the audit log",
            Self::ReadEnvironment => "read another process's environment",
            Self::WriteOutside => "write outside its folder",
            Self::ConnectLoopback => "connect to a server on this machine",
            Self::AskNameServer => "ask a name server",
            Self::ConnectMetadata => "connect to a cloud's metadata address",
            Self::ConnectUnixSocket => "connect to a unix socket of this machine",
            Self::GainCapability => "gain a capability",
            Self::MakeNamespace => "make a namespace",
            Self::OutliveTime => "outlive its time limit",
            Self::PassMemory => "pass its memory limit",
        }
    }
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// Which canary.
    pub canary: Canary,
    /// Whether it got through.
    pub outcome: Outcome,
}

/// Whether a canary got through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did.
    Passed,
    /// It was stopped by this.
    Stopped(String),
    /// It never tried, for this reason.
    NotTried(String),
}

/// One proof: a canary on both sides of the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryResult {
    /// Which canary.
    pub canary: Canary,
    /// What that shows.
    pub verdict: Verdict,
    /// What stopped it, or why nothing is shown, in words.
    pub detail: String,
}

/// What a canary shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It failed inside and succeeded outside: the wall is there.
    Holds,
    /// It succeeded inside: there is no wall.
    Failed,
    /// It did not succeed outside either, or never tried, so nothing is shown; to be treated as failed.
    NotShown,
}

/// Tries every canary inside a sandbox of this level.
///
/// # Errors
///
/// As [`Sandbox::run`], and [`Error::Helper`] when the decoys cannot be set up.
pub async fn inside(sandbox: &Sandbox) -> Result<Vec<Tried>, Error> {
    let stage = Stage::set(sandbox).map_err(|source| Error::Helper { source })?;
    let (quick, time, memory) =
        tokio::join!(quick(sandbox, &stage), time(sandbox, &stage), memory(sandbox, &stage));
    let mut tried = quick?;
    tried.push(Tried { canary: Canary::OutliveTime, outcome: time? });
    tried.push(Tried { canary: Canary::PassMemory, outcome: memory? });
    Ok(tried)
}

/// Tries every canary without any wall: what shows that it can succeed. Holds for as long as [`kept_for`] stays the
/// same.
///
/// # Errors
///
/// [`Error::Helper`] when the decoys cannot be set up or a canary not be started.
pub async fn outside(sandbox: &Sandbox) -> Result<Vec<Tried>, Error> {
    on_stage(sandbox, Stage::outside).await
}

async fn on_stage<T: Send + 'static>(
    sandbox: &Sandbox,
    act: impl FnOnce(&Stage) -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let sandbox = sandbox.clone();
    let done = tokio::task::spawn_blocking(move || act(&Stage::set(&sandbox)?)).await;
    done.map_err(std::io::Error::other).and_then(|done| done).map_err(|source| Error::Helper { source })
}

/// What [`leaves_core`] lets crash: a process as it is, or one that [`crate::harden_self`] closed.
pub const CRASHES: [&str; 2] = ["crash", "crash-closed"];

/// Whether a process that ends by a fault leaves a core; `crash` is one of [`CRASHES`].
///
/// # Errors
///
/// [`Error::Helper`] when it cannot be started.
pub async fn leaves_core(sandbox: &Sandbox, crash: &'static str) -> Result<bool, Error> {
    on_stage(sandbox, move |stage| stage.leaves_core(crash)).await
}

/// What the result of [`outside`] may be kept under: the kernel's release and the helper's hash.
///
/// # Errors
///
/// [`Error::Helper`] when the helper cannot be read.
pub fn kept_for(sandbox: &Sandbox) -> Result<String, Error> {
    let file = std::fs::File::open(&sandbox.helper.path).map_err(|source| Error::Helper { source })?;
    let hash = crate::program::hash(file).map_err(|source| Error::Helper { source })?;
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Ok(format!("{release} {}", blake3::Hash::from_bytes(hash).to_hex()))
}

/// Tries every canary inside and compares it with what it did outside, which is tried now when it is not given.
///
/// # Errors
///
/// As [`inside`] and [`outside`].
pub async fn run(sandbox: &Sandbox, shown: Option<&[Tried]>) -> Result<Vec<CanaryResult>, Error> {
    match shown {
        Some(outside) => Ok(compare(&inside(sandbox).await?, outside)),
        None => Ok(on_both_sides(sandbox).await?.0),
    }
}

/// Tries every canary on both sides at the same time. Returns what that shows, and what they did outside, which may be
/// kept under [`kept_for`].
///
/// # Errors
///
/// As [`inside`] and [`outside`].
pub async fn on_both_sides(sandbox: &Sandbox) -> Result<(Vec<CanaryResult>, Vec<Tried>), Error> {
    let (inside, outside) = tokio::join!(inside(sandbox), outside(sandbox));
    let outside = outside?;
    Ok((compare(&inside?, &outside), outside))
}

fn compare(inside: &[Tried], outside: &[Tried]) -> Vec<CanaryResult> {
    Canary::ALL.into_iter().map(|canary| judge(canary, find(inside, canary), find(outside, canary))).collect()
}

fn find(tried: &[Tried], canary: Canary) -> Outcome {
    let found = tried.iter().find(|tried| tried.canary == canary);
    found.map_or_else(|| Outcome::NotTried("no answer came back".to_owned()), |tried| tried.outcome.clone())
}

fn judge(canary: Canary, inside: Outcome, outside: Outcome) -> CanaryResult {
    let (verdict, detail) = match (inside, outside) {
        (Outcome::Passed, _) => (Verdict::Failed, format!("it could {}", canary.tries())),
        (Outcome::NotTried(why), _) => (Verdict::NotShown, format!("not tried: {why}")),
        (Outcome::Stopped(by), Outcome::Passed) => (Verdict::Holds, format!("stopped by {by}")),
        (Outcome::Stopped(_), Outcome::Stopped(by)) => {
            (Verdict::NotShown, format!("it does not succeed without the wall either: {by}"))
        }
        (Outcome::Stopped(_), Outcome::NotTried(why)) => {
            (Verdict::NotShown, format!("not tried without the wall: {why}"))
        }
    };
    CanaryResult { canary, verdict, detail }
}

async fn quick(sandbox: &Sandbox, stage: &Stage) -> Result<Vec<Tried>, Error> {
    let report = carry_out(sandbox, stage.spec("quick")?).await?;
    let tried = report.stdout.text();
    Ok(tried.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// A slow machine gives it more time to get where it could outlive it: one that never was there shows nothing.
async fn time(sandbox: &Sandbox, stage: &Stage) -> Result<Outcome, Error> {
    let mut outcome = Outcome::NotTried("there was no time to try".to_owned());
    for limit in TIME_LIMITS {
        let mut spec = stage.spec("time")?;
        spec.limits.wall = limit;
        let report = carry_out(sandbox, spec).await?;
        let was_there = report.stdout.text().contains(attempts::IS_THERE);
        outcome = outlived(&report, stage.survivors(), was_there);
        if was_there || outcome == Outcome::Passed {
            break;
        }
    }
    Ok(outcome)
}

fn outlived(report: &Report, survivors: usize, was_there: bool) -> Outcome {
    match (report.ending, survivors) {
        (Ending::TimedOut, 0) if !was_there => {
            Outcome::NotTried("it did not get so far in its time".to_owned())
        }
        (Ending::TimedOut, 0) => Outcome::Stopped("the end of its process list".to_owned()),
        (Ending::TimedOut, _) => Outcome::Passed,
        (
            ending @ (Ending::Exited(_) | Ending::Signalled(_) | Ending::LimitReached | Ending::Cancelled),
            _,
        ) => Outcome::NotTried(format!("it ended early: {ending:?}")),
    }
}

async fn memory(sandbox: &Sandbox, stage: &Stage) -> Result<Outcome, Error> {
    let mut spec = stage.spec("memory")?;
    spec.limits.memory_bytes = MEMORY_LIMIT_BYTES;
    let report = carry_out(sandbox, spec).await?;
    Ok(match (report.ending, report.limit_hit) {
        (Ending::Exited(0), _) => Outcome::Passed,
        (_, Some(LimitHit::Memory)) => Outcome::Stopped("the memory limit".to_owned()),
        (ending, _) => Outcome::Stopped(format!("the memory limit of one process ({ending:?})")),
    })
}

async fn carry_out(sandbox: &Sandbox, spec: Spec) -> Result<Report, Error> {
    sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await
}

#[cfg(test)]
mod tests;
