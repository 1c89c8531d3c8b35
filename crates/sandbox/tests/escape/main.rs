//! Attempts to leave a sandbox, as real programs: each succeeds outside, and each must fail inside.
//!
//! `attempts/` holds one standalone program a file; its first lines say what it shows and what stops it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "the rules for tests, which do not reach the helpers of tests"
)]

mod attempt;
mod broker;
mod host;

use attempt::{Attempt, Needs};
use host::Host;

/// Every attempt in the best sandbox of this machine.
#[tokio::test]
async fn every_attempt_succeeds_outside_and_fails_inside() {
    let host = Host::new();
    let sandbox = host.sandbox(sandbox::Level::Full).await;
    let attempts = Attempt::all(&host);
    assert!(attempts.len() >= 80, "only {} attempts", attempts.len());
    let mut wrong = Vec::new();
    let mut not_shown = Vec::new();
    for attempt in &attempts {
        if attempt.needs == Needs::Root && !sandbox::is_root() {
            not_shown.push(attempt.name.clone());
        } else if !attempt.succeeds_outside(&host) {
            wrong.push(format!("{}: does not succeed outside", attempt.name));
        }
        let report = attempt.run_inside(&host, &sandbox).await;
        let held = report.exit_code() != 0;
        println!(
            "{:<36} {:<20} {:<9} {:<26} {}",
            attempt.name,
            attempt.stopped_by,
            report.level,
            format!("{:?}", report.ending),
            report.denied.iter().map(|denied| denied.call.as_str()).collect::<Vec<_>>().join(" "),
        );
        if !held {
            wrong.push(format!("{}: ESCAPED ({})", attempt.name, attempt.shows));
        } else if attempt.stopped_by == "seccomp" && !attempt.was_filtered(&report) {
            wrong.push(format!("{}: failed, but not for the filter: {report:?}", attempt.name));
        }
    }
    wrong.extend(host.damage());
    if !not_shown.is_empty() {
        println!("succeed outside only as root, so not shown to this user: {}", not_shown.join(", "));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What Landlock and seccomp stop by themselves, without namespaces. What they cannot hide is listed in
/// `Level::cannot_stop`, and stands here by name so that the list stays true.
#[tokio::test]
async fn without_namespaces_files_network_and_processes_still_hold() {
    const SEEN_ANYWAY: [&str; 2] = ["sh_host_name", "capability_bounding"];
    let host = Host::new();
    let sandbox = host.sandbox(sandbox::Level::Landlock).await;
    assert_eq!(sandbox.isolation().level, sandbox::Level::Landlock, "{:?}", sandbox.isolation());
    let mut wrong = Vec::new();
    for attempt in Attempt::all(&host) {
        if attempt.name.starts_with("protected_") || attempt.stopped_by.contains("protected") {
            continue; // covers are mounts: below `full-soft` a workspace is refused or read-only
        }
        let report = attempt.run_inside(&host, &sandbox).await;
        let held = report.exit_code() != 0;
        if held == SEEN_ANYWAY.contains(&attempt.name.as_str()) {
            wrong.push(format!("{}: held is {held}, {report:?}", attempt.name));
        }
    }
    wrong.extend(host.damage());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
