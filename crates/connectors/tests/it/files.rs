//! The owner's files: what tools may do with them, and what a planted link changes about it: nothing.

use crate::house::{NOW, key};
use connectors::Stop;
use connectors::files::{Files, FilesError};
use domain::Target;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

struct Folder {
    files: Files,
    root: PathBuf,
    outside: PathBuf,
    _home: tempfile::TempDir,
}

fn folder() -> Folder {
    let home = tempfile::tempdir().unwrap();
    let base = home.path().canonicalize().unwrap();
    let (root, outside) = (base.join("workspace"), base.join("outside"));
    for path in [&root, &outside, &base.join("more")] {
        fs::create_dir(path).unwrap();
    }
    fs::write(outside.join("secret.txt"), "the secret").unwrap();
    let files = Files::open(&root, &[base.join("more")], &base.join("trash")).unwrap();
    Folder { files, root, outside, _home: home }
}

impl Folder {
    fn write(&self, path: &str, content: &str, name: &str) -> Result<String, FilesError> {
        let target = self.files.target(path)?;
        Ok(self.files.write(path, content, &target, &key(name), NOW)?.text)
    }

    fn delete(&self, path: &str, name: &str) -> Result<String, FilesError> {
        let finding = self.files.delete(&self.files.target(path)?, &key(name), NOW)?;
        Ok(finding.fields["trash"].as_str().unwrap().to_string())
    }
}

#[test]
fn a_file_is_written_read_listed_and_found() {
    let folder = folder();
    folder.write("notes/a.txt", "one\ntwo words\nthree\n", "t.1.0").unwrap();
    let read = folder.files.read("notes/a.txt", 1, 100).unwrap();
    assert_eq!((&read.fields["text"], &read.fields["lines"]), (&"one\ntwo words\nthree\n".into(), &3.into()));
    let part = folder.files.read(folder.root.join("notes/a.txt").to_str().unwrap(), 2, 1).unwrap();
    assert_eq!(part.fields["text"], "two words\n");
    assert!(part.text.contains("lines 2 to 2 of 3; files.read with from_line 3 goes on"), "{}", part.text);
    assert!(folder.files.list("notes").unwrap().text.contains("a.txt"));
    for (pattern, text, found) in [
        ("*.txt", None, 1),
        ("A.TXT", None, 1),
        ("*", Some("TWO"), 1),
        ("*", Some("four"), 0),
        ("notes/**", None, 1),
        ("*.md", None, 0),
    ] {
        let finding = folder.files.find(pattern, ".", text, &Stop::default()).unwrap();
        assert_eq!(finding.fields["files"].as_array().unwrap().len(), found, "{pattern} {text:?}");
    }
    let stopped = Stop::default();
    stopped.stop();
    assert!(folder.files.find("*", ".", None, &stopped).unwrap().text.contains("it was stopped"));
}

#[test]
fn nothing_leads_out() {
    let folder = folder();
    let (root, outside) = (&folder.root, &folder.outside);
    symlink(outside, root.join("link")).unwrap();
    symlink(outside.join("secret.txt"), root.join("file")).unwrap();
    symlink(outside.join("new.txt"), root.join("dangling")).unwrap();
    symlink("/proc/self/root/etc/passwd", root.join("magic")).unwrap();
    let absolute = outside.join("secret.txt");
    for path in [
        "../outside/secret.txt",
        "link/secret.txt",
        "file",
        "magic",
        "./link/../../outside/secret.txt",
        absolute.to_str().unwrap(),
        "/etc/passwd",
        "~/x",
        "~root/x",
        "/proc/self/environ",
        "link",
    ] {
        assert!(folder.files.target(path).is_err(), "target {path}");
        assert!(folder.files.read(path, 1, 10).is_err(), "read {path}");
        assert!(folder.files.list(path).is_err(), "list {path}");
    }
    for path in ["dangling", "link/new.txt", "../outside/new.txt", "missing/../../outside/new.txt"] {
        assert!(folder.write(path, "x", "t.1.0").is_err(), "write {path}");
    }
    let found = folder.files.find("*", ".", Some("secret"), &Stop::default()).unwrap();
    assert_eq!(found.fields["files"].as_array().unwrap().len(), 0, "{}", found.text);
    assert_eq!(fs::read_to_string(outside.join("secret.txt")).unwrap(), "the secret");
    assert!(!outside.join("new.txt").exists());
}

#[test]
fn a_file_swapped_after_it_was_judged_is_left_alone() {
    let folder = folder();
    folder.write("a", "mine", "t.1.0").unwrap();
    let judged = folder.files.target("a").unwrap();
    fs::write(folder.root.join("b"), "other").unwrap();
    fs::rename(folder.root.join("b"), folder.root.join("a")).unwrap();
    assert!(folder.files.write("a", "new", &judged, &key("t.2.0"), NOW).is_err());
    assert!(folder.files.delete(&judged, &key("t.3.0"), NOW).is_err());
    assert_eq!(fs::read_to_string(folder.root.join("a")).unwrap(), "other");
    let nothing = folder.files.target("new").unwrap();
    fs::write(folder.root.join("new"), "somebody's").unwrap();
    assert!(folder.files.write("new", "x", &nothing, &key("t.4.0"), NOW).is_err());
    assert_eq!(fs::read_to_string(folder.root.join("new")).unwrap(), "somebody's");
}

#[test]
fn what_is_deleted_can_be_brought_back() {
    let folder = folder();
    folder.write("d/one", "1", "t.1.0").unwrap();
    folder.write("d/two", "2", "t.1.1").unwrap();
    let id = folder.delete("d", "t.2.0").unwrap();
    assert!(!folder.root.join("d").exists());
    folder.write("d/one", "another", "t.3.0").unwrap();
    assert!(matches!(folder.files.restore(&id), Err(FilesError::InTheWay { .. })));
    folder.delete("d", "t.4.0").unwrap();
    folder.files.restore(&id).unwrap();
    assert_eq!(fs::read_to_string(folder.root.join("d/two")).unwrap(), "2");
    for id in ["none", "../workspace", "changes", ""] {
        assert!(matches!(folder.files.restore(id), Err(FilesError::NoSuchTrash { .. })), "{id}");
    }
    assert!(matches!(folder.delete(".", "t.5.0"), Err(FilesError::WholeFolder { .. })));
}

#[test]
fn each_change_can_be_taken_back_the_last_one_first() {
    let folder = folder();
    let read = |path: &str| fs::read_to_string(folder.root.join(path)).ok();
    folder.write("a", "first", "t.1.0").unwrap();
    folder.write("a", "second", "t.2.0").unwrap();
    let (from, to) = (folder.files.target("a").unwrap(), folder.files.target("sub/b").unwrap());
    folder.files.relocate(&from, &to, &key("t.3.0"), NOW).unwrap();
    folder.delete("sub/b", "t.4.0").unwrap();
    assert_eq!((read("a"), read("sub/b")), (None, None));
    for (key_name, a, b) in [
        ("t.5.0", None, Some("second")),
        ("t.6.0", Some("second"), None),
        ("t.7.0", Some("first"), None),
        ("t.8.0", None, None),
    ] {
        folder.files.undo(&key(key_name), NOW).unwrap();
        assert_eq!((read("a").as_deref(), read("sub/b").as_deref()), (a, b), "{key_name}");
    }
    assert!(matches!(folder.files.undo(&key("t.9.0"), NOW), Err(FilesError::NothingToUndo)));
}

#[test]
fn a_change_somebody_has_built_upon_is_not_taken_back() {
    let folder = folder();
    folder.write("a", "first", "t.1.0").unwrap();
    fs::write(folder.root.join("a"), "the owner's own edit").unwrap();
    assert!(matches!(folder.files.undo(&key("t.2.0"), NOW), Err(FilesError::Changed { .. })));
    assert_eq!(fs::read_to_string(folder.root.join("a")).unwrap(), "the owner's own edit");
}

#[test]
fn what_is_no_text_is_told_and_what_is_too_large_is_refused_with_a_hint() {
    let folder = folder();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.root.join(name), bytes).unwrap();
    put("picture", b"\x89PNG\r\n\x1a\n\0\0");
    put("binary", b"abc\0def");
    put("latin", b"Gr\xfc\xdfe\n");
    put("wide", &[0xff, 0xfe, b'h', 0, b'i', 0]);
    put("empty", b"");
    put("line", "x".repeat(400_000).as_bytes());
    for (name, says) in [
        ("picture", "a PNG picture"),
        ("binary", "binary data"),
        ("latin", "Grüße"),
        ("wide", "hi"),
        ("empty", ""),
        ("line", "the line is longer"),
    ] {
        let text = folder.files.read(name, 1, 100).unwrap().text;
        assert!(text.contains(says), "{name}: {}", text.chars().take(80).collect::<String>());
    }
    let large = fs::File::create(folder.root.join("large")).unwrap();
    large.set_len(20 << 20).unwrap();
    let error = folder.files.read("large", 1, 1).unwrap_err().to_string();
    assert!(error.contains("head, tail or grep"), "{error}");
    assert!(folder.files.read("empty", 5, 1).is_err());
    assert!(folder.files.find("[", ".", None, &Stop::default()).is_err());
}

#[test]
fn pipes_and_sockets_are_never_opened() {
    let folder = folder();
    std::os::unix::net::UnixListener::bind(folder.root.join("socket")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    for name in ["socket", "pipe"] {
        assert!(folder.files.read(name, 1, 1).is_err(), "{name}");
        assert!(folder.write(name, "x", "t.1.0").is_err(), "{name}");
    }
}

#[test]
fn a_target_says_which_file_it_is() {
    let folder = folder();
    folder.write("sub/a", "x", "t.1.0").unwrap();
    symlink("sub", folder.root.join("alias")).unwrap();
    assert_eq!(folder.files.target("alias/a").unwrap(), folder.files.target("./sub/../sub/a").unwrap());
    let new = folder.files.target("alias/new").unwrap();
    assert_eq!(new, Target::NewFile { path: folder.root.join("sub/new") });
    assert!(Path::new("/").is_absolute());
}

#[test]
fn sessions_that_write_side_by_side_are_all_on_the_list() {
    let folder = folder();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let folder = &folder;
            scope.spawn(move || {
                for number in 0..20 {
                    let name = format!("{thread}-{number}");
                    folder.write(&format!("{name}.txt"), &name, &format!("t.{thread}.{number}")).unwrap();
                }
            });
        }
    });
    for number in 0..80 {
        folder.files.undo(&key(&format!("t.9.{number}")), NOW).unwrap();
    }
    assert_eq!(fs::read_dir(&folder.root).unwrap().count(), 0);
    assert!(matches!(folder.files.undo(&key("t.9.80"), NOW), Err(FilesError::NothingToUndo)));
}

#[test]
fn what_is_done_but_cannot_be_noted_is_told_as_done() {
    let folder = folder();
    folder.write("a.txt", "a", "t.1.0").unwrap();
    // No number is left.
    let last = folder.root.with_file_name("trash").join(format!("changes/{}.json", u64::MAX));
    fs::write(&last, "").unwrap();
    let said = folder.write("b.txt", "b", "t.1.1").unwrap();
    assert!(said.starts_with("Wrote ") && said.contains("files.undo cannot take it back"), "{said}");
    assert_eq!(fs::read_to_string(folder.root.join("b.txt")).unwrap(), "b");
    let (from, to) = (folder.files.target("b.txt").unwrap(), folder.files.target("c.txt").unwrap());
    let said = folder.files.relocate(&from, &to, &key("t.1.2"), NOW).unwrap().text;
    assert!(said.starts_with("Moved ") && said.contains("files.undo cannot take it back"), "{said}");
    let said = folder.files.delete(&folder.files.target("c.txt").unwrap(), &key("t.1.3"), NOW).unwrap().text;
    assert!(said.contains("brings it back") && said.contains("files.undo cannot take it back"), "{said}");
    assert!(!folder.root.join("c.txt").exists());
}
