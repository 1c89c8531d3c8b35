//! The tree dies with its time limit, its client or its daemon, whatever it does.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Ending, Level, LimitHit};

use crate::house::{at_level, processes_with, run, shell};

/// Double forks, a session of its own, a stopped process, one that ignores every signal.
fn clinging(marker: &str) -> String {
    format!(
        "trap '' TERM INT HUP; (setsid sleep {marker} &) ; (setsid sh -c 'sleep {marker} & kill -STOP $$' &) ; \
         nohup sleep {marker} >/dev/null 2>&1 & sleep {marker}"
    )
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn when_time_is_up_everything_is_gone_at_every_level() {
    for (level, marker) in
        [(Level::Full, "70001.1"), (Level::FullSoft, "70001.2"), (Level::Landlock, "70001.3")]
    {
        let sandbox = at_level(level).await;
        let mut spec = shell(&clinging(marker));
        spec.limits.wall = Duration::from_millis(400);
        let report = run(&sandbox, spec).await;
        assert_eq!((report.ending, report.limit_hit), (Ending::TimedOut, Some(LimitHit::Wall)), "{report:?}");
        assert_eq!(report.exit_code(), 124);
        assert_eq!(processes_with(marker), 0, "{level}");
    }
}

#[tokio::test]
async fn when_the_command_ends_what_it_left_behind_is_gone() {
    for (level, marker) in
        [(Level::Full, "70002.1"), (Level::FullSoft, "70002.2"), (Level::Landlock, "70002.3")]
    {
        let sandbox = at_level(level).await;
        let report =
            run(&sandbox, shell(&format!("(setsid sleep {marker} >/dev/null 2>&1 &); exit 7"))).await;
        assert_eq!(report.ending, Ending::Exited(7), "{report:?}");
        assert_eq!(processes_with(marker), 0, "{level}");
    }
}

#[tokio::test]
async fn cancelling_ends_everything_and_says_so() {
    for (level, marker) in [(Level::Full, "70003.1"), (Level::Landlock, "70003.2")] {
        let sandbox = at_level(level).await;
        let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
        let mut cancel = Some(cancel);
        let spec = shell(&format!("echo up; {}", clinging(marker)));
        let report = sandbox
            .run(spec, async { drop(cancelled.await) }, &mut |_, _| {
                let _told = cancel.take().map(|cancel| cancel.send(()));
            })
            .await
            .unwrap();
        assert_eq!(report.ending, Ending::Cancelled, "{report:?}");
        assert_eq!(processes_with(marker), 0, "{level}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_everything_along() {
    for (level, marker) in [(Level::Full, "70004.1"), (Level::FullSoft, "70004.2")] {
        let sandbox = at_level(level).await;
        let running = sandbox.start(shell(&clinging(marker))).await.unwrap();
        wait_until("it runs", || processes_with(marker) > 0);
        drop(running);
        wait_until("everything is gone", || processes_with(marker) == 0);
    }
}

/// The variable with which this test is the client that is killed.
const CLIENT: &str = "SANDBOX_TEST_CLIENT";

#[tokio::test]
async fn a_daemon_that_is_killed_takes_everything_along() {
    if let Ok(marker) = std::env::var(CLIENT) {
        let level = if marker.ends_with("3") { Level::Landlock } else { Level::Full };
        let sandbox = at_level(level).await;
        drop(run(&sandbox, shell(&clinging(&marker))).await);
        return;
    }
    for marker in ["70005.1", "70005.3"] {
        let mut client = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifetime::a_daemon_that_is_killed_takes_everything_along"])
            .env(CLIENT, marker)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("it runs", || processes_with(marker) > 0);
        client.kill().unwrap();
        client.wait().unwrap();
        wait_until("everything is gone", || processes_with(marker) == 0);
    }
}
