//! The folder a command works in: in place or as an overlay, with its protected files held read-only.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::AtFlags;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use super::{STAGING, attach, inside, open_beneath};
use crate::error::{FileKind, Step};
use crate::helper::pieces::{self, Depth, Piece, Pieces, clone_tree};
use crate::helper::{At, Fault};
use crate::kernel::{self, Attributes, MOUNT_NO_DEVICES, MOUNT_NO_SET_ID, MOUNT_READ_ONLY};
use crate::wire::{Cover, CoverKind, Request};
use crate::within::kind_of;

/// Adds the workspace last, so that nothing covers it.
pub(super) fn add(root: BorrowedFd<'_>, pieces: &Pieces) -> Result<(), Fault> {
    let Some(piece) = &pieces.workspace else { return Ok(()) };
    match &pieces.change_set {
        None => {
            attach(root, piece.tree.as_fd(), &piece.path, piece.kind).at(Step::Grant)?;
            if !pieces::is_in_place(root, piece).at(Step::Grant)? {
                return Err(Fault::new(Step::Grant, io::ErrorKind::InvalidData));
            }
        }
        Some(change_set) => overlay(root, piece, change_set).at(Step::Overlay)?,
    }
    Ok(())
}

/// Holds protected paths, once everything is in place.
pub(super) fn cover(root: BorrowedFd<'_>, request: &Request) -> Result<(), Fault> {
    for cover in &request.covers {
        protect(root, cover).at(Step::Protect)?;
    }
    Ok(())
}

/// Shows the workspace with a change set over it: `upper` takes the changes, `work` is the kernel's.
fn overlay(root: BorrowedFd<'_>, lower: &Piece, change_set: &Piece) -> io::Result<()> {
    let staging = Path::new("/").join(STAGING);
    let (lower_path, set_path) = (staging.join("lower"), staging.join("set"));
    kernel::set_attributes(lower.tree.as_fd(), Attributes { set: MOUNT_READ_ONLY, mapped_by: None })?;
    attach(root, lower.tree.as_fd(), &lower_path, FileKind::Folder)?;
    attach(root, change_set.tree.as_fd(), &set_path, FileKind::Folder)?;
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let layers = [
        ("source", Path::new("workspace").to_owned()),
        ("lowerdir", lower_path.clone()),
        ("upperdir", set_path.join("upper")),
        ("workdir", set_path.join("work")),
    ];
    for (key, path) in &layers {
        fsconfig_set_string(context.as_fd(), *key, path)?;
    }
    fsconfig_set_flag(context.as_fd(), "userxattr")?;
    fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    attach(root, mount.as_fd(), &lower.path, FileKind::Folder)?;
    for path in [&lower_path, &set_path] {
        rustix::mount::unmount(path, UnmountFlags::DETACH)?;
        rustix::fs::unlinkat(root, inside(path), AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Makes a path a mount point, a link as such: what it names is covered where it is. One that is gone meanwhile needs
/// no cover.
fn protect(root: BorrowedFd<'_>, cover: &Cover) -> io::Result<()> {
    let path = &cover.path;
    let target = match open_beneath(root, inside(path)) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let kind = kind_of(rustix::fs::fstat(&target)?.st_mode);
    if !matches!(kind, FileKind::File | FileKind::Folder | FileKind::Link) {
        return Ok(());
    }
    let tree = clone_tree(target.as_fd(), Depth::Whole)?;
    let set = match cover.kind {
        CoverKind::Anchor => MOUNT_NO_SET_ID | MOUNT_NO_DEVICES,
        CoverKind::ReadOnly => MOUNT_NO_SET_ID | MOUNT_NO_DEVICES | MOUNT_READ_ONLY,
    };
    kernel::set_attributes(tree.as_fd(), Attributes { set, mapped_by: None })?;
    attach(root, tree.as_fd(), path, kind)
}
