use super::*;

/// Runs a filter over one call, as the kernel does, and returns the answer.
fn decide(program: &[libc::sock_filter], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let word = |offset: u32| match offset {
        OFFSET_NUMBER => number,
        OFFSET_ARCHITECTURE => architecture,
        other => {
            let place = usize::try_from(other - OFFSET_ARGUMENTS).unwrap();
            u32::try_from((arguments[place / 8] >> (place % 8 * 8)) & 0xffff_ffff).unwrap()
        }
    };
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let libc::sock_filter { code, jt, jf, k } = program[at];
        let jump = |holds: bool| at + 1 + usize::from(if holds { jt } else { jf });
        at = match code {
            LOAD_WORD => {
                accumulator = word(k);
                at + 1
            }
            AND => {
                accumulator &= k;
                at + 1
            }
            EQUAL => jump(accumulator == k),
            GREATER => jump(accumulator > k),
            NOT_LESS => jump(accumulator >= k),
            ANY_BIT => jump(accumulator & k != 0),
            RETURN => return k,
            other => panic!("instruction {other}"),
        };
    }
}

const REFUSED: u32 = libc::SECCOMP_RET_USER_NOTIF;
const ABSENT: u32 = RETURN_ERROR | 38;
const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
const KILLED: u32 = libc::SECCOMP_RET_KILL_PROCESS;

fn at(level: Level, number: i64, arguments: [u64; 6]) -> u32 {
    decide(&compile(level, Watch::RefusalsAndConnects), ARCHITECTURE, number32(number), arguments)
}

#[test]
fn foreign_calling_conventions_kill() {
    let program = compile(Level::Full, Watch::Refusals);
    for architecture in [0x4000_0003, 0x4000_0028, 0, u32::MAX] {
        assert_eq!(decide(&program, architecture, 1, [0; 6]), KILLED, "{architecture:#x}");
    }
    if cfg!(target_arch = "x86_64") {
        for number in [X32_BIT, X32_BIT | 1, X32_BIT | 520, u32::MAX] {
            assert_eq!(decide(&program, ARCHITECTURE, number, [0; 6]), KILLED, "{number:#x}");
        }
    }
}

#[test]
fn every_number_has_the_answer_of_the_table() {
    for level in Level::ALL {
        let program = compile(level, Watch::Refusals);
        let rules = rules(level, Watch::Refusals);
        for number in 0..1000_i64 {
            let found: Vec<&AllowedCall> = rules.iter().filter(|rule| rule.number == number).collect();
            let unread =
                level == Level::Landlock && table::UNREAD.iter().any(|(_, absent)| *absent == number);
            let wanted = if unread
                || table::ABSENT.iter().any(|(_, absent)| *absent == number)
                || number > table::LAST_KNOWN
            {
                ABSENT
            } else if found.iter().any(|rule| rule.tests.is_empty()) {
                ALLOWED
            } else if found.is_empty() {
                REFUSED
            } else {
                continue;
            };
            assert_eq!(
                decide(&program, ARCHITECTURE, number32(number), [u64::MAX; 6]),
                wanted,
                "{level} {number}"
            );
        }
    }
}

#[test]
fn arguments_decide() {
    let sock =
        |family: i32, kind: u64, protocol: u64| [u64::try_from(family).unwrap(), kind, protocol, 0, 0, 0];
    let cases: [(&str, i64, [u64; 6], u32); 34] = [
        ("tcp", libc::SYS_socket, sock(libc::AF_INET, 1, 0), ALLOWED),
        ("tcp, close on exec", libc::SYS_socket, sock(libc::AF_INET, 0o2_000_001, 6), ALLOWED),
        ("udp over 6", libc::SYS_socket, sock(libc::AF_INET6, 2, 17), ALLOWED),
        ("unix", libc::SYS_socket, sock(libc::AF_UNIX, 1, 0), ALLOWED),
        ("unix, in packets", libc::SYS_socket, sock(libc::AF_UNIX, 5, 0), ALLOWED),
        ("unix, to any address", libc::SYS_socket, sock(libc::AF_UNIX, 2, 0), REFUSED),
        ("pair, to any address", libc::SYS_socketpair, sock(libc::AF_UNIX, 2, 0), REFUSED),
        ("connect: somebody looks", libc::SYS_connect, [3, 0, 0, 0, 0, 0], REFUSED),
        ("route", libc::SYS_socket, sock(libc::AF_NETLINK, 3, 0), ALLOWED),
        ("netfilter", libc::SYS_socket, sock(libc::AF_NETLINK, 3, 12), REFUSED),
        ("raw", libc::SYS_socket, sock(libc::AF_INET, 3, 1), REFUSED),
        ("sctp", libc::SYS_socket, sock(libc::AF_INET, 1, 132), REFUSED),
        ("mptcp", libc::SYS_socket, sock(libc::AF_INET, 1, 262), REFUSED),
        ("algorithms", libc::SYS_socket, sock(libc::AF_ALG, 5, 0), REFUSED),
        ("vsock", libc::SYS_socket, sock(libc::AF_VSOCK, 1, 0), REFUSED),
        ("rxrpc", libc::SYS_socket, sock(libc::AF_RXRPC, 2, 0), REFUSED),
        ("a family with bits above", libc::SYS_socket, [0x1_0000_0000 | 38, 5, 0, 0, 0, 0], REFUSED),
        ("pair", libc::SYS_socketpair, sock(libc::AF_UNIX, 1, 0), ALLOWED),
        ("pair of another family", libc::SYS_socketpair, sock(libc::AF_INET, 1, 0), REFUSED),
        ("fork", libc::SYS_clone, [17, 0, 0, 0, 0, 0], ALLOWED),
        ("thread", libc::SYS_clone, [0x3d_0f00, 0, 0, 0, 0, 0], ALLOWED),
        ("user namespace", libc::SYS_clone, [0x1000_0011, 0, 0, 0, 0, 0], REFUSED),
        ("mount namespace", libc::SYS_clone, [0x0002_0011, 0, 0, 0, 0, 0], REFUSED),
        ("size of a terminal", libc::SYS_ioctl, [0, 0x5413, 0, 0, 0, 0], ALLOWED),
        ("typing", libc::SYS_ioctl, [0, 0x5412, 0, 0, 0, 0], REFUSED),
        ("typing, with bits above", libc::SYS_ioctl, [0, 0xffff_ffff_0000_5412, 0, 0, 0, 0], REFUSED),
        ("console", libc::SYS_ioctl, [0, 0x541c, 0, 0, 0, 0], REFUSED),
        ("mode", libc::SYS_fchmodat, [0, 0, 0o755, 0, 0, 0], ALLOWED),
        ("set-uid", libc::SYS_fchmodat, [0, 0, 0o4755, 0, 0, 0], REFUSED),
        ("set-gid", libc::SYS_fchmod, [0, 0o2755, 0, 0, 0, 0], REFUSED),
        ("opened, with rubbish for a mode", libc::SYS_openat, [0, 0, 0, 0o7777, 0, 0], ALLOWED),
        ("made set-uid", libc::SYS_openat, [0, 0, 0o101, 0o4755, 0, 0], REFUSED),
        ("pipe", libc::SYS_mknodat, [0, 0, 0o010_644, 0, 0, 0], ALLOWED),
        ("device", libc::SYS_mknodat, [0, 0, 0o020_644, 0x103, 0, 0], REFUSED),
    ];
    for (name, number, arguments, wanted) in cases {
        assert_eq!(at(Level::Full, number, arguments), wanted, "{name}");
    }
    for watch in [Watch::Nothing, Watch::Refusals] {
        let answer = |number, arguments| {
            decide(&compile(Level::Full, watch), ARCHITECTURE, number32(number), arguments)
        };
        assert_ne!(answer(libc::SYS_socket, sock(libc::AF_UNIX, 1, 0)), ALLOWED, "nobody looks: {watch:?}");
        assert_eq!(answer(libc::SYS_connect, [3, 0, 0, 0, 0, 0]), ALLOWED, "{watch:?}");
    }
    assert_eq!(at(Level::Landlock, libc::SYS_socket, sock(libc::AF_UNIX, 1, 0)), REFUSED);
    assert_eq!(at(Level::Landlock, libc::SYS_socketpair, sock(libc::AF_UNIX, 1, 0)), ALLOWED);
    assert_eq!(at(Level::FullSoft, libc::SYS_memfd_create, [0; 6]), REFUSED);
    assert_eq!(at(Level::Full, libc::SYS_memfd_create, [0; 6]), ALLOWED);
}

/// Where the network is the machine's own, a command that reaches hosts has TCP sockets, each `connect` of which is
/// looked at; one that reaches none has no sockets.
#[test]
fn at_landlock_every_connect_is_looked_at_and_nothing_connects_without() {
    let fast_open = u64::from(libc::MSG_FASTOPEN.cast_unsigned());
    let inet = u64::from(libc::AF_INET.cast_unsigned());
    let inet6 = u64::from(libc::AF_INET6.cast_unsigned());
    for (name, number, arguments, wanted) in [
        ("connect", libc::SYS_connect, [3, 0, 0, 0, 0, 0], REFUSED),
        ("tcp", libc::SYS_socket, [inet, 1, 0, 0, 0, 0], ALLOWED),
        ("udp", libc::SYS_socket, [inet, 2, 0, 0, 0, 0], REFUSED),
        ("tcp over 6", libc::SYS_socket, [inet6, 1, 0, 0, 0, 0], REFUSED),
        ("mptcp", libc::SYS_socket, [inet, 1, 262, 0, 0, 0], REFUSED),
        ("send", libc::SYS_sendto, [3, 4096, 1, 0x4000, 0, 0], ALLOWED),
        ("send to an address", libc::SYS_sendto, [3, 4096, 1, 0, 4096, 16], REFUSED),
        ("send to an address far up", libc::SYS_sendto, [3, 4096, 1, 0, 0x7f00_0000_0000, 16], REFUSED),
        ("send, connecting", libc::SYS_sendto, [3, 4096, 1, fast_open, 0, 0], REFUSED),
        ("send a message, connecting", libc::SYS_sendmsg, [3, 4096, fast_open | 0x4000, 0, 0, 0], REFUSED),
        ("send messages", libc::SYS_sendmmsg, [3, 4096, 1, fast_open, 0, 0], REFUSED),
        ("an option of ip", libc::SYS_setsockopt, [3, 0, 4, 4096, 12, 0], REFUSED),
        ("an option of tcp", libc::SYS_setsockopt, [3, 6, 1, 4096, 4, 0], ALLOWED),
        ("listen", libc::SYS_listen, [3, 1, 0, 0, 0, 0], REFUSED),
    ] {
        assert_eq!(at(Level::Landlock, number, arguments), wanted, "{name}");
    }
    for watch in [Watch::Nothing, Watch::Refusals] {
        let program = compile(Level::Landlock, watch);
        let answer = decide(&program, ARCHITECTURE, number32(libc::SYS_socket), [inet, 1, 0, 0, 0, 0]);
        assert_ne!(answer, ALLOWED, "{watch:?}");
    }
}

/// Landlock asks nobody about these; where it is the only wall, a file is reached by what is open, and a process is the
/// caller itself.
#[test]
fn at_landlock_nothing_by_name_and_no_other_process() {
    for rule in table::EVERYWHERE.iter().chain(table::OLDER) {
        if table::BEYOND_LANDLOCK.contains(&rule.name) {
            let refused = [REFUSED, ABSENT].contains(&at(Level::Landlock, rule.number, [u64::MAX; 6]));
            assert!(refused, "{}", rule.name);
        }
    }
    for name in table::BEYOND_LANDLOCK {
        let is_known = [table::EVERYWHERE, table::OLDER].concat().iter().any(|rule| rule.name == *name);
        assert!(is_known || cfg!(not(target_arch = "x86_64")), "{name}");
    }
    let path_ending_in_zeros = 0x7f00_0000_0000;
    for (name, number, arguments, wanted) in [
        ("times of what is open", libc::SYS_utimensat, [3, 0, 0, 0, 0, 0], ALLOWED),
        ("times by name", libc::SYS_utimensat, [3, path_ending_in_zeros, 0, 0, 0, 0], REFUSED),
        ("times by an empty name", libc::SYS_utimensat, [3, 4096, 0, 0x1000, 0, 0], REFUSED),
        ("own priority", libc::SYS_setpriority, [0, 0, 5, 0, 0, 0], ALLOWED),
        ("everybody's priority", libc::SYS_setpriority, [2, 0, 5, 0, 0, 0], REFUSED),
        ("another's priority", libc::SYS_setpriority, [0, 77, 5, 0, 0, 0], REFUSED),
        ("own limits", libc::SYS_prlimit64, [0, 7, 0, 4096, 0, 0], ALLOWED),
        ("another's limits", libc::SYS_prlimit64, [77, 7, 4096, 0, 0, 0], REFUSED),
        ("attributes of what is open", libc::SYS_fsetxattr, [3, 4096, 0, 0, 0, 0], ALLOWED),
        ("mode of what is open", libc::SYS_fchmod, [3, 0o600, 0, 0, 0, 0], ALLOWED),
        ("mode, newer call", 452, [3, 4096, 0o777, 0x1000, 0, 0], ABSENT),
    ] {
        assert_eq!(at(Level::Landlock, number, arguments), wanted, "{name}");
    }
}

#[test]
fn what_has_been_a_way_out_is_refused_at_every_level() {
    for level in Level::ALL {
        for (name, number) in
            NAMES_REFUSED.iter().filter(|(name, _)| !["socket", "memfd_create"].contains(name))
        {
            assert_eq!(at(level, *number, [0; 6]), REFUSED, "{level} {name}");
        }
    }
}

#[test]
fn every_jump_lands_and_every_rule_has_a_reason() {
    for level in Level::ALL {
        let program = compile(level, Watch::Refusals);
        assert!(program.len() < 4096, "the kernel takes no more (BPF_MAXINSNS)");
        for (place, step) in program.iter().enumerate() {
            if matches!(step.code, EQUAL | GREATER | NOT_LESS | ANY_BIT) {
                assert!(place + 1 + usize::from(step.jt.max(step.jf)) < program.len());
                assert!(step.jt < u8::MAX && step.jf < u8::MAX, "a block outgrew its jump");
            }
        }
        for rule in allowed_calls(level) {
            assert!(!rule.reason.is_empty() && !rule.name.is_empty(), "{rule:?}");
        }
    }
    assert_eq!(name_of(i32::try_from(libc::SYS_ptrace).unwrap()), "ptrace");
    assert_eq!(name_of(9999), "syscall 9999");
}
