//! Ctrl-C in the middle of something long: nothing is left that could be taken for what was asked for.
#![expect(clippy::disallowed_methods, reason = "a tracer holds the program up at a chosen system call")]

use crate::place::{PATIENCE, Place, Said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files below `folder` that have `part` in their names.
fn named(folder: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().contains(part) {
            found.push(entry.path());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(named(&entry.path(), part));
        }
    }
    found
}

/// Runs `hardshell`, which is held up where it makes something durable, and interrupts it once `part` is there. The
/// tracer itself ends only when the delay is over.
async fn interrupted(place: &Place, home: &Path, arguments: &[&str], input: &str, part: &str) -> Said {
    let inner = place.command(home);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"]);
    command.args(["-e", "inject=fsync:delay_enter=5s"]).arg(inner.get_program()).args(arguments);
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(home.parent().unwrap()).stdin(Stdio::piped());
    let mut tracer = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut tracer.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let begun = Instant::now();
    while named(home, part).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{part} never came");
        assert!(tracer.try_wait().unwrap().is_none(), "{:?}", tracer.wait_with_output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let children = format!("/proc/{0}/task/{0}/children", tracer.id());
    let traced: i32 =
        fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let traced = rustix::process::Pid::from_raw(traced).unwrap();
    rustix::process::kill_process(traced, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || tracer.wait_with_output());
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn cleanly(said: &Said) {
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.err.contains("stopped: nothing was left behind"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_interrupted_leaves_nothing_behind_and_works_the_next_time() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    let (export, page) = (home.join("run/log.jsonl"), home.join("run/day.html"));
    let (export, page) = (export.to_str().unwrap(), page.to_str().unwrap());
    for arguments in [["audit", "export", "--out", export], ["audit", "report", "--html", page]] {
        cleanly(&interrupted(&place, &home, &arguments, "", ".unfinished").await);
        assert_eq!(named(&home, ".unfinished"), Vec::<PathBuf>::new());
        assert!(!Path::new(arguments[3]).exists());
        let said = place.run(&home, &arguments).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    // A page of every day has one name; an export is never written over.
    let said = place.run(&home, &["audit", "report", "--html", page]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read_to_string(page).unwrap().contains("</html>"));
    let said = place.run(&home, &["audit", "export", "--out", export]).await;
    assert_eq!(said.code, Some(1), "{said:?}");

    let backup = home.join("run/one.age");
    let create = ["backup", "create", "--passphrase", "--to", backup.to_str().unwrap()];
    let short = place.run_with(&home, &create, "a\n").await;
    assert_eq!(short.code, Some(1), "{short:?}");
    assert!(short.err.contains("fewer than 12 characters") && !backup.exists(), "{short:?}");
    let passphrase = "four words nobody knows\n";
    cleanly(&interrupted(&place, &home, &create, passphrase, "backup.database").await);
    for part in ["backup.database", ".unfinished", "one.age"] {
        assert_eq!(named(&home, part), Vec::<PathBuf>::new());
    }
    let made = place.run_with(&home, &create, passphrase).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let restore = ["backup", "restore", backup.to_str().unwrap()];
    cleanly(&interrupted(&place, &home, &restore, passphrase, "restoring-").await);
    assert_eq!(named(&home, "restoring-"), Vec::<PathBuf>::new());
    place.up(&home).await.stop().await;
    let restored = place.run_with(&home, &restore, passphrase).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
}
