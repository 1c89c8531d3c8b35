use std::sync::Arc;

use sandbox::{Access, Ending, Grant, Level};

use crate::house::{at_level, best, run, spec};

#[tokio::test]
async fn a_command_runs_and_its_output_comes_back() {
    let sandbox = best().await;
    assert!(sandbox.isolation().level >= Level::FullSoft, "{:?}", sandbox.isolation());
    let report = run(&sandbox, spec(&["sh", "-c", "echo out; echo err >&2; id -u; hostname; exit 3"])).await;
    assert_eq!(report.ending, Ending::Exited(3));
    assert_eq!(report.stdout.text(), "out\n1000\nsandbox\n");
    assert_eq!(report.stderr.text(), "err\n");
}

/// A slow start is not taken for a command that breaks its limits.
#[tokio::test]
async fn many_start_at_once_at_every_level() {
    for level in [Level::Full, Level::FullSoft, Level::Landlock] {
        let sandbox = Arc::new(at_level(level).await);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let sandbox = Arc::clone(&sandbox);
            tasks.spawn(async move {
                let mut asked = spec(&["true"]);
                asked.limits.pids = 4;
                run(&sandbox, asked).await
            });
        }
        while let Some(report) = tasks.join_next().await {
            let report = report.unwrap();
            assert_eq!((report.ending, report.limit_hit), (Ending::Exited(0), None), "{level}: {report:?}");
        }
    }
}

/// The mount table names what is shown, by the places it is shown at, and nothing else of the host's.
#[tokio::test]
async fn the_mount_table_holds_what_is_shown_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = spec(&["cut", "-d", " ", "-f5", "/proc/self/mountinfo"]);
    asked.grants.push(Grant::resolve(folder.path(), Access::Read).unwrap());
    let report = run(&best().await, asked).await;
    let granted = folder.path().display().to_string();
    const SHOWN: [&str; 9] =
        ["/bin", "/dev/", "/etc/", "/lib", "/nix/store", "/gnu/store", "/proc", "/sbin", "/usr"];
    const PRIVATE: [&str; 6] = ["/", "/dev/shm", "/home/user", "/run", "/tmp", "/var/tmp"];
    let text = report.stdout.text();
    let others: Vec<&str> = text
        .lines()
        .filter(|point| *point != granted && !PRIVATE.contains(point))
        .filter(|point| !SHOWN.iter().any(|shown| point.starts_with(shown)))
        .collect();
    assert!(
        others.is_empty() && text.lines().count() > 20 && text.contains(&granted),
        "{others:?} {report:?}"
    );
}
