//! Limits kept by the kernel: a control group for one command, version 2 where one is delegated, else version 1.
//! (cgroups(7), Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst)

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::report::LimitHit;
use crate::spec::Limits;

/// Processes in the group that are not the command's: the first process.
const OWN_PROCESSES: u32 = 1;

/// What that one uses of the memory.
const OWN_BYTES: u64 = 4 << 20;

/// The period over which the CPU share holds, in microseconds: the kernel's default.
const PERIOD_MICROSECONDS: u64 = 100_000;

/// How often a group that its last process has just left is tried to be removed.
const REMOVALS_MAX: u32 = 100;

/// Tells the groups of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The group of one command. Removed when dropped, which the last process must have left by then.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    // INVARIANT: every folder was made by `create` and is in one hierarchy of its own.
    folders: Vec<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    version: Version,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Everything,
    Memory,
    Pids,
    Cpu,
}

/// What the kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) limit_hit: Option<LimitHit>,
    /// Whether it had to wait because its share of the processors was used up.
    pub(crate) slowed: bool,
}

impl ControlGroup {
    /// Makes a group with these limits, or says why the kernel will not keep them.
    pub(crate) fn create(limits: &Limits) -> io::Result<Self> {
        let places = Places::find()?;
        let mut group = Self { folders: Vec::new() };
        if let Some(base) = places.version_two() {
            group.add(&delegated(&base)?, Version::Two, Holds::Everything)?;
        } else {
            let all = [("memory", Holds::Memory), ("pids", Holds::Pids), ("cpu", Holds::Cpu)];
            let needed = all.into_iter().filter(|(_, holds)| *holds != Holds::Cpu || is_less(limits));
            for (controller, holds) in needed {
                match places.version_one(controller) {
                    Some(base) => group.add(&base, Version::One, holds)?,
                    None if holds == Holds::Cpu => {}
                    None => return Err(io::ErrorKind::Unsupported.into()),
                }
            }
        }
        group.folders.iter().try_for_each(|folder| folder.limit(limits))?;
        Ok(group)
    }

    fn add(&mut self, base: &Path, version: Version, holds: Holds) -> io::Result<()> {
        let path = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("hardshell-{}-{number}", crate::process::process_id()));
            match std::fs::create_dir(&path) {
                // Left by a process that had this number before and was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => break made.map(|()| path)?,
            }
        };
        self.folders.push(Folder { path, version, holds });
        Ok(())
    }

    /// The files through which a process joins by itself, see [`join`]; at most [`DOORS_MAX`].
    pub(crate) fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |path: PathBuf| Ok(std::fs::OpenOptions::new().write(true).open(path)?.into());
        let path = |folder: &Folder| match folder.version {
            Version::One => folder.path.join("tasks"),
            Version::Two => folder.path.join("cgroup.procs"),
        };
        self.folders.iter().map(|folder| open(path(folder))).collect()
    }

    /// What the kernel counted so far.
    pub(crate) fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for folder in &self.folders {
            let number =
                |file: &str| std::fs::read_to_string(folder.path.join(file)).ok()?.trim().parse().ok();
            let event = |file: &str, name: &str| {
                let text = std::fs::read_to_string(folder.path.join(file)).unwrap_or_default();
                let count = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
                count.is_some_and(|count| count > 0)
            };
            let (peak, killed, refused) = match (folder.version, folder.holds) {
                (Version::Two, _) => {
                    (number("memory.peak"), event("memory.events", "oom_kill "), event("pids.events", "max "))
                }
                (Version::One, Holds::Memory) => {
                    (number("memory.max_usage_in_bytes"), event("memory.oom_control", "oom_kill "), false)
                }
                (Version::One, Holds::Pids) => (None, false, event("pids.events", "max ")),
                (Version::One, Holds::Cpu | Holds::Everything) => (None, false, false),
            };
            usage.slowed |= event("cpu.stat", "nr_throttled ");
            usage.peak_memory_bytes = usage.peak_memory_bytes.or(peak);
            if killed {
                usage.limit_hit = Some(LimitHit::Memory);
            } else if refused {
                usage.limit_hit = usage.limit_hit.or(Some(LimitHit::Pids));
            }
        }
        usage
    }
}

/// The most hierarchies that a command is counted in.
pub(crate) const DOORS_MAX: usize = 3;

/// Puts this process into the group whose doors these are; its children follow. A single thread that moves itself holds
/// nobody up, while one that is moved by somebody else waits until every processor has passed through the scheduler,
/// some 20 ms on an idle machine (`cgroup_procs_write_start` in the kernel's kernel/cgroup/cgroup.c).
pub(crate) fn join(doors: &[OwnedFd]) -> io::Result<()> {
    for door in doors {
        rustix::io::write(door, b"0")?;
    }
    Ok(())
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            for _ in 0..REMOVALS_MAX {
                match std::fs::remove_dir(&folder.path) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    // Removed, or never there; what cannot be removed is empty and costs nothing.
                    Ok(()) | Err(_) => break,
                }
            }
        }
    }
}

impl Folder {
    fn limit(&self, limits: &Limits) -> io::Result<()> {
        let set = |file: &str, value: String| std::fs::write(self.path.join(file), value);
        let memory = limits.memory_bytes.saturating_add(OWN_BYTES).to_string();
        let pids = limits.pids.saturating_add(OWN_PROCESSES).to_string();
        let quota = u64::from(limits.cpu_percent.max(1)).saturating_mul(PERIOD_MICROSECONDS / 100);
        match (self.version, self.holds) {
            (Version::Two, _) => {
                set("memory.max", memory)?;
                // Absent where the kernel has no swap accounting; then there is nothing to limit.
                optional(set("memory.swap.max", "0".to_owned()))?;
                set("memory.oom.group", "1".to_owned())?;
                set("pids.max", pids)?;
                if is_less(limits) {
                    optional(set("cpu.max", format!("{quota} {PERIOD_MICROSECONDS}")))?;
                }
                Ok(())
            }
            (Version::One, Holds::Memory) => {
                set("memory.limit_in_bytes", memory.clone())?;
                optional(set("memory.memsw.limit_in_bytes", memory))
            }
            (Version::One, Holds::Pids) => set("pids.max", pids),
            (Version::One, Holds::Cpu | Holds::Everything) => {
                optional(set("cpu.cfs_period_us", PERIOD_MICROSECONDS.to_string()))?;
                optional(set("cpu.cfs_quota_us", quota.to_string()))
            }
        }
    }
}

/// Whether the share is less than what there is. Where it is not, no group is made for it: on a busy machine the kernel
/// lets the first process of a new one wait behind everybody else, on each processor anew.
fn is_less(limits: &Limits) -> bool {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    usize::try_from(limits.cpu_percent).unwrap_or(usize::MAX) < processors.saturating_mul(100)
}

/// A file that this kernel does not have is no error.
fn optional(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Where this process stands in each hierarchy, as a folder.
#[derive(Debug, Default)]
struct Places {
    /// Controllers of version 1, and the empty name for version 2.
    folders: BTreeMap<String, PathBuf>,
}

impl Places {
    fn find() -> io::Result<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup")?;
        let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
        Ok(Self::parse(&groups, &mounts))
    }

    /// `groups` is `/proc/self/cgroup` (cgroups(7)), `mounts` is `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
    fn parse(groups: &str, mounts: &str) -> Self {
        let mut folders = BTreeMap::new();
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(own)) = (fields.next(), fields.next()) else { continue };
            for controller in controllers.split(',').filter(|name| !name.starts_with("name=")) {
                if let Some(folder) = mounts.lines().find_map(|mount| folder_in(mount, controller, own)) {
                    folders.insert(controller.to_owned(), folder);
                }
            }
        }
        Self { folders }
    }

    fn version_one(&self, controller: &str) -> Option<PathBuf> {
        self.folders.get(controller).cloned()
    }

    /// The folder of version 2, if memory and processes are counted there.
    fn version_two(&self) -> Option<PathBuf> {
        let folder = self.folders.get("")?;
        let controllers = std::fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
        let has = |name: &str| controllers.split_whitespace().any(|controller| controller == name);
        (has("memory") && has("pids")).then(|| folder.clone())
    }
}

/// The folder of the group `own` in the hierarchy that a line of mountinfo mounts, if it is the right one.
fn folder_in(mount: &str, controller: &str, own: &str) -> Option<PathBuf> {
    let (left, right) = mount.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, point) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (kind, options) = (right.next()?, right.nth(1)?);
    let matches = match controller {
        "" => kind == "cgroup2",
        name => kind == "cgroup" && options.split(',').any(|option| option == name),
    };
    let beneath = Path::new(own).strip_prefix(root).ok()?;
    matches.then(|| Path::new(point).join(beneath))
}

/// Makes a delegated group of version 2 ready to have groups beneath it: processes may be in its leaves only, so this
/// process moves to one of its own, if it is alone.
fn delegated(base: &Path) -> io::Result<PathBuf> {
    let control = base.join("cgroup.subtree_control");
    let enabled = std::fs::read_to_string(&control)?;
    if ["memory", "pids"].iter().all(|name| enabled.split_whitespace().any(|found| found == *name)) {
        return Ok(base.to_owned());
    }
    // Already in the leaf: the folders of commands are beside it.
    if let Some(above) = base.parent().filter(|_| base.ends_with(LEAF)) {
        return Ok(above.to_owned());
    }
    let own = crate::process::process_id().to_string();
    let inside = std::fs::read_to_string(base.join("cgroup.procs"))?;
    if inside.split_whitespace().any(|process| process != own) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let leaf = base.join(LEAF);
    match std::fs::create_dir(&leaf) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    std::fs::write(leaf.join("cgroup.procs"), own)?;
    std::fs::write(&control, "+memory +pids")?;
    optional(std::fs::write(&control, "+cpu"))?;
    Ok(base.to_owned())
}

/// The group that Hardshell itself is in once it has made groups beside it.
const LEAF: &str = "hardshell-itself";

#[cfg(test)]
mod tests;
