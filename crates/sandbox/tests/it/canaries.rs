use sandbox::Level;
use sandbox::canaries::{self, Canary, Outcome, Verdict};

use crate::house::{at_level, best};

#[tokio::test]
async fn every_canary_fails_inside_and_succeeds_outside_at_the_best_level() {
    let sandbox = best().await;
    let results = canaries::run(&sandbox, None).await.unwrap();
    let shown: Vec<_> = results.iter().map(|result| (result.canary, result.verdict)).collect();
    let wanted: Vec<_> = Canary::ALL.iter().map(|canary| (*canary, Verdict::Holds)).collect();
    assert_eq!(shown, wanted, "{results:#?}");
}

#[tokio::test]
async fn every_canary_fails_inside_with_a_watcher_for_limits() {
    let sandbox = at_level(Level::FullSoft).await;
    let results = canaries::run(&sandbox, None).await.unwrap();
    assert!(results.iter().all(|result| result.verdict == Verdict::Holds), "{results:#?}");
}

#[tokio::test]
async fn every_canary_fails_inside_without_namespaces() {
    let sandbox = at_level(Level::Landlock).await;
    let results = canaries::run(&sandbox, None).await.unwrap();
    assert!(results.iter().all(|result| result.verdict == Verdict::Holds), "{results:#?}");
}

#[tokio::test]
async fn what_was_shown_outside_can_be_kept() {
    let sandbox = best().await;
    let shown = canaries::outside(&sandbox).await.unwrap();
    assert!(shown.iter().all(|tried| tried.outcome == Outcome::Passed), "{shown:#?}");
    let results = canaries::run(&sandbox, Some(&shown)).await.unwrap();
    assert!(results.iter().all(|result| result.verdict == Verdict::Holds), "{results:#?}");
    assert_eq!(canaries::kept_for(&sandbox).unwrap(), canaries::kept_for(&sandbox).unwrap());
}

#[tokio::test]
async fn without_walls_the_canaries_say_so() {
    let sandbox = at_level(Level::None).await;
    let results = canaries::run(&sandbox, None).await.unwrap();
    let verdict = |canary| results.iter().find(|result| result.canary == canary).unwrap().verdict;
    for canary in [Canary::ReadKeys, Canary::ReadVault, Canary::ReadAuditLog] {
        assert_eq!(verdict(canary), Verdict::Failed, "{results:#?}");
    }
}

#[tokio::test]
async fn a_process_that_closed_itself_leaves_no_core_where_another_does() {
    let sandbox = best().await;
    let [open, closed] = canaries::CRASHES;
    assert!(!canaries::leaves_core(&sandbox, closed).await.unwrap());
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let most = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    // A plain name is a file in the folder of the process; what a program makes of a core is the machine's business.
    let is_file = !pattern.starts_with(['|', '/']) && !pattern.trim().is_empty();
    if is_file && most != Some(0) {
        assert!(canaries::leaves_core(&sandbox, open).await.unwrap());
    }
}
