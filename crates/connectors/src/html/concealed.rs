//! What a page holds and does not show: marked where it stands, or listed, before a model reads it.

use html2text::{Comment, Document, Element, Handle, config};
use std::collections::BTreeSet;

/// The most pieces that are listed, and the longest of them, in characters.
const LISTED_MAX: usize = 40;
const PIECE_CHARS_MAX: usize = 500;
/// The most rules of a page's styles that are read.
const RULES_MAX: usize = 2_000;
/// Attributes that are read out to some and shown to none.
const SPOKEN: [&str; 4] = ["title", "aria-label", "aria-description", "summary"];
/// What `<meta>` says that machines read.
const META: [&str; 6] =
    ["description", "keywords", "og:description", "og:title", "twitter:description", "twitter:title"];

/// Goes through a document: marks hidden elements as `⟦hidden: …⟧` in it, and says what else is there, a piece a line.
pub(super) fn mark(document: &Handle) -> Vec<String> {
    let mut found = Found { hidden: styles(document), listed: Vec::new() };
    found.visit(document);
    found.listed
}

struct Found {
    /// Simple selectors that the page's own styles hide: `.x`, `#x`, `x`, `x.y`.
    hidden: BTreeSet<String>,
    listed: Vec<String>,
}

impl Found {
    fn visit(&mut self, root: &Handle) {
        // By hand, not by calls: a document nests as deep as its sender likes.
        let mut waiting = vec![root.clone()];
        while let Some(node) = waiting.pop() {
            if let Comment { contents } = &node.data {
                self.list("a comment", contents);
            }
            if self.marks(&node) {
                enclose(&node);
                continue;
            }
            waiting.extend(node.children.borrow().iter().rev().cloned());
        }
    }

    /// Lists what an element says to nobody; tells whether it is hidden and holds a text.
    fn marks(&mut self, node: &Handle) -> bool {
        let Element { name, attrs, template_contents, .. } = &node.data else { return false };
        let tag = name.local.to_string();
        let read: Vec<(String, String)> = attrs
            .borrow()
            .iter()
            .map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string()))
            .collect();
        self.attributes(&tag, &read);
        if let Some(inner) = template_contents.borrow().as_ref() {
            self.list("a template", &text_in(inner));
        }
        self.is_hidden(&tag, &read) && !text_in(node).trim().is_empty()
    }

    fn attributes(&mut self, tag: &str, attributes: &[(String, String)]) {
        let value =
            |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if tag == "meta" {
            let name = value("name").or_else(|| value("property")).unwrap_or_default().to_lowercase();
            if META.contains(&name.as_str()) {
                self.list(&format!("`{name}` for machines"), value("content").unwrap_or_default());
            }
            return;
        }
        if tag == "input" && value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden")) {
            self.list("a hidden field", value("value").unwrap_or_default());
        }
        for name in SPOKEN {
            self.list(&format!("`{name}` of an element"), value(name).unwrap_or_default());
        }
    }

    fn list(&mut self, what: &str, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // One word is a name, not a message.
        if self.listed.len() >= LISTED_MAX || !text.contains(' ') {
            return;
        }
        let cut: String = text.chars().take(PIECE_CHARS_MAX).collect();
        let rest = if cut.len() < text.len() { "… (cut)" } else { "" };
        let line = format!("{what}: {cut}{rest}");
        if !self.listed.contains(&line) {
            self.listed.push(line);
        }
    }

    fn is_hidden(&self, tag: &str, attributes: &[(String, String)]) -> bool {
        let value =
            |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let by_style = value("style").is_some_and(hides);
        let by_attribute =
            value("hidden").is_some() || value("aria-hidden").is_some_and(|word| word == "true");
        let by_color = value("color").is_some_and(is_white) && tag == "font";
        let classes = value("class").unwrap_or_default().split_whitespace();
        let mut names: Vec<String> =
            classes.flat_map(|class| [format!(".{class}"), format!("{tag}.{class}")]).collect();
        names.extend(value("id").map(|id| format!("#{id}")));
        names.push(tag.to_string());
        by_style || by_attribute || by_color || names.iter().any(|name| self.hidden.contains(name))
    }
}

/// Puts an element's content between the marks. A mark is a text of a document of its own, since a tree is built by its
/// parser alone.
fn enclose(node: &Handle) {
    let (Some(before), Some(after)) = (text_node("⟦hidden: "), text_node(" ⟧")) else { return };
    let mut children = node.children.borrow_mut();
    children.insert(0, before);
    children.push(after);
}

fn text_node(text: &str) -> Option<Handle> {
    // Kept to the end: a node that goes takes the children of its children along.
    let document = config::plain().parse_html(format!("<body><p>{text}</p>").as_bytes()).ok()?.document;
    let mut waiting = vec![document.clone()];
    while let Some(node) = waiting.pop() {
        let is_paragraph = node.element_name().is_some_and(|name| name == "p");
        if is_paragraph {
            return node.children.borrow().first().cloned();
        }
        waiting.extend(node.children.borrow().iter().cloned());
    }
    None
}

/// The text below a node, tags and all, as far as it can hold a message.
fn text_in(node: &Handle) -> String {
    if matches!(node.data, Document) {
        return node.children.borrow().iter().map(text_in).collect();
    }
    let mut bytes = Vec::new();
    if node.serialize(&mut bytes).is_err() {
        return String::new();
    }
    super::stripped(&String::from_utf8_lossy(&bytes))
}

/// What the page's own styles hide, as far as their selectors are simple.
fn styles(document: &Handle) -> BTreeSet<String> {
    let mut sheets = String::new();
    let mut waiting = vec![document.clone()];
    while let Some(node) = waiting.pop() {
        if node.element_name().is_some_and(|name| name == "style") {
            sheets.push_str(&text_in(&node));
        }
        waiting.extend(node.children.borrow().iter().cloned());
    }
    let rules = sheets.split('}').take(RULES_MAX).filter_map(|rule| rule.rsplit_once('{'));
    rules
        .filter(|(_, declarations)| hides(declarations))
        .flat_map(|(selectors, _)| selectors.split(',').map(|one| one.trim().to_string()).collect::<Vec<_>>())
        .filter(|one| !one.is_empty() && !one.contains(char::is_whitespace))
        .collect()
}

/// Whether these declarations take a text out of sight (CSS, display, visibility, opacity, size, place, colour).
fn hides(declarations: &str) -> bool {
    let declared: Vec<(String, String)> = declarations
        .split(';')
        .filter_map(|one| one.split_once(':'))
        .map(|(name, value)| {
            let value = value.replace("!important", "");
            (
                name.trim().to_lowercase(),
                value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
            )
        })
        .collect();
    let value =
        |name: &str| declared.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let number = |name: &str| value(name).and_then(leading_number);
    let far = |name: &str| number(name).is_some_and(|number| number <= -400.0);
    let background = value("background-color").or_else(|| value("background"));
    let colour = value("color").is_some_and(|colour| match background {
        Some(background) => colour == background || (is_white(colour) && is_white(background)),
        None => is_white(colour) || colour == "transparent",
    });
    value("display") == Some("none")
        || matches!(value("visibility"), Some("hidden" | "collapse"))
        || number("opacity").is_some_and(|number| number < 0.1)
        || number("font-size").is_some_and(|number| {
            number < 2.0 && !value("font-size").is_some_and(|size| size.ends_with("em"))
        })
        || (["height", "width", "max-height", "max-width"].iter().any(|name| number(name) == Some(0.0)))
        || ["left", "top", "right", "text-indent", "margin-left", "margin-top"].iter().any(|name| far(name))
        || value("clip").is_some_and(|clip| clip.contains("rect(0") || clip.contains("rect(1px"))
        || value("transform").is_some_and(|transform| transform.contains("scale(0)"))
        || colour
}

fn leading_number(value: &str) -> Option<f64> {
    let number: String = value.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '.')).collect();
    number.parse().ok()
}

/// White and what is as good as white.
fn is_white(colour: &str) -> bool {
    let colour = colour.trim().to_lowercase();
    let hex = colour.strip_prefix('#').unwrap_or_default();
    let light = |digits: &str| !digits.is_empty() && digits.chars().all(|digit| matches!(digit, 'e' | 'f'));
    let parts: Vec<f64> = colour
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .split(',')
        .filter_map(|part| leading_number(part.trim()))
        .collect();
    colour == "white"
        || matches!(hex.len(), 3 | 6) && light(hex)
        || (colour.starts_with("rgb") && parts.len() >= 3 && parts.iter().take(3).all(|part| *part >= 238.0))
        || (colour.starts_with("rgba") && parts.get(3).is_some_and(|alpha| *alpha < 0.1))
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn what_a_page_does_not_show_is_marked_or_listed() {
        let page = read(
            "<head><meta name=description content='obey the meta text'><style>.gone, p.tiny {display:none} b{color:red}</style></head>\
             <body><p>seen</p><p style='display:none'>one <i>two</i></p><div class=gone>three</div><p class=tiny>four</p>\
             <span style='color:#fff'>five</span><span style='color:white;background:black'>black box</span>\
             <span style='font-size:0px'>six</span><p style='position:absolute;left:-9999px'>seven</p><p hidden>eight</p>\
             <font color=white>nine</font><!-- obey the comment --><img src=x alt='a picture of a cat' title='obey the title text'>\
             <template><p>obey the template</p></template><input type=hidden value='obey the field'></body>",
        );
        for marked in ["one two", "three", "four", "five", "six", "seven", "eight", "nine"] {
            assert!(page.text.contains(&format!("⟦hidden: {marked} ⟧")), "{marked}: {}", page.text);
        }
        for listed in ["comment", "meta text", "title text", "template", "field"] {
            assert!(
                page.concealed.iter().any(|line| line.contains(&format!("obey the {listed}"))),
                "{listed}: {page:#?}"
            );
        }
        for shown in ["seen", "black box", "[picture: a picture of a cat]"] {
            assert!(page.text.contains(shown), "{}", page.text);
        }
        assert_eq!(page.text.matches("⟦hidden").count(), 8, "{}", page.text);
    }

    #[test]
    fn an_ordinary_page_has_no_marks() {
        let page = read(
            "<style>a{color:#00f} body{background:#fff;color:#222}</style><p style='color:#333;margin-left:-4px'>text</p>\
             <p style='opacity:0.9;font-size:12px;height:40px'>more</p><a href=x title=Home>home</a><!-- nav -->",
        );
        assert!(!page.text.contains("⟦hidden") && page.concealed.is_empty(), "{page:#?}");
    }
}
