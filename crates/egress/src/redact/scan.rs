//! Finds any of many thousand byte strings in one pass, looking at few of the bytes.
//!
//! All patterns are cut to the length of the shortest, the window. Of the first bytes of each pattern, every group of
//! a few bytes that can fall on a multiple of the stride is put into a filter; the text is asked about only at
//! multiples of the stride. Whatever place of the text a pattern stands at, exactly one of its groups falls on such a
//! multiple. The questions do not depend on each other's answers, so that a processor asks many at a time.

use super::encode::FORM_BYTES_MIN;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use zeroize::Zeroizing;

/// The longest window. A longer one would ask less often, and need a larger filter.
const WINDOW_BYTES_MAX: usize = 16;
/// The longest group: what fits a machine word.
const GROUP_BYTES_MAX: usize = 8;
/// By how much a group is shorter than the shortest window, so that the stride is 3 even then.
const STRIDE_SPARE: usize = 2;
/// Bits of the filter for each group in it: one group in sixteen that is not in it passes.
const BITS_PER_GROUP: usize = 16;
/// The smallest and largest filter, as powers of two of bits: 8 KiB and 4 MiB.
const FILTER_BITS: std::ops::RangeInclusive<u32> = 16..=25;

/// Patterns being gathered.
#[derive(Default)]
pub(crate) struct PatternSet(Vec<Pattern>);

struct Pattern {
    bytes: Zeroizing<Vec<u8>>,
    secret: u32,
}

/// Patterns ready to be looked for.
pub(crate) struct Patterns {
    // INVARIANT: sorted by their bytes; none shorter than `group_bytes + stride - 1`.
    patterns: Vec<Pattern>,
    longest: usize,
    group_bytes: usize,
    stride: usize,
    filter: Vec<u64>,
    filter_bits: u32,
    /// A group, and the patterns it belongs to, each with the group's place in it.
    groups: Table<Vec<(u32, u8)>>,
    /// The first eight bytes of a pattern, and the first and last place with them in `patterns`.
    heads: Table<(u32, u32)>,
}

type Table<T> = HashMap<u64, T, BuildHasherDefault<Mix>>;

/// Hashes one word. The keys are the owner's secrets, not an attacker's, so that no keyed hash is needed.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word);
    }
}

impl PatternSet {
    /// Adds `bytes`, a form of the secret at place `secret`. One shorter than [`FORM_BYTES_MIN`] is left out.
    pub(crate) fn add(&mut self, bytes: &[u8], secret: u32) {
        if bytes.len() >= FORM_BYTES_MIN {
            self.0.push(Pattern { bytes: Zeroizing::new(bytes.to_vec()), secret });
        }
    }

    pub(crate) fn finish(self) -> Patterns {
        let mut patterns = self.0;
        patterns.sort_by(|one, other| one.bytes.cmp(&other.bytes));
        let lengths = || patterns.iter().map(|pattern| pattern.bytes.len());
        let window = lengths().min().unwrap_or(FORM_BYTES_MIN).clamp(FORM_BYTES_MIN, WINDOW_BYTES_MAX);
        let group_bytes = window.saturating_sub(STRIDE_SPARE).min(GROUP_BYTES_MAX);
        let stride = window.saturating_sub(group_bytes).saturating_add(1);
        let wanted = patterns.len().saturating_mul(stride).saturating_mul(BITS_PER_GROUP).next_power_of_two();
        let filter_bits = wanted.trailing_zeros().clamp(*FILTER_BITS.start(), *FILTER_BITS.end());
        let mut ready = Patterns {
            longest: lengths().max().unwrap_or(0),
            group_bytes,
            stride,
            filter: vec![0; 1_usize.checked_shl(filter_bits.saturating_sub(6)).unwrap_or(1)],
            filter_bits,
            groups: Table::default(),
            heads: Table::default(),
            patterns: Vec::new(),
        };
        for (place, pattern) in patterns.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            ready.insert(&pattern.bytes, place);
        }
        ready.patterns = patterns;
        ready
    }
}

impl Patterns {
    fn insert(&mut self, bytes: &[u8], place: u32) {
        for offset in 0..self.stride {
            let Some(group) = word(bytes, offset, self.group_bytes) else { continue };
            let (slot, bit) = self.bit_of(group);
            if let Some(bits) = self.filter.get_mut(slot) {
                *bits |= bit;
            }
            self.groups.entry(group).or_default().push((place, u8::try_from(offset).unwrap_or(0)));
        }
        if let Some(head) = word(bytes, 0, GROUP_BYTES_MAX) {
            self.heads.entry(head).and_modify(|places| places.1 = place).or_insert((place, place));
        }
    }

    fn bit_of(&self, group: u64) -> (usize, u64) {
        let hash = mix(group) >> 64_u32.saturating_sub(self.filter_bits);
        (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
    }

    /// Calls `see(start, end, secret)` for every occurrence of every pattern, overlapping ones too.
    pub(crate) fn find(&self, bytes: &[u8], mut see: impl FnMut(usize, usize, u32)) {
        if self.patterns.is_empty() {
            return;
        }
        let mut at: usize = 0;
        while let Some(group) = word(bytes, at, self.group_bytes) {
            let (slot, bit) = self.bit_of(group);
            if self.filter.get(slot).is_some_and(|bits| bits & bit != 0) {
                self.judge(bytes, at, group, &mut see);
            }
            at = at.saturating_add(self.stride);
        }
    }

    /// The patterns that have the group at `at` where it stands.
    #[cold]
    fn judge(&self, bytes: &[u8], at: usize, group: u64, see: &mut impl FnMut(usize, usize, u32)) {
        for (place, offset) in self.groups.get(&group).into_iter().flatten() {
            let Some(start) = at.checked_sub(usize::from(*offset)) else { continue };
            let Some(pattern) = self.patterns.get(usize::try_from(*place).unwrap_or(usize::MAX)) else {
                continue;
            };
            if bytes.get(start..).is_some_and(|rest| rest.starts_with(&pattern.bytes)) {
                see(start, start.saturating_add(pattern.bytes.len()), pattern.secret);
            }
        }
    }

    /// The first place where `bytes` ends in the beginning of a pattern that is not there in full.
    pub(crate) fn first_begun(&self, bytes: &[u8]) -> Option<usize> {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        (from..bytes.len()).find(|start| self.is_begun(bytes.get(*start..).unwrap_or_default()))
    }

    fn is_begun(&self, rest: &[u8]) -> bool {
        if let Some(head) = word(rest, 0, GROUP_BYTES_MAX) {
            let Some((first, last)) = self.heads.get(&head) else { return false };
            let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            let sharing = self.patterns.get(place(*first)..=place(*last)).unwrap_or_default();
            let begun =
                |pattern: &Pattern| pattern.bytes.len() > rest.len() && pattern.bytes.starts_with(rest);
            return sharing.iter().any(begun);
        }
        let at = self.patterns.partition_point(|pattern| pattern.bytes.as_slice() < rest);
        self.patterns.get(at).is_some_and(|pattern| pattern.bytes.starts_with(rest))
    }
}

/// `count` bytes from `at` on, at most eight, as one number.
fn word(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let rest = bytes.get(at..)?;
    let unused = u32::try_from(GROUP_BYTES_MAX.saturating_sub(count).saturating_mul(8)).unwrap_or(0);
    if let Some(chunk) = rest.first_chunk::<GROUP_BYTES_MAX>() {
        return Some(u64::from_be_bytes(*chunk) >> unused);
    }
    let group = rest.get(..count)?;
    Some(group.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)))
}

/// The finalizer of MurmurHash3: each bit of the word changes half of the result's.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}
