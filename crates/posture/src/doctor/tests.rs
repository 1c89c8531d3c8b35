use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// Of the form of a key, put together here so that this file has none in it.
fn key() -> String {
    format!(
        "sk-ant-{}-{}",
        "api03", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2qR5tU8wX1zA4cD7fG0iJ3lM6oP9rS2uV5xY8AA"
    )
}

fn patient() -> (tempfile::TempDir, Patient) {
    let folder = tempfile::tempdir().unwrap();
    let (home, owner_home) = (folder.path().join("home"), folder.path().join("owner"));
    for path in [&home, &owner_home, &home.join("workspace/project")] {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }
    (folder, Patient { home, owner_home })
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn names(found: &[Ailment]) -> Vec<(&'static str, String)> {
    found.iter().map(|ailment| (ailment.name, ailment.mend.clone())).collect()
}

#[test]
fn a_clean_home_has_nothing() {
    let (_folder, patient) = patient();
    write(&patient.home.join("hardshell.toml"), "model = \"builtin\"\nkey = \"secret://anthropic\"\n");
    write(&patient.home.join("workspace/notes.txt"), "nothing of consequence\n");
    write(&patient.owner_home.join(".bash_history"), "ls\ncd work\n");
    assert_eq!(patient.look(&Redactor::shapes_only()), []);
}

#[test]
fn a_key_in_the_clear_is_found_in_each_place_with_the_command_that_moves_it() {
    let (_folder, patient) = patient();
    write(&patient.home.join("hardshell.toml"), &format!("# old\nkey = \"{}\"\n", key()));
    write(&patient.home.join("workspace/project/.env"), "OPENAI_API_KEY=0123456789abcdef0123\n");
    write(&patient.home.join("workspace/project/deploy.sh"), &format!("#!/bin/sh\nexport K={}\n", key()));
    write(&patient.owner_home.join(".bash_history"), &format!("ls\nexport ANTHROPIC_API_KEY={}\n", key()));
    write(
        &patient.owner_home.join(".openclaw/openclaw.json"),
        r#"{"groq": {"apiKey": "fedcba98765432100123"}}"#,
    );
    let found = patient.look(&Redactor::shapes_only());
    let told = names(&found);
    let expected =
        ["key.configuration", "key.workspace", "key.workspace", "key.shell-history", "key.other-assistant"];
    assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected, "{found:?}");
    assert!(
        told[1].1.starts_with("hardshell secret import '") && told[1].1.ends_with(".env' --shred"),
        "{told:?}"
    );
    assert!(told[3].1.starts_with("sed -i '2d' '"), "{told:?}");
    assert!(told[4].1.contains("hardshell secret import"), "{told:?}");
    assert!(!format!("{found:?}").contains(&key()), "a finding never shows the key");
}

#[test]
fn what_others_can_reach_is_named_with_its_chmod() {
    let (_folder, patient) = patient();
    write(&patient.home.join("vault.db"), "x");
    fs::set_permissions(patient.home.join("vault.db"), Permissions::from_mode(0o644)).unwrap();
    let told = names(&patient.look(&Redactor::shapes_only()));
    assert_eq!(told.len(), 1);
    assert!(told[0].1.starts_with("chmod 0600 '"), "{told:?}");
}

#[tokio::test]
async fn a_key_that_was_committed_and_taken_out_is_found_in_the_history() {
    let (_folder, patient) = patient();
    let project = patient.home.join("workspace/project");
    let sandbox = sandbox::Sandbox::probe().await.unwrap();
    let git = |script: String| {
        let program = sandbox::resolve_program("sh").unwrap();
        let mut spec = sandbox::Spec::new(program, vec!["sh".into(), "-ec".into(), script.into()]);
        let mut workspace =
            sandbox::Workspace::new(sandbox::Grant::resolve(&project, sandbox::Access::Write).unwrap());
        workspace.writable_protected = vec![".git".to_string()];
        spec.workspace = Some(workspace);
        spec.folder = Some(project.clone());
        spec
    };
    let script = format!(
        "git init -q .; git config user.email a@b; git config user.name a; echo '{}' > k; git add k; git commit -qm one; \
         git rm -q k; echo fine > f; git add f; git commit -qm two",
        key()
    );
    let made = sandbox.run(git(script), std::future::pending(), &mut |_, _| {}).await.unwrap();
    assert_eq!(made.exit_code(), 0, "{}", made.stderr.text());
    assert_eq!(patient.repositories(), std::slice::from_ref(&project));
    let found = keys_in_git_history(&sandbox, &project, &Redactor::shapes_only()).await.unwrap().unwrap();
    assert_eq!(found.name, "key.git-history");
    assert!(!found.what.contains(&key()) && found.mend.contains("filter-repo"), "{found}");
}
