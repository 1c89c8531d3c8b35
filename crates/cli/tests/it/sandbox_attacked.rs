//! `hardshell sandbox`, and a typed command, as somebody tried them who wanted to break them.

use crate::place::{PATIENCE, Place};
use crate::sandbox::{bytes_on_a_terminal, sandbox, shell};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// A program that could write to a folder leaves a link there, and waits for the next grant.
#[test]
fn a_planted_link_is_no_grant_and_the_command_to_type_instead_is_told() {
    let place = Place::new();
    fs::create_dir(place.path("secret")).unwrap();
    fs::write(place.path("secret/key"), "private\n").unwrap();
    symlink("secret", place.path("out")).unwrap();
    symlink("secret/key", place.path("key")).unwrap();
    symlink(".", place.path("above")).unwrap();
    let secret = place.path("secret").canonicalize().unwrap();
    for (flag, typed, leads_to) in [
        ("--read", "out", secret.clone()),
        ("--read", "key", secret.join("key")),
        ("--write", "out", secret.clone()),
        ("--write", "out/", secret.clone()),
        ("--write", "./out/.", secret.clone()),
        ("--write", "above/out", secret.clone()),
    ] {
        let said = sandbox(&place, &["run", flag, typed, "--", "cat", "out/key"], b"");
        assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{flag} {typed}: {said:?}");
        let told = format!("it is a link to `{}`", leads_to.display());
        let instead = format!("if it is what you mean: {flag} {}\n", leads_to.display());
        assert!(said.err.contains(&told) && said.err.ends_with(&instead), "{flag} {typed}: {said:?}");
    }
    for verb in ["read", "write"] {
        let said = sandbox(&place, &[verb, "--within", "out", "key"], b"overwritten");
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{verb}: {said:?}");
        let instead = format!("if it is what you mean: --within {}\n", secret.display());
        assert!(said.err.ends_with(&instead), "{verb}: {said:?}");
    }
    assert_eq!(fs::read_to_string(place.path("secret/key")).unwrap(), "private\n");
    // A link above is how a folder is reached, and where it leads is told.
    let said = sandbox(
        &place,
        &["run", "--read", "above/secret", "--", "cat", &format!("{}/key", secret.display())],
        b"",
    );
    assert_eq!((said.code, said.out.as_str()), (Some(0), "private\n"), "{said:?}");
    assert_eq!(said.err, format!("hardshell: `above/secret` is `{}`\n", secret.display()));
    let said = sandbox(&place, &["read", "--within", "secret", "none"], b"");
    assert_eq!(said.err.matches("No such file").count(), 1, "a cause is said once: {said:?}");
}

/// What a terminal is sent that was not asked to pass everything on.
fn assert_harmless(seen: Vec<u8>) -> String {
    let text = String::from_utf8(seen).unwrap();
    let wrong = |c: &char| {
        (c.is_control() && !"\n\r\t\u{8}".contains(*c))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{200e}' | '\u{200f}')
    };
    assert_eq!(text.chars().find(wrong), None, "{text:?}");
    text
}

#[test]
fn whatever_a_program_prints_only_text_reaches_a_terminal() {
    let place = Place::new();
    let known: [&[u8]; 9] = [
        b"<c1:\xc2\x9b5m>",
        b"<del:\x7f>",
        b"<raw:\x9b31m>",
        b"<cut:\xe2\x9b31m>",
        b"<four:\xf0\x9f\x9b31m>",
        b"<bidi:\xe2\x80\xae>",
        b"<title:\x1b]0;title\x07>",
        b"<osc:\xc2\x9d0;title\xc2\x9c>",
        b"<nel:\xc2\x85>\n",
    ];
    let mut noise: Vec<u8> = known.concat();
    // A generator of Lehmer's: the same bytes at every run.
    let mut state = 20_u64;
    for _ in 0..20_000 {
        state = state * 48_271 % 0x7fff_ffff;
        noise.push(u8::try_from(state % 256).unwrap());
    }
    noise.extend(b"\x18\n<end>\n");
    fs::write(place.path("noise"), &noise).unwrap();
    fs::set_permissions(place.path("noise"), fs::Permissions::from_mode(0o644)).unwrap();
    let path = place.path("noise").display().to_string();
    let folder = place.path("").display().to_string();
    let flags = ["--read", path.as_str()];
    let run = [&["run"][..], &flags, &["--", "cat", path.as_str()]].concat();
    let json = [&["run", "--json"][..], &flags, &["--", "cat", path.as_str()]].concat();
    for arguments in [
        run,
        json,
        vec!["read", "--within", &folder, "noise"],
        vec!["read", "--json", "--within", &folder, "noise"],
    ] {
        let (code, seen) = bytes_on_a_terminal(&place, &arguments, None);
        assert_eq!(code, Some(0), "{arguments:?}");
        let text = assert_harmless(seen);
        assert!(text.contains("<bidi:\\u") && text.contains("<raw:\u{fffd}31m>"), "{arguments:?}: {text:?}");
    }
    // A pipe gets every byte.
    let mut command = place.command(Path::new("/nonexistent"));
    command.args(["sandbox", "run", "--read", &path, "--", "cat", &path]);
    assert!(command.output().unwrap().stdout == noise);
}

#[test]
fn a_refused_name_cannot_forge_a_line_of_the_report() {
    let place = Place::new();
    let script = "import socket\n\
        for name in (b'a\\nhardshell: forged', b'\\xc2\\x9b31m', b'\\x1b[31mred'):\n\
        \x20   s = socket.create_connection(('127.0.0.1', 3128), 10)\n\
        \x20   s.send(b'\\5\\1\\0'); s.recv(2)\n\
        \x20   s.send(b'\\5\\1\\0\\3' + bytes([len(name)]) + name + b'\\0\\x50'); s.recv(10)\n\
        \x20   s = socket.create_connection(('127.0.0.1', 3128), 10)\n\
        \x20   s.send(b'CONNECT ' + name + b':80 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); s.recv(10)\n";
    let said = sandbox(&place, &["run", "--host", "example.org", "--", "python3", "-c", script], b"");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("was not reached"), "{said:?}");
    assert!(said.err.lines().all(|line| !line.starts_with("hardshell: forged")), "{said:?}");
    assert_harmless(said.err.into_bytes());
}

/// `yes | sleep`, where the reader never reads: the time that was given counts, not the reader's.
#[test]
fn a_reader_that_takes_nothing_does_not_keep_it_past_its_time() {
    let place = Place::new();
    for (flags, signal, code) in [(&["--timeout", "1"][..], None, 124), (&[][..], Some(()), 143)] {
        let mut command = place.command(Path::new("/nonexistent"));
        command.args(["sandbox", "run"]).args(flags).args(["--", "sh", "-c", "echo ready >&2; exec yes"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Held, and never read.
        let _out = child.stdout.take().unwrap();
        let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
        std::io::BufRead::read_line(&mut err, &mut String::new()).unwrap();
        if signal.is_some() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        let begun = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if begun.elapsed() > PATIENCE => panic!("{flags:?}: it waits for its reader"),
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(ended, Some(code), "{flags:?}");
    }
}

#[test]
fn what_was_typed_carelessly_is_said_or_does_no_harm() {
    let place = Place::new();
    let said = shell(&place, &["--env", "NOT_SET_ANYWHERE"], "env | grep -c NOT_SET; true");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "0\n"), "{said:?}");
    assert!(said.err.contains("`NOT_SET_ANYWHERE` is not set here"), "{said:?}");
    let said = shell(&place, &["--memory", "1K"], "true");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("less than 4M"), "{said:?}");
    // A folder that was removed is missed only by what is named from it.
    let program = place.path("hardshell").display().to_string();
    for (flags, code) in [("", 0), ("--read /usr/share", 0), ("--read .", 125)] {
        let line =
            format!("mkdir gone && cd gone && rmdir ../gone && {program} sandbox run {flags} -- echo fine");
        #[expect(clippy::disallowed_methods, reason = "a shell whose folder is gone")]
        let output = std::process::Command::new("sh")
            .current_dir(place.path(""))
            .args(["-c", &line])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{flags}: {output:?}");
    }
    // A file keeps its owner when root writes it, and its permissions.
    if place.user.is_some() {
        fs::write(place.path("theirs"), "before").unwrap();
        fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o640)).unwrap();
        chown(place.path("theirs"), Some(1234), Some(4321)).unwrap();
        let folder = place.path("").display().to_string();
        let said = sandbox(&place, &["write", "--within", &folder, "theirs"], b"after");
        assert_eq!(said.code, Some(0), "{said:?}");
        let found = fs::metadata(place.path("theirs")).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (1234, 4321, 0o640));
        assert_eq!(fs::read_to_string(place.path("theirs")).unwrap(), "after");
    }
}

/// More than any screen follows: it is shown up to a point, and the answer names the limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_typed_command_that_prints_more_than_a_screen_follows_is_answered_all_the_same() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "/run seq 6000000", "--json"]).await;
    assert_eq!(said.code, Some(0), "{} {}", said.code.unwrap_or(-1), said.err);
    let reply: Value = serde_json::from_str(&said.out).unwrap();
    let text = reply["text"].as_str().unwrap();
    assert!(text.contains("(The rest is not shown here.)"), "{text}");
    let said = place.run(&home, &["chat", "-m", "/run seq 6000000"]).await;
    assert_eq!(said.code, Some(0), "{:?}", said.code);
    assert!(said.err.contains("it prints more than is shown while it runs"), "{}", said.err.len());
    assert!(said.err.len() < 2 << 20, "{}", said.err.len());
    up.stop().await;
}
