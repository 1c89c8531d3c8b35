use sandbox::{Ending, Level};

use crate::house::{best, run, spec};

#[tokio::test]
async fn a_command_runs_and_its_output_comes_back() {
    let sandbox = best().await;
    eprintln!("{:?}", sandbox.isolation());
    assert!(sandbox.isolation().level >= Level::FullSoft, "{:?}", sandbox.isolation());
    let report = run(&sandbox, spec(&["sh", "-c", "echo out; echo err >&2; id -u; hostname; exit 3"])).await;
    eprintln!("{report:?}");
    assert_eq!(report.ending, Ending::Exited(3));
    assert_eq!(report.stdout.text(), "out\n1000\nsandbox\n");
    assert_eq!(report.stderr.text(), "err\n");
}
