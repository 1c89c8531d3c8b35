//! What stands for a secret inside a sandbox: worthless anywhere but in the one place it was made for.

use crate::{Destination, Error, Url};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Host, SecretName};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use vault::Vault;
use zeroize::Zeroizing;

/// What every placeholder starts with.
const PREFIX: &str = "hs-placeholder-";
/// How many random bytes a placeholder has: nobody guesses that of another run.
const RANDOM_BYTES: usize = 16;

/// Where a placeholder is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The host the secret goes to.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The methods; empty for all.
    pub methods: Vec<Method>,
    /// The path and what is below it; `/` for all.
    pub path: String,
    /// The header it stands in.
    pub header: HeaderName,
    /// The id of the AWS key that the secret is: the placeholder stands for it, and what it signed is signed anew.
    pub aws_key_id: Option<String>,
}

/// A text that is swapped for a secret on its way to one host. Given to a sandbox in a variable or file, in the place
/// of the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    text: String,
    secret: SecretName,
    binding: Binding,
}

/// Those of one run.
#[derive(Clone, Debug, Default)]
pub struct Placeholders(Vec<Placeholder>);

/// What became of the placeholders of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swapped {
    /// Secrets that were added.
    pub(crate) added: Vec<SecretName>,
    /// Secrets whose placeholder stood where it is not good, and was left there.
    pub(crate) misplaced: Vec<SecretName>,
}

impl Placeholder {
    /// The text to hand to the run.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fits(&self, url: &Url, method: &Method) -> bool {
        let Binding { host, port, methods, path, header: _, aws_key_id: _ } = &self.binding;
        let prefix = format!("/{}", path.trim_matches('/'));
        let below = prefix == "/"
            || url.path().strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        url.destination.name() == Some(host)
            && url.port == *port
            && (methods.is_empty() || methods.contains(method))
            && below
            && (prefix == "/" || !url.hides_slash())
    }
}

impl Placeholders {
    /// Makes a placeholder for `secret`, good under `binding` alone, and under those it was made for before: a secret has
    /// one in a run.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when there is no randomness.
    pub fn add(&mut self, secret: SecretName, binding: Binding) -> Result<&Placeholder, Error> {
        let text = match self.0.iter().find(|one| one.secret == secret) {
            Some(known) => known.text.clone(),
            None => {
                let mut random = [0; RANDOM_BYTES];
                getrandom::fill(&mut random)
                    .map_err(|error| Error::Setup { reason: format!("draw random bytes: {error}") })?;
                format!("{PREFIX}{:032x}", u128::from_ne_bytes(random))
            }
        };
        self.0.push(Placeholder { text, secret, binding });
        self.0.last().ok_or_else(|| Error::Setup { reason: "keep a placeholder".to_string() })
    }

    /// Whether any is good for this host and port.
    pub(crate) fn are_for(&self, destination: &Destination, port: u16) -> bool {
        self.0.iter().any(|one| destination.name() == Some(&one.binding.host) && port == one.binding.port)
    }

    /// Whether a request is to be signed anew, with all of its body at hand.
    pub(crate) fn need_body(&self, headers: &HeaderMap) -> bool {
        let claims = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signs = |one: &Placeholder| one.binding.aws_key_id.is_some() && claims.contains(&one.text);
        self.0.iter().any(signs) && !headers.contains_key(crate::aws::PAYLOAD)
    }

    /// Puts secrets in the place of the placeholders that are good here. The request was judged already. `body` is
    /// all of it where [`Placeholders::need_body`].
    pub(crate) fn swap(
        &self,
        vault: &Vault,
        who: &str,
        url: &Url,
        method: &Method,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<Swapped, Error> {
        let mut swapped = Swapped::default();
        let target = url.to_string();
        // A signature comes last: it covers the others.
        let (signing, plain): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|one| one.binding.aws_key_id.is_some());
        for one in plain.into_iter().chain(signing) {
            // One for the same secret may be good here where this one is not.
            let fits = |other: &&Placeholder| other.text == one.text && other.fits(url, method);
            if !one.fits(url, method) && self.0.iter().any(|other| fits(&other)) {
                continue;
            }
            let mut misplaced = target.contains(&one.text);
            let names: Vec<HeaderName> = headers.keys().cloned().collect();
            for name in names {
                let values: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
                let Some(place) = values.iter().find_map(|value| place_of(&one.text, &name, value)) else {
                    continue;
                };
                if name != one.binding.header || values.len() != 1 || !one.fits(url, method) {
                    misplaced = true;
                    continue;
                }
                let lent = |secret: &str| {
                    if let Some(key_id) = &one.binding.aws_key_id {
                        return crate::aws::sign((key_id, secret), method, url, headers, body);
                    }
                    let filled = place.fill(&one.text, secret);
                    let mut value = filled.ok_or("the secret has characters that a header cannot have")?;
                    value.set_sensitive(true);
                    headers.insert(name, value);
                    Ok(())
                };
                let done = vault.with(&one.secret, &one.binding.host, who, lent)?;
                done.map_err(|reason| Error::Request { destination: url.authority(), reason })?;
                swapped.added.push(one.secret.clone());
            }
            if misplaced {
                swapped.misplaced.push(one.secret.clone());
            }
        }
        Ok(swapped)
    }
}

/// How a placeholder stands in a header's value.
enum Place {
    /// As it is.
    Plain(String),
    /// In the user and password of a basic login, decoded.
    Basic(String),
}

fn place_of(text: &str, name: &HeaderName, value: &HeaderValue) -> Option<Place> {
    let value = value.to_str().ok()?;
    if value.contains(text) {
        return Some(Place::Plain(value.to_string()));
    }
    let login = (name == AUTHORIZATION).then_some(value)?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(login.trim()).ok()?).ok()?;
    decoded.contains(text).then_some(Place::Basic(decoded))
}

impl Place {
    fn fill(&self, text: &str, secret: &str) -> Option<HeaderValue> {
        let whole = match self {
            Self::Plain(value) => Zeroizing::new(value.replace(text, secret)),
            Self::Basic(login) => {
                let login = Zeroizing::new(login.replace(text, secret));
                Zeroizing::new(format!("Basic {}", STANDARD.encode(login.as_bytes())))
            }
        };
        HeaderValue::from_str(&whole).ok()
    }
}
