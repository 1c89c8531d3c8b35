//! Serving over TLS, really.

use crate::client::{connect, get, post};
use crate::house::Running;
use crate::start::refused;
use gateway::{Config, Exposure, StartError, TlsFiles};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "assistant.example.org";

/// A certificate of our own making, as files.
fn files(folder: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_string(), "localhost".to_string()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    (files, made.cert.der().clone())
}

async fn shake(running: &Running, trusted: &CertificateDer<'static>) -> TlsStream<tokio::net::TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = connect(format!("127.0.0.1:{}", running.port()).parse().unwrap()).await;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn a_public_gateway_serves_over_tls_and_nothing_without() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, trusted) = files(folder.path());
    let running = Running::with(Config {
        address: "0.0.0.0:0".parse().unwrap(),
        exposure: Exposure::Public,
        tls: Some(tls),
        public_names: vec![NAME.parse().unwrap()],
        ..Config::loopback(0)
    })
    .await;
    let host = format!("{NAME}:{}", running.port());
    let answer = get("/healthz").send_over(shake(&running, &trusted).await, &host).await;
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, "max-age=31536000"));
    let link = running.handle.sign_in_link().await.unwrap();
    let (origin, token) = link.link.dangerous_reveal().split_once("/#token=").unwrap();
    assert_eq!(origin, format!("https://{host}"));
    let sign_in = post("/api/v1/sign-in", &json!({"token": token})).header("origin", origin);
    let answer = sign_in.send_over(shake(&running, &trusted).await, &host).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let cookie = answer.header("set-cookie").to_string();
    assert!(cookie.starts_with("__Host-hardshell=hsb_") && cookie.ends_with("; Secure"), "attributes only");
    let read = get("/api/v1/status").header("cookie", cookie.split(';').next().unwrap());
    assert_eq!(read.send_over(shake(&running, &trusted).await, &host).await.status, 200);

    let evil = get("/healthz").send_over(shake(&running, &trusted).await, "evil.example").await;
    assert_eq!(evil.status, 421);
    let plain = crate::client::raw(
        format!("127.0.0.1:{}", running.port()).parse().unwrap(),
        format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
}

#[tokio::test]
async fn a_handshake_that_dawdles_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, trusted) = files(folder.path());
    let mut config = Config { tls: Some(tls), ..Config::loopback(0) };
    config.limits.handshake_time = std::time::Duration::from_millis(200);
    let running = Running::with(config).await;
    let mut stream = connect(running.handle.address()).await;
    stream.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(
        std::time::Duration::from_secs(30),
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest),
    );
    assert!(ended.await.is_ok());
    let host = format!("localhost:{}", running.port());
    let answer = get("/healthz").send_over(shake(&running, &trusted).await, &host).await;
    assert_eq!(answer.status, 200, "loopback over TLS");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = files(folder.path());
    let other = tempfile::tempdir().unwrap();
    let (others, _) = files(other.path());
    let open = folder.path().join("open.pem");
    std::fs::copy(&good.key, &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
    let none = folder.path().join("none.pem");
    for (certificate, key, part) in [
        (&none, &good.key, "No such file"),
        (&good.certificate, &none, "No such file"),
        (&good.key, &good.key, "no certificate"),
        (&good.certificate, &good.certificate, "others may read it"),
        (&good.certificate, &open, "mode is 0640"),
        (&good.certificate, &others.key, "do not go together"),
    ] {
        let tls = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        let error = refused(Config { tls: Some(tls), ..Config::loopback(0) }).await;
        assert!(matches!(error, StartError::Tls { .. }) && error.to_string().contains(part), "{error}");
        assert!(error.hint().contains("chmod 600"));
    }
}
