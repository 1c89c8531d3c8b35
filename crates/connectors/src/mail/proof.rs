//! Who sent a mail, where the owner's own receiving server says that it checked: the `Authentication-Results` of RFC 8601.
//!
//! Anybody can write such a header into a mail. One is believed only where all of this holds, and else the mail is a
//! stranger's:
//! - it is the topmost of its name, and nothing stands above it but what servers add on the way in (§4, §5);
//! - it is well formed, of version 1, and written by the server that the owner's configuration names;
//! - it says `dmarc=pass` for the very domain of the From header (RFC 7489), or, where it says nothing of DMARC,
//!   `dkim=pass` for a key of that very domain (RFC 6376), no other domain above or below it;
//! - there is one From header, with one address, written plainly.

mod results;

use domain::Address;
use results::Results;

/// The longest header that is looked at, in bytes, and the most of them: mails seen in years have fewer.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 1_000;
/// The header that says it, in lower case.
const RESULTS: &str = "authentication-results";
/// What receiving servers put above the results of their checks. Anything else up there was written before them.
const ON_THE_WAY_IN: [&str; 14] = [
    "received",
    "x-received",
    "received-spf",
    "return-path",
    "delivered-to",
    "x-delivered-to",
    "envelope-to",
    "x-envelope-to",
    "x-original-to",
    "x-google-smtp-source",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "x-sieve",
];

/// What a server says that it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Which server says so; nothing until it is held against the owner's own.
    pub(crate) by: String,
    /// The one address in From, whose domain was proved.
    pub(crate) from: Address,
}

impl Proof {
    /// What the topmost results of `mail`, its bytes from the first on, prove of its sender, if anything.
    pub(crate) fn read(mail: &[u8]) -> Option<Self> {
        let headers = headers(mail)?;
        let above = headers.iter().position(|header| header.is(RESULTS))?;
        let (on_the_way, rest) = headers.split_at_checked(above)?;
        if !on_the_way.iter().all(|header| ON_THE_WAY_IN.iter().any(|name| header.is(name))) {
            return None;
        }
        let results = Results::parse(&rest.first()?.value)?;
        let mut froms = headers.iter().filter(|header| header.is("from"));
        let (Some(from), None) = (froms.next(), froms.next()) else { return None };
        let (address, domain) = only_address(&from.value)?;
        results.prove(&domain).then_some(Self { by: results.by, from: address })
    }
}

/// A header with its continuation lines, which are joined.
struct Header {
    name: String,
    value: String,
}

impl Header {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Every header up to the empty line. Nothing where one of them is no header or the empty line is not there: programs
/// would read such a mail differently.
fn headers(mail: &[u8]) -> Option<Vec<Header>> {
    let mut found: Vec<Header> = Vec::new();
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Some(found);
        }
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
            return None;
        }
        // A letter of another script is no token of what is read here, wherever it stands.
        let text = String::from_utf8_lossy(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let last = found.last_mut()?;
            if last.value.len().saturating_add(text.len()) > HEADER_BYTES_MAX {
                return None;
            }
            last.value.push_str(&text);
            continue;
        }
        let (name, value) = text.split_once(':')?;
        // A name with blanks behind it is old syntax; some programs take it for the header, so this one does.
        let name = name.trim_end_matches([' ', '\t']);
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name || value.len() > HEADER_BYTES_MAX || found.len() >= HEADERS_MAX {
            return None;
        }
        found.push(Header { name: name.to_string(), value: value.to_string() });
    }
    None
}

/// The one address that a From header holds, and its domain in lower case. Only `name <user@domain>` and `user@domain`
/// are read: no groups, no lists, no quoted users, no letters that are not ASCII in the address.
fn only_address(value: &str) -> Option<(Address, String)> {
    let bare = without_comments_and_quotes(value)?;
    let bare = bare.trim_matches([' ', '\t']);
    let address = match (bare.matches('<').count(), bare.matches('>').count()) {
        (0, 0) => bare,
        (1, 1) => {
            let (name, rest) = bare.split_once('<')?;
            let address = rest.strip_suffix('>')?;
            if name.contains(['@', ',', ';', ':']) {
                return None;
            }
            address
        }
        _ => return None,
    };
    let (user, domain) = address.split_once('@')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    if user.is_empty() || !user.bytes().all(is_plain) || !is_domain(domain) {
        return None;
    }
    Some((address.to_lowercase().parse().ok()?, domain.to_lowercase()))
}

/// `value` with each quoted name as one `_` and each comment as a blank; nothing where one of them does not end.
fn without_comments_and_quotes(value: &str) -> Option<String> {
    let mut bare = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                // An address in the place of a name is there to be taken for the sender.
                if quoted(&mut characters)?.contains('@') {
                    return None;
                }
                bare.push('_');
            }
            '(' => {
                comment(&mut characters)?;
                bare.push(' ');
            }
            ')' | '\\' => return None,
            c => bare.push(c),
        }
    }
    // `"a"@example.org` has a quoted user, which would be read as `_`.
    (!bare.contains("_@") || !value.contains('"')).then_some(bare)
}

/// The rest of a quoted string after its first quote, unescaped.
fn quoted(characters: &mut std::str::Chars<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => text.push(characters.next()?),
            c => text.push(c),
        }
    }
}

/// The rest of a comment after its first parenthesis; comments nest.
fn comment(characters: &mut std::str::Chars<'_>) -> Option<()> {
    let mut depth = 1_usize;
    while depth > 0 {
        match characters.next()? {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            '\\' => {
                characters.next()?;
            }
            _ => {}
        }
    }
    Some(())
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests;
