//! Reading and listing.

use super::{Files, FilesError};
use crate::Finding;
use crate::finding::bytes_in_words;
use crate::moment;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use sandbox::{FileKind, Found};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes: what fits in memory several times over.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The most text that one reading gives, in bytes: a model's window holds it.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The most entries that one listing gives: more than a person reads.
const ENTRIES_SHOWN_MAX: usize = 1_000;
/// How much of a file is looked at to tell text from anything else, in bytes.
const SNIFF_BYTES: usize = 8 * 1024;

impl Files {
    /// Lists a folder.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when it is not a folder that is open to the file tools.
    pub fn list(&self, path: &str) -> Result<Finding, FilesError> {
        let (root, place) = self.place(path)?;
        let all = root.within.list(&place, sandbox::ENTRIES_MAX)?;
        let more = all.len().saturating_sub(ENTRIES_SHOWN_MAX);
        let full = root.within.path().join(root.within.canonical(&place)?);
        let mut text = format!("{} ({} entries)\n", full.display(), all.len());
        let mut entries = Vec::new();
        for entry in all.iter().take(ENTRIES_SHOWN_MAX) {
            let name = entry.name.to_string_lossy();
            let Found { kind, bytes, modified_seconds, .. } = entry.found;
            let modified = moment::of_seconds(modified_seconds);
            let mark = if kind == FileKind::Folder { "/" } else { "" };
            let size = if kind == FileKind::File { bytes_in_words(bytes) } else { kind.to_string() };
            let _ = writeln!(text, "{modified}  {size:>12}  {}{mark}", tools::visible(&name));
            entries
                .push(json!({"name": name, "kind": kind.to_string(), "bytes": bytes, "modified": modified}));
        }
        if more > 0 {
            let _ = writeln!(text, "… and {more} more; files.find narrows it down.");
        }
        Ok(Finding { fields: json!({"entries": entries, "more": more}), text })
    }

    /// Reads a text file, from line `from_line` (counted from 1), at most `lines` lines.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when it is not a file that is open to the file tools, is too large, or is shorter.
    pub fn read(&self, path: &str, from_line: u64, lines: u64) -> Result<Finding, FilesError> {
        let (root, place) = self.place(path)?;
        let found = root.within.stat(&place)?;
        let full = root.within.path().join(root.within.canonical(&place)?);
        if found.kind == FileKind::File && found.bytes > FILE_BYTES_MAX {
            return Err(FilesError::TooLarge {
                path: full,
                bytes: found.bytes,
                limit: FILE_BYTES_MAX,
                hint: "look at a part of it with shell.run: head, tail or grep",
            });
        }
        let content = root.within.read(&place, FILE_BYTES_MAX)?;
        let digest = blake3::hash(&content).to_hex().to_string();
        let size = content.len();
        let modified = moment::of_seconds(found.modified_seconds);
        let shared = json!({"bytes": size, "digest": digest, "modified": modified});
        match decode(&content) {
            Content::Text { text, note } => part(&full, &text, note, from_line, lines, shared),
            Content::Binary { what } => {
                let size = bytes_in_words(found.bytes);
                let text = format!("{} is not text but {what} of {size}; it is not shown.", full.display());
                Ok(Finding { fields: shared, text })
            }
        }
    }
}

fn part(
    path: &Path,
    text: &str,
    note: &str,
    from_line: u64,
    lines: u64,
    mut fields: serde_json::Value,
) -> Result<Finding, FilesError> {
    let total = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
    if from_line > total.max(1) {
        return Err(FilesError::PastTheEnd { path: path.to_path_buf(), lines: total, from: from_line });
    }
    let mut shown = String::new();
    let mut last = from_line.saturating_sub(1);
    let skip = usize::try_from(from_line.saturating_sub(1)).unwrap_or(usize::MAX);
    for line in text.lines().skip(skip).take(usize::try_from(lines).unwrap_or(usize::MAX)) {
        if shown.len().saturating_add(line.len()) > TEXT_BYTES_MAX {
            if shown.is_empty() {
                let cut = (0..=TEXT_BYTES_MAX).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
                shown.push_str(line.get(..cut).unwrap_or_default());
                shown.push_str("… (the line is longer)\n");
                last = last.saturating_add(1);
            }
            break;
        }
        shown.push_str(line);
        shown.push('\n');
        last = last.saturating_add(1);
    }
    let mut said = shown.clone();
    if last < total {
        let next = last.saturating_add(1);
        let _ = write!(
            said,
            "… lines {from_line} to {last} of {total}; files.read with from_line {next} goes on."
        );
    }
    if !note.is_empty() {
        let _ = write!(said, "\n({note})");
    }
    if let Some(map) = fields.as_object_mut() {
        map.insert("text".to_string(), json!(shown));
        map.insert("lines".to_string(), json!(total));
    }
    Ok(Finding { fields, text: said })
}

pub(super) enum Content {
    Text { text: String, note: &'static str },
    Binary { what: &'static str },
}

/// Text in UTF-8, in UTF-16 with its mark, or in Windows-1252 where nothing speaks against it.
pub(super) fn decode(content: &[u8]) -> Content {
    if let Some((encoding, mark)) = Encoding::for_bom(content) {
        let (text, _replaced) = encoding.decode_without_bom_handling(content.get(mark..).unwrap_or_default());
        let note = if encoding == UTF_8 { "" } else { "it was in UTF-16" };
        return Content::Text { text: text.into_owned(), note };
    }
    if let Some(what) = kind_by_its_first_bytes(content) {
        return Content::Binary { what };
    }
    match std::str::from_utf8(content) {
        Ok(text) if !text.contains('\0') => Content::Text { text: text.to_string(), note: "" },
        Ok(_) => Content::Binary { what: "binary data" },
        Err(_not_utf8) => {
            let sniffed = content.get(..SNIFF_BYTES).unwrap_or(content);
            let odd = sniffed
                .iter()
                .filter(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte))
                .count();
            if odd > 0 {
                return Content::Binary { what: "binary data" };
            }
            let (text, _encoding, _replaced) = WINDOWS_1252.decode(content);
            Content::Text { text: text.into_owned(), note: "it was not in UTF-8 and is read as Windows-1252" }
        }
    }
}

fn kind_by_its_first_bytes(content: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 16] = [
        (b"\x7fELF", "a program"),
        (b"%PDF-", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive or office document"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"BZh", "a bzip2 archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"RIFF", "a sound, film or WebP picture"),
        (b"OggS", "a sound or film"),
        (b"ID3", "a sound"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"\xd0\xcf\x11\xe0", "an old office document"),
    ];
    KINDS.into_iter().find(|(start, _)| content.starts_with(start)).map(|(_, what)| what)
}

/// The path of an entry below `folder`.
pub(super) fn below(folder: &Path, name: &std::ffi::OsStr) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}
