//! Notes as Markdown: a bullet or a paragraph each. What is written is read back to the letter, so that a note is known
//! again.

/// The longest note, in bytes; a longer paragraph is several.
const NOTE_BYTES_MAX: usize = 32 * 1024;

/// The note as it is kept: lines without space around them, none of them empty. Nothing where nothing is left.
pub(super) fn plain(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A plain note as a bullet.
pub(super) fn bullet(note: &str) -> String {
    format!("- {}\n", note.replace('\n', "\n  "))
}

/// Every note of a file. Headings, comments and fences at the beginning of a line only arrange things.
pub(super) fn notes(file: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    let mut in_comment = false;
    for line in file.lines() {
        if in_comment || line.starts_with("<!--") {
            in_comment = !line.contains("-->");
            close(&mut lines, &mut notes);
        } else if line.trim().is_empty() || line.starts_with('#') || line.starts_with("```") {
            close(&mut lines, &mut notes);
        } else if let Some(first) = after_bullet(line) {
            close(&mut lines, &mut notes);
            lines.push(first);
        } else {
            lines.push(line.trim());
        }
    }
    close(&mut lines, &mut notes);
    notes
}

fn close(lines: &mut Vec<&str>, notes: &mut Vec<String>) {
    if let Some(note) = plain(&lines.join("\n")) {
        let mut rest = note.as_str();
        while rest.len() > NOTE_BYTES_MAX {
            let at = (0..=NOTE_BYTES_MAX).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
            let (head, tail) = rest.split_at(at);
            notes.push(head.to_string());
            rest = tail;
        }
        notes.push(rest.to_string());
    }
    lines.clear();
}

fn after_bullet(line: &str) -> Option<&str> {
    ["- ", "* ", "+ "].into_iter().find_map(|mark| line.strip_prefix(mark)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bullets_and_paragraphs_are_notes_and_the_rest_arranges_them() {
        let file = "# Memory\n\n<!-- edit\nme -->\n- one\n  and more\n* two\n\nA paragraph\nof two lines.\n## Later\n- three";
        assert_eq!(notes(file), ["one\nand more", "two", "A paragraph\nof two lines.", "three"]);
        assert_eq!(notes(" \n# only a heading\n"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn what_is_noted_is_read_back_to_the_letter(texts in proptest::collection::vec("(\\PC|\n|[-#*<!> ]){0,60}", 0..6)) {
            let kept: Vec<String> = texts.iter().filter_map(|text| plain(text)).collect();
            let file: String = kept.iter().map(|note| bullet(note)).collect();
            prop_assert_eq!(notes(&file), kept);
        }
    }
}
