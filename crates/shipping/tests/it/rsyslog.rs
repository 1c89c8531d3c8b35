//! A real rsyslog on a free port of this machine, an ordinary process of the test's.

use crate::house::until;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use shipping::Transport;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server; killed when dropped.
pub struct Rsyslog {
    folder: TempDir,
    transport: Transport,
    pub port: u16,
    child: Option<Child>,
}

/// One message as the server understood it.
#[derive(Debug)]
pub struct Line {
    pub priority: String,
    pub host: String,
    pub program: String,
    pub kind: String,
    pub data: String,
    pub text: String,
}

impl Line {
    pub fn seq(&self) -> u64 {
        let (_, rest) = self.data.split_once("seq=\"").unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    }
}

impl Rsyslog {
    /// A server that is not started.
    pub fn new(transport: Transport) -> Self {
        let port = match transport {
            Transport::Udp => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
            Transport::Tcp | Transport::Tls => {
                TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
            }
        };
        Self { folder: tempfile::tempdir().unwrap(), transport, port, child: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it; it listens when this returns.
    pub async fn start(&mut self) {
        let conf = self.path("rsyslog.conf");
        std::fs::write(&conf, self.configuration()).unwrap();
        let _old = std::fs::remove_file(self.path("pid"));
        let child = Command::new("rsyslogd")
            .args(["-n", "-C", "-f"])
            .arg(&conf)
            .arg("-i")
            .arg(self.path("pid"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::options().create(true).append(true).open(self.path("said")).unwrap())
            .stderr(std::fs::File::options().create(true).append(true).open(self.path("said")).unwrap())
            .spawn()
            .expect("rsyslog is installed: `deploy/packages.sh test` names what the tests start");
        self.child = Some(child);
        let (transport, port) = (self.transport, self.port);
        until("rsyslog listens", async || match transport {
            Transport::Udp => UdpSocket::bind(("127.0.0.1", port)).is_err(),
            Transport::Tcp | Transport::Tls => TcpStream::connect(("127.0.0.1", port)).is_ok(),
        })
        .await;
    }

    /// SIGKILL: what it had read and not written is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(self.path("out")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(line).collect()
    }

    fn configuration(&self) -> String {
        let (port, folder) = (self.port, self.folder.path().display());
        let input = match self.transport {
            Transport::Udp => format!(
                "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" rcvbufSize=\"4m\")"
            ),
            Transport::Tcp => {
                format!("module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")")
            }
            Transport::Tls => format!(
                "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{folder}/ca.pem\" defaultNetstreamDriverCertFile=\"{folder}/server.pem\" defaultNetstreamDriverKeyFile=\"{folder}/server.key\")\nmodule(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")"
            ),
        };
        format!(
            "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"off\")\n{input}\ntemplate(name=\"t\" type=\"string\" string=\"%pri%\\t%hostname%\\t%app-name%\\t%msgid%\\t%structured-data%\\t%msg%\\n\")\naction(type=\"omfile\" file=\"{folder}/out\" template=\"t\" asyncWriting=\"off\" flushOnTXEnd=\"on\")\n"
        )
    }

    /// Makes an authority and a certificate for `name`; gives the authority in PEM.
    pub fn certify(&self, name: &str) -> Vec<u8> {
        let (authority, certificate, key) = certificate(name);
        std::fs::write(self.path("ca.pem"), &authority).unwrap();
        std::fs::write(self.path("server.pem"), certificate).unwrap();
        std::fs::write(self.path("server.key"), key).unwrap();
        authority.into_bytes()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An authority, a certificate of its for `name`, and the certificate's key, each in PEM.
pub fn certificate(name: &str) -> (String, String, String) {
    let named = |name: &str| {
        let mut all = DistinguishedName::new();
        all.push(DnType::CommonName, name);
        all
    };
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.distinguished_name = named("an authority of the test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec![name.to_string()]).unwrap();
    server.distinguished_name = named("a server of the test");
    (root, server.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

fn line(text: &str) -> Line {
    let mut fields = text.splitn(6, '\t').map(str::to_string);
    let mut next = || fields.next().unwrap_or_default();
    Line { priority: next(), host: next(), program: next(), kind: next(), data: next(), text: next() }
}

/// The numbers that are missing between the first and the last of `expected`.
pub fn missing(expected: &[u64], lines: &[Line]) -> Vec<u64> {
    let there: std::collections::BTreeSet<u64> = lines.iter().map(Line::seq).collect();
    expected.iter().copied().filter(|seq| !there.contains(seq)).collect()
}
