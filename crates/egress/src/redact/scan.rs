//! Finds any of many thousand byte strings in one pass, skipping most of the bytes.
//!
//! The method is Wu and Manber's (A fast algorithm for multi-pattern searching, 1994): all patterns are cut to the
//! length of the shortest; a table says for the last four bytes of a window how far the window may move without
//! missing one. Where it may not move, the first eight bytes are looked up.

use super::encode::FORM_BYTES_MIN;
use std::collections::HashMap;
use zeroize::Zeroizing;

/// How many bytes at the end of the window the table is asked about.
const BLOCK_BYTES: usize = 4;
/// The longest window. A longer one skips further, and costs more of the table.
const WINDOW_BYTES_MAX: usize = 16;
/// Places of the table per block that is in it, so that few places are taken by chance.
const PLACES_PER_BLOCK: usize = 16;
/// The smallest and largest table, as powers of two: 4 KiB and 4 MiB.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 12..=22;

/// Patterns being gathered.
#[derive(Default)]
pub(crate) struct PatternSet(Vec<Pattern>);

struct Pattern {
    bytes: Zeroizing<Vec<u8>>,
    secret: u32,
}

/// Patterns ready to be looked for.
pub(crate) struct Patterns {
    // INVARIANT: sorted by their bytes; none shorter than `window`.
    patterns: Vec<Pattern>,
    window: usize,
    shifts: Vec<u8>,
    bits: u32,
    /// The first eight bytes of a pattern, and the first and last place with them in `patterns`.
    heads: HashMap<u64, (u32, u32)>,
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
        let shortest = patterns.iter().map(|pattern| pattern.bytes.len()).min().unwrap_or(FORM_BYTES_MIN);
        let window = shortest.clamp(FORM_BYTES_MIN, WINDOW_BYTES_MAX);
        let blocks = window.saturating_sub(BLOCK_BYTES).saturating_add(1);
        let wanted = patterns.len().saturating_mul(blocks).saturating_mul(PLACES_PER_BLOCK);
        let bits = wanted.next_power_of_two().trailing_zeros().clamp(*TABLE_BITS.start(), *TABLE_BITS.end());
        let mut shifts = vec![u8::try_from(blocks).unwrap_or(1); 1 << bits];
        let mut heads: HashMap<u64, (u32, u32)> = HashMap::new();
        for (place, pattern) in patterns.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            for at in 0..blocks {
                let Some(block) = block(&pattern.bytes, at) else { continue };
                let shift = u8::try_from(blocks.saturating_sub(at).saturating_sub(1)).unwrap_or(0);
                if let Some(slot) = shifts.get_mut(hash(block, bits)) {
                    *slot = (*slot).min(shift);
                }
            }
            if let Some(head) = head(&pattern.bytes, 0) {
                heads.entry(head).and_modify(|places| places.1 = place).or_insert((place, place));
            }
        }
        Patterns { patterns, window, shifts, bits, heads }
    }
}

impl Patterns {
    /// Calls `see(start, end, secret)` for every occurrence of every pattern, overlapping ones too.
    pub(crate) fn find(&self, bytes: &[u8], mut see: impl FnMut(usize, usize, u32)) {
        if self.patterns.is_empty() {
            return;
        }
        let last_block = self.window.saturating_sub(BLOCK_BYTES);
        let mut start: usize = 0;
        while let Some(block) = block(bytes, start.saturating_add(last_block)) {
            let shift = self.shifts.get(hash(block, self.bits)).copied().unwrap_or(0);
            if shift == 0 {
                self.at(bytes, start, &mut see);
            }
            start = start.saturating_add(usize::from(shift.max(1)));
        }
    }

    /// The patterns that stand at `start`.
    fn at(&self, bytes: &[u8], start: usize, see: &mut impl FnMut(usize, usize, u32)) {
        let Some((first, last)) = head(bytes, start).and_then(|head| self.heads.get(&head)) else { return };
        let rest = bytes.get(start..).unwrap_or_default();
        for pattern in self.places(*first, *last) {
            if rest.starts_with(&pattern.bytes) {
                see(start, start.saturating_add(pattern.bytes.len()), pattern.secret);
            }
        }
    }

    fn places(&self, first: u32, last: u32) -> &[Pattern] {
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        self.patterns.get(place(first)..=place(last)).unwrap_or_default()
    }

    /// The first place from `from` on where `bytes` ends in the beginning of a pattern that is not there in full.
    pub(crate) fn first_begun(&self, bytes: &[u8], from: usize) -> Option<usize> {
        (from..bytes.len()).find(|start| self.is_begun(bytes.get(*start..).unwrap_or_default()))
    }

    fn is_begun(&self, rest: &[u8]) -> bool {
        if let Some(head) = head(rest, 0) {
            let Some((first, last)) = self.heads.get(&head) else { return false };
            return self
                .places(*first, *last)
                .iter()
                .any(|pattern| pattern.bytes.len() > rest.len() && pattern.bytes.starts_with(rest));
        }
        let at = self.patterns.partition_point(|pattern| pattern.bytes.as_slice() < rest);
        self.patterns.get(at).is_some_and(|pattern| pattern.bytes.starts_with(rest))
    }
}

fn block(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<BLOCK_BYTES>().map(|chunk| u32::from_le_bytes(*chunk))
}

fn head(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Fibonacci hashing to `bits` bits.
fn hash(block: u32, bits: u32) -> usize {
    let mixed = block.wrapping_mul(0x9E37_79B1) >> 32_u32.saturating_sub(bits);
    usize::try_from(mixed).unwrap_or(0)
}
