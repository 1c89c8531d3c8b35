//! What this process holds and does not use.
#![expect(unsafe_code, reason = "nothing safe gives memory back")]

/// Gives back to the system what is held and not in use: memory that was freed, and the program's own code, which is
/// read from its file again as it is needed. Most of it serves a start alone.
pub fn give_back_memory() {
    // SAFETY: takes a number, and frees only what the allocator has no owner for (malloc_trim(3)).
    #[cfg(target_env = "gnu")]
    let _whether_any_was = unsafe { libc::malloc_trim(0) };
    let here = give_back_memory as fn() as usize;
    // Unreadable means that nothing is given back, which is slower for nobody.
    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    if let Some((from, to)) =
        mappings.lines().filter_map(code).find(|(from, to)| (*from..*to).contains(&here))
    {
        let start = std::ptr::with_exposed_provenance_mut(from);
        // SAFETY: the whole of one private mapping of a file that nobody writes to: the same bytes come back.
        let _kept_if_refused = unsafe { libc::madvise(start, to.saturating_sub(from), libc::MADV_DONTNEED) };
    }
}

/// The bounds of a line of proc_pid_maps(5), if it is code that cannot have been changed.
fn code(line: &str) -> Option<(usize, usize)> {
    let (bounds, rest) = line.split_once(' ')?;
    let (from, to) = bounds.split_once('-').filter(|_| rest.starts_with("r-xp "))?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}
