//! Notes for later sessions.

use crate::Finding;
use crate::error::Error;
use crate::moment;
use crate::remember::Remember;
use domain::{Label, Timestamp};
use serde_json::json;
use std::fmt::Write as _;

/// The most notes that one search gives.
const NOTES_MAX: u32 = 50;

pub(crate) async fn save(
    remember: &dyn Remember,
    text: String,
    label: Label,
    now: Timestamp,
) -> Result<Finding, Error> {
    let id = remember.save(text, label, now).await.map_err(Error::Remember)?;
    Ok(Finding { fields: json!({"id": id.to_string()}), text: format!("Kept as note {id}.") })
}

/// The notes, and the join of the labels they were kept under.
pub(crate) async fn search(remember: &dyn Remember, query: String) -> Result<(Finding, Label), Error> {
    let notes = remember.search(query, NOTES_MAX).await.map_err(Error::Remember)?;
    let mut text = if notes.is_empty() { "No note holds that.\n".to_string() } else { String::new() };
    let mut label = Label::nothing();
    for note in &notes {
        let _ = writeln!(text, "[{} · {}] {}", note.id, moment::of(note.saved), note.text);
        label = label.join(&note.label);
    }
    let fields: Vec<_> = notes
        .iter()
        .map(|note| json!({"id": note.id.to_string(), "text": note.text, "saved": moment::of(note.saved)}))
        .collect();
    Ok((Finding { fields: json!({"notes": fields}), text }, label))
}

/// A BLAKE3 digest out of its hexadecimal form.
pub(crate) fn digest(hex: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}
