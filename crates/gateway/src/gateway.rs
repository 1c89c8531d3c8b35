//! Starting and stopping.

use crate::connections::Connections;
use crate::live::Live;
use crate::lockout::Lockouts;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::refusal::Refusal;
use crate::server::Serving;
use crate::shared::Shared;
use crate::wire::SignInLink;
use crate::{
    Clock, Config, Exposure, House, HouseError, Missing, Random, SignIns, StartError, openapi, port_holder,
    routes, tls,
};
use domain::Timestamp;
use prometheus_client::registry::Registry;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Only the daemon's user may open the socket's file; root can anyway.
const SOCKET_MODE: u32 = 0o600;
/// How often lapsed sign-ins are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// The longest path of a unix socket, in bytes (unix(7): 108 with the closing zero).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What the gateway is made from.
pub struct Parts {
    /// The house behind it.
    pub house: Arc<dyn House>,
    /// Where links, sign-ins and tokens are kept.
    pub sign_ins: Arc<dyn SignIns>,
    /// The clock; [`clock`] is the real one.
    pub clock: Clock,
    /// The source of randomness; [`random`] is the real one.
    pub random: Random,
    /// The house's own metrics; the gateway adds its own under `hardshell_gateway_`.
    pub registry: Registry,
    /// The program's version, for the OpenAPI document.
    pub version: String,
}

/// The machine's clock.
#[must_use]
pub fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// The kernel's randomness.
#[must_use]
pub fn random() -> Random {
    Arc::new(getrandom::fill)
}

/// The way in.
pub struct Gateway;

impl Gateway {
    /// Listens and serves until [`Handle::stop`]. When this returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the address may not be served or cannot be listened on, the port is taken, a TLS file
    /// cannot be used, the unix socket cannot be made or is served by someone else, or the sign-ins cannot be read.
    /// Nothing is left listening then.
    pub async fn start(config: Config, parts: Parts) -> Result<Handle, StartError> {
        check_exposure(&config)?;
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        parts.sign_ins.prune((parts.clock)()).await?;
        let tcp = listen(config.address).await?;
        let address =
            tcp.local_addr().map_err(|source| StartError::Listen { address: config.address, source })?;
        let unix = config.socket.as_deref().map(listen_local).transpose()?;
        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(share(&config, parts, address, stopping.clone()));
        let router = routes::router(&shared);
        let serving =
            || Serving { shared: Arc::clone(&shared), router: router.clone(), stopping: stopping.clone() };
        let mut tasks = vec![tokio::spawn(serving().tcp(tcp, tls)), tokio::spawn(prune(Arc::clone(&shared)))];
        if let Some(unix) = unix {
            tasks.push(tokio::spawn(serving().unix(unix)));
        }
        tracing::info!(%address, "the gateway listens");
        Ok(Handle { address, shared, stop, tasks, _socket: config.socket.map(SocketFile) })
    }
}

fn share(config: &Config, parts: Parts, address: SocketAddr, stopping: watch::Receiver<bool>) -> Shared {
    let Parts { house, sign_ins, clock, random, mut registry, version } = parts;
    let metrics = Metrics::default();
    metrics.register(&mut registry);
    let document = openapi::document(&routes::routes(), &version);
    let names = Names::new(config, address);
    Shared {
        house,
        sign_ins,
        clock,
        random,
        limits: config.limits.clone(),
        cookie: format!("hardshell-{}", address.port()),
        origin: names.link_origin(config, address),
        names,
        lockouts: Lockouts::new(&config.limits),
        live: Live::default(),
        connections: Connections::new(&config.limits),
        metrics,
        registry,
        openapi: document.to_string().into(),
        stopping,
    }
}

fn check_exposure(config: &Config) -> Result<(), StartError> {
    if config.address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let missing = match config.exposure {
        Exposure::Loopback => Missing::Exposure,
        Exposure::Public if config.tls.is_none() => Missing::Tls,
        Exposure::Public if config.public_names.is_empty() => Missing::Name,
        Exposure::Public => return Ok(()),
    };
    Err(StartError::Exposed { address: config.address, missing })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let port = address.port();
            let holder =
                tokio::task::spawn_blocking(move || port_holder::holder(port)).await.unwrap_or_default();
            Err(StartError::PortTaken { address, holder })
        }
        Err(source) => Err(StartError::Listen { address, source }),
    }
}

fn listen_local(path: &Path) -> Result<UnixListener, StartError> {
    let bad = |why: String| StartError::Socket { path: path.to_path_buf(), why };
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_BYTES_MAX {
        return Err(bad(format!(
            "its path has {length} bytes, a socket's has at most {SOCKET_PATH_BYTES_MAX}"
        )));
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(|error| bad(error.to_string()))?;
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))
        .map_err(|error| bad(error.to_string()))?;
    Ok(listener)
}

/// A socket that nobody serves is left over from a program that was killed.
fn remove_stale(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::FileTypeExt as _;
    let bad = |why: String| StartError::Socket { path: path.to_path_buf(), why };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(bad(error.to_string())),
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_other) => return Err(bad("something else than a socket is there".to_string())),
    }
    match UnixStream::connect(path) {
        Ok(_served) => Err(StartError::SocketTaken { path: path.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| bad(error.to_string()))
        }
        Err(error) => Err(bad(error.to_string())),
    }
}

async fn prune(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
        if let Err(error) = shared.sign_ins.prune(shared.now()).await {
            tracing::warn!(%error, "lapsed sign-ins could not be removed");
        }
    }
}

/// A gateway that serves. Dropping it stops it without a farewell.
#[must_use]
pub struct Handle {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Removed when the handle is.
    _socket: Option<SocketFile>,
}

struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, path = %self.0.display(), "the socket could not be removed");
        }
    }
}

impl Handle {
    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A fresh one-time link for the owner's browser: good once, for ten minutes. Shown to the owner, never logged.
    ///
    /// # Errors
    ///
    /// [`HouseError::Failed`] when it cannot be recorded or kept, or there is no randomness.
    pub async fn sign_in_link(&self) -> Result<SignInLink, HouseError> {
        self.shared.make_link().await.map_err(failed)
    }

    /// What takes credentials back, for whoever stops everything.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials { shared: Arc::clone(&self.shared) }
    }

    /// Stops: no new connection, sockets are told, and what is open gets a few seconds to end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the gateway had died");
            }
        }
    }
}

/// Takes credentials back, and ends what is open under them.
#[derive(Clone)]
pub struct Credentials {
    shared: Arc<Shared>,
}

impl Credentials {
    /// Takes a sign-in or token back: it counts no more, and what is open under it ends at once. False when there was
    /// none with this id.
    ///
    /// # Errors
    ///
    /// [`HouseError::Failed`] when it cannot be removed or recorded.
    pub async fn revoke(&self, id: &str) -> Result<bool, HouseError> {
        self.shared.revoke(id, "house").await.map_err(failed)
    }

    /// Takes back every link, sign-in and token, and ends every socket and stream, those on the unix socket too: for
    /// a lockdown. Requests that are being answered are not waited for.
    ///
    /// # Errors
    ///
    /// [`HouseError::Failed`] when one cannot be removed or recorded; everything open has ended all the same.
    pub async fn revoke_all(&self) -> Result<(), HouseError> {
        self.shared.live.end_all();
        let mut first_error = None;
        match self.shared.sign_ins.list().await {
            Ok(records) => {
                for record in records {
                    if let Err(error) = self.revoke(&record.id).await {
                        first_error.get_or_insert(error);
                    }
                }
            }
            Err(error) => first_error = Some(HouseError::Failed { why: error.to_string() }),
        }
        self.shared.live.end_all();
        first_error.map_or(Ok(()), Err)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn failed(refusal: Refusal) -> HouseError {
    HouseError::Failed { why: refusal.error().message }
}
