//! Files that run code later, where their names and folders were made to mislead.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sandbox::{Access, Ending, Error, Grant, PathError, Report};
use tempfile::TempDir;

use crate::house::{best, shell};

/// Runs a line with these folders to change, as `hardshell sandbox run --write` does.
async fn change(folders: &[&Path], line: &str) -> Result<Report, Error> {
    let mut asked = shell(line);
    asked.folder = Some(folders[0].to_owned()).filter(|folder| folder.is_dir());
    asked.grants.extend(folders.iter().map(|folder| Grant::resolve(folder, Access::Write).unwrap()));
    best().await.run(asked, std::future::pending(), &mut |_, _| {}).await
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// One command closes a folder so that nobody sees what is in it, the next one opens it.
#[tokio::test]
async fn a_folder_that_was_closed_hides_nothing() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("p/r/.git/config");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "good").unwrap();
    std::fs::set_permissions(folder.path().join("p"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let second = change(&[folder.path()], "chmod 755 p; echo evil > p/r/.git/config").await;
    // Root looks into it; anybody else is told.
    match second {
        Err(Error::Path(PathError::Unseen { path, .. })) => assert!(path.ends_with("p"), "{path:?}"),
        other => assert!(sandbox::is_root() && other.is_ok(), "{other:?}"),
    }
    std::fs::set_permissions(folder.path().join("p"), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(text(folder.path(), "p/r/.git/config"), "good");
}

#[tokio::test]
async fn a_folder_deeper_than_a_path_can_name_is_refused_by_its_name() {
    let folder = TempDir::new_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
    let dig = "n=$(printf %0200d 0); i=0; while [ $i -lt 25 ]; do mkdir $n; cd $n; i=$((i+1)); done";
    change(&[folder.path()], dig).await.unwrap();
    let second = change(&[folder.path()], "true").await;
    assert!(matches!(second, Err(Error::Path(PathError::Unseen { .. }))), "{second:?}");
}

/// A protected name that is a link is held, and so is what it leads to, over every link on the way; the same for files
/// with several names, and for repositories that go by another name.
#[tokio::test]
async fn what_a_protected_name_leads_to_is_protected() {
    const CASES: [(&str, &str); 10] = [
        ("the link is made anew", "rm .envrc && echo evil > .envrc"),
        ("the link is renamed", "mv .envrc other"),
        ("its end", "echo evil > real"),
        ("a link on the way", "rm way && ln -s plain way"),
        ("a folder behind a link", "echo evil > conf/vscode/tasks.json"),
        ("the folder above it", "mv conf conf2"),
        ("a link within a protected folder", "echo evil > hooks/pre-commit"),
        ("another name", "echo evil >> copy"),
        ("the repository of a `.git` file", "echo evil > gd/config"),
        ("a bare repository", "echo evil > repo.git/config"),
    ];
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["conf/vscode", "hooks", "gd", "sub", "repo.git/objects", "repo.git/refs", ".husky"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    for (name, content) in [
        ("real", "a"),
        ("plain", "a"),
        ("conf/vscode/tasks.json", "a"),
        ("hooks/pre-commit", "a"),
        (".npmrc", "a"),
        ("gd/config", "a"),
        ("repo.git/config", "a"),
        ("repo.git/HEAD", "a"),
        ("sub/.git", "gitdir: ../gd\n"),
    ] {
        std::fs::write(at(name), content).unwrap();
    }
    for (target, name) in
        [("way", ".envrc"), ("./sub/../real", "way"), ("conf/vscode", ".vscode"), ("../hooks", ".husky/_")]
    {
        symlink(target, at(name)).unwrap();
    }
    std::fs::hard_link(at(".npmrc"), at("copy")).unwrap();
    for (what, line) in CASES {
        let report = change(&[folder.path()], line).await.unwrap();
        assert_ne!(report.ending, Ending::Exited(0), "{what}: {report:?}");
    }
    let alone = change(&[&at("plain")], "true").await.unwrap();
    assert_eq!(alone.ending, Ending::Exited(0), "a single file: {alone:?}");
    let fine = change(&[folder.path()], "cat .envrc .vscode/tasks.json; echo new > plain; mkdir made")
        .await
        .unwrap();
    assert_eq!((fine.ending, fine.stdout.text().as_str()), (Ending::Exited(0), "aa"), "{fine:?}");
}

/// What is granted by its own name is meant, also beneath another folder that is.
#[tokio::test]
async fn a_protected_folder_that_is_named_can_be_changed() {
    let folder = TempDir::new().unwrap();
    let own = folder.path().join(".git");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(folder.path().join(".envrc"), "a").unwrap();
    let report = change(&[folder.path(), &own], "echo new > .git/config; echo evil > .envrc").await.unwrap();
    assert_ne!(report.ending, Ending::Exited(0), "{report:?}");
    assert_eq!(text(&own, "config"), "new\n", "{report:?}");
    assert_eq!(text(folder.path(), ".envrc"), "a");
}

#[tokio::test]
async fn too_many_protected_files_are_named_as_such() {
    let folder = TempDir::new().unwrap();
    for number in 0..300 {
        std::fs::create_dir_all(folder.path().join(format!("n/{number}/.git"))).unwrap();
    }
    let refused = change(&[folder.path()], "true").await;
    assert!(
        matches!(&refused, Err(Error::Path(PathError::TooManyProtected { limit: 512, .. }))),
        "{refused:?}"
    );
    assert!(refused.unwrap_err().to_string().contains("name a smaller folder"));
}

/// They show every process and device of the machine.
#[test]
fn what_shows_the_machine_is_never_granted() {
    for path in
        ["/", "/proc", "/proc/self", "/proc/1", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/dev/shm"]
    {
        let refused = Grant::resolve(Path::new(path), Access::Read);
        assert!(matches!(refused, Err(PathError::Machine { .. })), "{path}: {refused:?}");
    }
    let own = TempDir::new_in("/dev/shm").unwrap();
    Grant::resolve(own.path(), Access::Read).unwrap();
}
