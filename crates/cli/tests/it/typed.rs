//! `hardshell chat` at a terminal: a command is completed, and what was said before is called back, also by the next chat.

use crate::place::{PATIENCE, Place};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Instant;

/// What a person types once they have seen something.
type Step<'a> = (&'a str, &'a [u8]);

/// Lets a person chat at a terminal: waits for each text in turn, and types what belongs to it. Everything that was shown.
fn chat(place: &Place, home: &Path, steps: &[Step]) -> (Option<i32>, String) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    tcsetwinsize(&person, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let terminal =
        || Stdio::from(fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap());
    let mut command = place.command(home);
    command.env("TERM", "xterm-256color").arg("chat");
    let mut child = command.stdin(terminal()).stdout(terminal()).stderr(terminal()).spawn().unwrap();
    drop(command);
    let (shows, shown) = mpsc::channel();
    let mut screen = fs::File::from(OwnedFd::try_clone(&person).unwrap());
    std::thread::spawn(move || {
        let mut chunk = [0_u8; 4096];
        // A terminal that its last user has left answers with an error (pty(7)).
        while let Ok(length) = screen.read(&mut chunk) {
            let text = String::from_utf8_lossy(chunk.get(..length).unwrap()).into_owned();
            if shows.send(text).is_err() {
                return;
            }
        }
    });
    let mut keyboard = fs::File::from(OwnedFd::try_clone(&person).unwrap());
    let (mut all, mut from, begun) = (String::new(), 0, Instant::now());
    for (awaited, keys) in steps {
        while !all.get(from..).unwrap_or_default().contains(awaited) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            all.push_str(&shown.recv_timeout(left).unwrap_or_else(|_| panic!("no `{awaited}` in:\n{all}")));
        }
        from = all.len();
        keyboard.write_all(keys).unwrap();
    }
    // It is over when nobody has the terminal any more.
    loop {
        match shown.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            Ok(text) => all.push_str(&text),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                break;
            }
        }
    }
    (child.wait().unwrap().code(), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_completed_and_what_was_said_is_called_back() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let first = [("› ", &b"/dis\t"[..]), ("/disk", b"\r"), ("**Disks**", b""), ("› ", b"\x04")];
    let (code, shown) = chat(&place, &home, &first);
    assert_eq!(code, Some(0), "{shown}");
    // Another chat, another session: the arrow brings the line back.
    let again = [("› ", &b"\x1b[A"[..]), ("/disk", b"\r"), ("**Disks**", b""), ("› ", b"\x04")];
    let (code, shown) = chat(&place, &home, &again);
    assert_eq!(code, Some(0), "{shown}");
    up.stop().await;
}
