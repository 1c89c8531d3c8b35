//! Landlock: the same walls once more, held by the file itself and not by where it is mounted.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::fs::{CWD, Mode, OFlags};

use super::{At, Fault};
use crate::error::{FileKind, Step};
use crate::grant::Access;
use crate::level::Level;
use crate::view;
use crate::wire::Request;
use crate::within::kind_of;

/// The version from which Landlock alone is a wall: it knows of signals and of abstract unix sockets (Linux 6.12).
const ALONE_FROM: u32 = 6;

/// Restricts this process for good, or fails: every right that the kernel knows is handled, and only what the request
/// names is allowed.
pub(super) fn restrict(request: &Request) -> Result<(), Fault> {
    let needed = match request.level {
        Level::Full | Level::FullSoft => 1,
        Level::Landlock => ALONE_FROM,
        Level::None => return Ok(()),
    };
    if request.landlock_abi < needed {
        return Err(Fault { step: Step::Landlock, error: io::Error::from_raw_os_error(libc::EOPNOTSUPP) });
    }
    let version = ABI::from(i32::try_from(request.landlock_abi).unwrap_or(i32::MAX));
    apply(request, version).map_err(io::Error::other).at(Step::Landlock)
}

fn apply(request: &Request, version: ABI) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(version))?;
    if !Scope::from_all(version).is_empty() {
        ruleset = ruleset.scope(Scope::from_all(version))?;
    }
    // Inside namespaces the network is the command's own, and it may use its loopback; outside it has none.
    if request.level == Level::Landlock {
        ruleset = ruleset.handle_access(AccessNet::from_all(version))?;
    }
    let mut created = ruleset.create()?;
    for (path, access) in paths(request) {
        created = allow(created, &path, access, version)?;
    }
    let status = created.restrict_self()?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err("not every right is enforced".into());
    }
    Ok(())
}

/// What may be done beneath a path.
#[derive(Clone, Copy)]
enum Allowed {
    List,
    Read,
    ReadExecute,
    Device,
    Files,
    All,
}

impl Allowed {
    fn rights(self, version: ABI) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
        let rights = match self {
            Self::List => AccessFs::ReadDir.into(),
            Self::Read => read,
            Self::ReadExecute => read | AccessFs::Execute,
            Self::Device => AccessFs::ReadFile | AccessFs::WriteFile,
            Self::Files => AccessFs::from_all(version) & !devices & !AccessFs::Execute,
            Self::All => AccessFs::from_all(version) & !devices,
        };
        rights & AccessFs::from_all(version)
    }
}

fn paths(request: &Request) -> Vec<(PathBuf, Allowed)> {
    let mut paths: Vec<(PathBuf, Allowed)> = Vec::new();
    paths.extend(view::SYSTEM_FOLDERS.iter().map(|path| (path.into(), Allowed::ReadExecute)));
    paths.extend(view::DEVICES.iter().map(|name| (Path::new("/dev").join(name), Allowed::Device)));
    match request.level {
        Level::Full | Level::FullSoft => {
            paths.push(("/".into(), Allowed::List));
            paths.push(("/etc".into(), Allowed::Read));
            paths.push(("/proc".into(), Allowed::Read));
            for (_, path, scratch) in view::SCRATCH {
                let allowed = match scratch {
                    view::Scratch::Programs => Allowed::All,
                    view::Scratch::Files => Allowed::Files,
                };
                paths.push((path.into(), allowed));
            }
        }
        Level::Landlock | Level::None => {
            paths.extend(view::SYSTEM_SETTINGS.iter().map(|path| (path.into(), Allowed::Read)));
            // This process's own entry; those of its children have none, and others' are closed to it anyway.
            paths.push(("/proc/self".into(), Allowed::Read));
        }
    }
    let workspace = request.workspace.as_ref().map(|workspace| &workspace.granted);
    for granted in request.grants.iter().chain(workspace) {
        let allowed = match granted.access {
            Access::Read => Allowed::Read,
            Access::ReadExecute => Allowed::ReadExecute,
            Access::Write => Allowed::All,
        };
        paths.push((granted.path.clone(), allowed));
    }
    paths
}

fn allow(
    created: RulesetCreated,
    path: &Path,
    allowed: Allowed,
    version: ABI,
) -> Result<RulesetCreated, Box<dyn std::error::Error + Send + Sync>> {
    let file: OwnedFd = match rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(created),
        other => other?,
    };
    let kind = kind_of(rustix::fs::fstat(&file)?.st_mode);
    let rights = match kind {
        FileKind::Folder => allowed.rights(version),
        FileKind::File | FileKind::Device => allowed.rights(version) & AccessFs::from_file(version),
        FileKind::Link | FileKind::Pipe | FileKind::Socket => return Ok(created),
    };
    Ok(created.add_rule(PathBeneath::new(file.as_fd(), rights))?)
}
