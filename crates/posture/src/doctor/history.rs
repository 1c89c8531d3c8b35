//! Keys that were committed once: what git still has of them, read by git itself behind the sandbox's walls.

use super::{Ailment, Weight};
use egress::{Reader, Redactor};
use sandbox::{Access, Grant, Limits, Sandbox, Spec, resolve_program};
use std::path::Path;
use std::time::Duration;

/// How long git may take over one history.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of a history is read, in bytes; the newest comes first.
const HISTORY_BYTES_MAX: u64 = 64 << 20;
/// How many commits are named.
const LISTED_MAX: usize = 10;
/// What stands before each commit in what git is asked to print.
const COMMIT: &[u8] = b"\x01commit ";

/// The commits of a repository that add something of the shape of a key.
pub async fn keys_in_git_history(
    sandbox: &Sandbox,
    repository: &Path,
    redactor: &Redactor,
) -> Result<Option<Ailment>, sandbox::Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| sandbox::Error::Helper {
        source: std::io::Error::other(source),
    };
    let Ok(git) = resolve_program("git") else { return Ok(None) };
    let place = repository.display().to_string();
    let arguments = [
        "git",
        "-c",
        "safe.directory=*",
        "-c",
        "core.fsmonitor=false",
        "-C",
        &place,
        "log",
        "--all",
        "--no-color",
        "--no-textconv",
        "--no-ext-diff",
        "--unified=0",
        "--patch",
        "--format=%x01commit %h",
    ];
    let mut spec = Spec::new(git, arguments.iter().map(Into::into).collect());
    spec.grants.push(Grant::resolve(repository, Access::Read).map_err(|error| failed(error.into()))?);
    spec.limits = Limits { wall: PATIENCE, output_bytes: HISTORY_BYTES_MAX, ..Limits::default() };
    let report = sandbox.run(spec, std::future::pending(), &mut |_stream, _bytes| {}).await?;
    let (mut commit, mut found) = (String::new(), Vec::new());
    for line in report.stdout.bytes.split(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(COMMIT) {
            commit = String::from_utf8_lossy(name).into_owned();
        } else if line.starts_with(b"+")
            && found.last() != Some(&commit)
            && redactor.find(line, Reader::Anyone).is_some()
        {
            found.push(commit.clone());
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let shown = found.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = found.len().saturating_sub(LISTED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Ok(Some(Ailment {
        name: "key.git-history",
        weight: Weight::Bad,
        what: format!("the history of {place} has what looks like a key, in {shown}{more}"),
        mend: format!(
            "replace the key at its service; then git -C '{place}' filter-repo --replace-text KEYS"
        ),
        fix: None,
    }))
}
