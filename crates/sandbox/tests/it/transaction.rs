//! A workspace whose changes are looked at first.

use std::path::{Path, PathBuf};

use sandbox::{
    ChangeKind, Concern, Ending, LimitHit, PathError, Report, Transaction, TransactionError, Undo, Within,
};
use tempfile::TempDir;

use crate::house::{best, run, shell};

struct Bench {
    base: TempDir,
}

impl Bench {
    fn new() -> Self {
        let base = TempDir::new_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let bench = Self { base };
        std::fs::create_dir_all(bench.workspace().join("folder/inner")).unwrap();
        for (name, content) in
            [("kept", "kept\n"), ("changed", "old\n"), ("removed", "gone\n"), ("folder/inner/deep", "deep\n")]
        {
            std::fs::write(bench.workspace().join(name), content).unwrap();
        }
        bench
    }

    fn workspace(&self) -> PathBuf {
        self.base.path().join("workspace")
    }

    fn set(&self) -> PathBuf {
        self.base.path().join("set")
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace().join(name)).ok()
    }

    async fn change(&self, line: &str) -> (Transaction, Report) {
        let transaction = Transaction::begin(&self.workspace(), &self.set()).unwrap();
        let mut spec = shell(line);
        spec.workspace = Some(transaction.workspace().unwrap());
        spec.folder = Some(self.workspace());
        let report = run(&best().await, spec).await;
        (transaction, report)
    }
}

const CHANGES: &str = "echo new > changed; rm removed; echo added > added; mkdir made; echo x > made/x; \
    rm -r folder; mkdir folder; echo y > folder/y; cat kept added folder/y";

#[tokio::test]
async fn changes_are_kept_apart_then_listed_applied_and_taken_back() {
    let bench = Bench::new();
    let (transaction, report) = bench.change(CHANGES).await;
    assert_eq!(
        (report.ending, report.stdout.text().as_str()),
        (Ending::Exited(0), "kept\nadded\ny\n"),
        "{report:?}"
    );
    assert_eq!(bench.read("changed").as_deref(), Some("old\n"), "nothing is changed yet");
    assert_eq!(bench.read("added"), None);

    let changes = transaction.changes().unwrap();
    assert!(changes.is_plain(), "{changes:?}");
    let listed: Vec<(&str, ChangeKind)> =
        changes.changes.iter().map(|change| (change.path.to_str().unwrap(), change.kind)).collect();
    assert_eq!(
        listed,
        [
            ("added", ChangeKind::Added),
            ("changed", ChangeKind::Replaced),
            ("folder", ChangeKind::FolderReplaced),
            ("made", ChangeKind::FolderAdded),
            ("removed", ChangeKind::Removed),
            ("folder/y", ChangeKind::Added),
            ("made/x", ChangeKind::Added),
        ]
    );

    drop(transaction.apply(&changes).unwrap());
    assert_eq!(bench.read("changed").as_deref(), Some("new\n"));
    assert_eq!(bench.read("made/x").as_deref(), Some("x\n"));
    assert_eq!(bench.read("folder/y").as_deref(), Some("y\n"));
    assert_eq!((bench.read("removed"), bench.read("folder/inner/deep")), (None, None));

    Undo::open(&bench.set()).unwrap().take_back().unwrap();
    assert_eq!(bench.read("changed").as_deref(), Some("old\n"));
    assert_eq!(bench.read("removed").as_deref(), Some("gone\n"));
    assert_eq!(bench.read("folder/inner/deep").as_deref(), Some("deep\n"));
    assert_eq!((bench.read("added"), bench.read("made/x"), bench.read("folder/y")), (None, None, None));
    assert!(!bench.set().exists());
}

#[tokio::test]
async fn what_deserves_a_second_look_is_named() {
    let bench = Bench::new();
    let line = "mkdir -p sub/.git/hooks; echo x > sub/.git/hooks/post-checkout; echo x > .envrc; \
        ln -s /etc/passwd out; ln -s ../../.. up; ln -s kept fine; ln -s /usr/bin/env tool; ln -s /usr/../etc/passwd sly; mkfifo pipe; ln kept second; true";
    let (transaction, report) = bench.change(line).await;
    assert_eq!(report.ending, Ending::Exited(0), "{report:?}");
    let changes = transaction.changes().unwrap();
    assert!(!changes.is_plain());
    let concerns = |path: &str| {
        let change = changes.changes.iter().find(|change| change.path == Path::new(path));
        change.unwrap_or_else(|| panic!("{path}: {changes:?}")).concerns.clone()
    };
    assert_eq!(concerns("sub/.git/hooks/post-checkout"), [Concern::RunsLater(".git".to_owned())]);
    assert_eq!(concerns(".envrc"), [Concern::RunsLater(".envrc".to_owned())]);
    assert_eq!(concerns("out"), [Concern::LeadsOut]);
    assert_eq!(concerns("up"), [Concern::LeadsOut]);
    assert_eq!(concerns("sly"), [Concern::LeadsOut]);
    assert_eq!(concerns("fine"), []);
    assert_eq!(concerns("tool"), []);
    assert!(matches!(concerns("pipe")[..], [Concern::Special(_)]));
    assert_eq!(concerns("second"), [Concern::HardLink]);
    transaction.discard().unwrap();
    assert!(!bench.set().exists());
    assert_eq!(bench.read(".envrc"), None);
}

/// A link is judged by how far it goes up from the folder it really lies in, and by nothing that could be made or aimed
/// anew after it was looked at.
#[tokio::test]
async fn a_link_leads_out_however_it_is_spelled_and_whenever_it_is_aimed() {
    const CASES: [(&str, &str, bool); 12] = [
        ("through a link to here", "ln -s . k; ln -s k/k/../../.ssh l", true),
        ("through what is not there yet", "ln -s nothere/../x l", true),
        ("through folders that may go", "mkdir -p p/q; ln -s p/q/../../x l", true),
        ("up again after a name", "mkdir -p a/b; ln -s ../a/../../x a/b/l", true),
        ("up past dots", "mkdir a; ln -s ./.././../x a/l", true),
        ("one too many", "mkdir -p a/b; ln -s ../../../x a/b/l", true),
        ("in a folder that was moved up", "mkdir -p a/b; ln -s ../../x a/b/l; mv a/b c", true),
        (
            "in a folder that was there and was moved up",
            "ln -s ../../x folder/inner/l; mv folder/inner c",
            true,
        ),
        ("under a second name, higher up", "mkdir -p a/b; ln -s ../../x a/b/l; ln -P a/b/l m", true),
        ("of the system, and back", "ln -s /usr/lib/../../etc/passwd l", true),
        ("as far up as it is deep", "mkdir -p a/b; ln -s ../../kept a/b/l", false),
        ("beside, and beneath", "mkdir -p a/b; ln -s ../kept a/l; ln -s ./a/b l; ln -s . here", false),
    ];
    for (what, line, leads_out) in CASES {
        let bench = Bench::new();
        let (transaction, report) = bench.change(line).await;
        assert_eq!(report.ending, Ending::Exited(0), "{what}: {report:?}");
        let changes = transaction.changes().unwrap();
        let found = changes.changes.iter().any(|change| change.concerns.contains(&Concern::LeadsOut));
        assert_eq!(found, leads_out, "{what}: {changes:?}");
    }
}

/// A move by the file tools takes links along, and none of them leads out from where it comes to lie.
#[test]
fn a_move_brings_no_link_out() {
    let bench = Bench::new();
    let deep = bench.workspace().join("folder/inner/links");
    std::fs::create_dir(&deep).unwrap();
    for (target, name) in [("../../../kept", "up"), ("/etc/hosts", "owners-own")] {
        std::os::unix::fs::symlink(target, deep.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(".", bench.workspace().join("here")).unwrap();
    let within = Within::open(&bench.workspace()).unwrap();
    for (to, stays) in
        [("top", false), ("folder/top", false), ("here/here/here/top", false), ("folder/inner/other", true)]
    {
        let moved = within.move_to(Path::new("folder/inner/links"), None, &within, Path::new(to));
        assert_eq!(moved.is_ok(), stays, "{to}: {moved:?}");
        assert!(stays || matches!(moved, Err(PathError::Outside { .. })), "{to}");
    }
}

/// What a command closed, or made deeper than a path can name, has an answer, and goes when it is dropped.
#[tokio::test]
async fn a_closed_or_bottomless_folder_is_named_and_can_be_dropped() {
    for line in [
        "mkdir shut; echo x > shut/x; mkdir shut/in; chmod 0 shut/in; chmod 0 shut",
        "n=$(printf %0200d 0); i=0; while [ $i -lt 25 ]; do mkdir $n; cd $n; i=$((i+1)); done; mkdir shut; chmod 0 shut",
    ] {
        let bench = Bench::new();
        let (transaction, report) = bench.change(line).await;
        assert_eq!(report.ending, Ending::Exited(0), "{report:?}");
        let changes = transaction.changes().unwrap();
        // Root looks into what is closed.
        let is_seen = sandbox::is_root() && line.starts_with("mkdir");
        let found = changes.changes.iter().any(|change| change.concerns == [Concern::Unseen]);
        assert_eq!(found, !is_seen, "{} changes", changes.changes.len());
        transaction.discard().unwrap();
        assert!(!bench.set().exists());
    }
}

#[tokio::test]
async fn a_file_that_somebody_else_changed_meanwhile_is_a_conflict_and_nothing_is_applied() {
    let bench = Bench::new();
    let (transaction, _) = bench.change("echo mine > changed; echo new > added").await;
    std::fs::write(bench.workspace().join("changed"), "theirs\n").unwrap();
    let changes = transaction.changes().unwrap();
    let refused = transaction.apply(&changes);
    assert!(
        matches!(&refused, Err(TransactionError::Conflict { path }) if path == Path::new("changed")),
        "{refused:?}"
    );
    assert_eq!((bench.read("changed").as_deref(), bench.read("added")), (Some("theirs\n"), None));
}

#[test]
fn a_change_set_within_the_workspace_or_on_another_file_system_is_refused() {
    let bench = Bench::new();
    let within = Transaction::begin(&bench.workspace(), &bench.workspace().join("set"));
    assert!(matches!(within, Err(TransactionError::Elsewhere { .. })), "{within:?}");
    let elsewhere = Path::new("/dev/shm").join(format!("set-{}", std::process::id()));
    let other = Transaction::begin(&bench.workspace(), &elsewhere);
    assert!(matches!(other, Err(TransactionError::Elsewhere { .. })), "{other:?}");
    assert!(!elsewhere.exists());
}

/// It is stopped while it writes, and not only found to be too much afterwards.
#[tokio::test]
async fn what_fills_the_disk_is_stopped_while_it_runs() {
    let bench = Bench::new();
    for line in [
        "i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > big$i; sleep 0.01; done",
        "mkdir deep; i=0; while :; do i=$((i+1)); fallocate -l 30M deep/big$i; sleep 0.05; done",
    ] {
        let transaction = Transaction::begin(&bench.workspace(), &bench.set()).unwrap();
        let mut spec = shell(line);
        spec.workspace = Some(transaction.workspace().unwrap());
        spec.folder = Some(bench.workspace());
        spec.limits.disk_bytes = 40 << 20;
        let report = run(&best().await, spec).await;
        assert_eq!(
            (report.ending, report.limit_hit),
            (Ending::LimitReached, Some(LimitHit::Disk)),
            "{report:?}"
        );
        transaction.discard().unwrap();
    }
    let (transaction, report) =
        bench.change("echo > hidden; fallocate -n -l 30M hidden; echo small > kept").await;
    assert_eq!((report.ending, report.limit_hit), (Ending::Exited(0), None), "{report:?}");
    let refused: Vec<&str> = report.denied.iter().map(|denied| denied.call.as_str()).collect();
    assert_eq!(refused, ["fallocate"], "it would take room without a size");
    assert_eq!(transaction.changes().unwrap().bytes, 7);
}
