//! The body of an answer, piece by piece, within its limits.

use crate::connect::{Deadline, reason};
use crate::record::Trace;
use crate::{Destination, Error, Limits};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::io::Write;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

/// How much compressed input is taken at a time. Deflate grows input at most about 1,032-fold, so that one step makes
/// at most about 1 MiB before the limit is looked at.
const DECODE_STEP_BYTES: usize = 1024;
/// How much a head, chunk lengths and compressed emptiness may add to what travels, in bytes.
const WIRE_OVERHEAD_BYTES: u64 = 64 * 1024;

/// An answer's body. Dropping it closes the connection.
pub struct Body {
    incoming: Incoming,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    undecoded: Bytes,
    started: bool,
    ended: bool,
    taken: u64,
    given: u64,
    context: BodyContext,
}

/// What a body needs to know of its request.
pub(crate) struct BodyContext {
    pub(crate) destination: Destination,
    pub(crate) port: u16,
    pub(crate) limits: Limits,
    pub(crate) deadline: Deadline,
    pub(crate) status: u16,
    pub(crate) trace: Trace,
    pub(crate) connection: Connection,
}

/// How a body's bytes are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

/// The task that moves the bytes; ends with whoever holds it.
pub(crate) struct Connection(pub(crate) JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Body {
    pub(crate) fn new(incoming: Incoming, coding: Coding, context: BodyContext) -> Self {
        let gzip = match coding {
            Coding::Identity => None,
            Coding::Gzip => Some(MultiGzDecoder::new(Vec::new())),
        };
        Self {
            incoming,
            gzip,
            undecoded: Bytes::new(),
            started: false,
            ended: false,
            taken: 0,
            given: 0,
            context,
        }
    }

    /// The next piece, decompressed, as soon as it is there; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Timeout`], and [`Error::Peer`] when the connection breaks or the body is not
    /// what its headers say. After an error there is nothing more to read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.ended {
            return Ok(None);
        }
        let next = self.next().await;
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.end(None),
            Err(error) => self.end(Some(reason(error))),
        }
        next
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// As for [`Body::chunk`].
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        let mut whole = Vec::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(piece) = self.decoded()? {
                return self.give(piece).map(Some);
            }
            match self.receive().await? {
                Some(piece) => self.undecoded = piece,
                None => return self.last(),
            }
        }
    }

    /// What can be given of what was received.
    fn decoded(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(gzip) = &mut self.gzip else {
            let piece = std::mem::take(&mut self.undecoded);
            return Ok((!piece.is_empty()).then_some(piece));
        };
        while !self.undecoded.is_empty() {
            let step = self.undecoded.split_to(self.undecoded.len().min(DECODE_STEP_BYTES));
            let fed = gzip.write_all(&step).and_then(|()| gzip.flush());
            let made = std::mem::take(gzip.get_mut());
            if fed.is_err() {
                return Err(self.context.broken("its body is not the gzip it says it is".to_string()));
            }
            if !made.is_empty() {
                return Ok(Some(Bytes::from(made)));
            }
        }
        Ok(None)
    }

    /// What is left at the end of what was received.
    fn last(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(mut gzip) = self.gzip.take() else { return Ok(None) };
        if !self.started {
            return Ok(None);
        }
        if gzip.try_finish().is_err() {
            return Err(self.context.broken("its compressed body ends too early".to_string()));
        }
        let made = std::mem::take(gzip.get_mut());
        if made.is_empty() { Ok(None) } else { self.give(Bytes::from(made)).map(Some) }
    }

    fn give(&mut self, piece: Bytes) -> Result<Bytes, Error> {
        self.given = self.given.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.given > self.context.limits.body_bytes_max {
            return Err(self.context.too_large());
        }
        Ok(piece)
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let deadline = self.context.deadline.within(self.context.limits.idle_timeout);
            let frame = match timeout_at(deadline.at, self.incoming.frame()).await {
                Err(_) => {
                    return Err(deadline.passed(
                        "read the answer of",
                        &self.context.destination,
                        self.context.port,
                    ));
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.context.broken(reason(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers are not used by anyone here.
            let Ok(piece) = frame.into_data() else { continue };
            if piece.is_empty() {
                continue;
            }
            self.started = true;
            self.taken = self.taken.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if self.taken > self.context.limits.body_bytes_max.saturating_add(WIRE_OVERHEAD_BYTES) {
                return Err(self.context.too_large());
            }
            return Ok(Some(piece));
        }
    }

    fn end(&mut self, failure: Option<String>) {
        self.ended = true;
        self.context.connection.0.abort();
        match failure {
            None => self.context.trace.closed(Some(self.context.status)),
            Some(why) => self.context.trace.failed(&why),
        }
    }
}

/// A body that is not read to its end was enough for its reader.
impl Drop for Body {
    fn drop(&mut self) {
        if !self.ended {
            self.context.trace.closed(Some(self.context.status));
        }
    }
}

impl BodyContext {
    fn broken(&self, reason: String) -> Error {
        let destination = format!("{}:{}", self.destination, self.port);
        Error::Peer { step: "read the answer of", destination, reason }
    }

    fn too_large(&self) -> Error {
        let destination = format!("{}:{}", self.destination, self.port);
        Error::TooLarge { destination, what: "body", limit: self.limits.body_bytes_max }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("given", &self.given).finish_non_exhaustive()
    }
}
