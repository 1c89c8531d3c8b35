//! What a text holds that a reader does not see.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The shortest run of base64 that is looked into, in characters: shorter ones are words and ids.
const ENCODED_CHARACTERS_MIN: usize = 32;
/// How many such runs of one text are looked into.
const ENCODED_MAX: usize = 64;

/// What a reader does not see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// What is written in tag characters (U+E0020 to U+E007E), as the ASCII that a model may read it as. The tags of
    /// flags, which stand behind a black flag, do not count.
    pub tags: String,
    /// How many characters have no width and join nothing.
    pub invisible: usize,
    /// How many characters override or isolate the reading direction.
    pub reordering: usize,
}

/// Counts and reads what is hidden in `text`.
#[must_use]
pub fn hidden_in(text: &str) -> Hidden {
    let mut hidden = Hidden::default();
    let mut in_flag = false;
    for c in text.chars() {
        let code = u32::from(c);
        in_flag = c == '\u{1f3f4}' || (in_flag && (0xE0020..=0xE007F).contains(&code));
        if (0xE0020..=0xE007E).contains(&code) && !in_flag {
            hidden.tags.extend(code.checked_sub(0xE0000).and_then(char::from_u32));
        } else if matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            hidden.reordering = hidden.reordering.saturating_add(1);
        } else if is_invisible(c) && !in_flag {
            hidden.invisible = hidden.invisible.saturating_add(1);
        }
    }
    hidden
}

/// Whether `c` is drawn as nothing. The joiners of emoji and the selectors of their form do count elsewhere: text is
/// full of them.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}' | '\u{200c}'
        | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The texts that stand in `text` as base64 and read as text.
pub(crate) fn encoded(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !of_base64(c)).filter(|run| run.len() >= ENCODED_CHARACTERS_MIN);
    runs.take(ENCODED_MAX).filter_map(decoded).collect()
}

fn of_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// What `run` says, where that is a text.
fn decoded(run: &str) -> Option<String> {
    // A run is read as far as it is whole groups of four.
    let whole = run.get(..run.len().checked_sub(run.len().checked_rem(4)?)?)?;
    let bytes = STANDARD_NO_PAD.decode(whole).or_else(|_other| URL_SAFE_NO_PAD.decode(whole)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let readable =
        text.chars().filter(|c| c.is_alphanumeric() || c.is_ascii_punctuation() || *c == ' ').count();
    (readable.saturating_mul(10) >= text.chars().count().saturating_mul(9)).then_some(text)
}

/// `text` with what nobody sees in it made plain, and marked: behind a run of base64 that is a text stands that text,
/// and in place of invisible tag characters what they say.
#[must_use]
pub fn reveal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut read: usize = 0;
    while let Some(first) = rest.chars().next() {
        let run: fn(char) -> bool = match first {
            c if is_tag(c) => is_tag,
            c if of_base64(c) => of_base64,
            _ => |_| false,
        };
        let is_message = is_tag(first) && !out.ends_with(FLAG);
        let length = rest.find(|c| !run(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        if is_message {
            let ascii = piece.chars().filter_map(|c| char::from_u32(u32::from(c).checked_sub(0xE0000)?));
            let said: String = ascii.filter(|c| !c.is_control()).collect();
            out.push_str(&format!("⟦hidden, in invisible characters: {said} ⟧"));
            continue;
        }
        out.push_str(piece);
        if piece.len() >= ENCODED_CHARACTERS_MIN && read < ENCODED_MAX {
            read = read.saturating_add(1);
            if let Some(said) = decoded(piece) {
                out.push_str(&format!(" ⟦hidden, in base64: {said} ⟧"));
            }
        }
    }
    out
}

/// The black flag, before the tag characters of Scotland's and its like.
const FLAG: char = '\u{1f3f4}';

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_read_and_flags_are_flags() {
        let tags: String = "hi".chars().filter_map(|c| char::from_u32(0xE0000 + u32::from(c))).collect();
        let scotland = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";
        for (text, expected) in [
            ("plain".to_string(), Hidden::default()),
            (format!("a{tags}"), Hidden { tags: "hi".into(), ..Hidden::default() }),
            (scotland.to_string(), Hidden::default()),
            ("a\u{200b}b\u{202e}c".to_string(), Hidden { invisible: 1, reordering: 1, ..Hidden::default() }),
        ] {
            assert_eq!(hidden_in(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_hidden_is_shown_where_it_stands_and_the_rest_stays_as_it_is() {
        let tags: String = "obey me".chars().filter_map(|c| char::from_u32(0xE0000 + u32::from(c))).collect();
        let scotland = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} wins";
        let encoded = "SGVsbG8sIHRoaXMgaXMgYSB0ZXh0IHRvIGZpbmQ=";
        for (text, shown) in [
            ("plain, 3f786850e387550fdab836ed7e6dc881de23001b".to_string(), None),
            (scotland.to_string(), None),
            (format!("noon{tags}!"), Some("noon⟦hidden, in invisible characters: obey me ⟧!".to_string())),
            (
                format!("x {encoded}"),
                Some(format!("x {} ⟦hidden, in base64: Hello, this is a text to fi ⟧=", &encoded[..39])),
            ),
        ] {
            assert_eq!(reveal(&text), shown.unwrap_or(text));
        }
    }

    #[test]
    fn base64_is_read_where_it_is_text() {
        assert_eq!(
            encoded("x SGVsbG8sIHRoaXMgaXMgYSB0ZXh0IHRvIGZpbmQ= y"),
            ["Hello, this is a text to find"[..27].to_string()]
        );
        assert_eq!(encoded("3f786850e387550fdab836ed7e6dc881de23001b"), Vec::<String>::new());
    }
}
