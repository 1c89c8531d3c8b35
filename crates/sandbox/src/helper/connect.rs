//! Connecting for a command, which may reach its own unix sockets and none of the host's: one that lies in a granted
//! folder leads to whoever listens there, whatever namespaces there are.
//!
//! The kernel holds the command at `connect` (seccomp_unotify(2)). The first process reads the address once, looks at
//! where it leads, and connects the command's socket itself: what was looked at is what is connected to. It never lets
//! the kernel go on with the call, which would read the address again.

mod outlet;

pub(super) use outlet::{Outlet, listen};

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use crate::error::FileKind;
use crate::kernel::{self, Notice, Side, Watch};
use crate::level::Level;
use crate::view;
use crate::wire::Request;
use crate::within::kind_of;

/// `sizeof(struct sockaddr_storage)`: no address is longer.
const ADDRESS_BYTES_MAX: usize = 128;

/// Where the family ends and the rest of an address begins (unix(7)).
const FAMILY_BYTES: usize = 2;

/// Whether the first process may look into others of its user and read an address: where debugging is for root alone,
/// it may not, and a command has no unix sockets then (Documentation/admin-guide/LSM/Yama.rst). Read before `/proc` is
/// masked.
pub(super) fn watch(request: &Request) -> Watch {
    match request.level {
        Level::Landlock if request.listen.is_none() => return Watch::Refusals,
        Level::Full | Level::FullSoft | Level::Landlock | Level::None => {}
    }
    if crate::process::may_look_into_children() { Watch::RefusalsAndConnects } else { Watch::Refusals }
}

/// Whether `connect` is all the network there is, so that without somebody who answers it nothing may run.
pub(super) fn is_brokered(request: &Request) -> bool {
    request.level == Level::Landlock && request.listen.is_some()
}

/// A `connect`, read once.
struct Call {
    process: i32,
    descriptor: i32,
    socket: OwnedFd,
    address: Vec<u8>,
}

impl Call {
    fn read(listener: &OwnedFd, notice: &Notice) -> io::Result<Self> {
        let [descriptor, start, length, ..] = notice.arguments;
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let length = usize::try_from(length & u64::from(u32::MAX)).map_err(|_| invalid())?;
        if !(FAMILY_BYTES..=ADDRESS_BYTES_MAX).contains(&length) {
            return Err(invalid());
        }
        let process = rustix::process::pidfd_open(leader_of(notice.thread)?, PidfdFlags::empty())?;
        let descriptor = i32::try_from(descriptor & u64::from(u32::MAX))
            .map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
        let socket = rustix::process::pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty())?;
        let mut address = vec![0; length];
        let memory = std::fs::File::open(format!("/proc/{}/mem", notice.thread))?;
        let fault = |_| io::Error::from_raw_os_error(libc::EFAULT);
        memory.read_exact_at(&mut address, start).map_err(fault)?;
        // Its number may have become another's meanwhile, unless the call still waits.
        kernel::still_waits(listener, notice)?;
        Ok(Self { process: notice.thread, descriptor, socket, address })
    }
}

/// File systems on which every socket is the sandbox's own.
pub(super) struct OwnPlaces(Vec<u64>);

impl OwnPlaces {
    /// The private folders, and a workspace whose changes are kept apart: the kernel does not connect through an
    /// overlay to a socket that was bound beneath it.
    pub(super) fn of(request: &Request) -> Self {
        let overlay = request.workspace.as_ref().filter(|workspace| workspace.change_set.is_some());
        let paths = [Some(Path::new(view::HOME)), overlay.map(|overlay| overlay.granted.path.as_path())];
        let device = |path| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
        Self(paths.into_iter().flatten().filter_map(device).collect())
    }

    /// Carries out one `connect`. The answer is whether it was refused for where it leads.
    pub(super) fn connect(&self, listener: &OwnedFd, notice: &Notice) -> io::Result<bool> {
        let (socket, address, _held) = match self.look(listener, notice) {
            Ok(found) => found,
            Err(error) => {
                let refused = error.raw_os_error() == Some(libc::EACCES);
                kernel::answer_notice(listener, notice, Err(error))?;
                return Ok(refused);
            }
        };
        if rustix::fs::fcntl_getfl(&socket)?.contains(OFlags::NONBLOCK) {
            kernel::answer_notice(listener, notice, kernel::connect(&socket, &address))?;
            return Ok(false);
        }
        // It may take as long as it likes, and others must not wait for it.
        match kernel::fork() {
            Ok(Side::Child) => {
                let answered = kernel::answer_notice(listener, notice, kernel::connect(&socket, &address));
                std::process::exit(i32::from(answered.is_err()))
            }
            Ok(Side::Parent(_)) => Ok(false),
            Err(error) => kernel::answer_notice(listener, notice, Err(error)).map(|()| false),
        }
    }

    /// The command's socket, the address to connect it to, and what holds the place that the address names.
    fn look(&self, listener: &OwnedFd, notice: &Notice) -> io::Result<(OwnedFd, Vec<u8>, Option<OwnedFd>)> {
        let Call { socket, address, .. } = Call::read(listener, notice)?;
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let (family, rest) = address.split_at_checked(FAMILY_BYTES).ok_or_else(invalid)?;
        let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        let unix = i32::from(u16::from_ne_bytes(family.try_into().unwrap_or_default())) == libc::AF_UNIX;
        // An abstract name begins with a zero, and belongs to the network namespace, which is the command's own.
        if !unix || name.is_empty() {
            return Ok((socket, address, None));
        }
        let place = self.place(notice.thread, Path::new(std::ffi::OsStr::from_bytes(name)))?;
        let link = format!("/proc/self/fd/{}\0", place.as_raw_fd());
        let address = [family, link.as_bytes()].concat();
        Ok((socket, address, Some(place)))
    }

    /// The socket that a name leads to, if it is one of the sandbox's own.
    fn place(&self, thread: i32, name: &Path) -> io::Result<OwnedFd> {
        let folder = rustix::fs::openat(
            CWD,
            format!("/proc/{thread}/cwd"),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let found = rustix::fs::openat(&folder, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let stat = rustix::fs::fstat(&found)?;
        match kind_of(stat.st_mode) {
            FileKind::Socket if self.0.contains(&stat.st_dev) => Ok(found),
            FileKind::Socket => Err(io::Error::from_raw_os_error(libc::EACCES)),
            FileKind::File | FileKind::Folder | FileKind::Link | FileKind::Pipe | FileKind::Device => {
                Err(io::Error::from_raw_os_error(libc::ECONNREFUSED))
            }
        }
    }
}

/// The process that a thread belongs to (proc_pid_status(5)).
fn leader_of(thread: i32) -> io::Result<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let leader = line.and_then(|rest| rest.trim().parse().ok()).and_then(Pid::from_raw);
    leader.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
}
