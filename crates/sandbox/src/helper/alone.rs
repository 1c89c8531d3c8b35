//! A program of this machine in namespaces of its own, without the walls of a sandbox: it may be a Hardshell that makes
//! sandboxes itself. It has this machine's files to read, one folder to write, and a network with nobody on it.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountAttrFlags, MoveMountFlags, move_mount};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use rustix::thread::UnshareFlags;

use super::pieces::{Depth, clone_tree};
use super::{enter, root};
use crate::alone::{FAILED, Order};
use crate::kernel::{self, Attributes, MOUNT_READ_ONLY, Side};

/// What the private `/tmp` may take.
const TMP_BYTES: &str = "256m";
/// The first port that a program without privileges may listen on: that of plain HTTP.
const FIRST_PORT: &str = "80";
/// What the program keeps of this process's environment.
const VARIABLES: [&str; 6] = ["PATH", "LANG", "TERM", "COLUMNS", "NO_COLOR", "RUST_BACKTRACE"];

/// Carries out an order; its exit code is the program's, or [`FAILED`] with the reason on standard error.
pub(super) fn main(order: &str) -> ExitCode {
    match serde_json::from_str::<Order>(order).map_err(io::Error::from).and_then(|order| carry_out(&order)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Without a standard error there is nobody to tell.
            let _ = writeln!(io::stderr(), "could not make namespaces: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn step<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    }
}

fn carry_out(order: &Order) -> io::Result<u8> {
    kernel::close_from(3)?;
    // Whoever started this holds the other end, and takes everything along when it goes.
    let life = kernel::take_standard_input()?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    if crate::process::is_root() {
        let flags = UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS;
        kernel::unshare(flags).map_err(step("leave this machine's namespaces"))?;
        kernel::loopback_up().map_err(step("bring up the loopback"))?;
    } else {
        enter::new_namespaces().map_err(|fault| step("leave this machine's namespaces")(fault.error))?;
    }
    std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", FIRST_PORT)
        .map_err(step("open the lower ports"))?;
    match kernel::fork()? {
        Side::Child => {
            drop(life);
            let code = first(order).unwrap_or_else(|error| {
                let _ = writeln!(io::stderr(), "could not make namespaces: {error}");
                FAILED
            });
            std::process::exit(i32::from(code))
        }
        Side::Parent(child) => watch_over(child, &life),
    }
}

/// Waits for the first process inside, and ends it when nobody waits for it any more.
fn watch_over(child: Pid, life: &OwnedFd) -> io::Result<u8> {
    let ends = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
    let mut watched = [PollFd::new(&ends, PollFlags::IN), PollFd::new(life, PollFlags::IN)];
    loop {
        match poll(&mut watched, None) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let [ended, _gone] = &watched;
    if ended.revents().is_empty() {
        rustix::process::kill_process(child, Signal::KILL)?;
    }
    let status = rustix::process::waitpid(Some(child), WaitOptions::empty())?;
    Ok(status.map_or(FAILED, |(_, status)| code_of(ExitStatus::from_raw(status.as_raw()))))
}

/// What a shell gives.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| signal.saturating_add(128)));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}

/// Process 1 inside: when it ends, everything ends.
fn first(order: &Order) -> io::Result<u8> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    kernel::join_empty_keyring()?;
    furnish(order)?;
    if let Some(user) = &order.user {
        crate::process::become_user(user).map_err(|error| io::Error::other(error.to_string()))?;
    }
    if crate::process::is_root() {
        return Err(io::Error::other("the program would run as root"));
    }
    let kept = VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let status = Command::new(&order.program)
        .args(&order.arguments)
        .current_dir(&order.place)
        .env_clear()
        .envs(kept)
        .env("HOME", &order.place)
        .stdin(Stdio::null())
        .status()
        .map_err(step("start the program"))?;
    Ok(code_of(status))
}

/// Everything read-only but the one folder, with a `/tmp` and a `/proc` of its own and the names of hosts as ordered.
fn furnish(order: &Order) -> io::Result<()> {
    let hosts = order.place.join("hosts");
    std::fs::write(&hosts, &order.hosts).map_err(step("write the names of hosts"))?;
    let cut = |path: &Path| clone_tree(open(path)?.as_fd(), Depth::Whole).map_err(step("cut out a folder"));
    let (place, hosts) = (cut(&order.place)?, cut(&hosts)?);
    let programs = order.program.parent().map(cut).transpose()?;
    let proc = root::new_proc(MountAttrFlags::empty()).map_err(step("make /proc"))?;
    let tmp =
        root::new_tmpfs(TMP_BYTES, "65536", "1777", MountAttrFlags::empty()).map_err(step("make /tmp"))?;
    let read_only = |tree: &OwnedFd| {
        kernel::set_attributes(tree.as_fd(), Attributes { set: MOUNT_READ_ONLY, mapped_by: None })
    };
    read_only(&open(Path::new("/"))?).map_err(step("make this machine's files read-only"))?;
    read_only(&hosts)?;
    attach(&proc, Path::new("/proc")).map_err(step("show /proc"))?;
    attach(&tmp, Path::new("/tmp")).map_err(step("show /tmp"))?;
    attach(&hosts, Path::new("/etc/hosts")).map_err(step("show /etc/hosts"))?;
    // The private /tmp may lie over either.
    if let (Some(programs), Some(folder)) = (programs, order.program.parent())
        && folder.starts_with("/tmp")
    {
        read_only(&programs)?;
        std::fs::create_dir_all(folder)?;
        attach(&programs, folder).map_err(step("show the program"))?;
    }
    if order.place.starts_with("/tmp") {
        std::fs::create_dir_all(&order.place)?;
    }
    attach(&place, &order.place).map_err(step("show the folder"))
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

fn attach(tree: &OwnedFd, path: &Path) -> io::Result<()> {
    Ok(move_mount(tree, c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}
