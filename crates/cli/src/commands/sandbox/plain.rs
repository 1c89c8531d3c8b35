//! Output without the power to do anything to a terminal but show text.
//! (ECMA-48, 5.6 and 8.3; xterm's "Control Sequences")

/// Drops escape sequences and control characters, across the seams of chunks: what is left is text, line ends, tabs,
/// carriage returns and backspaces.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte: one more ends it.
    Intermediate,
    /// In a control sequence (CSI): up to a final byte.
    Sequence,
    /// In a string (OSC, DCS, SOS, PM, APC): up to BEL or ST.
    String,
    /// In a string, after ESC.
    StringEscape,
    /// After the first byte of a two-byte character that may be a C1 control.
    Lead,
    /// In a string, after such a byte.
    StringLead,
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
/// The first byte, in UTF-8, of U+0080 to U+00BF; the controls among them are the first 32.
const LEAD: u8 = 0xc2;

impl Plain {
    /// A filter at the beginning of an output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The harmless part of the next bytes.
    #[must_use]
    pub fn clean(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.state = self.step(*byte, &mut clean);
        }
        clean
    }

    fn step(&self, byte: u8, clean: &mut Vec<u8>) -> State {
        match (self.state, byte) {
            (State::String | State::StringEscape | State::StringLead, BELL) => State::Text,
            (State::StringEscape, b'\\') => State::Text,
            (State::StringLead, 0x9c) => State::Text,
            (State::String | State::StringEscape | State::StringLead, ESCAPE) => State::StringEscape,
            (State::String | State::StringEscape | State::StringLead, LEAD) => State::StringLead,
            (State::String | State::StringEscape | State::StringLead, _) => State::String,
            (_, ESCAPE) => State::Escape,
            // Cancel and substitute end any sequence.
            (State::Escape | State::Intermediate | State::Sequence, 0x18 | 0x1a) => State::Text,
            (State::Escape, b'[') => State::Sequence,
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::String,
            (State::Escape | State::Intermediate, 0x20..=0x2f) => State::Intermediate,
            (State::Escape | State::Intermediate, _) => State::Text,
            (State::Sequence, 0x40..=0x7e) => State::Text,
            (State::Sequence, _) => State::Sequence,
            (State::Lead, 0x9b) => State::Sequence,
            (State::Lead, 0x90 | 0x98 | 0x9d | 0x9e | 0x9f) => State::String,
            (State::Lead, 0x80..=0x9f) => State::Text,
            (State::Lead, 0xa0..=0xbf) => {
                clean.extend([LEAD, byte]);
                State::Text
            }
            (State::Text | State::Lead, LEAD) => State::Lead,
            (State::Text | State::Lead, b'\n' | b'\t' | b'\r' | 0x08 | 0x20..=0x7e | 0xa0..=0xff) => {
                clean.push(byte);
                State::Text
            }
            // The rest of a character; by itself it would be a control to a terminal that is not in UTF-8.
            (State::Text, 0x80..=0x9f) if clean.last().is_some_and(|last| *last >= 0x80) => {
                clean.push(byte);
                State::Text
            }
            (State::Text | State::Lead, _) => State::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_everything_else_goes() {
        let cases: [(&str, &str); 14] = [
            ("plain\ttext\r\n", "plain\ttext\r\n"),
            ("grüße → 日本 \u{1f600}", "grüße → 日本 \u{1f600}"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
            ("\x1bPq sixel \x1b\\after", "after"),
            ("\x1b_kitty\x1b\\after", "after"),
            ("\x1bcreset", "reset"),
            ("\x1b(0lines", "lines"),
            ("\u{9b}31mred", "red"),
            ("\u{9d}0;title\u{9c}after", "after"),
            ("\x07bell\x0e\x0f\x05", "bell"),
            ("\u{a0}no-break\u{bf}", "\u{a0}no-break\u{bf}"),
            ("\x1b]8;;http://x\x1b[mhidden", ""),
        ];
        for (dirty, wanted) in cases {
            let whole = Plain::new().clean(dirty.as_bytes());
            assert_eq!(String::from_utf8_lossy(&whole), wanted, "{dirty:?}");
            let mut filter = Plain::new();
            let split: Vec<u8> = dirty.bytes().flat_map(|byte| filter.clean(&[byte])).collect();
            assert!(!split.contains(&ESCAPE), "{dirty:?}");
        }
    }
}
