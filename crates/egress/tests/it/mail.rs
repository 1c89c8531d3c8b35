//! Connections that are not HTTP, and logging in on them.

use crate::house::{House, LOOPBACK, MAIL_PASSWORD, destination, scope, secret, tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::{Error, Login, Rule, Rules, Scope, Tls};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_login_line_carries_the_secret_its_user_never_sees() {
    let (settings, acceptor) = tls(&["mail.test"]);
    let house = House::with(settings);
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut lines = Vec::new();
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(acceptor.accept(stream).await.unwrap());
        for _ in 0..5 {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            lines.push(line);
        }
        stream.write_all(b"a1 OK\r\n").await.unwrap();
        lines
    });
    let mut connection = house
        .egress
        .connect(&destination("mail.test"), port, Tls::Now, &scope(&["mail.test"], port))
        .await
        .unwrap();
    let user = "anna@mail.test".to_string();
    for login in [
        Login::ImapLogin { tag: "a1".to_string(), user: user.clone() },
        Login::SaslPlain { user: user.clone() },
        Login::SmtpAuthPlain { user: user.clone() },
        Login::SaslLoginSecret,
        Login::SaslXoauth2 { user: user.clone() },
    ] {
        connection.log_in(&secret("mail"), &login).await.unwrap();
    }
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"a1 OK\r\n");
    let plain = STANDARD.encode(format!("\0{user}\0{MAIL_PASSWORD}"));
    assert_eq!(
        server.await.unwrap(),
        [
            "a1 LOGIN \"anna@mail.test\" \"the \\\"mail\\\" pass\\\\word\"\r\n".to_string(),
            format!("{plain}\r\n"),
            format!("AUTH PLAIN {plain}\r\n"),
            format!("{}\r\n", STANDARD.encode(MAIL_PASSWORD)),
            format!("{}\r\n", STANDARD.encode(format!("user={user}\x01auth=Bearer {MAIL_PASSWORD}\x01\x01"))),
        ]
    );
    drop(connection);
    assert_eq!(house.memory.stages(), ["connecting", "closed"]);
}

#[tokio::test]
async fn tls_can_begin_later_and_a_foreign_certificate_is_refused_then_too() {
    let (settings, acceptor) = tls(&["mail.test"]);
    let house = House::with(settings);
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = [0; 10];
            stream.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"STARTTLS\r\n");
            stream.write_all(b"220\r\n").await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.write_all(b"inside").await.unwrap();
                let _ = stream.shutdown().await;
            }
        }
    });
    let scope = scope(&["mail.test", "other.test"], port);
    for (name, trusted) in [("mail.test", true), ("other.test", false)] {
        let mut connection =
            house.egress.connect(&destination(name), port, Tls::Later, &scope).await.unwrap();
        connection.write_all(b"STARTTLS\r\n").await.unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.unwrap();
        match connection.start_tls(&house.egress).await {
            Ok(mut connection) => {
                assert!(trusted && connection.is_tls());
                let mut inside = [0; 6];
                connection.read_exact(&mut inside).await.unwrap();
                assert_eq!(&inside, b"inside");
            }
            Err(error) => assert!(!trusted && matches!(error, Error::Tls { .. }), "{error:?}"),
        }
    }
    server.await.unwrap();
    assert_eq!(house.memory.stages(), ["connecting", "closed", "connecting", "failed"]);
}

#[tokio::test]
async fn a_login_that_could_say_more_than_a_login_is_refused() {
    let (settings, acceptor) = tls(&["mail.test", "other.test"]);
    let house = House::with(settings);
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut sent = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read_to_end(&mut sent).await;
        }
        sent
    });
    let scope = scope(&["mail.test", "other.test"], port);
    let mut connection =
        house.egress.connect(&destination("mail.test"), port, Tls::Now, &scope).await.unwrap();
    for login in [
        Login::ImapLogin { tag: "a1".to_string(), user: "anna\r\na2 DELETE INBOX".to_string() },
        Login::ImapLogin { tag: "a1 NOOP\r\na2".to_string(), user: "anna".to_string() },
        Login::ImapLogin { tag: "a1".to_string(), user: "änna".to_string() },
        Login::SaslPlain { user: "anna\0root".to_string() },
        Login::SaslXoauth2 { user: "anna\x01auth=Bearer x".to_string() },
    ] {
        let error = connection.log_in(&secret("mail"), &login).await.unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{login:?}: {error:?}");
    }
    drop(connection);
    let mut connection =
        house.egress.connect(&destination("other.test"), port, Tls::Now, &scope).await.unwrap();
    let error = connection.log_in(&secret("mail"), &Login::SaslLoginSecret).await.unwrap_err();
    assert!(matches!(error, Error::Secret(vault::Error::HostNotAllowed { .. })), "{error:?}");
    drop(connection);
    assert_eq!(server.await.unwrap(), b"");
}

#[tokio::test]
async fn a_host_with_path_rules_is_not_connected_to_blindly() {
    let house = House::new();
    let rules = Rules::new().with(Rule::private(destination("mail.test"), 993).path("/v1"));
    let scope = Scope { rules: Arc::new(rules), ..scope(&[], 993) };
    let error = house.egress.connect(&destination("mail.test"), 993, Tls::Now, &scope).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.method-or-path");
    let error = house.egress.connect(&destination("evil.example"), 993, Tls::Now, &scope).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.host");
    assert_eq!(house.memory.stages(), ["refused egress.method-or-path", "refused egress.host"]);
}
