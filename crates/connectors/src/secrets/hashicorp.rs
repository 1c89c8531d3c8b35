//! `HashiCorp` Vault and `OpenBao`: the KV engine, version 2, with a token or an AppRole.
//!
//! By the public interface: developer.hashicorp.com/vault/api-docs (secret/kv/kv-v2, auth/approle, auth/token).

use super::SecretsError;
use domain::{Host, SecretName};
use egress::{
    Credential, Egress, Escape, HeaderName, HeaderValue, Limits, Place, Request, Response, Rules, Scope,
    StatusCode, Url,
};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vault::{About, SecretRef, SecretText, Vault};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Asked of a server that would otherwise take a request from a page of a browser for one of a client.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
/// What stands for the secret id in the body of a login.
const MARKER: &str = "__secret_id__";
/// What the token of a login is called here.
const SESSION: &str = "hashicorp-session";

/// How it is logged in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashicorpLogin {
    /// With this secret as the token.
    Token(SecretName),
    /// With an `AppRole`.
    AppRole {
        /// The role's id.
        role_id: String,
        /// The secret that is the role's secret id.
        secret: SecretName,
    },
}

/// One server.
pub struct Hashicorp {
    egress: Arc<Egress>,
    vault: Arc<Vault>,
    rules: Arc<Rules>,
    base: Url,
    host: Host,
    namespace: Option<HeaderValue>,
    login: HashicorpLogin,
    session: Mutex<Option<Session>>,
}

/// What a login came to.
#[derive(Clone, Copy, Debug)]
struct Session {
    lease: Duration,
    renewable: bool,
}

impl Hashicorp {
    /// A server at `base`, as far as `rules` open it; nothing when its URL names no host.
    #[must_use]
    pub fn new(
        egress: Arc<Egress>,
        vault: Arc<Vault>,
        rules: Arc<Rules>,
        base: Url,
        namespace: Option<HeaderValue>,
        login: HashicorpLogin,
    ) -> Option<Self> {
        let host = base.destination.name()?.clone();
        Some(Self { egress, vault, rules, base, host, namespace, login, session: Mutex::new(None) })
    }

    /// How long the present login is good for.
    pub(super) fn lease(&self) -> Option<Duration> {
        let session = *self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.map(|session| session.lease).filter(|lease| !lease.is_zero())
    }

    /// One field of one secret.
    pub(super) async fn read(
        &self,
        from: &SecretRef,
        mount: &str,
        path: &str,
        field: &str,
    ) -> Result<SecretText, SecretsError> {
        let failed = |reason: String| SecretsError::Store { from: from.clone(), reason };
        let path = format!("/v1/{mount}/data/{path}");
        let mut answer = self.get(from, &path).await?;
        if answer.status == StatusCode::FORBIDDEN && matches!(self.login, HashicorpLogin::AppRole { .. }) {
            // The login may have lapsed; once more with a new one.
            self.forget();
            answer = self.get(from, &path).await?;
        }
        let status = answer.status;
        match status {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => return Err(failed("permission denied".to_string())),
            StatusCode::NOT_FOUND => return Err(failed("there is no such secret".to_string())),
            other => return Err(failed(format!("the store answered {}", other.as_u16()))),
        }
        let json = body(from, answer).await?;
        match json.pointer("/data/data").and_then(|data| data.get(field)) {
            Some(Value::String(text)) => Ok(SecretText::new(text.clone())?),
            Some(Value::Null) | None => Err(failed(format!("it has no field `{field}`"))),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(failed(format!("its field `{field}` is no text")))
            }
        }
    }

    /// Prolongs the login, where the store lets it be; forgets it where it does not, so that the next read logs in anew.
    pub(super) async fn renew(&self) {
        let session = *self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = session else { return };
        let from = SecretRef::Program(SESSION.to_string());
        let renewed = async {
            if !session.renewable {
                return None;
            }
            let url = self.base.join("/v1/auth/token/renew-self").ok()?;
            let request =
                self.request(Request::post(url, "application/json", "{}"), Some(self.token_name()?));
            let answer =
                self.ask(&from, request).await.ok().filter(|answer| answer.status == StatusCode::OK)?;
            session_of(&body(&from, answer).await.ok()?)
        };
        match renewed.await {
            Some(session) => *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session),
            None => self.forget(),
        }
    }

    fn forget(&self) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn token_name(&self) -> Option<SecretName> {
        match &self.login {
            HashicorpLogin::Token(name) => Some(name.clone()),
            HashicorpLogin::AppRole { .. } => SESSION.parse().ok(),
        }
    }

    async fn get(&self, from: &SecretRef, path: &str) -> Result<Response, SecretsError> {
        let failed = |reason: &str| SecretsError::Store { from: from.clone(), reason: reason.to_string() };
        self.log_in(from).await?;
        let url = self.base.join(path).map_err(|_bad| failed("it is no path of a URL"))?;
        let token = self.token_name().ok_or_else(|| failed("there is no token"))?;
        self.ask(from, self.request(Request::get(url), Some(token))).await
    }

    /// Logs in with the role, unless a login holds.
    async fn log_in(&self, from: &SecretRef) -> Result<(), SecretsError> {
        let HashicorpLogin::AppRole { role_id, secret } = &self.login else { return Ok(()) };
        if self.session.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let failed = |reason: String| SecretsError::Store { from: from.clone(), reason };
        let url = self.base.join("/v1/auth/approle/login").map_err(|error| failed(error.to_string()))?;
        let login = serde_json::json!({"role_id": role_id, "secret_id": MARKER}).to_string();
        let place = Place::Body { marker: MARKER.to_string(), escape: Escape::Json };
        let request = self
            .request(Request::post(url, "application/json", login), None)
            .credential(Credential { secret: secret.clone(), place });
        let answer = self.ask(from, request).await?;
        if answer.status != StatusCode::OK {
            return Err(failed(format!("the login with the role was answered {}", answer.status.as_u16())));
        }
        let json = body(from, answer).await?;
        let session = session_of(&json).ok_or_else(|| failed("the login gave no token".to_string()))?;
        let token = text_of(&json, "/auth/client_token").unwrap_or_default().to_string();
        let about = About { hosts: vec![self.host.clone()], ..About::default() };
        let name: SecretName = SESSION.parse().map_err(|error: domain::IdError| failed(error.to_string()))?;
        self.vault.attach_fetched(&name, from, SecretText::new(token)?, about)?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        Ok(())
    }

    fn request(&self, request: Request, token: Option<SecretName>) -> Request {
        let mut request = request.header(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            request = request.header(NAMESPACE, namespace.clone());
        }
        match token {
            Some(secret) => {
                let place = Place::Header { name: TOKEN, prefix: String::new() };
                request.credential(Credential { secret, place })
            }
            None => request,
        }
    }

    async fn ask(&self, from: &SecretRef, request: Request) -> Result<Response, SecretsError> {
        let limits = Limits { redirects_max: 0, body_bytes_max: 1 << 20, ..Limits::default() };
        let scope = Scope { who: "secrets hashicorp".to_string(), rules: Arc::clone(&self.rules), limits };
        let asked = self.egress.request(request, &scope).await;
        asked.map_err(|source| SecretsError::Egress { from: from.clone(), source: Box::new(source) })
    }
}

fn session_of(answer: &Value) -> Option<Session> {
    text_of(answer, "/auth/client_token")?;
    let seconds = answer.pointer("/auth/lease_duration").and_then(Value::as_u64).unwrap_or(0);
    let renewable = answer.pointer("/auth/renewable").and_then(Value::as_bool).unwrap_or(false);
    Some(Session { lease: Duration::from_secs(seconds), renewable })
}

fn text_of<'a>(answer: &'a Value, place: &str) -> Option<&'a str> {
    answer.pointer(place).and_then(Value::as_str)
}

async fn body(from: &SecretRef, answer: Response) -> Result<Value, SecretsError> {
    let bytes = answer.body.collect().await;
    let bytes =
        bytes.map_err(|source| SecretsError::Egress { from: from.clone(), source: Box::new(source) })?;
    let read = serde_json::from_slice(&bytes);
    read.map_err(|_no_json| SecretsError::Store {
        from: from.clone(),
        reason: "the store's answer is no JSON".to_string(),
    })
}

/// Shows where it is, and nothing of the login.
impl std::fmt::Debug for Hashicorp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashicorp").field("host", &self.host).finish_non_exhaustive()
    }
}
