//! A full disk: what is refused was not kept, and it goes on when there is room.
//!
//! The case runs this program again in a mount namespace of its own, with a small file system.

use crate::house::{House, NOW, session};
use domain::Label;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use store::{Error, Store};

/// Set for the child: the home on the small disk.
const CHILD: &str = "HARDSHELL_STORE_TEST_SMALL_DISK";

#[tokio::test]
async fn child_fills_the_disk() {
    let Some(home) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let (store, _) = Store::open(&home, NOW).unwrap();
    let ballast = home.join("ballast");
    fs::write(&ballast, vec![0; 8 << 20]).unwrap();
    let mut kept = 0;
    let error = loop {
        let result = store.run(|tx| tx.remember(&"word ".repeat(8000), &Label::owner(), None, NOW)).await;
        match result {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DiskFull | Error::Undone), "{error:?}");
    assert!(kept > 5, "{kept}");
    let count = store.run(|tx| tx.memories(10_000)).await.unwrap().len();
    assert_eq!(count, kept, "what was refused is not there");
    fs::remove_file(&ballast).unwrap();
    store.run(|tx| tx.add_session(&session("after"))).await.unwrap();
    drop(store);
    let (store, opened) = Store::open(&home, NOW).unwrap();
    assert!(!opened.after_crash);
    let found = store.run(|tx| Ok((tx.memories(10_000)?.len(), tx.sessions(10)?.len()))).await.unwrap();
    assert_eq!(found, (kept, 1));
    eprintln!("the case was run");
}

#[test]
fn a_full_disk_is_said_so_and_nothing_is_half_kept() {
    let house = House::new();
    let script = "set -e; mount -t tmpfs -o size=14m,mode=0700 tmpfs \"$1\"; exec \"$2\" --exact full::child_fills_the_disk --nocapture";
    #[expect(clippy::disallowed_methods, reason = "the child is this test itself, on a disk of its own")]
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(house.home())
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, house.home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && text.contains("1 passed") && text.contains("the case was run"),
        "{text}"
    );
}
