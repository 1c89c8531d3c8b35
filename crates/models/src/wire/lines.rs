//! Lines out of bytes that come in any cutting.

use super::StreamError;

/// The longest line, in bytes: one event with a whole file as a tool's argument, JSON-escaped.
pub(super) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Collects bytes until a line is whole. A line ends in LF, CR LF or CR (WHATWG HTML §9.2.5 allows all three, and
/// JSON text has neither raw).
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    after_cr: bool,
}

impl Lines {
    /// Takes `bytes`; gives every line that they end to `line`, without its end.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        line: &mut dyn FnMut(&str) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.pending.len().saturating_add(part.len()) > LINE_BYTES_MAX {
                return Err(StreamError::TooLarge { what: "a line", max: LINE_BYTES_MAX, unit: "bytes" });
            }
            self.pending.extend_from_slice(part);
            let Some((ending, rest)) = rest.split_first() else { break };
            self.after_cr = *ending == b'\r';
            bytes = rest;
            let whole = std::mem::take(&mut self.pending);
            line(utf8(&whole)?)?;
        }
        Ok(())
    }

    /// The stream is over: a last line without an end counts if it makes sense, otherwise the stream was cut in it.
    pub(super) fn finish(
        self,
        line: &mut dyn FnMut(&str) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let whole = utf8(&self.pending).map_err(|_| StreamError::Incomplete)?;
        line(whole).map_err(|error| match error {
            StreamError::Malformed(_) => StreamError::Incomplete,
            StreamError::TooLarge { .. } | StreamError::Incomplete | StreamError::Peer(_) => error,
        })
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, StreamError> {
    std::str::from_utf8(bytes).map_err(|_| StreamError::Malformed("a line is not UTF-8".to_string()))
}
