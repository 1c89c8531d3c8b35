//! Server-sent events (WHATWG HTML §9.2.6), with a limit on everything.

use super::StreamError;
use super::lines::{LINE_BYTES_MAX, Lines};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; empty when the server gave none.
    pub(super) name: String,
    /// Its data, the lines joined by line feeds.
    pub(super) data: String,
}

/// Puts events together from bytes.
#[derive(Debug, Default)]
pub(super) struct Events {
    lines: Lines,
    block: Block,
}

/// The lines of an event that is not over yet.
#[derive(Debug, Default)]
struct Block {
    event: Event,
    has_data: bool,
    started: bool,
}

impl Events {
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        take: &mut dyn FnMut(Event) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let Self { lines, block } = self;
        lines.feed(bytes, &mut |line| block.line(line, take))
    }

    /// The stream is over. The standard drops an event that no empty line ends; some servers close right after the
    /// last one, so it is taken if it makes sense, and otherwise the stream was cut in it.
    pub(super) fn finish(
        self,
        take: &mut dyn FnMut(Event) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let Self { lines, mut block } = self;
        lines.finish(&mut |line| block.line(line, take))?;
        block.line("", take).map_err(|error| match error {
            StreamError::Malformed(_) => StreamError::Incomplete,
            StreamError::TooLarge { .. } | StreamError::Incomplete | StreamError::Peer(_) => error,
        })
    }
}

impl Block {
    fn line(
        &mut self,
        line: &str,
        take: &mut dyn FnMut(Event) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let line = if std::mem::replace(&mut self.started, true) {
            line
        } else {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return if std::mem::take(&mut self.has_data) { take(event) } else { Ok(()) };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_string(),
            "data" => return self.data(value),
            // llama.cpp's server writes `error: {…}` where it means an event of that name.
            "error" => {
                self.event.name = "error".to_string();
                return self.data(value);
            }
            // A comment has an empty field; `id` and `retry` are for reconnecting, which nobody does here.
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, value: &str) -> Result<(), StreamError> {
        let data = &mut self.event.data;
        if data.len().saturating_add(value.len()) >= LINE_BYTES_MAX {
            return Err(StreamError::TooLarge { what: "an event", max: LINE_BYTES_MAX, unit: "bytes" });
        }
        if std::mem::replace(&mut self.has_data, true) {
            data.push('\n');
        }
        data.push_str(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Result<Vec<(String, String)>, StreamError> {
        let mut taken = Vec::new();
        let mut events = Events::default();
        let mut take = |event: Event| {
            taken.push((event.name, event.data));
            Ok(())
        };
        for piece in pieces {
            events.feed(piece, &mut take)?;
        }
        events.finish(&mut take)?;
        Ok(taken)
    }

    fn pair(name: &str, data: &str) -> (String, String) {
        (name.into(), data.into())
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (text, wanted) in [
            ("data: a\n\n", vec![pair("", "a")]),
            ("data:a\r\n\r\ndata:  b\r\r", vec![pair("", "a"), pair("", " b")]),
            ("\u{feff}data: a\n\n", vec![pair("", "a")]),
            ("event: x\ndata: 1\ndata: 2\nid: 7\nretry: 3\n\n", vec![pair("x", "1\n2")]),
            (": OPENROUTER PROCESSING\n\n:\n\ndata: a\n\n", vec![pair("", "a")]),
            ("event: ping\n\ndata: a\n\n", vec![pair("", "a")]),
            ("data\n\n", vec![pair("", "")]),
            ("error: {\"code\":500}\n\n", vec![pair("error", "{\"code\":500}")]),
            ("data: [DONE]", vec![pair("", "[DONE]")]),
        ] {
            assert_eq!(events(&[text.as_bytes()]).unwrap(), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_or_not_text_is_refused() {
        let too_large = |what| Err(StreamError::TooLarge { what, max: LINE_BYTES_MAX, unit: "bytes" });
        let line = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(events(&[b"data: ", &line]), too_large("a line"));
        let half = [b"data: ".as_slice(), &vec![b'x'; LINE_BYTES_MAX / 2], b"\n"].concat();
        assert_eq!(events(&[&half, &half, &half]), too_large("an event"));
        assert_eq!(events(&[b"data: \xff\n\n"]), Err(StreamError::Malformed("a line is not UTF-8".into())));
        assert_eq!(events(&["data: é".as_bytes().split_last().unwrap().1]), Err(StreamError::Incomplete));
    }

    proptest! {
        #[test]
        fn the_cutting_does_not_matter(
            text in "(data|event|:|id)?:? ?[aé\\r\\n]{0,5}(data: [bü]\\n){0,3}(\\r\\n|\\n|\\r){0,3}(data: x\\n\\n)?",
            size in 1..5_usize,
        ) {
            let whole = events(&[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(events(&pieces), whole);
        }
    }
}
