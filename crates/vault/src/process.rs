//! Keeps the memory of this process to itself: no core dump, no debugger of the same user, no swap.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Which of the protections the system granted. What is `false` is off, and is to be reported so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// A crash writes no core file and pipes none: `RLIMIT_CORE` is 1 (core(5)), or 0, and cannot be raised.
    pub core_dumps_off: bool,
    /// Other processes of the user cannot read this one's memory or environment: `PR_SET_DUMPABLE` is 0.
    pub undumpable: bool,
    /// No page goes to swap: `mlockall` was granted. It is asked for only where `RLIMIT_MEMLOCK` is unlimited
    /// (`LimitMEMLOCK=infinity`), since below a limit a later allocation would fail instead of being left unlocked.
    pub locked: bool,
}

/// Asks for all of it, for the whole process. To be called once, before a vault is opened.
#[must_use]
pub fn harden_process() -> Hardening {
    let most = getrlimit(Resource::Core).maximum.unwrap_or(1).min(1);
    let core_dumps_off =
        setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) }).is_ok();
    let undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    let everything = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    Hardening { core_dumps_off, undumpable, locked: unlimited && mlockall(everything).is_ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::dumpable_behavior;

    /// Each test has a process of its own, so that nothing else is hardened by this.
    #[test]
    fn what_is_reported_as_on_is_on() {
        let hardening = harden_process();
        assert!(hardening.core_dumps_off && hardening.undumpable);
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(1), maximum: Some(1) });
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status
            .lines()
            .find_map(|line| line.strip_prefix("VmLck:")?.trim().split(' ').next()?.parse::<u64>().ok());
        assert_eq!(locked.unwrap() > 0, hardening.locked);
    }
}
