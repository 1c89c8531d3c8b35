//! Programs that make sandboxes themselves, played where they reach nobody: in namespaces of their own.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::probe::{HELPER_ARGUMENT, Helper};

/// The argument with which the helper carries out an [`Order`].
pub(crate) const ALONE_ARGUMENT: &str = "__alone";

/// What the helper exits with when nothing was run; the reason is on standard error.
pub(crate) const FAILED: u8 = 125;

/// What the helper is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) place: PathBuf,
    pub(crate) hosts: String,
    pub(crate) user: Option<String>,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// Where and as whom a program runs alone.
#[derive(Clone, Debug)]
pub struct Alone<'a> {
    /// The one folder that it may write; absolute, without links in it.
    pub place: &'a Path,
    /// Names that are this namespace's own loopback; no other name has an address.
    pub names: &'a [&'a str],
    /// The user that it runs as, for a caller that is root.
    pub user: &'a str,
}

/// What becomes of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// It is the caller's own.
    Shared,
    /// It is kept, up to so many bytes; standard error is dropped.
    Kept(u64),
}

/// What became of the program that ran alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Played {
    /// It ended with this code, having written this.
    Ended {
        /// As a shell gives it.
        code: u8,
        /// Standard output, where it was kept.
        output: Vec<u8>,
    },
    /// Namespaces could not be made, and nothing was run.
    Refused,
}

/// A program that runs alone. When the value is dropped, the program and all that it started are killed.
#[derive(Debug)]
pub struct AloneRunning {
    helper: Child,
    /// The helper ends everything when this closes.
    life: Option<OwnedFd>,
    keep: u64,
}

impl Alone<'_> {
    /// Starts the running program's own file once more, with `arguments`, in namespaces of its own: a network with
    /// nobody on it, its own list of processes, this machine's files read-only.
    ///
    /// # Errors
    ///
    /// [`Error::Helper`], [`Error::NoHelper`]; namespaces that cannot be had are [`Played::Refused`].
    pub fn start(&self, arguments: Vec<OsString>, output: Output) -> Result<AloneRunning, Error> {
        let helper_error = |source| Error::Helper { source };
        let (helper, program) = self.programs()?;
        let own = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let hosts = format!("127.0.0.1 localhost {} {}\n::1 localhost\n", own.trim(), self.names.join(" "));
        let user = crate::process::is_root().then(|| self.user.to_owned());
        let order = Order { place: self.place.to_owned(), hosts, user, program, arguments };
        let order = serde_json::to_string(&order).map_err(|error| helper_error(error.into()))?;
        let (theirs, life) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|errno| helper_error(errno.into()))?;
        let mut command = Command::new(&helper.path);
        command.args(helper.argument.map(|_| HELPER_ARGUMENT)).arg(ALONE_ARGUMENT).arg(order);
        command.stdin(Stdio::from(theirs));
        let keep = match output {
            Output::Shared => 0,
            Output::Kept(bytes) => {
                command.stdout(Stdio::piped()).stderr(Stdio::null());
                bytes
            }
        };
        let helper = command.spawn().map_err(helper_error)?;
        Ok(AloneRunning { helper, life: Some(life), keep })
    }

    /// The helper and the running program. Inside, files of users other than the caller have no owner that could be
    /// trusted, so what is not the caller's own is copied to the place.
    fn programs(&self) -> Result<(Helper, PathBuf), Error> {
        let helper_error = |source| Error::Helper { source };
        let helper = Helper::find()?;
        let program = std::fs::read_link("/proc/self/exe").map_err(helper_error)?;
        let owner = |path: &Path| Ok(std::fs::symlink_metadata(path)?.uid());
        let me = crate::process::user_id();
        let theirs = owner(&helper.path).and_then(|helper| Ok(helper != me || owner(&program)? != me));
        if crate::process::is_root() || !theirs.map_err(helper_error)? {
            return Ok((helper, program));
        }
        let folder = self.place.join("bin");
        std::fs::create_dir(&folder).map_err(helper_error)?;
        let inside = |path: &Path| folder.join(path.file_name().unwrap_or_default());
        for path in [&helper.path, &program] {
            std::fs::copy(path, inside(path)).map_err(helper_error)?;
        }
        // The helper outside stays the one that was found: an AppArmor profile is bound to its path.
        Ok((helper, inside(&program)))
    }
}

impl AloneRunning {
    /// Waits for its end. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Helper`] when it cannot be waited for, or says more than is kept.
    pub fn wait(mut self) -> Result<Played, Error> {
        let helper_error = |source| Error::Helper { source };
        let mut output = Vec::new();
        if let Some(out) = self.helper.stdout.take() {
            out.take(self.keep.saturating_add(1)).read_to_end(&mut output).map_err(helper_error)?;
            if u64::try_from(output.len()).unwrap_or(u64::MAX) > self.keep {
                return Err(helper_error(io::Error::other("it said more than is kept")));
            }
        }
        let status = self.helper.wait().map_err(helper_error)?;
        match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(FAILED) => Ok(Played::Refused),
            Some(code) => Ok(Played::Ended { code, output }),
            None => Err(Error::HelperLost),
        }
    }
}

impl Drop for AloneRunning {
    fn drop(&mut self) {
        drop(self.life.take());
        // It ends by itself; what waited before has its answer.
        let _ended = self.helper.wait();
    }
}

/// Whether this process runs alone, as the kernel says now: it has no network but a loopback, and cannot write where it
/// is at home.
#[must_use]
pub fn is_alone() -> bool {
    let Ok(devices) = std::fs::read_to_string("/proc/self/net/dev") else { return false };
    // Two lines of headings, then a device a line (proc_pid_net(5)).
    let mut names =
        devices.lines().skip(2).filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
    let only_loopback = names.all(|name| name == "lo");
    let read_only = rustix::fs::statvfs("/")
        .is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    only_loopback && read_only
}
