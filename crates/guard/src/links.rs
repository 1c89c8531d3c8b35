//! Links that only a stranger supplied, made into text: no screen and no program that shows an answer follows one or
//! fetches a picture by itself.
//!
//! Whether somebody believed wrote an address down is for the caller to say; what leads somewhere is known here, and
//! when in doubt a text is no link any more.

mod entities;

use entities::without_disguise;
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

/// A tag longer than this is no tag, in bytes.
const TAG_BYTES_MAX: usize = 4 * 1024;
/// A word longer than this is not waited for, in bytes.
const WORD_BYTES_MAX: usize = 8 * 1024;
/// Schemes that lead somewhere without `//` behind them, or run something.
const SCHEMES: [&str; 20] = [
    "http:",
    "https:",
    "ftp:",
    "ws:",
    "wss:",
    "file:",
    "data:",
    "javascript:",
    "vbscript:",
    "blob:",
    "mailto:",
    "tel:",
    "sms:",
    "intent:",
    "magnet:",
    "ssh:",
    "smb:",
    "ldap:",
    "itms:",
    "view-source:",
];
/// What parts the words of a text, besides white space.
const MARKS: &str = "<>()[]{}\"'`|,;";
/// Sentence marks that stand at the ends of words.
const ENDS: &str = ".:!?*_~";

/// `text` with every address for which `is_strange` holds shown so that it leads nowhere: a link as
/// `⟦stranger: hxxps://evil[.]example/x⟧`, a mail address as `mallory[@]evil[.]example`, a tag that holds one without its
/// angle brackets. Done twice it is the same.
#[must_use]
pub fn defang(text: &str, is_strange: &dyn Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((piece, after)) = first_piece(rest, Rest::None).and_then(|end| rest.split_at_checked(end))
    {
        defang_piece(piece, is_strange, &mut out);
        rest = after;
    }
    out
}

/// The same for a text that comes in pieces: what is given out, put together, is how the text of all pieces begins.
#[derive(Debug, Default)]
pub struct Defanging {
    held: String,
}

impl Defanging {
    /// Takes the next piece; gives out what can be judged by now.
    pub fn push(&mut self, text: &str, is_strange: &dyn Fn(&str) -> bool) -> String {
        self.held.push_str(text);
        let mut out = String::new();
        let mut rest = self.held.as_str();
        while let Some((piece, after)) =
            first_piece(rest, Rest::MayCome).and_then(|end| rest.split_at_checked(end))
        {
            defang_piece(piece, is_strange, &mut out);
            rest = after;
        }
        self.held = rest.to_string();
        out
    }

    /// Gives out what was still held back. Nothing comes after it.
    #[must_use]
    pub fn finish(self, is_strange: &dyn Fn(&str) -> bool) -> String {
        let mut out = String::new();
        let mut rest = self.held.as_str();
        while let Some((piece, after)) =
            first_piece(rest, Rest::None).and_then(|end| rest.split_at_checked(end))
        {
            defang_piece(piece, is_strange, &mut out);
            rest = after;
        }
        out
    }
}

/// Whether more text may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    MayCome,
}

/// Where the first piece of `text` ends: a white space, a tag, or a word with its marks. Nothing when there is no text,
/// or when only what follows can tell.
fn first_piece(text: &str, rest: Rest) -> Option<usize> {
    let first = text.chars().next()?;
    if parts_words(first) {
        return Some(first.len_utf8());
    }
    if first == '<' {
        match tag(text) {
            Tag::Ends(end) => return Some(end),
            Tag::Open if rest == Rest::MayCome => return None,
            Tag::Open | Tag::None => {}
        }
    }
    let mut characters = text.char_indices().skip(1);
    let end = characters.find(|(at, c)| {
        parts_words(*c) || (*c == '<' && !matches!(text.get(*at..).map_or(Tag::None, tag), Tag::None))
    });
    match (end, rest) {
        (Some((at, _)), _) => Some(at),
        (None, Rest::MayCome) if text.len() <= WORD_BYTES_MAX => None,
        (None, Rest::MayCome | Rest::None) => Some(text.len()),
    }
}

/// Whether no address reaches across `c`. The full stop of Chinese and Japanese is among them: the words before and
/// after it are judged apart.
fn parts_words(c: char) -> bool {
    c.is_whitespace() || matches!(c, '，' | '。' | '、' | '；' | '！' | '？' | '」' | '「')
}

enum Tag {
    Ends(usize),
    Open,
    None,
}

/// Whether `text`, which begins with `<`, begins with a tag, and where that ends.
fn tag(text: &str) -> Tag {
    let named = |c: char| c.is_alphabetic() || matches!(c, '/' | '!' | '?');
    match text.chars().nth(1) {
        None => return Tag::Open,
        Some(c) if !named(c) => return Tag::None,
        Some(_) => {}
    }
    // No more is looked at than a tag may have, and a second `<` begins another.
    let near = text.char_indices().skip(1).take_while(|(at, _)| *at <= TAG_BYTES_MAX);
    match near.into_iter().find(|(_, c)| matches!(c, '<' | '>')) {
        Some((at, '>')) => Tag::Ends(at.saturating_add(1)),
        None if text.len() <= TAG_BYTES_MAX => Tag::Open,
        Some(_) | None => Tag::None,
    }
}

fn defang_piece(piece: &str, is_strange: &dyn Fn(&str) -> bool, out: &mut String) {
    if let Some(inner) = piece.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        let plain = without_disguise(piece);
        let joined: String = plain.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        if is_strange(&joined) {
            out.push('‹');
            inner.split_inclusive(char::is_whitespace).for_each(|word| {
                let (name, value) = after_name(word);
                out.push_str(name);
                defang_word(value, is_strange, out);
            });
            out.push('›');
        } else {
            out.push_str(piece);
        }
        return;
    }
    defang_word(piece, is_strange, out);
}

/// The name of an attribute with its `=`, and what follows.
fn after_name(word: &str) -> (&str, &str) {
    let named = |at: &usize| {
        word.get(..*at).is_some_and(|name| name.chars().all(|c| c.is_alphanumeric() || c == '-'))
    };
    let end = word.find('=').filter(named).map_or(0, |at| at.saturating_add(1));
    word.split_at_checked(end).unwrap_or(("", word))
}

/// A word without white space inside. Entities and backslashes are read first where a link is behind them.
fn defang_word(word: &str, is_strange: &dyn Fn(&str) -> bool, out: &mut String) {
    let plain = without_disguise(word);
    let word = if plain != word && leads_away(&plain, is_strange) { plain.as_str() } else { word };
    for part in word.split_inclusive(|c: char| c.is_whitespace() || MARKS.contains(c)) {
        let core = part.trim_end_matches(|c: char| c.is_whitespace() || MARKS.contains(c));
        let bare = core.trim_matches(|c: char| ENDS.contains(c));
        match part.split_once(bare).filter(|_| is_live(bare) && is_strange(bare)) {
            Some((before, after)) => {
                out.push_str(before);
                out.push_str(&dead(bare));
                out.push_str(after);
            }
            None => out.push_str(part),
        }
    }
}

fn leads_away(word: &str, is_strange: &dyn Fn(&str) -> bool) -> bool {
    let parts = word.split(|c: char| c.is_whitespace() || MARKS.contains(c));
    let mut bare = parts.map(|part| part.trim_matches(|c: char| ENDS.contains(c)));
    bare.any(|part| is_live(part) && is_strange(part))
}

/// Whether something follows `bare` when it is shown, or could: what is defanged already leads nowhere.
fn is_live(bare: &str) -> bool {
    let lower = folded(bare);
    if lower.starts_with("hxxp") {
        return false;
    }
    let scheme =
        lower.contains("://") || lower.contains(":\\") || SCHEMES.iter().any(|known| begins(&lower, known));
    let relative = lower.starts_with("//") || lower.starts_with("\\\\");
    let dotted = lower.contains('.')
        && (lower.chars().any(char::is_alphabetic) || lower.parse::<std::net::Ipv4Addr>().is_ok());
    scheme || relative || dotted
}

fn begins(text: &str, scheme: &str) -> bool {
    text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())
}

fn folded(text: &str) -> String {
    text.nfkc().filter(|c| !crate::hidden::is_invisible(*c)).collect::<String>().to_lowercase()
}

/// `bare` as it leads nowhere.
fn dead(bare: &str) -> String {
    let plain: String = bare.nfkc().filter(|c| !crate::hidden::is_invisible(*c)).collect();
    let lower = plain.to_lowercase();
    let has_scheme = plain.contains("://") || SCHEMES.iter().any(|known| begins(&lower, known));
    if !has_scheme && plain.contains('@') {
        return without_dots(&plain.replace('@', "[@]"));
    }
    let (before, link) = at_scheme(&plain);
    format!("{before}⟦stranger: {}⟧", dead_link(link))
}

/// What stands glued before the scheme of a link, and the link.
fn at_scheme(text: &str) -> (&str, &str) {
    let Some(colon) = text.find("://") else { return ("", text) };
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let before = text.get(..colon).unwrap_or_default();
    let start = before.trim_end_matches(of_scheme).len();
    text.split_at_checked(start).unwrap_or(("", text))
}

fn dead_link(link: &str) -> String {
    let (scheme, rest) = match link.split_once(':') {
        Some((scheme, rest))
            if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                && !scheme.contains('.') =>
        {
            (scheme, rest)
        }
        Some(_) | None => ("", link),
    };
    let slashes = rest.len().saturating_sub(rest.trim_start_matches(['/', '\\']).len());
    let (slashes, rest) = rest.split_at_checked(slashes).unwrap_or(("", rest));
    let host_ends = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(host_ends).unwrap_or((rest, ""));
    let scheme = match (scheme.to_lowercase().as_str(), slashes) {
        ("", "") => String::new(),
        ("", _) => "hxxps://".to_string(),
        (web @ ("http" | "https"), _) => format!("{}://", web.replace("http", "hxxp")),
        (other, _) => format!("{other}[:]{slashes}"),
    };
    let punycode = punycode(host).map(|ascii| format!(" = {}", without_dots(&ascii))).unwrap_or_default();
    format!("{scheme}{}{path}{punycode}", without_dots(&host.replace('@', "[@]")))
}

/// The name that a host with letters of other alphabets really has (RFC 5891).
fn punycode(host: &str) -> Option<String> {
    if host.is_ascii() {
        return None;
    }
    Url::parse(&format!("https://{host}/")).ok()?.host_str().map(str::to_string)
}

fn without_dots(text: &str) -> String {
    text.replace(['.', '\u{3002}', '\u{ff61}'], "[.]")
}

#[cfg(test)]
mod tests;
