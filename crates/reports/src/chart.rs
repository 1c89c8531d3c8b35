//! Bar charts as SVG: no script, no font of our own, every text escaped.

use std::fmt::Write as _;

/// One bar: what it is of, how much, and how much of that is to be marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// How much.
    pub count: u64,
    /// How much more, drawn behind it in the colour of warnings.
    pub marked: u64,
}

const WIDTH: u64 = 720;
const ROW: u64 = 22;
const NAME_WIDTH: u64 = 260;
const COUNT_WIDTH: u64 = 90;
const TITLE: u64 = 34;
/// The longest name that is shown, in characters; the rest is in the words.
const NAME_CHARACTERS_MAX: usize = 40;
/// The most bars of one chart.
const BARS_MAX: usize = 60;

/// A chart of horizontal bars under a title, as one SVG document.
#[must_use]
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let shown = bars.get(..BARS_MAX).unwrap_or(bars);
    let most = shown.iter().map(|bar| bar.count.saturating_add(bar.marked)).max().unwrap_or(0).max(1);
    let rows = u64::try_from(shown.len()).unwrap_or(0);
    let height = TITLE.saturating_add(rows.max(1).saturating_mul(ROW)).saturating_add(10);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\"><title>{}</title><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/><text x=\"8\" y=\"22\" font-size=\"15\" font-weight=\"bold\" fill=\"#1c1c1c\">{}</text>",
        escaped(title),
        escaped(title)
    );
    if shown.is_empty() {
        // Writing to a String cannot fail, here and below.
        let _ =
            write!(out, "<text x=\"8\" y=\"{}\" fill=\"#555555\">nothing</text>", TITLE.saturating_add(16));
    }
    let room = WIDTH.saturating_sub(NAME_WIDTH).saturating_sub(COUNT_WIDTH);
    let width = |count: u64| room.saturating_mul(count) / most;
    for (row, bar) in (0_u64..).zip(shown) {
        let top = TITLE.saturating_add(row.saturating_mul(ROW));
        let base = top.saturating_add(15);
        let name: String = bar.name.chars().take(NAME_CHARACTERS_MAX).collect();
        let cut = if bar.name.chars().count() > NAME_CHARACTERS_MAX { "…" } else { "" };
        let (plain, marked) = (width(bar.count), width(bar.marked));
        let after = NAME_WIDTH.saturating_add(plain);
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\" fill=\"#1c1c1c\">{}{cut}</text><rect x=\"{NAME_WIDTH}\" y=\"{}\" width=\"{plain}\" height=\"14\" fill=\"#2f6f8f\"/><rect x=\"{after}\" y=\"{}\" width=\"{marked}\" height=\"14\" fill=\"#b3412e\"/><text x=\"{}\" y=\"{base}\" fill=\"#1c1c1c\">{}</text>",
            NAME_WIDTH.saturating_sub(8),
            escaped(&name),
            top.saturating_add(4),
            top.saturating_add(4),
            after.saturating_add(marked).saturating_add(6),
            if bar.marked > 0 { format!("{} + {}", bar.count, bar.marked) } else { bar.count.to_string() },
        );
    }
    out.push_str("</svg>");
    out
}

/// `text` for SVG and HTML; what neither can hold is written out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if hidden(letter) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Whether a letter moves the cursor, turns the line round, or is not seen.
pub(crate) fn hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_escapes_what_it_shows_and_marks_what_it_must() {
        let bar = Bar { name: "<script>\u{202e}&".to_string(), count: 3, marked: 1 };
        let chart = bars("Refusals & \"more\"", &[bar]);
        assert!(chart.contains("&lt;script&gt;\\u{202e}&amp;"), "{chart}");
        assert!(!chart.contains("<script"), "{chart}");
        assert!(chart.contains("3 + 1"));
        assert!(bars("none", &[]).contains("nothing"));
    }
}
