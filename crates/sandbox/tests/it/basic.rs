use std::sync::Arc;

use sandbox::{Ending, Level};

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
