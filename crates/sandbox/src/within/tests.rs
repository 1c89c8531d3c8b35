use super::*;

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Bench {
    base: tempfile::TempDir,
    within: Within,
}

fn bench() -> Bench {
    let base = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(base.path().join("folder/inner")).unwrap();
    std::fs::write(base.path().join("secret"), "secret").unwrap();
    std::fs::write(base.path().join("folder/file"), "content").unwrap();
    let within = Within::open(&base.path().join("folder")).unwrap();
    Bench { base, within }
}

#[test]
fn what_leads_out_is_refused_however_it_is_named() {
    let bench = bench();
    let folder = bench.base.path().join("folder");
    symlink("../secret", folder.join("up")).unwrap();
    symlink(bench.base.path().join("secret"), folder.join("absolute")).unwrap();
    symlink("..", folder.join("inner/parent")).unwrap();
    symlink("/proc/self/root", folder.join("magic")).unwrap();
    symlink("file", folder.join("fine")).unwrap();
    let outside = bench.base.path().join("secret");
    for path in [
        "../secret",
        "inner/../../secret",
        "up",
        "absolute",
        "inner/parent/../secret",
        "magic/etc/passwd",
        "/etc/passwd",
        outside.to_str().unwrap(),
    ] {
        let path = Path::new(path);
        for refused in [
            bench.within.read(path, 100).map(drop),
            bench.within.stat(path).map(drop),
            bench.within.canonical(path).map(drop),
        ] {
            assert!(
                matches!(
                    refused,
                    Err(PathError::Outside { .. } | PathError::Link { .. } | PathError::Io { .. })
                ),
                "{}: {refused:?}",
                path.display()
            );
        }
    }
    assert_eq!(bench.within.read(Path::new("fine"), 100).unwrap(), b"content");
    assert_eq!(bench.within.read(&folder.canonicalize().unwrap().join("file"), 100).unwrap(), b"content");
    assert_eq!(bench.within.canonical(Path::new("inner/parent/fine")).unwrap(), Path::new("file"));
}

#[test]
fn a_write_replaces_the_file_and_never_what_a_link_names() {
    let bench = bench();
    let folder = bench.base.path().join("folder");
    symlink("../secret", folder.join("up")).unwrap();
    symlink("../..", folder.join("inner/out")).unwrap();
    std::fs::hard_link(bench.base.path().join("secret"), folder.join("second-name")).unwrap();
    let write = |path: &str, replace| bench.within.write(Path::new(path), b"new", replace);
    assert!(matches!(write("up", Replace::File), Err(PathError::Link { .. })));
    assert!(matches!(write("inner/out/planted", Replace::File), Err(PathError::Outside { .. })));
    assert!(matches!(write("inner", Replace::File), Err(PathError::Kind { .. })));
    assert!(matches!(write("file", Replace::Never), Err(PathError::Io { .. })));
    assert!(matches!(write("missing/file", Replace::File), Err(PathError::Io { .. })));
    write("second-name", Replace::File).unwrap();
    assert_eq!(
        std::fs::read(bench.base.path().join("secret")).unwrap(),
        b"secret",
        "the other name keeps its content"
    );
    let before = bench.within.stat(Path::new("file")).unwrap().identity;
    let after = write("file", Replace::Only(before)).unwrap();
    assert!(matches!(write("file", Replace::Only(before)), Err(PathError::Changed { .. })));
    assert_eq!(bench.within.stat(Path::new("file")).unwrap().identity, after);
    assert_eq!(bench.within.read(Path::new("file"), 100).unwrap(), b"new");
    let left: Vec<_> =
        bench.within.list(Path::new("."), 100).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(left, ["file", "inner", "second-name", "up"], "nothing temporary is left");
}

#[test]
fn pipes_sockets_and_devices_are_not_opened() {
    let bench = bench();
    let folder = bench.base.path().join("folder");
    rustix::fs::mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    for name in ["pipe", "socket"] {
        let path = Path::new(name);
        assert!(matches!(bench.within.read(path, 10), Err(PathError::Special { .. })), "{name}");
        assert!(
            matches!(bench.within.write(path, b"x", Replace::File), Err(PathError::Special { .. })),
            "{name}"
        );
        assert!(matches!(
            bench.within.move_aside(path, None, &bench.within, Path::new("x")),
            Err(PathError::Special { .. })
        ));
    }
    assert!(matches!(
        Within::open(Path::new("/dev")).unwrap().read(Path::new("zero"), 10),
        Err(PathError::Special { .. })
    ));
}

#[test]
fn sizes_counts_and_names_are_bounded() {
    let bench = bench();
    assert!(matches!(bench.within.read(Path::new("file"), 6), Err(PathError::TooLarge { .. })));
    assert_eq!(bench.within.read(Path::new("file"), 7).unwrap(), b"content");
    assert!(matches!(bench.within.list(Path::new("."), 1), Err(PathError::TooMany { .. })));
    let long = "x".repeat(PATH_BYTES_MAX);
    for path in [long.as_str(), "a\0b"] {
        assert!(matches!(bench.within.read(Path::new(path), 1), Err(PathError::Malformed { .. })));
    }
    for path in ["", ".", "..", "inner/.."] {
        assert!(bench.within.write(Path::new(path), b"", Replace::File).is_err(), "{path}");
    }
}

#[test]
fn a_delete_moves_the_thing_itself_and_only_the_one_that_was_meant() {
    let bench = bench();
    let folder = bench.base.path().join("folder");
    std::fs::create_dir(bench.base.path().join("trash")).unwrap();
    let trash = Within::open(&bench.base.path().join("trash")).unwrap();
    symlink("../secret", folder.join("up")).unwrap();
    bench.within.move_aside(Path::new("up"), None, &trash, Path::new("1")).unwrap();
    assert!(bench.base.path().join("secret").exists());
    let identity = bench.within.stat(Path::new("file")).unwrap().identity;
    std::fs::remove_file(folder.join("file")).unwrap();
    std::fs::write(folder.join("other"), "other").unwrap();
    std::fs::write(folder.join("file"), "another").unwrap();
    let moved = bench.within.move_aside(Path::new("file"), Some(identity), &trash, Path::new("2"));
    // The number may be taken again at once; then it is the same file as far as anyone can tell.
    assert_eq!(moved.is_err(), bench.within.stat(Path::new("file")).is_ok());
    bench.within.move_aside(Path::new("other"), None, &trash, Path::new("3")).unwrap();
    assert!(
        bench.within.move_aside(Path::new("inner"), None, &trash, Path::new("3")).is_err(),
        "nothing is replaced"
    );
    bench.within.make_folder(Path::new("a/b/c")).unwrap();
    bench.within.make_folder(Path::new("a/b/c")).unwrap();
    assert!(bench.within.make_folder(Path::new("../out")).is_err());
}

/// An attacker swaps a folder for a link to the outside as fast as it can, while the keeper reads and writes.
#[test]
fn a_race_of_links_never_leads_out() {
    let bench = bench();
    let folder = bench.base.path().join("folder");
    let outside = bench.base.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("name"), "secret").unwrap();
    std::fs::write(folder.join("inner/name"), "mine").unwrap();
    symlink(&outside, folder.join("link")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let attacker = {
        let (stop, folder) = (Arc::clone(&stop), folder.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(
                    CWD,
                    folder.join("inner"),
                    CWD,
                    folder.join("link"),
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
            }
        })
    };
    let (mut read, mut naive) = (0, 0);
    for _ in 0..3000 {
        match bench.within.read(Path::new("inner/name"), 100) {
            Ok(content) => {
                assert_eq!(content, b"mine");
                read += 1;
            }
            Err(
                PathError::Outside { .. }
                | PathError::Changed { .. }
                | PathError::Link { .. }
                | PathError::Io { .. },
            ) => {}
            Err(other) => panic!("{other}"),
        }
        let _written = bench.within.write(Path::new("inner/new"), b"x", Replace::File);
        naive += usize::from(
            std::fs::read_to_string(folder.join("inner/name")).is_ok_and(|text| text == "secret"),
        );
    }
    stop.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    assert!(!outside.join("new").exists(), "nothing was written outside");
    assert!(read > 0, "the keeper won sometimes");
    assert!(naive > 0, "a naive reader was led out, so the attacker is real");
}
