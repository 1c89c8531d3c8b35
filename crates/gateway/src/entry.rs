//! Coming in: links, cookies, tokens, and taking them back.

use crate::body::{JsonBody, SMALL_BYTES_MAX};
use crate::caller::LOCAL_ID;
use crate::gate::{Came, Peer, Reached, SECURE_COOKIE};
use crate::names::Secure;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::sign_ins::Secret;
use crate::wire::{
    ErrorCode, MadeToken, NewToken, SecretText, SignIn, SignInEntry, SignInKind, SignInLink, SignIns,
    SignedIn, SpeaksFor,
};
use crate::{Caller, CredentialKind, Happening, Proved, Scope, SecretDigest, SignInRecord};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use domain::{Principal, Role, Timestamp};
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;

/// How long a link is good: long enough to carry it to a browser, short enough to be worthless in a scroll-back.
pub(crate) const LINK_LIFE: Duration = Duration::from_secs(10 * 60);
/// How long a browser stays signed in.
const COOKIE_LIFE: Duration = Duration::from_secs(14 * DAY_SECONDS);
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// How long a token is good when nothing is said: the reminder to rotate comes at the same age.
const TOKEN_DAYS: u16 = 90;
/// The longest life of a token.
const TOKEN_DAYS_MAX: u16 = 366;
/// The longest name of a token, in characters.
const NAME_MAX: usize = 64;
/// How many sign-ins and tokens there may be at once.
const RECORDS_MAX: usize = 1000;

type Gateway = State<Arc<Shared>>;

/// What tells a link, a cookie and a token apart, for people and for scanners of leaked keys.
fn prefix(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Link => "hsl_",
        CredentialKind::Browser => "hsb_",
        CredentialKind::Token => "hs_",
    }
}

/// A secret and what is kept of it.
struct Fresh {
    secret: Secret,
    record: SignInRecord,
}

impl Shared {
    fn draw(
        &self,
        kind: CredentialKind,
        name: String,
        principal: Principal,
        scopes: Vec<Scope>,
        life: Duration,
    ) -> Result<Fresh, Refusal> {
        let secret = Secret::draw(prefix(kind), &self.random)?;
        let mut id = [0_u8; 8];
        (self.random)(&mut id)?;
        let created = self.now();
        let digest = SecretDigest::of(secret.dangerous_reveal())
            .ok_or_else(|| Refusal::new(ErrorCode::Failed, "a secret could not be drawn"))?;
        let record = SignInRecord {
            digest,
            id: format!("{}-{:016x}", kind.as_str(), u64::from_be_bytes(id)),
            kind,
            name,
            principal,
            scopes,
            created,
            expires: created.after(life),
        };
        Ok(Fresh { secret, record })
    }

    /// A fresh one-time link, recorded and kept.
    pub(crate) async fn make_link(&self) -> Result<SignInLink, Refusal> {
        self.sign_ins.prune(self.now()).await?;
        let fresh = self.draw(
            CredentialKind::Link,
            String::new(),
            Principal::owner(),
            Scope::ALL.to_vec(),
            LINK_LIFE,
        )?;
        self.house.record(Happening::LinkMade { id: fresh.record.id.clone() }).await?;
        let expires = fresh.record.expires.0;
        self.sign_ins.keep(fresh.record).await?;
        let link = SecretText::new(format!("{}/#token={}", self.origin, fresh.secret.dangerous_reveal()));
        Ok(SignInLink { link, expires })
    }

    /// Takes a sign-in or token back: what is open under it ends at once.
    pub(crate) async fn revoke(&self, id: &str, by: &str) -> Result<bool, Refusal> {
        let removed = self.sign_ins.remove(id).await?;
        self.live.revoke(id);
        if removed {
            self.house.record(Happening::Revoked { id: id.to_string(), by: by.to_string() }).await?;
        }
        Ok(removed)
    }
}

pub(crate) async fn sign_in(
    State(shared): Gateway,
    Extension(peer): Extension<Peer>,
    Extension(Reached(secure)): Extension<Reached>,
    JsonBody(SignIn { token }): JsonBody<SignIn, SMALL_BYTES_MAX>,
) -> Result<Response, Refusal> {
    shared.check_lockout(peer.came, CredentialKind::Link)?;
    let digest = SecretDigest::of(token.dangerous_reveal());
    let taken = match digest {
        Some(digest) => shared.sign_ins.take(CredentialKind::Link, digest).await?,
        None => None,
    };
    let Some(link) = taken.filter(|link| link.expires > shared.now()) else {
        return Err(shared.wrong(peer.came, CredentialKind::Link, digest).await);
    };
    shared.sign_ins.prune(shared.now()).await?;
    let from = match peer.came {
        Came::Network(ip) => ip.to_string(),
        Came::Local => LOCAL_ID.to_string(),
    };
    let fresh = shared.draw(
        CredentialKind::Browser,
        format!("browser at {from}"),
        link.principal,
        link.scopes,
        COOKIE_LIFE,
    )?;
    shared.house.record(Happening::SignedIn { id: fresh.record.id.clone(), peer: from }).await?;
    let caller = Caller::from_sign_in(&fresh.record);
    shared.sign_ins.keep(fresh.record).await?;
    peer.slot.prove();
    let mut response = Json(signed_in(&caller)).into_response();
    let cookie = cookie(&shared, secure, fresh.secret.dangerous_reveal(), COOKIE_LIFE)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn cookie(shared: &Shared, secure: Secure, value: &str, life: Duration) -> Result<HeaderValue, Refusal> {
    let (name, mark) = match secure {
        Secure::Https => (SECURE_COOKIE, "; Secure"),
        Secure::Http => (shared.cookie.as_str(), ""),
    };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{mark}", life.as_secs());
    let mut header = HeaderValue::from_str(&text)
        .map_err(|_never_ours| Refusal::new(ErrorCode::Failed, "the cookie could not be written"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn signed_in(caller: &Caller) -> SignedIn {
    SignedIn {
        id: caller.id().to_string(),
        principal: caller.principal().to_string(),
        scopes: caller.scopes().to_vec(),
        expires: caller.expires().map(|Timestamp(expires)| expires),
    }
}

pub(crate) async fn who(Extension(caller): Extension<Caller>) -> Json<SignedIn> {
    Json(signed_in(&caller))
}

pub(crate) async fn sign_out(
    State(shared): Gateway,
    Extension(caller): Extension<Caller>,
    Extension(Reached(secure)): Extension<Reached>,
) -> Result<Response, Refusal> {
    match caller.proved() {
        Proved::Uid => return Err(Refusal::invalid("there is nothing to sign out of on the unix socket")),
        Proved::Cookie | Proved::Token => {}
    }
    shared.revoke(caller.id(), caller.id()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie(&shared, secure, "", Duration::ZERO)?);
    Ok(response)
}

pub(crate) async fn make_link(State(shared): Gateway) -> Result<Json<SignInLink>, Refusal> {
    shared.make_link().await.map(Json)
}

pub(crate) async fn list(
    State(shared): Gateway,
    Extension(caller): Extension<Caller>,
) -> Result<Json<SignIns>, Refusal> {
    let now = shared.now();
    let entry = |record: SignInRecord| {
        let kind = match record.kind {
            CredentialKind::Link => return None,
            CredentialKind::Browser => SignInKind::Browser,
            CredentialKind::Token => SignInKind::Token,
        };
        (record.expires > now).then(|| SignInEntry {
            current: record.id == caller.id(),
            id: record.id,
            kind,
            name: record.name,
            principal: record.principal.to_string(),
            scopes: record.scopes,
            created: record.created.0,
            expires: Some(record.expires.0),
        })
    };
    let sign_ins = shared.sign_ins.list().await?.into_iter().filter_map(entry).collect();
    Ok(Json(SignIns { sign_ins }))
}

pub(crate) async fn revoke(
    State(shared): Gateway,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if shared.revoke(&id, caller.id()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::new(ErrorCode::NotFound, "there is no sign-in with this id")
            .hint("`GET /api/v1/sign-ins` lists them"))
    }
}

pub(crate) async fn make_token(
    State(shared): Gateway,
    JsonBody(new): JsonBody<NewToken, SMALL_BYTES_MAX>,
) -> Result<(StatusCode, Json<MadeToken>), Refusal> {
    let NewToken { name, mut scopes, speaks_for, days } = new;
    let days = days.unwrap_or(TOKEN_DAYS);
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(Refusal::invalid(format!("`days` is {days}, it must be 1 to {TOKEN_DAYS_MAX}")));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) || name.starts_with('-') {
        return Err(Refusal::invalid(format!("a token's name has 1 to {NAME_MAX} of a-z, 0-9 and `-`")));
    }
    scopes.sort();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Refusal::invalid(
            "a token needs at least one scope: chat, read, approve, audit, metrics",
        ));
    }
    let principal = match speaks_for {
        SpeaksFor::Owner => Principal::owner(),
        SpeaksFor::Member if scopes.contains(&Scope::Approve) => {
            return Err(Refusal::invalid(
                "only a token that speaks for the owner can have the scope `approve`",
            ));
        }
        SpeaksFor::Member => Principal { role: Role::Member, name: name.clone() },
    };
    let now = shared.now();
    shared.sign_ins.prune(now).await?;
    let kept = shared.sign_ins.list().await?;
    if kept.len() >= RECORDS_MAX {
        return Err(Refusal::new(
            ErrorCode::Conflict,
            format!("there are {RECORDS_MAX} sign-ins and tokens already"),
        )
        .hint("take some back: `DELETE /api/v1/sign-ins/{id}`"));
    }
    let taken = |record: &SignInRecord| record.kind == CredentialKind::Token && record.name == name;
    if kept.iter().any(taken) {
        return Err(Refusal::new(ErrorCode::Conflict, format!("there is a token called `{name}` already")));
    }
    let life = Duration::from_secs(u64::from(days).saturating_mul(DAY_SECONDS));
    let fresh = shared.draw(CredentialKind::Token, name.clone(), principal, scopes.clone(), life)?;
    let (id, expires) = (fresh.record.id.clone(), fresh.record.expires.0);
    shared.house.record(Happening::TokenMade { id: id.clone(), name, scopes }).await?;
    shared.sign_ins.keep(fresh.record).await?;
    let token = SecretText::new(fresh.secret.dangerous_reveal().to_string());
    Ok((StatusCode::CREATED, Json(MadeToken { id, token, expires })))
}
