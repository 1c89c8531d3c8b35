//! From the host into new namespaces, as an ordinary user of a single id.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{DumpableBehavior, Gid, Uid};
use rustix::thread::UnshareFlags;

use super::pieces::{self, Pieces};
use super::{At, Fault};
use crate::error::Step;
use crate::kernel::{self, Side};
use crate::level::Level;
use crate::view;
use crate::wire::Request;

/// The user `nobody`, for a container whose own map lacks the user that was asked for.
const NOBODY: u32 = 65_534;

/// Takes the pieces of the new root while they can still be taken, then becomes the sandbox user: kernel uid 0 never
/// enters a sandbox, since even without capabilities it owns the files that rule the kernel.
pub(super) fn leave_root(request: &Request) -> Result<Option<Pieces>, Fault> {
    let wanted = request.sandbox_user.filter(|user| *user != 0);
    let wanted = wanted.ok_or_else(|| Fault::new(Step::BecomeUser, io::ErrorKind::PermissionDenied))?;
    let user = if set_ids_possible(wanted) { wanted } else { NOBODY };
    let early = match request.level {
        Level::Full | Level::FullSoft => Some(pieces::take_as_root(request, user)?),
        Level::Landlock | Level::None => None,
    };
    become_user(user).at(Step::BecomeUser)?;
    Ok(early)
}

/// Whether an id exists in this user namespace (user_namespaces(7)).
fn set_ids_possible(user: u32) -> bool {
    let Ok(map) = std::fs::read_to_string("/proc/self/uid_map") else { return false };
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().filter_map(|field| field.parse::<u32>().ok());
        let (Some(first), Some(_), Some(count)) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        user.checked_sub(first).is_some_and(|offset| offset < count)
    })
}

fn become_user(user: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    if rustix::process::getuid().is_root() || rustix::process::geteuid().is_root() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // The change of user made this process's own files in /proc root's; the id map is one of them.
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

/// All namespaces but that of control groups in one step, then the map of one user and one group, never onto uid 0.
pub(super) fn new_namespaces() -> Result<(), Fault> {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    kernel::unshare(
        UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS,
    )
    .at(Step::Namespaces)?;
    let map = |file: &str, line: String| write_once(file, &line).at(Step::IdMap);
    map("/proc/self/setgroups", "deny".to_owned())?;
    map("/proc/self/uid_map", format!("{} {user} 1\n", view::INSIDE_ID))?;
    map("/proc/self/gid_map", format!("{} {group} 1\n", view::INSIDE_ID))?;
    kernel::loopback_up().at(Step::Loopback)?;
    rustix::system::sethostname(view::HOST_NAME.as_bytes()).at(Step::HostName)?;
    rustix::system::setdomainname(b"").at(Step::HostName)
}

/// The control group that this process was put into becomes all that is seen of them: after it was put there.
pub(super) fn control_group_namespace() -> Result<(), Fault> {
    kernel::unshare(UnshareFlags::NEWCGROUP).at(Step::Namespaces)
}

/// Such files take one write.
fn write_once(file: &str, text: &str) -> io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

/// A user namespace that stands for "files of `owner` belong to `user`": held open, with nobody in it.
pub(super) fn mapping(owner: (u32, u32), user: u32) -> io::Result<OwnedFd> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (ready, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match kernel::fork()? {
        Side::Child => {
            drop((theirs, ready));
            let made = kernel::unshare(UnshareFlags::NEWUSER);
            let _told = std::fs::File::from(tell).write_all(&[u8::from(made.is_ok())]);
            let _waited = std::fs::File::from(ours).read(&mut [0u8]);
            std::process::exit(0)
        }
        Side::Parent(child) => {
            drop((ours, tell));
            let namespace = (|| {
                let mut made = [0u8];
                std::fs::File::from(ready).read_exact(&mut made)?;
                if made != [1] {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                let folder = format!("/proc/{}", child.as_raw_nonzero());
                write_once(&format!("{folder}/uid_map"), &format!("{} {user} 1\n", owner.0))?;
                write_once(&format!("{folder}/gid_map"), &format!("{} {user} 1\n", owner.1))?;
                let file = std::fs::File::open(format!("{folder}/ns/user"))?;
                file.as_fd().try_clone_to_owned()
            })();
            drop(theirs);
            rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty())?;
            namespace
        }
    }
}
