//! What a link may be written as in HTML and Markdown, so that it does not look like one.

/// The named references for what links are made of (HTML, named character references).
const NAMED: [(&str, char); 16] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("colon", ':'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("period", '.'),
    ("commat", '@'),
    ("num", '#'),
    ("quest", '?'),
    ("equals", '='),
    ("lpar", '('),
    ("rpar", ')'),
    ("Tab", '\t'),
];
/// The longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 12;

/// `text` with character references read and the backslashes of Markdown taken away.
pub(super) fn without_disguise(text: &str) -> String {
    if !text.contains(['&', '\\']) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let next = rest.get(taken..).and_then(|after| after.chars().next());
        match c {
            '&' => match reference(rest) {
                Some((read, length)) => {
                    out.push(read);
                    taken = length;
                }
                None => out.push(c),
            },
            // Two of them begin the name of a machine.
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation() && next != '\\') => {}
            _ => out.push(c),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// The character that `text`, which begins with `&`, refers to, and how long the reference is.
fn reference(text: &str) -> Option<(char, usize)> {
    let body = text.get(1..)?;
    let end = body.char_indices().take(REFERENCE_BYTES_MAX).find(|(_, c)| *c == ';').map(|(at, _)| at);
    if let Some(digits) = body.strip_prefix('#') {
        let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16),
            None => (digits, 10),
        };
        // Browsers read a number without its semicolon too.
        let number: String = digits.chars().take(8).take_while(|c| c.is_digit(radix)).collect();
        let read = u32::from_str_radix(&number, radix).ok().and_then(char::from_u32)?;
        let before = text.len().saturating_sub(digits.len());
        let length = before.saturating_add(number.len());
        let semicolon = usize::from(text.get(length..).is_some_and(|after| after.starts_with(';')));
        return Some((read, length.saturating_add(semicolon)));
    }
    let name = body.get(..end?)?;
    let (_, read) = NAMED.iter().find(|(known, _)| *known == name)?;
    Some((*read, name.len().saturating_add(2)))
}
