//! A proxy process that was taken over: whatever it asks for, it gets what the rules of its run give, and what it is
//! refused is on record.

use crate::house::{API_KEY, House, LOOPBACK, Server, destination, ok, secret, short, tls};
use egress::proxy::{Binding, Placeholders, Run};
use egress::{Method, Rule, Rules, Settings};
use proxy::wire::{self, Answer, Ask, Asked, Breaks, HasBody, Reader, Spoken, Writer};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A house, and the end of its socket that a proxy process has.
struct Taken {
    house: House,
    socket: UnixStream,
    port: u16,
    _proxy: proxy::Open,
}

fn taken(settings: Settings, rules: Rules, placeholders: Placeholders) -> Taken {
    let house = House::with(settings);
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let run = Run { who: "run 1".to_string(), rules: Arc::new(rules), limits: short(), placeholders };
    let proxy = proxy::open(&house.egress, listener, ours, run).unwrap();
    Taken { house, socket: theirs, port, _proxy: proxy }
}

/// A connection of a program, and its line as a proxy process has it.
struct Got {
    program: TcpStream,
    near: OwnedFd,
    line: UnixStream,
}

impl Got {
    fn line(self) -> (Reader, Writer) {
        self.line.set_nonblocking(true).unwrap();
        wire::halves(tokio::net::UnixStream::from_std(self.line).unwrap())
    }
}

impl Taken {
    /// A program connects, and the proxy process is handed the connection.
    async fn get(&self) -> Got {
        let program = TcpStream::connect((LOOPBACK, self.port)).unwrap();
        let socket = self.socket.try_clone().unwrap();
        let received = tokio::task::spawn_blocking(move || {
            let mut byte = [0];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [IoSliceMut::new(&mut byte)];
            rustix::net::recvmsg(&socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
            let descriptors: Vec<OwnedFd> = control
                .drain()
                .flat_map(|message| {
                    let RecvAncillaryMessage::ScmRights(descriptors) = message else {
                        panic!("something else came along");
                    };
                    descriptors.collect::<Vec<_>>()
                })
                .collect();
            <[OwnedFd; 2]>::try_from(descriptors).unwrap()
        });
        let [near, line] = received.await.unwrap();
        Got { program, near, line: line.into() }
    }

    /// Waits for a refusal by `rule`.
    async fn refused(&self, rule: &str) {
        let wanted = format!("refused {rule}");
        let begun = Instant::now();
        while !self.house.memory.stages().contains(&wanted) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{wanted}: {:?}", self.house.memory.records());
            tokio::task::yield_now().await;
        }
    }
}

fn asked(spoken: Spoken, method: &str, target: &str, host: &str) -> Ask {
    let headers = vec![("host".to_string(), host.to_string())];
    let (method, target) = (method.to_string(), target.to_string());
    Ask::Request(Asked { spoken, method, target, headers, body: HasBody::None })
}

async fn answer(answers: &mut Reader) -> Answer {
    answers.message().await.unwrap().unwrap()
}

fn status(answer: &Answer) -> u16 {
    match answer {
        Answer::Refused { status, .. } | Answer::Head { status, .. } => *status,
        Answer::Opaque | Answer::Checked | Answer::Inspected { .. } => 0,
    }
}

#[tokio::test]
async fn it_gets_no_host_method_or_path_that_the_rules_do_not_give() {
    let server = Server::answering(|_| ok("hello")).await;
    let port = server.port;
    let rule = Rule::private(destination("api.test"), port).method(Method::GET).path("/allowed");
    let taken = taken(Settings::default(), Rules::new().with(rule), Placeholders::default());
    for target in ["other.test:443", "127.0.0.1:80", "[::1]:80", "api.test:1", "169.254.169.254:80"] {
        let (mut answers, mut asks) = taken.get().await.line();
        asks.message(&Ask::Tunnel { target: target.to_string() }).await.unwrap();
        assert_eq!(status(&answer(&mut answers).await), 403, "{target}");
    }
    for target in ["", "api.test", "api.test:0", "a\0b:80", "user@api.test:80", "api.test:80\r\nX: y"] {
        let (mut answers, mut asks) = taken.get().await.line();
        asks.message(&Ask::Tunnel { target: target.to_string() }).await.unwrap();
        assert_eq!(status(&answer(&mut answers).await), 403, "{target:?}");
    }
    let host = format!("api.test:{port}");
    for (method, target, host) in [
        ("POST", format!("http://{host}/allowed"), host.as_str()),
        ("GET", format!("http://{host}/other"), &host),
        ("GET", format!("http://{host}/allowed/../other"), &host),
        ("GET", format!("http://{host}/allowed"), "other.test"),
        ("GET", format!("http://{host}/allowed\r\nX: y"), &host),
        ("GET", "http://other.test/allowed".to_string(), "other.test"),
        ("CONNECT", format!("http://{host}/allowed"), &host),
    ] {
        let (mut answers, mut asks) = taken.get().await.line();
        asks.message(&asked(Spoken::Http, method, &target, host)).await.unwrap();
        let said = status(&answer(&mut answers).await);
        assert!((400..500).contains(&said), "{method} {target}: {said}");
    }
    let allowed = asked(Spoken::Http, "GET", &format!("http://{host}/allowed"), &host);
    let (mut answers, mut asks) = taken.get().await.line();
    asks.message(&allowed).await.unwrap();
    assert_eq!(status(&answer(&mut answers).await), 200, "what a program may do, it may do");
    let seen = server.requests();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let refusals = taken.house.memory.stages().iter().filter(|stage| stage.starts_with("refused ")).count();
    assert_eq!(refusals, 5 + 6 + 7, "{:?}", taken.house.memory.records());
}

#[tokio::test]
async fn it_carries_nothing_but_tls_for_the_host_that_was_judged() {
    let (settings, acceptor) = tls(&["api.test", "other.test"]);
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let rules = Rules::new().with(Rule::private(destination("api.test"), server.port));
    let taken = taken(settings, rules, Placeholders::default());
    let hello = |name: &str| {
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from(name.to_string()).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    };
    for first in [hello("other.test"), b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"\x00\x01whatever".to_vec()] {
        let before =
            taken.house.memory.stages().iter().filter(|stage| *stage == "refused egress.sni").count();
        let got = taken.get().await;
        let (mut program, near) = (got.program.try_clone().unwrap(), got.near.try_clone().unwrap());
        let (mut answers, mut asks) = got.line();
        asks.message(&Ask::Tunnel { target: format!("api.test:{}", server.port) }).await.unwrap();
        assert_eq!(answer(&mut answers).await, Answer::Checked);
        asks.message(&Ask::Carry).await.unwrap();
        asks.piece(&first).await.unwrap();
        asks.end().await.unwrap();
        drop(near);
        let ended =
            tokio::task::spawn_blocking(move || std::io::Read::read_to_end(&mut program, &mut Vec::new()));
        let _ = ended.await.unwrap();
        let after = taken.house.memory.stages().iter().filter(|stage| *stage == "refused egress.sni").count();
        assert_eq!(after, before + 1);
    }
    assert!(server.requests().iter().all(|seen| seen == "no TLS"), "{:?}", server.requests());
}

#[tokio::test]
async fn it_is_cut_off_when_it_does_not_keep_to_the_protocol() {
    let frame =
        |kind: u8, length: u32, bytes: &[u8]| [&[kind], length.to_le_bytes().as_slice(), bytes].concat();
    let message = |ask: &Ask| {
        let text = serde_json::to_vec(ask).unwrap();
        frame(b'm', u32::try_from(text.len()).unwrap(), &text)
    };
    let many = (0..40_000).map(|number| (format!("x-{number}"), "y".to_string())).collect::<Vec<_>>();
    let request = |method: &str, headers: Vec<(String, String)>| {
        let (method, target) = (method.to_string(), "http://api.test/".to_string());
        let body = HasBody::None;
        message(&Ask::Request(Asked { spoken: Spoken::Http, method, target, headers, body }))
    };
    for (shows, bytes) in [
        ("no frame", b"hello there".to_vec()),
        ("no message", frame(b'm', 5, b"hello")),
        ("a field too many", frame(b'm', 34, br#"{"tunnel":{"target":"a:1","b":"c"}}"#[..34].as_ref())),
        ("an unknown field", frame(b'm', 35, br#"{"tunnel":{"target":"a:1","b":"c"}}"#)),
        ("a length past the limit", frame(b'm', u32::MAX, b"")),
        ("a body without a request", frame(b'p', 5, b"hello")),
        ("carrying without a tunnel", [message(&Ask::Carry), frame(b'e', 0, b"")].concat()),
        (
            "a body that never ends",
            [message(&Ask::Carry), frame(b'p', 64 * 1024, &[0; 64 * 1024]).repeat(3)].concat(),
        ),
        ("a header that is none", request("GET", vec![("a b".to_string(), "c".to_string())])),
        ("a header that ends the head", request("GET", vec![("a".to_string(), "b\r\nc: d".to_string())])),
        ("a letter that is no byte", request("GET", vec![("a".to_string(), "\u{100}".to_string())])),
        ("a method that is none", request("G ET", Vec::new())),
        ("a head past the limit", request("GET", many.clone())),
    ] {
        let taken = taken(Settings::default(), Rules::new(), Placeholders::default());
        let got = taken.get().await;
        got.line.set_nonblocking(true).unwrap();
        let mut line = tokio::net::UnixStream::from_std(got.line.try_clone().unwrap()).unwrap();
        // It may be cut off before it has said it all.
        let _ = line.write_all(&bytes).await;
        taken.refused("egress.proxy").await;
        let mut rest = Vec::new();
        let _ = line.read_to_end(&mut rest).await;
        assert_eq!(rest, b"", "{shows}");
        // One line is broken, and the others are not.
        let (mut answers, mut asks) = taken.get().await.line();
        asks.message(&Ask::Tunnel { target: "api.test:443".to_string() }).await.unwrap();
        assert_eq!(status(&answer(&mut answers).await), 403, "{shows}");
    }
}

#[tokio::test]
async fn it_never_gets_a_secret_and_cannot_have_one_sent_elsewhere() {
    let server = Server::answering(|_| ok("hello")).await;
    let port = server.port;
    let binding = Binding {
        host: "api.test".parse().unwrap(),
        port,
        methods: vec![Method::GET],
        path: "/v1".to_string(),
        header: egress::header::AUTHORIZATION,
        aws_key_id: None,
    };
    let mut placeholders = Placeholders::default();
    let text = placeholders.add(secret("api-key"), binding).unwrap().as_str().to_string();
    let rules = ["api.test", "other.test"].map(|host| Rule::private(destination(host), port));
    let taken = taken(Settings::default(), rules.into_iter().collect(), placeholders);
    for (host, path, given) in
        [("other.test", "/v1", false), ("api.test", "/v2", false), ("api.test", "/v1", true)]
    {
        let host = format!("{host}:{port}");
        let headers = [("host", host.as_str()), ("authorization", &format!("Bearer {text}"))];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
        let (method, target) = ("GET".to_string(), format!("http://{host}{path}"));
        let (mut answers, mut asks) = taken.get().await.line();
        let body = HasBody::None;
        asks.message(&Ask::Request(Asked { spoken: Spoken::Http, method, target, headers, body }))
            .await
            .unwrap();
        let said = format!("{:?}", answer(&mut answers).await);
        assert!(said.contains("200") && !said.contains(API_KEY), "{said}");
        while let Some(piece) = answers.piece().await.unwrap() {
            assert!(!String::from_utf8_lossy(&piece).contains(API_KEY));
        }
        assert_eq!(server.requests().pop().unwrap().contains(API_KEY), given, "{host}{path}");
    }
    let misplaced = taken.house.memory.stages().iter().filter(|stage| *stage == "misplaced api-key").count();
    assert_eq!(misplaced, 2);
}

#[tokio::test]
async fn a_flood_of_its_questions_waits_and_what_it_tells_is_cut_short() {
    // Each connection is held at all its ends here, which is more files than a login may open at first.
    let resource = rustix::process::Resource::Nofile;
    let limit = rustix::process::getrlimit(resource);
    rustix::process::setrlimit(resource, rustix::process::Rlimit { current: limit.maximum, ..limit })
        .unwrap();
    let taken = taken(Settings::default(), Rules::new(), Placeholders::default());
    let (_answers, mut asks) = taken.get().await.line();
    let why = "x".repeat(100_000);
    let (target, breaks) = ("y".repeat(10_000), Breaks::Host);
    asks.message(&Ask::Nonsense { target, breaks, why }).await.unwrap();
    taken.refused("egress.host").await;
    let shown = taken.house.memory.records().iter().map(|record| format!("{record:?}").len()).max();
    assert!(shown.unwrap() < 2000, "{shown:?}");
    // It hears no answer, so that its questions stay where they are: in the buffers of two sockets.
    let (_answers, mut asks) = taken.get().await.line();
    let mut waits = 0;
    for _ in 0..1_000_000 {
        let ask = Ask::Tunnel { target: format!("{}.test:1", "a".repeat(60)) };
        match tokio::time::timeout(Duration::from_secs(2), asks.message(&ask)).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => {
                waits = 1;
                break;
            }
        }
    }
    assert_eq!(waits, 1, "it can ask without end and without hearing an answer");
    // No more than so many connections are handed to it at a time, whatever it does with them. Two lines are held above.
    let mut held = Vec::new();
    while held.len() < proxy::CONNECTIONS_MAX - 2 {
        held.push(taken.get().await);
    }
    let waiting = TcpStream::connect((LOOPBACK, taken.port)).unwrap();
    let socket = taken.socket.try_clone().unwrap();
    let handed = tokio::task::spawn_blocking(move || {
        let half_a_second = rustix::time::Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
        let mut polled = [rustix::event::PollFd::new(&socket, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut polled, Some(&half_a_second)).unwrap()
    });
    assert_eq!(handed.await.unwrap(), 0, "it was handed one more");
    drop((held.pop(), waiting));
    taken.get().await;
}

#[tokio::test]
async fn a_socket_that_it_makes_block_holds_nobody_up() {
    let server = Server::answering(|_| ok("hello")).await;
    let rules = Rules::new().with(Rule::private(destination("api.test"), server.port).opaque());
    let taken = taken(Settings::default(), rules, Placeholders::default());
    let got = taken.get().await;
    let (near, program) = (got.near.try_clone().unwrap(), got.program.try_clone().unwrap());
    let (mut answers, mut asks) = got.line();
    asks.message(&Ask::Tunnel { target: format!("api.test:{}", server.port) }).await.unwrap();
    assert_eq!(answer(&mut answers).await, Answer::Opaque);
    rustix::io::ioctl_fionbio(&near, false).unwrap();
    asks.message(&Ask::Carry).await.unwrap();
    asks.end().await.unwrap();
    // The runtime has one thread: were it to block in a read, nothing would go on.
    let said = tokio::task::spawn_blocking(move || {
        let mut program = program;
        std::io::Write::write_all(&mut program, b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut program, &mut said).unwrap();
        said
    });
    assert!(said.await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn the_end_of_its_process_ends_the_way_out_and_is_recorded() {
    let server = Server::answering(|_| ok("hello")).await;
    let rules = Rules::new().with(Rule::private(destination("api.test"), server.port).opaque());
    let taken = taken(Settings::default(), rules, Placeholders::default());
    let got = taken.get().await;
    let mut program = got.program.try_clone().unwrap();
    let (mut answers, mut asks) = got.line();
    asks.message(&Ask::Tunnel { target: format!("api.test:{}", server.port) }).await.unwrap();
    assert_eq!(answer(&mut answers).await, Answer::Opaque);
    asks.message(&Ask::Carry).await.unwrap();
    asks.end().await.unwrap();
    let Taken { house, socket, port, _proxy } = taken;
    drop(socket);
    let ended =
        tokio::task::spawn_blocking(move || std::io::Read::read_to_end(&mut program, &mut Vec::new()));
    let _ = ended.await.unwrap();
    let begun = Instant::now();
    while TcpStream::connect((LOOPBACK, port)).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is still listened");
        tokio::task::yield_now().await;
    }
    assert!(
        house.memory.stages().contains(&"refused egress.proxy".to_string()),
        "{:?}",
        house.memory.records()
    );
}
