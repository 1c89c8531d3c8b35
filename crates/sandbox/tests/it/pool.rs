//! Helpers that wait ready hold nothing of any command, and serve one.

use std::path::Path;
use std::time::{Duration, Instant};

use sandbox::Ending;

use crate::house::{best, run, shell, spec};

/// What a process has open, by number.
fn open_files(process: u32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    let mut links: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(std::fs::read_link(entry.path()).ok()?.display().to_string()))
        .map(|link| if link.starts_with("socket:") { "socket".to_owned() } else { link })
        .collect();
    links.sort_unstable();
    links
}

#[tokio::test]
async fn a_helper_that_waits_knows_of_no_command_and_has_one_socket() {
    let sandbox = best().await.with_pool(2);
    assert!(sandbox.waiting_helpers().is_empty(), "none before the first command");
    sandbox.fill_pool();
    let waiting = sandbox.waiting_helpers();
    assert_eq!(waiting.len(), 2);
    for process in waiting {
        let begun = Instant::now();
        // It closes what it was started with before it waits; until then it is not waiting yet.
        while open_files(process) != ["/dev/null", "/dev/null", "/dev/null", "socket"] {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", open_files(process));
            std::thread::yield_now();
        }
        assert_eq!(std::fs::read(format!("/proc/{process}/environ")).unwrap(), b"");
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap();
        let words: Vec<&[u8]> =
            line.split(|byte| *byte == 0).skip(1).filter(|word| !word.is_empty()).collect();
        assert!(words.iter().all(|word| *word == b"__early"), "{words:?}");
    }
}

#[tokio::test]
async fn a_helper_serves_one_command_and_is_gone() {
    let sandbox = best().await.with_pool(1);
    for round in 0..3 {
        sandbox.fill_pool();
        let [process] = sandbox.waiting_helpers()[..] else { panic!("one waits") };
        let report = run(&sandbox, shell("echo $$; ls ~ | wc -l; grep -c . /proc/net/dev")).await;
        let expected = format!("{}\n0\n3\n", report.stdout.text().lines().next().unwrap());
        assert_eq!((report.ending, report.stdout.text()), (Ending::Exited(0), expected), "{round}");
        assert!(!sandbox.waiting_helpers().contains(&process));
        // It has nothing left to do but to end, which nobody waits for.
        let begun = Instant::now();
        while Path::new(&format!("/proc/{process}")).exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it ends with its command");
            tokio::task::yield_now().await;
        }
    }
}

/// One that died while it waited is passed over.
#[tokio::test]
async fn a_helper_that_is_gone_is_not_used() {
    let sandbox = best().await.with_pool(1);
    sandbox.fill_pool();
    let process =
        rustix::process::Pid::from_raw(i32::try_from(sandbox.waiting_helpers()[0]).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    // Dead, and not yet buried: its parent has not asked.
    while !std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()))
        .unwrap()
        .contains(") Z ")
    {
        std::thread::yield_now();
    }
    assert_eq!(run(&sandbox, spec(&["true"])).await.ending, Ending::Exited(0));
}
