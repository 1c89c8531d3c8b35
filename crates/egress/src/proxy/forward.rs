//! Requests that are looked into: plain HTTP, and HTTPS under this home's own certificate.

use super::{GREETING_TIMEOUT, Shared, is_named, tell, tunnel};
use crate::body::{Body, BodyContext, Coding};
use crate::client::Outgoing;
use crate::connect::Deadline;
use crate::credential::Dressed;
use crate::record::Trace;
use crate::redact::{Reader, Redactor};
use crate::rules::refusal;
use crate::socket::{Counted, Socket};
use crate::url::split_authority;
use crate::{Destination, Error, Reach, Scheme, Url};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The most headers a request of a program may have.
const REQUEST_HEADERS_MAX: usize = 100;
/// The largest head of a request, in bytes.
const REQUEST_HEAD_BYTES_MAX: usize = 64 * 1024;
/// The largest body that is held to be signed, in bytes: what says its digest beforehand, as S3 does, is not held.
const SIGNED_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is between two programs and not for the far end (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A tunnel that was agreed on, until its connection is handed over.
type Opened = Mutex<Option<(OnUpgrade, tunnel::Ready)>>;
type Answer = Response<UnsyncBoxBody<Bytes, Error>>;

/// What a connection speaks to, fixed before its first request.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) destination: Destination,
    pub(super) port: u16,
}

/// Serves a connection that speaks to a proxy: CONNECT, or requests with whole URLs.
pub(super) async fn serve_proxy(stream: TcpStream, shared: &Arc<Shared>) {
    let opened = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, opened) = (Arc::clone(shared), Arc::clone(&opened));
        async move {
            Ok::<_, Infallible>(match *request.method() {
                Method::CONNECT => connect(request, &shared, &opened).await,
                _ => answer(request, None, &shared).await,
            })
        }
    });
    // How a connection of a program ends is the program's business.
    let _ = builder().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    let tunnel = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, ready)) = tunnel
        && let Ok(upgraded) = upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>()
    {
        tunnel::carry(parts.io.into_inner(), parts.read_buf.to_vec(), ready, shared).await;
    }
}

/// Serves a connection that speaks to one origin.
pub(super) async fn serve_origin(stream: Socket, origin: Origin, shared: &Arc<Shared>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (origin, shared) = (origin.clone(), Arc::clone(shared));
        async move { Ok::<_, Infallible>(answer(request, Some(&origin), &shared).await) }
    });
    let _ = builder().serve_connection(TokioIo::new(stream), service).await;
}

/// Speaks TLS as the host that a program asked for, and serves what is inside.
pub(super) async fn serve_tls(
    stream: Counted,
    destination: Destination,
    port: u16,
    shared: &Arc<Shared>,
) -> Result<(), Error> {
    let shown = format!("{destination}:{port}");
    let failed = |reason| Error::Request { destination: shown.clone(), reason };
    let host = destination.name().ok_or_else(|| failed("a certificate is for a name"))?;
    let acceptor = shared.egress.authority()?.acceptor(host)?;
    let accepted = timeout(GREETING_TIMEOUT, acceptor.accept(stream)).await;
    let stream = accepted.map_err(|_| failed("its TLS took too long"))?;
    let stream = stream.map_err(|source| Error::Tls { destination: shown.clone(), source })?;
    let stream = Socket::Tls(Box::new(stream.into()), None);
    serve_origin(stream, Origin { scheme: Scheme::Https, destination, port }, shared).await;
    Ok(())
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(GREETING_TIMEOUT)
        .max_headers(REQUEST_HEADERS_MAX)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX);
    builder
}

/// Answers CONNECT, and carries what follows.
async fn connect(request: Request<Incoming>, shared: &Arc<Shared>, opened: &Opened) -> Answer {
    let authority = request.uri().authority().map_or("", http::uri::Authority::as_str).to_string();
    let (destination, port) = match split_authority(&authority) {
        Ok((destination, Some(port))) => (destination, port),
        Ok((_, None)) => return turned_away(shared, &authority, "CONNECT names a host and a port"),
        Err(error) => return turned_away(shared, &authority, &crate::connect::reason(&error)),
    };
    // A Host header beside the target must be the same (RFC 9112 §3.2.2), or somebody is being misled.
    let hosts: Vec<&[u8]> =
        request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes).collect();
    let same = |host: &&[u8]| host.eq_ignore_ascii_case(authority.as_bytes());
    if hosts.len() > 1 || !hosts.iter().all(same) {
        return turned_away(shared, &authority, "its Host header names another host");
    }
    match tunnel::prepare(shared, &destination, port).await {
        Err(error) => error_answer(&error),
        Ok(ready) => {
            *opened.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((hyper::upgrade::on(request), ready));
            Response::new(text(""))
        }
    }
}

fn turned_away(shared: &Shared, target: &str, why: &str) -> Answer {
    let shown: String = target.chars().take(260).collect();
    shared.refused(&shown, 0, "egress.host", why);
    plain_answer(StatusCode::FORBIDDEN, format!("hardshell: {why} (egress.host)\n"))
}

/// Answers one request.
async fn answer(request: Request<Incoming>, origin: Option<&Origin>, shared: &Arc<Shared>) -> Answer {
    match forward(request, origin, shared).await {
        Ok(answer) => answer,
        Err(error) => error_answer(&error),
    }
}

async fn forward(
    request: Request<Incoming>,
    origin: Option<&Origin>,
    shared: &Arc<Shared>,
) -> Result<Answer, Error> {
    let redactor = shared.egress.redactor()?;
    let (mut head, incoming) = request.into_parts();
    let url = match target(&head, origin) {
        Ok(url) => url,
        Err(error) => {
            let error = error.redacted(&redactor);
            let shown = origin.map_or_else(|| "(HTTP)".to_string(), |origin| origin.destination.to_string());
            let (rule, why) =
                error.refusal().map_or(("egress.request", error.to_string()), |r| (r.rule, r.why.clone()));
            shared.refused(&shown, origin.map_or(0, |origin| origin.port), rule, &why);
            return Err(error);
        }
    };
    let mut trace = shared.trace(&url.destination.to_string(), url.port);
    trace.request(&head.method, url.path(), Vec::new());
    strip(&mut head.headers);
    let reach = judge(&url, &head, &redactor, shared)
        .inspect_err(|error| tell(&mut trace, error))
        .map_err(|error| error.redacted(&redactor))?;
    let vault = &shared.egress.vault;
    let placeholders = &shared.run.placeholders;
    let (whole, incoming) = match placeholders.need_body(&head.headers) {
        false => (Bytes::new(), incoming.boxed_unsync()),
        true => {
            let collected = Limited::new(incoming, SIGNED_BODY_BYTES_MAX).collect().await;
            let reason = "its body is too large to be signed, or broke off";
            let failed = |_| Error::Request { destination: url.authority(), reason };
            let whole = collected.map_err(failed).inspect_err(|error| tell(&mut trace, error))?.to_bytes();
            (whole.clone(), Full::new(whole).map_err(|never| match never {}).boxed_unsync())
        }
    };
    let swapped = placeholders
        .swap(vault, &shared.run.who, &url, &head.method, &mut head.headers, &whole)
        .inspect_err(|error| trace.refused("egress.secret", &error.to_string()))?;
    for secret in &swapped.misplaced {
        trace.misplaced(secret);
    }
    if !swapped.added.is_empty() && url.scheme == Scheme::Http && reach == Reach::Public {
        let why = "a secret would travel in the clear".to_string();
        let error = Error::from(refusal("egress.secret", &url.destination, url.port, why));
        tell(&mut trace, &error);
        return Err(error);
    }
    trace.request(&head.method, url.path(), swapped.added);
    let body = outgoing(incoming, &redactor, &url);
    send(url, head, body, reach, trace, shared).await.map_err(|error| error.redacted(&redactor))
}

/// The one URL that a request is for.
fn target(head: &http::request::Parts, origin: Option<&Origin>) -> Result<Url, Error> {
    let mismatch = |url: &Url, why: &str| {
        Error::from(refusal("egress.host-mismatch", &url.destination, url.port, why.to_string()))
    };
    let text = match origin {
        None => head.uri.to_string(),
        Some(origin) => {
            let default = origin.scheme.port() == origin.port;
            let port = if default { String::new() } else { format!(":{}", origin.port) };
            format!("{}://{}{port}{}", origin.scheme.as_str(), origin.destination, path_of(&head.uri)?)
        }
    };
    let url: Url = text.parse()?;
    let hosts: Vec<&HeaderValue> = head.headers.get_all(header::HOST).iter().collect();
    let [host] = hosts.as_slice() else {
        return Err(mismatch(&url, "it names its host not at all, or twice"));
    };
    let (named, port) = split_authority(host.to_str().unwrap_or_default())?;
    if named != url.destination || port.unwrap_or(url.scheme.port()) != url.port {
        return Err(mismatch(&url, "its Host header names another host than its connection is for"));
    }
    let lengths = head.headers.get_all(header::CONTENT_LENGTH).iter().count();
    if lengths > 1 || (lengths > 0 && head.headers.contains_key(header::TRANSFER_ENCODING)) {
        return Err(mismatch(&url, "it states its length twice, or in two ways"));
    }
    if head.headers.contains_key(header::UPGRADE) {
        return Err(mismatch(&url, "it asks for another protocol, which would pass by unread"));
    }
    Ok(url)
}

/// Path and query of a request to an origin, which has no more than them.
fn path_of(uri: &http::Uri) -> Result<&str, Error> {
    let path = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if uri.scheme().is_some() || uri.authority().is_some() || !path.starts_with('/') {
        return Err(Error::Url(crate::UrlError::Shape {
            reason: "a request in a tunnel names a path and nothing else",
        }));
    }
    Ok(path)
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether a request may be made. Known secrets in it, other than the host's own, stop it; a run has none of them but
/// by a leak.
fn judge(
    url: &Url,
    head: &http::request::Parts,
    redactor: &Redactor,
    shared: &Shared,
) -> Result<Reach, Error> {
    let reader = url.destination.name().map_or(Reader::Anyone, Reader::Host);
    let leaks = |text: &[u8]| redactor.find_known(text, reader);
    let leak = leaks(url.to_string().as_bytes())
        .or_else(|| head.headers.values().find_map(|value| leaks(value.as_bytes())));
    if let Some(name) = leak {
        let why = format!("it has the secret `{name}` in its URL or headers");
        return Err(refusal("egress.secret", &url.destination, url.port, why).into());
    }
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        let why = format!("{} is not passed on", head.method);
        return Err(refusal("egress.method-or-path", &url.destination, url.port, why).into());
    }
    is_named(&url.destination, url.port)?;
    Ok(shared.run.rules.judge_request(url, &head.method)?)
}

/// The body of a request on its way out. It breaks off where a known secret begins.
fn outgoing(incoming: UnsyncBoxBody<Bytes, hyper::Error>, redactor: &Redactor, url: &Url) -> Outgoing {
    let watch = redactor.watch(url.destination.name());
    let state = (incoming, Some(watch), format!("{}:{}", url.destination, url.port));
    let pieces = futures_util::stream::try_unfold(state, |(mut incoming, watch, shown)| async move {
        let Some(mut watch) = watch else { return Ok(None) };
        let leak = |name: String| {
            Error::Refused(crate::Refusal {
                rule: "egress.secret",
                destination: shown.clone(),
                why: format!("its body has the secret `{name}` in it"),
            })
        };
        match incoming.frame().await {
            None => {
                let rest = watch.finish().map_err(leak)?;
                Ok((!rest.is_empty()).then(|| (Frame::data(Bytes::from(rest)), (incoming, None, shown))))
            }
            Some(Err(_)) => Err(Error::Request { destination: shown, reason: "its body broke off" }),
            Some(Ok(frame)) => {
                let ready = watch.push(frame.into_data().unwrap_or_default()).map_err(leak)?;
                Ok(Some((Frame::data(ready), (incoming, Some(watch), shown))))
            }
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

async fn send(
    url: Url,
    head: http::request::Parts,
    body: Outgoing,
    reach: Reach,
    mut trace: Trace,
    shared: &Arc<Shared>,
) -> Result<Answer, Error> {
    let limits = shared.run.limits;
    let deadline = Deadline::after(limits.total_timeout);
    let connecting = deadline.connecting(&limits);
    let socket = shared.egress.dialer.dial(&mut trace, &url.destination, url.port, reach, connecting).await?;
    let dressed = Dressed { url: url.clone(), headers: head.headers, body };
    let within = (&*shared.run.rules, &limits);
    let exchanged = shared.egress.exchange(&url, &head.method, dressed, socket, within, deadline).await;
    let (answer, connection) = exchanged.inspect_err(|error| tell(&mut trace, error))?;
    let (mut parts, incoming) = answer.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let reason = "it switches to a protocol that was not asked for".to_string();
        trace.failed(&reason);
        return Err(Error::Peer { step: "read the answer of", destination: url.authority(), reason });
    }
    strip(&mut parts.headers);
    let context = BodyContext {
        destination: url.destination,
        port: url.port,
        limits,
        deadline,
        status: parts.status.as_u16(),
        trace,
        connection,
    };
    let body = Body::new(incoming, Coding::Identity, context);
    let pieces = futures_util::stream::try_unfold(body, |mut body| async move {
        Ok(body.chunk().await?.map(|piece| (Frame::data(piece), body)))
    });
    Ok(Response::from_parts(parts, StreamBody::new(pieces).boxed_unsync()))
}

/// What a program is told: the rule, so that its owner can be; never what was sent.
fn error_answer(error: &Error) -> Answer {
    if let Some(refusal) = error.refusal() {
        return plain_answer(StatusCode::FORBIDDEN, format!("hardshell: could not {refusal}\n"));
    }
    let status = match error {
        Error::Url(_) | Error::Request { .. } => StatusCode::BAD_REQUEST,
        Error::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        Error::Refused(_)
        | Error::Resolve { .. }
        | Error::Connect { .. }
        | Error::Tls { .. }
        | Error::Peer { .. }
        | Error::TooLarge { .. }
        | Error::Secret(_)
        | Error::Setup { .. } => StatusCode::BAD_GATEWAY,
    };
    plain_answer(status, format!("hardshell: could not {error}\n"))
}

fn plain_answer(status: StatusCode, message: String) -> Answer {
    let mut answer = Response::new(text(message));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn text(text: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, Error> {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}
