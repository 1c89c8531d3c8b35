//! The grammar of `Authentication-Results`, RFC 8601 §2.2, and no more of it than is needed: what does not fit is nothing.

use super::{comment, is_domain, quoted};

/// The most checks that one header tells of, and properties of one check.
const CHECKS_MAX: usize = 64;
const PROPERTIES_MAX: usize = 64;

/// What one server says that it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Results {
    /// Which server, in lower case.
    pub(super) by: String,
    checks: Vec<Check>,
}

/// `dkim=pass header.d=example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    method: String,
    result: String,
    /// `header.d` and its value.
    properties: Vec<(String, String)>,
}

impl Results {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut pieces = pieces(value)?.into_iter();
        let (by, checks) = (pieces.next()?, pieces);
        let mut checks: Vec<Vec<Piece>> = checks.collect();
        if checks.is_empty() || checks.len() > CHECKS_MAX {
            return None;
        }
        let by = match by.as_slice() {
            [Piece::Word(by)] => by,
            [Piece::Word(by), Piece::Word(version)] if version == "1" => by,
            _ => return None,
        };
        if !by.bytes().all(is_token) || by.contains('=') {
            return None;
        }
        if let [only] = checks.as_slice()
            && matches!(only.as_slice(), [Piece::Word(none)] if none.eq_ignore_ascii_case("none"))
        {
            checks.clear();
        }
        let checks = checks.into_iter().map(Check::parse).collect::<Option<Vec<_>>>()?;
        Some(Self { by: by.to_ascii_lowercase(), checks })
    }

    /// Whether the domain of the From header was proved to be `domain`.
    pub(super) fn prove(&self, domain: &str) -> bool {
        let of = |method: &'static str| self.checks.iter().filter(move |check| check.method == method);
        match of("dmarc").collect::<Vec<_>>().as_slice() {
            [dmarc] => dmarc.passed_for("header.from", domain),
            [] => of("dkim").any(|dkim| dkim.passed_for("header.d", domain)),
            [_, _, ..] => false,
        }
    }
}

impl Check {
    fn parse(pieces: Vec<Piece>) -> Option<Self> {
        // `method[/1] = result`, then `reason = text` and `type.property = value` in any order.
        let mut words = pairs(pieces)?.into_iter();
        let (method, result) = words.next()?;
        let (method, version) = method.split_once('/').unwrap_or((method.as_str(), "1"));
        let Piece::Word(result) = result else { return None };
        if version.trim() != "1" || !is_keyword(method.trim()) || !is_keyword(&result) {
            return None;
        }
        let mut properties = Vec::new();
        for (name, value) in words {
            let name = name.to_ascii_lowercase();
            let (Piece::Word(value) | Piece::Quoted(value)) = value;
            if name == "reason" {
                continue;
            }
            let (kind, property) = name.split_once('.')?;
            if !is_keyword(kind) || !is_keyword(property) || properties.len() >= PROPERTIES_MAX {
                return None;
            }
            properties.push((name, value));
        }
        let method = method.trim().to_ascii_lowercase();
        Some(Self { method, result: result.to_ascii_lowercase(), properties })
    }

    /// Whether it passed, and says by its one `property` that it was about `domain`.
    fn passed_for(&self, property: &str, domain: &str) -> bool {
        let mut about = self.properties.iter().filter(|(name, _)| name == property);
        let (Some((_, about)), None) = (about.next(), about.next()) else { return false };
        self.result == "pass" && is_domain(about) && about.eq_ignore_ascii_case(domain)
    }
}

/// A word, or what stood in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Word(String),
    Quoted(String),
}

/// The pieces between one `;` and the next, comments left out; a `=` is a piece of its own where it ends a name.
fn pieces(value: &str) -> Option<Vec<Vec<Piece>>> {
    let mut found = vec![Vec::new()];
    let mut word = String::new();
    let mut characters = value.chars();
    let end = |word: &mut String, found: &mut Vec<Vec<Piece>>| {
        if !word.is_empty()
            && let Some(last) = found.last_mut()
        {
            last.push(Piece::Word(std::mem::take(word)));
        }
    };
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' => end(&mut word, &mut found),
            '(' => {
                end(&mut word, &mut found);
                comment(&mut characters)?;
            }
            ';' => {
                end(&mut word, &mut found);
                found.push(Vec::new());
            }
            '"' => {
                // Only a whole value stands in quotes.
                end(&mut word, &mut found);
                let text = quoted(&mut characters)?;
                found.last_mut()?.push(Piece::Quoted(text));
            }
            c if c.is_ascii_graphic() && !matches!(c, ')' | '\\' | '<' | '>' | ',') => word.push(c),
            _ => return None,
        }
    }
    end(&mut word, &mut found);
    // A `;` at the end separates nothing.
    if found.len() > 2 && found.last().is_some_and(Vec::is_empty) {
        found.pop();
    }
    Some(found)
}

/// `name=value` pairs, with blanks allowed about the first `=` of each.
fn pairs(pieces: Vec<Piece>) -> Option<Vec<(String, Piece)>> {
    let mut found = Vec::new();
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let Piece::Word(word) = piece else { return None };
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_string(), value.to_string()),
            None => match pieces.next()? {
                Piece::Word(next) => (word, next.strip_prefix('=')?.to_string()),
                Piece::Quoted(_) => return None,
            },
        };
        if name.is_empty() {
            return None;
        }
        let value = if value.is_empty() { pieces.next()? } else { Piece::Word(value) };
        found.push((name, value));
    }
    Some(found)
}

/// A token of RFC 2045.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}

/// A Keyword of RFC 5321, and the `_` of properties that are seen.
fn is_keyword(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
