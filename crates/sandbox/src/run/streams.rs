//! Output as it comes, kept up to a limit; input as it is wanted.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use crate::report::Captured;

/// How much is read at a time: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

/// Reads one output stream.
#[derive(Debug)]
pub(super) struct Collector {
    end: Option<Receiver>,
    kept: Captured,
    keep: usize,
}

impl Collector {
    pub(super) fn new(end: OwnedFd, keep: u64) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&end, true)?;
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        // "Unchecked" is whether it is a pipe: a terminal is none, and is read the same way.
        Ok(Self { end: Some(Receiver::from_owned_fd_unchecked(end)?), kept: Captured::default(), keep })
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.is_some()
    }

    /// The next bytes; empty once, at the end. May be dropped without losing any.
    pub(super) async fn next(&mut self) -> Vec<u8> {
        let Some(end) = &self.end else { return Vec::new() };
        let mut chunk = vec![0u8; CHUNK_BYTES];
        while end.readable().await.is_ok() {
            match end.try_read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A terminal whose other end is closed answers EIO (pty(7)).
                Err(_) | Ok(0) => break,
                Ok(length) => {
                    chunk.truncate(length);
                    self.keep(&chunk);
                    return chunk;
                }
            }
        }
        self.end = None;
        Vec::new()
    }

    fn keep(&mut self, chunk: &[u8]) {
        let room = self.keep.saturating_sub(self.kept.bytes.len());
        self.kept.bytes.extend(chunk.iter().take(room));
        self.kept.total_bytes =
            self.kept.total_bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }

    pub(super) fn finish(self) -> Captured {
        self.kept
    }
}

/// What goes to standard input, and from where.
#[derive(Debug)]
pub(super) enum Source {
    Bytes(OwnedFd, Vec<u8>),
    Descriptor(OwnedFd, OwnedFd),
}

/// The thread that writes standard input; told to end when this is dropped. The command never gets the caller's own
/// descriptor: a file could be opened again through it, past the mount that makes it read-only.
#[derive(Debug)]
pub(super) struct Feed {
    _stop: OwnedFd,
}

impl Feed {
    pub(super) fn start(source: Source) -> io::Result<Self> {
        let (stopped, stop) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let feeder = std::thread::Builder::new().name("sandbox-input".to_owned());
        feeder.spawn(move || {
            // A command that does not read to the end, or ends, is no error.
            let _unread = match source {
                Source::Bytes(into, bytes) => write_all(&into, &bytes, &stopped),
                Source::Descriptor(into, from) => pump(&into, &from, &stopped),
            };
        })?;
        Ok(Self { _stop: stop })
    }
}

/// Waits until `file` is ready or the feed is stopped, which is an error to end on.
fn wait(file: &OwnedFd, what: PollFlags, stopped: &OwnedFd) -> io::Result<()> {
    loop {
        let mut polled = [PollFd::new(stopped, PollFlags::empty()), PollFd::new(file, what)];
        match poll(&mut polled, None) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let [stop, ready] = polled;
        if !stop.revents().is_empty() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !ready.revents().is_empty() {
            return Ok(());
        }
    }
}

fn write_all(into: &OwnedFd, mut bytes: &[u8], stopped: &OwnedFd) -> io::Result<()> {
    rustix::io::ioctl_fionbio(into, true)?;
    while !bytes.is_empty() {
        wait(into, PollFlags::OUT, stopped)?;
        match rustix::io::write(into, bytes) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => bytes = bytes.get(other?..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn pump(into: &OwnedFd, from: &OwnedFd, stopped: &OwnedFd) -> io::Result<()> {
    let mut chunk = vec![0u8; CHUNK_BYTES];
    loop {
        // The descriptor may be shared with the shell that started us, so it is not made non-blocking: it is read only
        // when the kernel says that there is something.
        wait(from, PollFlags::IN, stopped)?;
        let length = match rustix::io::read(from.as_fd(), &mut chunk) {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            other => other?,
        };
        let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        write_all(into, bytes, stopped)?;
    }
}
