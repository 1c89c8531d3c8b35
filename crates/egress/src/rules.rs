//! Which hosts, ports, methods and paths may be gone to.

use crate::address::is_metadata_name;
use crate::{AddressClass, Destination, Trust, Url};
use domain::Host;
use http::Method;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What one task, run or connector may reach. Empty rules let nothing out.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    exact: BTreeMap<Destination, Vec<Rule>>,
    within: BTreeMap<Host, Vec<Rule>>,
    anywhere: Vec<Rule>,
    trust: Option<Trust>,
}

/// One thing that may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    target: Target,
    ports: Vec<u16>,
    // Empty: every method.
    methods: Vec<Method>,
    // Empty: every path. Each is `/…`, and stands for itself and what is below it.
    paths: Vec<String>,
    reach: Reach,
    passing: Passing,
}

/// What may be spoken in a tunnel that a program in a sandbox asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Passing {
    /// HTTP that is read, request by request.
    Inspected,
    /// TLS for this host, or HTTP that is read.
    Tls,
    /// Anything.
    Opaque,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Exact(Destination),
    Within(Host),
    Anywhere,
}

/// Which addresses a host may turn out to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Those of the public Internet.
    Public,
    /// Those, and this machine's and the local network's. Only for a host that the owner's configuration names.
    Private,
}

/// Something was not let out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reach `{destination}`: {why} ({rule})")]
pub struct Refusal {
    /// The rule's id: `egress.host`, `egress.address`, …
    pub rule: &'static str,
    /// Host and port.
    pub destination: String,
    /// Why, for the owner.
    pub why: String,
}

impl Rule {
    /// Exactly this host, with public addresses only. An address literal is reached only by a rule that names it.
    #[must_use]
    pub fn host(destination: Destination, port: u16) -> Self {
        Self::new(Target::Exact(destination), port, Reach::Public)
    }

    /// This host and every host below it, with public addresses only.
    #[must_use]
    pub fn within(host: Host, port: u16) -> Self {
        Self::new(Target::Within(host), port, Reach::Public)
    }

    /// Every host name, with public addresses only.
    #[must_use]
    pub fn anywhere(port: u16) -> Self {
        Self::new(Target::Anywhere, port, Reach::Public)
    }

    /// Exactly this host, wherever it is but link-local and metadata addresses. To be made from the owner's
    /// configuration alone, never from what a model or a peer says.
    #[must_use]
    pub fn private(destination: Destination, port: u16) -> Self {
        Self::new(Target::Exact(destination), port, Reach::Private)
    }

    fn new(target: Target, port: u16, reach: Reach) -> Self {
        Self {
            target,
            ports: vec![port],
            methods: Vec::new(),
            paths: Vec::new(),
            reach,
            passing: Passing::Tls,
        }
    }

    /// Another port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Only this method; called again, that one too.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Only this path and what is below it; called again, that one too. `/v1` covers `/v1` and `/v1/x`, not `/v12`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.paths.push(format!("/{}", path.trim_matches('/')));
        self
    }

    /// From a sandbox, any protocol at all, unread: SSH, a database. Without it what passes must be TLS for this host,
    /// or HTTP.
    #[must_use]
    pub fn opaque(mut self) -> Self {
        self.passing = Passing::Opaque;
        self
    }

    fn allows(&self, url: &Url, method: &Method) -> bool {
        (self.methods.is_empty() || self.methods.contains(method))
            && (self.paths.is_empty() || self.covers(url))
    }

    fn covers(&self, url: &Url) -> bool {
        // A server may read `%2f` as the end of a segment: which path that is cannot be told from here.
        !url.hides_slash()
            && self.paths.iter().any(|path| {
                path == "/"
                    || url
                        .path()
                        .strip_prefix(path.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    fn is_partial(&self) -> bool {
        !self.methods.is_empty() || !self.paths.is_empty()
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<T: IntoIterator<Item = Rule>>(rules: T) -> Self {
        let mut all = Self::default();
        rules.into_iter().for_each(|rule| all.add(rule));
        all
    }
}

impl Rules {
    /// Rules with nothing in them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    pub fn add(&mut self, rule: Rule) {
        match rule.target.clone() {
            Target::Exact(destination) => self.exact.entry(destination).or_default().push(rule),
            Target::Within(host) => self.within.entry(host).or_default().push(rule),
            Target::Anywhere => self.anywhere.push(rule),
        }
    }

    /// Adds a rule and returns the rules, for writing several in a row.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.add(rule);
        self
    }

    /// The same, where TLS trusts these authorities instead of the well-known ones.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Whether one request may be made, and which addresses its host may have.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the rule `egress.host`, `egress.port`, `egress.method-or-path` or `egress.metadata`.
    pub fn judge_request(&self, url: &Url, method: &Method) -> Result<Reach, Refusal> {
        let on_port = self.on_port(&url.destination, url.port)?;
        let fitting = on_port.iter().filter(|rule| rule.allows(url, method));
        fitting.map(|rule| rule.reach).max().ok_or_else(|| {
            refusal(
                "egress.method-or-path",
                &url.destination,
                url.port,
                format!("{method} {} is not in the rules", url.path()),
            )
        })
    }

    /// Whether a connection may be made that is not looked into.
    ///
    /// # Errors
    ///
    /// [`Refusal`] as for [`Rules::judge_request`]; a host whose rules ask for methods or paths is not connected to
    /// blindly.
    pub fn judge_connection(&self, destination: &Destination, port: u16) -> Result<Reach, Refusal> {
        let on_port = self.on_port(destination, port)?;
        let whole = on_port.iter().filter(|rule| !rule.is_partial());
        whole.map(|rule| rule.reach).max().ok_or_else(|| {
            let why = "its rules name methods or paths, which this connection would hide".to_string();
            refusal("egress.method-or-path", destination, port, why)
        })
    }

    /// Whether a program in a sandbox may have a tunnel to this host, and what may be spoken in it.
    pub(crate) fn judge_tunnel(
        &self,
        destination: &Destination,
        port: u16,
    ) -> Result<(Reach, Passing), Refusal> {
        let on_port = self.on_port(destination, port)?;
        let widest =
            on_port.iter().filter(|rule| !rule.is_partial()).max_by_key(|rule| (rule.passing, rule.reach));
        // What is read is judged again, request by request, with the reach of the rule that fits it.
        Ok(widest.map_or((Reach::Public, Passing::Inspected), |rule| (rule.reach, rule.passing)))
    }

    /// Whether what is sent to this host has to be looked into: its rules name methods or paths.
    #[must_use]
    pub fn needs_inspection(&self, destination: &Destination, port: u16) -> bool {
        self.on_port(destination, port).is_ok_and(|rules| rules.iter().all(|rule| rule.is_partial()))
    }

    fn on_port(&self, destination: &Destination, port: u16) -> Result<Vec<&Rule>, Refusal> {
        if destination.name().is_some_and(|host| is_metadata_name(host.as_str())) {
            let why = "clouds hand out credentials under that name".to_string();
            return Err(refusal("egress.metadata", destination, port, why));
        }
        let named = self.named(destination);
        if named.is_empty() {
            return Err(refusal("egress.host", destination, port, "no rule names that host".to_string()));
        }
        let on_port: Vec<&Rule> = named.into_iter().filter(|rule| rule.ports.contains(&port)).collect();
        if on_port.is_empty() {
            return Err(refusal(
                "egress.port",
                destination,
                port,
                "the rules of that host name other ports".to_string(),
            ));
        }
        Ok(on_port)
    }

    fn named(&self, destination: &Destination) -> Vec<&Rule> {
        let mut found: Vec<&Rule> = self.exact.get(destination).into_iter().flatten().collect();
        if let Some(host) = destination.name() {
            let mut rest = Some(host.as_str());
            while let Some(name) = rest {
                // A name cut at a dot is a host again, unless its last part is a number: then no rule can name it.
                let parent = name.parse::<Host>().ok();
                found.extend(parent.and_then(|parent| self.within.get(&parent)).into_iter().flatten());
                rest = name.split_once('.').map(|(_, parent)| parent);
            }
            found.extend(&self.anywhere);
        }
        found
    }
}

impl Reach {
    /// Whether a host of this reach may have `address`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the rule `egress.address`, or `egress.metadata` for an address that hands out credentials.
    pub fn judge(self, address: IpAddr, destination: &Destination, port: u16) -> Result<(), Refusal> {
        let class = AddressClass::of(address);
        let open = match class {
            AddressClass::Public => true,
            AddressClass::Loopback | AddressClass::Private => self == Self::Private,
            AddressClass::LinkLocal
            | AddressClass::Metadata
            | AddressClass::Unspecified
            | AddressClass::Multicast
            | AddressClass::Reserved
            | AddressClass::Embedded => false,
        };
        if open {
            return Ok(());
        }
        let rule = if class == AddressClass::Metadata { "egress.metadata" } else { "egress.address" };
        Err(refusal(rule, destination, port, format!("its address {address} is {class}")))
    }
}

pub(crate) fn refusal(rule: &'static str, destination: &Destination, port: u16, why: String) -> Refusal {
    Refusal { rule, destination: format!("{destination}:{port}"), why }
}

#[cfg(test)]
mod tests;
