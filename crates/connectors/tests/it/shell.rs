//! Programs in the real sandbox.

use connectors::shell::{Changes, Shell, ShellError, ShellSettings};
use domain::{CommandLine, Target};
use sandbox::{Level, Limits, Sandbox};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn shell(workspace: &Path) -> Shell {
    let sandbox = Sandbox::probe().await.unwrap();
    let settings = ShellSettings {
        workspace: workspace.to_path_buf(),
        readable: vec![],
        never_writable: vec![],
        changes: Changes::Direct,
        limits: Limits { wall: Duration::from_secs(20), ..Limits::default() },
        floor: Level::Landlock,
    };
    Shell::new(Arc::new(sandbox), settings)
}

fn line(text: &str) -> CommandLine {
    tools::shell::parse(text).unwrap()
}

async fn run(shell: &Shell, text: &str) -> connectors::Finding {
    let command = line(text);
    let targets = Shell::targets(&command).unwrap();
    shell
        .run(&command, &targets, "run", std::future::pending(), Arc::new(|_: &str| {}))
        .await
        .unwrap()
        .finding
}

#[tokio::test]
async fn a_plain_line_runs_without_a_shell_as_a_shell_would() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "one\ntwo\nthree\n").unwrap();
    let shell = shell(folder.path()).await;
    for (text, output, code) in [
        ("echo hello world", "hello world\n", 0),
        ("echo '$HOME' \"a  b\"", "$HOME a  b\n", 0),
        ("cat a.txt | grep t | wc -l", "2\n", 0),
        ("true && echo yes || echo no", "yes\n", 0),
        ("false && echo yes || echo no", "no\n", 0),
        ("false; echo after", "after\n", 0),
        ("false || false", "", 1),
        ("echo one ; false", "one\n", 1),
        ("cat missing.txt", "", 1),
        ("yes | head -n 2", "y\ny\n", 0),
        ("seq 1 200000 | tail -n 1", "200000\n", 0),
        ("printf '%s|' a 'b c' ''", "a|b c||", 0),
    ] {
        let found = run(&shell, text).await;
        assert_eq!(
            (found.fields["output"].as_str(), found.fields["code"].as_i64()),
            (Some(output), Some(code)),
            "{text}: {}",
            found.text
        );
    }
    let found = run(&shell, "cat missing.txt").await;
    assert!(found.text.contains("[errors]") && found.text.contains("No such file"), "{}", found.text);
    run(&shell, "tee b.txt").await;
    assert!(folder.path().join("b.txt").exists());
}

#[tokio::test]
async fn anything_else_runs_under_sh_in_the_same_walls() {
    let folder = tempfile::tempdir().unwrap();
    let shell = shell(folder.path()).await;
    let found = run(&shell, "x=$(echo made); echo \"$x\" > out.txt; cat out.txt").await;
    assert_eq!(found.fields["output"], "made\n", "{}", found.text);
    assert_eq!(fs::read_to_string(folder.path().join("out.txt")).unwrap(), "made\n");
    let found = run(
        &shell,
        "cat ~/.ssh/id_ed25519 /root/.ssh/* /etc/shadow; ls -A \"$HOME\" | wc -l; env | grep -ci secret",
    )
    .await;
    assert_eq!(found.fields["output"], "0\n0\n", "{}", found.text);
}

#[tokio::test]
async fn a_program_that_is_not_the_one_that_was_judged_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let shell = shell(folder.path()).await;
    let command = line("echo hi");
    let judged = Shell::targets(&command).unwrap();
    let [Target::Program { name, path, device, inode, digest }] = judged.as_slice() else {
        panic!("{judged:?}")
    };
    let with = |digest: [u8; 32], inode: u64| Target::Program {
        name: name.clone(),
        path: path.clone(),
        device: *device,
        inode,
        digest,
    };
    let other = Shell::targets(&line("cat")).unwrap();
    for targets in [
        vec![],
        other,
        vec![with([0; 32], *inode)],
        vec![with(*digest, inode + 1)],
        [judged.clone(), judged.clone()].concat(),
    ] {
        let ran = shell.run(&command, &targets, "run", std::future::pending(), Arc::new(|_: &str| {})).await;
        assert!(matches!(ran, Err(ShellError::Changed { .. })), "{targets:?}");
    }
    for name in ["no-such-program", "./script", "../x"] {
        assert!(matches!(Shell::targets(&line(name)), Err(ShellError::Program(_))), "{name}");
    }
}

#[tokio::test]
async fn the_owner_can_stop_it_and_hears_it_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let shell = shell(folder.path()).await;
    let command = line("echo begun && sleep 600");
    let targets = Shell::targets(&command).unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let (begun, begins) = tokio::sync::oneshot::channel();
    let begun = Mutex::new(Some(begun));
    let listener = Arc::clone(&heard);
    let on_output: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |text| {
        listener.lock().unwrap().push_str(text);
        if let Some(begun) = begun.lock().unwrap().take() {
            begun.send(()).unwrap();
        }
    });
    let stop = async move { begins.await.unwrap() };
    let found = shell.run(&command, &targets, "run", stop, on_output).await.unwrap().finding;
    assert_eq!(*heard.lock().unwrap(), "begun\n");
    assert!(found.text.contains("stopped"), "{}", found.text);
    assert_ne!(found.fields["code"], 0);
}

#[tokio::test]
async fn limits_are_named_when_they_are_met() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Arc::new(Sandbox::probe().await.unwrap());
    let limits = Limits { wall: Duration::from_secs(2), output_bytes: 1000, ..Limits::default() };
    let settings = ShellSettings {
        workspace: folder.path().to_path_buf(),
        readable: vec![],
        never_writable: vec![],
        changes: Changes::Direct,
        limits,
        floor: Level::Landlock,
    };
    let shell = Shell::new(sandbox, settings);
    let found = run(&shell, "sleep 60").await;
    assert!(found.text.contains("its time was up") && found.fields["code"] == 124, "{}", found.text);
    let found = run(&shell, "seq 1 100000").await;
    assert!(found.text.contains("only the first 1000 bytes were kept"), "{}", found.text);
}

#[tokio::test]
async fn a_readable_folder_that_became_a_link_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    for name in ["work", "notes", "secret"] {
        fs::create_dir(path.join(name)).unwrap();
        fs::write(path.join(name).join("file"), name).unwrap();
    }
    let settings = ShellSettings {
        workspace: path.join("work"),
        readable: vec![path.join("notes")],
        never_writable: vec![],
        changes: Changes::Direct,
        limits: Limits { wall: Duration::from_secs(20), ..Limits::default() },
        floor: Level::Landlock,
    };
    let shell = Shell::new(Arc::new(Sandbox::probe().await.unwrap()), settings);
    let text = format!("cat {}/notes/file {}/secret/file", path.display(), path.display());
    assert_eq!(run(&shell, &text).await.fields["output"], "notes");
    fs::rename(path.join("notes"), path.join("away")).unwrap();
    std::os::unix::fs::symlink("secret", path.join("notes")).unwrap();
    let command = line(&text);
    let targets = Shell::targets(&command).unwrap();
    let heard = Arc::new(|_: &str| {});
    let refused = shell.run(&command, &targets, "run", std::future::pending(), heard).await.unwrap_err();
    assert!(refused.to_string().contains("notes` is a symbolic link"), "{refused}");
}
