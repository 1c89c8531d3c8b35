//! Redaction of text that comes in pieces: what might be the beginning of a secret waits for the rest of it.

use super::{Reader, Redactor, Span, What, merge, shape};
use bytes::Bytes;
use domain::Host;
use zeroize::Zeroizing;

/// Takes pieces and gives them back without secrets. Together the results are what [`Redactor::redact_bytes`] makes of
/// the pieces together, however they were cut. At most the length of the longest form of a secret, or of a key shape
/// that has begun, is held back; ordinary text passes at once.
pub struct RedactStream {
    redactor: Redactor,
    pub(super) held: Zeroizing<Vec<u8>>,
    /// How many bytes at the beginning of `held` belong to something that was replaced already.
    covered: usize,
    /// The byte before `held`.
    before: Option<u8>,
}

impl RedactStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, held: Zeroizing::default(), covered: 0, before: None }
    }

    /// Takes the next piece; gives what is certain by now.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.advance(shape::Edge::More)
    }

    /// Gives what was still held back. Nothing comes after it.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.advance(shape::Edge::End)
    }

    fn advance(&mut self, edge: shape::Edge) -> Vec<u8> {
        let bytes = &self.held;
        let mut spans = Vec::new();
        if self.covered > 0 {
            spans.push(Span { start: 0, end: self.covered, what: What::Covered });
        }
        self.redactor.find_secrets(bytes, Reader::Anyone, &mut spans);
        let shapes = &self.redactor.0.shapes;
        let shape_begun = shapes.find(bytes, self.before, edge, &mut spans);
        let cut = match edge {
            shape::Edge::End => bytes.len(),
            shape::Edge::More => {
                let begun = self.redactor.0.patterns.first_begun(bytes).unwrap_or(bytes.len());
                begun.min(shape_begun)
            }
        };
        // INVARIANT: a span that starts before `cut` is complete, and none that starts earlier can still appear.
        spans.retain(|span| span.start < cut);
        let mut spans = merge(spans);
        let covered = spans.last().map_or(0, |span| span.end).max(self.covered);
        self.covered = covered.saturating_sub(cut);
        if let Some(last) = spans.last_mut() {
            last.end = last.end.min(cut);
        }
        let (ready, _) = bytes.split_at_checked(cut).unwrap_or((bytes, &[]));
        let mut out = Vec::with_capacity(ready.len());
        self.redactor.render(ready, &spans, &mut out);
        self.before = ready.last().copied().or(self.before);
        let rest = Zeroizing::new(bytes.get(cut..).unwrap_or_default().to_vec());
        self.held = rest;
        out
    }
}

/// Lets bytes pass until a secret of the vault begins in them.
pub(crate) struct Watch {
    pub(super) redactor: Redactor,
    pub(super) host: Option<Host>,
    pub(super) held: Zeroizing<Vec<u8>>,
}

impl Watch {
    /// Takes the next piece; gives what is certain by now, or the name of the secret in it.
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<Bytes, String> {
        let held = std::mem::take(&mut self.held);
        let mut ready = if held.is_empty() { piece } else { [&held, &*piece].concat().into() };
        self.judge(&ready)?;
        let cut = self.redactor.0.patterns.first_begun(&ready).unwrap_or(ready.len());
        self.held = Zeroizing::new(ready.split_off(cut).to_vec());
        Ok(ready)
    }

    /// Gives what was still held back.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, String> {
        self.judge(&self.held)?;
        Ok(std::mem::take(&mut *self.held))
    }

    fn judge(&self, bytes: &[u8]) -> Result<(), String> {
        let reader = self.host.as_ref().map_or(Reader::Anyone, Reader::Host);
        self.redactor.find_known(bytes, reader).map_or(Ok(()), Err)
    }
}
