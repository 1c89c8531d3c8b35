//! One question to one server: the request out, the answer in, each failure in its place.

use crate::classify::PeerError;
use crate::config::Model;
use crate::retry::retry_after;
use crate::trouble::{AskError, Trouble, Wait};
use crate::wire::{self, Decoder, KeyHeader, StreamError};
use domain::{AskModel, ModelTurn, SecretName, Timestamp};
use egress::{Body, Credential, Egress, HeaderMap, HeaderName, HeaderValue, Place, Response, Scope, header};
use std::time::Duration;
use tokio::time::Instant;

/// How much of a refusal is read, in bytes; vendors' have a few hundred.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// How far a question got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// Nothing of it left the house.
    Nobody,
    /// The server may have it.
    Server,
    /// The owner has seen a piece of the answer.
    Owner,
}

/// A question that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) error: AskError,
    pub(crate) reached: Reached,
}

/// One question to one model.
pub(crate) struct Exchange<'a> {
    pub(crate) egress: &'a Egress,
    pub(crate) scope: &'a Scope,
    pub(crate) model: &'a Model,
    /// The moment the exchange starts; later ones are told from the monotonic clock.
    pub(crate) now: Timestamp,
}

impl Exchange<'_> {
    /// Asks once. Every piece of text goes to `draft` as soon as it is there.
    pub(crate) async fn once(
        &self,
        ask: &AskModel,
        draft: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ModelTurn, Broken> {
        let started = Instant::now();
        let nobody = |trouble| self.broken(trouble, Reached::Nobody);
        let request = wire::request(self.model, ask).map_err(nobody)?;
        let names = request.names.clone();
        let outgoing = self.outgoing(request).map_err(nobody)?;
        let response = match self.egress.request(outgoing, self.scope).await {
            Ok(response) => response,
            Err(error) => {
                let reached = if left_the_house(&error) { Reached::Server } else { Reached::Nobody };
                return Err(self.broken(trouble_of(&error, self.model.key()), reached));
            }
        };
        if response.status.as_u16() != 200 || !streams(&response.headers) {
            let now = self.now.after(started.elapsed());
            return Err(Broken { error: self.refused(response, now).await, reached: Reached::Server });
        }
        let mut reached = Reached::Server;
        let mut heard = |text: &str| {
            reached = Reached::Owner;
            draft(text);
        };
        match self.read(response.body, &mut heard).await {
            Ok(whole) => Ok(whole.into_turn(&names, self.model.name().to_string())),
            Err(Failure::Stream(error)) => {
                let mut failed = AskError::of(self.model, error.trouble(self.vendor_model()));
                if let StreamError::Peer(peer) = &error {
                    failed.peer_words = peer.words(&failed.trouble);
                }
                Err(Broken { error: failed, reached })
            }
            Err(Failure::Way(error)) => Err(self.broken(trouble_of(&error, self.model.key()), reached)),
        }
    }

    fn broken(&self, trouble: Trouble, reached: Reached) -> Broken {
        Broken { error: AskError::of(self.model, trouble), reached }
    }

    fn vendor_model(&self) -> &str {
        self.model.vendor_model().unwrap_or_default()
    }

    fn outgoing(&self, request: wire::Request) -> Result<egress::Request, Trouble> {
        let url = request.url.as_str().parse::<egress::Url>();
        let url = url.map_err(|error| Trouble::Refused { why: error.to_string() })?;
        let mut outgoing = egress::Request::post(url, "application/json", request.body);
        for (name, value) in request.headers {
            outgoing = outgoing.header(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        // A compressed stream would wait for its compressor.
        outgoing = outgoing.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(secret) = self.model.key().cloned() {
            let place = match request.key_header {
                KeyHeader::Bearer => Place::Bearer,
                KeyHeader::XApiKey => {
                    Place::Header { name: HeaderName::from_static("x-api-key"), prefix: String::new() }
                }
            };
            outgoing = outgoing.credential(Credential { secret, place });
        }
        Ok(outgoing)
    }

    async fn read(
        &self,
        mut body: Body,
        heard: &mut (dyn FnMut(&str) + Send),
    ) -> Result<wire::Whole, Failure> {
        let decoder = Decoder::new(self.model.kind());
        let mut decoder = decoder.ok_or_else(|| StreamError::Malformed("nobody was asked".to_string()))?;
        while !decoder.is_whole() {
            match body.chunk().await {
                Ok(Some(piece)) => decoder.feed(&piece, heard)?,
                Ok(None) => break,
                Err(error) => return Err(Failure::Way(error)),
            }
        }
        Ok(decoder.finish(heard)?)
    }

    /// What the server meant by an answer that is not a stream.
    async fn refused(&self, response: Response, now: Timestamp) -> AskError {
        let text = |name: &str| response.headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text("content-type").unwrap_or("nothing").to_string();
        let wait = retry_after(text("retry-after-ms"), text("retry-after"), now);
        let status = response.status.as_u16();
        let body = beginning(response.body).await;
        let peer = PeerError::read(&body);
        let is_error =
            serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|body| body.get("error").is_some());
        let trouble = if status == 200 && !is_error {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(60).collect();
            Trouble::Malformed { why: format!("it is `{kind}`, not a stream") }
        } else {
            peer.trouble(status, self.vendor_model())
        };
        let peer_words = if status == 200 && !is_error { None } else { peer.words(&trouble) };
        AskError { peer_words, status: Some(status), retry_after: wait, ..AskError::of(self.model, trouble) }
    }
}

enum Failure {
    Stream(StreamError),
    Way(egress::Error),
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

fn streams(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        kind.as_str(),
        "text/event-stream" | "application/x-ndjson" | "application/ndjson" | "application/jsonl"
    )
}

/// As much of a refusal as is of use; one that breaks off says what it has said.
async fn beginning(mut body: Body) -> String {
    let mut read = Vec::new();
    while let Ok(Some(piece)) = body.chunk().await {
        read.extend_from_slice(&piece);
        if read.len() > REFUSAL_BYTES_MAX {
            read.truncate(REFUSAL_BYTES_MAX);
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn left_the_house(error: &egress::Error) -> bool {
    match error {
        egress::Error::Peer { .. } | egress::Error::TooLarge { .. } => true,
        egress::Error::Timeout { step, .. } => !step.starts_with("connect") && !step.starts_with("find"),
        egress::Error::Url(_)
        | egress::Error::Refused(_)
        | egress::Error::Request { .. }
        | egress::Error::Resolve { .. }
        | egress::Error::Connect { .. }
        | egress::Error::Tls { .. }
        | egress::Error::Secret(_)
        | egress::Error::Setup { .. } => false,
    }
}

fn trouble_of(error: &egress::Error, key: Option<&SecretName>) -> Trouble {
    let unreachable = |why: String| Trouble::Unreachable { why };
    match error {
        egress::Error::Refused(refusal) => Trouble::Refused { why: refusal.to_string() },
        egress::Error::Url(_) | egress::Error::Request { .. } | egress::Error::Setup { .. } => {
            Trouble::Refused { why: error.to_string() }
        }
        egress::Error::Secret(cause) => Trouble::NoKey {
            secret: key.map(ToString::to_string).unwrap_or_default(),
            why: cause.to_string(),
        },
        egress::Error::Resolve { host, source } => unreachable(format!("`{host}` has no address ({source})")),
        egress::Error::Connect { destination, source } => unreachable(format!("`{destination}`: {source}")),
        egress::Error::Tls { destination, source } => {
            unreachable(format!("TLS with `{destination}`: {source}"))
        }
        egress::Error::Timeout { step, after, .. } => timed_out(step, *after, error),
        // The connection broke after the request: before an answer it is as good as unreachable, in it, cut off.
        egress::Error::Peer { .. } => Trouble::Incomplete,
        egress::Error::TooLarge { what, limit, .. } => Trouble::TooLarge {
            what: if *what == "head" { "a head" } else { "a stream" },
            max: usize::try_from(*limit).unwrap_or(usize::MAX),
            unit: "bytes",
        },
    }
}

fn timed_out(step: &str, limit: Duration, error: &egress::Error) -> Trouble {
    if step.starts_with("wait") {
        Trouble::TimedOut { waited_for: Wait::FirstByte, limit }
    } else if step.starts_with("read") {
        Trouble::TimedOut { waited_for: Wait::NextByte, limit }
    } else {
        Trouble::Unreachable { why: error.to_string() }
    }
}
