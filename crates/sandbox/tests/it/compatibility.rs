//! Programs that people use work inside.

use std::path::Path;

use sandbox::{Access, Ending, Grant, Spec, Workspace};
use tempfile::TempDir;

use crate::house::{best, run, shell, spec};

/// What each line must print.
const LINES: [(&str, &str, &str); 24] = [
    ("df", "df -P / | tail -1 | awk '{print $6}'", "/\n"),
    ("ps", "ps -e -o comm= | sort -u | head -1 | grep -c .", "1\n"),
    ("sort", "printf 'b\\na\\n' | sort", "a\nb\n"),
    ("find", "touch a b; find . -type f | wc -l", "2\n"),
    ("tar", "echo hi > f; tar cf a.tar f; rm f; tar xf a.tar; cat f", "hi\n"),
    ("make", "printf 'all:\\n\\t@echo made\\n' > Makefile; make", "made\n"),
    ("make in parallel", "printf 'all: a b\\na b:\\n\\t@true\\n' > Makefile; make -j4 && echo ok", "ok\n"),
    (
        "gcc",
        "printf 'int puts(const char*);int main(){puts(\"built\");}' > a.c; gcc a.c && ./a.out",
        "built\n",
    ),
    ("python", "python3 -c 'print(6*7)'", "42\n"),
    (
        "python threads",
        "python3 -c 'import concurrent.futures as c; print(sum(c.ThreadPoolExecutor(4).map(abs, range(5))))'",
        "10\n",
    ),
    (
        "python processes",
        "printf 'import multiprocessing as m\\nif __name__ == \"__main__\":\\n    with m.Pool(3) as p: print(p.map(abs, [-1, 2]))\\n' > a.py; python3 a.py",
        "[1, 2]\n",
    ),
    (
        "python manager",
        "printf 'import multiprocessing as m\\nif __name__ == \"__main__\":\\n    with m.Manager() as g: print(list(g.list([1])))\\n' > a.py; python3 a.py",
        "[1]\n",
    ),
    (
        "python asyncio",
        "python3 -c 'import asyncio; print(asyncio.run(asyncio.wait_for(asyncio.sleep(0, 3), 1)))'",
        "3\n",
    ),
    (
        "python asyncio child",
        "printf 'import asyncio\\nasync def go():\\n    p = await asyncio.create_subprocess_exec(\"echo\", \"child\", stdout=-1)\\n    print((await p.communicate())[0].decode(), end=\"\")\\nasyncio.run(go())\\n' > a.py; python3 a.py",
        "child\n",
    ),
    (
        "python sqlite",
        "python3 -c 'import sqlite3; c = sqlite3.connect(\"a.db\"); c.execute(\"create table t(x)\"); c.commit(); print(1)'",
        "1\n",
    ),
    ("python venv", "python3 -m venv --without-pip v && v/bin/python -c 'print(1)'", "1\n"),
    (
        "python temporary files",
        "python3 -c 'import tempfile; f = tempfile.TemporaryFile(); f.write(b\"x\"); print(f.tell())'",
        "1\n",
    ),
    ("node", "node -e 'console.log(require(\"os\").cpus().length > 0, 6 * 7)'", "true 42\n"),
    (
        "node child",
        "node -e 'console.log(require(\"child_process\").execSync(\"echo child\").toString().trim())'",
        "child\n",
    ),
    (
        "node worker",
        "node -e 'const {Worker} = require(\"worker_threads\"); new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(5)\", {eval: true}).on(\"message\", m => console.log(m))'",
        "5\n",
    ),
    (
        "git",
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && git log --format=%s",
        "one\n",
    ),
    (
        "git clone",
        "git init -q a && git -C a -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && git clone -q a b && git -C b log --format=%s",
        "one\n",
    ),
    ("bash jobs", "bash -c 'sleep 0 & wait $!; echo done'", "done\n"),
    ("date", "date -u -d @0 +%Y", "1970\n"),
];

/// In a fresh home each, with no more rights than that.
#[tokio::test]
async fn everyday_programs_work() {
    let sandbox = best().await;
    let mut wrong = Vec::new();
    for (name, line, wanted) in LINES {
        let mut spec = shell(line);
        spec.limits.wall = std::time::Duration::from_secs(60);
        let report = run(&sandbox, spec).await;
        if report.stdout.text() != wanted || report.ending != Ending::Exited(0) {
            wrong.push(format!(
                "{name}: {:?} {}{}",
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
