//! Who may open a log, and what is refused.

use crate::NOW;
use crate::house::{House, note, segments};
use audit::{Error, KeySource, Log, NothingSecret};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

fn try_open(house: &House) -> Result<(), Error> {
    Log::open(&house.folder(), &house.key(), Arc::new(NothingSecret), NOW).map(|_| ())
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn everything_is_private_from_the_start() {
    let house = House::new();
    let (log, opened) = house.open(NOW);
    assert_eq!((opened.last, opened.unsigned, opened.checkpoint), (None, 0, None));
    note(&log, "df", NOW).await;
    assert_eq!(mode(&house.folder()), 0o700);
    for file in fs::read_dir(house.folder()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&house.temporary.path().join("audit.key")), 0o600);
}

#[test]
fn what_others_can_reach_is_refused_with_the_mending_command() {
    let house = House::new();
    drop(house.open(NOW));
    let segment = segments(&house.folder()).pop().unwrap();
    let key = house.temporary.path().join("audit.key");
    for (path, bad, good) in [
        (house.folder(), 0o750, 0o700),
        (segment, 0o640, 0o600),
        (key, 0o604, 0o600),
        (house.folder().join("lock"), 0o666, 0o600),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(bad)).unwrap();
        let error = try_open(&house).unwrap_err();
        assert!(matches!(error, Error::Exposed { .. }), "{error}");
        assert!(error.to_string().contains(&format!("chmod {good:04o} {}", path.display())), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(good)).unwrap();
        try_open(&house).unwrap();
    }
}

#[test]
fn links_are_not_followed() {
    for name in ["audit", "audit.key"] {
        let house = House::new();
        drop(house.open(NOW));
        let path = house.temporary.path().join(name);
        let elsewhere = house.temporary.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(try_open(&house).is_err(), "{name}");
    }
    let house = House::new();
    drop(house.open(NOW));
    let segment = segments(&house.folder()).pop().unwrap();
    let elsewhere = house.temporary.path().join("elsewhere");
    fs::rename(&segment, &elsewhere).unwrap();
    symlink(&elsewhere, &segment).unwrap();
    assert!(try_open(&house).is_err());
}

#[test]
fn a_log_has_one_writer() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    assert!(matches!(try_open(&house), Err(Error::InUse { .. })));
    log.close();
    drop(log);
    try_open(&house).unwrap();
}

#[test]
fn a_log_without_its_key_is_not_gone_on_with() {
    let house = House::new();
    drop(house.open(NOW));
    let key = house.temporary.path().join("audit.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert!(matches!(try_open(&house), Err(Error::KeyMissing { .. })));
    for bad in ["", "hardshell audit key v2\n", "hardshell audit key v1\nxyz\n"] {
        fs::write(&key, bad).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(try_open(&house), Err(Error::KeyUnreadable { .. })), "{bad:?}");
    }
    fs::write(&key, format!("hardshell audit key v1\n{}\n", "7".repeat(64))).unwrap();
    assert!(matches!(try_open(&house), Err(Error::KeyDiffers { .. })));
    fs::write(&key, kept).unwrap();
    try_open(&house).unwrap();
}

#[test]
fn neither_key_is_ever_shown() {
    let house = House::new();
    let seed = [0xab; 32];
    let source = KeySource::Seed(seed.into());
    let (log, _) = Log::open(&house.folder(), &source, Arc::new(NothingSecret), NOW).unwrap();
    let shown = format!("{source:?} {log:?} {:?}", log.content_key());
    assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
}

#[test]
fn a_log_of_a_newer_version_is_refused() {
    let house = House::new();
    drop(house.open(NOW));
    let segment = segments(&house.folder()).pop().unwrap();
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replace("{\"v\":1,", "{\"v\":2,")).unwrap();
    assert!(matches!(try_open(&house), Err(Error::Newer { .. })));
}

#[test]
fn foreign_files_in_the_folder_are_left_alone() {
    let house = House::new();
    drop(house.open(NOW));
    for name in ["segment-1.jsonl", "segment-0000000a.jsonl", "segment-00000002.jsonl.tmp", "notes.txt"] {
        fs::write(house.folder().join(name), "x").unwrap();
    }
    let (log, opened) = house.open(NOW);
    assert_eq!((opened.torn, opened.damaged), (vec![], vec![]));
    log.close();
    assert!(house.verify(log.public_key()).is_intact());
}
