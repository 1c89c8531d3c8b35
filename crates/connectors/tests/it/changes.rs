//! What commands change: looked at first, taken over as a whole or not at all, and taken back.

use crate::house::key;
use connectors::files::{Files, FilesError};
use connectors::shell::{ChangeSets, Changes, Ran, Shell, ShellSettings};
use domain::Timestamp;
use sandbox::{Level, Limits, Sandbox};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_780_000_000_000);

struct House {
    folder: TempDir,
    files: Files,
    shell: Shell,
    runs: u32,
}

impl House {
    async fn new(accepted: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (workspace, trash) = (folder.path().join("workspace"), folder.path().join("trash"));
        fs::create_dir(&workspace).unwrap();
        fs::write(workspace.join("kept"), "kept\n").unwrap();
        let files = Files::open(&workspace, &[], &trash).unwrap();
        let settings = ShellSettings {
            workspace,
            readable: vec![],
            never_writable: vec![],
            changes: Changes::Judged(ChangeSets {
                folder: files.change_sets(),
                accepted: accepted.iter().map(ToString::to_string).collect(),
                bytes_max: 1 << 20,
                kept_bytes_max: 2 << 20,
            }),
            limits: Limits { wall: Duration::from_secs(30), ..Limits::default() },
            floor: Level::Landlock,
        };
        let shell = Shell::new(Arc::new(Sandbox::probe().await.unwrap()), settings);
        Self { folder, files, shell, runs: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("workspace").join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Runs a line, and puts it on the list as the executor does.
    async fn run(&mut self, line: &str) -> Ran {
        self.runs += 1;
        let (run, command) = (format!("t.{}.0", self.runs), tools::shell::parse(line).unwrap());
        let targets = Shell::targets(&command).unwrap();
        let ran = self
            .shell
            .run(&command, &targets, &run, std::future::pending(), Arc::new(|_: &str| {}))
            .await
            .unwrap();
        self.files.ran(line, ran.sets.clone(), &key(&run), NOW).unwrap();
        ran
    }

    fn undo(&mut self) -> Result<connectors::Finding, FilesError> {
        self.runs += 1;
        self.files.undo(&key(&format!("t.{}.0", self.runs)), NOW)
    }

    fn sets(&self) -> usize {
        fs::read_dir(self.files.change_sets()).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn what_a_command_changed_is_told_and_taken_back_with_everything_that_came_after_it() {
    let mut house = House::new(&[]).await;
    let ran = house.run("mkdir made && cp kept made/copy && rm kept").await;
    assert_eq!(ran.finding.fields["code"], 0, "{}", ran.finding.text);
    assert_eq!((house.read("kept"), house.read("made/copy").as_deref()), (None, Some("kept\n")));
    assert_eq!(ran.sets.len(), 3, "one for each program that changed something");
    let told: Vec<(&str, &str)> = ran.finding.fields["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["kind"].as_str().unwrap(), change["path"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("added", "made"), ("added", "made/copy"), ("removed", "kept")]);
    house.run("sh -c 'echo second > made/copy; echo x > other'").await;
    assert_eq!(house.read("made/copy").as_deref(), Some("second\n"));
    let undone = house.undo().unwrap();
    assert!(undone.text.contains("sh -c") && undone.text.contains("is taken back"), "{}", undone.text);
    assert_eq!((house.read("made/copy").as_deref(), house.read("other")), (Some("kept\n"), None));
    house.undo().unwrap();
    assert_eq!((house.read("kept").as_deref(), house.path("made").exists()), (Some("kept\n"), false));
    assert!(matches!(house.undo(), Err(FilesError::NothingToUndo)));
    assert_eq!(house.sets(), 0);
}

#[tokio::test]
async fn a_command_that_only_looks_leaves_nothing_to_take_back() {
    let mut house = House::new(&[]).await;
    let ran = house.run("cat kept | wc -l").await;
    assert_eq!((ran.finding.fields["output"].as_str(), ran.sets.len()), (Some("1\n"), 0));
    assert!(matches!(house.undo(), Err(FilesError::NothingToUndo)));
    assert_eq!(house.sets(), 0);
}

#[tokio::test]
async fn what_would_run_code_later_or_lead_out_is_dropped_whole_and_the_line_ends_there() {
    for (line, words) in [
        ("sh -c 'echo x > good; mkdir -p sub/.git/hooks; echo x > sub/.git/hooks/post-checkout'", "`.git`"),
        ("git init -q .", "accept = [\".git\"]"),
        ("sh -c 'echo x > good; echo x > .envrc'", "`.envrc` would run code later"),
        ("ln -s /etc/passwd good", "a link that leads out of the workspace"),
        ("mkfifo good", "a pipe, a socket or a device"),
        ("head -c 3000000 /dev/zero | tee good", "its limit of disk"),
    ] {
        let mut house = House::new(&[]).await;
        let ran = house.run(&format!("{line} && touch after")).await;
        let words = words.trim_matches('`');
        assert!(ran.finding.text.contains(words), "{line}: {}", ran.finding.text);
        assert!(ran.finding.text.contains("Nothing of what it changed was kept"), "{}", ran.finding.text);
        assert_ne!(ran.finding.fields["code"], 0);
        let left: Vec<_> =
            fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"], "{line}");
        assert_eq!((house.sets(), ran.sets.len()), (0, 0), "{line}");
    }
    let mut house = House::new(&[".git"]).await;
    let ran = house.run("git init -q . && touch after").await;
    assert_eq!(ran.finding.fields["code"], 0, "{}", ran.finding.text);
    assert!(house.path(".git/HEAD").exists() && house.path("after").exists());
}

#[tokio::test]
async fn two_programs_of_a_pipeline_that_change_the_same_file_change_nothing() {
    let mut house = House::new(&[]).await;
    let ran = house.run("echo x | tee kept | tee kept").await;
    assert!(ran.finding.text.contains("was changed by somebody else meanwhile"), "{}", ran.finding.text);
    assert_eq!((house.read("kept").as_deref(), house.sets()), (Some("kept\n"), 0));
    let ran = house.run("echo x | tee one | tee two").await;
    assert_eq!(
        (ran.sets.len(), house.read("one"), house.read("two")),
        (2, Some("x\n".into()), Some("x\n".into()))
    );
}

#[tokio::test]
async fn a_command_that_is_stopped_keeps_what_it_changed_on_the_list() {
    let mut house = House::new(&[]).await;
    house.run("touch one; false; touch two").await;
    assert!(house.path("one").exists() && house.path("two").exists());
    house.undo().unwrap();
    assert!(!house.path("one").exists() && !house.path("two").exists());
}

#[tokio::test]
async fn after_a_crash_nothing_is_half_done_and_it_is_said() {
    let mut house = House::new(&[]).await;
    house.run("touch listed").await;
    // Between taking over and the list: as after a crash at that very moment.
    let command = tools::shell::parse("sh -c 'echo new > kept; echo x > lost'").unwrap();
    let targets = Shell::targets(&command).unwrap();
    let ran =
        house.shell.run(&command, &targets, "t.90.0", std::future::pending(), Arc::new(|_: &str| {})).await;
    assert_eq!(ran.unwrap().sets.len(), 1);
    assert_eq!(house.read("kept").as_deref(), Some("new\n"));
    // Before taking over: a change set that was begun.
    let begun = house.files.change_sets().join("t.91.0.0.0");
    sandbox::Transaction::begin(&house.path(""), &begun).unwrap();
    fs::write(begun.join("upper/never"), "x").unwrap();
    let trash = house.folder.path().join("trash");
    let files = Files::open(&house.path(""), &[], &trash).unwrap();
    let said = files.recover().unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("t.90.0") && said[0].contains("was taken back"), "{said:?}");
    assert!(said[1].contains("was dropped before anything of it was taken over"), "{said:?}");
    assert_eq!(
        (house.read("kept").as_deref(), house.read("lost"), house.read("never")),
        (Some("kept\n"), None, None)
    );
    assert_eq!(files.recover().unwrap(), Vec::<String>::new());
    assert!(house.path("listed").exists(), "what is on the list stays, and can still be taken back");
    files.undo(&key("t.99.0"), NOW).unwrap();
    assert!(!house.path("listed").exists());
}

#[tokio::test]
async fn what_is_kept_to_take_back_has_a_ceiling_and_the_last_change_is_always_kept() {
    let mut house = House::new(&[]).await;
    let mut told = Vec::new();
    for _ in 0..5 {
        let ran = house.run("sh -c 'head -c 900000 /dev/zero > large'").await;
        assert_eq!(ran.finding.fields["code"], 0, "{}", ran.finding.text);
        told.push(ran.finding.text.matches("`undo_mib`").count());
    }
    // The first holds nothing old, each later one 900 kB: two of them fit into 2 MiB.
    assert_eq!((told, house.sets()), (vec![0, 0, 0, 1, 1], 2));
    house.undo().unwrap();
    house.undo().unwrap();
    assert!(house.undo().is_err(), "what was forgotten is not taken back");
    // One that is larger than the ceiling by itself is kept until the next.
    for number in 0..4 {
        fs::write(house.path(&format!("own{number}")), vec![0; 1 << 20]).unwrap();
    }
    house.run("rm own0 own1 own2 own3").await;
    assert!(!house.path("own0").exists());
    house.undo().unwrap();
    assert!(house.path("own0").exists() && house.path("own3").exists());
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_left_out_and_takes_nothing_with_it_but_what_it_must() {
    let mut house = House::new(&[]).await;
    let ran = house
        .run(r#"sh -c 'echo x > good; mkdir b; echo x > b/$(printf "\351"); echo x > $(printf "\351")'"#)
        .await;
    assert_eq!(ran.finding.fields["code"], 0, "{}", ran.finding.text);
    assert!(
        ran.finding.text.contains("2 changes of files whose names are not UTF-8 were not kept"),
        "{}",
        ran.finding.text
    );
    let mut left: Vec<_> =
        fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["b", "good", "kept"]);
    // A file moved to such a name would be lost.
    let ran = house.run(r#"sh -c 'mv kept $(printf "\351")'"#).await;
    assert!(ran.finding.text.contains("has a name that is not UTF-8"), "{}", ran.finding.text);
    assert_eq!(house.read("kept").as_deref(), Some("kept\n"));
    assert_eq!((ran.sets.len(), house.sets()), (0, 1));
}

#[tokio::test]
async fn what_a_command_changed_is_taken_back_when_it_cannot_be_listed() {
    let mut house = House::new(&[]).await;
    house.runs += 1;
    let command = tools::shell::parse("sh -c 'echo new > made; rm kept'").unwrap();
    let targets = Shell::targets(&command).unwrap();
    let hears = Arc::new(|_: &str| {});
    let ran = house.shell.run(&command, &targets, "t.1.0", std::future::pending(), hears).await.unwrap();
    assert_eq!((house.read("made").as_deref(), house.read("kept")), (Some("new\n"), None));
    // No number is left on the list.
    fs::write(house.folder.path().join(format!("trash/changes/{}.json", u64::MAX)), "").unwrap();
    house.files.ran("sh", ran.sets, &key("t.1.0"), NOW).unwrap_err();
    assert_eq!((house.read("made"), house.read("kept").as_deref()), (None, Some("kept\n")));
    assert_eq!(house.sets(), 0);
}
