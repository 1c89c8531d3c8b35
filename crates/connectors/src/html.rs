//! HTML becomes readable text: no scripts, no pictures, links numbered and defanged.
//!
//! Text that a page hides (by style, colour, size) is kept and marked, and what stands in comments, metadata and
//! attributes is listed: whoever reads it knows that nobody was meant to see it.

mod concealed;

use html2text::config;
use html2text::render::TextDecorator;
use std::cell::RefCell;
use std::rc::Rc;

/// The most HTML that is read, in bytes: the text of a long book, and bounded work.
pub(crate) const HTML_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The deepest nesting that is rendered; the renderer's work grows with its square. No page of a person's has as much.
const DEPTH_MAX: usize = 256;
/// The most links that are listed.
const LINKS_MAX: usize = 500;
/// The longest link that is listed, in bytes.
const LINK_BYTES_MAX: usize = 2_000;
/// The width of a line, in characters.
const WIDTH: usize = 100;

/// What an HTML document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its title, on one line.
    pub title: String,
    /// Its text; `⟦3⟧` stands behind the text of the third link.
    pub text: String,
    /// Where its links lead, as written.
    pub links: Vec<String>,
    /// What it holds and shows nobody: comments, metadata, attributes, in words.
    pub concealed: Vec<String>,
}

/// Reads HTML. Never fails: what is no HTML is text.
#[must_use]
pub fn read(html: &str) -> Page {
    let cut = (0..=HTML_BYTES_MAX.min(html.len())).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
    let html = html.get(..cut).unwrap_or_default();
    let title = title(html);
    if depth(html) > DEPTH_MAX {
        return Page { title, text: stripped(html), ..Page::default() };
    }
    let links = Rc::new(RefCell::new(Vec::new()));
    let reader =
        config::with_decorator(Plain { links: Rc::clone(&links) }).raw_mode(true).allow_width_overflow();
    let mut concealed = Vec::new();
    let rendered = reader.parse_html(html.as_bytes()).and_then(|dom| {
        concealed = concealed::mark(&dom.document);
        reader.render_to_string(reader.dom_to_render_tree(&dom)?, WIDTH)
    });
    let text = rendered.map_or_else(|_too_narrow| stripped(html), |text| tidy(&text));
    let links = links.borrow().clone();
    Page { title, text, links, concealed }
}

/// What a page conceals, as an end of its text.
pub(crate) fn concealed_in_words(concealed: &[String]) -> String {
    if concealed.is_empty() {
        return String::new();
    }
    let lines: String = concealed.iter().map(|line| format!("\n⟦hidden: {line} ⟧")).collect();
    format!("\n\nIn it, and shown to nobody:{lines}")
}

/// A URL that nobody follows by accident: `hxxps://example[.]org/path`.
#[must_use]
pub fn defang(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let scheme = scheme.to_ascii_lowercase().replace("http", "hxxp");
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{}{path}", host.replace('.', "[.]"))
}

/// At most one empty line in a row, no white space at the end of a line.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.trim_matches('\n').to_string()
}

fn title(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let inside = lower.find("<title").and_then(|start| {
        let open = start.checked_add(lower.get(start..)?.find('>')?)?.checked_add(1)?;
        let end = open.checked_add(lower.get(open..)?.find("</title")?)?;
        html.get(open..end)
    });
    let plain = stripped(inside.unwrap_or_default());
    plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// How deep elements are nested at most, as far as their tags say so. Elements that close themselves or each other are
/// not counted.
fn depth(html: &str) -> usize {
    const FLAT: [&str; 27] = [
        "p", "br", "hr", "img", "input", "meta", "link", "li", "td", "th", "tr", "option", "dt", "dd",
        "area", "base", "col", "embed", "source", "track", "wbr", "param", "thead", "tbody", "tfoot", "html",
        "body",
    ];
    let mut depth = 0_usize;
    let mut deepest = 0;
    for piece in html.split('<').skip(1) {
        let (closing, rest) = piece.strip_prefix('/').map_or((false, piece), |rest| (true, rest));
        let name: String = rest.chars().take(12).take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() || FLAT.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        depth = if closing { depth.saturating_sub(1) } else { depth.saturating_add(1) };
        deepest = deepest.max(depth);
    }
    // A flat element can be nested too, by what stands around it; a document of nothing else is caught here.
    deepest
}

/// What is left without tags, for documents that are not rendered; entities of one character are read.
fn stripped(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut pieces = html.split('<');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once('>') {
            Some((_tag, after)) => {
                text.push(' ');
                text.push_str(after);
            }
            None => text.push_str(piece),
        }
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Plain text with numbered links, kept for the end.
#[derive(Clone, Debug)]
struct Plain {
    links: Rc<RefCell<Vec<String>>>,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        let mut links = self.links.borrow_mut();
        if links.len() < LINKS_MAX && url.len() <= LINK_BYTES_MAX {
            links.push(url.to_string());
        }
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        format!("⟦{}⟧", self.links.borrow().len())
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    /// The words that stand for a picture are text too.
    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, ()) {
        (if title.trim().is_empty() { String::new() } else { format!("[picture: {title}]") }, ())
    }

    fn header_prefix(&self, level: usize) -> String {
        format!("{} ", "#".repeat(level.min(6)))
    }

    fn quote_prefix(&self) -> String {
        "> ".to_string()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_string()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }

    fn finalise(&mut self, _urls: Vec<String>) -> Vec<html2text::render::TaggedLine<()>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_without_what_is_not_text() {
        let page = read(
            "<html><head><title> A &amp; B\n page</title><script>steal()</script><style>p{}</style></head><body><h1>Hi</h1>\
             <p>See <a href=\"https://example.org/a?b=c\">this</a> or <a href='/x'>that</a>.</p>\
             <img src=https://t.example/p.gif alt=\"a cat\"><table><tr><td>1</td><td>2</td></tr></table>\
             <p style=\"display:none\">hidden words</p></body></html>",
        );
        assert_eq!(page.title, "A & B page");
        assert_eq!(page.links, ["https://example.org/a?b=c", "/x"]);
        for piece in ["# Hi", "See this⟦1⟧ or that⟦2⟧.", "[picture: a cat]", "hidden words"] {
            assert!(page.text.contains(piece), "{piece}: {}", page.text);
        }
        assert!(!page.text.contains("steal") && !page.text.contains("t.example"), "{}", page.text);
    }

    #[test]
    fn a_hostile_document_costs_no_more_than_a_long_one() {
        for unit in [
            "<div>",
            "<b>",
            "<table><tr><td>",
            "<ul><li>",
            "<li>",
            "<p>",
            "<blockquote>",
            "<a href=x>",
            "<font><p>",
            "<td>",
            "<tr>",
            "<dd>",
            "<span>",
            "<!--",
            "<",
            "&",
            "<td colspan=1000000000>x",
            "<ol start=9999999999><li>",
            "<x y=\"",
        ] {
            let page = read(&(unit.repeat(HTML_BYTES_MAX / unit.len() / 8) + "text"));
            assert!(page.text.len() <= 8 * HTML_BYTES_MAX, "{unit}");
        }
    }

    #[test]
    fn links_cannot_be_followed_by_accident() {
        for (url, shown) in [
            ("https://example.org/a.b?c=d", "hxxps://example[.]org/a.b?c=d"),
            ("HTTP://x.y", "hxxp://x[.]y"),
            ("/relative.html", "/relative.html"),
            ("mailto:a@b.c", "mailto:a@b[.]c"),
        ] {
            assert_eq!(defang(url), shown);
        }
    }
}
