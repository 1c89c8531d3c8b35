//! Tries to read this very process the way another program of the same user would.

use crate::{Proof, State};
use sandbox::process::is_hardened;
use std::fs::File;
use std::io::ErrorKind;

/// What only a debugger may open (proc(5)): the kernel gives these files to root when a process is closed to its user.
const TRIES: [&str; 2] = ["/proc/self/environ", "/proc/self/mem"];

/// Whether the memory and environment of this process, where the vault's keys are, are closed to the other programs of
/// its user, and whether any of it can reach the disk.
#[must_use]
pub fn the_process_is_closed() -> Vec<Proof> {
    vec![closed("process.closed"), stays_in_memory("process.memory")]
}

fn closed(name: &str) -> Proof {
    if !is_hardened() {
        let why = "this process is open to debuggers of its user: it was not closed at its start";
        return Proof::new(name, State::Off, why.to_string());
    }
    for path in TRIES {
        match File::open(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => {
                return Proof::new(name, State::Failed, format!("{path} could not be tried: {error}"));
            }
            Ok(_) => return Proof::new(name, State::Failed, format!("{path} can be read by this user")),
        }
    }
    let tried = TRIES.join(" and ");
    let detail = format!("tried to open {tried} as this user: refused; a crash writes no core file");
    Proof::new(name, State::Holds, detail)
}

fn stays_in_memory(name: &str) -> Proof {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let has_swap = text("/proc/swaps").lines().nth(1).is_some();
    let status = text("/proc/self/status");
    let kib = |name: &str| {
        let found =
            status.lines().find_map(|line| line.strip_prefix(name)?.trim().split(' ').next()?.parse().ok());
        found.unwrap_or(0_u64)
    };
    // The pages of keys are locked by themselves; what counts here is nearly all of it.
    let locked = kib("VmLck:") > kib("VmSize:") / 2;
    match (locked, has_swap) {
        (true, _) => {
            Proof::new(name, State::Holds, "its memory is locked and never goes to swap".to_string())
        }
        (false, false) => Proof::new(name, State::Holds, "this machine has no swap".to_string()),
        (false, true) => {
            let why = "its memory may go to swap: the limit on locked memory is too low; `hardshell install` sets LimitMEMLOCK=infinity";
            Proof::new(name, State::Off, why.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each test has a process of its own, so that nothing else is closed by this.
    #[test]
    fn a_process_that_was_not_closed_says_so_and_one_that_was_cannot_be_read() {
        let before = the_process_is_closed();
        assert_eq!(before[0].state, State::Off, "{before:?}");
        assert!(TRIES.iter().all(|path| File::open(path).is_ok()), "the try succeeds while it is open");
        sandbox::harden_self().unwrap();
        let after = the_process_is_closed();
        // Root may open anything; what it is told is then that the control does not hold against it.
        let expected = if sandbox::is_root() { State::Failed } else { State::Holds };
        assert_eq!(after[0].state, expected, "{after:?}");
    }
}
