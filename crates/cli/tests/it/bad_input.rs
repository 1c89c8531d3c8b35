//! Bad input, given to the shipped program: each gets a clear answer with what helps, and nothing is lost.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests are the other side of sockets, and set up small disks"
)]

use crate::place::{PATIENCE, Place, Said};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// A whole HTTP request's answer.
async fn answer(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: &[u8],
) -> String {
    // A server that has seen enough closes while more is on its way to it.
    let _ = stream.write_all(request).await;
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap();
    assert!(read.is_ok() || !text.is_empty(), "{read:?}");
    String::from_utf8_lossy(&text).into_owned()
}

fn reply_of(said: &Said) -> String {
    let reply: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, Some(i32::from(reply["failed"] == true)), "{said:?}");
    reply["text"].as_str().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_maildir_is_refused_and_broken_mails_hide_no_good_one() {
    let place = Place::new();
    let config = |path: &Path| format!("[[mailboxes]]\nname = \"post\"\nmaildir = \"{}\"\n", path.display());
    let missing = place.home("missing", Some(&config(&place.path("none"))));
    let said = place.run(&missing, &["up", "--port", "0"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains(&place.path("none").display().to_string()), "{said:?}");
    assert!(said.err.contains("hint: "), "{said:?}");
    let mail = place.path("mail");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(mail.join(part)).unwrap();
    }
    let new = mail.join("new");
    fs::write(new.join("1.empty"), "").unwrap();
    fs::write(new.join("2.noise"), (0..=255_u8).cycle().take(100_000).collect::<Vec<_>>()).unwrap();
    fs::write(new.join("3.head"), format!("Subject: {}\n", "x".repeat(1 << 20))).unwrap();
    fs::write(new.join("4.good"), "From: ann@example.org\nSubject: the good one\n\nhello\n").unwrap();
    fs::write(new.join(std::ffi::OsStr::from_bytes(b"5.\xff\xfe")), "Subject: odd name\n\n").unwrap();
    fs::create_dir(new.join("6.folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", new.join("7.link")).unwrap();
    place.give_all(&mail);
    let home = place.home("home", Some(&config(&mail)));
    let up = place.up(&home).await;
    let reply = reply_of(&place.run(&home, &["chat", "-m", "/mail all", "--json"]).await);
    assert!(reply.contains("the good one"), "{reply}");
    assert!(!reply.contains("root:"), "{reply}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_streams_nonsense_is_named_and_the_question_is_kept() {
    let streams: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"hel",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: \xff\xfe\n\ndata: [[[\n\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>not a model</html>",
        b"\x00\x01\x02 this is not http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut asked = 0_usize;
        // Ends when the test's last connection, which says nothing, is there.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0_u8; 4096];
            if stream.read(&mut head).unwrap_or(0) == 0 {
                return asked;
            }
            let _ = stream.write_all(streams[asked.checked_rem(streams.len()).unwrap()]);
            asked = asked.saturating_add(1);
        }
        asked
    });
    let place = Place::new();
    let config = format!(
        "model = \"m\"\n[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"x\"\nurl = \"http://localhost:{port}/v1\"\n"
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    for (at, _) in streams.iter().enumerate() {
        let said = place.run(&home, &["chat", "-m", &format!("question number {at}")]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("`m`") || said.out.contains("`m`"), "{said:?}");
    }
    let sessions = place.run(&home, &["session", "list", "--json"]).await;
    for (at, _) in streams.iter().enumerate() {
        assert!(sessions.out.contains(&format!("question number {at}")), "{at}: {sessions:?}");
    }
    up.stop().await;
    drop(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
    assert!(server.join().unwrap() >= streams.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_over_http_gets_an_error_and_the_house_goes_on() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let socket = home.join("run/hardshell.sock");
    let post = |body: &str| {
        format!(
            "POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for body in ["", "{", "[1,2", "{\"title\": 5}", "{\"tilte\": \"x\"}", "\"\\ud800\"", &"[".repeat(10_000)]
    {
        let text = answer(UnixStream::connect(&socket).await.unwrap(), post(body).as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 4"), "{body:.40}: {text}");
        let error: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    }
    let requests: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nbroken header\r\n\r\n",
    ];
    for request in requests {
        let text = answer(TcpStream::connect(&up.address).await.unwrap(), request).await;
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{:?}: {text}",
            request.escape_ascii().to_string()
        );
    }
    let reply = reply_of(&place.run(&home, &["chat", "-m", "/disk", "--json"]).await);
    assert!(reply.contains("% full"), "{reply}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_websocket_frame_closes_that_socket_alone() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let mut watching = up.client.follow().await;
    let handshake = b"GET /api/v1/ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let frames: [&[u8]; 6] = [
        b"\x81\x05hello",            // not masked, as a client's must be (RFC 6455 §5.1)
        b"\xf1\x80\x00\x00\x00\x00", // reserved bits
        b"\x83\x80\x00\x00\x00\x00", // a reserved operation
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", // longer than anything
        b"\x81\x84\x00\x00\x00\x00\xff\xfe\xfd\xfc", // no UTF-8
        b"\x81\x84\x00\x00\x00\x00{,,}", // no JSON
    ];
    for frame in frames {
        let mut stream = UnixStream::connect(home.join("run/hardshell.sock")).await.unwrap();
        stream.write_all(handshake).await.unwrap();
        let text = answer(stream, frame).await;
        assert!(text.starts_with("HTTP/1.1 101"), "{}: {text}", frame.escape_ascii());
    }
    let reply = reply_of(&place.run(&home, &["chat", "-m", "/disk", "--json"]).await);
    assert!(reply.contains("% full"), "{reply}");
    assert!(watching.next().await.is_some(), "who watched before still does");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_and_binary_files_are_named_and_not_swallowed() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let workspace = home.join("workspace");
    fs::File::create(workspace.join("huge.log")).unwrap().set_len(5 << 30).unwrap();
    fs::write(workspace.join("program.bin"), (0..=255_u8).cycle().take(70_000).collect::<Vec<_>>()).unwrap();
    fs::write(workspace.join("line.txt"), "x".repeat(8 << 20)).unwrap();
    fs::write(workspace.join("good.txt"), "still readable\n").unwrap();
    place.give_all(&workspace);
    for (name, words) in [
        ("huge.log", "read at once"),
        ("program.bin", "binary"),
        ("line.txt", ""),
        ("good.txt", "still readable"),
    ] {
        let reply = reply_of(&place.run(&home, &["chat", "-m", &format!("/read {name}"), "--json"]).await);
        assert!(reply.contains(words), "{name}: {reply:.300}");
        assert!(reply.len() < 1 << 20, "{name}: {} bytes", reply.len());
    }
    up.stop().await;
}

/// Runs in a mount namespace of its own, where the home is a small file system. `$1` is the home, `$2` the program, `$3` a
/// folder for what is said.
const FULL_DISK: &str = r#"
home=$1 program=$2 out=$3
hardshell() { "$program" --home "$home" "$@"; }
start() {
	"$program" --home "$home" up --port 0 --json >"$out/up" 2>>"$out/log" &
	daemon=$!
	tries=0
	while [ ! -s "$out/up" ]; do
		kill -0 $daemon 2>/dev/null || { echo "did not start" >>"$out/log"; exit 1; }
		tries=$((tries + 1)); [ $tries -lt 600 ] || exit 1
		sleep 0.1
	done
}
start
hardshell chat -m "/recall before" --json >"$out/before" 2>>"$out/log"; echo $? >"$out/before.code"
dd if=/dev/zero of="$home/workspace/filler" bs=64k >/dev/null 2>&1
hardshell chat -m "/remember nothing fits" --json >"$out/full" 2>"$out/full.err"; echo $? >"$out/full.code"
rm "$home/workspace/filler"
kill $daemon; wait $daemon
: >"$out/up"
start
hardshell chat -m "/recall after" --json >"$out/after" 2>>"$out/log"; echo $? >"$out/after.code"
hardshell session list --json >"$out/sessions" 2>>"$out/log"
kill $daemon; wait $daemon
hardshell audit verify >"$out/verify" 2>>"$out/log"; echo $? >"$out/verify.code"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_it_says_so_and_goes_on_when_there_is_room_with_nothing_lost() {
    let place = Place::new();
    let home = place.home("home", None);
    let out = place.home("out", None);
    let mut command = place.on_small_disk(&home, "24m", FULL_DISK);
    command.arg(&home).arg(place.path("hardshell")).arg(&out);
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    let everything = || format!("{ended:?}\n{}\n{}\n{}", said("log"), said("full"), said("full.err"));
    let code = |name: &str| said(name).trim().to_string();
    assert_eq!(code("before.code"), "0", "{}", everything());
    assert_eq!(code("full.code"), "1", "{}", everything());
    let full = said("full.err") + &said("full");
    assert!(full.contains("full") || full.contains("No space left"), "{}", everything());
    assert!(full.contains("hint"), "{}", everything());
    assert_eq!(code("after.code"), "0", "{}", everything());
    for kept in ["/recall before", "/recall after"] {
        assert!(said("sessions").contains(kept), "{kept}: {}", everything());
    }
    assert_eq!(code("verify.code"), "0", "{}{}", said("verify"), everything());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_said_and_loses_nothing() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up_at(&home, "@2031-01-01 00:00:00").await;
    let before = place.run(&home, &["chat", "-m", "/recall before", "--json"]).await;
    reply_of(&before);
    up.stop().await;
    let up = place.up(&home).await;
    let reply = reply_of(&place.run(&home, &["chat", "-m", "/disk", "--json"]).await);
    assert!(reply.contains("% full"), "{reply}");
    let sessions = place.run(&home, &["session", "list", "--json"]).await;
    assert!(sessions.out.contains("/recall before") && sessions.out.contains("/disk"), "{sessions:?}");
    up.stop().await;
    let intact = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(intact.code, Some(0), "{intact:?}");
    let log = fs::read_to_string(home.with_extension("log")).unwrap();
    assert!(log.contains("clock") && log.contains("timedatectl"), "{log}");
}
