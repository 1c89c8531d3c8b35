//! The stop switch ends every sandbox, without the program that started them.

use std::time::{Duration, Instant};

use sandbox::{Ending, Error, Level, Limits, StopSwitch};

use crate::house::{at_level, processes_with, shell};

/// How many busy sandboxes are stopped at once; `HARDSHELL_SANDBOXES` is for longer runs.
const BUSY: usize = 16;
const NAME: &str = "lockdown";

fn busy() -> usize {
    std::env::var("HARDSHELL_SANDBOXES").ok().and_then(|count| count.parse().ok()).unwrap_or(BUSY)
}

#[tokio::test]
async fn the_switch_ends_every_busy_sandbox_at_once_and_nothing_starts_while_it_is_on() {
    for (level, marker) in [(Level::Full, "70006.1"), (Level::Landlock, "70006.2")] {
        let home = tempfile::tempdir().unwrap();
        let switch = StopSwitch::open(home.path(), NAME).unwrap();
        let sandbox = at_level(level).await.stopped_by(switch.clone());
        let mut running = Vec::new();
        for _ in 0..busy() {
            let mut spec =
                shell(&format!("setsid sleep {marker} & trap '' TERM INT HUP; while :; do :; done"));
            spec.limits = Limits { wall: Duration::from_secs(600), ..spec.limits };
            running.push(sandbox.start(spec).await.unwrap());
        }
        assert!(!switch.is_on());
        let thrown = Instant::now();
        std::fs::write(home.path().join(NAME), "").unwrap();
        // Nobody asks the helpers: they have seen it themselves.
        while processes_with(marker) > 0 {
            assert!(thrown.elapsed() < Duration::from_secs(60), "{} still run", processes_with(marker));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = thrown.elapsed();
        for running in running {
            let report = running.finish(std::future::pending(), &mut |_, _| {}).await.unwrap();
            assert_eq!(report.ending, Ending::Cancelled, "{report:?}");
        }
        println!("{level}: {} busy sandboxes were gone after {} ms", busy(), took.as_millis());
        let refused = sandbox.start(shell("true")).await;
        assert!(matches!(refused, Err(Error::Stopped)), "{refused:?}");
        std::fs::remove_file(home.path().join(NAME)).unwrap();
        assert!(sandbox.start(shell("true")).await.is_ok());
    }
}

#[test]
fn a_switch_that_cannot_be_read_is_on() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), "").unwrap();
    assert!(StopSwitch::open(&home.path().join("file"), NAME).is_err());
    let long = "x".repeat(5000);
    assert!(StopSwitch::open(home.path(), &long).unwrap().is_on());
}
