//! What travels between us and a vendor: a request as bytes, and an answer put together from whatever pieces come.
//!
//! Nothing here reads or writes a socket: a [`Decoder`] is fed bytes, in any cutting, and gives text as soon as it is
//! sure of it, and the whole turn at the end.

mod anthropic;
mod lines;
mod ollama;
mod openai;
mod sse;
mod turn;

use crate::classify::PeerError;
use crate::config::{Model, ModelKind, Reach};
use crate::names::Names;
use crate::prompt::Conversation;
use crate::trouble::Trouble;
use domain::{AskModel, ProposedCall, StopReason, Usage};
use url::Url;

pub use turn::Whole;

/// The most bytes of one answer on the wire, framing included: the longest answers are a few hundred KiB of text, and
/// framing multiplies that by up to fifty.
pub const STREAM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request, but for the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to; always a POST.
    pub url: Url,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// In which header the key goes, and what stands before it.
    pub key_header: KeyHeader,
    /// JSON.
    pub body: Vec<u8>,
    /// The names of the tools in it, to undo.
    pub names: Names,
}

/// How a vendor wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `x-api-key: KEY`.
    XApiKey,
    /// `authorization: Bearer KEY`.
    Bearer,
}

/// Why an answer could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// It is not what the interface promises.
    Malformed(String),
    /// It is larger than we take.
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        max: usize,
        /// Its unit.
        unit: &'static str,
    },
    /// It broke off.
    Incomplete,
    /// The server says in the middle of it that it cannot go on.
    Peer(PeerError),
}

impl StreamError {
    /// What went wrong, in the crate's own words. `vendor_model` is the name that was asked for.
    #[must_use]
    pub fn trouble(&self, vendor_model: &str) -> Trouble {
        match self {
            Self::Malformed(why) => Trouble::Malformed { why: why.clone() },
            Self::TooLarge { what, max, unit } => Trouble::TooLarge { what, max: *max, unit },
            Self::Incomplete => Trouble::Incomplete,
            Self::Peer(error) => error.trouble(200, vendor_model),
        }
    }
}

/// The request that puts `ask` to `model`.
///
/// # Errors
///
/// [`Trouble::BadPrompt`] when the messages cannot be a prompt, or `model` is not asked over HTTP.
pub fn request(model: &Model, ask: &AskModel) -> Result<Request, Trouble> {
    let Reach::Http { base, model: vendor_model, key: _ } = &model.reach else {
        return Err(Trouble::BadPrompt { why: "this model is not asked over HTTP" });
    };
    let conversation = Conversation::new(ask)?;
    let answer_tokens = ask.answer_tokens_max.min(model.answer_tokens).max(1);
    let (path, key_header, body) = match model.kind {
        ModelKind::Anthropic => (
            anthropic::PATH,
            KeyHeader::XApiKey,
            anthropic::body(vendor_model, &conversation, &ask.tools, answer_tokens),
        ),
        ModelKind::Openai => (
            openai::PATH,
            KeyHeader::Bearer,
            openai::body(base, vendor_model, &conversation, &ask.tools, answer_tokens),
        ),
        ModelKind::Ollama => {
            let tokens = ollama::Tokens { context: model.context_tokens, answer: answer_tokens };
            (ollama::PATH, KeyHeader::Bearer, ollama::body(vendor_model, &conversation, &ask.tools, tokens))
        }
        ModelKind::Script | ModelKind::Builtin => {
            return Err(Trouble::BadPrompt { why: "this model is not asked over HTTP" });
        }
    };
    let mut headers = vec![("content-type", "application/json"), ("accept", accept(model.kind))];
    if model.kind == ModelKind::Anthropic {
        headers.push(("anthropic-version", anthropic::VERSION));
    }
    Ok(Request {
        url: below(base, path),
        headers,
        key_header,
        body: body.to_string().into_bytes(),
        names: conversation.names,
    })
}

fn accept(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Anthropic | ModelKind::Openai => "text/event-stream",
        ModelKind::Ollama | ModelKind::Script | ModelKind::Builtin => "application/x-ndjson",
    }
}

/// `base` with `path` behind it. An address that already ends in a part of `path` is not doubled: people write
/// `https://api.anthropic.com` and `https://api.anthropic.com/v1` for the same thing.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let have = base.path().trim_end_matches('/');
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let doubled = !first.is_empty() && have.ends_with(&format!("/{first}"));
    let path = if doubled { path.trim_start_matches('/').strip_prefix(first).unwrap_or(path) } else { path };
    url.set_path(&format!("{have}{path}"));
    url
}

/// Takes an answer apart, piece by piece.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    bytes: usize,
}

#[derive(Debug)]
enum Format {
    Anthropic(sse::Events, anthropic::Answer),
    Openai(sse::Events, openai::Answer),
    Ollama(lines::Lines, ollama::Answer),
}

impl Decoder {
    /// A decoder for the answers of `kind`; none for kinds that are not asked over HTTP.
    #[must_use]
    pub fn new(kind: ModelKind) -> Option<Self> {
        let format = match kind {
            ModelKind::Anthropic => Format::Anthropic(sse::Events::default(), anthropic::Answer::default()),
            ModelKind::Openai => Format::Openai(sse::Events::default(), openai::Answer::default()),
            ModelKind::Ollama => Format::Ollama(lines::Lines::default(), ollama::Answer::default()),
            ModelKind::Script | ModelKind::Builtin => return None,
        };
        Some(Self { format, bytes: 0 })
    }

    /// Takes the next bytes; hands every piece of text that becomes known to `text`.
    ///
    /// # Errors
    ///
    /// [`StreamError`] when what has come so far cannot become an answer; the decoder is of no use after that.
    pub fn feed(&mut self, bytes: &[u8], text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > STREAM_BYTES_MAX {
            return Err(StreamError::TooLarge { what: "a stream", max: STREAM_BYTES_MAX, unit: "bytes" });
        }
        match &mut self.format {
            Format::Anthropic(events, answer) => events.feed(bytes, &mut |event| answer.event(&event, text)),
            Format::Openai(events, answer) => events.feed(bytes, &mut |event| answer.event(&event, text)),
            Format::Ollama(lines, answer) => lines.feed(bytes, &mut |line| answer.line(line, text)),
        }
    }

    /// Whether the answer is whole and nothing further need be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match &self.format {
            Format::Anthropic(_, answer) => answer.is_whole(),
            Format::Openai(_, answer) => answer.is_whole(),
            Format::Ollama(_, answer) => answer.is_whole(),
        }
    }

    /// The answer, once the other side has closed the stream or [`Decoder::is_whole`] says so. Tool names are still
    /// those of the wire.
    ///
    /// # Errors
    ///
    /// [`StreamError::Incomplete`] when the end of the answer never came.
    pub fn finish(self, text: &mut dyn FnMut(&str)) -> Result<Whole, StreamError> {
        match self.format {
            Format::Anthropic(events, mut answer) => {
                events.finish(&mut |event| answer.event(&event, text))?;
                answer.finish()
            }
            Format::Openai(events, mut answer) => {
                events.finish(&mut |event| answer.event(&event, text))?;
                answer.finish()
            }
            Format::Ollama(lines, mut answer) => {
                lines.finish(&mut |line| answer.line(line, text))?;
                answer.finish()
            }
        }
    }
}

/// Decodes `bytes` at once and in pieces of one, two and seven bytes, and panics when the answers differ: for fuzzing
/// and for the corpus.
#[doc(hidden)]
pub fn check_cutting(kind: ModelKind, bytes: &[u8]) {
    let decode = |size: usize| {
        let mut draft = String::new();
        let mut text = |piece: &str| draft.push_str(piece);
        let whole = Decoder::new(kind).map(|mut decoder| {
            let mut pieces = bytes.chunks(size.max(1));
            pieces
                .try_for_each(|piece| decoder.feed(piece, &mut text))
                .and_then(|()| decoder.finish(&mut text))
        });
        (draft, whole)
    };
    let at_once = decode(bytes.len());
    for size in [1, 2, 7] {
        assert_eq!(decode(size), at_once, "in pieces of {size} bytes");
    }
}

#[cfg(test)]
mod tests;
