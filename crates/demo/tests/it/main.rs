//! Every attack, played for real: a house is started for each.
#![expect(clippy::unwrap_used, reason = "what fails to be set up fails the test")]

use demo::{Answered, Report, Wall, find, play, story};
use std::collections::BTreeSet;
use std::sync::Once;
use tempfile::TempDir;

/// The house refuses to run as root, so the tests do not stay root either.
fn place() -> TempDir {
    static LEAVE: Once = Once::new();
    LEAVE.call_once(|| {
        if sandbox::is_root() {
            sandbox::process::become_user("hardshell").unwrap();
        }
    });
    demo::place().unwrap()
}

async fn played(name: &str, without: &[Wall]) -> Report {
    let place = place();
    let without: BTreeSet<Wall> = without.iter().copied().collect();
    let mut silent = |_: &str| {};
    play(find(name).unwrap(), &without, &place.path().join("stage"), &mut silent).await.unwrap()
}

/// The calls of a report; what a fetch carries away is the result of the run, not the model's choice.
fn calls(report: &Report) -> Vec<(String, String)> {
    let fixed = |call: &demo::Proposed| match (call.tool.as_str(), call.arguments.split_once("/?data=")) {
        ("web.fetch", Some((address, _carried))) => address.to_string(),
        (_, _) => call.arguments.clone(),
    };
    report.proposed.iter().map(|call| (call.tool.clone(), fixed(call))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_one_wall_holds_alone_and_only_without_all_three_the_secret_is_received() {
    let mut all_calls = BTreeSet::new();
    for bits in 0_u8..8 {
        let without: Vec<Wall> = Wall::ALL
            .into_iter()
            .enumerate()
            .filter(|(at, _)| bits & (1 << at) != 0)
            .map(|(_, wall)| wall)
            .collect();
        let report = played("signature", &without).await;
        assert_eq!(report.reached.attacker, bits == 7, "without {without:?}: {report:#?}");
        assert_eq!(report.harmed, bits == 7, "without {without:?}");
        // No setting opens the sandbox: the command itself never wins.
        assert!(!report.tries[0].won, "{:?}", report.tries[0]);
        assert_eq!(report.tries.len(), 3);
        let heard = without.contains(&Wall::Policy) && without.contains(&Wall::Egress);
        assert_eq!(!report.received.is_empty(), heard, "without {without:?}: {:?}", report.received);
        assert!(report.log.intact, "{}", report.log.verdict);
        // The log keeps what an address carries as a digest.
        assert!(!report.reached.log, "without {without:?}");
        all_calls.insert(calls(&report));
    }
    assert_eq!(all_calls.len(), 1, "the model makes the same calls in every variant: {all_calls:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_wall_no_attack_comes_to_what_it_is_after() {
    for scenario in demo::ALL {
        let report = played(scenario.name, &[]).await;
        assert!(!report.harmed, "{report:#?}");
        assert!(!report.tries.is_empty() && report.tries.iter().all(|one| !one.won), "{:#?}", report.tries);
        assert!(report.log.intact && report.log.records > 0);
        let kinds: Vec<&str> = report.log.kinds.keys().map(String::as_str).collect();
        assert!(kinds.contains(&"intent") && kinds.contains(&"outcome"), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn soul_md_stays_as_it_is_whatever_the_owner_approves() {
    let report = played("soul", &[Wall::Policy, Wall::Files, Wall::Egress]).await;
    assert!(!report.soul_changed && !report.harmed, "{report:#?}");
    let walls: Vec<_> = report.tries.iter().map(|one| one.stopped_by).collect();
    assert_eq!(walls, [Some("files"), Some("sandbox")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_an_error_is_taken_out_before_anybody_reads_it() {
    let report = played("key-in-error", &[]).await;
    assert_eq!(report.reached, demo::Reached::default());
    assert_eq!(report.tries[0].stopped_by, Some("redaction"), "{report:#?}");
    assert!(report.reply.contains("[redacted:anthropic-key]"), "{}", report.reply);
    assert_eq!(report.received.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_names_each_wall_and_never_the_secret() {
    let place = place();
    let without: BTreeSet<Wall> = Wall::ALL.into_iter().collect();
    let folder = place.path().join("stage");
    let mut told = Vec::new();
    let report = play(find("signature").unwrap(), &without, &folder, &mut |text| told.push(text.to_string()))
        .await
        .unwrap();
    let file = std::fs::read_to_string(folder.join("owner/.aws/credentials")).unwrap();
    let secret = file.lines().last().unwrap().rsplit(' ').next().unwrap();
    assert!(secret.len() > 20);
    let shown: String = story(&report).into_iter().map(|line| line.text + "\n").collect();
    for (what, text) in [
        ("story", shown.clone()),
        ("json", serde_json::to_string(&report).unwrap()),
        ("progress", told.join("\n")),
    ] {
        assert!(!text.contains(secret), "{what}");
    }
    assert!(
        shown.contains("THE SECRET") && shown.contains("‹the secret›") && shown.contains("sandbox stops it"),
        "{shown}"
    );
    assert_eq!(report.tries[2].answered, Some(Answered::Approved));
}
