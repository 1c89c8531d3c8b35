//! One attempt: a program, what it shows, and how it is run on either side of the wall.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandbox::{Access, Ending, Grant, Report, Sandbox, Spec, Workspace, resolve_program};

use crate::host::{Host, Side};

/// What an attempt needs outside to be shown to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Root,
}

pub struct Attempt {
    pub name: String,
    pub shows: String,
    pub stopped_by: String,
    pub needs: Needs,
    command: Vec<String>,
}

impl Attempt {
    /// Every attempt, compiled where it must be.
    pub fn all(host: &Host) -> Vec<Self> {
        Self::all_in("tests/escape/attempts", host)
    }

    /// Every attempt of a folder of this crate.
    pub fn all_in(folder: &str, host: &Host) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| Self::load(file, host)).collect()
    }

    fn load(file: &Path, host: &Host) -> Self {
        let source = std::fs::read_to_string(file).unwrap();
        let note = |name: &str| {
            let mut lines = source.lines().take(3);
            lines.find_map(|line| Some(line.split_once(&format!("{name}: "))?.1.to_owned()))
        };
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let path = host.programs.join(file.file_name().unwrap());
        std::fs::copy(file, &path).unwrap();
        let command = match file.extension().unwrap().to_str().unwrap() {
            "c" => {
                let program = host.programs.join(&name);
                host.compile(&path, &program);
                vec![program.display().to_string()]
            }
            "sh" => vec!["/bin/sh".to_owned(), path.display().to_string()],
            "py" => vec!["/usr/bin/python3".to_owned(), path.display().to_string()],
            other => panic!("{other}: no such kind of attempt"),
        };
        let needs = if note("outside").as_deref() == Some("root") { Needs::Root } else { Needs::Nothing };
        let (shows, stopped_by) = (note("shows").unwrap(), note("stopped by").unwrap());
        Self { name, shows, stopped_by, needs, command }
    }

    pub fn succeeds_outside(&self, host: &Host) -> bool {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).env_clear().env("PATH", "/usr/bin:/bin");
        for (name, value) in host.variables(Side::Outside) {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// The line that runs it.
    pub fn command(&self) -> &[String] {
        &self.command
    }

    /// It, with nothing to change.
    pub fn reaching(&self, host: &Host) -> Spec {
        let program = resolve_program(&self.command[0]).unwrap();
        let mut spec = Spec::new(program, self.command.iter().map(Into::into).collect());
        for (name, value) in host.variables(Side::Inside) {
            spec.environment.set(&name, &value).unwrap();
        }
        spec.grants.push(Grant::resolve(&host.programs, Access::ReadExecute).unwrap());
        spec
    }

    pub async fn run_inside(&self, host: &Host, sandbox: &Sandbox) -> Report {
        let mut spec = self.reaching(host);
        spec.grants.push(Grant::resolve(&host.readable, Access::Read).unwrap());
        let folder = host.workspace(Side::Inside);
        if sandbox.isolation().level >= sandbox::Level::FullSoft {
            let mut workspace = Workspace::new(Grant::resolve(&folder, Access::Write).unwrap());
            workspace.never_writable.push("SOUL.md".into());
            spec.workspace = Some(workspace);
        } else {
            // Protected files cannot be held without mounts, so the folder can only be shown.
            spec.grants.push(Grant::resolve(&folder, Access::Read).unwrap());
        }
        spec.limits.wall = std::time::Duration::from_secs(20);
        sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await.unwrap()
    }

    /// Whether the filter had a hand in it: a refusal that was announced, a kill, or a call that does not exist.
    pub fn was_filtered(&self, report: &Report) -> bool {
        const ABSENT: [&str; 3] = ["namespace_by_clone3", "set_id_fchmodat2", "set_id_openat2"];
        !report.denied.is_empty()
            || report.ending == Ending::Signalled(libc::SIGSYS)
            || ABSENT.contains(&self.name.as_str())
    }
}
