//! Key shapes: what a key of a well-known service looks like, as data in `shapes.toml`.

use super::{Span, What};
use aho_corasick::packed::{Config, MatchKind, Searcher};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// The shapes that are shipped.
const SHIPPED: &str = include_str!("shapes.toml");

/// How many bytes of a start are looked for at first; what is found is then looked at in full.
const BEGINNING_BYTES: usize = 3;

/// What the keys of one service look like: a fixed beginning, then a run of certain characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Its name, which stands in the place of such a key.
    pub name: String,
    /// What such a key opens.
    pub why: String,
    /// How it begins: one of these, exactly, and not in the middle of a word.
    pub starts: Vec<String>,
    /// The characters that follow, as in the brackets of a regular expression.
    run: Class,
    /// How many of them there are at least.
    run_min: usize,
    /// How many there are at most; what follows is ordinary text again. Where this is `run_min`, more is no key.
    run_max: usize,
    /// Kinds of characters the run has at least one of each.
    #[serde(default)]
    has: Vec<Kind>,
    /// How often a character is in the run: `{ "." = 2 }`.
    #[serde(default)]
    counts: BTreeMap<char, usize>,
    /// What ends the run, and belongs to the key.
    #[serde(default)]
    until: Option<String>,
    /// Whether a run that ends otherwise is no key.
    #[serde(default)]
    until_required: bool,
    /// Whether it may begin right behind a letter or digit.
    #[serde(default)]
    inside_words: bool,
    /// Texts that are to be replaced, for the tests.
    pub yes: Vec<String>,
    /// Texts that are to be left alone, for the tests.
    pub no: Vec<String>,
}

/// A kind of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Digit,
    Upper,
    Lower,
}

/// A set of ASCII characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Class(Box<[bool; 256]>);

/// A shape in the data file is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the key shapes: {reason}")]
pub struct ShapeError {
    /// What is wrong.
    pub reason: String,
}

/// Whether more bytes may follow those at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// They are all.
    End,
    /// More may come.
    More,
}

/// How a candidate turned out.
enum Found {
    /// It is a key, and ends here.
    Key(usize),
    /// It is none.
    Nothing,
    /// It depends on what follows.
    Open,
}

/// All shapes, ready to be looked for.
#[derive(Clone)]
pub(crate) struct ShapeSet(&'static Loaded);

struct Loaded {
    shapes: Vec<Shape>,
    /// For the first two bytes of a start: the shapes that begin so, each with the number of the start.
    by_pair: HashMap<usize, Vec<(u32, u32)>>,
    /// Finds the first few bytes of any start.
    beginnings: Option<Searcher>,
    longest: usize,
    /// The first byte of every start.
    firsts: BTreeSet<u8>,
}

static LOADED: LazyLock<Loaded> = LazyLock::new(|| Loaded::of(shapes().unwrap_or_default()));

/// The shapes that are shipped, as the data file has them.
///
/// # Errors
///
/// [`ShapeError`] when the file is not in its form; a test holds that it is.
pub fn shapes() -> Result<Vec<Shape>, ShapeError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        shape: Vec<Shape>,
    }
    let file: File = toml::from_str(SHIPPED).map_err(|error| ShapeError { reason: error.to_string() })?;
    for shape in &file.shape {
        if shape.starts.iter().any(|start| start.len() < BEGINNING_BYTES)
            || shape.run_min > shape.run_max
            || shape.starts.is_empty()
        {
            return Err(ShapeError {
                reason: format!("`{}` starts with less than three characters", shape.name),
            });
        }
    }
    Ok(file.shape)
}

impl TryFrom<String> for Class {
    type Error = ShapeError;

    fn try_from(text: String) -> Result<Self, ShapeError> {
        let bad = || ShapeError { reason: format!("`{text}` is not a set of ASCII characters") };
        let mut set = Box::new([false; 256]);
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(first) = bytes.get(at).copied() {
            if !first.is_ascii() {
                return Err(bad());
            }
            let range_end = match bytes.get(at.saturating_add(1)) {
                Some(b'-') => bytes.get(at.saturating_add(2)).copied(),
                Some(_) | None => None,
            };
            let last = range_end.unwrap_or(first);
            if last < first || !last.is_ascii() {
                return Err(bad());
            }
            for byte in first..=last {
                if let Some(slot) = set.get_mut(usize::from(byte)) {
                    *slot = true;
                }
            }
            at = at.saturating_add(if range_end.is_some() { 3 } else { 1 });
        }
        Ok(Self(set))
    }
}

impl Class {
    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }
}

impl Kind {
    fn of(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Upper => byte.is_ascii_uppercase(),
            Self::Lower => byte.is_ascii_lowercase(),
        }
    }
}

impl Shape {
    /// Judges what follows a start that ends at `from`.
    fn judge(&self, bytes: &[u8], from: usize, edge: Edge) -> Found {
        let rest = bytes.get(from..).unwrap_or_default();
        let limited = rest.get(..self.run_max).unwrap_or(rest);
        let until = self.until.as_deref().map(str::as_bytes);
        let mut length = 0;
        let mut ended = false;
        for byte in limited {
            if until.is_some_and(|until| limited.get(length..).unwrap_or_default().starts_with(until)) {
                ended = true;
                break;
            }
            if !self.run.has(*byte) {
                break;
            }
            length = length.saturating_add(1);
        }
        if length == rest.len() && length < self.run_max && edge == Edge::More {
            return Found::Open;
        }
        if self.run_min == self.run_max && length == self.run_max {
            // A key of fixed length that goes on is something else.
            match rest.get(length) {
                Some(byte) if self.run.has(*byte) => return Found::Nothing,
                None if edge == Edge::More => return Found::Open,
                Some(_) | None => {}
            }
        }
        // What ends the run may be cut off by the edge itself.
        let left = rest.get(length..).unwrap_or_default();
        let ending_begun = until.is_some_and(|until| left.len() < until.len() && until.starts_with(left));
        if !ended && ending_begun && length < self.run_max && edge == Edge::More {
            return Found::Open;
        }
        let run = rest.get(..length).unwrap_or_default();
        let enough = length >= self.run_min
            && self.has.iter().all(|kind| run.iter().any(|byte| kind.of(*byte)))
            && self.counts.iter().all(|(letter, count)| {
                run.iter().filter(|byte| char::from(**byte) == *letter).count() == *count
            });
        if !enough || (self.until_required && !ended) {
            return Found::Nothing;
        }
        let ending = if ended { until.map_or(0, <[u8]>::len) } else { 0 };
        Found::Key(from.saturating_add(length).saturating_add(ending))
    }
}

impl Loaded {
    fn of(shapes: Vec<Shape>) -> Self {
        let mut by_pair: HashMap<usize, Vec<(u32, u32)>> = HashMap::new();
        let mut beginnings = BTreeSet::new();
        for (place, shape) in shapes.iter().enumerate() {
            for (number, start) in shape.starts.iter().enumerate() {
                let [first, second, ..] = start.as_bytes() else { continue };
                let entry = (u32::try_from(place).unwrap_or(0), u32::try_from(number).unwrap_or(0));
                by_pair.entry(pair(*first, *second)).or_default().push(entry);
                beginnings
                    .insert(start.as_bytes().get(..BEGINNING_BYTES).unwrap_or(start.as_bytes()).to_vec());
            }
        }
        let firsts = beginnings.iter().filter_map(|beginning: &Vec<u8>| beginning.first().copied()).collect();
        let longest = shapes.iter().flat_map(|shape| &shape.starts).map(String::len).max().unwrap_or(0);
        let mut config = Config::new();
        let beginnings = config.match_kind(MatchKind::LeftmostFirst).builder().extend(beginnings).build();
        Self { shapes, by_pair, beginnings, longest, firsts }
    }
}

impl ShapeSet {
    pub(crate) fn shipped() -> Self {
        Self(&LOADED)
    }

    pub(crate) fn name(&self, shape: u32) -> &str {
        usize::try_from(shape)
            .ok()
            .and_then(|place| self.0.shapes.get(place))
            .map_or("key", |shape| &shape.name)
    }

    /// Adds every key to `spans`, and returns where the first candidate starts that depends on what follows; the
    /// length of `bytes` when there is none. `before` is the byte before the first.
    pub(crate) fn find(&self, bytes: &[u8], before: Option<u8>, edge: Edge, spans: &mut Vec<Span>) -> usize {
        let mut open = bytes.len();
        let mut look = |start: usize| {
            let previous = start.checked_sub(1).map_or(before, |at| bytes.get(at).copied());
            if self.at(bytes, start, previous, edge, spans) {
                open = open.min(start);
            }
        };
        // Near the end a start may be cut off, so that its beginning is not found either.
        let tail = bytes.len().saturating_sub(self.0.longest);
        let mut from = 0;
        while let Some(start) = self.next_beginning(bytes, from).filter(|start| *start < tail) {
            look(start);
            from = start.saturating_add(1);
        }
        (tail..bytes.len()).for_each(look);
        open
    }

    /// The next place from `from` on where a start may begin.
    fn next_beginning(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let span = aho_corasick::Span { start: from, end: bytes.len() };
        match &self.0.beginnings {
            Some(searcher) => searcher.find_in(bytes, span).map(|found| found.start()),
            // A processor without the instructions for it: every place is looked at.
            None => (from < bytes.len()).then_some(from),
        }
    }

    /// Judges the place `start`; says whether something begins there that depends on what follows.
    fn at(
        &self,
        bytes: &[u8],
        start: usize,
        previous: Option<u8>,
        edge: Edge,
        spans: &mut Vec<Span>,
    ) -> bool {
        let rest = bytes.get(start..).unwrap_or_default();
        let in_word = previous.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let [first, second, ..] = rest else {
            return edge == Edge::More && rest.first().is_some_and(|byte| self.0.firsts.contains(byte));
        };
        let candidates = self.0.by_pair.get(&pair(*first, *second)).map(Vec::as_slice).unwrap_or_default();
        let mut open = false;
        for (place, number) in candidates {
            let Some(shape) = usize::try_from(*place).ok().and_then(|place| self.0.shapes.get(place)) else {
                continue;
            };
            if in_word && !shape.inside_words {
                continue;
            }
            let Some(text) = usize::try_from(*number).ok().and_then(|number| shape.starts.get(number)) else {
                continue;
            };
            if rest.starts_with(text.as_bytes()) {
                match shape.judge(bytes, start.saturating_add(text.len()), edge) {
                    Found::Key(end) => spans.push(Span { start, end, what: What::Shape(*place) }),
                    Found::Open => open = true,
                    Found::Nothing => {}
                }
            } else if edge == Edge::More && text.as_bytes().starts_with(rest) {
                open = true;
            }
        }
        open
    }
}

fn pair(first: u8, second: u8) -> usize {
    (usize::from(first) << 8) | usize::from(second)
}
