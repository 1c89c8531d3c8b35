//! The hosts that a sandboxed program may reach: egress's own proxy, on the listener that only this run can connect to.

use super::problem::SandboxProblem;
use crate::scratch::Scratch;
use connectors::way_out::{Open, Ready};
use connectors::way_out::{OpenHost, OpenName, Protocol, WayOutError};
use domain::{Host, HostError};
use egress::proxy::Run;
use egress::{Egress, Observer, Reach, Record, Settings, Stage};
use sandbox::{Connections, Sandbox, Spec};
use std::sync::{Arc, Mutex, PoisonError};
use vault::{KeySource, Vault};

/// How many refusals are kept for the report.
const REFUSALS_MAX: usize = 100;

/// The way out that the command line opens.
pub struct WayOut {
    way: connectors::way_out::WayOut,
    to: Vec<(Host, u16)>,
    refused: Arc<Refused>,
    _folder: Scratch,
}

/// One attempt to reach what no `--host` names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Host and port.
    pub destination: String,
    /// Which rule of egress refused it.
    pub rule: &'static str,
    /// Why.
    pub why: String,
}

#[derive(Default)]
struct Refused(Mutex<Vec<Refusal>>);

impl Observer for Refused {
    fn observe(&self, record: &Record) {
        let Stage::Refused { rule, why } = &record.stage else { return };
        let refusal = Refusal {
            destination: format!("{}:{}", record.destination, record.port),
            rule,
            why: why.clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < REFUSALS_MAX && !kept.contains(&refusal) {
            kept.push(refusal);
        }
    }
}

impl WayOut {
    /// To `hosts`, as the command line names them; nothing when it names none.
    pub fn to(hosts: &[String]) -> Result<Option<Self>, SandboxProblem> {
        if hosts.is_empty() {
            return Ok(None);
        }
        let mut open = Vec::new();
        for host in hosts {
            open.push(named(host)?);
        }
        let to = open.iter().flat_map(|open| open.ports.iter().map(|port| (host_of(open), *port))).collect();
        // Egress adds secrets from a vault; this one is made for the occasion and holds none.
        let folder =
            Scratch::made().map_err(|source| SandboxProblem::Io { step: "make a private folder", source })?;
        let vault = Vault::open(folder.path(), &KeySource::File)?;
        let refused = Arc::<Refused>::default();
        let observer: Arc<dyn Observer> = Arc::clone(&refused) as _;
        let egress =
            Egress::new(Arc::new(vault), Settings::default(), observer).map_err(WayOutError::from)?;
        let trust = folder.path().join("trusted.pem");
        let way = connectors::way_out::WayOut::new(Arc::new(egress), open, trust);
        Ok(Some(Self { way, to, refused, _folder: folder }))
    }

    /// Gives the program what it needs to find its proxy.
    pub fn prepare(&self, spec: &mut Spec) -> Result<Run, SandboxProblem> {
        Ok(self.way.prepare(spec, "sandbox", &self.to)?)
    }

    /// Starts the process that reads what the program asks for.
    pub async fn ready(&self, sandbox: &Sandbox, run: Run) -> Result<Ready, SandboxProblem> {
        Ok(self.way.ready(sandbox, run).await?)
    }

    /// Serves what connects to `listener`, until what comes back is dropped.
    pub fn serve(&self, connections: Connections, ready: Ready) -> Result<Open, SandboxProblem> {
        Ok(self.way.serve(connections, ready)?)
    }

    /// What was refused so far.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refused.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn host_of(open: &OpenHost) -> Host {
    match &open.name {
        OpenName::Exactly(host) | OpenName::Below(host) => host.clone(),
    }
}

/// One `--host`.
fn named(text: &str) -> Result<OpenHost, SandboxProblem> {
    let wrong = |why: &str| SandboxProblem::Host { why: format!("`{text}` {why}") };
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => {
            let port = port.parse::<u16>().ok().filter(|port| *port > 0);
            (name, Some(port.ok_or_else(|| wrong("has no port from 1 to 65535 after its colon"))?))
        }
        None => (text, None),
    };
    let host: Host =
        name.parse().map_err(|error: HostError| wrong(&format!("is no host: {}", error.reason)))?;
    // What is named by its port is meant, also when it is this machine. A name that merely resolves to such an address
    // is not.
    let (ports, reach) = match (host.as_str(), port) {
        ("localhost", Some(port)) => (vec![port], Reach::Private),
        ("localhost", None) => return Err(wrong("needs a port: `localhost:8080`")),
        (_, Some(port)) => (vec![port], Reach::Public),
        (_, None) => (vec![443, 80], Reach::Public),
    };
    Ok(OpenHost {
        name: OpenName::Exactly(host),
        ports,
        methods: Vec::new(),
        paths: Vec::new(),
        protocol: Protocol::Web,
        reach,
        stand_in: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_maybe_a_port_and_nothing_else() {
        for good in ["example.org", "example.org:8443", "localhost:8080", "LOCALHOST:80"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ":",
            "example.org:",
            "example.org:0",
            "example.org:99999",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:80",
            "::1",
            "127.1:80",
            "0x7f.1:80",
            "example.org.",
            "http://example.org",
            "a b",
            "user@example.org",
            "example.org/path",
            "*",
        ] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
