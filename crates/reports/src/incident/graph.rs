//! The picture of an incident: which sources came into which sessions, what was done there, and what that reached.

use super::{Deed, Incident};
use crate::escape::escaped;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const COLUMN: usize = 240;
const ROW: usize = 30;
const TOP: usize = 56;
const BOX_WIDTH: usize = 190;
const BOX_HEIGHT: usize = 22;
/// The most nodes of one column; what comes after them is one node more, which says how many they are.
const NODES_MAX: usize = 40;
const NAME_CHARACTERS_MAX: usize = 26;
const TITLES: [&str; 4] = ["came from", "into the session", "which did", "and reached"];

/// How an edge is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Done,
    Refused,
}

#[derive(Default)]
struct Column {
    nodes: Vec<String>,
    places: BTreeMap<String, usize>,
    left_out: usize,
}

impl Column {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.nodes.len().min(NODES_MAX);
        if self.nodes.len() < NODES_MAX {
            self.nodes.push(name.to_string());
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
        self.places.insert(name.to_string(), place);
        place
    }
}

/// One SVG document: sources, sessions, deeds and what they reached, from left to right; red is what was refused.
#[must_use]
pub fn picture(incident: &Incident) -> String {
    let mut columns: [Column; 4] = Default::default();
    let mut edges: BTreeSet<(usize, usize, usize, Manner)> = BTreeSet::new();
    let [sources, sessions, deeds, targets] = &mut columns;
    for way in &incident.ways_in {
        let to = sessions.place(&way.session);
        for source in &way.sources {
            edges.insert((0, sources.place(source), to, Manner::Done));
        }
    }
    let done = [&incident.read, &incident.written, &incident.run, &incident.sent].into_iter().flatten();
    let refused = incident.refused.iter().map(|deed| (deed, Manner::Refused));
    for (deed, manner) in done.map(|deed| (deed, Manner::Done)).chain(refused) {
        if deed.sources.is_empty() {
            // The session had met nobody's words but the owner's.
            continue;
        }
        let Deed { session, name, targets: reached, sources: met, .. } = deed;
        let session = sessions.place(session);
        for source in met {
            edges.insert((0, sources.place(source), session, Manner::Done));
        }
        let action = deeds.place(name);
        edges.insert((1, session, action, manner));
        for target in reached {
            edges.insert((2, action, targets.place(target), manner));
        }
    }
    draw(&columns, &edges)
}

fn draw(columns: &[Column; 4], edges: &BTreeSet<(usize, usize, usize, Manner)>) -> String {
    let rows = columns.iter().map(|column| column.nodes.len().saturating_add(1)).max().unwrap_or(1);
    let (width, height) =
        (COLUMN.saturating_mul(4), TOP.saturating_add(rows.saturating_mul(ROW)).saturating_add(20));
    let left = |column: usize| column.saturating_mul(COLUMN).saturating_add(20);
    let top = |row: usize| TOP.saturating_add(row.saturating_mul(ROW));
    let middle = |row: usize| top(row).saturating_add(BOX_HEIGHT / 2);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\"><title>What the first untrusted item reached</title><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
    );
    for (column, from, to, manner) in edges {
        let colour = match manner {
            Manner::Done => "#2f6f8f",
            Manner::Refused => "#b3412e",
        };
        let (x1, x2) = (left(*column).saturating_add(BOX_WIDTH), left(column.saturating_add(1)));
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            out,
            "<line x1=\"{x1}\" y1=\"{}\" x2=\"{x2}\" y2=\"{}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            middle(*from),
            middle(*to)
        );
    }
    for ((number, column), title) in columns.iter().enumerate().zip(TITLES) {
        let x = left(number);
        let _ = write!(out, "<text x=\"{x}\" y=\"34\" font-weight=\"bold\" fill=\"#1c1c1c\">{title}</text>");
        let more = (column.left_out > 0).then(|| format!("… and {} more", column.left_out));
        for (row, name) in column.nodes.iter().chain(more.iter()).enumerate() {
            let shown: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
            let cut = if name.chars().count() > NAME_CHARACTERS_MAX { "…" } else { "" };
            let (y, base) = (top(row), top(row).saturating_add(15));
            let _ = write!(
                out,
                "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"4\" fill=\"#f2f5f7\" stroke=\"#8a99a3\"/><text x=\"{}\" y=\"{base}\" fill=\"#1c1c1c\">{}{cut}</text></g>",
                escaped(name),
                x.saturating_add(6),
                escaped(&shown)
            );
        }
    }
    out.push_str("</svg>");
    out
}
