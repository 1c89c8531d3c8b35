//! What the tests share: a vault, an observer that remembers, and servers that answer byte for byte.

use domain::{Host, SecretName};
use egress::{Destination, Egress, Limits, Observer, Record, Resolve, Rule, Rules, Scope, Settings, Stage};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use vault::{About, KeySource, SecretText, Vault};

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Remembers every record.
#[derive(Default)]
pub struct Memory(pub Mutex<Vec<Record>>);

impl Observer for Memory {
    fn observe(&self, record: &Record) {
        self.0.lock().unwrap().push(record.clone());
    }
}

impl Memory {
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().clone()
    }

    /// The stages, in a word each: `connecting`, `closed 200`, `failed`, `refused egress.host`.
    pub fn stages(&self) -> Vec<String> {
        let word = |record: Record| match record.stage {
            Stage::Refused { rule, why: _ } => format!("refused {rule}"),
            Stage::Connecting => "connecting".to_string(),
            Stage::Misplaced { secret } => format!("misplaced {secret}"),
            Stage::Failed { why: _ } => "failed".to_string(),
            Stage::Closed { status } => {
                status.map_or("closed".to_string(), |status| format!("closed {status}"))
            }
        };
        self.records().into_iter().map(word).collect()
    }
}

/// Answers every name with the next of a list, and counts the questions.
pub struct FakeDns(pub Mutex<Vec<Vec<IpAddr>>>);

impl Resolve for FakeDns {
    fn resolve<'a>(&'a self, _host: &'a Host) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

pub struct House {
    pub egress: Arc<Egress>,
    pub vault: Arc<Vault>,
    pub memory: Arc<Memory>,
    _home: tempfile::TempDir,
}

impl House {
    /// A house whose names `*.test` are this machine, with the secrets `api-key` of `api.test` and `mail` of
    /// `mail.test`.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(mut settings: Settings) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
        for (name, value, host) in [
            ("api-key", API_KEY, "api.test"),
            ("mail", MAIL_PASSWORD, "mail.test"),
            ("host-like", HOST_LIKE, "api.test"),
        ] {
            let about = About { hosts: vec![host.parse().unwrap()], ..About::default() };
            vault.set(&secret(name), SecretText::new(value.to_string()).unwrap(), about).unwrap();
        }
        for name in ["api.test", "other.test", "mail.test"] {
            settings.names.entry(name.parse().unwrap()).or_insert_with(|| vec![LOOPBACK]);
        }
        let memory = Arc::new(Memory::default());
        let observer: Arc<dyn Observer> = Arc::clone(&memory) as Arc<dyn Observer>;
        let egress = Arc::new(Egress::new(Arc::clone(&vault), settings, observer).unwrap());
        Self { egress, vault, memory, _home: home }
    }
}

pub const API_KEY: &str = "the-api-key/of+a=test";
/// A secret that could be the name of a host.
pub const HOST_LIKE: &str = "a1b2c3d4e5f6.key";
pub const MAIL_PASSWORD: &str = "the \"mail\" pass\\word";

pub fn secret(name: &str) -> SecretName {
    name.parse().unwrap()
}

pub fn destination(text: &str) -> Destination {
    text.parse().unwrap()
}

/// May reach these hosts on this port, wherever they are.
pub fn scope(hosts: &[&str], port: u16) -> Scope {
    let rules: Rules = hosts.iter().map(|host| Rule::private(destination(host), port)).collect();
    Scope { who: "a test".to_string(), rules: Arc::new(rules), limits: short() }
}

/// Limits that let a failing test end soon.
pub fn short() -> Limits {
    Limits {
        connect_timeout: Duration::from_secs(5),
        head_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(10),
        ..Limits::default()
    }
}

/// A server that answers each connection by a function of the request's head and body.
pub struct Server {
    pub port: u16,
    pub requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(None, answer).await
    }

    /// The same over TLS.
    pub async fn over_tls(
        acceptor: TlsAcceptor,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(acceptor), answer).await
    }

    async fn start(
        acceptor: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer, acceptor) = (Arc::clone(&seen), Arc::clone(&answer), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &seen, &*answer).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, &seen, &*answer).await,
                            Err(_) => seen.lock().unwrap().push("no TLS".to_string()),
                        },
                    }
                });
            }
        });
        Self { port, requests, task }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str) -> Vec<u8> + ?Sized),
) {
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request.clone());
    // The client may have hung up already; that is what some of the tests are about.
    let _ = stream.write_all(&answer(&request)).await;
    let _ = stream.shutdown().await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// Head and body of one request, by its Content-Length.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A certificate authority and a server's acceptor for these names.
pub fn tls(names: &[&str]) -> (Settings, TlsAcceptor) {
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.distinguished_name = named("an authority of the test");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut server = rcgen::CertificateParams::new(names).unwrap();
    server.distinguished_name = named("a server of the test");
    let certificate = server.signed_by(&key, &issuer).unwrap();
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
    let settings = Settings {
        trusted: vec![authority_certificate.der().clone()],
        names: BTreeMap::new(),
        ..Settings::default()
    };
    (settings, TlsAcceptor::from(Arc::new(config)))
}

fn named(name: &str) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(rcgen::DnType::CommonName, name);
    distinguished
}
