//! Programs, each in a sandbox of its own, without a shell where the line needs none.

use crate::Finding;
use domain::{CommandForm, CommandLine, Connector, Pipeline, Target};
use sandbox::{
    Access, Ending, Grant, Input, Level, Limits, Program, Report, Running, Sandbox, Spec, Stream, Workspace,
};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// How much of an output the model reads, in bytes; the end of it counts most, so that the middle is left out.
const SHOWN_BYTES_MAX: usize = 96 * 1024;

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
    /// The work was stopped.
    #[error("it was stopped")]
    Stopped,
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
}

/// What the whole line came to.
#[derive(Debug, Default)]
struct Total {
    output: String,
    errors: String,
    code: i32,
    notes: Vec<String>,
    level: Option<Level>,
}

impl Shell {
    /// Runs programs in `sandbox`.
    #[must_use]
    pub fn new(sandbox: Arc<Sandbox>, settings: ShellSettings) -> Self {
        Self { sandbox, settings }
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

    /// Runs `command`. `stop` ends it when it resolves; `heard` sees output as it comes.
    ///
    /// # Errors
    ///
    /// [`ShellError`]; [`Running`] programs are gone then.
    pub async fn run(
        &self,
        command: &CommandLine,
        targets: &[Target],
        stop: impl Future<Output = ()> + Send,
        heard: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Finding, ShellError> {
        let (stopped, stopping) = watch::channel(false);
        let line = self.line(command, targets, stopping, heard);
        tokio::pin!(line, stop);
        let total = tokio::select! {
            total = &mut line => total?,
            () = stop => {
                // Each program hears it and ends; what they have said so far is kept.
                stopped.send_replace(true);
                line.await?
            }
        };
        Ok(total.finding())
    }

    async fn line(
        &self,
        command: &CommandLine,
        targets: &[Target],
        stopping: watch::Receiver<bool>,
        heard: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Total, ShellError> {
        let mut total = Total::default();
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
        for pipeline in pipelines {
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
            let reports = self.pipeline(pipeline, mine, &stopping, &heard).await?;
            total.add(&pipeline.commands, reports);
        }
        Ok(total)
    }

    /// Programs joined by pipes run at the same time. Each is waited for on a thread of its own, where handing its
    /// output to the next may block, as a pipe does.
    async fn pipeline(
        &self,
        pipeline: &Pipeline,
        programs: Vec<Program>,
        stopping: &watch::Receiver<bool>,
        heard: &Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Vec<Report>, ShellError> {
        let mut input = Input::Empty;
        let mut started = Vec::new();
        let last = pipeline.commands.len().saturating_sub(1);
        for ((place, argv), program) in pipeline.commands.iter().enumerate().zip(programs) {
            let mut spec = self.spec(program, argv)?;
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

    fn spec(&self, program: Program, argv: &[String]) -> Result<Spec, ShellError> {
        let mut spec = Spec::new(program, argv.iter().map(Into::into).collect());
        let mut workspace = Workspace::new(Grant::resolve(&self.settings.workspace, Access::Write)?);
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

impl Total {
    fn add(&mut self, commands: &[Vec<String>], reports: Vec<Report>) {
        let last = reports.len().saturating_sub(1);
        for (place, (report, argv)) in reports.into_iter().zip(commands).enumerate() {
            let name = tools::visible(argv.first().map_or("sh", String::as_str));
            self.errors.push_str(&report.stderr.text());
            self.level = Some(report.level);
            // A program that was ended because the next one had enough has done its part.
            let had_enough = place < last && report.ending == Ending::Cancelled;
            if place == last {
                self.output.push_str(&report.stdout.text());
                self.code = report.exit_code();
            }
            match report.ending {
                Ending::TimedOut => self.notes.push(format!("`{name}` was stopped: its time was up.")),
                Ending::Cancelled if !had_enough => self.notes.push(format!("`{name}` was stopped.")),
                Ending::Signalled(signal) => {
                    self.notes.push(format!("`{name}` was ended by signal {signal}."))
                }
                Ending::Exited(_) | Ending::LimitReached | Ending::Cancelled => {}
            }
            if let Some(limit) = report.limit_hit {
                self.notes.push(format!("`{name}` met its limit of {}.", limit.as_str()));
            }
            for denied in report.denied.iter().take(10) {
                self.notes.push(format!("The sandbox refused `{name}` the system call {}.", denied.call));
            }
            if place == last && report.stdout.truncated() {
                self.notes.push(format!(
                    "Of its output only the first {} bytes were kept.",
                    report.stdout.bytes.len()
                ));
            }
        }
    }

    fn finding(self) -> Finding {
        let (output, errors) = (without_middle(&self.output), without_middle(&self.errors));
        let mut text = output.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if !errors.trim().is_empty() {
            let _ = writeln!(text, "[errors]\n{}", errors.trim_end());
        }
        for note in &self.notes {
            let _ = writeln!(text, "[{note}]");
        }
        let level = self.level.map_or("", Level::as_str);
        let _ = write!(text, "[exit code {}, isolation {level}]", self.code);
        let ended = if self.notes.is_empty() { "by itself".to_string() } else { self.notes.join(" ") };
        Finding {
            fields: json!({"output": output, "errors": errors, "code": self.code, "ended": ended}),
            text,
        }
    }
}

/// The text, without its middle where it is too long.
fn without_middle(text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}");
    if text.len() <= SHOWN_BYTES_MAX {
        return text;
    }
    let half = SHOWN_BYTES_MAX / 2;
    let head = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len().saturating_sub(half)..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    let left_out = tail.saturating_sub(head);
    format!(
        "{}\n… {left_out} bytes are left out here …\n{}",
        text.get(..head).unwrap_or(""),
        text.get(tail..).unwrap_or("")
    )
}
