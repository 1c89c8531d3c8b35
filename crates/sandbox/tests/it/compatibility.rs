//! Programs that people use work inside.

use std::path::Path;

use sandbox::{Access, Ending, Grant, Spec, Workspace};
use tempfile::TempDir;

use crate::house::{best, run, shell, spec};
use crate::works::WORKS;

/// Each in a fresh home.
#[tokio::test]
async fn everyday_programs_work() {
    let sandbox = best().await;
    let mut wrong = Vec::new();
    for work in WORKS {
        let report = run(&sandbox, work.spec()).await;
        if !work.is_done(&report) {
            wrong.push(format!(
                "{} {}: {:?} {}{}",
                work.program,
                work.name,
                report.ending,
                report.stdout.text(),
                report.stderr.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn in_workspace(folder: &Path, line: &str) -> Spec {
    let mut spec = shell(line);
    spec.workspace = Some(Workspace::new(Grant::resolve(folder, Access::Write).unwrap()));
    spec.folder = Some(folder.to_owned());
    spec.limits.wall = std::time::Duration::from_secs(120);
    spec
}

#[tokio::test]
async fn a_workspace_is_worked_in_and_its_repository_read() {
    let folder = TempDir::new().unwrap();
    let setup = std::process::Command::new("sh")
        .args(["-c", "git init -q . && echo one > file && git add . && git -c user.name=a -c user.email=a@b commit -qm one"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(setup.success());
    let sandbox = best().await;
    let line = "echo two >> file && git -c safe.directory='*' log --format=%s && \
        git -c safe.directory='*' --no-optional-locks status --short";
    let report = run(&sandbox, in_workspace(folder.path(), line)).await;
    assert_eq!(report.stdout.text(), "one\n M file\n", "{report:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "one\ntwo\n");

    let mut granted = in_workspace(
        folder.path(),
        "git -c safe.directory='*' -c user.name=a -c user.email=a@b commit -qam two",
    );
    granted.workspace.as_mut().unwrap().writable_protected.push(".git".to_owned());
    let report = run(&sandbox, granted).await;
    assert_eq!(report.ending, Ending::Exited(0), "{report:?}");
}

#[tokio::test]
async fn cargo_builds_a_program() {
    let sandbox = best().await;
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("src/main.rs"), "fn main() { println!(\"built\"); }\n").unwrap();
    let rustc = std::process::Command::new("rustc").arg("--print=sysroot").output().unwrap();
    let sysroot = String::from_utf8(rustc.stdout).unwrap().trim().to_owned();
    let line = format!("PATH={sysroot}/bin:$PATH CARGO_HOME=/tmp/cargo cargo run -q --offline");
    let mut spec = in_workspace(folder.path(), &line);
    spec.grants.push(Grant::resolve(Path::new(&sysroot), Access::ReadExecute).unwrap());
    spec.limits.memory_bytes = 2 << 30;
    let report = run(&sandbox, spec).await;
    assert_eq!(report.stdout.text(), "built\n", "{report:?}");
}

#[tokio::test]
async fn a_terminal_of_its_own_has_a_size_and_job_control() {
    let mut spec = spec(&["bash", "-ic", "stty size; test -t 0 && echo terminal"]);
    spec.terminal = sandbox::Terminal::Pty { rows: 33, columns: 77 };
    let report = run(&best().await, spec).await;
    let text = report.stdout.text();
    assert!(
        text.contains("33 77") && text.contains("terminal") && !text.contains("no job control"),
        "{report:?}"
    );
}

/// The page of the guide has a row for each, and none besides.
#[test]
fn the_guide_says_what_works() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/compatibility.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<&str> =
        page.split("## ").next().unwrap().lines().filter(|line| line.matches('|').count() == 3).collect();
    for work in WORKS {
        let named = |row: &&&str| row.ends_with(&format!("| {} |", work.name));
        assert_eq!(
            rows.iter().filter(named).count(),
            WORKS.iter().filter(|other| other.name == work.name).count()
        );
    }
    assert_eq!(rows.len(), WORKS.len() + 2, "a head, a line, and a row for each");
}
