//! What the proxy of a sandbox costs, against a direct connection in the same run: `cargo bench -p egress --bench proxy`.
#![expect(clippy::print_stdout, reason = "what it measures is its output")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has nothing to say")]
#![expect(clippy::indexing_slicing, reason = "a measurement that cannot be made has nothing to say")]

use egress::proxy::{Placeholders, Run};
use egress::{CertificateDer, Egress, Limits, Rule, Rules, Settings, Unobserved};
use rustix::net::{AddressFamily, SocketType};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vault::{KeySource, Vault};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ROUNDS: usize = 7;
const BODY_BYTES: usize = 128 * 1024 * 1024;
const REQUESTS: usize = 50;
/// How many connections there are at once, and how much each brings.
const TOGETHER: usize = 200;
const TOGETHER_BYTES: usize = 1024 * 1024;
const RULES: u16 = 1000;

/// How a request gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Unread,
    Read,
}

/// Which processors the program, the server and the proxy run on.
#[derive(Clone, Copy, Debug)]
enum Placing {
    /// Wherever the system puts them: on two processors they share what there is.
    Shared,
    /// Program and server on the first, the proxy on the second: whether it keeps up where it has one to itself.
    Apart,
}

impl Placing {
    /// Puts the thread that calls this where it belongs.
    fn here(self, processor: usize) {
        match self {
            Self::Shared => {}
            Self::Apart => {
                let mut set = CpuSet::new();
                set.set(processor);
                sched_setaffinity(None, &set).unwrap();
            }
        }
    }
}

fn main() {
    for placing in [Placing::Shared, Placing::Apart] {
        println!("{placing:?}");
        // A thread of its own for each, so that no placing outlives its turn.
        std::thread::spawn(move || measure(placing)).join().unwrap();
    }
}

/// What is a process of its own elsewhere, here a thread of its own.
fn process(placing: Placing) -> UnixStream {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        placing.here(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(proxy::serve(theirs))
    });
    ours.read_exact(&mut [0]).unwrap();
    ours
}

fn measure(placing: Placing) {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
    let (authority, acceptor) = certificates();
    let server = start_server(placing, acceptor);
    let mut settings = Settings { trusted: vec![authority.clone()], ..Settings::default() };
    settings.names.insert("far.test".parse().unwrap(), vec![LOOPBACK]);
    let egress = Arc::new(Egress::new(vault, settings, Arc::new(Unobserved)).unwrap());
    let ours: CertificateDer<'static> =
        rustls::pki_types::pem::PemObject::from_pem_slice(egress.authority().unwrap().pem().as_bytes())
            .unwrap();
    let proxies = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || placing.here(1))
        .build()
        .unwrap();
    let mut roads = Vec::new();
    for way in [Way::Direct, Way::Unread, Way::Read] {
        let rule = Rule::private("far.test".parse().unwrap(), server);
        let rule = if way == Way::Read { rule.path("/") } else { rule };
        let others = (0..RULES).map(|number| Rule::host(format!("h{number}.example").parse().unwrap(), 443));
        let rules: Rules = std::iter::once(rule).chain(others).collect();
        let listener = listen();
        let proxy_port = listener.local_addr().unwrap().port();
        let limits = Limits { total_timeout: Duration::from_secs(600), ..Limits::proxied() };
        let run = Run {
            who: "bench".to_string(),
            rules: Arc::new(rules),
            limits,
            placeholders: Placeholders::default(),
        };
        let within = proxies.enter();
        let proxy = proxy::open(&egress, listener, process(placing), run).unwrap();
        drop(within);
        let connector = connector(if way == Way::Read { &ours } else { &authority });
        let port = if way == Way::Direct { None } else { Some(proxy_port) };
        roads.push(Road { way, connector, port, speeds: Vec::new(), times: Vec::new(), _proxy: proxy });
    }
    placing.here(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(drive(&mut roads, server));
    drop(roads);
    proxies.shutdown_background();
}

async fn drive(roads: &mut [Road], server: u16) {
    // In turns, so that whatever else the machine does meets each of them alike.
    for _ in 0..ROUNDS {
        for road in roads.iter_mut() {
            let (_, seconds) = fetch(&road.connector, server, road.port, BODY_BYTES).await;
            road.speeds.push(f64::from(u32::try_from(BODY_BYTES).unwrap()) / 1e6 / seconds);
            for _ in 0..REQUESTS {
                road.times.push(fetch(&road.connector, server, road.port, 1).await.0 * 1e3);
            }
        }
    }
    let direct = middle(&mut roads[0].speeds);
    for road in roads {
        let speed = middle(&mut road.speeds);
        let middle = middle(&mut road.times);
        let late = road.times[road.times.len() * 99 / 100];
        let (together, memory) = at_once(&road.connector, server, road.port).await;
        println!(
            "{:?}: {speed:.0} MB/s, {:.0} % of direct; whole request with new connections p50 {middle:.2} ms, \
             p99 {late:.2} ms; {TOGETHER} at once {together:.0} MB/s, {memory} KiB each, client and server included",
            road.way,
            speed / direct * 100.0,
        );
    }
}

/// One way, and what was measured on it.
struct Road {
    way: Way,
    connector: TlsConnector,
    port: Option<u16>,
    speeds: Vec<f64>,
    times: Vec<f64>,
    _proxy: proxy::Open,
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Many at once: megabytes in a second, and how much the memory of this process grew for each, at its peak.
async fn at_once(connector: &TlsConnector, server: u16, proxy: Option<u16>) -> (f64, u64) {
    // Resets the peak (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    let started = Instant::now();
    let tasks: Vec<_> = (0..TOGETHER)
        .map(|_| {
            let connector = connector.clone();
            tokio::spawn(async move { fetch(&connector, server, proxy, TOGETHER_BYTES).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let megabytes = f64::from(u32::try_from(TOGETHER * TOGETHER_BYTES).unwrap()) / 1e6;
    let grown = memory("VmHWM:").saturating_sub(before);
    (megabytes / started.elapsed().as_secs_f64(), grown / u64::try_from(TOGETHER).unwrap())
}

/// A line of this process's status, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.trim().trim_end_matches(" kB").parse().unwrap()
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

/// A listener where as many can wait as come at once; one that does not fit is tried again after a second.
fn listen() -> std::net::TcpListener {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &std::net::SocketAddr::new(LOOPBACK, 0)).unwrap();
    rustix::net::listen(&socket, 1024).unwrap();
    std::net::TcpListener::from(socket)
}

/// The server, on a thread of its own until the program ends.
fn start_server(placing: Placing, acceptor: TlsAcceptor) -> u16 {
    let listener = listen();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        placing.here(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener, acceptor));
    });
    port
}

async fn serve(listener: std::net::TcpListener, acceptor: TlsAcceptor) {
    let listener = TcpListener::from_std(listener).unwrap();
    let block = Arc::new(vec![b'x'; 64 * 1024]);
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (acceptor, block) = (acceptor.clone(), Arc::clone(&block));
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _left = answer(stream, &block).await;
            }
        });
    }
}

/// A client that has what it wants leaves, and then there is nobody to answer.
async fn answer(mut stream: TlsStream<TcpStream>, block: &[u8]) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let bytes: usize = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").as_bytes()).await?;
    let mut left = bytes;
    while left > 0 {
        let step = left.min(block.len());
        stream.write_all(&block[..step]).await?;
        left -= step;
    }
    stream.shutdown().await
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
