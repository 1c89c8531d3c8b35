//! What is found where something is missing: each such machine has an answer that says what it is, and never a weaker
//! one in silence.

use std::process::Command;
use std::time::Duration;

use sandbox::{Access, Caps, Ending, Error, Grant, LimitHit, Sandbox, Spec, resolve_program};

use crate::house::{best, helper, processes_with, run, spec};

/// The variable with which this test is the one that looks around on such a machine.
const INSIDE: &str = "SANDBOX_TEST_MISSING";

/// What was found there.
#[derive(Debug)]
struct Found {
    level: String,
    reason: String,
    fix: String,
    ran: String,
}

/// Prints what there is, if this is the one that looks around.
async fn looks_around() -> bool {
    let Ok(marker) = std::env::var(INSIDE) else { return false };
    let sandbox = Sandbox::probe_with(helper(), Caps::default()).await.unwrap();
    let isolation = sandbox.isolation();
    // It clings to life, and must be gone all the same.
    let line = format!("echo x > /tmp/x; (setsid sleep {marker} &); sleep {marker}");
    let ran = match resolve_program("sh") {
        Ok(program) => {
            let mut asked = Spec::new(program, ["sh", "-c", &line].map(Into::into).into());
            asked.limits.wall = Duration::from_millis(300);
            sandbox.run(asked, std::future::pending(), &mut |_, _| {}).await
        }
        Err(error) => Err(Error::Helper { source: std::io::Error::other(error) }),
    };
    let ran = match ran {
        Ok(report) => format!("{:?} {:?}", report.ending, report.limit_hit),
        Err(Error::BelowFloor { .. }) => "below the floor".to_owned(),
        Err(error) => format!("{error:?}"),
    };
    let none = "nothing".to_owned();
    let (reason, fix) = (isolation.reason.as_ref().unwrap_or(&none), isolation.fix.as_ref().unwrap_or(&none));
    println!("FOUND|{}|{reason}|{fix}|{ran}|", isolation.level);
    true
}

fn found(test: &str, output: &std::process::Output) -> Found {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once("FOUND|"));
    assert!(line.is_some(), "{test}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, line) = line.unwrap();
    let parts: Vec<String> = line.split('|').map(str::to_owned).collect();
    assert_eq!(parts.len(), 5, "{line}");
    let part = |place: usize| parts[place].clone();
    Found { level: part(0), reason: part(1), fix: part(2), ran: part(3) }
}

/// Runs this test again on a machine that `prelude` makes, in namespaces of its own.
fn on(test: &str, marker: &str, prelude: &str) -> Found {
    let own = std::env::current_exe().unwrap();
    let line = format!("{prelude}\nexec {} --exact missing::{test} --nocapture", own.display());
    let mut command = Command::new("unshare");
    if !sandbox::is_root() {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.args(["--mount", "--propagation", "private", "sh", "-ec", &line]).env(INSIDE, marker);
    let found = found(test, &command.output().unwrap());
    assert_eq!(processes_with(marker), 0, "{found:?}");
    found
}

/// Whoever outlives a command is found in `/proc`; where there is none, nothing may run.
#[tokio::test]
async fn without_a_process_list_nothing_runs() {
    if looks_around().await {
        return;
    }
    let found = on("without_a_process_list_nothing_runs", "70007.1", "mount -t tmpfs none /proc");
    assert_eq!(found.level, "none", "{found:?}");
    assert!(found.ran.contains("/usr/bin/sh"), "nothing can be looked up: {found:?}");
    assert!(found.reason.contains("no `/proc`") && found.fix.contains("mount -t proc"), "{found:?}");
}

/// As Docker shows it: a fresh one may not be mounted beside it.
#[tokio::test]
async fn where_parts_of_the_process_list_are_covered_there_are_no_namespaces() {
    if looks_around().await {
        return;
    }
    let prelude = "mount -t tmpfs none /proc/sys; mount --bind /dev/null /proc/interrupts";
    let test = "where_parts_of_the_process_list_are_covered_there_are_no_namespaces";
    let found = on(test, "70007.2", prelude);
    assert_eq!(found.level, "landlock", "{found:?}");
    assert_eq!(found.ran, format!("{:?} {:?}", Ending::TimedOut, Some(LimitHit::Wall)), "{found:?}");
    assert!(found.reason.contains("`/proc`") && found.fix.contains("unmasked"), "{found:?}");
}

#[tokio::test]
async fn where_user_namespaces_are_used_up_it_is_said_and_how_to_get_them() {
    if looks_around().await {
        return;
    }
    let test = "where_user_namespaces_are_used_up_it_is_said_and_how_to_get_them";
    let prelude = "unshare --user --map-user=1000 --map-group=1000 --keep-caps sh -ec \
        'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all \"$@\"' sh";
    let own = std::env::current_exe().unwrap();
    let line = format!("exec {prelude} {} --exact missing::{test} --nocapture", own.display());
    let output = Command::new("sh").args(["-ec", &line]).env(INSIDE, "70007.3").output().unwrap();
    let found = found(test, &output);
    assert_eq!(processes_with("70007.3"), 0, "{found:?}");
    assert_eq!(found.level, "landlock", "{found:?}");
    assert!(found.reason.contains("allows no user namespaces"), "{found:?}");
    assert!(found.fix.contains("max_user_namespaces"), "{found:?}");
}

#[tokio::test]
async fn a_read_only_root_takes_nothing_away() {
    if looks_around().await {
        return;
    }
    let found = on("a_read_only_root_takes_nothing_away", "70007.4", "mount -o remount,bind,ro /");
    let here = best().await.isolation().level;
    assert_eq!(found.level, here.as_str(), "{found:?}");
    assert_eq!(found.ran, format!("{:?} {:?}", Ending::TimedOut, Some(LimitHit::Wall)), "{found:?}");
}

/// A sandbox within a sandbox: its filter has neither namespaces nor filters to give.
#[tokio::test]
async fn within_a_sandbox_nothing_runs() {
    if looks_around().await {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let mut asked =
        spec(&[own.to_str().unwrap(), "--exact", "missing::within_a_sandbox_nothing_runs", "--nocapture"]);
    for program in [own.as_path(), helper().path()] {
        asked.grants.push(Grant::resolve(program, Access::ReadExecute).unwrap());
    }
    asked.environment.set(INSIDE, "70007.5").unwrap();
    let report = run(&best().await, asked).await;
    let text = report.stdout.text();
    let line = text.lines().find_map(|line| line.split_once("FOUND|")).map(|(_, line)| line.to_owned());
    assert!(line.is_some(), "{}{}", report.stdout.text(), report.stderr.text());
    let line = line.unwrap();
    // Calls that a path is looked up with do not exist there either.
    assert!(line.starts_with("none|`full` is not available"), "{line}");
    assert!(!line.contains("Exited") && line.contains("Function not implemented"), "{line}");
}

/// A container with one user in it, who is root there.
#[tokio::test]
async fn a_root_without_other_users_runs_nothing() {
    if looks_around().await {
        return;
    }
    let test = "a_root_without_other_users_runs_nothing";
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]).arg(own).args([
        "--exact",
        &format!("missing::{test}"),
        "--nocapture",
    ]);
    let found = found(test, &command.env(INSIDE, "70007.6").output().unwrap());
    assert_eq!((found.level.as_str(), found.ran.as_str()), ("none", "below the floor"), "{found:?}");
    assert!(found.reason.contains("no other user") && found.fix.contains("ordinary user"), "{found:?}");
}
