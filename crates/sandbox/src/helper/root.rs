//! The new root: a small file system of our own, with the pieces put in place and the old root gone.

mod workspace;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};

use super::pieces::{Depth, Pieces, clone_tree};
use super::{At, Fault};
use crate::error::{FileKind, Step};
use crate::kernel::{self, Attributes, MOUNT_NO_DEVICES, MOUNT_NO_EXECUTE, MOUNT_NO_SET_ID, MOUNT_READ_ONLY};
use crate::view::{self, Scratch};
use crate::wire::{LimitsRequest, Request};

/// What the skeleton of folders and links may take: far more than it needs.
const SKELETON_BYTES: &str = "4m";

/// The folder where parts of mounts wait to be put in place; gone before the command starts.
const STAGING: &str = ".staging";

/// Builds the new root and makes it this process's only one.
pub(super) fn build(request: &Request, pieces: &Pieces) -> Result<(), Fault> {
    // A fresh /proc may be mounted only while another one is in sight (mount_too_revealing in the kernel).
    // Read-only, so that nothing in it sets anything: a command may look at itself, no more.
    let proc = new_proc(MountAttrFlags::MOUNT_ATTR_RDONLY).at(Step::Proc)?;
    let root =
        new_tmpfs(SKELETON_BYTES, "65536", "0755", MountAttrFlags::MOUNT_ATTR_NOEXEC).at(Step::Root)?;
    pivot(root.as_fd()).at(Step::Pivot)?;
    let root = root.as_fd();
    skeleton(root).at(Step::Root)?;
    for link in &pieces.links {
        let path = inside(&link.path);
        make_parents(root, path).at(Step::Root)?;
        rustix::fs::symlinkat(&link.target, root, path).at(Step::Root)?;
    }
    for piece in &pieces.system {
        attach(root, piece.tree.as_fd(), &piece.path, piece.kind).at(Step::Root)?;
    }
    attach(root, proc.as_fd(), Path::new("/proc"), FileKind::Folder).at(Step::Proc)?;
    mask(root).at(Step::Proc)?;
    devices(root, pieces).at(Step::Devices)?;
    scratch(root, &request.limits).at(Step::Scratch)?;
    for piece in &pieces.grants {
        attach(root, piece.tree.as_fd(), &piece.path, piece.kind).at(Step::Grant)?;
    }
    workspace::add(root, pieces)?;
    workspace::cover(root, request)?;
    rustix::fs::unlinkat(root, STAGING, AtFlags::REMOVEDIR).at(Step::Root)?;
    freeze(root).at(Step::Root)
}

fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

pub(super) fn new_tmpfs(
    bytes: &str,
    inodes: &str,
    mode: &str,
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("size", bytes), ("nr_inodes", inodes), ("mode", mode), ("source", "sandbox")] {
        fsconfig_set_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    let always = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, always | attributes)?)
}

pub(super) fn new_proc(more: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", "proc")?;
    fsconfig_create(context.as_fd())?;
    let attributes = more
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Puts the new root over the old one and drops the old one with everything mounted in it (pivot_root(2), "put_old").
fn pivot(root: BorrowedFd<'_>) -> io::Result<()> {
    move_mount(root, c"", CWD, c"/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")?;
    Ok(())
}

/// Folders and files that are made, not shown.
fn skeleton(root: BorrowedFd<'_>) -> io::Result<()> {
    for name in ["dev", "etc", "home", "proc", STAGING, "var"] {
        rustix::fs::mkdirat(root, name, Mode::from_raw_mode(0o755))?;
    }
    for (path, content) in view::MADE_FILES {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(root, inside(Path::new(path)), flags, Mode::from_raw_mode(0o444))?;
        std::fs::File::from(file).write_all(content.as_bytes())?;
    }
    for (name, target) in view::DEVICE_LINKS {
        rustix::fs::symlinkat(target, root, Path::new("dev").join(name))?;
    }
    Ok(())
}

/// Puts a piece in place, making its mount point where it lies in what we made ourselves.
fn attach(root: BorrowedFd<'_>, tree: BorrowedFd<'_>, path: &Path, kind: FileKind) -> io::Result<()> {
    let point = mount_point(root, inside(path), kind)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, c"", point, c"", flags)?)
}

/// Opens what is at `path` without following a link; makes it when it is missing.
fn mount_point(root: BorrowedFd<'_>, path: &Path, kind: FileKind) -> io::Result<OwnedFd> {
    match open_beneath(root, path) {
        Err(Errno::NOENT) => {}
        other => return Ok(other?),
    }
    make_parents(root, path)?;
    match kind {
        FileKind::Folder => rustix::fs::mkdirat(root, path, Mode::from_raw_mode(0o755))?,
        FileKind::File | FileKind::Link | FileKind::Pipe | FileKind::Socket | FileKind::Device => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            drop(rustix::fs::openat(root, path, flags, Mode::from_raw_mode(0o444))?);
        }
    }
    Ok(open_beneath(root, path)?)
}

fn open_beneath(root: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat2(
        root,
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS,
    )
}

/// Makes the folders above `path` that are missing. They can be missing only in what we made ourselves: every piece of
/// the host is shown whole, so what was granted beneath it is there, or the kernel refuses to make it read-only.
fn make_parents(root: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let own = rustix::fs::fstat(root)?.st_dev;
    let mut so_far = std::path::PathBuf::new();
    for component in parent.components() {
        let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
        so_far.push(name);
        match open_beneath(root, &so_far) {
            Ok(_) => continue,
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let above = so_far.parent().filter(|above| !above.as_os_str().is_empty());
        let device = match above {
            Some(above) => rustix::fs::fstat(open_beneath(root, above)?)?.st_dev,
            None => own,
        };
        let scratch =
            rustix::fs::statat(root, "tmp", AtFlags::SYMLINK_NOFOLLOW).map_or(own, |stat| stat.st_dev);
        if device != own && device != scratch {
            return Err(io::Error::from_raw_os_error(libc::ESTALE));
        }
        rustix::fs::mkdirat(root, &so_far, Mode::from_raw_mode(0o755))?;
    }
    Ok(())
}

/// Covers what in `/proc` tells of the host.
fn mask(root: BorrowedFd<'_>) -> io::Result<()> {
    let staging = Path::new(STAGING);
    let (file, folder) = (staging.join("file"), staging.join("folder"));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    drop(rustix::fs::openat(root, &file, flags, Mode::from_raw_mode(0o444))?);
    rustix::fs::mkdirat(root, &folder, Mode::from_raw_mode(0o555))?;
    cover(root, &file, &view::MASKED_FILES)?;
    cover(root, &folder, &view::MASKED_FOLDERS)?;
    rustix::fs::unlinkat(root, &file, AtFlags::empty())?;
    rustix::fs::unlinkat(root, &folder, AtFlags::REMOVEDIR)?;
    Ok(())
}

fn cover(root: BorrowedFd<'_>, with: &Path, names: &[&str]) -> io::Result<()> {
    let empty = open_beneath(root, with)?;
    for name in names {
        let path = Path::new("proc").join(name);
        let point = match open_beneath(root, &path) {
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        if rustix::fs::fstat(&point)?.st_mode & 0o004 == 0 {
            continue; // it is root's, and root never enters
        }
        let tree = clone_tree(empty.as_fd(), Depth::Alone)?;
        let set = MOUNT_READ_ONLY | MOUNT_NO_SET_ID | MOUNT_NO_DEVICES | MOUNT_NO_EXECUTE;
        kernel::set_attributes(tree.as_fd(), Attributes { set, mapped_by: None })?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(tree, c"", point, c"", flags)?;
    }
    Ok(())
}

fn devices(root: BorrowedFd<'_>, pieces: &Pieces) -> io::Result<()> {
    for (name, tree) in &pieces.devices {
        attach(root, tree.as_fd(), &Path::new("/dev").join(name), FileKind::Device)?;
    }
    Ok(())
}

/// The private folders: parts of one file system, so that one size holds for all.
fn scratch(root: BorrowedFd<'_>, limits: &LimitsRequest) -> io::Result<()> {
    let (bytes, inodes) = (limits.tmp_bytes.to_string(), limits.tmp_inodes.to_string());
    let whole = new_tmpfs(&bytes, &inodes, "0755", MountAttrFlags::empty())?;
    // Where its last part is put on top of it: to take it away again, the kernel would wait for every processor.
    let [.., (_, last, _)] = view::SCRATCH;
    attach(root, whole.as_fd(), Path::new(last), FileKind::Folder)?;
    for (name, path, scratch) in view::SCRATCH {
        rustix::fs::mkdirat(&whole, name, Mode::from_raw_mode(0o700))?;
        let part = open_beneath(whole.as_fd(), Path::new(name))?;
        let tree = clone_tree(part.as_fd(), Depth::Alone)?;
        let execute = match scratch {
            Scratch::Programs => 0,
            Scratch::Files => MOUNT_NO_EXECUTE,
        };
        let set = MOUNT_NO_SET_ID | MOUNT_NO_DEVICES | execute;
        kernel::set_attributes(tree.as_fd(), Attributes { set, mapped_by: None })?;
        attach(root, tree.as_fd(), Path::new(path), FileKind::Folder)?;
    }
    Ok(())
}

/// From now on the skeleton cannot be changed.
fn freeze(root: BorrowedFd<'_>) -> io::Result<()> {
    let set = MOUNT_READ_ONLY | MOUNT_NO_SET_ID | MOUNT_NO_DEVICES | MOUNT_NO_EXECUTE;
    kernel::set_attributes_alone(root, set)
}
