//! Command lines, in the sandbox: what the grammar understood runs without a shell, each program the very file that
//! the permit bound; anything else runs under `sh`, behind the same walls.

use crate::Finding;
use broker::Cancel;
use domain::{CommandForm, CommandLine, Connector, Pipeline, Target};
use sandbox::{
    Access, Ending, Grant, Input, Level, Limits, Program, ProgramError, Report, Sandbox, Spec, Workspace,
    resolve_program,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// What runs a line that the grammar did not understand.
const SHELL: &str = "sh";
/// The most that goes from one program of a pipeline to the next, in bytes: each ends before the next begins.
const PIPED_BYTES_MAX: u64 = 16 << 20;

/// Runs command lines.
pub struct Shell {
    sandbox: Arc<Sandbox>,
    workspace: PathBuf,
    readable: Vec<PathBuf>,
    limits: Limits,
    floor: Level,
}

/// A command line could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// A program is missing or is not one.
    #[error("{0}")]
    Program(#[from] ProgramError),
    /// A program is another file than the one that was approved.
    #[error("`{name}` is not the program that was judged; try again")]
    Changed {
        /// Its name in the line.
        name: String,
    },
    /// A folder cannot be shown to the command.
    #[error("a folder cannot be opened for the command")]
    Folder(#[from] sandbox::PathError),
    /// The sandbox could not be made; nothing ran.
    #[error("the sandbox could not be made")]
    Sandbox(#[from] sandbox::Error),
    /// The sandbox was lost after it had begun.
    #[error("the sandbox was lost while the command ran")]
    Lost(#[source] sandbox::Error),
}

impl ShellError {
    /// Whether something may have run all the same.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Program(_) | Self::Changed { .. } | Self::Folder(_) | Self::Sandbox(_) => false,
        }
    }
}

impl Shell {
    /// Runs commands in `sandbox` with `workspace` as their folder, the folders of `readable` to look at, within
    /// `limits`, never behind less than `floor`.
    #[must_use]
    pub fn new(sandbox: Arc<Sandbox>, workspace: PathBuf, readable: Vec<PathBuf>, limits: Limits, floor: Level) -> Self {
        Self { sandbox, workspace, readable, limits, floor }
    }

    /// The programs that `command` would start, as an approval binds them.
    ///
    /// # Errors
    ///
    /// [`ShellError::Program`].
    pub fn targets(command: &CommandLine) -> Result<Vec<Target>, ShellError> {
        let mut targets = Vec::new();
        for name in names(command) {
            let program = resolve_program(&name)?;
            let target = Target::Program {
                name,
                path: program.path,
                device: program.identity.device,
                inode: program.identity.inode,
                digest: program.blake3,
            };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(targets)
    }

    /// Runs `command`, whose programs the permit bound as `targets`.
    ///
    /// # Errors
    ///
    /// [`ShellError`]; a command that ran and ended badly is no error but a finding that says so.
    pub async fn run(
        &self,
        command: &CommandLine,
        targets: &[Target],
        cancel: &Cancel,
        on_output: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Finding, ShellError> {
        let programs = self.programs(command, targets)?;
        let mut ran = Ran::default();
        match &command.form {
            CommandForm::Unfamiliar { because: _ } => {
                let argv = vec![SHELL.to_string(), "-c".to_string(), command.text.clone()];
                let report = self.start(&programs, &argv, Input::Empty, self.limits.output_bytes, cancel, on_output).await?;
                ran.note(&report);
            }
            CommandForm::Plain(pipelines) => {
                for pipeline in pipelines {
                    if !ran.is_over() && ran.takes(pipeline.connector) {
                        self.pipeline(&programs, pipeline, cancel, on_output, &mut ran).await?;
                    }
                }
            }
        }
        Ok(ran.finding())
    }

    /// Runs the programs of a pipeline one after the other, the output of each the input of the next.
    async fn pipeline(
        &self,
        programs: &BTreeMap<String, Program>,
        pipeline: &Pipeline,
        cancel: &Cancel,
        on_output: &mut (dyn FnMut(&str) + Send),
        ran: &mut Ran,
    ) -> Result<(), ShellError> {
        let mut input = Input::Empty;
        let last = pipeline.commands.len().saturating_sub(1);
        for (place, argv) in pipeline.commands.iter().enumerate() {
            let keep = if place == last { self.limits.output_bytes } else { PIPED_BYTES_MAX };
            let mut quiet = |_: &str| {};
            let shown: &mut (dyn FnMut(&str) + Send) = if place == last { &mut *on_output } else { &mut quiet };
            let report = self.start(programs, argv, input, keep, cancel, shown).await;
            // What a program before this one did stays done.
            let mut report = report.map_err(|error| if place > 0 || ran.any { lost(error) } else { error })?;
            if place == last {
                ran.note(&report);
                return Ok(());
            }
            ran.complain(&report);
            if matches!(report.ending, Ending::TimedOut | Ending::LimitReached | Ending::Cancelled) {
                ran.note(&report);
                return Ok(());
            }
            input = Input::Bytes(std::mem::take(&mut report.stdout.bytes));
        }
        Ok(())
    }

    async fn start(
        &self,
        programs: &BTreeMap<String, Program>,
        argv: &[String],
        input: Input,
        output_bytes: u64,
        cancel: &Cancel,
        on_output: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Report, ShellError> {
        let name = argv.first().cloned().unwrap_or_default();
        let program = programs.get(&name).cloned().ok_or(ShellError::Changed { name })?;
        let mut spec = Spec::new(program, argv.iter().map(OsString::from).collect());
        let workspace = Grant::resolve(&self.workspace, Access::Write)?;
        spec.folder = Some(workspace.path().to_path_buf());
        spec.workspace = Some(Workspace::new(workspace));
        spec.grants = self.readable.iter().map(|path| Grant::resolve(path, Access::Read)).collect::<Result<_, _>>()?;
        spec.limits = Limits { output_bytes, ..self.limits.clone() };
        spec.input = input;
        spec.floor = self.floor;
        let mut hear = |_: sandbox::Stream, bytes: &[u8]| on_output(&String::from_utf8_lossy(bytes));
        let running = self.sandbox.start(spec).await?;
        running.finish(cancel.cancelled(), &mut hear).await.map_err(ShellError::Lost)
    }

    fn programs(&self, command: &CommandLine, targets: &[Target]) -> Result<BTreeMap<String, Program>, ShellError> {
        let bound = |wanted: &str| {
            targets.iter().find_map(|target| match target {
                Target::Program { name, path, device, inode, digest } if name == wanted => Some(Program {
                    path: path.clone(),
                    identity: sandbox::Identity { device: *device, inode: *inode },
                    blake3: *digest,
                }),
                Target::Program { .. } | Target::File { .. } | Target::NewFile { .. } | Target::Host { .. } => None,
            })
        };
        let mut programs = BTreeMap::new();
        for name in names(command) {
            let program = bound(&name).ok_or_else(|| ShellError::Changed { name: name.clone() })?;
            if resolve_program(&name)? != program {
                return Err(ShellError::Changed { name });
            }
            programs.insert(name, program);
        }
        Ok(programs)
    }
}

fn lost(error: ShellError) -> ShellError {
    match error {
        ShellError::Sandbox(error) => ShellError::Lost(error),
        ShellError::Program(_) | ShellError::Changed { .. } | ShellError::Folder(_) | ShellError::Lost(_) => error,
    }
}

/// The names of the programs that a line starts.
fn names(command: &CommandLine) -> Vec<String> {
    match &command.form {
        CommandForm::Unfamiliar { because: _ } => vec![SHELL.to_string()],
        CommandForm::Plain(pipelines) => {
            let commands = pipelines.iter().flat_map(|pipeline| &pipeline.commands);
            commands.filter_map(|argv| argv.first().cloned()).collect()
        }
    }
}

/// What has come of a line so far.
#[derive(Default)]
struct Ran {
    any: bool,
    output: String,
    errors: String,
    code: i32,
    ended: Option<String>,
    level: Option<Level>,
}

impl Ran {
    fn note(&mut self, report: &Report) {
        self.any = true;
        self.output.push_str(&report.stdout.text());
        if report.stdout.truncated() {
            let dropped = report.stdout.total_bytes.saturating_sub(report.stdout.bytes.len() as u64);
            self.output.push_str(&format!("\n[{dropped} more bytes were dropped]"));
        }
        self.complain(report);
        self.code = report.exit_code();
        self.level = Some(report.level);
        let limit = report.limit_hit.map(|limit| limit.as_str());
        self.ended = match report.ending {
            Ending::Exited(_) => None,
            Ending::Signalled(signal) => Some(format!("killed by signal {signal}")),
            Ending::TimedOut => Some("out of time; raise `seconds` under `[sandbox]` to allow more".to_string()),
            Ending::LimitReached => Some(format!("limit `{}` reached", limit.unwrap_or("unknown"))),
            Ending::Cancelled => Some("stopped by the owner".to_string()),
        };
    }

    fn complain(&mut self, report: &Report) {
        self.errors.push_str(&report.stderr.text());
    }

    fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    fn takes(&self, connector: Connector) -> bool {
        match connector {
            Connector::Always => true,
            Connector::OnSuccess => self.code == 0,
            Connector::OnFailure => self.code != 0,
        }
    }

    fn finding(self) -> Finding {
        let ended = self.ended.unwrap_or_default();
        let level = self.level.map_or("none", Level::as_str);
        let mut text = self.output.clone();
        for (name, part) in [("errors", &self.errors), ("ended", &ended)] {
            if !part.trim().is_empty() {
                text.push_str(&format!("\n[{name}]\n{part}"));
            }
        }
        if self.code != 0 {
            text.push_str(&format!("\n[exit code {}]", self.code));
        }
        if text.trim().is_empty() {
            text = "(no output)".to_string();
        }
        let fields = json!({
            "output": self.output, "errors": self.errors, "code": self.code, "ended": ended, "walls": level,
        });
        Finding { fields, text }
    }
}
