//! Where the gateway listens, under which names, and within which limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The port when none is asked for.
pub const PORT: u16 = 18789;

/// Where and how to listen. Authentication has no switch: it is always on.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// Who may reach it. Anything but loopback needs [`Exposure::Public`] and [`Config::tls`].
    pub exposure: Exposure,
    /// The certificate to serve with; plain HTTP without one.
    pub tls: Option<TlsFiles>,
    /// Names that a proxy, or this gateway under TLS, is reached by from afar: `assistant.example.org`. Requests for
    /// them come over HTTPS.
    pub public_names: Vec<domain::Host>,
    /// Where the command line connects; no socket without a path.
    pub socket: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
}

/// Who may reach the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// This machine.
    #[default]
    Loopback,
    /// Whoever can reach the address: `exposure = "public"` in the configuration.
    Public,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key; refused when anyone but its owner may read it.
    pub key: PathBuf,
}

/// How much and how long. The defaults are argued one by one; tests set smaller ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once: 2,000 sockets with room to spare, far below the usual 1,048,576 open files of a service,
    /// and within 512 MB.
    pub connections_max: usize,
    /// Connections at once that have not shown a credential. One more ends the oldest of them.
    pub unproven_max: usize,
    /// How long a request's head may take, also while a connection idles (slowloris).
    pub head_time: Duration,
    /// How long a request's body may take.
    pub body_time: Duration,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// How long a peer may take none of the bytes it is sent.
    pub write_stall_time: Duration,
    /// How long the house may take for an answer that is not streamed.
    pub answer_time: Duration,
    /// How long a socket may take to say `hello`.
    pub hello_time: Duration,
    /// How often a socket is pinged: below the 30 s at which the shortest-lived proxies and NATs forget a connection.
    pub ping_every: Duration,
    /// How long a socket may be silent: three pings.
    pub silence_time: Duration,
    /// How many frames a second a socket may send for long.
    pub frames_per_second: u32,
    /// How many frames a socket may send at once.
    pub frames_burst: u32,
    /// How many different wrong credentials of one kind a peer may try before it must wait.
    pub wrong_tries: u32,
    /// How long it waits first; doubled by each further try.
    pub lockout_first: Duration,
    /// The longest wait, and how long a peer's tries are remembered.
    pub lockout_longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            unproven_max: 256,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(15),
            handshake_time: Duration::from_secs(10),
            write_stall_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(60),
            hello_time: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            silence_time: Duration::from_secs(75),
            frames_per_second: 20,
            frames_burst: 100,
            wrong_tries: 10,
            lockout_first: Duration::from_secs(2),
            lockout_longest: Duration::from_secs(15 * 60),
        }
    }
}

impl Config {
    /// Loopback on `port`, nothing else.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            exposure: Exposure::Loopback,
            tls: None,
            public_names: Vec::new(),
            socket: None,
            limits: Limits::default(),
        }
    }
}
