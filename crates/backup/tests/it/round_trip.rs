use backup::{Error, Lock, Opener, create, generate, put_in_place, restore, staging};
use domain::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use store::Store;

const NOW: Timestamp = Timestamp(1_760_000_000_000);
const MARK: &str = "the words of the owner";

struct House {
    place: tempfile::TempDir,
    store: Store,
    lock: Lock,
    opener: Opener,
}

impl House {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home");
        for folder in ["", "audit", "workspace", "workspace/deep", "backups", "run", "policy"] {
            fs::create_dir(home.join(folder)).unwrap();
            fs::set_permissions(home.join(folder), Permissions::from_mode(0o700)).unwrap();
        }
        for (name, text) in [
            ("hardshell.toml", "model = \"builtin\"\n"),
            ("workspace/deep/notes.txt", MARK),
            ("audit/segment-00000001.jsonl", "{\"v\":1}\n"),
            ("audit/segment-00000001.index", "made anew"),
            ("audit.key", "signs the log"),
            ("vault.db", "encrypted"),
            ("vault.key", "opens the vault"),
            ("run/hardshell.pid", "1"),
        ] {
            fs::write(home.join(name), text).unwrap();
            fs::set_permissions(home.join(name), Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(home.join("workspace/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(home.join("workspace/run.sh"), Permissions::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", home.join("workspace/link")).unwrap();
        let (store, _) = Store::open(&home, NOW).unwrap();
        let mut key = Vec::new();
        let recipient = generate(&mut key).unwrap();
        let lock = Lock::for_recipients([recipient.as_str()]).unwrap();
        let opener = Opener::from_key_file(&String::from_utf8(key).unwrap()).unwrap();
        Self { place, store, lock, opener }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn backup(&self, name: &str, lock: &Lock) -> PathBuf {
        let made =
            create(&self.at("home"), &self.at(name), lock, Some("c".into()), NOW, &mut |_| {}).unwrap();
        assert_eq!(made.bytes, fs::metadata(&made.path).unwrap().len());
        made.path
    }
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_running_home_comes_back_as_it_was_without_the_key_of_its_vault() {
    let house = House::new();
    let backup = house.backup("a.age", &house.lock);
    let restored = restore(&backup, &house.opener, &house.at("back"), &mut |_| {}).unwrap();
    let found = files(&house.at("back"));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "audit.key",
            "audit/segment-00000001.jsonl",
            "hardshell.toml",
            "state.db",
            "vault.db",
            "workspace/deep/notes.txt",
            "workspace/run.sh"
        ]
    );
    assert_eq!(found["workspace/deep/notes.txt"], MARK.as_bytes());
    let mode = |name: &str| fs::metadata(house.at("back").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("workspace/run.sh"), mode("audit.key"), mode("workspace")), (0o755, 0o600, 0o700));
    assert_eq!(restored.manifest.checkpoint.as_deref(), Some("c"));
    let left = restored.manifest.left_out.join("\n");
    assert!(left.contains("vault.key: the vault's key") && left.contains("workspace/link"), "{left}");
    let sealed = fs::read(&backup).unwrap();
    assert!(!sealed.windows(MARK.len()).any(|bytes| bytes == MARK.as_bytes()));
    // The copy of the database is one that opens.
    Store::open(&house.at("back"), NOW).unwrap().0.close();
    let leftovers: Vec<_> = fs::read_dir(house.place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("a.age."))
        .collect();
    assert_eq!(leftovers, Vec::<String>::new());
    house.store.close();
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_changes_nothing() {
    let house = House::new();
    let backup = house.backup("a.age", &house.lock);
    let before = files(&house.at("home"));
    let whole = fs::read(&backup).unwrap();
    let broken = house.at("broken.age");
    let try_it = |opener: &Opener, bytes: &[u8]| {
        fs::write(&broken, bytes).unwrap();
        let result = restore(&broken, opener, &house.at("back"), &mut |_| {});
        assert!(!house.at("back").exists(), "nothing is left behind");
        result.unwrap_err()
    };
    let mut other = Vec::new();
    generate(&mut other).unwrap();
    let other = Opener::from_key_file(&String::from_utf8(other).unwrap()).unwrap();
    assert!(matches!(try_it(&other, &whole), Error::WrongKey { .. }));
    assert!(matches!(try_it(&Opener::with_passphrase("x".into()), &whole), Error::WrongKey { .. }));
    assert!(matches!(try_it(&house.opener, b"PK\x03\x04 something else"), Error::NotABackup { .. }));
    // Cut anywhere, it is not whole; changed anywhere, it says so.
    for part in 1..10 {
        let error = try_it(&house.opener, &whole[..whole.len() * part / 10]);
        assert!(
            matches!(error, Error::Partial { .. } | Error::Corrupt { .. } | Error::NotABackup { .. }),
            "cut at {part}/10: {error:?}"
        );
        let mut changed = whole.clone();
        let at = changed.len() * part / 10;
        changed[at] ^= 1;
        let error = try_it(&house.opener, &changed);
        assert!(
            matches!(
                error,
                Error::Corrupt { .. }
                    | Error::Partial { .. }
                    | Error::WrongKey { .. }
                    | Error::NotABackup { .. }
            ),
            "changed at {part}/10: {error:?}"
        );
    }
    fs::create_dir(house.at("back")).unwrap();
    let error = restore(&backup, &house.opener, &house.at("back"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::InTheWay { .. }), "{error:?}");
    let again = create(&house.at("home"), &backup, &house.lock, None, NOW, &mut |_| {}).unwrap_err();
    assert!(matches!(again, Error::InTheWay { .. }), "{again:?}");
    assert!(matches!(Lock::for_recipients([]), Err(Error::NoKey)));
    assert!(matches!(Lock::for_recipients(["age1nothing"]), Err(Error::NotAKey { .. })));
    let after = files(&house.at("home"));
    let same = |name: &&String| !name.starts_with("state.db");
    assert_eq!(before.keys().filter(same).collect::<Vec<_>>(), after.keys().filter(same).collect::<Vec<_>>());
    house.store.close();
}

/// A backup with these parts, for whoever can open it.
fn forged(house: &House, to: &Path, recipient: &age::x25519::Recipient, parts: &[(&str, &[u8])]) {
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient)).unwrap();
    let out = encryptor.wrap_output(fs::File::create(to).unwrap()).unwrap();
    let mut archive = tar::Builder::new(GzEncoder::new(out, Compression::fast()));
    for (name, bytes) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len().try_into().unwrap());
        header.set_mode(0o600);
        // Names that `set_path` would refuse.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap().finish().unwrap();
    assert!(house.at("home").exists());
}

#[tokio::test]
async fn another_form_and_a_name_that_leads_out_are_refused() {
    let house = House::new();
    let identity = age::x25519::Identity::generate();
    use age::secrecy::ExposeSecret as _;
    let opener = Opener::from_key_file(identity.to_string().expose_secret()).unwrap();
    let to = house.at("forged.age");
    let try_it = |parts: &[(&str, &[u8])]| {
        forged(&house, &to, &identity.to_public(), parts);
        let error = restore(&to, &opener, &house.at("back"), &mut |_| {}).unwrap_err();
        assert!(!house.at("back").exists());
        error
    };
    let header: (&str, &[u8]) = ("hardshell-backup", b"1\n");
    assert!(matches!(try_it(&[("hardshell-backup", b"2\n")]), Error::Version { found: 2, known: 1, .. }));
    assert!(matches!(try_it(&[("readme", b"1\n")]), Error::NotABackup { .. }));
    assert!(matches!(try_it(&[header]), Error::Partial { .. }));
    for name in ["home/../../escaped", "/etc/escaped", "elsewhere", "home/"] {
        let error = try_it(&[header, (name, b"x")]);
        assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error:?}");
        assert!(!house.at("escaped").exists());
    }
    let manifest: (&str, &[u8]) =
        ("hardshell-manifest.json", br#"{"made":1,"program":"0","files":{},"left_out":[]}"#);
    assert!(matches!(try_it(&[header, ("home/extra", b"x"), manifest]), Error::Corrupt { .. }));
    assert!(matches!(try_it(&[header, manifest, ("home/late", b"x")]), Error::Corrupt { .. }));
    house.store.close();
}

#[tokio::test]
async fn a_passphrase_opens_what_it_locked_and_the_old_home_is_set_aside() {
    let house = House::new();
    let lock = Lock::with_passphrase("correct horse".into());
    let backup = house.backup("p.age", &lock);
    let wrong = restore(&backup, &Opener::with_passphrase("battery".into()), &house.at("back"), &mut |_| {});
    assert!(matches!(wrong, Err(Error::WrongKey { .. })), "{wrong:?}");
    let right = Opener::with_passphrase("correct horse".into());
    house.store.close();
    fs::write(house.at("home/workspace/deep/notes.txt"), "rewritten by somebody").unwrap();
    let home = house.at("home");
    restore(&backup, &right, &staging(&home, NOW), &mut |_| {}).unwrap();
    let aside = put_in_place(&home, NOW).unwrap();
    assert!(!staging(&home, NOW).exists());
    assert_eq!(fs::read_to_string(house.at("home/workspace/deep/notes.txt")).unwrap(), MARK);
    assert_eq!(fs::read_to_string(aside.join("workspace/deep/notes.txt")).unwrap(), "rewritten by somebody");
    assert_eq!(fs::read_to_string(house.at("home/vault.key")).unwrap(), "opens the vault");
    assert!(house.at("home/backups").is_dir());
    // Once more in the same moment: what was set aside is in the way, and all stays as it is.
    restore(&backup, &right, &staging(&home, NOW), &mut |_| {}).unwrap();
    let before = files(&home);
    assert!(matches!(put_in_place(&home, NOW), Err(Error::InTheWay { .. })));
    assert_eq!(before, files(&home));
    // A later backup does not hold what a restore set aside.
    fs::remove_dir_all(staging(&home, NOW)).unwrap();
    let later = house.backup("later.age", &house.lock);
    restore(&later, &house.opener, &house.at("later"), &mut |_| {}).unwrap();
    assert!(files(&house.at("later")).keys().all(|name| !name.starts_with("before-restore-")));
}

#[tokio::test]
async fn a_segment_that_is_packed_meanwhile_is_in_it_all_the_same_and_one_that_goes_is_missed() {
    for (packs, whole) in [(true, true), (false, false)] {
        let house = House::new();
        let home = house.at("home");
        fs::write(home.join("audit/lock"), "").unwrap();
        let (plain, packed) =
            (home.join("audit/segment-00000001.jsonl"), home.join("audit/segment-00000001.jsonl.gz"));
        // The lock is the first file of the folder, whose names are known by then.
        let mut meanwhile = |progress: &backup::Progress| {
            if progress.files == 2 {
                if packs { fs::rename(&plain, &packed) } else { fs::remove_file(&plain) }.unwrap();
            }
        };
        let to = house.at("a.age");
        let made = create(&home, &to, &house.lock, None, NOW, &mut meanwhile);
        assert_eq!(made.is_ok(), whole, "{made:?}");
        if whole {
            let restored = restore(&to, &house.opener, &house.at("back"), &mut |_| {}).unwrap();
            assert!(restored.manifest.files.contains_key("audit/segment-00000001.jsonl.gz"));
        } else {
            assert!(!to.exists());
        }
    }
}

#[tokio::test]
async fn no_plaintext_stands_beside_a_backup_and_what_a_killed_one_left_goes_with_the_next() {
    let house = House::new();
    let home = house.at("home");
    let elsewhere = house.at("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(home.join("run/backup.database"), "of one that was killed").unwrap();
    let to = elsewhere.join("hardshell-20260101T000000Z.backup.age");
    let killed = elsewhere.join("hardshell-20250101T000000Z.backup.age.unfinished");
    fs::write(&killed, "half").unwrap();
    let mut seen = Vec::new();
    let mut look = |_: &backup::Progress| {
        seen.extend(fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().file_name()));
    };
    create(&home, &to, &house.lock, None, NOW, &mut look).unwrap();
    assert!(seen.iter().all(|name| *name == "hardshell-20260101T000000Z.backup.age.unfinished"), "{seen:?}");
    assert!(!killed.exists() && !home.join("run/backup.database").exists());
}
