//! Texts of others, for terminals, pages and pictures: nothing in them acts, and nothing hides.

/// `text` for SVG and HTML; what neither can hold is written out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

/// `text` with what moves the cursor or hides written out.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if hidden(letter) { letter.escape_unicode().to_string() } else { letter.to_string() })
        .collect()
}

/// Whether a letter moves the cursor, turns the line round, is not seen, or cannot stand in XML.
fn hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_written_out() {
        assert_eq!(escaped("<b>'\"&\u{202e}\u{ffff}\n"), "&lt;b&gt;&#39;&quot;&amp;\\u{202e}\\u{ffff}\\u{a}");
        assert_eq!(plain("<\u{1b}[2J"), "<\\u{1b}[2J");
    }
}
