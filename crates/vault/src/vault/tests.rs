use super::*;
use crate::key::KEY_BYTES;
use domain::Timestamp;
use std::os::unix::fs::PermissionsExt;

fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_string()).unwrap()
}

fn about(hosts: &[&str]) -> About {
    About {
        hosts: hosts.iter().map(|text| host(text)).collect(),
        note: "for a test".to_string(),
        expires: None,
    }
}

fn read_out(vault: &Vault, secret: &str, to: &str) -> Result<String, Error> {
    vault.with(&name(secret), &host(to), "a test", str::to_string)
}

#[test]
fn a_secret_is_kept_lent_to_its_host_and_to_no_other() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    drop(vault);
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
    for other in ["example.org", "evil.example", "x.imap.example.org", "imap.example.org.evil.example"] {
        let error = read_out(&vault, "mail", other).unwrap_err();
        assert!(matches!(error, Error::HostNotAllowed { .. }), "{other}: {error}");
        assert!(!error.to_string().contains("correct"), "{error}");
    }
    assert!(matches!(read_out(&vault, "other", "imap.example.org"), Err(Error::Unknown { .. })));
}

#[test]
fn nothing_readable_is_on_disk() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for word in ["correct horse", "imap.example.org", "for a test"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{} holds `{word}`", path.display());
        }
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_wrong_key_is_an_error_that_loses_nothing() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    let key = std::fs::read(home.path().join("vault.key")).unwrap();
    let before = std::fs::read(home.path().join("vault.db")).unwrap();
    let replace = |bytes: &[u8]| std::fs::write(home.path().join("vault.key"), bytes).unwrap();

    replace("ab".repeat(KEY_BYTES).as_bytes());
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::WrongKey)));
    replace(b"short");
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::Key { .. })));
    std::fs::remove_file(home.path().join("vault.key")).unwrap();
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::KeyMissing { .. })));
    assert!(!home.path().join("vault.key").exists());
    let passphrase = KeySource::Passphrase(secret("some passphrase"));
    assert!(matches!(Vault::open(home.path(), &passphrase), Err(Error::KeyKind { .. })));

    assert_eq!(std::fs::read(home.path().join("vault.db")).unwrap(), before);
    files::create_private(&home.path().join("vault.key"), &key).unwrap();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
}

#[test]
fn a_passphrase_opens_its_own_vault_only() {
    let home = home();
    let right = KeySource::Passphrase(secret("a long passphrase"));
    let vault = Vault::open(home.path(), &right).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    drop(vault);
    let wrong = KeySource::Passphrase(secret("a long passphrasf"));
    assert!(matches!(Vault::open(home.path(), &wrong), Err(Error::WrongKey)));
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::KeyKind { .. })));
    assert!(!home.path().join("vault.key").exists());
    let vault = Vault::open(home.path(), &right).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
}

#[test]
fn a_systemd_credential_is_a_key() {
    let (home, credentials) = (home(), home());
    std::fs::write(credentials.path().join("hardshell-vault-key"), "0123456789abcdef".repeat(4)).unwrap();
    let source = KeySource::Credential(credentials.path().to_path_buf());
    let vault = Vault::open(home.path(), &source).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    assert!(!home.path().join("vault.key").exists());
    let vault = Vault::open(home.path(), &source).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
}

#[test]
fn every_changed_byte_is_noticed_and_the_file_left_alone() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    let path = home.path().join("vault.db");
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(Vault::open(home.path(), &KeySource::File).is_err(), "byte {at}");
        assert_eq!(std::fs::read(&path).unwrap(), bad, "byte {at}");
    }
    for length in 0..good.len() {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(Vault::open(home.path(), &KeySource::File).is_err(), "cut to {length}");
    }
    std::fs::write(&path, &good).unwrap();
    Vault::open(home.path(), &KeySource::File).unwrap();
}

#[test]
fn files_that_others_could_read_or_swap_are_refused() {
    let home = home();
    drop(Vault::open(home.path(), &KeySource::File).unwrap());
    let set_mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for file in ["vault.key", "vault.db"] {
        let path = home.path().join(file);
        set_mode(&path, 0o640);
        assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::Mode { .. })), "{file}");
        set_mode(&path, 0o600);
        let aside = home.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &path).unwrap();
        assert!(Vault::open(home.path(), &KeySource::File).is_err(), "a link for {file}");
        std::fs::rename(&aside, &path).unwrap();
    }
    set_mode(home.path(), 0o750);
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::Mode { .. })));
    set_mode(home.path(), 0o700);
    Vault::open(home.path(), &KeySource::File).unwrap();
}

#[test]
fn a_rotation_keeps_the_old_until_the_new_is_proved() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    let mail = name("mail");
    vault.set(&mail, secret("the old password"), about(&["imap.example.org"])).unwrap();
    assert!(matches!(vault.promote(&mail), Err(Error::NothingStaged { .. })));
    vault.stage(&mail, secret("the new password")).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "the old password");
    let mut known = Vec::new();
    vault.dangerous_each(|one| known.push(one.value.to_string())).unwrap();
    assert_eq!(known, ["the old password", "the new password"], "both are redacted");
    vault.discard(&mail).unwrap();
    assert!(matches!(vault.promote(&mail), Err(Error::NothingStaged { .. })));
    vault.stage(&mail, secret("the new password")).unwrap();
    vault.promote(&mail).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "the new password");
    assert!(vault.list().unwrap()[0].rotated.is_some());
}

#[test]
fn two_processes_see_each_others_changes() {
    let home = home();
    let daemon = Vault::open(home.path(), &KeySource::File).unwrap();
    let command = Vault::open(home.path(), &KeySource::File).unwrap();
    let before = daemon.generation().unwrap();
    command.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    assert!(daemon.generation().unwrap() > before);
    assert_eq!(read_out(&daemon, "mail", "imap.example.org").unwrap(), "correct horse battery");
    daemon.set(&name("model"), secret("another secret"), about(&["api.example.org"])).unwrap();
    command.remove(&name("mail")).unwrap();
    let names: Vec<String> = daemon.list().unwrap().into_iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, ["model"]);
    assert!(matches!(read_out(&daemon, "mail", "imap.example.org"), Err(Error::Unknown { .. })));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let home = home();
    drop(Vault::open(home.path(), &KeySource::File).unwrap());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = home.path();
            scope.spawn(move || {
                let vault = Vault::open(path, &KeySource::File).unwrap();
                for number in 0..8 {
                    let name = name(&format!("w{writer}-{number}"));
                    vault.set(&name, secret("correct horse battery"), about(&["example.org"])).unwrap();
                }
            });
        }
    });
    assert_eq!(Vault::open(home.path(), &KeySource::File).unwrap().list().unwrap().len(), 32);
}

#[test]
fn the_last_use_is_remembered_and_written_when_asked() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    assert_eq!(vault.list().unwrap()[0].used, None);
    let before = std::fs::read(home.path().join("vault.db")).unwrap();
    vault.with(&name("mail"), &host("imap.example.org"), "mail", |_| ()).unwrap();
    let _ = vault.with(&name("mail"), &host("evil.example"), "evil", |_| ());
    assert_eq!(vault.list().unwrap()[0].used_by.as_deref(), Some("mail"));
    assert_eq!(std::fs::read(home.path().join("vault.db")).unwrap(), before, "a use alone writes nothing");
    vault.flush().unwrap();
    let entry = Vault::open(home.path(), &KeySource::File).unwrap().list().unwrap().remove(0);
    assert_eq!(entry.used_by.as_deref(), Some("mail"));
    assert!(entry.used >= Some(entry.created));
}

#[test]
fn an_expired_secret_is_not_lent_and_an_old_one_is_warned_of() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    let expired = About { expires: Some(Timestamp(1)), ..about(&["example.org"]) };
    vault.set(&name("gone"), secret("correct horse battery"), expired).unwrap();
    vault.set(&name("kept"), secret("correct horse battery"), about(&["example.org"])).unwrap();
    assert!(matches!(read_out(&vault, "gone", "example.org"), Err(Error::Expired { .. })));
    let entries = vault.list().unwrap();
    let day = 24 * 60 * 60 * 1000;
    let at = |days: u64| Timestamp(entries[1].created.0 + days * day);
    assert_eq!(entries[0].warnings(at(0)), [Warning::Expired]);
    assert_eq!(entries[1].warnings(at(89)), []);
    assert_eq!(entries[1].warnings(at(90)), [Warning::Old { days: 90 }]);
    let soon = Entry { about: About { expires: Some(at(3)), ..About::default() }, ..entries[1].clone() };
    assert_eq!(soon.warnings(at(0)), [Warning::ExpiresSoon { days: 3 }]);
}

#[test]
fn a_secret_of_a_file_is_attached_only_when_the_file_is_private() {
    let (home, elsewhere) = (home(), home());
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    let path = elsewhere.path().join("key");
    std::fs::write(&path, "correct horse battery\n").unwrap();
    let reference: SecretRef = format!("file://{}", path.display()).parse().unwrap();
    let attach = || vault.attach(&name("model"), &reference, about(&["api.example.org"]));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(attach(), Err(Error::Mode { .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(elsewhere.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(attach(), Err(Error::Mode { .. })));
    std::fs::set_permissions(elsewhere.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    attach().unwrap();
    assert_eq!(read_out(&vault, "model", "api.example.org").unwrap(), "correct horse battery");
    assert!(matches!(read_out(&vault, "model", "evil.example"), Err(Error::HostNotAllowed { .. })));
    let mut seen = Vec::new();
    vault.dangerous_each(|known| seen.push((known.name.to_string(), known.value.to_string()))).unwrap();
    assert_eq!(seen, [("model".to_string(), "correct horse battery".to_string())]);
    let bytes = std::fs::read(home.path().join("vault.db")).unwrap();
    drop(vault);
    assert_eq!(
        std::fs::read(home.path().join("vault.db")).unwrap(),
        bytes,
        "an attached secret is not written"
    );
}

#[test]
fn a_reference_that_cannot_be_read_here_says_so() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    for (text, needs_resolver) in [
        ("vault://kv/mail#password", true),
        ("aws-sm://mail", true),
        ("exec://pass", true),
        ("env://HARDSHELL_TEST_NO_SUCH_VARIABLE", false),
        ("secret://mail", false),
        ("file:///nowhere/at/all", false),
    ] {
        let error = vault.attach(&name("x"), &text.parse().unwrap(), about(&["example.org"])).unwrap_err();
        assert_eq!(matches!(error, Error::NeedsResolver { .. }), needs_resolver, "{text}: {error}");
    }
    let reference: SecretRef = "vault://kv/mail#password".parse().unwrap();
    vault
        .attach_fetched(&name("x"), &reference, secret("fetched from afar"), about(&["example.org"]))
        .unwrap();
    assert_eq!(read_out(&vault, "x", "example.org").unwrap(), "fetched from afar");
    assert!(matches!(
        vault.set(&name("x"), secret("another one"), about(&["example.org"])),
        Err(Error::NameTaken { .. })
    ));
}

#[test]
fn a_removed_secret_is_gone_and_its_bytes_with_it() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    let held = std::fs::File::open(home.path().join("vault.db")).unwrap();
    vault.remove(&name("mail")).unwrap();
    let mut old = Vec::new();
    std::io::Read::read_to_end(&mut &held, &mut old).unwrap();
    assert!(!old.is_empty() && old.iter().all(|byte| *byte == 0), "the old file still holds its box");
    assert!(vault.list().unwrap().is_empty());
    assert!(matches!(vault.remove(&name("mail")), Err(Error::Unknown { .. })));
}

#[test]
fn a_failed_write_leaves_the_old_vault_in_memory_and_on_disk() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("mail"), secret("correct horse battery"), about(&["imap.example.org"])).unwrap();
    std::fs::create_dir(home.path().join("vault.db.new")).unwrap();
    assert!(matches!(vault.remove(&name("mail")), Err(Error::File { .. })));
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
    std::fs::remove_dir(home.path().join("vault.db.new")).unwrap();
    let reopened = Vault::open(home.path(), &KeySource::File).unwrap();
    assert_eq!(read_out(&reopened, "mail", "imap.example.org").unwrap(), "correct horse battery");
}

/// A vault of format 1, made once with the key file below it. It must open for ever.
#[test]
fn the_first_format_is_still_read() {
    let home = home();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1");
    for file in ["vault.db", "vault.key"] {
        files::create_private(&home.path().join(file), &std::fs::read(fixture.join(file)).unwrap()).unwrap();
    }
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    assert_eq!(read_out(&vault, "mail", "imap.example.org").unwrap(), "correct horse battery");
}

#[test]
fn another_key_opens_the_same_secrets_and_the_old_one_nothing() {
    let home = home();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    vault.set(&name("a"), secret("correct horse"), about(&["a.example"])).unwrap();
    let passphrase = || KeySource::Passphrase(secret("a long passphrase"));
    vault.rekey(home.path(), &passphrase()).unwrap();
    assert!(!home.path().join("vault.key").exists());
    assert!(matches!(Vault::open(home.path(), &KeySource::File), Err(Error::KeyKind { .. })));
    let vault = Vault::open(home.path(), &passphrase()).unwrap();
    assert_eq!(read_out(&vault, "a", "a.example").unwrap(), "correct horse");
    vault.rekey(home.path(), &KeySource::File).unwrap();
    assert!(matches!(Vault::open(home.path(), &passphrase()), Err(Error::KeyKind { .. })));
    assert_eq!(Vault::open(home.path(), &KeySource::File).unwrap().list().unwrap().len(), 1);
}
