//! Finding the helper, and finding out by a full trial how strong the walls are here.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Step};
use crate::level::{Isolation, Level};
use crate::pool::Pool;
use crate::program::resolve_program;
use crate::report::{Ending, Report, Stream};
use crate::run::Running;
use crate::spec::Spec;
use crate::stop::StopSwitch;

/// The file name of the helper.
const HELPER_NAME: &str = "hardshell-sandbox";

/// The argument with which the main program is its own helper.
pub(crate) const HELPER_ARGUMENT: &str = "__sandbox";

/// The argument with which a helper makes its namespaces while it waits.
pub(crate) const EARLY_ARGUMENT: &str = "__early";

/// The program that becomes the first process of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    pub(crate) path: PathBuf,
    pub(crate) argument: Option<&'static str>,
}

impl Helper {
    /// Finds the helper: `hardshell-sandbox` in the folder of the running program (or above it where that folder is
    /// cargo's `deps` or `examples`), else the running program itself when it is `hardshell`. Never looks at `PATH`, the
    /// environment or the current folder.
    ///
    /// # Errors
    ///
    /// [`Error::NoHelper`] when there is none, [`Error::ForeignHelper`] when somebody but this user or root can have
    /// written it.
    pub fn find() -> Result<Self, Error> {
        let own = std::fs::read_link("/proc/self/exe").map_err(|source| Error::Helper { source })?;
        let missing = || Error::NoHelper { beside: own.clone() };
        let folder = own.parent().ok_or_else(missing)?;
        let above = folder.parent().filter(|_| folder.ends_with("deps") || folder.ends_with("examples"));
        let beside = [Some(folder), above].into_iter().flatten().map(|folder| folder.join(HELPER_NAME));
        let beside: Vec<PathBuf> = beside.into_iter().filter(|path| path.is_file()).collect();
        if let Some(path) = beside.iter().find(|path| is_trustworthy(path)) {
            return Ok(Self { path: path.clone(), argument: None });
        }
        if own.file_name().is_some_and(|name| name == "hardshell") && is_trustworthy(&own) {
            return Ok(Self { path: own, argument: Some(HELPER_ARGUMENT) });
        }
        Err(beside.into_iter().next().map_or_else(missing, |path| Error::ForeignHelper { path }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A helper at a known path: for tests of this crate.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), argument: None }
    }
}

/// Whether only root or this process's user can have written the file.
fn is_trustworthy(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| {
        let owner = found.uid();
        found.is_file() && (owner == 0 || owner == crate::process::user_id()) && found.mode() & 0o022 == 0
    })
}

/// Walls that are left out on purpose: tests show each level with them. The default leaves out none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The best level that may be tried.
    pub level: Level,
    /// Landlock rights newer than this version are not used.
    pub landlock_abi: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { level: Level::Full, landlock_abi: u32::MAX }
    }
}

/// What can run commands, at the level that a trial found.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub(crate) helper: Helper,
    pub(crate) isolation: Arc<Isolation>,
    pub(crate) pool: Option<Arc<Pool>>,
    pub(crate) stop: Option<StopSwitch>,
}

impl Sandbox {
    /// Finds the helper and the best level at which a trial command truly runs, from the best down.
    ///
    /// # Errors
    ///
    /// [`Error::NoHelper`], [`Error::Helper`] when not even the helper can be started. A machine without walls is no
    /// error: it is [`Level::None`], at which nothing runs unless a [`Spec::floor`] says so.
    pub async fn probe() -> Result<Self, Error> {
        Self::probe_with(Helper::find()?, Caps::default()).await
    }

    /// As [`Sandbox::probe`], with this helper and these walls left out.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::probe`].
    pub async fn probe_with(helper: Helper, caps: Caps) -> Result<Self, Error> {
        let landlock_abi = crate::kernel::landlock_abi().min(caps.landlock_abi);
        let mut refused: Vec<Why> = Vec::new();
        for level in Level::ALL.into_iter().filter(|level| *level <= caps.level) {
            let isolation = Isolation { level, landlock_abi, reason: None, fix: None };
            let candidate =
                Self { helper: helper.clone(), isolation: Arc::new(isolation), pool: None, stop: None };
            match candidate.trial().await {
                Ok(()) => {
                    let (reason, fix) = match refused.pop() {
                        Some(Why { reason, fix }) => (Some(reason), fix),
                        None if caps.level < Level::Full => {
                            (Some(format!("capped at `{}`", caps.level)), None)
                        }
                        None => (None, None),
                    };
                    let isolation = Isolation { level, landlock_abi, reason, fix };
                    return Ok(Self { helper, isolation: Arc::new(isolation), pool: None, stop: None });
                }
                Err(error) => refused.push(why(level, landlock_abi, &error)),
            }
        }
        // Nothing runs at all: what each level lacks is worth knowing, and what would bring the weakest back.
        let fix = refused.iter().rev().find_map(|why| why.fix.clone());
        let reasons: Vec<String> = refused.into_iter().map(|why| why.reason).collect();
        let isolation = Isolation { level: Level::None, landlock_abi, reason: Some(reasons.join("; ")), fix };
        Ok(Self { helper, isolation: Arc::new(isolation), pool: None, stop: None })
    }

    /// Keeps `size` helpers ready from the first command on. A helper that waits knows nothing of any command: it is
    /// told one thing, serves that, and ends.
    #[must_use]
    pub fn with_pool(self, size: usize) -> Self {
        Self { pool: Some(Arc::new(Pool::new(size))), ..self }
    }

    /// Starts the helpers of [`Sandbox::with_pool`] that are missing; done by itself after each command.
    pub fn fill_pool(&self) {
        if let Some(pool) = &self.pool {
            pool.fill(&self.helper, self.isolation.level);
        }
    }

    /// The process ids of the helpers that wait.
    #[must_use]
    pub fn waiting_helpers(&self) -> Vec<u32> {
        self.pool.as_ref().map(|pool| pool.ids()).unwrap_or_default()
    }

    /// The same, which starts nothing while `switch` is on, and whose helpers end what they run when it is turned on.
    #[must_use]
    pub fn stopped_by(mut self, switch: StopSwitch) -> Self {
        self.stop = Some(switch);
        self
    }

    /// What was found.
    #[must_use]
    pub fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    /// Runs a command to its end and returns what became of it. `cancel` ends it early when it resolves; `on_output`
    /// sees output as it comes, past the kept amount too. When the returned future is dropped, the whole tree is killed.
    ///
    /// # Errors
    ///
    /// [`Error::BelowFloor`] before anything is started; [`Error::Step`] when a step of making the sandbox failed, with
    /// nothing run; the others when the helper could not be used or its answer was lost, with the tree killed.
    pub async fn run(
        &self,
        spec: Spec,
        cancel: impl Future<Output = ()> + Send,
        on_output: &mut (dyn FnMut(Stream, &[u8]) + Send),
    ) -> Result<Report, Error> {
        self.start(spec).await?.finish(cancel, on_output).await
    }

    /// Starts a command: returns once it is about to run, with its listener if it has one.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::run`].
    pub async fn start(&self, spec: Spec) -> Result<Running, Error> {
        Running::start(self, spec).await
    }

    /// Runs `true` at this very level.
    async fn trial(&self) -> Result<(), Error> {
        let program = resolve_program("true")
            .map_err(|error| Error::Step { step: Step::Execute, source: std::io::Error::other(error) })?;
        let mut spec = Spec::new(program, vec!["true".into()]);
        spec.floor = Level::None;
        let report = self.run(spec, std::future::pending(), &mut |_, _| {}).await?;
        match report.ending {
            Ending::Exited(0) => Ok(()),
            Ending::Exited(_)
            | Ending::Signalled(_)
            | Ending::TimedOut
            | Ending::LimitReached
            | Ending::Cancelled => Err(Error::HelperGarbled),
        }
    }
}

struct Why {
    reason: String,
    fix: Option<String>,
}

/// Why a level is not to be had, and what to do about it.
fn why(level: Level, landlock_abi: u32, error: &Error) -> Why {
    let with = |reason: &str, fix: Option<&str>| Why {
        reason: format!("`{level}` is not available: {reason} ({error})"),
        fix: fix.map(str::to_owned),
    };
    let Error::Step { step, source: _ } = error else {
        return with("the trial failed", None);
    };
    if !Path::new("/proc/self").exists() {
        return with("there is no `/proc`", Some("mount -t proc proc /proc"));
    }
    match step {
        Step::ControlGroup => with(
            "no control group is delegated to this user",
            Some("run it under `systemd-run --user --scope -p Delegate=yes`, or as the installed service"),
        ),
        Step::Landlock if landlock_abi == 0 => with(
            "this kernel has no Landlock, or has it switched off",
            Some("add `landlock` to the `lsm=` list on the kernel command line"),
        ),
        Step::Landlock => {
            with("this kernel's Landlock is too old for this level", Some("use Linux 6.12 or newer"))
        }
        Step::Namespaces | Step::IdMap | Step::HostName | Step::Loopback => namespaces_refused(&with),
        Step::Proc => with(
            "`/proc` may not be mounted, as in a container that masks its own",
            Some("start the outer container with its `/proc` unmasked"),
        ),
        Step::BecomeUser => with(
            "root has no other user here to run commands as",
            Some("run it as an ordinary user, or map more than one user into this container"),
        ),
        Step::Request
        | Step::Connects
        | Step::Fork
        | Step::Grant
        | Step::Root
        | Step::Devices
        | Step::Scratch
        | Step::Overlay
        | Step::Protect
        | Step::Pivot
        | Step::Keyring
        | Step::Limits
        | Step::Capabilities
        | Step::NoNewPrivileges
        | Step::Seccomp
        | Step::Folder
        | Step::Execute => with("the trial failed", None),
    }
}

fn namespaces_refused(with: &impl Fn(&str, Option<&str>) -> Why) -> Why {
    let setting = |name: &str| std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
    if setting("kernel/apparmor_restrict_unprivileged_userns").trim() == "1" {
        return with(
            "AppArmor restricts user namespaces to programs with a profile, as on Ubuntu 24.04",
            Some(
                "hardshell sandbox apparmor | sudo tee /etc/apparmor.d/hardshell-sandbox && sudo apparmor_parser -r \
                  /etc/apparmor.d/hardshell-sandbox",
            ),
        );
    }
    if setting("kernel/unprivileged_userns_clone").trim() == "0" {
        return with(
            "this kernel keeps user namespaces for root",
            Some("sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        );
    }
    if setting("user/max_user_namespaces").trim() == "0" {
        return with(
            "this machine allows no user namespaces",
            Some("sudo sysctl -w user.max_user_namespaces=15000"),
        );
    }
    with(
        "the kernel or a container around it refuses namespaces",
        Some("allow `unshare` in the outer container"),
    )
}
