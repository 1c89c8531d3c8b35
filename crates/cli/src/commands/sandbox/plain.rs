//! Output without the power to do anything to a terminal but show text.
//! (ECMA-48, 5.6 and 8.3; xterm's "Control Sequences")

use crate::show;
use std::fmt::Write as _;

/// Drops escape sequences and control characters, across the seams of chunks: what is left is UTF-8 text, line ends,
/// tabs, carriage returns and backspaces. Bytes that are no UTF-8 become U+FFFD; characters that reorder or hide others
/// are written out, as `\u{202e}`.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    state: State,
    /// The first bytes of a character whose last ones have not come yet: three at most.
    begun: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate character: one more ends it.
    Intermediate,
    /// In a control sequence (CSI): up to a final character.
    Sequence,
    /// In a string (OSC, DCS, SOS, PM, APC): up to BEL, ST or a cancel.
    String,
    /// In a string, after ESC.
    StringEscape,
}

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';
/// Cancel and substitute end any sequence.
const CANCEL: char = '\u{18}';
const SUBSTITUTE: char = '\u{1a}';

impl Plain {
    /// A filter at the beginning of an output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The harmless part of the next bytes.
    #[must_use]
    pub fn clean(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut clean = String::with_capacity(all.len());
        let mut seen = 0_usize;
        for piece in all.utf8_chunks() {
            for c in piece.valid().chars() {
                self.state = self.step(c, &mut clean);
            }
            let wrong = piece.invalid();
            seen = seen.saturating_add(piece.valid().len()).saturating_add(wrong.len());
            let unfinished = std::str::from_utf8(wrong).is_err_and(|error| error.error_len().is_none());
            if seen == all.len() && unfinished {
                self.begun = wrong.to_vec();
            } else if !wrong.is_empty() {
                self.state = self.step(char::REPLACEMENT_CHARACTER, &mut clean);
            }
        }
        clean
    }

    fn step(&self, c: char, clean: &mut String) -> State {
        match (self.state, c) {
            (State::String | State::StringEscape, BELL | '\u{9c}' | CANCEL | SUBSTITUTE) => State::Text,
            (State::StringEscape, '\\') => State::Text,
            (State::String | State::StringEscape, ESCAPE) => State::StringEscape,
            (State::String | State::StringEscape, _) => State::String,
            (_, ESCAPE) => State::Escape,
            (_, '\u{9b}') => State::Sequence,
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => State::String,
            (State::Escape | State::Intermediate | State::Sequence, CANCEL | SUBSTITUTE) => State::Text,
            (State::Escape, '[') => State::Sequence,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::String,
            (State::Escape | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape | State::Intermediate, _) => State::Text,
            (State::Sequence, '@'..='~') => State::Text,
            (State::Sequence, _) => State::Sequence,
            (State::Text, c) => {
                if show::misleads(c) {
                    // Writing to a `String` cannot fail.
                    let _written = write!(clean, "\\u{{{:x}}}", u32::from(c));
                } else if !c.is_control() || matches!(c, '\n' | '\t' | '\r' | '\u{8}') {
                    clean.push(c);
                }
                State::Text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_everything_else_goes() {
        let cases: [(&[u8], &str); 21] = [
            (b"plain\ttext\r\n", "plain\ttext\r\n"),
            ("grüße → 日本 \u{1f600}".as_bytes(), "grüße → 日本 \u{1f600}"),
            (b"\x1b[31mred\x1b[0m", "red"),
            (b"\x1b]0;title\x07after", "after"),
            (b"\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
            (b"\x1bPq sixel \x1b\\after", "after"),
            (b"\x1b_kitty\x1b\\after", "after"),
            (b"\x1bcreset", "reset"),
            (b"\x1b(0lines", "lines"),
            ("\u{9b}31mred".as_bytes(), "red"),
            ("\u{9d}0;title\u{9c}after".as_bytes(), "after"),
            ("next\u{85}line".as_bytes(), "nextline"),
            (b"\x07bell\x0e\x0f\x05\x7f", "bell"),
            ("\u{a0}no-break\u{bf}".as_bytes(), "\u{a0}no-break\u{bf}"),
            (b"\x1b]8;;http://x\x1b[mhidden", ""),
            (b"\x9b31m", "\u{fffd}31m"),
            (b"\xe2\x9b31m", "\u{fffd}31m"),
            (b"\xf0\x9f\x9b31m", "\u{fffd}31m"),
            (b"\xc0\x9b\xff", "\u{fffd}\u{fffd}\u{fffd}"),
            ("a\u{202e}b\u{2066}c".as_bytes(), "a\\u{202e}b\\u{2066}c"),
            ("\u{2028}\u{e0041}".as_bytes(), "\\u{2028}\\u{e0041}"),
        ];
        for (dirty, wanted) in cases {
            assert_eq!(Plain::new().clean(dirty), wanted, "{dirty:?}");
        }
    }

    /// What a terminal acts on, whole and in parts.
    const PIECES: [&[u8]; 15] = [
        b"\x1b",
        b"\x1b[",
        b"\x1b]0;",
        b"\x9b",
        b"\xc2\x9b",
        b"\xc2",
        b"\x9d",
        b"\xe2\x80\xae",
        b"\xe2\x80",
        b"\x7f",
        b"\x07",
        b"\x1b\\",
        b"m",
        b"\xf0\x9f\x98\x80",
        b"\xf0\x9f",
    ];

    #[test]
    fn whatever_is_printed_nothing_but_text_is_left_however_it_is_cut() {
        // A generator of Lehmer's: the same outputs at every run.
        let mut state = 20_u64;
        let mut next = |below: u64| {
            state = state * 48_271 % 0x7fff_ffff;
            usize::try_from(state % below).unwrap()
        };
        for _ in 0..20_000 {
            let mut dirty = Vec::new();
            for _ in 0..next(30) {
                match next(2) {
                    0 => dirty.push(u8::try_from(next(256)).unwrap()),
                    _ => dirty.extend(PIECES[next(15)]),
                }
            }
            let whole = Plain::new().clean(&dirty);
            let harmless = |c: char| (!c.is_control() || "\n\t\r\u{8}".contains(c)) && !show::misleads(c);
            assert!(whole.chars().all(harmless), "{dirty:?} {whole:?}");
            let (mut filter, size) = (Plain::new(), next(8) + 1);
            let cut: String = dirty.chunks(size).map(|chunk| filter.clean(chunk)).collect();
            assert_eq!(whole, cut, "{dirty:?}");
        }
    }
}
