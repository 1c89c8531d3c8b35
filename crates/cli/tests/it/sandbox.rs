//! `hardshell sandbox`, as anybody types it: no home, no daemon.
#![expect(clippy::disallowed_methods, reason = "a host to reach needs somebody who serves it")]

use crate::place::{PATIENCE, Place, Said};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

/// Runs `hardshell sandbox` in the place's folder, with `input` on standard input, and without any home.
pub fn sandbox(place: &Place, arguments: &[&str], input: &[u8]) -> Said {
    let mut command = place.command(Path::new("/nonexistent"));
    command.arg("sandbox").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that ended without reading is no failure of this side.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub fn shell(place: &Place, flags: &[&str], line: &str) -> Said {
    sandbox(place, &[&["run"], flags, &["--", "sh", "-c", line]].concat(), b"")
}

#[test]
fn the_programs_exit_code_is_passed_through_and_ours_say_what_went_wrong() {
    let place = Place::new();
    fs::write(place.path("plain"), "no program").unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["run", "--", "sh", "-c", "exit 7"], 7, ""),
        (&["run", "sh", "-c", "exit 200"], 200, ""),
        (&["run", "--", "sh", "-c", "kill -9 $$"], 137, ""),
        (&["run", "--timeout", "500ms", "--", "sleep", "600"], 124, "its time was up"),
        (&["run", "--write", "not-there", "--", "true"], 125, "could not show a path: `"),
        (&["run", "--env", "LD_PRELOAD=/x.so", "--", "true"], 125, "hint: what a loader"),
        (&["run", "--host", "http://example.org", "--", "true"], 125, "hint: write it as `--host api."),
        (&["run", "--read", ".", "--", "./plain"], 126, "is not a program"),
        (&["run", "--", "no-such-program"], 127, "could not start it: no program `no-such-program`"),
    ];
    for (arguments, code, words) in cases {
        let said = sandbox(&place, arguments, b"");
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {said:?}");
        assert_eq!(said.out, "", "{arguments:?}");
    }
    let usage = sandbox(&place, &["run"], b"");
    assert_eq!(usage.code, Some(2), "{usage:?}");
}

#[test]
fn only_what_is_named_is_there_and_files_that_run_code_later_stay_as_they_are() {
    let place = Place::new();
    for folder in ["seen", "worked", "hidden", "worked/.git"] {
        fs::create_dir(place.path(folder)).unwrap();
        place.give(&place.path(folder));
    }
    for file in ["seen/a", "hidden/a", "worked/.git/config"] {
        fs::write(place.path(file), "content\n").unwrap();
        place.give(&place.path(file));
    }
    let flags = ["--read", "seen", "--write", "worked"];
    let cases = [
        ("cat seen/a", "content\n", ""),
        ("cat hidden/a", "", "No such file"),
        ("echo x > seen/a", "", "Read-only file system"),
        ("echo made > worked/made && cat worked/made", "made\n", ""),
        ("echo x > worked/.git/config", "", "Read-only file system"),
        ("mv worked/.git worked/other", "", "busy"),
        ("ls ~; ls /home; id -u; hostname 2>/dev/null || cat /etc/hostname", "user\n1000\nsandbox\n", ""),
        ("env | grep -c HARDSHELL_HOME", "0\n", ""),
        ("(: < /dev/tty) 2>&1 | grep -c .", "1\n", ""),
    ];
    let folder = place.path("");
    for (line, out, err) in cases {
        let line = format!("cd {} && {line}", folder.display());
        let said = shell(&place, &flags, &line);
        assert_eq!(said.out, out, "{line}: {said:?}");
        assert!(said.err.contains(err), "{line}: {said:?}");
    }
    assert_eq!(fs::read_to_string(place.path("worked/made")).unwrap(), "made\n");
    assert_eq!(fs::read_to_string(place.path("worked/.git/config")).unwrap(), "content\n");
}

/// What root starts runs as nobody in particular; an ordinary user needs no right to start it.
#[test]
fn it_works_for_root_and_for_an_ordinary_user_and_is_neither_inside() {
    let place = Place::new();
    let users = [None, place.user.as_ref().map(|user| (user.user, user.group))];
    for user in users.into_iter().filter(|user| user.is_some() || place.user.is_none()).chain([None]) {
        let mut command = place.command(Path::new("/nonexistent"));
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        command.args(["sandbox", "run", "--json", "--", "sh", "-c"]);
        command.arg("id -u; grep CapEff /proc/self/status; cat /proc/self/uid_map");
        let output = command.output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let text = said["stdout"]["text"].as_str().unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("1000"), "{said}");
        assert_eq!(lines.next(), Some("CapEff:\t0000000000000000"), "{said}");
        let outside = lines.next().and_then(|map| map.split_whitespace().nth(1)).unwrap();
        assert_ne!(outside, "0", "the kernel's root never enters: {said}");
        assert_eq!(said["exit_code"], 0);
    }
}

#[test]
fn input_and_both_outputs_pass_through_to_the_byte() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut command = place.command(Path::new("/nonexistent"));
    command.args(["sandbox", "run", "--", "sh", "-c", "echo aside >&2; cat"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "aside\n");
}

#[test]
fn json_names_the_limit_the_refused_calls_and_the_level() {
    let place = Place::new();
    let said = shell(&place, &["--json", "--pids", "64"], "unshare -Ur true; echo out");
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(report["stdout"]["text"], "out\n");
    assert_eq!(report["denied"][0]["call"], "unshare", "{report}");
    assert!(["full", "full-soft"].contains(&report["isolation"].as_str().unwrap()), "{report}");
    assert_eq!((said.code, &report["exit_code"], &report["limit_hit"]), (Some(0), &0.into(), &Value::Null));
    let hungry = "a = []\nwhile True: a.append(b'x' * 1048576)";
    let flags = ["run", "--json", "--memory", "100M", "--timeout", "30", "--", "python3", "-c", hungry];
    let said = sandbox(&place, &flags, b"");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_ne!(report["exit_code"], 0, "{report}");
    let large = "head -c 5000000 /dev/zero > /tmp/a";
    let said = shell(&place, &["--file-size", "1M"], large);
    assert_eq!(said.code, Some(153), "128 + SIGXFSZ: {said:?}");
    assert!(said.err.contains("hardshell: it met its limit of the size of one file"), "{said:?}");
}

/// A program that says `ready`, and everything it says after that.
fn started(place: &Place, line: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = place.command(Path::new("/nonexistent"));
    command.args(["sandbox", "run", "--timeout", "60", "--", "sh", "-c", line]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert_eq!(first, "ready\n");
    (child, out)
}

#[test]
fn signals_reach_the_program_and_end_it_as_they_would_without_a_sandbox() {
    let place = Place::new();
    let waiting = "while :; do sleep 0.05; done";
    for (signal, name, trapped) in [
        (Signal::TERM, "TERM", 143),
        (Signal::INT, "INT", 130),
        (Signal::HUP, "HUP", 129),
        (Signal::QUIT, "QUIT", 131),
        (Signal::USR1, "USR1", 138),
    ] {
        let (mut child, mut out) =
            started(&place, &format!("trap 'echo heard; exit 9' {name}; echo ready; {waiting}"));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(9), "heard\n"), "{name}");
        let (mut child, _out) = started(&place, &format!("echo ready; exec {}", "sleep 60"));
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(trapped), "{name}");
    }
}

#[test]
fn when_hardshell_is_killed_the_whole_tree_is_gone() {
    let place = Place::new();
    let marker = format!("60.{}", std::process::id());
    let line = format!("setsid sleep {marker} & (setsid sleep {marker} &); echo ready; sleep {marker}");
    let (mut child, _out) = started(&place, &line);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = || {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())).count()
    };
    let begun = Instant::now();
    while left() > 0 {
        assert!(begun.elapsed() < PATIENCE, "{} are left", left());
        std::thread::yield_now();
    }
}

/// A person's terminal: what was printed on it at the end.
fn on_a_terminal(
    place: &Place,
    flags: &[&str],
    line: &str,
    resize: Option<Winsize>,
) -> (Option<i32>, String) {
    let arguments = [&["run"], flags, &["--", "sh", "-c", line]].concat();
    let (code, seen) = bytes_on_a_terminal(place, &arguments, resize);
    (code, String::from_utf8_lossy(&seen).into_owned())
}

/// The same for any arguments, to the byte.
pub fn bytes_on_a_terminal(
    place: &Place,
    arguments: &[&str],
    resize: Option<Winsize>,
) -> (Option<i32>, Vec<u8>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    tcsetwinsize(&person, Winsize { ws_row: 31, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let terminal = || {
        let path = name.to_str().unwrap();
        Stdio::from(fs::File::options().read(true).write(true).open(path).unwrap())
    };
    let mut command = place.command(Path::new("/nonexistent"));
    command.env("TERM", "xterm-256color").arg("sandbox").args(arguments);
    let mut child = command.stdin(terminal()).stdout(terminal()).stderr(terminal()).spawn().unwrap();
    drop(command);
    let mut seen = Vec::new();
    let has = |seen: &[u8], word: &str| seen.windows(word.len()).any(|found| found == word.as_bytes());
    let mut file = fs::File::from(OwnedFd::try_clone(&person).unwrap());
    let mut chunk = [0_u8; 4096];
    // A terminal that its last user has left answers with an error (pty(7)).
    while let Ok(length) = file.read(&mut chunk) {
        seen.extend_from_slice(chunk.get(..length).unwrap());
        if has(&seen, "type:") && !has(&seen, "typed") {
            if let Some(size) = resize {
                tcsetwinsize(&person, size).unwrap();
                kill_process(Pid::from_child(&child), Signal::WINCH).unwrap();
            }
            file.write_all(b"abc\r").unwrap();
            seen.extend_from_slice(b"[typed]");
        }
    }
    (child.wait().unwrap().code(), seen)
}

#[test]
fn an_interactive_program_has_a_terminal_whose_escape_sequences_do_not_reach_the_persons() {
    let place = Place::new();
    let line = "printf '\\033]0;title\\007\\033[31mred\\033[0m %s ' $TERM; stty size; printf type:; read x; echo \"got $x\"; exit 3";
    let (code, seen) = on_a_terminal(&place, &[], line, None);
    assert_eq!(code, Some(3), "{seen:?}");
    assert!(seen.contains("red dumb 31 97\r\n") && seen.contains("got abc"), "{seen:?}");
    assert!(!seen.contains('\u{1b}') && !seen.contains("title"), "{seen:?}");
    let (_, seen) = on_a_terminal(&place, &["--escapes"], line, None);
    assert!(seen.contains("\u{1b}[31mred\u{1b}[0m xterm-256color 31 97\r\n"), "{seen:?}");
}

#[test]
fn the_size_of_the_window_follows_and_a_typed_interrupt_reaches_the_program() {
    let place = Place::new();
    let line = "trap 'stty size; echo resized; exit 5' WINCH; printf type:; while :; do read x; done";
    let size = Winsize { ws_row: 12, ws_col: 34, ws_xpixel: 0, ws_ypixel: 0 };
    let (code, seen) = on_a_terminal(&place, &[], line, Some(size));
    assert_eq!(code, Some(5), "{seen:?}");
    assert!(seen.contains("12 34\r\nresized"), "{seen:?}");
}

/// Serves one fixed answer to whoever comes.
fn serve() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nserved";
            let _gone = reader.into_inner().write_all(answer);
        }
    });
    port
}

#[test]
fn a_named_host_is_reached_through_the_proxy_and_no_other_one_is() {
    let place = Place::new();
    let (open, closed) = (serve(), serve());
    let host = format!("localhost:{open}");
    let fetch = |port: u16| format!("curl -sS --max-time 20 http://localhost:{port}/");
    let said = shell(&place, &["--host", &host], &fetch(open));
    assert_eq!((said.code, said.out.as_str()), (Some(0), "served"), "{said:?}");
    let said = shell(&place, &["--host", &host, "--json"], &format!("{}; true", fetch(closed)));
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert!(!said.out.contains("served"), "{report}");
    assert_eq!(report["refused_hosts"][0]["destination"], format!("localhost:{closed}"), "{report}");
    // Past the proxy there is nothing: its loopback is its own.
    let direct = format!("curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:{open}/");
    let said = shell(&place, &["--host", &host], &direct);
    assert_ne!(said.code, Some(0), "{said:?}");
    let said = shell(&place, &[], &fetch(open));
    assert_ne!(said.code, Some(0), "without --host there is no way out: {said:?}");
}

/// Runs `hardshell sandbox` where no user namespace is to be had.
fn without_namespaces(place: &Place, arguments: &[&str]) -> Said {
    let mut command = std::process::Command::new("bwrap");
    command.args([
        "--dev-bind",
        "/",
        "/",
        "--unshare-user",
        "--disable-userns",
        "--uid",
        "1000",
        "--gid",
        "1000",
    ]);
    command.arg("--").arg(place.path("hardshell")).arg("sandbox").args(arguments);
    let output = command.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn without_namespaces_a_named_host_is_reached_through_the_proxy_and_no_other_one_is() {
    let place = Place::new();
    let (open, closed) = (serve(), serve());
    let host = format!("localhost:{open}");
    let shell = |flags: &[&str], line: &str| {
        without_namespaces(&place, &[&["run"], flags, &["--", "sh", "-c", line]].concat())
    };
    let fetch = |port: u16| format!("curl -sS --max-time 20 http://localhost:{port}/");
    let said = shell(&["--host", &host], &fetch(open));
    assert_eq!((said.code, said.out.as_str()), (Some(0), "served"), "{said:?}");
    let said = shell(&["--host", &host, "--json"], &format!("{}; true", fetch(closed)));
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(report["isolation"], "landlock", "{report}");
    assert!(!said.out.contains("served"), "{report}");
    assert_eq!(report["refused_hosts"][0]["destination"], format!("localhost:{closed}"), "{report}");
    // Past the proxy there is nothing, although the network is this machine's own.
    let direct = format!("curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:{open}/");
    for flags in [&["--host", host.as_str()] as &[&str], &[]] {
        let said = shell(flags, &direct);
        assert!(said.code != Some(0) && !said.out.contains("served"), "{said:?}");
    }
    let said = shell(&["--host", &host, "--explain"], "true");
    for words in [
        "isolation: landlock",
        "network: a proxy at 127.0.0.1:3128; every other connection is refused",
        "no home and no /tmp",
        "starts in: /\n",
    ] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    assert!(!said.out.contains("/home/user and /tmp, empty"), "{said:?}");
}

/// What takes mounts is refused before anything starts, with what it is and what helps, once.
#[test]
fn without_namespaces_what_cannot_be_held_is_named_with_what_helps() {
    let place = Place::new();
    fs::create_dir_all(place.path("work/.git")).unwrap();
    let said = without_namespaces(&place, &["run", "--write", "work", "--", "touch", "work/made"]);
    let git = fs::canonicalize(place.path("work/.git")).unwrap();
    assert_eq!(said.code, Some(125), "{said:?}");
    assert_eq!(said.err.matches(&format!("`{}`", git.display())).count(), 1, "{said:?}");
    assert!(said.err.contains("`landlock`") && said.err.contains("hint: show it with `--read`"), "{said:?}");
    assert!(!said.err.contains("os error"), "{said:?}");
    assert!(!place.path("work/made").exists());
    let work = place.path("work").display().to_string();
    let said = without_namespaces(&place, &["run", "--read", "work", "--", "ls", &work]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn explain_says_in_words_what_it_would_make_and_runs_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("work")).unwrap();
    let flags = ["--write", "work", "--host", "example.org", "--memory", "64M", "--explain"];
    let said = shell(&place, &flags, "touch work/made");
    assert_eq!(said.code, Some(0), "{said:?}");
    let folder = place.path("work").display().to_string();
    for words in [
        "isolation: full",
        "cannot stop:",
        &format!("{folder} (can be changed, but for files that run code later and are there already)"),
        "64 MiB memory",
        "network: a proxy on its own loopback",
        "reaches: example.org",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(!place.path("work/made").exists());
}

#[test]
fn the_apparmor_profile_names_the_helper_beside_the_program() {
    let place = Place::new();
    let said = sandbox(&place, &["apparmor"], b"");
    let helper = place.path("hardshell-sandbox");
    let line = format!("profile hardshell-sandbox {} flags=(unconfined) {{", helper.display());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.lines().any(|found| found == line) && said.out.contains("userns,"), "{said:?}");
}

#[test]
fn files_are_read_and_written_below_a_folder_whatever_is_planted_there() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(place.path("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let within = folder.to_str().unwrap();
    let at = |verb: &str, path: &str, input: &[u8]| sandbox(&place, &[verb, "--within", within, path], input);
    let said = at("write", "new.txt", b"hello");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(at("read", "new.txt", b"").out, "hello");
    for path in ["link", "../secret", "pipe", "/etc/passwd", "none"] {
        let said = at("read", path, b"");
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{path}: {said:?}");
        assert!(said.err.starts_with("could not read it: "), "{path}: {said:?}");
    }
    for path in ["link", "../secret", "pipe"] {
        let said = at("write", path, b"overwritten");
        assert_eq!(said.code, Some(1), "{path}: {said:?}");
    }
    assert_eq!(fs::read_to_string(place.path("secret")).unwrap(), "secret");
    // Somebody swaps the folder on the way for a link out, over and over.
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/secret"), "inner").unwrap();
    std::os::unix::fs::symlink("..", folder.join("trap")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (one, other) = (folder.join("inner"), folder.join("trap"));
                rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    &one,
                    rustix::fs::CWD,
                    &other,
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
            }
        });
        for _ in 0..25 {
            let said = at("read", "inner/secret", b"");
            assert_ne!(said.out, "secret", "{said:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// A filter that answers as Linux before 6.4 does: nobody is told its own auxiliary vector by `prctl`. Each line is an
/// instruction of the kernel's packet filter: its code, where to go on, and a number.
const OLD_KERNEL: [(u16, u8, u8, u32); 6] = [
    (0x20, 0, 0, 0),
    (0x15, 0, 3, 157),
    (0x20, 0, 0, 16),
    (0x15, 0, 1, 0x4155_5856),
    (0x06, 0, 0, 0x0005_0016),
    (0x06, 0, 0, 0x7fff_0000),
];

/// A helper that has closed itself can no longer read `/proc/self/auxv`, which is all that older kernels have.
#[test]
fn on_a_kernel_before_6_4_a_command_runs_behind_all_walls_that_an_ordinary_user_has() {
    let place = Place::new();
    let mut filter = Vec::new();
    for (code, if_so, if_not, number) in OLD_KERNEL {
        filter.extend(code.to_ne_bytes());
        filter.extend([if_so, if_not]);
        filter.extend(number.to_ne_bytes());
    }
    fs::write(place.path("filter"), filter).unwrap();
    // Root is nobody in the namespace that the filter is put on in: the helper must be this user's own.
    for program in ["hardshell", "hardshell-sandbox"] {
        place.give(&place.path(program));
    }
    let become_user = place.user.as_ref().map_or_else(String::new, |user| {
        format!("setpriv --reuid={} --regid={} --clear-groups", user.user, user.group)
    });
    let line = format!(
        "exec {become_user} bwrap --dev-bind / / --seccomp 9 -- \"$0\" sandbox run --floor full-soft -- echo ran 9<filter"
    );
    let mut command = std::process::Command::new("sh");
    command.current_dir(place.path("")).args(["-c", &line]).arg(place.path("hardshell"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ran\n", "{output:?}");
}
