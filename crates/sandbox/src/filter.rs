//! The system-call filter: an allow-list compiled to the kernel's own filter language (seccomp(2), bpf(4)).
//!
//! Foreign calling conventions (x32, i386) kill; calls past the newest known one, and calls whose arguments a filter
//! cannot see, do not exist (`ENOSYS`); what is not in the list is refused (`EPERM`), and announced if asked for.

// A line of the table is a line of the file.
#[rustfmt::skip]
mod table;

use std::collections::BTreeMap;

use crate::kernel::Watch;
use crate::level::Level;

/// One line of the list: a call, when it is allowed, for which programs, and why.
#[derive(Clone, Copy, Debug)]
pub struct AllowedCall {
    /// Its name, as in its manual page.
    pub name: &'static str,
    /// Its number.
    pub number: i64,
    /// Programs that fail or do less without it, apart by spaces.
    pub programs: &'static str,
    /// What they need it for.
    pub reason: &'static str,
    /// All must hold; none means always.
    tests: &'static [Test],
}

impl AllowedCall {
    /// The values of which one argument must be one, where that is all it asks: a request, an option.
    #[must_use]
    pub fn choices(&self) -> Option<(u32, &'static [u32])> {
        match self.tests {
            [test] if test.mask == u32::MAX => Some((test.half / 2, test.allowed)),
            _ => None,
        }
    }

    /// Whether it allows the call with these arguments.
    #[must_use]
    pub fn admits(&self, arguments: [u64; 6]) -> bool {
        self.tests.iter().all(|test| {
            let halves = arguments.iter().flat_map(|whole| [*whole, *whole >> 32]);
            let half = halves.zip(0..).find(|(_, place)| *place == test.half);
            half.is_some_and(|(value, _)| test.allowed.contains(&(test.mask & lower_half(value))))
        })
    }
}

fn lower_half(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// A condition on half of one argument: the lower half of what is an `int` to the kernel or is bounded by it, both of a
/// pointer.
#[derive(Clone, Copy, Debug)]
struct Test {
    /// Twice the argument's place, and one more for its upper half.
    half: u32,
    mask: u32,
    allowed: &'static [u32],
}

type Text = &'static str;

const fn always(name: Text, number: i64, programs: Text, reason: Text) -> AllowedCall {
    when(name, number, programs, reason, &[])
}

const fn when(name: Text, number: i64, programs: Text, reason: Text, tests: &'static [Test]) -> AllowedCall {
    AllowedCall { name, number, programs, reason, tests }
}

/// The masked argument is one of these.
const fn among(argument: u32, mask: u32, allowed: &'static [u32]) -> Test {
    Test { half: argument.saturating_mul(2), mask, allowed }
}

/// None of these bits is set.
const fn none(argument: u32, mask: u32) -> Test {
    Test { half: argument.saturating_mul(2), mask, allowed: &[0] }
}

/// The upper half of the argument is zero.
const fn short(argument: u32) -> Test {
    Test { half: argument.saturating_mul(2).saturating_add(1), mask: u32::MAX, allowed: &[0] }
}

/// The calls allowed at a level, for `--explain`, the documentation and the test that none is spare.
#[must_use]
pub fn allowed_calls(level: Level) -> Vec<AllowedCall> {
    rules(level, Watch::RefusalsAndConnects)
}

/// Whether the network namespace is the command's own.
fn is_walled(level: Level) -> bool {
    match level {
        Level::Full | Level::FullSoft => true,
        Level::Landlock | Level::None => false,
    }
}

/// The same where less may be watched: a unix socket that nobody looks at could be the host's.
fn rules(level: Level, watch: Watch) -> Vec<AllowedCall> {
    let sockets = match (level, watch) {
        (Level::Full | Level::FullSoft, _) => table::SOCKETS,
        (Level::Landlock, Watch::RefusalsAndConnects) => table::REACHING,
        (Level::Landlock, Watch::Nothing | Watch::Refusals) | (Level::None, _) => &[],
    };
    let unix_sockets = match watch {
        Watch::RefusalsAndConnects if is_walled(level) => table::UNIX_SOCKETS,
        Watch::Nothing | Watch::Refusals | Watch::RefusalsAndConnects => &[],
    };
    let memory_files = match level {
        Level::Full => table::MEMORY_FILES,
        Level::FullSoft | Level::Landlock | Level::None => &[],
    };
    let mut rules = [table::EVERYWHERE, table::OLDER, unix_sockets, sockets, memory_files].concat();
    if level == Level::Landlock {
        rules.retain(|rule| !table::BEYOND_LANDLOCK.contains(&rule.name));
        rules.extend(table::OWN_ALONE);
    }
    rules
}

/// The filter of a level.
pub(crate) fn compile(level: Level, watch: Watch) -> Vec<libc::sock_filter> {
    let refuse = match watch {
        Watch::Nothing => RETURN_ERROR | libc::EPERM.cast_unsigned(),
        Watch::Refusals | Watch::RefusalsAndConnects => libc::SECCOMP_RET_USER_NOTIF,
    };
    let rules = rules(level, watch);
    let mut program = prologue();
    if watch == Watch::RefusalsAndConnects && level != Level::None {
        program.extend([jump(EQUAL, number32(libc::SYS_connect), 0, 1), give(libc::SECCOMP_RET_USER_NOTIF)]);
    }
    let unread = if level == Level::Landlock { table::UNREAD } else { &[] };
    for (_, number) in table::ABSENT.iter().chain(unread) {
        program.extend([
            jump(EQUAL, number32(*number), 0, 1),
            give(RETURN_ERROR | libc::ENOSYS.cast_unsigned()),
        ]);
    }
    let mut conditional: BTreeMap<u32, Vec<&[Test]>> = BTreeMap::new();
    let mut unconditional: Vec<u32> = Vec::new();
    for rule in &rules {
        if rule.tests.is_empty() {
            unconditional.push(number32(rule.number));
        } else {
            conditional.entry(number32(rule.number)).or_default().push(rule.tests);
        }
    }
    for (number, alternatives) in conditional {
        let block = block(&alternatives, refuse);
        // A block is far shorter than the 255 instructions a jump spans; `every_jump_lands` holds it to that.
        program.push(jump(EQUAL, number, 0, length8(&block)));
        program.extend(block);
    }
    for (first, last) in runs(unconditional) {
        program.push(jump(GREATER, last, 3, 0));
        program.push(jump(NOT_LESS, first, 0, 1));
        program.push(give(libc::SECCOMP_RET_ALLOW));
        program.push(give(refuse));
    }
    program.push(give(refuse));
    program
}

/// Kills foreign calling conventions, and leaves the number of a known call in the accumulator.
fn prologue() -> Vec<libc::sock_filter> {
    let mut program = vec![
        load(OFFSET_ARCHITECTURE),
        jump(EQUAL, ARCHITECTURE, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(OFFSET_NUMBER),
    ];
    if cfg!(target_arch = "x86_64") {
        program.extend([jump(ANY_BIT, X32_BIT, 0, 1), give(libc::SECCOMP_RET_KILL_PROCESS)]);
    }
    program.extend([
        jump(GREATER, number32(table::LAST_KNOWN), 0, 1),
        give(RETURN_ERROR | libc::ENOSYS.cast_unsigned()),
    ]);
    program
}

/// Allows when one of the alternatives holds in all its tests, else refuses.
fn block(alternatives: &[&[Test]], refuse: u32) -> Vec<libc::sock_filter> {
    let mut program = Vec::new();
    for tests in alternatives {
        let mut alternative = vec![give(libc::SECCOMP_RET_ALLOW)];
        for test in tests.iter().rev() {
            let mut steps =
                vec![load(OFFSET_ARGUMENTS.saturating_add(test.half.saturating_mul(4))), and(test.mask)];
            let count = u8::try_from(test.allowed.len()).unwrap_or(u8::MAX);
            for (index, value) in (0u8..).zip(test.allowed) {
                let left = count.saturating_sub(index).saturating_sub(1);
                let fail = if left == 0 { length8(&alternative) } else { 0 };
                steps.push(jump(EQUAL, *value, left, fail));
            }
            steps.append(&mut alternative);
            alternative = steps;
        }
        program.append(&mut alternative);
    }
    program.push(give(refuse));
    program
}

/// Numbers as runs of neighbours, ascending.
fn runs(mut numbers: Vec<u32>) -> Vec<(u32, u32)> {
    numbers.sort_unstable();
    numbers.dedup();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some(_) | None => runs.push((number, number)),
        }
    }
    runs
}

/// The name of a call, for a report; its number when it has none here.
pub(crate) fn name_of(number: i32) -> String {
    NAMES_REFUSED
        .iter()
        .copied()
        .chain(allowed_calls(Level::Full).iter().map(|rule| (rule.name, rule.number)))
        .find(|(_, known)| *known == i64::from(number))
        .map_or_else(|| format!("syscall {number}"), |(name, _)| name.to_owned())
}

/// Names of calls that are refused and that an attack or a broken program tries.
#[rustfmt::skip]
const NAMES_REFUSED: &[(&str, i64)] = &[
    ("acct", libc::SYS_acct), ("add_key", libc::SYS_add_key), ("adjtimex", libc::SYS_adjtimex),
    ("bpf", libc::SYS_bpf), ("chroot", libc::SYS_chroot), ("clock_adjtime", libc::SYS_clock_adjtime),
    ("clock_settime", libc::SYS_clock_settime), ("delete_module", libc::SYS_delete_module),
    ("fanotify_init", libc::SYS_fanotify_init), ("finit_module", libc::SYS_finit_module),
    ("fsconfig", libc::SYS_fsconfig), ("fsmount", libc::SYS_fsmount), ("fsopen", libc::SYS_fsopen),
    ("fspick", libc::SYS_fspick), ("init_module", libc::SYS_init_module), ("io_setup", libc::SYS_io_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter), ("io_uring_register", libc::SYS_io_uring_register),
    ("io_uring_setup", libc::SYS_io_uring_setup), ("kcmp", libc::SYS_kcmp),
    ("kexec_load", libc::SYS_kexec_load), ("keyctl", libc::SYS_keyctl), ("mbind", libc::SYS_mbind),
    ("memfd_create", libc::SYS_memfd_create), ("memfd_secret", libc::SYS_memfd_secret),
    ("mount", libc::SYS_mount), ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount), ("move_pages", libc::SYS_move_pages), ("mq_open", libc::SYS_mq_open),
    ("msgget", libc::SYS_msgget), ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at), ("open_tree", libc::SYS_open_tree),
    ("perf_event_open", libc::SYS_perf_event_open), ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pivot_root", libc::SYS_pivot_root), ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev), ("ptrace", libc::SYS_ptrace),
    ("quotactl", libc::SYS_quotactl), ("reboot", libc::SYS_reboot), ("request_key", libc::SYS_request_key),
    ("semget", libc::SYS_semget), ("set_mempolicy", libc::SYS_set_mempolicy),
    ("setdomainname", libc::SYS_setdomainname), ("sethostname", libc::SYS_sethostname),
    ("setns", libc::SYS_setns), ("settimeofday", libc::SYS_settimeofday), ("shmget", libc::SYS_shmget),
    ("socket", libc::SYS_socket), ("swapon", libc::SYS_swapon), ("syslog", libc::SYS_syslog),
    ("umount2", libc::SYS_umount2), ("unshare", libc::SYS_unshare), ("userfaultfd", libc::SYS_userfaultfd),
    ("vhangup", libc::SYS_vhangup),
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64 of <linux/audit.h>
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the table of system calls is written for x86_64 and aarch64");

/// `__X32_SYSCALL_BIT` of <asm/unistd.h>.
const X32_BIT: u32 = 0x4000_0000;

const RETURN_ERROR: u32 = libc::SECCOMP_RET_ERRNO;

// Offsets in `struct seccomp_data` (seccomp(2)); the lower half of an argument comes first on these architectures.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;

// Instructions of <linux/bpf_common.h>: class, size or operation, operand.
const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const NOT_LESS: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

fn load(offset: u32) -> libc::sock_filter {
    libc::sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: offset }
}

fn and(mask: u32) -> libc::sock_filter {
    libc::sock_filter { code: AND, jt: 0, jf: 0, k: mask }
}

fn jump(code: u16, operand: u32, yes: u8, no: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: yes, jf: no, k: operand }
}

fn give(answer: u32) -> libc::sock_filter {
    libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: answer }
}

fn length8(program: &[libc::sock_filter]) -> u8 {
    u8::try_from(program.len()).unwrap_or(u8::MAX)
}

fn number32(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
