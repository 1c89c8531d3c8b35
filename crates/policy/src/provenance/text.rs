//! Whether a value stands in a text as a word of its own, and what in a text leads elsewhere.

use domain::Value;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// The shortest id that plain words can ground; shorter ones stand in texts by chance.
const ID_CHARACTERS_MIN: usize = 3;
/// How many addresses and links of one payload are looked at; a payload with more is all stranger's work.
const FOUND_MAX: usize = 256;

/// Whether `value` stands in `text`, whole, as what it is: a number does not ground an id, a host inside an address
/// does not ground the host.
pub(crate) fn stands_in(value: &Value, text: &str) -> bool {
    match value {
        Value::Address(address) => {
            whole(address.as_str(), text, |c| c.is_alphanumeric() || "_.+-@%/".contains(c))
        }
        Value::Path(path) => whole(path, text, |c| c.is_alphanumeric() || "_-./~".contains(c)),
        Value::Url(url) => url_stands_in(url, text),
        Value::Host(host) => whole(host.as_str(), text, |c| c.is_alphanumeric() || "-.@_".contains(c)),
        Value::Id { kind, id } => id_stands_in(kind, id, text),
        Value::Amount(number) | Value::Number(number) => numbers_in(text).contains(&number.normalize()),
        Value::Date(date) => whole(date, text, |c| c.is_alphanumeric() || "-/:.".contains(c)),
        Value::Text(words) => whole(words, text, |c| c.is_alphanumeric() || c == '_'),
        Value::Command(command) => whole(&command.text, text, |c| !c.is_whitespace() && !"`'\"".contains(c)),
        Value::Boolean(_) => true,
        Value::Json(_) => false,
        Value::List(values) => !values.is_empty() && values.iter().all(|value| stands_in(value, text)),
    }
}

/// A URL stands in a text as it is, or without its scheme where what is left is plainly an address: a word of the text
/// is no host, however good a host name it would make.
fn url_stands_in(url: &str, text: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "/?#&=%-_.~:@".contains(c);
    let bare = url.trim_end_matches('/');
    let schemeless = bare.split_once("://").map_or(bare, |(_scheme, rest)| rest);
    let host = schemeless.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let plainly = host.split_once('.').is_some() && host.rsplit('.').next().is_some_and(is_usual_domain);
    whole(bare, text, part)
        || whole(&format!("{bare}/"), text, part)
        || (plainly && whole(schemeless, text, part))
}

/// Whether `words` stand in `text`, letter case and white space aside, bounded by something that is no letter or digit.
pub(crate) fn stands_in_as_fragment(words: &str, text: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    whole(&squeeze(words), &squeeze(text), char::is_alphanumeric)
}

/// Whether the address, link or account `lead` stands in `text` by itself, not as the end of another.
pub(crate) fn stands_in_as_lead(lead: &str, text: &str) -> bool {
    whole(lead, text, |c| c.is_alphanumeric() || "_.+-@%/".contains(c))
}

/// Whether `needle` stands in `text` with no character of its own kind (`part`) on either side. A full stop after it
/// that ends a sentence is not of its kind.
fn whole(needle: &str, text: &str, part: impl Fn(char) -> bool) -> bool {
    let fold = |text: &str| text.nfkc().collect::<String>().to_lowercase();
    // No text shrinks to less than a quarter when it is folded: one character of four bytes to one of one byte.
    if needle.trim().len() > text.len().saturating_mul(4) {
        return false;
    }
    let (needle, text) = (fold(needle.trim()), fold(text));
    if needle.is_empty() {
        return false;
    }
    text.match_indices(&needle).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let mut after = text.get(at.saturating_add(found.len())..).unwrap_or_default().chars();
        let next = after.next();
        let ends_sentence = matches!(next, Some('.' | ':' | '?' | '/'))
            && (after.next().is_none_or(|c| !part(c))
                || (next == Some('.') && starts_sentence(&text, at, &needle)));
        before.is_none_or(|c| !part(c)) && (next.is_none_or(|c| !part(c)) || ends_sentence)
    })
}

/// People forget the space after a full stop. What follows starts a sentence when it is a word that no host ends in,
/// and what is before ends in a usual top-level domain.
fn starts_sentence(text: &str, at: usize, needle: &str) -> bool {
    let after = text.get(at.saturating_add(needle.len()).saturating_add(1)..).unwrap_or_default();
    let word: String = after.chars().take_while(|c| c.is_alphanumeric() || "-./@:".contains(*c)).collect();
    let ended = needle.rsplit('.').next().is_some_and(|last| is_usual_domain(last) && last.len() >= 3);
    ended && word.len() >= 3 && word.chars().all(char::is_alphabetic) && !is_usual_domain(&word)
}

/// An id of letters grounds as a word. A bare number does only with its kind before it: `file 13`, `transaction #7`.
fn id_stands_in(kind: &str, id: &str, text: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if id.chars().any(char::is_alphabetic) && id.chars().count() >= ID_CHARACTERS_MIN {
        return whole(id, text, part);
    }
    let kind = kind.rsplit(['.', ':']).next().unwrap_or(kind);
    ["", "id ", "#", "number ", "no. "].iter().any(|joint| whole(&format!("{kind} {joint}{id}"), text, part))
}

/// The numbers that stand in `text` by themselves: not parts of dates, times, words or longer numbers.
fn numbers_in(text: &str) -> BTreeSet<Decimal> {
    let part = |c: char| c.is_alphanumeric() || "_-/:@".contains(c);
    text.split(|c: char| c.is_whitespace() || "()[]{}\"'`;!?=€$£%".contains(c))
        .map(|word| word.trim_matches(|c: char| c == '.' || c == ',' || c == ':'))
        .filter(|word| !word.is_empty() && !word.chars().any(|c| part(c) && !c.is_ascii_digit()))
        .filter_map(|word| word.replace(',', "").parse::<Decimal>().ok())
        .map(|number| number.normalize())
        .collect()
}

/// Everything in `text` that leads a reader or a payment elsewhere: mail addresses, links with or without a scheme,
/// account numbers (IBAN, ISO 13616) and long numbers such as those of phones and cards.
#[must_use]
pub fn strangers_in(text: &str) -> Vec<String> {
    let text: String = text.nfkc().filter(|c| !is_invisible(*c)).collect();
    let mut found = BTreeSet::new();
    for word in text.split(|c: char| c.is_whitespace() || "<>()[]{}\"'`|,;".contains(c)) {
        let word = word.trim_matches(|c: char| ".:!?*_~".contains(c));
        if found.len() >= FOUND_MAX {
            break;
        }
        if let Some(lead) = lead_in(word) {
            found.insert(lead);
        }
    }
    found.extend(grouped_accounts(&text));
    found.into_iter().collect()
}

/// Schemes that lead somewhere, or run something, without `//` behind them.
#[rustfmt::skip]
const SCHEMES: [&str; 16] = [
    "http:", "https:", "ftp:", "ws:", "wss:", "file:", "data:", "javascript:", "vbscript:", "blob:", "mailto:",
    "tel:", "sms:", "intent:", "magnet:", "view-source:",
];

fn lead_in(word: &str) -> Option<String> {
    let lower = word.to_lowercase();
    let is_link = ["://", ":\\"].iter().any(|mark| lower.contains(mark))
        || ["www.", "//", "\\\\"].iter().any(|mark| lower.starts_with(mark))
        || SCHEMES.iter().any(|known| lower.strip_prefix(known).is_some_and(|rest| !rest.is_empty()));
    let is_mail =
        lower.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    let handle = lower.strip_prefix('@').is_some_and(|rest| rest.chars().count() > 2);
    let account = is_account(word);
    if is_link || is_mail || handle || account || is_bare_host(&lower) {
        Some(word.to_string())
    } else {
        None
    }
}

/// Two letters, two digits, eleven to thirty letters or digits (ISO 13616); or nine and more digits (a phone, a card,
/// an account).
fn is_account(word: &str) -> bool {
    let plain: String = word.chars().filter(|c| !matches!(c, '-' | '.' | '+' | '/')).collect();
    let bytes = plain.as_bytes();
    let iban = (15..=34).contains(&bytes.len())
        && bytes.iter().take(2).all(u8::is_ascii_alphabetic)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    let number = bytes.len() >= 9 && bytes.iter().all(u8::is_ascii_digit);
    iban || (number && !looks_like_a_date(word))
}

fn looks_like_a_date(word: &str) -> bool {
    word.len() <= 10 && word.split('-').count() == 3
}

/// Account numbers written in groups of four, as people write them.
fn grouped_accounts(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches(|c: char| ",.;:()".contains(c))).collect();
    let is_group =
        |word: &&&str| (2..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let starts = words.windows(4).enumerate().filter(|(_at, window)| {
        let groups = window.iter().filter(is_group).count() == 4;
        let digits = window.iter().skip(1).all(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
        groups && digits && window.iter().map(|word| word.len()).sum::<usize>() >= 14
    });
    starts
        .map(|(at, _window)| {
            words.iter().skip(at).take_while(is_group).take(9).copied().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// A host without a scheme: dotted labels whose last is a top-level domain that people use, or that has a path.
fn is_bare_host(lower: &str) -> bool {
    let (host, path) = lower.split_once('/').map_or((lower, None), |(host, path)| (host, Some(path)));
    let host = host.split_once(':').map_or(host, |(host, _port)| host);
    let labels: Vec<&str> = host.split('.').collect();
    let shaped = labels.len() >= 2
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let last = labels.last().copied().unwrap_or_default();
    let number = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    let letters = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    shaped && (number || (letters && (path.is_some_and(|path| !path.is_empty()) || is_usual_domain(last))))
}

/// Top-level domains that are not also endings of file names.
fn is_usual_domain(last: &str) -> bool {
    const LONG: [&str; 28] = [
        "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "name", "app", "dev", "xyz",
        "online", "site", "shop", "store", "club", "top", "live", "cloud", "tech", "link", "click", "email",
        "news", "example", "onion",
    ];
    const FILE_ENDINGS: [&str; 22] = [
        "md", "py", "rs", "sh", "js", "ts", "go", "cc", "pl", "ps", "so", "gz", "xz", "7z", "db", "tf", "kt",
        "cs", "hs", "ml", "mk", "la",
    ];
    LONG.contains(&last) || (last.len() == 2 && !FILE_ENDINGS.contains(&last))
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{00ad}' | '\u{e0000}'..='\u{e007f}')
}
