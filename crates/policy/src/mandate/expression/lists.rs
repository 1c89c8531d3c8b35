//! Lists of values: which is most frequent, in what order, each once.

use super::ExpressionError;
use super::evaluate::no_value;
use std::collections::BTreeMap;

/// Each value once, most frequent first, then by letter.
pub(super) fn ranking(texts: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for text in texts {
        let count = counts.entry(text).or_default();
        *count = count.saturating_add(1);
    }
    let mut ranked: Vec<(std::cmp::Reverse<usize>, &String)> =
        counts.into_iter().map(|(text, count)| (std::cmp::Reverse(count), text)).collect();
    ranked.sort();
    ranked.into_iter().map(|(_count, text)| text.clone()).collect()
}

pub(super) fn most_common(texts: &[String]) -> Result<String, ExpressionError> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for text in texts {
        let count = counts.entry(text).or_default();
        *count = count.saturating_add(1);
    }
    let most = counts.values().copied().max().unwrap_or_default();
    let winners: Vec<&&String> =
        counts.iter().filter(|(_text, count)| **count == most).map(|(text, _)| text).collect();
    match winners.as_slice() {
        [single] => Ok((**single).clone()),
        [] | [..] => no_value("no value, or more than one, is the most common"),
    }
}

pub(super) fn unique(texts: Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
