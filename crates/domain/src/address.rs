//! Whom something is for, and where on the network it goes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// The longest address, in bytes (RFC 5321 §4.5.3.1 gives 254 for mail; other services stay below).
const ADDRESS_BYTES_MAX: usize = 320;
/// The longest host name, in bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// The longest label of a host name, in bytes (RFC 1035 §2.3.4).
const HOST_LABEL_BYTES_MAX: usize = 63;

/// A recipient: a mail address, an account, a handle. Compared in its normal form: NFKC, trimmed, lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the last `@`, if this is a mail address.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
    }
}

impl FromStr for Address {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let normal: String = text.trim().nfkc().collect::<String>().to_lowercase();
        let bad = |reason| Err(HostError { kind: "address", text: text.chars().take(80).collect(), reason });
        if normal.is_empty() {
            return bad("it is empty");
        }
        if normal.len() > ADDRESS_BYTES_MAX {
            return bad("it is longer than 320 bytes");
        }
        if normal.chars().any(|c| c.is_control() || is_invisible(c)) {
            return bad("it has control or invisible characters");
        }
        Ok(Self(normal))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{00ad}')
}

/// A host name in strict ASCII labels, lower case, without a trailing dot. Never an address literal, never a number
/// form: `127.1`, `0x7f.1` and `2130706433` are not hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// The text is not a host or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {reason}")]
pub struct HostError {
    /// What was being read.
    pub kind: &'static str,
    /// The text, cut to 80 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Host {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `parent` or below it.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        self.0 == parent.0 || self.0.strip_suffix(&parent.0).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let bad =
            |reason| Err(HostError { kind: "host name", text: text.chars().take(80).collect(), reason });
        if text.is_empty() || text.len() > HOST_BYTES_MAX {
            return bad("it has 1 to 253 bytes");
        }
        if text.parse::<IpAddr>().is_ok() {
            return bad("it is an address literal; name the host");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') {
            return bad(
                "only ASCII letters, digits, `-` and `.` stand in a host name; write international names as `xn--…`",
            );
        }
        for label in text.split('.') {
            if label.is_empty() || label.len() > HOST_LABEL_BYTES_MAX {
                return bad("each part between dots has 1 to 63 characters, and there is no dot at the end");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return bad("no part starts or ends with `-`");
            }
        }
        let last = text.rsplit('.').next().unwrap_or(text);
        if last.bytes().all(|byte| byte.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x") {
            return bad("its last part is a number, which some programs read as an address");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_strict_ascii_labels() {
        for (text, good) in [
            ("example.org", true),
            ("EXAMPLE.org", true),
            ("localhost", true),
            ("xn--bcher-kva.example", true),
            ("example.org.", false),
            ("127.0.0.1", false),
            ("127.1", false),
            ("0x7f.0x1", false),
            ("2130706433", false),
            ("0x7f000001", false),
            ("::1", false),
            ("[::1]", false),
            ("user@example.org", false),
            ("example.org%00", false),
            ("exa\0mple.org", false),
            ("bücher.example", false),
            ("-a.example", false),
            ("a..example", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Host>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn within_means_a_whole_label() {
        let host = |text: &str| text.parse::<Host>().unwrap();
        assert!(host("api.example.org").is_within(&host("example.org")));
        assert!(!host("badexample.org").is_within(&host("example.org")));
    }

    #[test]
    fn look_alike_letters_of_an_address_are_folded_or_refused() {
        assert_eq!("Ａnna@Example.org".parse::<Address>().unwrap().as_str(), "anna@example.org");
        assert!("anna\u{200b}@example.org".parse::<Address>().is_err());
        assert!("\u{202e}anna@example.org".parse::<Address>().is_err());
    }
}
