//! The file: private, one owner, older versions read, newer and damaged ones refused and never replaced by nothing.

use crate::house::{House, NOW, session};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use store::{Error, Store, backups_of_damage};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn add(store: &Store, id: &str) {
    let session = session(id);
    store.run(move |tx| tx.add_session(&session)).await.unwrap();
}

async fn ids(store: &Store) -> Vec<String> {
    let sessions = store.run(|tx| tx.sessions(1000)).await.unwrap();
    sessions.into_iter().map(|session| session.id.to_string()).collect()
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_restart() {
    let house = House::new();
    let (store, opened) = house.open();
    assert_eq!((opened.from_version, opened.after_crash), (0, false));
    add(&store, "s1").await;
    for file in fs::read_dir(house.home()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    drop(store);
    let (store, opened) = house.open();
    assert_eq!((opened.from_version, opened.after_crash), (3, false));
    assert_eq!(ids(&store).await, ["s1"]);
}

#[test]
fn what_others_can_reach_is_refused_with_the_mending_command() {
    let house = House::new();
    drop(house.open());
    for (path, bad, good) in
        [(house.home().to_path_buf(), 0o755, 0o700), (house.home().join("state.db"), 0o644, 0o600)]
    {
        fs::set_permissions(&path, Permissions::from_mode(bad)).unwrap();
        let error = Store::open(house.home(), NOW).unwrap_err();
        assert!(error.to_string().contains(&format!("chmod {good:04o} {}", path.display())), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(good)).unwrap();
    }
    drop(house.open());
    let path = house.home().join("state.db");
    fs::rename(&path, house.home().join("elsewhere")).unwrap();
    symlink(house.home().join("elsewhere"), &path).unwrap();
    assert!(Store::open(house.home(), NOW).is_err(), "a link is not followed");
}

#[test]
fn a_home_has_one_store() {
    let house = House::new();
    let (store, _) = house.open();
    assert!(matches!(Store::open(house.home(), NOW), Err(Error::InUse { .. })));
    drop(store);
    drop(house.open());
}

#[test]
fn a_newer_home_and_a_foreign_database_are_refused_and_untouched() {
    for (pragma, value) in [("user_version", 99), ("application_id", 7)] {
        let house = House::new();
        drop(house.open());
        let path = house.home().join("state.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.pragma_update(None, pragma, value).unwrap();
        drop(connection);
        let before = fs::read(&path).unwrap();
        match Store::open(house.home(), NOW) {
            Err(Error::Newer { found: 99, known: 3, .. }) => assert_eq!(pragma, "user_version"),
            Err(Error::NotOurs { .. }) => assert_eq!(pragma, "application_id"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_first_start_that_was_killed_leaves_what_the_next_ones_know_as_their_own() {
    // As far as it had come: an empty file, one that SQLite set up, one that is marked.
    for statements in ["", "PRAGMA journal_mode = WAL;", "PRAGMA application_id = 0x6873686c;"] {
        let house = House::new();
        let path = house.home().join("state.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(statements).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        for start in 1..=3 {
            let opened = Store::open(house.home(), NOW);
            assert!(opened.is_ok(), "after {statements:?}, start {start}: {opened:?}");
        }
    }
}

/// Every version that a home can be of, as it was written by the program of that version.
#[tokio::test]
async fn a_home_of_each_older_version_is_read() {
    let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/versions");
    let mut found = 0;
    for file in fs::read_dir(versions).unwrap() {
        let file: PathBuf = file.unwrap().path();
        let version: i64 = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let house = House::new();
        let path = house.home().join("state.db");
        fs::copy(&file, &path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let (store, opened) = house.open();
        assert_eq!(opened.from_version, version);
        assert_eq!(ids(&store).await, ["kept"], "version {version}");
        let items = store.run(|tx| tx.items(&"kept".parse().unwrap(), 0, 100)).await.unwrap();
        assert_eq!(items.len(), 2);
        let question = store.run(|tx| tx.question(&"q1".parse().unwrap())).await.unwrap();
        assert!(question.is_some());
        assert_eq!(store.run(|tx| tx.search_memory("dentist", 5)).await.unwrap().len(), 1);
        found += 1;
    }
    assert_eq!(found, 3, "one file for each version");
}

/// Writes the file of the newest version when it is asked to; a look at what it would write otherwise.
#[tokio::test]
async fn the_newest_versions_file_can_be_written() {
    use domain::{ItemBody, Label, Labelled};
    let house = House::new();
    let (store, _) = house.open();
    store
        .run(|tx| {
            let kept = session("kept");
            tx.add_session(&kept)?;
            let task = crate::house::task("t1");
            tx.deliver(&crate::house::inbound(&kept.id, "m1"), &task)?;
            let said = ItemBody::Said { by: "owner".into(), text: "hello".into(), quoted: None };
            tx.append_item(&kept.id, &task, Labelled::new(said, Label::owner()), NOW)?;
            let replied = ItemBody::Replied { text: "hello yourself".into() };
            tx.append_item(&kept.id, &task, Labelled::new(replied, Label::owner()), NOW)?;
            let mut question = crate::tables::question("q1");
            question.session = kept.id;
            tx.add_question(&question)?;
            tx.remember("the dentist is on Tuesday", &Label::owner(), None, NOW).map(|_| ())
        })
        .await
        .unwrap();
    let target = house.home().join("copy.db");
    store.copy_to(target.clone()).await.unwrap();
    assert!(matches!(store.copy_to(target.clone()).await, Err(Error::Conflict { .. })));
    assert_eq!(mode(&target), 0o600);
    if let Some(path) = std::env::var_os("HARDSHELL_STORE_WRITE_VERSION") {
        fs::copy(&target, path).unwrap();
    }
}

#[tokio::test]
async fn a_copy_is_a_database_of_its_own() {
    let house = House::new();
    let (store, _) = house.open();
    add(&store, "s1").await;
    let other = House::new();
    store.copy_to(other.home().join("state.db")).await.unwrap();
    add(&store, "s2").await;
    let (copy, opened) = other.open();
    assert!(opened.after_crash, "a copy of a running house is checked when it is first opened");
    assert_eq!(ids(&copy).await, ["s1"]);
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_never_replaced_by_an_empty_one() {
    let house = House::new();
    let (store, _) = house.open();
    for number in 0..400 {
        add(&store, &format!("s{number}")).await;
    }
    drop(store);
    let path = house.home().join("state.db");
    let whole = fs::read(&path).unwrap();
    let mut middle = whole.clone();
    middle[8192..40_000].fill(0x5a);
    for damaged in [middle, b"not a database at all, but long enough to be taken for one".repeat(99)] {
        for file in fs::read_dir(house.home()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        fs::write(&path, &damaged).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        // As after a crash, so that the whole is checked.
        if let Ok(connection) = rusqlite::Connection::open(&path) {
            let _not_readable = connection.execute("UPDATE meta SET value = 'open'", []);
        }
        let before = fs::read(&path).unwrap();
        let Err(Error::Corrupt { set_aside, .. }) = Store::open(house.home(), NOW) else {
            panic!("it must be refused")
        };
        assert_eq!(fs::read(&set_aside).unwrap(), before, "byte for byte");
        assert_eq!(backups_of_damage(house.home()).unwrap(), std::slice::from_ref(&set_aside));
        for _ in 0..2 {
            let Err(Error::Missing { set_aside: named, .. }) = Store::open(house.home(), NOW) else {
                panic!("still refused")
            };
            assert_eq!(named, set_aside);
        }
        let store = Store::begin_anew(house.home(), NOW).unwrap();
        assert!(ids(&store).await.is_empty());
        drop(store);
        assert!(matches!(Store::begin_anew(house.home(), NOW), Err(Error::Conflict { .. })));
        drop(house.open());
    }
}

#[tokio::test]
async fn a_home_that_had_a_database_is_given_no_new_one_unasked() {
    let house = House::new();
    let path = house.home().join("state.db");
    let refused = || matches!(Store::open_used(house.home(), NOW), Err(Error::Empty { .. }));
    assert!(refused() && !path.exists(), "nothing is made");
    let (store, _) = house.open();
    add(&store, "s1").await;
    drop(store);
    let (store, _) = Store::open_used(house.home(), NOW).unwrap();
    assert_eq!(ids(&store).await, ["s1"]);
    drop(store);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _gone = fs::remove_file(house.home().join(name));
    }
    assert!(refused() && !path.exists());
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(refused());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0, "it stays as it was found");
    let born = rusqlite::Connection::open(&path).unwrap();
    born.execute_batch("CREATE TABLE a (b); DROP TABLE a; VACUUM").unwrap();
    drop(born);
    assert!(fs::metadata(&path).unwrap().len() > 0 && refused());
    let store = Store::begin_anew(house.home(), NOW).unwrap();
    assert!(ids(&store).await.is_empty());
    drop(store);
    drop(Store::open_used(house.home(), NOW).unwrap());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_that_names_it() {
    let house = House::new();
    let (store, _) = house.open();
    add(&store, "s1").await;
    drop(store);
    let connection = rusqlite::Connection::open(house.home().join("state.db")).unwrap();
    connection.execute("UPDATE sessions SET label = 'v1 harmless low'", []).unwrap();
    drop(connection);
    let (store, _) = house.open();
    let error = store.run(|tx| tx.sessions(10)).await.unwrap_err();
    assert!(matches!(&error, Error::Unreadable { what: "label", of } if of == "s1"), "{error}");
}
