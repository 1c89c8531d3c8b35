//! What programs in a sandbox reach, and what they do not, over the proxy's three protocols.

use crate::house::{API_KEY, House, LOOPBACK, Server, destination, ok, secret, short, tls};
use egress::proxy::{Binding, Placeholders, Run};
use egress::{Method, Rule, Rules, Settings};
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub struct Cage {
    pub house: House,
    pub port: u16,
    _proxy: proxy::Open,
}

/// What is a process of its own elsewhere, here a thread of its own: the same code, the same sockets.
pub fn process() -> UnixStream {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(proxy::serve(theirs))
    });
    ours.read_exact(&mut [0]).unwrap();
    ours
}

pub fn cage(settings: Settings, rules: Rules, placeholders: Placeholders) -> Cage {
    cage_of(House::with(settings), rules, placeholders)
}

pub fn cage_of(house: House, rules: Rules, placeholders: Placeholders) -> Cage {
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let run = Run { who: "run 1".to_string(), rules: Arc::new(rules), limits: short(), placeholders };
    let proxy = proxy::open(&house.egress, listener, process(), run).unwrap();
    Cage { house, port, _proxy: proxy }
}

impl Cage {
    /// Sends bytes to the proxy, and returns everything it says until it hangs up.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect((LOOPBACK, self.port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A tunnel by CONNECT, or the answer that there is none.
    async fn tunnel(&self, target: &str) -> Result<TcpStream, String> {
        let mut stream = TcpStream::connect((LOOPBACK, self.port)).await.unwrap();
        stream
            .write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        let head = String::from_utf8(head).unwrap();
        if head.starts_with("HTTP/1.1 200 ") { Ok(stream) } else { Err(head) }
    }

    /// A tunnel by SOCKS5, or the code of the refusal.
    async fn socks(&self, host: &str, port: u16) -> Result<TcpStream, u8> {
        let mut stream = TcpStream::connect((LOOPBACK, self.port)).await.unwrap();
        let name =
            [&[5, 1, 0, 5, 1, 0, 3, u8::try_from(host.len()).unwrap()], host.as_bytes(), &port.to_be_bytes()]
                .concat();
        stream.write_all(&name).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.map_err(|_| 255)?;
        if answer[3] == 0 { Ok(stream) } else { Err(answer[3]) }
    }
}

/// Speaks TLS as a program would that trusts these authorities.
async fn speak(
    stream: TcpStream,
    name: &str,
    trusted: &[egress::CertificateDer<'static>],
    request: &str,
) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    trusted.iter().for_each(|certificate| roots.add(certificate.clone()).unwrap());
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(name.to_string()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Some peers close without TLS's goodbye.
    let _ = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn authority_of(house: &House) -> egress::CertificateDer<'static> {
    let pem = house.egress.authority().unwrap().pem().to_string();
    rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap()
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: api.test:PORT\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_program_reaches_its_hosts_over_each_protocol_and_no_others() {
    let server = Server::answering(|_| ok("hello")).await;
    let cage = cage(
        Settings::default(),
        Rules::new().with(Rule::private(destination("api.test"), server.port)),
        Placeholders::default(),
    );
    let port = server.port;
    let whole = |host: &str| {
        format!("GET http://{host}:{port}/a HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")
    };
    let answer = cage.say(whole("api.test").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    let answer = cage.say(whole("other.test").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("(egress.host)"), "{answer}");

    for mut stream in
        [cage.tunnel(&format!("api.test:{port}")).await.unwrap(), cage.socks("api.test", port).await.unwrap()]
    {
        stream.write_all(GET.replace("PORT", &port.to_string()).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    }
    let refused = cage.tunnel(&format!("other.test:{port}")).await.unwrap_err();
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    assert_eq!(cage.socks("other.test", port).await.unwrap_err(), 2);
    assert_eq!(server.requests().iter().filter(|request| request.contains("/a")).count(), 3);
    let records = cage.house.memory.records();
    assert!(records.iter().all(|record| record.who == "run 1"));
    assert_eq!(cage.house.memory.stages().iter().filter(|stage| *stage == "refused egress.host").count(), 3);
}

#[tokio::test]
async fn anything_that_is_not_a_strict_host_name_is_refused_before_any_rule_is_compared() {
    let rules = || {
        Rules::new()
            .with(Rule::anywhere(80))
            .with(Rule::anywhere(443))
            .with(Rule::private(destination("127.0.0.1"), 80))
    };
    let cage = cage(Settings::default(), rules(), Placeholders::default());
    let literals = include_str!("../../corpus/addresses.txt").lines().filter_map(|line| {
        let address: std::net::IpAddr = line.split_whitespace().next()?.parse().ok()?;
        Some(if address.is_ipv6() { format!("[{address}]") } else { address.to_string() })
    });
    let others = ["localhost:80:80", "[::ffff:127.0.0.1]", ""].map(str::to_string);
    for host in crate::addresses::hosts().into_iter().chain(literals).chain(others) {
        let host = host.as_str();
        let refused = cage.tunnel(&format!("{host}:443")).await.unwrap_err();
        assert!(!refused.starts_with("HTTP/1.1 200"), "{host}: {refused}");
        assert!(cage.socks(host, 80).await.is_err(), "{host}");
        let whole = format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = cage.say(whole.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 40") || answer.is_empty(), "{host}: {answer}");
    }
    assert!(
        !cage.house.memory.stages().iter().any(|stage| stage == "connecting"),
        "{:?}",
        cage.house.memory.records()
    );
}

/// The corpus of addresses against the proxy's three protocols.
#[tokio::test]
async fn no_name_leads_a_program_to_an_address_that_is_not_public() {
    for line in include_str!("../../corpus/addresses.txt").lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((address, class)) = line.split_once(char::is_whitespace) else { continue };
        if class.trim() == "public" {
            continue;
        }
        let resolver =
            Arc::new(crate::house::FakeDns(std::sync::Mutex::new(vec![vec![address.parse().unwrap()]])));
        let settings = Settings { resolver, ..Settings::default() };
        let rules = Rules::new()
            .with(Rule::anywhere(443))
            .with(Rule::anywhere(8080))
            .with(Rule::host(destination("plain.example"), 22).opaque());
        let cage = cage(settings, rules, Placeholders::default());
        let refused = cage.tunnel("name.example:443").await.unwrap_err();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{address}: {refused}");
        assert_eq!(cage.socks("name.example", 443).await.unwrap_err(), 2, "{address}");
        assert_eq!(cage.socks("plain.example", 22).await.unwrap_err(), 2, "{address}");
        let answer = cage.say(b"GET http://name.example:8080/ HTTP/1.1\r\nHost: name.example:8080\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{address}: {answer}");
        assert!(!cage.house.memory.stages().iter().any(|stage| stage == "connecting"), "{address}");
    }
}

#[tokio::test]
async fn tls_passes_unread_when_it_is_for_the_host_that_was_asked_for() {
    let (settings, acceptor) = tls(&["api.test", "other.test"]);
    let trusted = settings.trusted.clone();
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let port = server.port;
    let cage = cage(
        settings,
        Rules::new().with(Rule::private(destination("api.test"), port)),
        Placeholders::default(),
    );
    let request = GET.replace("PORT", &port.to_string());
    for stream in
        [cage.tunnel(&format!("api.test:{port}")).await.unwrap(), cage.socks("api.test", port).await.unwrap()]
    {
        // Only the server's own authority is trusted: nobody sits in between.
        let answer = speak(stream, "api.test", &trusted, &request).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
    }
    // Domain fronting: a tunnel to one host, TLS for another.
    let stream = cage.tunnel(&format!("api.test:{port}")).await.unwrap();
    assert!(speak(stream, "other.test", &trusted, &request).await.is_err());
    assert!(
        cage.house.memory.stages().contains(&"refused egress.sni".to_string()),
        "{:?}",
        cage.house.memory.stages()
    );
    assert_eq!(server.requests().iter().filter(|request| request.contains("GET")).count(), 2);
}

#[tokio::test]
async fn a_tunnel_carries_tls_or_http_and_nothing_else_unless_a_rule_says_so() {
    let server = Server::answering(|_| b"whatever".to_vec()).await;
    let port = server.port;
    let rules = Rules::new()
        .with(Rule::private(destination("api.test"), port))
        .with(Rule::private(destination("other.test"), port).opaque());
    let cage = cage(Settings::default(), rules, Placeholders::default());
    let mut stream = cage.tunnel(&format!("api.test:{port}")).await.unwrap();
    stream.write_all(b"\x00\x01secret protocol\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
    assert!(server.requests().iter().all(String::is_empty), "{:?}", server.requests());
    let mut stream = cage.tunnel(&format!("other.test:{port}")).await.unwrap();
    stream.write_all(b"\x00\x01any protocol\r\n\r\n").await.unwrap();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"whatever");
}

#[tokio::test]
async fn a_host_with_path_rules_is_read_and_each_request_judged() {
    let (settings, acceptor) = tls(&["api.test"]);
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let port = server.port;
    let rule = Rule::private(destination("api.test"), port).method(Method::GET).path("/allowed");
    let cage = cage(settings, Rules::new().with(rule), Placeholders::default());
    let ours = [authority_of(&cage.house)];
    for (request, status) in [
        ("GET /allowed/x HTTP/1.1\r\nHost: HOST", "200"),
        ("GET /forbidden HTTP/1.1\r\nHost: HOST", "403"),
        ("GET /allowed/../forbidden HTTP/1.1\r\nHost: HOST", "403"),
        ("GET /allowed/..%2fforbidden HTTP/1.1\r\nHost: HOST", "403"),
        ("POST /allowed/x HTTP/1.1\r\nContent-Length: 0\r\nHost: HOST", "403"),
        ("GET /allowed/x HTTP/1.1\r\nHost: other.test", "403"),
        ("GET /allowed/x HTTP/1.1\r\nHost: HOST\r\nHost: other.test", "4"),
        ("GET https://other.test/allowed/x HTTP/1.1\r\nHost: HOST", "400"),
        ("GET //other.test/allowed HTTP/1.1\r\nHost: HOST", "403"),
        ("GET /allowed/x HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: upgrade, close", "403"),
        ("TRACE /allowed/x HTTP/1.1\r\nHost: HOST", "403"),
        ("GET /allowed/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nContent-Length: 6", "4"),
        ("GET /allowed/x HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n c", "4"),
    ] {
        let before = server.requests().len();
        let stream = cage.tunnel(&format!("api.test:{port}")).await.unwrap();
        let text =
            format!("{}\r\nConnection: close\r\n\r\n", request.replace("HOST", &format!("api.test:{port}")));
        let text = if request.contains("Connection: upgrade") {
            text.replace("\r\nConnection: close", "")
        } else {
            text
        };
        let answer = speak(stream, "api.test", &ours, &text).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
        assert_eq!(server.requests().len() - before, usize::from(status == "200"), "{request}");
    }
}

/// Two framings in one request are how one proxy is made to see one request and the next server two.
#[tokio::test]
async fn a_request_is_passed_on_with_one_framing_whatever_it_came_with() {
    let server = Server::answering(|_| ok("hello")).await;
    let port = server.port;
    let cage = cage(
        Settings::default(),
        Rules::new().with(Rule::private(destination("api.test"), port)),
        Placeholders::default(),
    );
    for (framing, body) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 60", "5\r\nhello\r\n0\r\n\r\n"),
        ("Content-Length: 5", "hello"),
    ] {
        let head = format!(
            "POST http://HOST/a HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n{framing}\r\n\r\n{body}"
        );
        let answer = cage.say(head.replace("HOST", &format!("api.test:{port}")).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{framing}: {answer}");
        let sent = server.requests().pop().unwrap().to_lowercase();
        assert_ne!(sent.contains("content-length"), sent.contains("transfer-encoding"), "{framing}: {sent}");
    }
    for framing in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5,5",
    ] {
        let before = server.requests().len();
        let head = format!(
            "POST http://HOST/a HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n{framing}\r\n\r\nhello"
        );
        let answer = cage.say(head.replace("HOST", &format!("api.test:{port}")).as_bytes()).await;
        assert!(!answer.contains(" 200 "), "{framing}: {answer}");
        assert_eq!(server.requests().len(), before, "{framing}");
    }
}

#[tokio::test]
async fn a_placeholder_becomes_the_secret_in_its_one_place_only() {
    let (settings, acceptor) = tls(&["api.test", "other.test"]);
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let port = server.port;
    let mut placeholders = Placeholders::default();
    let binding = Binding {
        host: "api.test".parse().unwrap(),
        port,
        methods: vec![Method::GET],
        path: "/v1".to_string(),
        header: egress::header::AUTHORIZATION,
        aws_key_id: None,
    };
    let text = placeholders.add(secret("api-key"), binding).unwrap().as_str().to_string();
    let rules = Rules::new()
        .with(Rule::private(destination("api.test"), port))
        .with(Rule::private(destination("other.test"), port).path("/"));
    let cage = cage(settings, rules, placeholders);
    let ours = [authority_of(&cage.house)];
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("anna:{text}"));
    for (host, request, swapped) in [
        ("api.test", format!("GET /v1/x HTTP/1.1\r\nAuthorization: Bearer {text}"), true),
        ("api.test", format!("GET /v1/x HTTP/1.1\r\nAuthorization: Basic {basic}"), true),
        ("api.test", format!("GET /v1/x HTTP/1.1\r\nX-Api-Key: {text}"), false),
        ("api.test", format!("GET /v2/x HTTP/1.1\r\nAuthorization: Bearer {text}"), false),
        (
            "api.test",
            format!("POST /v1/x HTTP/1.1\r\nContent-Length: 0\r\nAuthorization: Bearer {text}"),
            false,
        ),
        ("api.test", format!("GET /v1/x?key={text} HTTP/1.1\r\nX-A: b"), false),
        (
            "api.test",
            format!("GET /v1/x HTTP/1.1\r\nAuthorization: Bearer {text}\r\nAuthorization: Bearer {text}"),
            false,
        ),
        ("other.test", format!("GET /v1/x HTTP/1.1\r\nAuthorization: Bearer {text}"), false),
    ] {
        let stream = cage.tunnel(&format!("{host}:{port}")).await.unwrap();
        let whole = format!("{request}\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        let answer = speak(stream, host, &ours, &whole).await.unwrap();
        assert!(answer.ends_with("hello"), "{request}: {answer}");
        let sent = server.requests().pop().unwrap();
        let has_key = sent.contains(API_KEY)
            || sent.contains(&base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("anna:{API_KEY}"),
            ));
        assert_eq!(has_key, swapped, "{request}: {sent}");
        assert_eq!(sent.contains(&text), !swapped, "{request}: {sent}");
        let stages = cage.house.memory.stages();
        let misplaced = stages.iter().rev().take(3).any(|stage| stage == "misplaced api-key");
        assert_eq!(misplaced, !swapped, "{request}: {stages:?}");
        assert!(!answer.contains(API_KEY));
    }
}

#[tokio::test]
async fn a_leaked_secret_does_not_leave_in_what_is_read() {
    let server = Server::answering(|_| ok("hello")).await;
    let port = server.port;
    let rules = Rules::new().with(Rule::private(destination("other.test"), port));
    let cage = cage(Settings::default(), rules, Placeholders::default());
    let hex: String = API_KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let chunked: String = API_KEY.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect();
    for request in [
        format!("GET http://HOST/?{hex} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"),
        format!("GET http://HOST/ HTTP/1.1\r\nHost: HOST\r\nX-A: {API_KEY}\r\nConnection: close\r\n\r\n"),
        format!(
            "POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{hex}",
            hex.len()
        ),
        format!(
            "POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunked}0\r\n\r\n"
        ),
    ] {
        let answer = cage.say(request.replace("HOST", &format!("other.test:{port}")).as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{request}: {answer}");
        assert!(
            server.requests().iter().all(|seen| !seen.contains("the-api") && !seen.contains(&hex[..16])),
            "{:?}",
            server.requests()
        );
    }
    let clean = "POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\nContent-Length: 11\r\nConnection: close\r\n\r\nthe-api-kex".replace("HOST", &format!("other.test:{port}"));
    assert!(cage.say(clean.as_bytes()).await.contains("200 OK"));
    assert!(server.requests().pop().unwrap().contains("the-api-kex"));
}

#[tokio::test]
async fn a_run_that_ends_takes_its_connections_with_it() {
    let server = Server::answering(|_| b"whatever".to_vec()).await;
    let port = server.port;
    let rules = Rules::new().with(Rule::private(destination("other.test"), port).opaque());
    let cage = cage(Settings::default(), rules, Placeholders::default());
    let mut open = cage.tunnel(&format!("other.test:{port}")).await.unwrap();
    let mut idle = TcpStream::connect((LOOPBACK, cage.port)).await.unwrap();
    idle.write_all(b"\x05").await.unwrap();
    let Cage { house, port, _proxy } = cage;
    drop(_proxy);
    for stream in [&mut open, &mut idle] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }
    assert!(TcpStream::connect((LOOPBACK, port)).await.is_err());
    assert!(house.memory.stages().contains(&"failed".to_string()), "{:?}", house.memory.stages());
}

#[tokio::test]
async fn a_hundred_connections_are_served_at_once() {
    let server = Server::answering(|_| ok("hello")).await;
    let port = server.port;
    let cage = Arc::new(cage(
        Settings::default(),
        Rules::new().with(Rule::private(destination("api.test"), port)),
        Placeholders::default(),
    ));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let cage = Arc::clone(&cage);
            tokio::spawn(async move {
                let whole = format!("GET http://api.test:{port}/a HTTP/1.1\r\nHost: api.test:{port}\r\nConnection: close\r\n\r\n");
                cage.say(whole.as_bytes()).await.ends_with("hello")
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
}
