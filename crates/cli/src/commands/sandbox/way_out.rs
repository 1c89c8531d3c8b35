//! The hosts that a sandboxed program may reach: egress's own proxy, on the listener that only this run can connect to.

use super::problem::SandboxProblem;
use egress::proxy::{Placeholders, Proxy, Run};
use egress::{Destination, Egress, Limits, Observer, Record, Rule, Rules, Settings, Stage};
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use vault::{KeySource, Vault};

/// How many refusals are kept for the report.
const REFUSALS_MAX: usize = 100;

/// A proxy at work; closed when dropped.
pub struct WayOut {
    _proxy: Proxy,
    _vault: tempfile::TempDir,
    refused: Arc<Refused>,
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
    /// Serves what connects to `listener`, as far as `hosts` allow.
    pub fn open(listener: TcpListener, hosts: &[String]) -> Result<Self, SandboxProblem> {
        // Egress adds secrets from a vault; this one is made for the occasion and holds none.
        let folder = tempfile::Builder::new()
            .prefix("hardshell-sandbox-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|source| SandboxProblem::Io { step: "make a private folder", source })?;
        let vault = Vault::open(folder.path(), &KeySource::File)?;
        let refused = Arc::<Refused>::default();
        let observer: Arc<dyn Observer> = Arc::clone(&refused) as _;
        let egress = Arc::new(Egress::new(Arc::new(vault), Settings::default(), observer)?);
        let run = Run {
            who: "sandbox".to_string(),
            rules: Arc::new(rules(hosts)?),
            limits: Limits::proxied(),
            placeholders: Placeholders::default(),
        };
        Ok(Self { _proxy: egress.proxy(listener, run)?, _vault: folder, refused })
    }

    /// What was refused so far.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refused.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the hosts of the command line allow.
pub fn rules(hosts: &[String]) -> Result<Rules, SandboxProblem> {
    let mut rules = Rules::new();
    for host in hosts {
        for rule in rules_of(host)? {
            rules.add(rule);
        }
    }
    Ok(rules)
}

fn rules_of(text: &str) -> Result<Vec<Rule>, SandboxProblem> {
    let wrong = |why: &str| SandboxProblem::Host { why: format!("`{text}` {why}") };
    // The last colon is the port's, unless it is inside an address of version 6.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port > 0);
            (name, Some(port.ok_or_else(|| wrong("has no port from 1 to 65535 after its colon"))?))
        }
        Some(_) | None => (text, None),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let destination: Destination =
        name.parse().map_err(|error| wrong(&format!("is no host name: {error}")))?;
    let is_here = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
    match port {
        // What is named by its address and port is meant, also when it is on this machine or the local network. A name
        // that merely resolves to such an address is not.
        Some(port) if is_here => Ok(vec![Rule::private(destination, port)]),
        Some(port) => Ok(vec![Rule::host(destination, port)]),
        None if is_here => Err(wrong("needs a port: `localhost:8080`")),
        None => Ok(vec![Rule::host(destination, 443).port(80)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_maybe_a_port_and_nothing_else() {
        for good in ["example.org", "example.org:8443", "localhost:8080", "127.0.0.1:80", "[::1]:80"] {
            assert!(rules_of(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ":",
            "example.org:",
            "example.org:0",
            "example.org:99999",
            "localhost",
            "127.0.0.1",
            "http://example.org",
            "a b",
            "user@example.org",
            "example.org/path",
            "*",
        ] {
            assert!(rules_of(bad).is_err(), "{bad}");
        }
    }
}
