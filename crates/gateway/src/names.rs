//! The names this gateway answers for. A request for any other is refused, so that a web page whose own name was made
//! to lead here (DNS rebinding) reaches nothing.

use crate::{Config, Exposure};
use http::{HeaderMap, Uri, header};
use std::net::{IpAddr, SocketAddr};

/// The names.
#[derive(Debug)]
pub(crate) struct Names {
    known: Vec<Name>,
}

/// One name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As it stands in `Host`.
    authority: String,
    /// As it stands in `Origin`.
    pub(crate) origin: String,
    /// Whether browsers come by HTTPS.
    pub(crate) secure: Secure,
}

/// Whether browsers come by HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secure {
    Https,
    Http,
}

impl Names {
    /// The names for a gateway that listens on `address`.
    pub(crate) fn new(config: &Config, address: SocketAddr) -> Self {
        let (scheme, default_port, secure) =
            if config.tls.is_some() { ("https", 443, Secure::Https) } else { ("http", 80, Secure::Http) };
        let mut known = Vec::new();
        let mut add = |host: &str, port: u16, scheme: &str, default_port: u16, secure: Secure| {
            if port == default_port {
                let origin = format!("{scheme}://{host}");
                known.push(Name { authority: host.to_string(), origin: origin.clone(), secure });
                known.push(Name { authority: format!("{host}:{port}"), origin, secure });
            } else {
                let authority = format!("{host}:{port}");
                known.push(Name { origin: format!("{scheme}://{authority}"), authority, secure });
            }
        };
        let port = address.port();
        let ip = address.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            for host in ["127.0.0.1", "localhost", "[::1]"] {
                add(host, port, scheme, default_port, secure);
            }
        }
        if !ip.is_unspecified() {
            let literal = match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            add(&literal, port, scheme, default_port, secure);
        }
        for name in &config.public_names {
            // By a proxy on the usual port, and, where this gateway itself is public, on its own.
            add(name.as_str(), 443, "https", 443, Secure::Https);
            if config.exposure == Exposure::Public && port != 443 {
                add(name.as_str(), port, "https", 443, Secure::Https);
            }
        }
        Self { known }
    }

    /// Where a link leads: the first public name of a gateway that is public itself, else the address.
    pub(crate) fn link_origin(&self, config: &Config, address: SocketAddr) -> String {
        let public = match config.exposure {
            Exposure::Public => config.public_names.first().map(|name| match address.port() {
                443 => name.to_string(),
                port => format!("{name}:{port}"),
            }),
            Exposure::Loopback => None,
        };
        let wanted = public.unwrap_or_else(|| address.to_string());
        let known = self.known.iter().find(|name| name.authority == wanted).or(self.known.first());
        known.map(|name| name.origin.clone()).unwrap_or_default()
    }

    /// The name that the request is for: exactly one `Host`, and the same one in the target if it has one.
    pub(crate) fn of(&self, uri: &Uri, headers: &HeaderMap) -> Option<&Name> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
        let host = host.to_str().ok()?;
        if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
            return None;
        }
        self.known.iter().find(|name| name.authority.eq_ignore_ascii_case(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &Config, address: &str, target: &str, hosts: &[&str]) -> Option<String> {
        let names = Names::new(config, address.parse().unwrap());
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, http::HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        names.of(&target.parse().unwrap(), &headers).map(|name| name.origin.clone())
    }

    #[test]
    fn only_its_own_names_count() {
        let mut config = Config::loopback(18789);
        config.public_names = vec!["assistant.example.org".parse().unwrap()];
        let at = "127.0.0.1:18789";
        for (hosts, origin) in [
            (&["127.0.0.1:18789"][..], Some("http://127.0.0.1:18789")),
            (&["localhost:18789"], Some("http://localhost:18789")),
            (&["LOCALHOST:18789"], Some("http://localhost:18789")),
            (&["[::1]:18789"], Some("http://[::1]:18789")),
            (&["assistant.example.org"], Some("https://assistant.example.org")),
            (&["assistant.example.org:443"], Some("https://assistant.example.org")),
            (&["127.0.0.1"], None),
            (&["127.0.0.1:80"], None),
            (&["localhost.:18789"], None),
            (&["localhost:18789."], None),
            (&["evil.example:18789"], None),
            (&["assistant.example.org:18789"], None),
            (&["127.0.0.1:18789", "127.0.0.1:18789"], None),
            (&["127.1:18789"], None),
            (&["user@127.0.0.1:18789"], None),
            (&["127.0.0.1:18789 "], None),
            (&["\u{ff}"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(found(&config, at, "/", hosts).as_deref(), origin, "{hosts:?}");
        }
        assert_eq!(found(&config, at, "http://evil.example/", &["127.0.0.1:18789"]), None);
        assert!(found(&config, at, "http://127.0.0.1:18789/", &["127.0.0.1:18789"]).is_some());
    }

    #[test]
    fn the_usual_port_needs_no_number() {
        let config = Config::loopback(80);
        assert_eq!(found(&config, "127.0.0.1:80", "/", &["localhost"]).as_deref(), Some("http://localhost"));
        assert_eq!(
            found(&config, "127.0.0.1:80", "/", &["localhost:80"]).as_deref(),
            Some("http://localhost")
        );
    }
}
