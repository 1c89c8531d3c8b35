//! Calls that the filter announces: taken, looked at, answered (seccomp_unotify(2)).
#![expect(unsafe_code, reason = "requests that no library wraps; each block says why it is sound")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::checked;

/// `SECCOMP_IOCTL_NOTIF_RECV` of <linux/seccomp.h>: `_IOWR('!', 0, struct seccomp_notif)`.
const NOTICE_RECEIVE: libc::c_ulong = 0xc050_2100;
/// `SECCOMP_IOCTL_NOTIF_SEND` of <linux/seccomp.h>: `_IOWR('!', 1, struct seccomp_notif_resp)`.
const NOTICE_ANSWER: libc::c_ulong = 0xc018_2101;
/// `SECCOMP_IOCTL_NOTIF_ID_VALID` of <linux/seccomp.h>: `_IOW('!', 2, __u64)`.
const NOTICE_IS_VALID: libc::c_ulong = 0x4008_2102;
/// `SECCOMP_IOCTL_NOTIF_ADDFD` of <linux/seccomp.h>: `_IOW('!', 3, struct seccomp_notif_addfd)`.
const NOTICE_ADD_DESCRIPTOR: libc::c_ulong = 0x4018_2103;

/// An announced call: its process stands still until it is answered.
pub(crate) struct Notice {
    id: u64,
    /// The thread that makes it, by its number in the list of whoever asks.
    pub(crate) thread: i32,
    pub(crate) number: i32,
    pub(crate) arguments: [u64; 6],
}

/// Takes one announced call; `None` when its process is gone.
pub(crate) fn next_notice(listener: &OwnedFd) -> io::Result<Option<Notice>> {
    // SAFETY: all-zero bytes are a valid `seccomp_notif`, and the kernel wants it zeroed (seccomp_unotify(2)).
    let mut notice: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `seccomp_notif` into the structure (seccomp_unotify(2)).
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), NOTICE_RECEIVE, &raw mut notice) };
    match checked(answer.into()) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => return Ok(None),
        other => other?,
    };
    Ok(Some(Notice {
        id: notice.id,
        thread: notice.pid.cast_signed(),
        number: notice.data.nr,
        arguments: notice.data.args,
    }))
}

/// Answers an announced call in the kernel's place: with 0, or with the number of an error.
pub(crate) fn answer_notice(listener: &OwnedFd, notice: &Notice, answer: io::Result<()>) -> io::Result<()> {
    let error = answer.map_or_else(|error| -error.raw_os_error().unwrap_or(libc::EPERM), |()| 0);
    let response = libc::seccomp_notif_resp { id: notice.id, val: 0, error, flags: 0 };
    // SAFETY: the kernel reads one `seccomp_notif_resp` (seccomp_unotify(2)).
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), NOTICE_ANSWER, &raw const response) };
    match checked(answer.into()) {
        // It ended, or a signal reached it, meanwhile.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other.map(drop),
    }
}

/// Whether an announced call still waits: then its thread has been the same all along, whatever was read of it.
pub(crate) fn still_waits(listener: &OwnedFd, notice: &Notice) -> io::Result<()> {
    // SAFETY: the kernel reads one number (seccomp_unotify(2)).
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), NOTICE_IS_VALID, &raw const notice.id) };
    checked(answer.into()).map(drop)
}

/// `struct seccomp_notif_addfd` of <linux/seccomp.h>.
#[repr(C)]
struct Replacement {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

/// Puts `file` in the place of a descriptor of the process whose call was announced.
pub(crate) fn replace_descriptor(
    listener: &OwnedFd,
    notice: &Notice,
    file: &OwnedFd,
    descriptor: u32,
    flags: rustix::fs::OFlags,
) -> io::Result<()> {
    const AT_THIS_NUMBER: u32 = 1; // SECCOMP_ADDFD_FLAG_SETFD
    let request = Replacement {
        id: notice.id,
        flags: AT_THIS_NUMBER,
        source: file.as_raw_fd().cast_unsigned(),
        target: descriptor,
        target_flags: flags.bits(),
    };
    // SAFETY: the kernel reads one `seccomp_notif_addfd`, and changes descriptors of the other process alone
    // (seccomp_unotify(2)).
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), NOTICE_ADD_DESCRIPTOR, &raw const request) };
    checked(answer.into()).map(drop)
}
