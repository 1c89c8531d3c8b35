//! A URL that means one thing: everything that two programs might read differently is refused, not repaired.

use domain::{Host, HostError};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest URL, in bytes; servers commonly stop at 8 KiB for the whole request line.
const URL_BYTES_MAX: usize = 8 * 1024;

/// Where something is sent: a name, or an address that the configuration itself names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A host name.
    Name(Host),
    /// An address literal in its one canonical form.
    Address(IpAddr),
}

/// What is spoken to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}

/// A parsed `http` or `https` URL: no user, no fragment, a path without dot segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Where it is.
    pub destination: Destination,
    /// The port, given or the scheme's own.
    pub port: u16,
    // INVARIANT: starts with `/`, has no `.` or `..` segment, no `#`, only visible ASCII.
    path: String,
    // INVARIANT: only visible ASCII, no `#`.
    query: Option<String>,
}

/// The text is not a URL that may be gone to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is not a URL at all, or one with more than one meaning.
    #[error("read the URL: {reason}")]
    Shape {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Its host is not a host.
    #[error("read the URL")]
    Host(#[source] HostError),
}

impl Scheme {
    /// The scheme as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port when a URL names none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Destination {
    /// The host name, unless it is an address.
    #[must_use]
    pub fn name(&self) -> Option<&Host> {
        match self {
            Self::Name(host) => Some(host),
            Self::Address(_) => None,
        }
    }
}

/// As it stands in a URL: an IPv6 address in brackets.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(host) => host.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl FromStr for Destination {
    type Err = UrlError;

    /// A host name, an IPv4 address of four plain decimal numbers, or an IPv6 address, with or without brackets.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = inner.unwrap_or(text).parse::<Ipv6Addr>() {
            return Ok(Self::Address(IpAddr::V6(address)));
        }
        if inner.is_some() {
            return Err(UrlError::Shape {
                reason: "between `[` and `]` stands an IPv6 address without a zone",
            });
        }
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Ok(Self::Address(IpAddr::V4(address))),
            Err(_) => text.parse().map(Self::Name).map_err(UrlError::Host),
        }
    }
}

impl Url {
    /// The path, from its first `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the path has a percent-encoded slash, which one server reads as a slash and another does not.
    #[must_use]
    pub fn hides_slash(&self) -> bool {
        self.path.contains("%2f") || self.path.contains("%2F")
    }

    /// What stands behind `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Host and port as a `Host` header has them: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.destination.to_string()
        } else {
            format!("{}:{}", self.destination, self.port)
        }
    }

    /// Path and query: what stands in a request line.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Whether the two have scheme, host and port in common (RFC 6454 §4).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.destination == other.destination && self.port == other.port
    }

    /// Where a `Location` header of this URL's answer leads.
    ///
    /// # Errors
    ///
    /// [`UrlError`] as for any other URL.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        check_text(location)?;
        let location = location.split('#').next().unwrap_or_default();
        if location.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
            || location.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"))
        {
            return location.parse();
        }
        if location.starts_with("//") {
            return format!("{}:{location}", self.scheme.as_str()).parse();
        }
        if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
            return Err(UrlError::Shape { reason: "it leads to another scheme than http or https" });
        }
        let origin = format!("{}://{}", self.scheme.as_str(), self.authority());
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let rest = match location.as_bytes().first() {
            None => self.path_and_query(),
            Some(b'/') => location.to_string(),
            Some(b'?') => format!("{}{location}", self.path),
            Some(_) => format!("{folder}/{location}"),
        };
        format!("{origin}{rest}").parse()
    }

    /// The same with `name=value` added to the query, both percent-encoded.
    pub(crate) fn with_query(&self, name: &str, value: &str) -> Self {
        let mut query = self.query.clone().map(|query| query + "&").unwrap_or_default();
        percent_encode(name, &mut query);
        query.push('=');
        percent_encode(value, &mut query);
        Self { query: Some(query), ..self.clone() }
    }
}

impl Url {
    /// The same with `value`, percent-encoded, in the place of `marker`, if that stands in the path exactly once.
    pub(crate) fn with_path_marker(&self, marker: &str, value: &str) -> Option<Self> {
        let (before, behind) = self.path.split_once(marker).filter(|_| !marker.is_empty())?;
        if behind.contains(marker) {
            return None;
        }
        let mut path = before.to_string();
        for part in value.split_inclusive(':') {
            // A colon is what bot tokens have in them, and needs no escape in a path (RFC 3986 §3.3).
            percent_encode(part.trim_end_matches(':'), &mut path);
            path.push_str(if part.ends_with(':') { ":" } else { "" });
        }
        path.push_str(behind);
        Some(Self { path, ..self.clone() })
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check_text(text)?;
        let shape = |reason| UrlError::Shape { reason };
        let (scheme, rest) = text.split_once("://").ok_or(shape("it has no `http://` or `https://`"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(shape("only http and https are gone to")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (destination, port) = split_authority(authority)?;
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query.to_string())),
            None => (tail, None),
        };
        let path = normal_path(path)?;
        Ok(Self { scheme, destination, port: port.unwrap_or(scheme.port()), path, query })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path_and_query())
    }
}

/// Without the query, which may hold what is not for a log.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.query.is_some() { "?…" } else { "" };
        write!(f, "{}://{}{}{query}", self.scheme.as_str(), self.authority(), self.path)
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`. A user before `@` is refused with everything else that is no host.
pub(crate) fn split_authority(text: &str) -> Result<(Destination, Option<u16>), UrlError> {
    let shape = |reason| Err(UrlError::Shape { reason });
    if text.contains('@') {
        return shape("it has a user before its host");
    }
    let port_at = match text.rfind(']') {
        Some(bracket) => {
            text.get(bracket..).and_then(|rest| rest.find(':')).map(|at| bracket.saturating_add(at))
        }
        None => text.find(':'),
    };
    let Some((host, port)) = port_at.and_then(|at| Some((text.get(..at)?, text.get(at.checked_add(1)?..)?)))
    else {
        return Ok((literal_or_name(text)?, None));
    };
    if port.is_empty() || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return shape("its port is not a number");
    }
    match port.parse::<u16>() {
        Ok(0) | Err(_) => shape("its port is not between 1 and 65535"),
        Ok(number) => Ok((literal_or_name(host)?, Some(number))),
    }
}

fn literal_or_name(text: &str) -> Result<Destination, UrlError> {
    if text.contains(':') && !text.starts_with('[') {
        return Err(UrlError::Shape { reason: "an IPv6 address stands in brackets" });
    }
    text.parse()
}

fn check_text(text: &str) -> Result<(), UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::Shape { reason: "it is longer than 8 KiB" });
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UrlError::Shape {
            reason: "it has white space, control characters or letters outside ASCII; those are written `%..` or `xn--…`",
        });
    }
    if text.contains('\\') {
        return Err(UrlError::Shape { reason: "it has a backslash, which some programs read as `/`" });
    }
    Ok(())
}

/// Takes `.` and `..` segments out (RFC 3986 §5.2.4), also in their percent-encoded forms.
fn normal_path(path: &str) -> Result<String, UrlError> {
    let mut kept: Vec<&str> = Vec::new();
    let inner = path.strip_prefix('/').unwrap_or(path);
    let mut ends_in_folder = false;
    for segment in inner.split('/') {
        check_escapes(segment)?;
        ends_in_folder = true;
        match dots(segment) {
            Some(1) => {}
            Some(_) => drop(kept.pop()),
            None => {
                kept.push(segment);
                ends_in_folder = false;
            }
        }
    }
    let end = if ends_in_folder && !kept.is_empty() { "/" } else { "" };
    Ok(format!("/{}{end}", kept.join("/")))
}

/// 1 for `.`, 2 for `..`, in any spelling.
fn dots(segment: &str) -> Option<usize> {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    match plain.as_str() {
        "." => Some(1),
        ".." => Some(2),
        _ => None,
    }
}

fn check_escapes(segment: &str) -> Result<(), UrlError> {
    for (at, _) in segment.match_indices('%') {
        let digits = segment.get(at.saturating_add(1)..at.saturating_add(3)).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => match byte {
                b'\\' | 0..=0x1f | 0x7f => {
                    return Err(UrlError::Shape {
                        reason: "its path hides a backslash or a control character",
                    });
                }
                _ => {}
            },
            Ok(_) | Err(_) => {
                return Err(UrlError::Shape { reason: "its path has a `%` without two hexadecimal digits" });
            }
        }
    }
    Ok(())
}

/// Everything but letters, digits and `-._~` (RFC 3986 §2.3) as `%..`.
pub(crate) fn percent_encode(text: &str, to: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().map_or('0', char::from);
            to.push('%');
            to.push(digit(byte >> 4));
            to.push(digit(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests;
