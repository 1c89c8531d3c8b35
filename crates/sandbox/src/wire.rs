//! What passes between Hardshell and its helper, on one socket: a request with descriptors, answers with at most one.
//!
//! Each message is its length (4 bytes, little-endian) and JSON. Descriptors travel with the first byte.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Step;
use crate::grant::Access;
use crate::level::Level;
use crate::program::Program;
use crate::report::{Denied, Ending, LimitHit};
use crate::within::Identity;

/// The version of these messages; helper and program are of one build, and say so.
pub(crate) const VERSION: u32 = 3;

/// The longest message: arguments and environment of a command fit in it with room to spare.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// The most descriptors with one message: standard input, output and error, the doors of the control group, and the
/// folder of the stop switch.
const DESCRIPTORS_MAX: usize = 4 + crate::control_group::DOORS_MAX;

/// What the helper is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) version: u32,
    pub(crate) level: Level,
    /// Landlock rights newer than this are left out; only tests set it below what the kernel has.
    pub(crate) landlock_abi: u32,
    /// The user to become when started as root.
    pub(crate) sandbox_user: Option<u32>,
    pub(crate) program: Program,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) grants: Vec<Granted>,
    pub(crate) workspace: Option<WorkspaceRequest>,
    /// What is held in place or read-only in folders that can be changed, each after its ancestors.
    pub(crate) covers: Vec<Cover>,
    /// The port of the listener to hand out.
    pub(crate) listen: Option<u16>,
    /// Whether standard input, output and error are a terminal of the command's own.
    pub(crate) terminal: TerminalRequest,
    pub(crate) limits: LimitsRequest,
    /// How many descriptors are doors of the control group; they follow standard error.
    pub(crate) doors: usize,
    /// The name of the stop switch in the folder whose descriptor comes last.
    pub(crate) stop: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TerminalRequest {
    Pipes,
    Pty,
}

/// A path and what must be found there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    pub(crate) identity: Identity,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceRequest {
    pub(crate) granted: Granted,
    /// The folder of the change set, which holds `upper` and `work`.
    pub(crate) change_set: Option<Granted>,
}

/// A path beneath a folder that can be changed, which becomes a mount point, so that it cannot be renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cover {
    /// Absolute.
    pub(crate) path: PathBuf,
    pub(crate) kind: CoverKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CoverKind {
    /// A folder above a protected path: held in its place, otherwise as it was.
    Anchor,
    /// A protected path: read-only with everything beneath it.
    ReadOnly,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsRequest {
    pub(crate) wall_milliseconds: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) pids: u32,
    pub(crate) files: u32,
    pub(crate) file_bytes: u64,
    pub(crate) tmp_bytes: u64,
    pub(crate) tmp_inodes: u64,
    /// Whether the helper watches memory and processes itself, there being no control group.
    pub(crate) watched: Watched,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Watched {
    ByKernel,
    ByHelper,
}

/// What the helper says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// The command is about to be started; the listener comes with it if one was asked for.
    Ready,
    /// A step failed; nothing was run.
    Failed { step: Step, errno: i32 },
    /// It is over, and every process is gone.
    Ended { ending: Ending, limit_hit: Option<LimitHit>, denied: Vec<Denied>, peak_memory_bytes: Option<u64> },
}

/// Sends one message, blocking until the kernel has taken it.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MESSAGE_BYTES_MAX);
    let header = length.ok_or(io::ErrorKind::InvalidInput)?.to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let whole: Vec<u8> = header.into_iter().chain(body).collect();
    let mut rest = whole.as_slice();
    while !rest.is_empty() {
        let sent =
            match rustix::net::sendmsg(socket, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
        control.clear();
        rest = rest.get(sent..).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(())
}

/// Reads messages from a stream socket, whole or not at all, blocking or not as the socket is.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pending: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Reader {
    /// The next message, with the descriptors that came so far; `None` at the end of the stream.
    pub(crate) fn receive<T: DeserializeOwned>(
        &mut self,
        socket: BorrowedFd<'_>,
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            if self.fill(socket)? == 0 {
                return Ok(None);
            }
        }
    }

    /// A message that has been read already.
    pub(crate) fn buffered<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some(body) = self.take_whole()? else { return Ok(None) };
        Ok(Some((serde_json::from_slice(&body)?, std::mem::take(&mut self.descriptors))))
    }

    fn take_whole(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((header, rest)) = self.pending.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*header)).map_err(|_| io::ErrorKind::InvalidData)?;
        if length > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some((body, after)) = rest.split_at_checked(length) else { return Ok(None) };
        let (body, after) = (body.to_vec(), after.to_vec());
        self.pending = after;
        Ok(Some(body))
    }

    fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut chunk = [0u8; 16 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut into = [IoSliceMut::new(&mut chunk)];
            match rustix::net::recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) || self.descriptors.len() > DESCRIPTORS_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.pending.extend_from_slice(chunk.get(..received.bytes).ok_or(io::ErrorKind::InvalidData)?);
        Ok(received.bytes)
    }
}

/// A pair of connected stream sockets that no child inherits by accident.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Descriptors of a message, borrowed.
pub(crate) fn borrow(descriptors: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    descriptors.iter().map(AsFd::as_fd).collect()
}
