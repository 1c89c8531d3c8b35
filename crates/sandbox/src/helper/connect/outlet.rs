//! The way out of a command in the host's own network: what it connects to the one address of its proxy is handed to
//! whoever holds the other end, and every other address is refused.
//!
//! The command's socket never connects. It is replaced by one end of a pair that this process makes and whose other end
//! it hands over: there is no port on which another process could come by.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sockopt,
};
use rustix::time::Timespec;

use super::Call;
use crate::kernel::{self, Notice};
use crate::wire;

/// As many as the proxy serves; one that does not fit is tried again after a second.
const WAITING_MAX: u16 = 256;
/// How long the two ends of a pair may take to meet: they are on one machine, and the command waits.
const MEET_MAX: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A listener on the loopback of this process's network.
pub(in crate::helper) fn listen(port: u16) -> io::Result<OwnedFd> {
    let socket = tcp(SocketFlags::CLOEXEC)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    rustix::net::listen(&socket, WAITING_MAX.into())?;
    Ok(socket)
}

fn tcp(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?)
}

/// Where connections to one port of the command's supposed loopback go.
pub(in crate::helper) struct Outlet {
    channel: OwnedFd,
    port: u16,
}

impl Outlet {
    /// The second value is the end on which each connection arrives, with one byte.
    pub(in crate::helper) fn new(port: u16) -> io::Result<(Self, OwnedFd)> {
        let (channel, other_end) = wire::pair()?;
        Ok((Self { channel, port }, other_end))
    }

    /// Carries out one `connect`. The answer is whether it was refused for where it leads.
    pub(in crate::helper) fn connect(&self, listener: &OwnedFd, notice: &Notice) -> io::Result<bool> {
        let carried_out = Call::read(listener, notice)
            .and_then(|call| self.judge(&call).map(|()| call))
            .and_then(|call| self.replace(&call, listener, notice));
        let refused = carried_out.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EACCES));
        kernel::answer_notice(listener, notice, carried_out)?;
        Ok(refused)
    }

    /// Judges the copy of the address, which is all that will ever be read of it.
    fn judge(&self, call: &Call) -> io::Result<()> {
        let refused = || io::Error::from_raw_os_error(libc::EACCES);
        let kind = (sockopt::socket_domain(&call.socket)?, sockopt::socket_type(&call.socket)?);
        if kind != (AddressFamily::INET, SocketType::STREAM) {
            return Err(refused());
        }
        if rustix::net::getpeername(&call.socket).is_ok() {
            return Err(io::Error::from_raw_os_error(libc::EISCONN));
        }
        // Family, port and address of `sockaddr_in`; what is behind them says nothing (ip(7)).
        let family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default().to_ne_bytes();
        let proxy = [&family[..], &self.port.to_be_bytes(), &Ipv4Addr::LOCALHOST.octets()].concat();
        let is_long = call.address.len() >= size_of::<libc::sockaddr_in>();
        if is_long && call.address.starts_with(&proxy) { Ok(()) } else { Err(refused()) }
    }

    /// Puts one end of a new pair in the place of the command's socket, and hands the other over. Which file that place
    /// holds by now is the command's own business: it is in its own table, and what comes there leads to its proxy.
    fn replace(&self, call: &Call, listener: &OwnedFd, notice: &Notice) -> io::Result<()> {
        let close_on_exec = close_on_exec(call)?;
        let (near, far) = meet()?;
        let status = rustix::fs::fcntl_getfl(&call.socket)? & OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&near, status)?;
        self.hand_over(&far)?;
        kernel::replace_descriptor(listener, notice, &near, call.descriptor.cast_unsigned(), close_on_exec)
    }

    /// Never waits: as many as its buffer takes wait there, and who comes after them is told that nobody listens.
    fn hand_over(&self, far: &OwnedFd) -> io::Result<()> {
        let descriptors = [far.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::sendmsg(&self.channel, &[IoSlice::new(&[0])], &mut control, flags) {
            Ok(_) => Ok(()),
            Err(_full_or_closed) => Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)),
        }
    }
}

/// Whether the command's descriptor is closed when it starts another program (proc_pid_fdinfo(5)).
fn close_on_exec(call: &Call) -> io::Result<OFlags> {
    let text = std::fs::read_to_string(format!("/proc/{}/fdinfo/{}", call.process, call.descriptor))?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    let flags = flags.ok_or(io::ErrorKind::InvalidData)?;
    Ok(OFlags::from_bits_retain(flags) & OFlags::CLOEXEC)
}

/// Two connected TCP sockets that never leave the loopback. The first is not to block; whoever else of this machine
/// connects in that moment is hung up on.
fn meet() -> io::Result<(OwnedFd, OwnedFd)> {
    let failed = || io::Error::from_raw_os_error(libc::ECONNREFUSED);
    let listener = listen(0)?;
    kernel::keep_on_loopback(&listener)?;
    let near = tcp(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    kernel::keep_on_loopback(&near)?;
    match rustix::net::connect(&near, &rustix::net::getsockname(&listener)?) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    let own = rustix::net::getsockname(&near)?;
    // Each stranger takes a place in the queue, and there are no more than that.
    for _ in 0..=WAITING_MAX {
        let mut waits = [PollFd::new(&listener, PollFlags::IN)];
        match poll(&mut waits, Some(&MEET_MAX)) {
            Ok(0) => return Err(failed()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        match rustix::net::acceptfrom_with(&listener, SocketFlags::CLOEXEC) {
            Ok((far, Some(peer))) if peer == own => return Ok((near, far)),
            Ok(_) | Err(rustix::io::Errno::CONNABORTED) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(failed())
}
