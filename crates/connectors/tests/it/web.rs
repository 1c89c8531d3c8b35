//! Pages from a real server on loopback, and servers that lie.

use crate::house::House;
use connectors::web::{Web, WebError};
use egress::{Rule, Rules};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Server {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
async fn serving(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 1024];
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => head.extend_from_slice(&piece[..count]),
                    }
                }
                let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap().to_string();
                let _ = stream.write_all(&answer(&path)).await;
            });
        }
    });
    Server { port, task }
}

fn page(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn web(house: &House, port: u16) -> Web {
    let rule = |name: &str| Rule::private(name.parse().unwrap(), port);
    Web::new(
        Arc::clone(&house.egress),
        Arc::new(Rules::new().with(rule("web.test")).with(rule("other.test"))),
    )
}

#[tokio::test]
async fn a_page_is_readable_text_with_links_that_nobody_follows() {
    let server = serving(|path| match path {
        "/a" => page("text/html; charset=utf-8", "<title>Hi</title><p>Grüße <a href=\"/b?x=1\">there</a><script>x</script>".as_bytes()),
        "/latin" => page("text/html; charset=iso-8859-1", b"<p>Gr\xfc\xdfe"),
        "/json" => page("application/json", b"{\"a\":1}"),
        "/pdf" => page("application/pdf", b"%PDF-1.4"),
        "/moved" => b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _other => b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nnothing\x1b[2Jhere".to_vec(),
    })
    .await;
    let house = House::new(vec![]);
    let web = web(&house, server.port);
    let fetch = async |path: &str| web.fetch(&format!("http://web.test:{}{path}", server.port)).await;
    let found = fetch("/a").await.unwrap();
    assert_eq!(found.fields["title"], "Hi");
    assert_eq!(found.fields["text"], "Grüße there⟦1⟧");
    assert_eq!(found.fields["links"][0], format!("http://web.test:{}/b?x=1", server.port));
    assert!(found.text.contains(&format!("⟦1⟧ hxxp://web[.]test:{}/b?x=1", server.port)), "{}", found.text);
    assert!(!found.text.contains("http://"), "{}", found.text);
    assert_eq!(fetch("/latin").await.unwrap().fields["text"], "Grüße");
    assert_eq!(fetch("/json").await.unwrap().fields["text"], "{\"a\":1}");
    assert!(fetch("/pdf").await.unwrap().text.contains("is not a page but application/pdf"));
    assert_eq!(fetch("/moved").await.unwrap().fields["title"], "Hi");
    let Err(WebError::Status { status: 404, text, .. }) = fetch("/none").await else { panic!("no 404") };
    assert_eq!(text, "nothing\\u{1b}[2Jhere");
}

#[tokio::test]
async fn a_server_that_lies_or_never_ends_is_cut_off() {
    let server = serving(|path| match path {
        "/huge" => {
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".to_vec();
            answer.resize(8 << 20, b'x');
            answer
        }
        "/claims" => b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx".to_vec(),
        "/short" => b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\nx".to_vec(),
        "/away" => b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/loop" => b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _other => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    })
    .await;
    let house = House::new(vec![]);
    let web = web(&house, server.port);
    for path in ["/huge", "/claims", "/short", "/away", "/loop", "/ssh"] {
        let fetched = web.fetch(&format!("http://web.test:{}{path}", server.port)).await;
        assert!(matches!(fetched, Err(WebError::Egress(_))), "{path}: {fetched:?}");
    }
    let elsewhere = web.fetch(&format!("http://127.0.0.1:{}/", server.port)).await;
    assert!(matches!(elsewhere, Err(WebError::Egress(_))), "{elsewhere:?}");
}

#[tokio::test]
async fn an_address_is_up_down_or_broken() {
    let server = serving(|path| match path {
        "/broken" => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _other => page("text/html", b"ok"),
    })
    .await;
    let house = House::new(vec![]);
    let web = web(&house, server.port);
    let up = web.uptime(&format!("http://web.test:{}/", server.port)).await.unwrap();
    assert_eq!((&up.fields["up"], &up.fields["status"]), (&true.into(), &200.into()));
    let broken = web.uptime(&format!("http://web.test:{}/broken", server.port)).await.unwrap();
    assert_eq!((&broken.fields["up"], &broken.fields["status"]), (&false.into(), &503.into()));
    let port = server.port;
    drop(server);
    let gone = loop {
        // The listener is gone when its task is; until then a connection may still be taken.
        let asked = web.uptime(&format!("http://web.test:{port}/")).await.unwrap();
        if asked.fields["up"] == false {
            break asked;
        }
        tokio::task::yield_now().await;
    };
    assert!(gone.text.contains("is down: could not connect"), "{}", gone.text);
    assert!(web.uptime("http://unlisted.test/").await.is_err(), "what the rules do not open is not asked");
}
