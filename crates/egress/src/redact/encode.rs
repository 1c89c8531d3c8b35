//! The forms in which a secret may turn up.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// The shortest form that is looked for, in bytes. Every form of a secret of 8 bytes or more is at least this long.
pub(crate) const FORM_BYTES_MIN: usize = 8;

/// Shows each different form of `secret` to `see`, once: plain, reversed, hexadecimal in both cases, base64 and
/// base64url at each of the three places in a group of bytes, percent-encoded as a URL or a form has it and in full, in
/// both cases of the digits, and escaped as in a JSON string.
pub(crate) fn for_each_form(secret: &str, mut see: impl FnMut(&[u8])) {
    let mut forms: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut add = |form: Vec<u8>| {
        if form.len() >= FORM_BYTES_MIN {
            forms.insert(form);
        }
    };
    add(secret.as_bytes().to_vec());
    add(secret.chars().rev().collect::<String>().into_bytes());
    for case in [Case::Lower, Case::Upper] {
        add(secret.bytes().flat_map(|byte| hex(byte, case)).collect());
        let percent = |keep: fn(u8) -> bool| {
            secret.bytes().flat_map(move |byte| percent_encoded(byte, keep(byte), case)).collect::<Vec<u8>>()
        };
        add(percent(|_| false));
        add(percent(is_unreserved));
        // encodeURIComponent, RFC 3986 query characters, and form encoding leave more as it is.
        add(percent(|byte| is_unreserved(byte) || b"!'()*".contains(&byte)));
        add(percent(|byte| is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte)));
        add(percent(|byte| is_unreserved(byte) || byte == b' ')
            .iter()
            .map(|b| if *b == b' ' { b'+' } else { *b })
            .collect());
    }
    for skipped in 0..3 {
        add(base64_at(secret.as_bytes(), skipped, |bytes| STANDARD_NO_PAD.encode(bytes)));
        add(base64_at(secret.as_bytes(), skipped, |bytes| URL_SAFE_NO_PAD.encode(bytes)));
    }
    let json = json_inner(secret);
    add(json.replace('/', "\\/").into_bytes());
    // JSON in a JSON string, as in a log line of a request.
    add(json_inner(&json).into_bytes());
    add(json.into_bytes());
    forms.into_iter().map(Zeroizing::new).for_each(|form| see(&form));
}

/// What stands between the quotes of a JSON string.
fn json_inner(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_string()
}

#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
}

fn digit(nibble: u8, case: Case) -> u8 {
    match (nibble, case) {
        (0..=9, _) => b'0'.saturating_add(nibble),
        (_, Case::Lower) => b'a'.saturating_add(nibble.saturating_sub(10)),
        (_, Case::Upper) => b'A'.saturating_add(nibble.saturating_sub(10)),
    }
}

fn hex(byte: u8, case: Case) -> [u8; 2] {
    [digit(byte >> 4, case), digit(byte & 15, case)]
}

fn percent_encoded(byte: u8, kept: bool, case: Case) -> Vec<u8> {
    if kept { vec![byte] } else { vec![b'%', digit(byte >> 4, case), digit(byte & 15, case)] }
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The base64 digits that `secret` alone decides when `skipped` other bytes stand before it in its group of three.
fn base64_at(secret: &[u8], skipped: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut bytes = Zeroizing::new(vec![0; skipped]);
    bytes.extend_from_slice(secret);
    let text = Zeroizing::new(encode(&bytes));
    // The first digit that holds only bits of the secret, and the last.
    let first = skipped.saturating_mul(8).div_ceil(6);
    let end = bytes.len().saturating_mul(8) / 6;
    text.as_bytes().get(first..end).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_shortest_secret_is_long_enough_to_be_looked_for() {
        for skipped in 0..3 {
            let form = base64_at(b"12345678", skipped, |bytes| STANDARD_NO_PAD.encode(bytes));
            assert!(form.len() >= FORM_BYTES_MIN, "{skipped}: {}", form.len());
        }
    }
}
