//! Lists of rising numbers, packed: each difference in as few bytes as it needs.

/// Appends `number` in groups of seven bits, lowest first; the last byte has its high bit clear.
fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Packs rising numbers.
pub(crate) fn pack(numbers: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len());
    let mut before = 0;
    for number in numbers {
        put(&mut out, number.saturating_sub(before));
        before = *number;
    }
    out
}

/// Unpacks what [`pack`] packed; nothing when it was not packed by it.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut numbers = Vec::with_capacity(bytes.len());
    let (mut number, mut shift, mut before) = (0_u32, 0_u32, 0_u32);
    for byte in bytes {
        let group = u32::from(byte & 0x7f);
        number |= group.checked_shl(shift).filter(|shifted| shifted >> shift == group)?;
        if byte & 0x80 == 0 {
            before = before.checked_add(number)?;
            numbers.push(before);
            (number, shift) = (0, 0);
        } else {
            shift = shift.checked_add(7).filter(|shift| *shift < 32)?;
        }
    }
    (shift == 0).then_some(numbers)
}

/// The numbers that are in both lists.
pub(crate) fn both(left: &[u32], right: &[u32]) -> Vec<u32> {
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    short.iter().copied().filter(|number| long.binary_search(number).is_ok()).collect()
}

/// The numbers that are in either list.
pub(crate) fn either(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut all: Vec<u32> = left.iter().chain(right).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_is_unpacked_as_it_was_packed(mut numbers in prop::collection::vec(any::<u32>(), 0..200)) {
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(unpack(&pack(&numbers)), Some(numbers));
        }

        #[test]
        fn anything_is_unpacked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _either = unpack(&bytes);
        }
    }

    #[test]
    fn lists_meet_and_join() {
        assert_eq!(both(&[1, 3, 5], &[3, 4, 5, 9]), [3, 5]);
        assert_eq!(either(&[1, 3], &[2, 3]), [1, 2, 3]);
    }
}
