//! Requests that are looked into, of plain HTTP or of HTTPS under this home's own certificate: judged, dressed, sent.

use super::{Judge, is_named, tell};
use crate::body::{Body, BodyContext, Coding};
use crate::client::Outgoing;
use crate::connect::Deadline;
use crate::credential::Dressed;
use crate::record::Trace;
use crate::redact::{Reader, Redactor};
use crate::rules::refusal;
use crate::url::split_authority;
use crate::{Destination, Error, Reach, Scheme, Url};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::Frame;
use std::io;

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

/// The body of a request of a program.
type Incoming = UnsyncBoxBody<Bytes, io::Error>;

/// What a tunnel leads to.
#[derive(Debug)]
pub struct Origin {
    pub(super) scheme: Scheme,
    pub(super) destination: Destination,
    pub(super) port: u16,
}

/// A request of a program, as its proxy says that it came.
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The whole URL; path and query in a tunnel.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Judge {
    /// Makes a request as a program asked for it: judged, with what its placeholders stand for, and recorded. `body` is
    /// its body; `origin` what the tunnel that it came through leads to. Gives the head and the body of the answer.
    ///
    /// # Errors
    ///
    /// As of [`Egress::request`](crate::Egress::request).
    pub async fn forward(
        &self,
        mut head: Asked,
        incoming: Incoming,
        origin: Option<&Origin>,
    ) -> Result<(Parts, Body), Error> {
        let redactor = self.egress.redactor()?;
        let url = match target(&head, origin) {
            Ok(url) => url,
            Err(error) => {
                let error = error.redacted(&redactor);
                let shown =
                    origin.map_or_else(|| "(HTTP)".to_string(), |origin| origin.destination.to_string());
                let (rule, why) = error
                    .refusal()
                    .map_or(("egress.request", error.to_string()), |r| (r.rule, r.why.clone()));
                self.refused(&shown, origin.map_or(0, |origin| origin.port), rule, &why);
                return Err(error);
            }
        };
        let mut trace = self.trace(&url.destination.to_string(), url.port);
        trace.request(&head.method, url.path(), Vec::new());
        strip(&mut head.headers);
        let reach = self
            .judge(&url, &head, &redactor)
            .inspect_err(|error| tell(&mut trace, error))
            .map_err(|error| error.redacted(&redactor))?;
        let vault = &self.egress.vault;
        let placeholders = &self.run.placeholders;
        let (whole, incoming) = match placeholders.need_body(&head.headers) {
            false => (Bytes::new(), incoming),
            true => {
                let collected = Limited::new(incoming, SIGNED_BODY_BYTES_MAX).collect().await;
                let reason = "its body is too large to be signed, or broke off";
                let failed = |_| Error::Request { destination: url.authority(), reason };
                let whole =
                    collected.map_err(failed).inspect_err(|error| tell(&mut trace, error))?.to_bytes();
                (whole.clone(), Full::new(whole).map_err(|never| match never {}).boxed_unsync())
            }
        };
        let swapped = placeholders
            .swap(vault, &self.run.who, &url, &head.method, &mut head.headers, &whole)
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
        self.send(url, head, body, reach, trace).await.map_err(|error| error.redacted(&redactor))
    }

    /// Whether a request may be made. Known secrets in it, other than the host's own, stop it; a run has none of them but
    /// by a leak.
    fn judge(&self, url: &Url, head: &Asked, redactor: &Redactor) -> Result<Reach, Error> {
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
        Ok(self.run.rules.judge_request(url, &head.method)?)
    }

    async fn send(
        &self,
        url: Url,
        head: Asked,
        body: Outgoing,
        reach: Reach,
        mut trace: Trace,
    ) -> Result<(Parts, Body), Error> {
        let limits = self.run.limits;
        let deadline = Deadline::after(limits.total_timeout);
        let connecting = deadline.connecting(&limits);
        let socket =
            self.egress.dialer.dial(&mut trace, &url.destination, url.port, reach, connecting).await?;
        let dressed = Dressed { url: url.clone(), headers: head.headers, body };
        let within = (&*self.run.rules, &limits);
        let exchanged = self.egress.exchange(&url, &head.method, dressed, socket, within, deadline).await;
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
        Ok((parts, Body::new(incoming, Coding::Identity, context)))
    }
}

/// The one URL that a request is for.
fn target(head: &Asked, origin: Option<&Origin>) -> Result<Url, Error> {
    let mismatch = |url: &Url, why: &str| {
        Error::from(refusal("egress.host-mismatch", &url.destination, url.port, why.to_string()))
    };
    let text = match origin {
        None => head.target.clone(),
        Some(origin) => {
            let default = origin.scheme.port() == origin.port;
            let port = if default { String::new() } else { format!(":{}", origin.port) };
            format!("{}://{}{port}{}", origin.scheme.as_str(), origin.destination, path_of(&head.target)?)
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
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next().map(HeaderValue::as_bytes);
    if lengths.next().is_some() || (length.is_some() && head.headers.contains_key(header::TRANSFER_ENCODING))
    {
        return Err(mismatch(&url, "it states its length twice, or in two ways"));
    }
    if length.is_some_and(|length| length.is_empty() || !length.iter().all(u8::is_ascii_digit)) {
        return Err(mismatch(&url, "its length is not a number"));
    }
    if head.headers.contains_key(header::UPGRADE) {
        return Err(mismatch(&url, "it asks for another protocol, which would pass by unread"));
    }
    Ok(url)
}

/// Path and query of a request to an origin, which has no more than them.
fn path_of(target: &str) -> Result<String, Error> {
    let uri: Uri = target.parse().unwrap_or_default();
    let path = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if uri.scheme().is_some() || uri.authority().is_some() || path != target || !path.starts_with('/') {
        return Err(Error::Url(crate::UrlError::Shape {
            reason: "a request in a tunnel names a path and nothing else",
        }));
    }
    Ok(path.to_string())
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

/// The body of a request on its way out. It breaks off where a known secret begins.
fn outgoing(incoming: Incoming, redactor: &Redactor, url: &Url) -> Outgoing {
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
