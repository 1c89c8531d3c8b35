//! Stands before every route: the right name, the right origin, a credential that counts, far-reaching enough.

use crate::connections::Slot;
use crate::metrics::{Served, Why};
use crate::names::Secure;
use crate::refusal::{Refusal, Worded};
use crate::routes::{Need, Style};
use crate::shared::Shared;
use crate::wire::ErrorCode;
use crate::{Caller, CredentialKind, Happening, Scope, SecretDigest};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, header};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) came: Came,
    pub(crate) slot: Arc<Slot>,
}

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Over TCP, from this address.
    Network(IpAddr),
    /// Over the unix socket; the kernel vouches for the uid, which was compared when the connection was accepted.
    Local,
}

/// How browsers reach the name that the request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached(pub(crate) Secure);

/// What one route's gate knows.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) need: Need,
    pub(crate) style: Style,
    pub(crate) route: &'static str,
}

/// Lets a request through to its route, or answers in its place.
pub(crate) async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let began = tokio::time::Instant::now();
    let method = method_word(request.method());
    let admitted = gate.admit(&mut request).await;
    let reached = request.extensions().get::<Reached>().copied();
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let mut response = match (gate.style, response.extensions().get::<Worded>()) {
        (Style::OpenAi, Some(Worded(refusal))) => refusal.clone().into_openai_response(),
        (Style::OpenAi | Style::Api, _) => response,
    };
    response.extensions_mut().remove::<Worded>();
    if let Some(reached) = reached {
        response.extensions_mut().insert(reached);
    }
    let status = response.status().as_u16();
    gate.shared.metrics.requests.get_or_create(&Served { method, route: gate.route, status }).inc();
    gate.shared.metrics.seconds.0.observe(began.elapsed().as_secs_f64());
    tracing::debug!(method, route = gate.route, status, "answered");
    response
}

fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

impl Gate {
    async fn admit(&self, request: &mut Request) -> Result<(), Refusal> {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Err(Refusal::new(ErrorCode::Failed, "the connection is not known"));
        };
        let own_origin = self.check_name(&peer, request)?;
        check_origin(request.headers(), own_origin.as_deref())?;
        let caller = match self.authenticate(&peer, request.headers()).await {
            Ok(caller) => caller,
            // Whoever needs nothing gets what anyone gets; the wrong credential was counted all the same.
            Err(refusal) if refusal.code() != ErrorCode::Failed && self.need == Need::Nothing => None,
            Err(refusal) => return Err(refusal),
        };
        let caller =
            match caller.map(|caller| check_cross_site(&caller, request).map(|()| caller)).transpose() {
                Ok(caller) => caller,
                // A link on another page may lead to ours, which then finds out by itself that someone is signed in.
                Err(_cross_site) if self.need == Need::Nothing => None,
                Err(refusal) => return Err(refusal),
            };
        if caller.is_some() {
            peer.slot.prove();
        }
        self.need.check(caller.as_ref())?;
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        Ok(())
    }

    /// The gateway's own origin under the name that the request is for; none on the unix socket.
    fn check_name(&self, peer: &Peer, request: &mut Request) -> Result<Option<String>, Refusal> {
        let reached = match peer.came {
            Came::Local => {
                request.extensions_mut().insert(Reached(Secure::Http));
                return Ok(None);
            }
            Came::Network(_) => self.shared.names.of(request.uri(), request.headers()),
        };
        let Some(name) = reached else {
            return Err(Refusal::new(
                ErrorCode::WrongHost,
                "the `Host` is not one that this gateway answers for",
            )
            .hint(
                "use the address that `hardshell up` prints, or name it in hardshell.toml: `names = [\"assistant.example.org\"]` under `[gateway]`",
            ));
        };
        let (origin, secure) = (name.origin.clone(), name.secure);
        request.extensions_mut().insert(Reached(secure));
        Ok(Some(origin))
    }

    async fn authenticate(&self, peer: &Peer, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let presented = presented(headers, &self.shared.cookie)?;
        let (kind, secret) = match (presented, peer.came) {
            (Presented::Bearer(secret), Came::Network(_) | Came::Local) => (CredentialKind::Token, secret),
            (Presented::Cookie(secret), Came::Network(_)) => (CredentialKind::Browser, secret),
            (Presented::Nothing, Came::Network(_)) => return Ok(None),
            (Presented::Nothing | Presented::Cookie(_), Came::Local) => return Ok(Some(Caller::local())),
        };
        let record = self.shared.look_up(peer.came, kind, secret).await?;
        Ok(Some(Caller::from_sign_in(&record)))
    }
}

impl Shared {
    /// The record of a secret that someone shows. Wrong ones are counted, and too many of them make the peer wait.
    async fn look_up(
        &self,
        came: Came,
        kind: CredentialKind,
        secret: &str,
    ) -> Result<crate::SignInRecord, Refusal> {
        self.check_lockout(came, kind)?;
        let digest = SecretDigest::of(secret);
        let found = match digest {
            Some(digest) => self.sign_ins.find(kind, digest).await?,
            None => None,
        };
        match found {
            Some(record) if record.expires > self.now() => Ok(record),
            Some(_lapsed) => Err(Refusal::new(ErrorCode::NotSignedIn, "the sign-in has lapsed")
                .hint("`hardshell sign-in` prints a new link")),
            None => Err(self.wrong(came, kind, digest).await),
        }
    }

    /// Refuses before anything is looked up while the peer has to wait.
    pub(crate) fn check_lockout(&self, came: Came, kind: CredentialKind) -> Result<(), Refusal> {
        let Came::Network(ip) = came else { return Ok(()) };
        match self.lockouts.wait(ip, kind, self.now()) {
            Some(wait) => Err(too_many(wait)),
            None => Ok(()),
        }
    }

    /// Counts a wrong credential and says so.
    pub(crate) async fn wrong(
        &self,
        came: Came,
        kind: CredentialKind,
        digest: Option<SecretDigest>,
    ) -> Refusal {
        self.metrics.wrong_credentials.get_or_create(&Why { why: kind.as_str() }).inc();
        if let Came::Network(ip) = came
            && let Some(wait) = self.lockouts.wrong(ip, kind, digest, self.now())
        {
            self.metrics.lockouts.inc();
            tracing::warn!(peer = %ip, wait_seconds = wait.as_secs(), kind = kind.as_str(), "too many wrong credentials");
            let happening = Happening::LockedOut { peer: ip.to_string(), wait };
            if let Err(error) = self.house.record(happening).await {
                tracing::error!(%error, "a lock-out could not be recorded");
            }
            return too_many(wait);
        }
        let message = match kind {
            CredentialKind::Link => "the link was used already, has lapsed, or was never made",
            CredentialKind::Browser => "not signed in any more",
            CredentialKind::Token => "the token is not one that counts",
        };
        let hint = match kind {
            CredentialKind::Link | CredentialKind::Browser => "`hardshell sign-in` prints a new link",
            CredentialKind::Token => "`POST /api/v1/tokens` makes a new one",
        };
        Refusal::new(ErrorCode::NotSignedIn, message).hint(hint)
    }
}

fn too_many(wait: Duration) -> Refusal {
    Refusal::new(ErrorCode::TooMany, "too many wrong credentials came from this address")
        .hint(format!("wait {} seconds", wait.as_millis().div_ceil(1000).max(1)))
        .retry_after(wait)
}

/// A browser names the page's origin in every request that could do harm: it must be this gateway's own.
fn check_origin(headers: &HeaderMap, own: Option<&str>) -> Result<(), Refusal> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next(), own) {
        (None, None, _) => Ok(()),
        (Some(origin), None, Some(own)) if origin.as_bytes() == own.as_bytes() => Ok(()),
        _ => Err(wrong_origin("the request comes from a page of another origin")),
    }
}

/// A cookie comes along by itself, so a request that it carries must show that this gateway's own page made it.
fn check_cross_site(caller: &Caller, request: &Request) -> Result<(), Refusal> {
    match caller.proved() {
        crate::Proved::Token | crate::Proved::Uid => return Ok(()),
        crate::Proved::Cookie => {}
    }
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(wrong_origin("the request was made by a page of another site"));
    }
    let harmless =
        matches!(*request.method(), Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
    if !harmless && !headers.contains_key(header::ORIGIN) && site != Some(b"same-origin") {
        return Err(wrong_origin("a request with a cookie must carry `Origin`"));
    }
    Ok(())
}

fn wrong_origin(message: &'static str) -> Refusal {
    Refusal::new(ErrorCode::WrongOrigin, message).hint("open the address that `hardshell up` prints")
}

/// What a request shows. A bearer token counts before a cookie: it never comes along by itself.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'a> {
    Nothing,
    Cookie(&'a str),
    Bearer(&'a str),
}

fn presented<'a>(headers: &'a HeaderMap, cookie: &str) -> Result<Presented<'a>, Refusal> {
    let malformed = |what: &str| Err(Refusal::new(ErrorCode::NotSignedIn, what.to_string()));
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (None, _) => {}
        (Some(value), None) => {
            let Some((scheme, secret)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
                return malformed("`Authorization` is not `Bearer TOKEN`");
            };
            if !scheme.eq_ignore_ascii_case("bearer") {
                return malformed("`Authorization` is not `Bearer TOKEN`");
            }
            return Ok(Presented::Bearer(secret.trim()));
        }
        (Some(_), Some(_)) => return malformed("there are two `Authorization` headers"),
    }
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie || *name == SECURE_COOKIE)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (None, _) => Ok(Presented::Nothing),
        (Some(value), None) => Ok(Presented::Cookie(value)),
        // A neighbour on another port can set a cookie of the same name: do not guess which is the real one.
        (Some(_), Some(_)) => malformed("there are two sign-in cookies"),
    }
}

/// The cookie's name where browsers come by HTTPS: they then hold it to this host, every path, and `Secure`
/// (RFC 6265bis §4.1.3.2).
pub(crate) const SECURE_COOKIE: &str = "__Host-hardshell";

impl Need {
    fn check(self, caller: Option<&Caller>) -> Result<(), Refusal> {
        let nobody = || {
            Refusal::new(ErrorCode::NotSignedIn, "not signed in")
                .hint("`hardshell sign-in` prints a link; programs send `Authorization: Bearer TOKEN`")
        };
        let not_allowed = |message: String| Refusal::new(ErrorCode::NotAllowed, message);
        let in_person = || not_allowed("only the owner in person may do this, not a token".to_string());
        match (self, caller) {
            (Self::Nothing, _) | (Self::Anyone, Some(_)) => Ok(()),
            (Self::Anyone | Self::Has(_) | Self::OwnerInPerson | Self::AtTheMachine, None) => Err(nobody()),
            (Self::Has(scope), Some(caller)) if caller.may(scope) => Ok(()),
            (Self::Has(scope), Some(_)) => Err(missing_scope(scope)),
            (Self::OwnerInPerson, Some(caller)) if caller.is_owner_in_person() => Ok(()),
            (Self::OwnerInPerson, Some(_)) => Err(in_person()),
            (Self::AtTheMachine, Some(caller)) => match caller.proved() {
                crate::Proved::Uid => Ok(()),
                crate::Proved::Cookie | crate::Proved::Token => {
                    Err(not_allowed("this is done at the machine, over the unix socket".to_string())
                        .hint("`hardshell sign-in` does it"))
                }
            },
        }
    }
}

/// The refusal of a credential that lacks `scope`.
pub(crate) fn missing_scope(scope: Scope) -> Refusal {
    Refusal::new(ErrorCode::NotAllowed, format!("the token lacks the scope `{scope}`"))
        .hint("the owner can make one that has it: `POST /api/v1/tokens`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_credential_is_found_and_two_are_none() {
        for (pairs, expected) in [
            (&[][..], Some(Presented::Nothing)),
            (&[("authorization", "Bearer x")], Some(Presented::Bearer("x"))),
            (&[("authorization", "bearer  x ")], Some(Presented::Bearer("x"))),
            (&[("authorization", "Basic x")], None),
            (&[("authorization", "x")], None),
            (&[("authorization", "Bearer x"), ("authorization", "Bearer x")], None),
            (&[("cookie", "a=b; hs=c")], Some(Presented::Cookie("c"))),
            (&[("cookie", "a=b"), ("cookie", "hs=c")], Some(Presented::Cookie("c"))),
            (&[("cookie", "__Host-hardshell=c")], Some(Presented::Cookie("c"))),
            (&[("cookie", "hs=c; hs=d")], None),
            (&[("cookie", "hs=c"), ("cookie", "__Host-hardshell=d")], None),
            (&[("cookie", "HS=c")], Some(Presented::Nothing)),
            (&[("cookie", "hs=c"), ("authorization", "Bearer x")], Some(Presented::Bearer("x"))),
        ] {
            assert_eq!(presented(&headers(pairs), "hs").ok(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn only_its_own_origin_counts() {
        let own = Some("http://127.0.0.1:18789");
        for (pairs, good) in [
            (&[][..], true),
            (&[("origin", "http://127.0.0.1:18789")], true),
            (&[("origin", "http://localhost:18789")], false),
            (&[("origin", "https://127.0.0.1:18789")], false),
            (&[("origin", "http://127.0.0.1")], false),
            (&[("origin", "http://127.0.0.1:18789.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("origin", "http://127.0.0.1:18789"), ("origin", "http://127.0.0.1:18789")], false),
        ] {
            assert_eq!(check_origin(&headers(pairs), own).is_ok(), good, "{pairs:?}");
        }
        assert!(
            check_origin(&headers(&[("origin", "http://127.0.0.1:18789")]), None).is_err(),
            "no page is local"
        );
    }
}
