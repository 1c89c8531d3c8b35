//! Access tokens of OAuth 2.0, got anew with a refresh token before they end (RFC 6749 §6).
//!
//! The access token is in the memory of this process alone. A refresh token that the server replaces is in the vault
//! before the access token that came with it is used, so that a crash in between loses neither.

use super::SecretsError;
use domain::{Host, SecretName};
use egress::{Credential, Egress, Escape, Limits, Place, Request, Rules, Scope, StatusCode, Url};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use vault::{About, SecretRef, SecretText, Vault};

/// What stands for the secrets in the body of a request.
const REFRESH_MARKER: &str = "__refresh_token__";
const CLIENT_MARKER: &str = "__client_secret__";
/// How long a token is taken to last whose server does not say (RFC 6749 §5.1 lets it be silent).
const LIFE: Duration = Duration::from_secs(10 * 60);
/// The longest life that is believed.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A token that was refused is got anew at most this often: what refuses it may mean something else by it.
const ANEW: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// How a client says who it is (RFC 6749 §2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientLogin {
    /// It has no secret.
    Public,
    /// With this secret, in the body.
    Body(SecretName),
    /// With this secret, by HTTP Basic.
    Basic(SecretName),
}

/// Where tokens come from.
pub struct OAuth2 {
    egress: Arc<Egress>,
    vault: Arc<Vault>,
    rules: Arc<Rules>,
    token_url: Url,
    client_id: String,
    login: ClientLogin,
    scope: Option<String>,
    present: Mutex<Option<Present>>,
    /// When a refused token was last got anew.
    anew: Mutex<Option<Instant>>,
}

/// The token in use.
#[derive(Clone, Copy, Debug)]
struct Present {
    since: Instant,
    life: Duration,
}

/// Which secrets a server refused, so that they are got anew.
#[derive(Debug, Default)]
pub struct Refused {
    names: Mutex<BTreeSet<SecretName>>,
    told: Notify,
}

impl Refused {
    /// These went along with a request that was answered with 401.
    pub fn tell(&self, names: &[SecretName]) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).extend(names.iter().cloned());
        self.told.notify_one();
    }

    /// Returns when there is one.
    pub(super) async fn heard(&self) {
        self.told.notified().await;
    }

    pub(super) fn take(&self, name: &SecretName) -> bool {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
    }
}

impl OAuth2 {
    /// Tokens from `token_url`, as far as `rules` open it, for the client of this id.
    #[must_use]
    pub fn new(
        egress: Arc<Egress>,
        vault: Arc<Vault>,
        rules: Arc<Rules>,
        token_url: Url,
        (client_id, login): (String, ClientLogin),
        scope: Option<String>,
    ) -> Self {
        Self {
            egress,
            vault,
            rules,
            token_url,
            client_id,
            login,
            scope,
            present: Mutex::default(),
            anew: Mutex::default(),
        }
    }

    /// How long the token in use lasts.
    pub(super) fn lease(&self) -> Option<Duration> {
        self.present().map(|present| present.life)
    }

    /// Whether another token is wanted: half of its life is over, or it was refused.
    pub(super) fn is_due(&self, refused: bool) -> bool {
        if self.present().is_none_or(|present| present.since.elapsed() >= present.life / 2) {
            return true;
        }
        let mut anew = self.anew.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = refused && anew.is_none_or(|last| last.elapsed() >= ANEW);
        if is_due {
            *anew = Some(Instant::now());
        }
        is_due
    }

    fn present(&self) -> Option<Present> {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another access token, for the refresh token that `from` names.
    pub(super) async fn fetch(&self, from: &SecretRef) -> Result<SecretText, SecretsError> {
        let failed = |reason: &str| SecretsError::Store { from: from.clone(), reason: reason.to_string() };
        let of_egress =
            |source: egress::Error| SecretsError::Egress { from: from.clone(), source: Box::new(source) };
        let (SecretRef::Vault(refresh), Some(host)) = (from, self.token_url.destination.name()) else {
            return Err(failed(
                "a refresh token is written as `secret://NAME`, and goes to a host with a name",
            ));
        };
        let limits = Limits { redirects_max: 0, body_bytes_max: ANSWER_BYTES_MAX, ..Limits::default() };
        let scope = Scope { who: "secrets oauth2".to_string(), rules: Arc::clone(&self.rules), limits };
        let answer = self.egress.request(self.request(refresh), &scope).await.map_err(of_egress)?;
        let status = answer.status;
        let bytes = answer.body.collect().await.map_err(of_egress)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|_bad| failed("the answer is no JSON"))?;
        if status != StatusCode::OK {
            return Err(failed(&refusal(status, &json)));
        }
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(failed("the token is not one that is borne"));
        }
        let token = text("access_token").ok_or_else(|| failed("the answer has no access token"))?;
        let token = SecretText::new(token.to_string())?;
        if let Some(fresh) = text("refresh_token") {
            self.replace(refresh, host, fresh)?;
        }
        let life =
            json.get("expires_in").and_then(seconds).unwrap_or(LIFE).clamp(Duration::from_secs(1), LIFE_MAX);
        let present = Present { since: Instant::now(), life };
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = Some(present);
        Ok(token)
    }

    fn request(&self, refresh: &SecretName) -> Request {
        let mut form = format!("grant_type=refresh_token&refresh_token={REFRESH_MARKER}");
        if let Some(scope) = &self.scope {
            let _ = write!(form, "&scope={}", encoded(scope));
        }
        if !matches!(self.login, ClientLogin::Basic(_)) {
            let _ = write!(form, "&client_id={}", encoded(&self.client_id));
        }
        if matches!(self.login, ClientLogin::Body(_)) {
            let _ = write!(form, "&client_secret={CLIENT_MARKER}");
        }
        let in_body = |secret: &SecretName, marker: &str| Credential {
            secret: secret.clone(),
            place: Place::Body { marker: marker.to_string(), escape: Escape::Percent },
        };
        let request = Request::post(self.token_url.clone(), "application/x-www-form-urlencoded", form)
            .header(egress::header::ACCEPT, egress::HeaderValue::from_static("application/json"))
            .credential(in_body(refresh, REFRESH_MARKER));
        match &self.login {
            ClientLogin::Public => request,
            ClientLogin::Body(secret) => request.credential(in_body(secret, CLIENT_MARKER)),
            ClientLogin::Basic(secret) => {
                let place = Place::Basic { user: self.client_id.clone() };
                request.credential(Credential { secret: secret.clone(), place })
            }
        }
    }

    /// Keeps the refresh token that the server gave in the place of the one it was asked with.
    fn replace(&self, name: &SecretName, host: &Host, fresh: &str) -> Result<(), SecretsError> {
        if self.vault.with(name, host, "secrets oauth2", |present| present == fresh)? {
            return Ok(());
        }
        let entries = self.vault.list()?;
        let about = entries.into_iter().find(|entry| entry.name == *name).map(|entry| entry.about);
        let about = about.unwrap_or_else(|| About { hosts: vec![host.clone()], ..About::default() });
        Ok(self.vault.set(name, SecretText::new(fresh.to_string())?, about)?)
    }
}

/// A number, or a number as text, as some servers have it.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(Duration::from_secs(seconds))
}

/// Why there is no token. Of the answer only the word of its error is repeated (RFC 6749 §5.2).
fn refusal(status: StatusCode, answer: &Value) -> String {
    let word = answer.get("error").and_then(Value::as_str).unwrap_or_default();
    let is_word = word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match word {
        "invalid_grant" => {
            "the refresh token is not good any more; sign in at the service and keep the new one".to_string()
        }
        "" => format!("the server answered {}", status.as_u16()),
        _ if is_word => format!("the server answered {}, {word}", status.as_u16()),
        _ => format!("the server answered {}", status.as_u16()),
    }
}

/// As in a form.
fn encoded(text: &str) -> String {
    let mut form = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            let _ = write!(form, "%{byte:02X}");
        }
    }
    form
}

/// Shows where they come from, and nothing of them.
impl std::fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth2").field("token_url", &self.token_url.authority()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_a_refusal_only_its_word_is_repeated() {
        let status = StatusCode::BAD_REQUEST;
        for (answer, said) in [
            (json!({"error": "invalid_grant", "error_description": "1//0gTheToken"}), "not good any more"),
            (json!({"error": "invalid_client"}), "400, invalid_client"),
            (json!({"error": "1//0gTheToken"}), "answered 400"),
            (json!({"error": {"message": "1//0gTheToken"}}), "answered 400"),
            (json!([]), "answered 400"),
        ] {
            let why = refusal(status, &answer);
            assert!(why.contains(said) && !why.contains("0gTheToken"), "{why}");
        }
    }

    #[test]
    fn a_life_is_a_number_or_one_as_text() {
        assert_eq!(seconds(&json!(3600)), Some(Duration::from_secs(3600)));
        assert_eq!(seconds(&json!("3600")), Some(Duration::from_secs(3600)));
        for bad in [json!(-1), json!("soon"), json!(null), json!(1.5)] {
            assert_eq!(seconds(&bad), None, "{bad}");
        }
        assert_eq!(encoded("https://mail.google.com/ a+b"), "https%3A%2F%2Fmail.google.com%2F%20a%2Bb");
    }
}
