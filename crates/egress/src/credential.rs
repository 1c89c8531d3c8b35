//! Secrets, put into a request at the last moment, for the host they belong to.

use crate::{Error, Request, Url};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{Host, SecretName};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use vault::Vault;
use zeroize::Zeroizing;

/// A secret and its place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Which secret of the vault.
    pub secret: SecretName,
    /// Where it goes.
    pub place: Place,
}

/// Where in a request a secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic …`, the secret being the password.
    Basic {
        /// The user.
        user: String,
    },
    /// A header, with a fixed text before the secret: `x-api-key`, or `authorization` and `Bot `.
    Header {
        /// Its name.
        name: HeaderName,
        /// What stands before the secret; often nothing.
        prefix: String,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
    },
    /// A parameter of the query.
    Query {
        /// Its name.
        name: String,
    },
    /// In the signature that the `Authorization` header claims, of AWS in version 4, as the key of this id.
    Aws {
        /// The key's id.
        key_id: String,
    },
    /// In the path, instead of this marker, which stands there exactly once: `/bot__token__/getMe`.
    Path {
        /// The marker: letters, digits, `_`, `-` and `.`.
        marker: String,
    },
    /// In the body, instead of this marker, which stands there exactly once.
    Body {
        /// The marker.
        marker: String,
        /// How the secret is written there.
        escape: Escape,
    },
}

/// How a secret is written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As in a form or a query.
    Percent,
    /// As in a JSON string.
    Json,
}

/// What goes on the wire.
pub(crate) struct Dressed<B> {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: B,
}

/// Adds the secrets of `request` for `host`.
pub(crate) fn dress(
    vault: &Vault,
    request: &Request,
    host: Option<&Host>,
    headers: HeaderMap,
    body: Bytes,
    who: &str,
) -> Result<Dressed<Bytes>, Error> {
    let mut dressed = Dressed { url: request.url.clone(), headers, body };
    for credential in &request.credentials {
        let failed = |reason| Error::Request { destination: request.url.authority(), reason };
        let host =
            host.ok_or_else(|| failed("a secret goes only to a host with a name, not to a bare address"))?;
        let added = vault.with(&credential.secret, host, who, |secret| {
            dressed.add(&credential.place, &request.method, secret)
        })?;
        added.map_err(failed)?;
    }
    Ok(dressed)
}

impl Dressed<Bytes> {
    fn add(&mut self, place: &Place, method: &Method, secret: &str) -> Result<(), &'static str> {
        match place {
            Place::Bearer => self.header(&AUTHORIZATION, &["Bearer ", secret]),
            Place::Basic { user } => {
                if user.contains(':') {
                    return Err("the user of a basic login has no colon in it");
                }
                let login =
                    Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("{user}:{secret}")).as_bytes()));
                self.header(&AUTHORIZATION, &["Basic ", &login])
            }
            Place::Header { name, prefix } => self.header(name, &[prefix, secret]),
            Place::Cookie { name } => {
                // RFC 6265 §4.1.1, cookie-octet.
                let fits = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
                if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                    || !secret.bytes().all(fits)
                {
                    return Err("the name or the secret has characters that a cookie cannot have");
                }
                if self.headers.contains_key(COOKIE) {
                    return Err("the request has cookies of its own");
                }
                self.header(&COOKIE, &[name, "=", secret])
            }
            Place::Query { name } => {
                self.url = self.url.with_query(name, secret);
                Ok(())
            }
            Place::Aws { key_id } => {
                crate::aws::sign((key_id, secret), method, &self.url, &mut self.headers, &self.body)
            }
            Place::Path { marker } => {
                self.url = self
                    .url
                    .with_path_marker(marker, secret)
                    .ok_or("its path does not have the marker exactly once")?;
                Ok(())
            }
            Place::Body { marker, escape } => self.body(marker, *escape, secret),
        }
    }

    fn header(&mut self, name: &HeaderName, parts: &[&str]) -> Result<(), &'static str> {
        let text = Zeroizing::new(parts.concat());
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| "the secret has characters that a header cannot have")?;
        value.set_sensitive(true);
        self.headers.insert(name.clone(), value);
        Ok(())
    }

    fn body(&mut self, marker: &str, escape: Escape, secret: &str) -> Result<(), &'static str> {
        let missing = "its body does not have the marker exactly once";
        let text = std::str::from_utf8(&self.body).map_err(|_| missing)?;
        let (before, behind) = text.split_once(marker).filter(|_| !marker.is_empty()).ok_or(missing)?;
        if behind.contains(marker) {
            return Err(missing);
        }
        let mut whole = String::with_capacity(text.len().saturating_add(secret.len().saturating_mul(6)));
        whole.push_str(before);
        match escape {
            Escape::Percent => crate::url::percent_encode(secret, &mut whole),
            Escape::Json => {
                let quoted =
                    Zeroizing::new(serde_json::to_string(secret).map_err(|_| "the secret has no JSON form")?);
                whole.push_str(
                    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default(),
                );
            }
        }
        whole.push_str(behind);
        self.body = Bytes::from(whole);
        Ok(())
    }
}
