//! System calls that no library wraps safely, each made safe to call here.
#![expect(unsafe_code, reason = "system calls without a safe wrapper; each block says why it is sound")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;

mod notice;

pub(crate) use notice::{Notice, answer_notice, next_notice, replace_descriptor, still_waits};

/// Which side of a fork this is.
pub(crate) enum Side {
    Child,
    Parent(Pid),
}

/// Splits this process in two. Only for the helper, which has one thread: with more, the child could wait for ever on
/// a lock that another thread held.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the helper is single-threaded (it starts no thread before or after), so the child may do anything the
    // parent may (fork(2), signal-safety(7) restricts only children of threaded processes).
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        child => {
            Pid::from_raw(child).map(Side::Parent).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        }
    }
}

/// Leaves namespaces for new ones.
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> io::Result<()> {
    // SAFETY: no flag given by this crate is `CLONE_FILES`, the one that can invalidate descriptors that another
    // thread owns, and the helper has one thread (unshare(2)).
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Attributes for a mount and everything mounted beneath it.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub(crate) set: u64,
    /// Maps the owner of files, as the user namespace does; the mount must be new and unattached.
    pub(crate) mapped_by: Option<BorrowedFd<'a>>,
}

pub(crate) const MOUNT_READ_ONLY: u64 = 0x1;
pub(crate) const MOUNT_NO_SET_ID: u64 = 0x2;
pub(crate) const MOUNT_NO_DEVICES: u64 = 0x4;
pub(crate) const MOUNT_NO_EXECUTE: u64 = 0x8;
const MOUNT_MAPPED: u64 = 0x0010_0000;

/// Sets the attributes of the mount that `tree` is the root of, recursively, and cuts it off from the propagation of
/// mounts (`MS_PRIVATE`).
pub(crate) fn set_attributes(tree: BorrowedFd<'_>, attributes: Attributes<'_>) -> io::Result<()> {
    let mapped =
        attributes.mapped_by.map(|namespace| u64::try_from(namespace.as_raw_fd()).unwrap_or(u64::MAX));
    let request = MountAttributes {
        set: attributes.set | if mapped.is_some() { MOUNT_MAPPED } else { 0 },
        clear: 0,
        propagation: libc::MS_PRIVATE,
        user_namespace: mapped.unwrap_or(0),
    };
    mount_setattr(tree, libc::AT_RECURSIVE, &request)
}

/// Sets attributes of the mount that `tree` is the root of, and of nothing mounted beneath it.
pub(crate) fn set_attributes_alone(tree: BorrowedFd<'_>, set: u64) -> io::Result<()> {
    mount_setattr(tree, 0, &MountAttributes { set, clear: 0, propagation: 0, user_namespace: 0 })
}

fn mount_setattr(tree: BorrowedFd<'_>, flags: libc::c_int, request: &MountAttributes) -> io::Result<()> {
    // SAFETY: the path is an empty C string, the structure is the one the kernel defines and its size is passed with it
    // (mount_setattr(2)); both outlive the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            std::ptr::from_ref(request),
            size_of::<MountAttributes>(),
        )
    };
    checked(answer).map(drop)
}

/// Joins a new, empty session keyring, so that keys of the person who started Hardshell are out of reach.
pub(crate) fn join_empty_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    let none: *const libc::c_char = std::ptr::null();
    // SAFETY: a null name asks for an anonymous keyring; nothing is read or written (keyctl_join_session_keyring(3)).
    match checked(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, none) }) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(()), // a kernel without keys has none to reach
        other => other.map(drop),
    }
}

/// Brings up the loopback of this network namespace.
pub(crate) fn loopback_up() -> io::Result<()> {
    let flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(0);
    set_loopback(libc::SIOCSIFFLAGS, libc::__c_anonymous_ifr_ifru { ifru_flags: flags })
}

/// Gives the loopback of this network namespace another address.
pub(crate) fn loopback_address(address: std::net::Ipv4Addr) -> io::Result<()> {
    let mut bytes: [libc::c_char; 14] = [0; 14];
    // After the family of `sockaddr_in` come two bytes of port, then four of address (ip(7)).
    for (slot, byte) in bytes.iter_mut().skip(2).zip(address.octets()) {
        *slot = byte.cast_signed();
    }
    let family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(0);
    let address = libc::sockaddr { sa_family: family, sa_data: bytes };
    set_loopback(libc::SIOCSIFADDR, libc::__c_anonymous_ifr_ifru { ifru_addr: address })
}

fn set_loopback(what: libc::c_ulong, value: libc::__c_anonymous_ifr_ifru) -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut request = libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: value };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *slot = byte.cast_signed();
    }
    // SAFETY: the structure is the one that both requests take, and outlives the call (netdevice(7)).
    checked(libc::c_long::from(unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw const request) }))
        .map(drop)
}

/// Installs a system-call filter for this process and its children, for good. Unless nothing is watched, the answer is a
/// descriptor on which calls are announced and must be answered.
pub(crate) fn install_filter(program: &[libc::sock_filter], watch: Watch) -> io::Result<Option<OwnedFd>> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let request = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let install = |flags: libc::c_ulong| {
        // SAFETY: `request` points at `len` instructions that the kernel copies and does not write (seccomp(2)).
        checked(unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const request)
        })
    };
    let answer = match watch {
        Watch::Nothing => install(0),
        // A call that somebody carries out is not made a second time because a signal came; Linux 5.19 and newer.
        Watch::Refusals | Watch::RefusalsAndConnects => {
            match install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE) {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)
                }
                other => other,
            }
        }
    }?;
    match watch {
        Watch::Nothing => Ok(None),
        Watch::Refusals | Watch::RefusalsAndConnects => {
            // SAFETY: with that flag a successful answer is a new descriptor that nobody else owns (seccomp(2)).
            Ok(Some(unsafe { OwnedFd::from_raw_fd(i32::try_from(answer).unwrap_or(-1)) }))
        }
    }
}

/// Which system calls are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    Nothing,
    Refusals,
    /// And every `connect`, which whoever listens carries out.
    RefusalsAndConnects,
}

/// Binds a socket to the loopback device for good: whatever its owner sets later, what it sends stays on this machine
/// (socket(7), `SO_BINDTODEVICE`).
pub(crate) fn keep_on_loopback(socket: &OwnedFd) -> io::Result<()> {
    // SAFETY: the kernel reads two bytes of a name (socket(7)).
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            c"lo".as_ptr().cast(),
            2,
        )
    };
    checked(answer.into()).map(drop)
}

/// Connects a socket to an address as the kernel lays it out.
pub(crate) fn connect(socket: &OwnedFd, address: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(address.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads as many bytes as it is told, all of `address`, and checks what they say (connect(2)).
    checked(libc::c_long::from(unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), length) }))
        .map(drop)
}

/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` of <linux/seccomp.h>.
const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
/// Becomes the program that `file` is, or the one at `path` when `file` is `None`. Returns only to say why not.
pub(crate) fn execute(
    file: Option<BorrowedFd<'_>>,
    path: &CStr,
    arguments: &[CString],
    variables: &[CString],
) -> io::Error {
    let argument_pointers = pointers(arguments);
    let variable_pointers = pointers(variables);
    // SAFETY: both lists are null-terminated arrays of C strings that outlive the call (execve(2), execveat(2)).
    unsafe {
        match file {
            Some(file) => libc::syscall(
                libc::SYS_execveat,
                file.as_raw_fd(),
                c"".as_ptr(),
                argument_pointers.as_ptr(),
                variable_pointers.as_ptr(),
                libc::AT_EMPTY_PATH,
            ),
            None => libc::c_long::from(libc::execve(
                path.as_ptr(),
                argument_pointers.as_ptr(),
                variable_pointers.as_ptr(),
            )),
        };
    }
    io::Error::last_os_error()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Reads this process's auxiliary vector while it may. Linux before 6.4 hands it out in `/proc/self/auxv` alone, which is
/// closed to a process that is not dumpable; what needs it later finds it read.
pub(crate) fn learn_own_vector() {
    let _page_bytes = rustix::param::page_size();
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: the helper calls this before it owns any descriptor past its control socket (close_range(2)).
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed when the program is replaced.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    const ON_EXEC: u32 = 1 << 2;
    // SAFETY: changes a flag of descriptors, closes none now (close_range(2)).
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, ON_EXEC) }).map(drop)
}

/// A resource limit of this process, by its number (setrlimit(2)), soft and hard alike.
pub(crate) fn set_limit(resource: u32, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the kernel reads one `rlimit` (setrlimit(2)).
    checked(libc::c_long::from(unsafe { libc::setrlimit(resource, &raw const limit) })).map(drop)
}

/// Blocks these signals and returns a descriptor that becomes readable when one arrives (signalfd(2)).
pub(crate) fn hold_signals(signals: &[libc::c_int]) -> io::Result<OwnedFd> {
    // SAFETY: all-zero bytes are a valid set that `sigemptyset` then fills; all calls get pointers to it that outlive
    // them, and a null old set is allowed (sigprocmask(2), signalfd(2)).
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        checked(libc::c_long::from(libc::sigprocmask(
            libc::SIG_BLOCK,
            &raw const set,
            std::ptr::null_mut(),
        )))?;
        let descriptor = checked(libc::c_long::from(libc::signalfd(
            -1,
            &raw const set,
            libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        )))?;
        Ok(OwnedFd::from_raw_fd(i32::try_from(descriptor).unwrap_or(-1)))
    }
}

/// The next signal that arrived there, if any; of `struct signalfd_siginfo` only the number counts (signalfd(2)).
pub(crate) fn arrived(held: &OwnedFd) -> Option<i32> {
    let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
    let length = rustix::io::read(held, &mut info).ok()?;
    let number = info.first_chunk::<4>().filter(|_| length == info.len())?;
    i32::try_from(u32::from_ne_bytes(*number)).ok()
}

/// Gives every signal its default meaning and blocks none, for the command: Rust ignores `SIGPIPE`, and what the person
/// who started Hardshell ignored is not the command's business.
pub(crate) fn reset_signals() -> io::Result<()> {
    const SIGNALS: libc::c_int = 64;
    for signal in 1..=SIGNALS {
        // SAFETY: sets a default disposition; numbers that cannot be set are refused without effect (signal(2)).
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an empty set that outlives the call (sigprocmask(2)).
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        checked(libc::c_long::from(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut(),
        )))?;
    }
    Ok(())
}

/// Takes this process's control socket, which the parent placed on standard input.
pub(crate) fn take_standard_input() -> io::Result<OwnedFd> {
    std::io::stdin().as_fd().try_clone_to_owned()
}

/// Landlock's version in this kernel; 0 when it has none or has it switched off (landlock_create_ruleset(2)).
pub(crate) fn landlock_abi() -> u32 {
    const VERSION: libc::c_uint = 1;
    let none: *const libc::c_void = std::ptr::null();
    // SAFETY: with this flag the attributes must be null and the answer is a number (landlock_create_ruleset(2)).
    let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, VERSION) };
    u32::try_from(answer).unwrap_or(0)
}

fn checked(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
