//! Programs, each in a sandbox of its own, without a shell where the line needs none.

mod changes;
mod going;
pub(crate) mod meanwhile;
mod programs;
mod ran;
mod total;
mod wait;

pub use changes::{ChangeSets, Changes};
pub use going::Going;
use going::Started;
pub use ran::{Ran, Written};

use crate::way_out::{Ready, WayOut, WayOutError};
use changes::Held;
use domain::{CommandForm, CommandLine, Connector, Host, Pipeline, Target};
use programs::{checked, names, told_apart};
use sandbox::{Access, Grant, Input, Level, Limits, Program, Report, Sandbox, Spec, Workspace};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, watch};
use total::Total;
use wait::wait;

/// The exit code of a line whose program ended well and whose changes were not taken over.
const CODE_DROPPED: i32 = 1;

/// The exit code of a line that was stopped between two of its programs: what a shell gives for an interrupt.
const CODE_STOPPED: i32 = 130;

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// A program cannot be started.
    #[error("{0}")]
    Program(#[from] sandbox::ProgramError),
    /// A program is not the one it was when the call was judged.
    #[error("`{name}` is no longer the program that was looked at")]
    Changed {
        /// Its name in the line.
        name: String,
    },
    /// The workspace cannot be shown to the command.
    #[error("{0}")]
    Folder(#[from] sandbox::PathError),
    /// The sandbox could not be made.
    #[error("{}", crate::web::chain(.0))]
    Sandbox(#[from] sandbox::Error),
    /// Two programs could not be joined.
    #[error("join the programs of a pipeline: {0}")]
    Pipe(std::io::Error),
    /// The changes of a command could not be kept apart, looked at or taken over.
    #[error("what it changed: {0}")]
    Changes(#[from] sandbox::TransactionError),
    /// It cannot be given its way out.
    #[error(transparent)]
    WayOut(#[from] WayOutError),
    /// The work was stopped.
    #[error("it was stopped")]
    Stopped,
}

/// Where commands run.
#[derive(Clone, Debug)]
pub struct ShellSettings {
    /// The folder they work in; they may change it.
    pub workspace: PathBuf,
    /// Folders they may read, absolute and free of links.
    pub readable: Vec<PathBuf>,
    /// Paths below the workspace, relative to it, that no command may change: the keeper's own files.
    pub never_writable: Vec<PathBuf>,
    /// What becomes of what they change.
    pub changes: Changes,
    /// What one program may use up.
    pub limits: Limits,
    /// The isolation below which nothing runs.
    pub floor: Level,
}

/// Runs programs.
#[derive(Debug)]
pub struct Shell {
    sandbox: Arc<Sandbox>,
    settings: ShellSettings,
    /// Why changes cannot be held apart on this machine, once that was tried.
    directly: OnceCell<Option<String>>,
    way_out: Option<WayOut>,
    started: Started,
    going: Going,
}

/// One line that runs: its own name, what it reaches, and who hears it.
struct Line {
    name: String,
    hosts: Vec<(Host, u16)>,
    stopping: watch::Receiver<bool>,
    heard: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Shell {
    /// Runs programs in `sandbox`, without a network.
    #[must_use]
    pub fn new(sandbox: Arc<Sandbox>, settings: ShellSettings) -> Self {
        Self {
            sandbox,
            settings,
            directly: OnceCell::new(),
            way_out: None,
            started: Started::nobody(),
            going: Going::default(),
        }
    }

    /// The same, where each program is one of those that are `going` on.
    #[must_use]
    pub fn counted(self, going: Going) -> Self {
        Self { going, ..self }
    }

    /// The same, where a call that names hosts reaches them.
    #[must_use]
    pub fn reaching(self, way_out: WayOut) -> Self {
        Self { way_out: Some(way_out), ..self }
    }

    /// The same, where `told` hears how long each sandbox took until its program was about to run.
    #[must_use]
    pub fn timed(self, told: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { started: Started::told(told), ..self }
    }

    /// The ports of `host` that a command reaches when its call names it; none without a way out.
    #[must_use]
    pub fn ports(&self, host: &Host) -> Vec<u16> {
        self.way_out.as_ref().map(|way_out| way_out.ports(host)).unwrap_or_default()
    }

    /// The programs that `command` starts, in order, as an approval binds them.
    ///
    /// # Errors
    ///
    /// [`ShellError::Program`] when one cannot be found.
    pub fn targets(command: &CommandLine) -> Result<Vec<Target>, ShellError> {
        let named = names(command).into_iter().map(|name| {
            let program = sandbox::resolve_program(&name)?;
            Ok(Target::Program {
                name,
                path: program.path,
                device: program.identity.device,
                inode: program.identity.inode,
                digest: program.blake3,
            })
        });
        named.collect()
    }

    /// Runs `command`. `targets` are its programs and the hosts it reaches; `stop` ends it when it resolves; `heard` sees output as it comes; `name` is of this run alone, and
    /// names its change sets.
    ///
    /// # Errors
    ///
    /// [`ShellError`]; running programs are gone then.
    pub async fn run(
        &self,
        command: &CommandLine,
        targets: &[Target],
        name: &str,
        stop: impl Future<Output = ()> + Send,
        heard: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Ran, ShellError> {
        let (stopped, stopping) = watch::channel(false);
        let (programs, hosts) = told_apart(targets);
        let revoked = async {
            match &self.way_out {
                Some(way_out) => way_out.revoked(&hosts).await,
                None => std::future::pending().await,
            }
        };
        let stop = async {
            tokio::select! {
                () = stop => {}
                // What was lent to it is not lent any more: it ends with that.
                () = revoked => {}
            }
        };
        let line = Line { name: name.to_string(), hosts: hosts.clone(), stopping, heard };
        let line = self.line(command, &programs, &line);
        tokio::pin!(line, stop);
        let total = tokio::select! {
            total = &mut line => total?,
            () = stop => {
                // Each program hears it and ends; what they have said so far is kept.
                stopped.send_replace(true);
                line.await?
            }
        };
        let (sets, written) = (total.sets.clone(), total.written());
        Ok(Ran { finding: total.finding(), sets, written })
    }

    /// Whether what commands change is changed directly, without a list of it.
    ///
    /// # Errors
    ///
    /// [`ShellError`] when that cannot be found out.
    pub(crate) async fn is_direct(&self) -> Result<bool, ShellError> {
        Ok(self.change_sets(&mut Total::default()).await?.is_none())
    }

    async fn line(
        &self,
        command: &CommandLine,
        programs: &[&Target],
        line: &Line,
    ) -> Result<Total, ShellError> {
        let mut total = Total::default();
        let sets = self.change_sets(&mut total).await?;
        let mut programs = checked(command, programs)?.into_iter();
        let under_shell;
        let pipelines = match &command.form {
            CommandForm::Plain(pipelines) => pipelines,
            CommandForm::Unfamiliar { .. } => {
                let argv = vec!["sh".to_string(), "-c".to_string(), command.text.clone()];
                under_shell = vec![Pipeline { connector: Connector::Always, commands: vec![argv] }];
                &under_shell
            }
        };
        for (place, pipeline) in pipelines.iter().enumerate() {
            let mine: Vec<Program> = programs.by_ref().take(pipeline.commands.len()).collect();
            let runs = match pipeline.connector {
                Connector::Always => true,
                Connector::OnSuccess => total.code == 0,
                Connector::OnFailure => total.code != 0,
            };
            if !runs {
                continue;
            }
            if *line.stopping.borrow() {
                total.notes.push("It was stopped.".to_string());
                total.code = CODE_STOPPED;
                break;
            }
            let held = match sets {
                Some(sets) => {
                    sets.hold(&self.settings.workspace, &line.name, place, pipeline.commands.len())?
                }
                None => Held::default(),
            };
            let reports = self.pipeline(pipeline, mine, &held, line).await?;
            total.add(&pipeline.commands, reports);
            let Some(sets) = sets.cloned() else { continue };
            let settled = tokio::task::spawn_blocking(move || sets.settle(held));
            let settled = settled.await.map_err(|_gone| ShellError::Stopped)??;
            let dropped = settled.dropped.is_some();
            total.settled(settled);
            if dropped {
                // What would follow counts on what is not there.
                total.code = if total.code == 0 { CODE_DROPPED } else { total.code };
                break;
            }
        }
        Ok(total)
    }

    /// Programs joined by pipes run at the same time. Each is waited for on a thread of its own, where handing its
    /// output to the next may block, as a pipe does.
    async fn pipeline(
        &self,
        pipeline: &Pipeline,
        programs: Vec<Program>,
        held: &Held,
        line: &Line,
    ) -> Result<Vec<Report>, ShellError> {
        let mut input = Input::Empty;
        let mut started = Vec::new();
        let last = pipeline.commands.len().saturating_sub(1);
        for ((place, argv), program) in pipeline.commands.iter().enumerate().zip(programs) {
            let mut spec = self.spec(program, argv, held.workspace(place)?)?;
            spec.input = std::mem::take(&mut input);
            let mut next = None;
            if place < last {
                let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
                    .map_err(|errno| ShellError::Pipe(errno.into()))?;
                input = Input::Descriptor(read);
                next = Some(write);
            }
            let ready = self.outside(&mut spec, line).await?;
            let called = Instant::now();
            let mut running = self.sandbox.start(spec).await?;
            self.started.tell(called.elapsed());
            let proxy = match (ready, running.connections()) {
                (Some((way_out, ready)), Some(connections)) => Some(way_out.serve(connections, ready)?),
                (Some(_), None) | (None, Some(_) | None) => None,
            };
            started.push((running, next, proxy));
        }
        let waiting: Vec<_> = started
            .into_iter()
            .map(|(running, next, proxy)| {
                let (stopping, heard) = (line.stopping.clone(), Arc::clone(&line.heard));
                let goes_on = self.going.one();
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || {
                    let report = runtime.block_on(wait(running, next, stopping, heard));
                    // Its way out is closed with it.
                    drop(proxy);
                    drop(goes_on);
                    report
                })
            })
            .collect();
        let mut reports = Vec::new();
        for one in waiting {
            reports.push(one.await.map_err(|_gone| ShellError::Stopped)??);
        }
        Ok(reports)
    }

    /// Gives one program its way out, when its line names hosts.
    async fn outside(&self, spec: &mut Spec, line: &Line) -> Result<Option<(&WayOut, Ready)>, ShellError> {
        if line.hosts.is_empty() {
            return Ok(None);
        }
        let level = self.sandbox.isolation().level;
        let way_out = match (&self.way_out, level) {
            (Some(way_out), Level::Full | Level::FullSoft | Level::Landlock) => way_out,
            (None, _) | (Some(_), Level::None) => {
                let hosts =
                    line.hosts.iter().map(|(host, _port)| host.as_str()).collect::<Vec<_>>().join(", ");
                return Err(WayOutError::Walls { hosts, level }.into());
            }
        };
        // The name of a run is a moment and the key of its effect.
        let who = format!("command {}", line.name.split_once('-').map_or(line.name.as_str(), |(_, key)| key));
        let run = way_out.prepare(spec, &who, &line.hosts)?;
        Ok(Some((way_out, way_out.ready(&self.sandbox, run).await?)))
    }

    /// Where changes are held apart; `None` where they are made directly, which `total` then says.
    async fn change_sets(&self, total: &mut Total) -> Result<Option<&ChangeSets>, ShellError> {
        let why = match &self.settings.changes {
            Changes::Judged(sets) => match self.directly.get_or_try_init(|| self.try_to_hold(sets)).await? {
                None => return Ok(Some(sets)),
                Some(why) => why.as_str(),
            },
            Changes::Direct => "as it is configured",
        };
        total.is_direct = true;
        total
            .notes
            .push(format!("What it changes is changed directly, and files.undo does not know it: {why}."));
        Ok(None)
    }

    /// Runs something over a change set, once: whether this machine can do that is found out by doing it.
    async fn try_to_hold(&self, sets: &ChangeSets) -> Result<Option<String>, ShellError> {
        let held = match sets.hold(&self.settings.workspace, "trial", 0, 1) {
            Ok(held) => held,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let program = sandbox::resolve_program("true")?;
        let tried = match self.spec(program, &["true".to_string()], held.workspace(0)?) {
            Ok(spec) => self.sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await,
            Err(error) => return Err(error),
        };
        sets.settle(held)?;
        match tried {
            Ok(_report) => Ok(None),
            Err(error @ sandbox::Error::Step { step: sandbox::Step::Overlay, .. }) => {
                Ok(Some(crate::web::chain(&error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn spec(&self, program: Program, argv: &[String], held: Option<Workspace>) -> Result<Spec, ShellError> {
        let mut spec = Spec::new(program, argv.iter().map(Into::into).collect());
        let mut workspace = match held {
            Some(workspace) => workspace,
            None => Workspace::new(Grant::resolve(&self.settings.workspace, Access::Write)?),
        };
        workspace.never_writable.clone_from(&self.settings.never_writable);
        spec.folder = Some(workspace.grant.path().to_path_buf());
        spec.workspace = Some(workspace);
        for folder in &self.settings.readable {
            let grant = Grant::resolve(folder, Access::Read)?;
            if grant.path() != folder {
                // It held no link when it was opened: somebody has put one there since.
                return Err(sandbox::PathError::Link { path: folder.clone() }.into());
            }
            spec.grants.push(grant);
        }
        spec.limits = self.settings.limits.clone();
        spec.floor = self.settings.floor;
        Ok(spec)
    }
}
