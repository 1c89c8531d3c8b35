//! The way out of one command: a proxy on the listener that only its sandbox reaches, with the rules of the hosts that
//! its call names, and stand-ins for the secrets that go to them.

use domain::{Host, SecretName};
use egress::proxy::{Binding, Placeholders, Run};
use egress::{Destination, Egress, HeaderName, Limits, Method, Reach, Rule, Rules};
use proxy::{Process, ProcessError};
use sandbox::{Access, Connections, Grant, Network, PROXY_PORT, Sandbox, Spec};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The port of a host of which the configuration says nothing: HTTPS.
pub const PORT: u16 = 443;
/// What programs read to find their proxy. All say HTTP: some clients fail at once over a `socks5h` they do not know;
/// SOCKS is spoken on the same port for those that are told to.
const PROXY_VARIABLES: [&str; 6] =
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
/// What programs read to find the authorities they trust.
const TRUST_VARIABLES: [&str; 9] = [
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
    "npm_config_cafile",
];
/// Where programs of AWS look for the id of a key. Its stand-in is that of the key itself.
const AWS_KEY_ID_VARIABLE: &str = "AWS_ACCESS_KEY_ID";
/// Where distributions keep the authorities that everyone trusts.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What the owner says of hosts that commands reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHost {
    /// Which.
    pub name: OpenName,
    /// On which ports.
    pub ports: Vec<u16>,
    /// With which methods; empty for all.
    pub methods: Vec<Method>,
    /// Which paths and what is below them; empty for all.
    pub paths: Vec<String>,
    /// What may be spoken.
    pub protocol: Protocol,
    /// Which addresses it may have.
    pub reach: Reach,
    /// The secret that goes there.
    pub stand_in: Option<StandIn>,
}

/// One host, or those below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenName {
    /// This one.
    Exactly(Host),
    /// Every host below this one: `*.example.org`.
    Below(Host),
}

/// What may be spoken with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TLS for that host, or HTTP.
    Web,
    /// Anything, unread: SSH, a database.
    Any,
}

/// A secret, and what stands for it in a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The secret.
    pub secret: SecretName,
    /// The variable that holds the stand-in.
    pub variable: String,
    /// The header that the program sends it in.
    pub header: HeaderName,
    /// The id of the AWS key that the secret is: what a program signs with the stand-in is signed anew.
    pub aws_key_id: Option<String>,
}

/// A command cannot be given its way out.
#[derive(Debug, thiserror::Error)]
pub enum WayOutError {
    /// A variable cannot be set.
    #[error("{0}")]
    Spec(#[from] sandbox::SpecError),
    /// The certificates cannot be shown to it.
    #[error("{0}")]
    Grant(#[from] sandbox::PathError),
    /// The proxy cannot be made.
    #[error("{0}")]
    Egress(#[from] egress::Error),
    /// There is no process to read what the command says to its proxy.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The file of trusted authorities cannot be written.
    #[error("write `{}`: {source}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing holds a command to its proxy.
    #[error(
        "reach {hosts}: behind the walls that this machine has, `{level}`, nothing holds a command to its proxy, so it \
         reaches nothing"
    )]
    Walls {
        /// The hosts.
        hosts: String,
        /// The level.
        level: sandbox::Level,
    },
}

/// What a command may reach, and the process that reads what it asks for: ready before the command is.
pub struct Ready {
    run: Run,
    socket: UnixStream,
    process: Process,
}

/// A way out that is open. Dropping it ends every connection, and then the process.
pub struct Open {
    _proxy: proxy::Open,
    _process: Process,
}

/// Gives commands their way out.
pub struct WayOut {
    egress: Arc<Egress>,
    hosts: Vec<OpenHost>,
    trust: PathBuf,
    written: OnceLock<()>,
}

impl WayOut {
    /// Over `egress`, as `hosts` say. The file at `trust` is written when a command needs it: the certificates that
    /// this machine trusts and the one that its own proxy speaks under. It is no secret.
    #[must_use]
    pub fn new(egress: Arc<Egress>, hosts: Vec<OpenHost>, trust: PathBuf) -> Self {
        Self { egress, hosts, trust, written: OnceLock::new() }
    }

    /// The ports of `host` that a command reaches when its call names it.
    #[must_use]
    pub fn ports(&self, host: &Host) -> Vec<u16> {
        let named = self.hosts.iter().filter(|open| open.name.covers(host));
        let mut ports: Vec<u16> = named.flat_map(|open| open.ports.iter().copied()).collect();
        ports.sort_unstable();
        ports.dedup();
        if ports.is_empty() { vec![PORT] } else { ports }
    }

    /// Prepares `spec` to reach `hosts` and nothing else, on behalf of `who`. What comes back is for
    /// [`WayOut::ready`], before the command is started.
    ///
    /// # Errors
    ///
    /// [`WayOutError`]: then the command must not be started.
    pub fn prepare(&self, spec: &mut Spec, who: &str, hosts: &[(Host, u16)]) -> Result<Run, WayOutError> {
        let (mut rules, mut placeholders) = (Rules::new(), Placeholders::default());
        let mut is_read = false;
        for (host, port) in hosts {
            let opens = |open: &&OpenHost| open.name.covers(host) && open.ports.contains(port);
            let mut named = self.hosts.iter().filter(opens).peekable();
            if named.peek().is_none() {
                rules.add(Rule::host(Destination::Name(host.clone()), *port));
            }
            for open in named {
                rules.add(open.rule(host, *port));
                is_read |= !open.methods.is_empty() || !open.paths.is_empty();
                if let Some(StandIn { secret, variable, header, aws_key_id }) = &open.stand_in {
                    is_read = true;
                    let binding = Binding {
                        host: host.clone(),
                        port: *port,
                        methods: open.methods.clone(),
                        path: "/".to_string(),
                        header: header.clone(),
                        aws_key_id: aws_key_id.clone(),
                    };
                    let text = placeholders.add(secret.clone(), binding)?.as_str();
                    spec.environment.set(variable, text)?;
                    if aws_key_id.is_some() {
                        spec.environment.set(AWS_KEY_ID_VARIABLE, text)?;
                    }
                }
            }
        }
        spec.network = Network::Listener;
        let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
        for name in PROXY_VARIABLES {
            spec.environment.set(name, &proxy)?;
        }
        // Servers of the command's own stay within its sandbox, unless the one that is meant is this machine's.
        let is_meant = hosts.iter().any(|(host, _port)| host.as_str() == "localhost");
        let own = if is_meant { "127.0.0.1,::1" } else { "localhost,127.0.0.1,::1" };
        for name in ["no_proxy", "NO_PROXY"] {
            spec.environment.set(name, own)?;
        }
        spec.environment.set("NODE_USE_ENV_PROXY", "1")?;
        if is_read {
            let trust = Grant::resolve(self.trust_file()?, Access::Read)?;
            let path = trust.path().to_string_lossy().into_owned();
            spec.grants.push(trust);
            for name in TRUST_VARIABLES {
                spec.environment.set(name, &path)?;
            }
        }
        Ok(Run { who: who.to_string(), rules: Arc::new(rules), limits: Limits::proxied(), placeholders })
    }

    /// Returns when a secret is out of use that a command on `hosts` has a stand-in for.
    pub async fn revoked(&self, hosts: &[(Host, u16)]) {
        let reached = |open: &&OpenHost| {
            hosts.iter().any(|(host, port)| open.name.covers(host) && open.ports.contains(port))
        };
        let stand_ins = self.hosts.iter().filter(reached).filter_map(|open| open.stand_in.as_ref());
        let secrets: Vec<SecretName> = stand_ins.map(|stand_in| stand_in.secret.clone()).collect();
        self.egress.revoked(&secrets).await;
    }

    /// Starts the process that will read what the command of `run` asks for, in `sandbox`.
    ///
    /// # Errors
    ///
    /// [`WayOutError::Process`]: then the command must not be started.
    pub async fn ready(&self, sandbox: &Sandbox, run: Run) -> Result<Ready, WayOutError> {
        let (process, socket) = Process::start(sandbox).await?;
        Ok(Ready { run, socket, process })
    }

    /// Serves the connections that come out of the sandbox, until what comes back is dropped.
    ///
    /// # Errors
    ///
    /// [`WayOutError::Process`] when they cannot be waited for.
    pub fn serve(&self, connections: impl Into<Connections>, ready: Ready) -> Result<Open, WayOutError> {
        let Ready { run, socket, process } = ready;
        let open = proxy::open(&self.egress, connections, socket, run).map_err(ProcessError::from)?;
        Ok(Open { _proxy: open, _process: process })
    }

    fn trust_file(&self) -> Result<&Path, WayOutError> {
        if self.written.get().is_none() {
            let failed = |source| WayOutError::Trust { path: self.trust.clone(), source };
            let mut bundle = SYSTEM_BUNDLES.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
            bundle.extend_from_slice(b"\n");
            bundle.extend_from_slice(self.egress.authority()?.pem().as_bytes());
            let beside = self.trust.with_extension("new");
            let mut open = fs::OpenOptions::new();
            // A sandbox that root started is another user; there is nothing in it but certificates.
            open.write(true).create(true).truncate(true).mode(0o644);
            let mut file = open.open(&beside).map_err(failed)?;
            file.write_all(&bundle).map_err(failed)?;
            fs::rename(&beside, &self.trust).map_err(failed)?;
            let _first = self.written.set(());
        }
        Ok(&self.trust)
    }
}

impl OpenHost {
    fn rule(&self, host: &Host, port: u16) -> Rule {
        let destination = Destination::Name(host.clone());
        let mut rule = match self.reach {
            Reach::Public => Rule::host(destination, port),
            Reach::Private => Rule::private(destination, port),
        };
        for method in &self.methods {
            rule = rule.method(method.clone());
        }
        for path in &self.paths {
            rule = rule.path(path);
        }
        match self.protocol {
            Protocol::Web => rule,
            Protocol::Any => rule.opaque(),
        }
    }
}

impl OpenName {
    fn covers(&self, host: &Host) -> bool {
        match self {
            Self::Exactly(name) => name == host,
            Self::Below(parent) => host != parent && host.is_within(parent),
        }
    }
}

/// Shows what it opens, and nothing of the way out.
impl std::fmt::Debug for WayOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WayOut")
            .field("hosts", &self.hosts)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}
