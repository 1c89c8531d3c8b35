//! Programs, each in a sandbox of its own, without a shell where the line needs none.

mod changes;
mod total;

pub use changes::{ChangeSets, Changes};

use crate::Finding;
use changes::Held;
use domain::{CommandForm, CommandLine, Connector, Pipeline, Target};
use sandbox::{
    Access, Grant, Input, Level, Limits, Program, Report, Running, Sandbox, Spec, Stream, Workspace,
};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{OnceCell, watch};
use total::Total;

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
    /// The work was stopped.
    #[error("it was stopped")]
    Stopped,
}

/// What a line came to, and the change sets that `files.undo` can take back.
#[derive(Debug)]
pub struct Ran {
    /// For the model and the owner.
    pub finding: Finding,
    /// The names of the change sets that were applied, in their order.
    pub sets: Vec<String>,
}

/// Where commands run.
#[derive(Clone, Debug)]
pub struct ShellSettings {
    /// The folder they work in; they may change it.
    pub workspace: PathBuf,
    /// Folders they may read.
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
}

impl Shell {
    /// Runs programs in `sandbox`.
    #[must_use]
    pub fn new(sandbox: Arc<Sandbox>, settings: ShellSettings) -> Self {
        Self { sandbox, settings, directly: OnceCell::new() }
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

    /// Runs `command`. `stop` ends it when it resolves; `heard` sees output as it comes; `name` is of this run alone, and
    /// names its change sets.
    ///
    /// # Errors
    ///
    /// [`ShellError`]; [`Running`] programs are gone then.
    pub async fn run(
        &self,
        command: &CommandLine,
        targets: &[Target],
        name: &str,
        stop: impl Future<Output = ()> + Send,
        heard: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Ran, ShellError> {
        let (stopped, stopping) = watch::channel(false);
        let line = self.line(command, targets, name, stopping, heard);
        tokio::pin!(line, stop);
        let total = tokio::select! {
            total = &mut line => total?,
            () = stop => {
                // Each program hears it and ends; what they have said so far is kept.
                stopped.send_replace(true);
                line.await?
            }
        };
        let sets = total.sets.clone();
        Ok(Ran { finding: total.finding(), sets })
    }

    async fn line(
        &self,
        command: &CommandLine,
        targets: &[Target],
        name: &str,
        stopping: watch::Receiver<bool>,
        heard: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Total, ShellError> {
        let mut total = Total::default();
        let sets = self.change_sets(&mut total).await?;
        let mut programs = checked(command, targets)?.into_iter();
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
            if *stopping.borrow() {
                total.notes.push("It was stopped.".to_string());
                total.code = CODE_STOPPED;
                break;
            }
            let held = match sets {
                Some(sets) => sets.hold(&self.settings.workspace, name, place, pipeline.commands.len())?,
                None => Held::default(),
            };
            let reports = self.pipeline(pipeline, mine, &held, &stopping, &heard).await?;
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
        stopping: &watch::Receiver<bool>,
        heard: &Arc<dyn Fn(&str) + Send + Sync>,
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
            started.push((self.sandbox.start(spec).await?, next));
        }
        let waiting: Vec<_> = started
            .into_iter()
            .map(|(running, next)| {
                let (stopping, heard) = (stopping.clone(), Arc::clone(heard));
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(wait(running, next, stopping, heard)))
            })
            .collect();
        let mut reports = Vec::new();
        for one in waiting {
            reports.push(one.await.map_err(|_gone| ShellError::Stopped)??);
        }
        Ok(reports)
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
            spec.grants.push(Grant::resolve(folder, Access::Read)?);
        }
        spec.limits = self.settings.limits.clone();
        spec.floor = self.settings.floor;
        Ok(spec)
    }
}

/// Waits for one program and hands its output on. When the next program no longer takes it, this one is ended, as a
/// broken pipe would end it.
async fn wait(
    running: Running,
    next: Option<OwnedFd>,
    mut stopping: watch::Receiver<bool>,
    heard: Arc<dyn Fn(&str) + Send + Sync>,
) -> Result<Report, ShellError> {
    let (broke, mut broken) = watch::channel(false);
    let mut next = next.map(std::fs::File::from);
    let piped = next.is_some();
    let ended = async {
        tokio::select! {
            () = said(&mut stopping) => {}
            () = said(&mut broken) => {}
        }
    };
    let mut on_output = |stream: Stream, bytes: &[u8]| match (stream, &mut next) {
        (Stream::Stdout, Some(pipe)) => {
            if pipe.write_all(bytes).is_err() {
                next = None;
                broke.send_replace(true);
            }
        }
        (Stream::Stdout, None) if piped => {}
        (Stream::Stdout | Stream::Stderr, _) => heard(&String::from_utf8_lossy(bytes)),
    };
    Ok(running.finish(ended, &mut on_output).await?)
}

/// Returns when the other side says yes; never when it is gone without a word.
async fn said(yes: &mut watch::Receiver<bool>) {
    let heard = yes.wait_for(|yes| *yes).await.is_ok();
    if !heard {
        std::future::pending().await
    }
}

/// The names of the programs that a line starts, in order.
fn names(command: &CommandLine) -> Vec<String> {
    match &command.form {
        CommandForm::Plain(pipelines) => pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.commands)
            .filter_map(|argv| argv.first().cloned())
            .collect(),
        CommandForm::Unfamiliar { .. } => vec!["sh".to_string()],
    }
}

/// The programs, found again, when they are those that the permit was given for.
fn checked(command: &CommandLine, targets: &[Target]) -> Result<Vec<Program>, ShellError> {
    let names = names(command);
    let changed = |name: &str| ShellError::Changed { name: name.to_string() };
    if names.len() != targets.len() {
        return Err(changed(names.first().map_or("sh", String::as_str)));
    }
    let each = names.into_iter().zip(targets).map(|(name, target)| {
        let program = sandbox::resolve_program(&name)?;
        match target {
            Target::Program { name: known, path, device, inode, digest }
                if *known == name
                    && *path == program.path
                    && (*device, *inode) == (program.identity.device, program.identity.inode)
                    && *digest == program.blake3 =>
            {
                Ok(program)
            }
            Target::Program { .. } | Target::File { .. } | Target::NewFile { .. } | Target::Host { .. } => {
                Err(changed(&name))
            }
        }
    });
    each.collect()
}
