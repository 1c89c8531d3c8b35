//! What the proxy of a sandbox costs, against a direct connection in the same run: `cargo bench -p egress --bench proxy`.
#![expect(clippy::print_stdout, reason = "what it measures is its output")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has nothing to say")]
#![expect(clippy::indexing_slicing, reason = "a measurement that cannot be made has nothing to say")]

use egress::proxy::{Placeholders, Run};
use egress::{CertificateDer, Egress, Limits, Rule, Rules, Settings, Unobserved};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vault::{KeySource, Vault};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BODY_BYTES: usize = 256 * 1024 * 1024;
const REQUESTS: usize = 300;
const RULES: u16 = 1000;

/// How a request gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Unread,
    Read,
}

#[tokio::main]
async fn main() {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
    let (authority, acceptor) = certificates();
    let server = serve(acceptor).await;
    let mut settings = Settings { trusted: vec![authority.clone()], ..Settings::default() };
    settings.names.insert("far.test".parse().unwrap(), vec![LOOPBACK]);
    let egress = Arc::new(Egress::new(vault, settings, Arc::new(Unobserved)).unwrap());
    let ours: CertificateDer<'static> =
        rustls::pki_types::pem::PemObject::from_pem_slice(egress.authority().unwrap().pem().as_bytes())
            .unwrap();
    for way in [Way::Direct, Way::Unread, Way::Read] {
        let rule = Rule::private("far.test".parse().unwrap(), server);
        let rule = if way == Way::Read { rule.path("/") } else { rule };
        let others = (0..RULES).map(|number| Rule::host(format!("h{number}.example").parse().unwrap(), 443));
        let rules: Rules = std::iter::once(rule).chain(others).collect();
        let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
        let proxy_port = listener.local_addr().unwrap().port();
        let limits = Limits { total_timeout: Duration::from_secs(600), ..Limits::proxied() };
        let run = Run {
            who: "bench".to_string(),
            rules: Arc::new(rules),
            limits,
            placeholders: Placeholders::default(),
        };
        let proxy = egress.proxy(listener, run).unwrap();
        let connector = connector(if way == Way::Read { &ours } else { &authority });
        let port = if way == Way::Direct { None } else { Some(proxy_port) };
        let (_, seconds) = fetch(&connector, server, port, BODY_BYTES).await;
        let megabytes = f64::from(u32::try_from(BODY_BYTES).unwrap()) / 1e6;
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            times.push(fetch(&connector, server, port, 1).await.0);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{way:?}: {:.0} MB/s; whole request with new connections p50 {:.2} ms, p99 {:.2} ms",
            megabytes / seconds,
            times[REQUESTS / 2] * 1e3,
            times[REQUESTS * 99 / 100] * 1e3
        );
        drop(proxy);
    }
}

/// Fetches `bytes` bytes; how long the first took to come, and all of them.
async fn fetch(connector: &TlsConnector, server: u16, proxy: Option<u16>, bytes: usize) -> (f64, f64) {
    let started = Instant::now();
    let mut stream = TcpStream::connect((LOOPBACK, proxy.unwrap_or(server))).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if proxy.is_some() {
        let target = format!("far.test:{server}");
        stream
            .write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"));
    }
    let mut stream = connector.connect("far.test".try_into().unwrap(), stream).await.unwrap();
    let request = format!("GET /{bytes} HTTP/1.1\r\nHost: far.test:{server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let mut read = stream.read(&mut buffer).await.unwrap();
    let first = started.elapsed().as_secs_f64();
    while read < bytes {
        let more = stream.read(&mut buffer).await.unwrap();
        assert!(more > 0);
        read += more;
    }
    (first, started.elapsed().as_secs_f64())
}

async fn serve(acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let block = vec![b'x'; 64 * 1024];
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let bytes: usize = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let mut left = bytes;
            while left > 0 {
                let step = left.min(block.len());
                stream.write_all(&block[..step]).await.unwrap();
                left -= step;
            }
            stream.shutdown().await.unwrap();
        }
    });
    port
}

fn connector(trusted: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn certificates() -> (CertificateDer<'static>, TlsAcceptor) {
    let named = |name: &str| {
        let mut distinguished = rcgen::DistinguishedName::new();
        distinguished.push(rcgen::DnType::CommonName, name);
        distinguished
    };
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name = named("an authority");
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut server = rcgen::CertificateParams::new(vec!["far.test".to_string()]).unwrap();
    server.distinguished_name = named("a server");
    let server = server.signed_by(&key, &issuer).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![server.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
    (certificate.der().clone(), TlsAcceptor::from(Arc::new(config)))
}
