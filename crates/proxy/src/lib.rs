//! The proxy of a sandbox: a process of its own for each run, behind walls of its own, that reads what the run's
//! programs say: HTTP CONNECT, plain HTTP, SOCKS5, and TLS where a host is looked into.
//!
//! It turns what they say into what [`wire`] asks, and what is answered into what they understand. [`Process::start`]
//! starts it, [`main`] is it, [`open`] is the side of whoever judges. The process has no secret, no file and no network of its own; it decides
//! nothing, and whatever a program makes of it gets no more than the run's rules give to any program.
#![forbid(unsafe_code)]

mod greeting;
mod http;
mod judged;
mod line;
mod process;
mod socks;
pub mod wire;

pub use judged::{CONNECTIONS_MAX, Open, open};
pub use process::{ARGUMENT, Process, ProcessError};
pub use socks::{SocksError, SocksRequest, read_socks_request};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StandardStream;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;

/// What the process says when it is ready, once.
const READY: u8 = b'r';

/// What `hardshell` does when it is started with [`ARGUMENT`]: it serves the connections that come over its standard
/// input, a socket, until that is closed.
#[must_use]
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        runtime.block_on(serve(StandardStream::from(socket)))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Serves the connections that are handed over on `socket`, each with its line, until it is closed.
///
/// # Errors
///
/// When the socket is none, or breaks.
pub async fn serve(socket: StandardStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = UnixStream::from_std(socket)?;
    socket.async_io(Interest::WRITABLE, || socket.try_write(&[READY])).await?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let received = socket.async_io(Interest::READABLE, || receive::<2>(&socket)).await?;
        let Some([near, line]) = received else { return Ok(()) };
        let (near, line) = (std::net::TcpStream::from(near), StandardStream::from(line));
        near.set_nonblocking(true)?;
        line.set_nonblocking(true)?;
        let (near, line) = (TcpStream::from_std(near)?, UnixStream::from_std(line)?);
        tokio::spawn(async move {
            // How a connection of a program ends is the program's business.
            let _ = greeting::serve(near, line::Line::new(line)).await;
            drop(place);
        });
    }
}

/// So many descriptors that came with one byte; `None` when there are no more.
fn receive<const COUNT: usize>(socket: &UnixStream) -> io::Result<Option<[OwnedFd; COUNT]>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut byte)];
    let received = rustix::net::recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    descriptors.try_into().map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}
