//! One HTTP/1.1 request, judged at every hop, over a connection of its own.

use crate::body::{Body, BodyContext, Coding, Connection};
use crate::connect::{Deadline, Inside, reason};
use crate::credential::{Dressed, dress};
use crate::record::Trace;
use crate::redact::{Reader, Redactor};
use crate::rules::refusal;
use crate::socket::{Counted, Socket};
use crate::{Egress, Error, Limits, Reach, Refusal, Request, Rules, Scheme, Url};
use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::time::timeout_at;

/// The most headers an answer may have.
const ANSWER_HEADERS_MAX: usize = 100;
/// The smallest buffer that hyper reads a head into, in bytes.
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// The body of a request, on its way out.
pub(crate) type Outgoing = UnsyncBoxBody<Bytes, Error>;

/// On whose behalf, within what.
#[derive(Clone, Debug)]
pub struct Scope {
    /// For whom, as records and the vault show it: `model openai`, `mail`, `run 17`.
    pub who: String,
    /// What may be reached.
    pub rules: Arc<Rules>,
    /// How much and how long.
    pub limits: Limits,
}

/// What a server answered. The body is still to be read.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, less those about the connection and the coding of the body.
    pub headers: HeaderMap,
    /// The URL that answered, after redirects, without secrets.
    pub url: Url,
    /// The body, piece by piece.
    pub body: Body,
}

impl Egress {
    /// Sends one request and returns as soon as the head of the answer is there.
    ///
    /// The URL, every redirect, every address the names have, are judged against `scope`; each attempt is recorded.
    /// Secrets are added last. A known secret, or what looks like a key, is refused in the URL and in a header and
    /// redacted in the body, unless it is the host's own.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when something may not go out; [`Error::Secret`] when a secret is not there or not for the
    /// host; [`Error::Request`] when the request is not one; the others when the peer or the network fails.
    pub async fn request(&self, request: Request, scope: &Scope) -> Result<Response, Error> {
        let redactor = self.redactor()?;
        self.follow(request, scope, &redactor).await.map_err(|error| error.redacted(&redactor))
    }

    async fn follow(&self, request: Request, scope: &Scope, redactor: &Redactor) -> Result<Response, Error> {
        let deadline = Deadline::after(scope.limits.total_timeout);
        let mut request = request;
        for hop in 0..=scope.limits.redirects_max {
            let response = self.hop(&request, scope, redactor, deadline).await?;
            if hop == scope.limits.redirects_max && hop > 0 && response.status.is_redirection() {
                break;
            }
            if scope.limits.redirects_max == 0 {
                return Ok(response);
            }
            let next = next_of(&request, &response, redactor);
            match next
                .inspect_err(|error| record_refusal(&mut self.trace(&request, scope, redactor), error))?
            {
                Some(next) => request = next,
                None => return Ok(response),
            }
        }
        let why = format!("more than {} redirects", scope.limits.redirects_max);
        Err(refusal("egress.redirect", &request.url.destination, request.url.port, why).into())
    }

    /// One request to one server.
    async fn hop(
        &self,
        request: &Request,
        scope: &Scope,
        redactor: &Redactor,
        deadline: Deadline,
    ) -> Result<Response, Error> {
        let url = &request.url;
        let (mut trace, dressed, reach) = self.admit(request, scope, redactor)?;
        let connecting = deadline.connecting(&scope.limits);
        let socket = self.dialer.dial(&mut trace, &url.destination, url.port, reach, connecting).await?;
        let within = (&*scope.rules, &scope.limits);
        let exchanged = self.exchange(url, &request.method, dressed, socket, within, deadline).await;
        match exchanged {
            Ok((answer, connection)) => finish(request, answer, connection, trace, scope, deadline),
            Err(error) => {
                trace.failed(&reason(&error));
                Err(error)
            }
        }
    }

    /// Judges a request, and records it when it is refused.
    pub(crate) fn admit(
        &self,
        request: &Request,
        scope: &Scope,
        redactor: &Redactor,
    ) -> Result<(Trace, Dressed<Outgoing>, Reach), Error> {
        let mut trace = self.trace(request, scope, redactor);
        match request.check().and_then(|()| self.judge(request, scope, redactor)) {
            Ok((dressed, reach)) => Ok((trace, dressed, reach)),
            Err(error) => {
                record_refusal(&mut trace, &error);
                Err(error)
            }
        }
    }

    fn trace(&self, request: &Request, scope: &Scope, redactor: &Redactor) -> Trace {
        let url = &request.url;
        let shown = url.destination.to_string();
        let mut trace = Trace::new(self.observer(), Some(redactor.clone()), &scope.who, &shown, url.port);
        let secrets = request.credentials.iter().map(|credential| credential.secret.clone()).collect();
        trace.request(&request.method, url.path(), secrets);
        trace
    }

    /// What will be sent, if the rules let it.
    fn judge(
        &self,
        request: &Request,
        scope: &Scope,
        redactor: &Redactor,
    ) -> Result<(Dressed<Outgoing>, Reach), Error> {
        let url = &request.url;
        let host = url.destination.name();
        let reader = host.map_or(Reader::Anyone, Reader::Host);
        let leaks = |text: &[u8]| redactor.find(text, reader);
        let refuse = |what: &str, name: String| -> Refusal {
            refusal(
                "egress.secret",
                &url.destination,
                url.port,
                format!("its {what} has the secret `{name}` in it"),
            )
        };
        if let Some(name) = leaks(url.to_string().as_bytes()) {
            return Err(refuse("URL", name).into());
        }
        if let Some(name) = request.headers.values().find_map(|value| leaks(value.as_bytes())) {
            return Err(refuse("headers", name).into());
        }
        let reach = scope.rules.judge_request(url, &request.method)?;
        if url.scheme == Scheme::Http && reach == Reach::Public && !request.credentials.is_empty() {
            let why = "a secret would travel in the clear".to_string();
            return Err(refusal("egress.secret", &url.destination, url.port, why).into());
        }
        let body = match redactor.redact_bytes(&request.body, reader) {
            std::borrow::Cow::Borrowed(_) => request.body.clone(),
            std::borrow::Cow::Owned(redacted) => Bytes::from(redacted),
        };
        let mut headers = request.headers.clone();
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("hardshell/", env!("CARGO_PKG_VERSION"))));
        let Dressed { url, headers, body } = dress(&self.vault, request, host, headers, body, &scope.who)?;
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        Ok((Dressed { url, headers, body }, reach))
    }

    /// Sends what was judged and dressed for `url`, over `socket`, and waits for the head of the answer.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        method: &Method,
        dressed: Dressed<Outgoing>,
        socket: Counted,
        (rules, limits): (&Rules, &Limits),
        deadline: Deadline,
    ) -> Result<(http::Response<Incoming>, Connection), Error> {
        let socket = match url.scheme {
            Scheme::Http => Socket::Plain(socket),
            Scheme::Https => {
                let connecting = deadline.connecting(limits);
                let (to, trust) = (&url.destination, rules.trust());
                self.dialer.wrap(socket, to, url.port, Inside::Http, trust, connecting).await?
            }
        };
        let broken = |error: hyper::Error| peer_error(&error, url, limits);
        let mut builder = http1::Builder::new();
        builder.max_headers(ANSWER_HEADERS_MAX).max_buf_size(limits.head_bytes_max.max(HEAD_BYTES_MIN));
        let (mut sender, connection) =
            builder.handshake::<_, Outgoing>(TokioIo::new(socket)).await.map_err(broken)?;
        let connection = Connection(tokio::spawn(async move {
            // How it ended is told to whoever reads the answer.
            let _ = connection.await;
        }));
        let mut message = http::Request::new(dressed.body);
        *message.method_mut() = method.clone();
        *message.uri_mut() = dressed.url.path_and_query().parse().map_err(|_| Error::Request {
            destination: url.authority(),
            reason: "its path or query is not one for HTTP",
        })?;
        *message.headers_mut() = dressed.headers;
        let host = HeaderValue::from_str(&url.authority()).map_err(|_| Error::Request {
            destination: url.authority(),
            reason: "its host is not one for HTTP",
        })?;
        message.headers_mut().insert(header::HOST, host);
        message.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let head_deadline = deadline.within(limits.head_timeout);
        match timeout_at(head_deadline.at, sender.send_request(message)).await {
            Ok(Ok(answer)) => Ok((answer, connection)),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(head_deadline.passed("wait for the answer of", &url.destination, url.port)),
        }
    }
}

/// What is asked next. A server that repeats a secret of the request in its redirect would have it shown in URLs.
fn next_of(request: &Request, response: &Response, redactor: &Redactor) -> Result<Option<Request>, Error> {
    let next = request.redirected(response.status, &response.headers)?;
    let repeated =
        next.as_ref().and_then(|next| redactor.find_known(next.url.to_string().as_bytes(), Reader::Anyone));
    match repeated {
        None => Ok(next),
        Some(name) => {
            let why = format!("a redirect has the secret `{name}` in its URL");
            Err(refusal("egress.secret", &request.url.destination, request.url.port, why).into())
        }
    }
}

/// Records why a request was not let out.
fn record_refusal(trace: &mut Trace, error: &Error) {
    match error.refusal() {
        Some(refusal) => trace.refused(refusal.rule, &refusal.why),
        None => trace.refused("egress.request", &reason(error)),
    }
}

/// Judges the head of an answer and hands it over.
fn finish(
    request: &Request,
    answer: http::Response<Incoming>,
    connection: Connection,
    mut trace: Trace,
    scope: &Scope,
    deadline: Deadline,
) -> Result<Response, Error> {
    let (head, incoming) = answer.into_parts();
    let coding = match judge_head(&head, scope.limits.body_bytes_max) {
        Ok(coding) => coding,
        Err(why) => {
            trace.failed(why);
            let destination = request.url.authority();
            return Err(Error::Peer { step: "read the answer of", destination, reason: why.to_string() });
        }
    };
    let mut headers = head.headers;
    for name in
        [header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION]
    {
        headers.remove(name);
    }
    let context = BodyContext {
        destination: request.url.destination.clone(),
        port: request.url.port,
        limits: scope.limits,
        deadline,
        status: head.status.as_u16(),
        trace,
        connection,
    };
    let body = Body::new(incoming, coding, context);
    Ok(Response { status: head.status, headers, url: request.url.clone(), body })
}

/// How the body is coded, if the head is one that means one thing.
fn judge_head(head: &http::response::Parts, body_bytes_max: u64) -> Result<Coding, &'static str> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err("it switches to a protocol that was not asked for");
    }
    let lengths: Vec<&HeaderValue> = head.headers.get_all(header::CONTENT_LENGTH).iter().collect();
    if lengths.len() > 1 {
        return Err("it states its length twice");
    }
    if !lengths.is_empty() && head.headers.contains_key(header::TRANSFER_ENCODING) {
        return Err("it states its length in two ways");
    }
    let length =
        lengths.first().and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > body_bytes_max) {
        return Err("its body is larger than the limit");
    }
    let codings: Vec<&[u8]> =
        head.headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    match codings.as_slice() {
        [] => Ok(Coding::Identity),
        [one] if one.eq_ignore_ascii_case(b"identity") || one.is_empty() => Ok(Coding::Identity),
        [one] if one.eq_ignore_ascii_case(b"gzip") || one.eq_ignore_ascii_case(b"x-gzip") => Ok(Coding::Gzip),
        _ => Err("its body is in a coding that was not asked for"),
    }
}

fn peer_error(error: &hyper::Error, url: &Url, limits: &Limits) -> Error {
    let destination = url.authority();
    if error.is_parse_too_large() {
        let limit = u64::try_from(limits.head_bytes_max.max(HEAD_BYTES_MIN)).unwrap_or(u64::MAX);
        return Error::TooLarge { destination, what: "head", limit };
    }
    Error::Peer { step: "read the answer of", destination, reason: reason(error) }
}
