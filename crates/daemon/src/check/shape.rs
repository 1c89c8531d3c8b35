//! Everything about the shape of a configuration that is wrong, as far as the parser can go on behind it.

use super::{Finding, HINT, Weight};
use crate::config::key_at;
use crate::config::{Config, ConfigProblem};
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// After so many slips a person begins to mend.
const SLIPS_MAX: usize = 20;

/// What keeps `text` from being read, the first one first; empty when nothing does.
pub(super) fn slips(text: &str, path: &Path) -> Vec<Finding> {
    let mut rest = text.to_string();
    let mut found = Vec::new();
    let mut gone = Vec::new();
    while found.len() < SLIPS_MAX {
        let Err(error) = toml::from_str::<Config>(&rest) else { break };
        let span = error.span().unwrap_or(0..0);
        // What was taken out for its own slip is missing because of that alone.
        let is_missing = |key: &String| error.message().contains(&format!("missing field `{key}`"));
        if !gone.iter().any(is_missing) {
            found.push(finding(path, text, span.start, &ConfigProblem::malformed(path, &rest, &error)));
        }
        // Behind what is no TOML at all nobody can tell what was meant.
        if DeTable::parse(&rest).is_err() {
            break;
        }
        let blanked = without(&rest, &span);
        if blanked == rest || DeTable::parse(&blanked).is_err() {
            break;
        }
        let taken = rest.lines().zip(blanked.lines()).filter(|(before, after)| before != after);
        gone.extend(taken.filter_map(|(line, _)| Some(line.split_once('=')?.0.trim().to_string())));
        rest = blanked;
    }
    found.sort_by_key(|finding| finding.place.map(|place| (place.line, place.column)));
    found
}

fn finding(path: &Path, text: &str, at: usize, problem: &ConfigProblem) -> Finding {
    let (place, what) = match problem {
        ConfigProblem::Malformed { place, reason, meant: Some(meant), .. } => {
            (Some(*place), format!("{reason}; did you mean `{meant}`?"))
        }
        ConfigProblem::Malformed { place, reason, meant: None, .. } => (Some(*place), reason.clone()),
        ConfigProblem::Unreadable { .. }
        | ConfigProblem::NoText { .. }
        | ConfigProblem::TooLong { .. }
        | ConfigProblem::Meaningless { .. } => (None, crate::tasks::error_chain(problem)),
    };
    Finding {
        file: path.to_path_buf(),
        place,
        key: key_at(text, at),
        what,
        hint: Some(HINT.to_string()),
        weight: Weight::Refused,
    }
}

/// `text` with blanks for the lines of `span`, or for the whole table when it is its header: what stands behind keeps its
/// place.
fn without(text: &str, span: &Range<usize>) -> String {
    let start =
        text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at.saturating_add(1));
    let is_header = text.get(start..).is_some_and(|line| line.trim_start().starts_with('['));
    let mut blanked = String::with_capacity(text.len());
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let begins_table = line.trim_start().starts_with('[');
        let goes = at >= start && (at < span.end.max(start.saturating_add(1)) || is_header);
        if is_header && at > start && begins_table {
            blanked.push_str(text.get(at..).unwrap_or_default());
            return blanked;
        }
        let ends_line = line.ends_with('\n');
        at = at.saturating_add(line.len());
        if goes {
            blanked.push_str(&" ".repeat(line.len().saturating_sub(usize::from(ends_line))));
            blanked.push_str(if ends_line { "\n" } else { "" });
        } else {
            blanked.push_str(line);
        }
    }
    blanked
}
