//! Tries to read this very process the way another program of the same user would.

use crate::{Proof, State};
use sandbox::Sandbox;
use sandbox::canaries::{CRASHES, leaves_core};
use sandbox::process::is_hardened;
use std::fs::File;
use std::io::ErrorKind;

/// What only a debugger may open (proc(5)): the kernel gives these files to root when a process is closed to its user.
const TRIES: [&str; 2] = ["/proc/self/environ", "/proc/self/mem"];

/// Whether the memory and environment of this process, where the vault's keys are, are closed to the other programs of
/// its user, and whether any of it can reach the disk.
#[must_use]
pub fn the_process_is_closed() -> Vec<Proof> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let memory = stays_in_memory("process.memory", &text("/proc/swaps"), &text("/proc/self/status"));
    vec![closed("process.closed"), memory]
}

/// How much is tried of a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// One that was closed as this process is.
    Closed,
    /// Also one that was not, whose core a machine may collect: not to be done at every start.
    ClosedAndOpen,
}

/// Whether a process that is closed as this one is leaves its memory in a core file when it crashes: decoys do.
pub async fn a_crash_leaves_no_core(sandbox: &Sandbox, crash: Crash) -> Proof {
    let [open, closed] = CRASHES;
    let closed = leaves_core(sandbox, closed).await.map_err(|error| error.to_string());
    let open = match crash {
        Crash::Closed => None,
        Crash::ClosedAndOpen => Some(leaves_core(sandbox, open).await.map_err(|error| error.to_string())),
    };
    core_file("process.core", is_hardened(), closed, open)
}

fn core_file(
    name: &str,
    hardened: bool,
    closed: Result<bool, String>,
    open: Option<Result<bool, String>>,
) -> Proof {
    let tried = "a decoy that is closed as this process is crashed and left no core file";
    let (state, detail) = match (closed, open) {
        (Ok(true), _) => {
            (State::Failed, "a process that is closed as this one is left a core file".to_string())
        }
        (Err(why), _) | (_, Some(Err(why))) => (State::NotShown, format!("no crash could be tried: {why}")),
        (Ok(false), _) if !hardened => (
            State::Off,
            "this process was not closed at its start: a crash may leave a core file".to_string(),
        ),
        (Ok(false), Some(Ok(true))) => (State::Holds, format!("{tried}; one that is open left one")),
        (Ok(false), Some(Ok(false))) => {
            (State::Holds, format!("{tried}; this machine keeps none of an open one either"))
        }
        (Ok(false), None) => {
            (State::Holds, format!("{tried}; `hardshell prove` also lets an open one crash"))
        }
    };
    Proof::new(name, state, detail)
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

/// From what `/proc/swaps` and `/proc/self/status` say (proc(5)).
fn stays_in_memory(name: &str, swaps: &str, status: &str) -> Proof {
    let has_swap = swaps.lines().nth(1).is_some();
    let kib = |name: &str| {
        let found =
            status.lines().find_map(|line| line.strip_prefix(name)?.trim().split(' ').next()?.parse().ok());
        found.unwrap_or(0_u64)
    };
    // Stacks and mappings of no content are never locked whole; what counts is nearly all of it.
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

    #[test]
    fn memory_that_may_go_to_swap_does_not_count_as_kept() {
        let swap = "Filename Type Size Used Priority\n/dev/vda2 partition 1000 0 -2\n";
        let status = |locked: u32| format!("VmSize:\t   1000 kB\nVmLck:\t   {locked} kB\n");
        for (swaps, locked, state) in [
            (swap, 0, State::Off),
            (swap, 400, State::Off),
            (swap, 900, State::Holds),
            ("Filename Type\n", 0, State::Holds),
        ] {
            assert_eq!(stays_in_memory("m", swaps, &status(locked)).state, state, "{swaps} {locked}");
        }
    }

    #[test]
    fn a_core_file_of_a_closed_process_is_a_failure_and_a_crash_that_was_not_tried_shows_nothing() {
        for (hardened, closed, open, state) in [
            (true, Ok(true), None, State::Failed),
            (true, Ok(true), Some(Ok(true)), State::Failed),
            (true, Err("no".to_string()), None, State::NotShown),
            (true, Ok(false), Some(Err("no".to_string())), State::NotShown),
            (false, Ok(false), Some(Ok(true)), State::Off),
            (true, Ok(false), Some(Ok(true)), State::Holds),
            (true, Ok(false), Some(Ok(false)), State::Holds),
            (true, Ok(false), None, State::Holds),
        ] {
            let proof = core_file("c", hardened, closed, open);
            assert_eq!(proof.state, state, "{proof:?}");
        }
    }
}
