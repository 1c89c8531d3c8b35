//! Bytes that stay in memory: never swapped, never in a core file, wiped when dropped.
#![expect(unsafe_code, reason = "wiping needs volatile writes that the compiler may not remove")]

use std::fmt;
use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// A buffer of fixed size whose pages are locked (`mlock(2)`) and left out of core files (`MADV_DONTDUMP`) and of
/// children (`MADV_DONTFORK`). Zeroed when made and when dropped. Cannot be printed or cloned.
pub struct LockedBytes {
    // INVARIANT: `start` is a private mapping of `mapped` bytes made by `new` and unmapped by `drop` alone;
    // `length <= mapped`.
    start: *mut u8,
    length: usize,
    mapped: usize,
}

// SAFETY: the mapping is owned by this value alone and is plain memory, so any thread may use it (mmap(2)).
unsafe impl Send for LockedBytes {}
// SAFETY: shared references give out `&[u8]` only; writing needs `&mut self`.
unsafe impl Sync for LockedBytes {}

/// What a page is at least; sizes are rounded up to it.
const PAGE_BYTES: usize = 4096;

impl LockedBytes {
    /// A zeroed buffer of `length` bytes.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for 0 bytes; else what the kernel says: usually that `RLIMIT_MEMLOCK` is too small.
    pub fn new(length: usize) -> io::Result<Self> {
        if length == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mapped = length.checked_next_multiple_of(PAGE_BYTES).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: a fresh anonymous private mapping at an address of the kernel's choosing overlaps nothing (mmap(2)).
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?
        .cast::<u8>();
        let buffer = Self { start, length, mapped };
        for advice in [Advice::LinuxDontDump, Advice::LinuxDontFork] {
            // SAFETY: the range is exactly the mapping above; neither advice changes its content (madvise(2)).
            unsafe { rustix::mm::madvise(buffer.start.cast(), mapped, advice) }?;
        }
        // SAFETY: the range is exactly the mapping above (mlock(2)).
        unsafe { rustix::mm::mlock(buffer.start.cast(), mapped) }?;
        Ok(buffer)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is valid for `length` initialised bytes while `self` lives (mmap(2) zeroes them).
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` makes this the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        for byte in self.as_mut_slice() {
            // SAFETY: a valid, aligned reference; volatile so that the wipe is not optimised away.
            unsafe { std::ptr::write_volatile(byte, 0) };
        }
        // SAFETY: the mapping made in `new`, which nobody uses any more (munmap(2)). It cannot fail for a whole mapping.
        let _unmapped = unsafe { rustix::mm::munmap(self.start.cast(), self.mapped) };
    }
}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LockedBytes({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_locked_and_the_bytes_never_printed() {
        let mut buffer = LockedBytes::new(5000).unwrap();
        assert!(buffer.as_slice().iter().all(|byte| *byte == 0));
        buffer.as_mut_slice()[..6].copy_from_slice(b"secret");
        assert_eq!(&buffer.as_slice()[..6], b"secret");
        assert_eq!(format!("{buffer:?}"), "LockedBytes(5000 bytes)");
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        let kib: u64 = locked.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kib >= 8, "{locked}");
        assert!(LockedBytes::new(0).is_err());
    }
}
