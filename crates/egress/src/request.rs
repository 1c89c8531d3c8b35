//! What is asked of a server, and what is left of it when the server says to ask elsewhere.

use crate::rules::refusal;
use crate::{Credential, Error, Place, Scheme, Url};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Headers that this client alone decides, or that would let a request mean two things.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];
/// Headers that go along to another origin. Everything else stays: it may be what the first origin was trusted with.
const HARMLESS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT, header::RANGE];

/// What is asked of a server.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method; not `CONNECT` or `TRACE`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers, without `Host`, lengths, connection matters, and secrets.
    pub headers: HeaderMap,
    /// The body, all of it. Secrets of other hosts in it are redacted on the way.
    pub body: Bytes,
    /// Secrets to add.
    pub credentials: Vec<Credential>,
}

impl Request {
    /// A request for `url`, with nothing else.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            credentials: Vec::new(),
        }
    }

    /// A request that brings `body`, with its `Content-Type`.
    #[must_use]
    pub fn post(url: Url, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { method: Method::POST, url, headers, body: body.into(), credentials: Vec::new() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a secret.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// What is asked next when this was answered by a redirect; `None` when the answer leads nowhere.
    pub(crate) fn redirected(&self, status: StatusCode, headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let keeps_method = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => {
                self.method == Method::GET || self.method == Method::HEAD
            }
            StatusCode::SEE_OTHER => self.method == Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let Some(location) = headers.get(header::LOCATION) else { return Ok(None) };
        let failed = |reason| Error::Request { destination: self.url.authority(), reason };
        let location =
            location.to_str().map_err(|_| failed("its answer leads to something that is not a URL"))?;
        let url = self.url.join(location)?;
        if self.url.scheme == Scheme::Https && url.scheme == Scheme::Http {
            let why = "a redirect leads from https to http".to_string();
            return Err(refusal("egress.downgrade", &url.destination, url.port, why).into());
        }
        let mut next = Self { url, ..self.clone() };
        if !keeps_method {
            next.method = Method::GET;
            next.drop_body();
        }
        if !next.url.is_same_origin(&self.url) {
            next.credentials = Vec::new();
            next.headers.retain_only(&HARMLESS);
            if next.method != Method::GET && next.method != Method::HEAD {
                let why = "a redirect leads the request and its body to another origin".to_string();
                return Err(refusal("egress.redirect", &next.url.destination, next.url.port, why).into());
            }
            next.drop_body();
        }
        Ok(Some(next))
    }

    fn drop_body(&mut self) {
        self.body = Bytes::new();
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
            self.headers.remove(name);
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let failed = |reason| Err(Error::Request { destination: self.url.authority(), reason });
        if self.method == Method::CONNECT || self.method == Method::TRACE {
            return failed("the methods CONNECT and TRACE are not used");
        }
        if RESERVED.iter().any(|name| self.headers.contains_key(name)) {
            return failed("it sets a header that this client alone decides");
        }
        let mut places = self.credentials.iter().filter_map(|credential| match &credential.place {
            Place::Header { name, prefix: _ } => Some(name),
            Place::Bearer
            | Place::Basic { .. }
            | Place::Cookie { .. }
            | Place::Aws { .. }
            | Place::Query { .. }
            | Place::Path { .. }
            | Place::Body { .. } => None,
        });
        if places.any(|name| RESERVED.contains(name)) {
            return failed("it puts a secret into a header that this client alone decides");
        }
        let coding = self.headers.get(header::ACCEPT_ENCODING).map(HeaderValue::as_bytes);
        if coding.is_some_and(|coding| coding != b"gzip" && coding != b"identity") {
            return failed("of codings, only gzip and identity can be asked for");
        }
        Ok(())
    }
}

trait RetainOnly {
    fn retain_only(&mut self, names: &[HeaderName]);
}

impl RetainOnly for HeaderMap {
    fn retain_only(&mut self, names: &[HeaderName]) {
        let kept = names.iter().filter_map(|name| Some((name.clone(), self.get(name)?.clone()))).collect();
        *self = kept;
    }
}
