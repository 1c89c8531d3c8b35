//! What every test needs: a sandbox, and a command to run in it.

use std::path::Path;

use sandbox::{Caps, Helper, Level, Report, Sandbox, Spec, resolve_program};

/// The helper that cargo built for this test.
pub fn helper() -> Helper {
    Helper::at(Path::new(env!("CARGO_BIN_EXE_sandbox-helper")))
}

/// A sandbox at the best level of this machine.
pub async fn best() -> Sandbox {
    at_level(Level::Full).await
}

/// A sandbox at a level, or the best below it.
pub async fn at_level(level: Level) -> Sandbox {
    Sandbox::probe_with(helper(), Caps { level, ..Caps::default() }).await.unwrap()
}

/// A command by its bare name.
pub fn spec(command: &[&str]) -> Spec {
    let program = resolve_program(command[0]).unwrap();
    Spec::new(program, command.iter().map(Into::into).collect())
}

/// A line of shell.
pub fn shell(line: &str) -> Spec {
    spec(&["sh", "-c", line])
}

/// Runs to the end, with nobody cancelling.
pub async fn run(sandbox: &Sandbox, spec: Spec) -> Report {
    sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await.unwrap()
}

/// How many processes of the host have this in their command line.
pub fn processes_with(marker: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())).count()
}
