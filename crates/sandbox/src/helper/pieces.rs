//! What the new root is made of: pieces of the host, cut out as mounts of their own that nothing is attached to yet.
//!
//! A piece is taken from an open descriptor (`open_tree(2)`), its attributes set while nobody can reach it
//! (`mount_setattr(2)`), and put in place later (`move_mount(2)`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Stat};
use rustix::mount::OpenTreeFlags;

use super::{At, Fault, enter};
use crate::error::{FileKind, Step};
use crate::grant::Access;
use crate::kernel::{self, Attributes, MOUNT_NO_DEVICES, MOUNT_NO_EXECUTE, MOUNT_NO_SET_ID, MOUNT_READ_ONLY};
use crate::view;
use crate::wire::{Granted, Request};
use crate::within::{Identity, kind_of};

/// One piece, and where it goes.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) path: PathBuf,
    pub(super) kind: FileKind,
    pub(super) tree: OwnedFd,
    pub(super) identity: Identity,
}

/// A link of the host that is made again.
#[derive(Debug)]
pub(super) struct HostLink {
    pub(super) path: PathBuf,
    pub(super) target: PathBuf,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) system: Vec<Piece>,
    pub(super) links: Vec<HostLink>,
    pub(super) devices: Vec<(&'static str, OwnedFd)>,
    pub(super) grants: Vec<Piece>,
    pub(super) workspace: Option<Piece>,
    pub(super) change_set: Option<Piece>,
}

/// Who the files of granted folders belong to inside.
#[derive(Clone, Copy)]
enum Owner {
    /// The same as outside: the sandbox runs as the caller.
    Same,
    /// This user, which the caller (root) is about to become.
    Mapped(u32),
}

/// Takes all pieces inside new namespaces, where an ordinary user may.
pub(super) fn take(request: &Request) -> Result<Pieces, Fault> {
    take_all(request, Owner::Same)
}

/// Takes all pieces as root, before giving it up; what is granted then belongs to `user` inside.
pub(super) fn take_as_root(request: &Request, user: u32) -> Result<Pieces, Fault> {
    take_all(request, Owner::Mapped(user))
}

fn take_all(request: &Request, owner: Owner) -> Result<Pieces, Fault> {
    let mut pieces = Pieces {
        system: Vec::new(),
        links: Vec::new(),
        devices: Vec::new(),
        grants: Vec::new(),
        workspace: None,
        change_set: None,
    };
    for path in view::SYSTEM_FOLDERS {
        take_system(Path::new(path), Access::ReadExecute, &mut pieces)?;
    }
    for path in view::SYSTEM_SETTINGS {
        take_system(Path::new(path), Access::Read, &mut pieces)?;
    }
    for name in view::DEVICES {
        pieces.devices.push((name, take_device(name).at(Step::Devices)?));
    }
    for granted in &request.grants {
        pieces.grants.push(take_granted(granted, owner).at(Step::Grant)?);
    }
    // A folder is put in place before what lies beneath it.
    pieces.grants.sort_by_key(|piece| piece.path.components().count());
    if let Some(workspace) = &request.workspace {
        pieces.workspace = Some(take_granted(&workspace.granted, owner).at(Step::Grant)?);
        if let Some(change_set) = &workspace.change_set {
            pieces.change_set = Some(take_granted(change_set, owner).at(Step::Overlay)?);
        }
    }
    Ok(pieces)
}

/// A part of the system, or a link; what the host does not have is left out.
fn take_system(path: &Path, access: Access, pieces: &mut Pieces) -> Result<(), Fault> {
    let Ok(stat) = rustix::fs::lstat(path) else { return Ok(()) };
    match kind_of(stat.st_mode) {
        FileKind::Link => {
            let target = std::fs::read_link(path).at(Step::Grant)?;
            pieces.links.push(HostLink { path: path.to_owned(), target });
        }
        kind @ (FileKind::File | FileKind::Folder) => {
            let file = open_path(path).at(Step::Grant)?;
            let tree = cut(file.as_fd(), flags_of(access), None).at(Step::Grant)?;
            let identity = Identity::of(&stat);
            pieces.system.push(Piece { path: path.to_owned(), kind, tree, identity });
        }
        FileKind::Pipe | FileKind::Socket | FileKind::Device => {}
    }
    Ok(())
}

/// A granted path, looked up again without following any link; it must be the very thing that was granted.
fn take_granted(granted: &Granted, owner: Owner) -> io::Result<Piece> {
    let file = open_path(&granted.path)?;
    let stat = rustix::fs::fstat(&file)?;
    let kind = kind_of(stat.st_mode);
    if Identity::of(&stat) != granted.identity || !matches!(kind, FileKind::File | FileKind::Folder) {
        return Err(io::Error::from_raw_os_error(libc::ESTALE));
    }
    let flags = flags_of(granted.access);
    let tree = match owner {
        Owner::Same => cut(file.as_fd(), flags, None)?,
        Owner::Mapped(user) => cut_mapped(file.as_fd(), flags, &stat, user)?,
    };
    let path = granted.path.clone();
    Ok(Piece { path, kind, tree, identity: granted.identity })
}

/// Cuts a piece whose owner's files belong to `user` inside; a file system that cannot map owners shows it unmapped.
fn cut_mapped(file: BorrowedFd<'_>, flags: u64, stat: &Stat, user: u32) -> io::Result<OwnedFd> {
    if stat.st_uid == user {
        return cut(file, flags, None);
    }
    let mapping = enter::mapping((stat.st_uid, stat.st_gid), user)?;
    match cut(file, flags, Some(mapping.as_fd())) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => {
            cut(file, flags, None)
        }
        other => other,
    }
}

fn cut(file: BorrowedFd<'_>, flags: u64, mapped_by: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let tree = clone_tree(file, Depth::Whole)?;
    kernel::set_attributes(tree.as_fd(), Attributes { set: flags, mapped_by })?;
    Ok(tree)
}

/// How much of what is mounted beneath comes along.
#[derive(Clone, Copy)]
pub(super) enum Depth {
    /// Nothing: there is nothing.
    Alone,
    /// Everything.
    Whole,
}

/// An unattached copy of the mount at `file`, from there down.
pub(super) fn clone_tree(file: BorrowedFd<'_>, depth: Depth) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let flags = match depth {
        Depth::Alone => flags,
        Depth::Whole => flags | OpenTreeFlags::AT_RECURSIVE,
    };
    Ok(rustix::mount::open_tree(file, c"", flags)?)
}

fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS,
    )?)
}

/// A device node of the host: a character device with the number it must have.
fn take_device(name: &str) -> io::Result<OwnedFd> {
    let path = Path::new("/dev").join(name);
    let file = open_path(&path)?;
    let stat = rustix::fs::fstat(&file)?;
    let number = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    // Numbers of <linux/Documentation/admin-guide/devices.txt>.
    let right = match name {
        "null" => (1, 3),
        "zero" => (1, 5),
        "full" => (1, 7),
        "random" => (1, 8),
        "urandom" => (1, 9),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    if kind_of(stat.st_mode) != FileKind::Device || number != right {
        return Err(io::ErrorKind::InvalidData.into());
    }
    cut(file.as_fd(), MOUNT_READ_ONLY | MOUNT_NO_SET_ID | MOUNT_NO_EXECUTE, None)
}

pub(super) fn flags_of(access: Access) -> u64 {
    let always = MOUNT_NO_SET_ID | MOUNT_NO_DEVICES;
    match access {
        Access::Read => always | MOUNT_READ_ONLY | MOUNT_NO_EXECUTE,
        Access::ReadExecute => always | MOUNT_READ_ONLY,
        Access::Write => always,
    }
}

/// Whether a piece in place is the one that was taken.
pub(super) fn is_in_place(root: BorrowedFd<'_>, piece: &Piece) -> io::Result<bool> {
    let relative = piece.path.strip_prefix("/").unwrap_or(&piece.path);
    let stat = rustix::fs::statat(root, relative, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Identity::of(&stat) == piece.identity)
}
