//! Finding files by name and by what they hold.

use super::look::{Content, below, decode};
use super::{Files, FilesError};
use crate::finding::{Finding, bytes_in_words};
use crate::moment;
use crate::stop::Stop;
use globset::{GlobBuilder, GlobMatcher};
use sandbox::{FileKind, Found, Within};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The most files and folders that one search looks at: a home folder, not a whole machine.
const LOOKED_AT_MAX: usize = 200_000;
/// The deepest folder below the start.
const DEPTH_MAX: usize = 40;
/// The most files that one search gives.
const FOUND_MAX: usize = 300;
/// The largest file that is searched for text, in bytes.
const SEARCHED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How much text one search reads in all, in bytes: a few seconds' work.
const SEARCHED_BYTES_IN_ALL_MAX: u64 = 512 * 1024 * 1024;
/// How much of a line that holds the text is shown, in characters.
const LINE_CHARS_MAX: usize = 240;

struct Search<'a> {
    pattern: GlobMatcher,
    whole_path: bool,
    text: Option<String>,
    within: &'a Within,
    start: PathBuf,
    looked_at: usize,
    searched_bytes: u64,
    found: Vec<Json>,
    said: String,
    cut: Option<&'static str>,
}

impl Files {
    /// Finds files below `path` whose name matches `pattern`, or, where it has a `/`, whose path below it does; with
    /// `text`, only those with a line that holds it. Links are not followed.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when the pattern cannot be read or `path` is not a folder that is open to the file tools.
    pub fn find(
        &self,
        pattern: &str,
        path: &str,
        text: Option<&str>,
        stop: &Stop,
    ) -> Result<Finding, FilesError> {
        let (root, place) = self.place(path)?;
        let start = root.within.canonical(&place)?;
        let start = if start.as_os_str().is_empty() { PathBuf::from(".") } else { start };
        root.within.list(&start, sandbox::ENTRIES_MAX)?;
        let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
        let bad = |error: globset::Error| FilesError::Pattern {
            pattern: pattern.to_string(),
            reason: error.kind().to_string(),
        };
        let mut search = Search {
            pattern: glob.map_err(bad)?.compile_matcher(),
            whole_path: pattern.contains('/'),
            text: text.filter(|text| !text.is_empty()).map(str::to_lowercase),
            within: &root.within,
            start: start.clone(),
            looked_at: 0,
            searched_bytes: 0,
            found: Vec::new(),
            said: String::new(),
            cut: None,
        };
        search.walk(&start, stop);
        Ok(search.finding(&root.within.path().join(start)))
    }
}

impl Search<'_> {
    fn walk(&mut self, start: &Path, stop: &Stop) {
        let mut folders = vec![(start.to_path_buf(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            // A folder that vanished or may not be read is passed over: the search is of what can be seen.
            let Ok(entries) = self.within.list(&folder, sandbox::ENTRIES_MAX) else { continue };
            let mut deeper = Vec::new();
            for entry in entries {
                if stop.is_stopped() {
                    self.cut = Some("it was stopped");
                    return;
                }
                self.looked_at = self.looked_at.saturating_add(1);
                if self.looked_at > LOOKED_AT_MAX {
                    self.cut = Some("there is more than one search looks at; name a folder further down");
                    return;
                }
                let path = below(&folder, &entry.name);
                match entry.found.kind {
                    FileKind::Folder if depth < DEPTH_MAX => deeper.push((path, depth.saturating_add(1))),
                    FileKind::File => self.file(&path, entry.found),
                    FileKind::Folder
                    | FileKind::Link
                    | FileKind::Pipe
                    | FileKind::Socket
                    | FileKind::Device => {}
                }
                if self.found.len() >= FOUND_MAX {
                    self.cut = Some("there are more; make the pattern narrower");
                    return;
                }
            }
            folders.extend(deeper.into_iter().rev());
        }
    }

    fn file(&mut self, path: &Path, found: Found) {
        let relative = path.strip_prefix(&self.start).unwrap_or(path);
        let held_against =
            if self.whole_path { relative } else { Path::new(path.file_name().unwrap_or_default()) };
        if !self.pattern.is_match(held_against) {
            return;
        }
        let full = self.within.path().join(path);
        let shown = full.to_string_lossy();
        let modified = moment::of_seconds(found.modified_seconds);
        let mut fields = json!({"path": shown, "bytes": found.bytes, "modified": modified});
        let size = bytes_in_words(found.bytes);
        if let Some(text) = self.text.clone() {
            let Some((line, held)) = self.line_with(path, found, &text) else { return };
            let _ = writeln!(self.said, "{}:{line}: {}", tools::visible(&shown), tools::visible(&held));
            if let Some(map) = fields.as_object_mut() {
                map.insert("line".to_string(), json!(line));
                map.insert("text".to_string(), json!(held));
            }
        } else {
            let _ = writeln!(self.said, "{modified}  {size:>10}  {}", tools::visible(&shown));
        }
        self.found.push(fields);
    }

    fn line_with(&mut self, path: &Path, found: Found, text: &str) -> Option<(u64, String)> {
        if found.bytes > SEARCHED_BYTES_MAX {
            return None;
        }
        self.searched_bytes = self.searched_bytes.saturating_add(found.bytes);
        if self.searched_bytes > SEARCHED_BYTES_IN_ALL_MAX {
            self.cut = Some("there is more text than one search reads; name a folder further down");
            return None;
        }
        let content = self.within.read(path, SEARCHED_BYTES_MAX).ok()?;
        let Content::Text { text: content, note: _ } = decode(&content) else { return None };
        let (number, line) =
            (1_u64..).zip(content.lines()).find(|(_, line)| line.to_lowercase().contains(text))?;
        Some((number, line.trim().chars().take(LINE_CHARS_MAX).collect()))
    }

    fn finding(self, below: &Path) -> Finding {
        let count = self.found.len();
        let mut text = match count {
            0 => format!("Nothing found below {} ({} looked at).\n", below.display(), self.looked_at),
            _some => format!(
                "{count} found below {} ({} looked at):\n{}",
                below.display(),
                self.looked_at,
                self.said
            ),
        };
        if let Some(why) = self.cut {
            let _ = writeln!(text, "The search ended early: {why}.");
        }
        Finding { fields: json!({"files": self.found, "looked_at": self.looked_at}), text }
    }
}
