//! What every test needs: a sandbox, and a command to run in it.

use std::path::Path;

use sandbox::{Caps, Helper, Report, Sandbox, Spec, resolve_program};

/// The helper that cargo built for this test.
pub fn helper() -> Helper {
    Helper::at(Path::new(env!("CARGO_BIN_EXE_hardshell-sandbox")))
}

/// A sandbox at the best level of this machine.
pub async fn best() -> Sandbox {
    Sandbox::probe_with(helper(), Caps::default()).await.unwrap()
}

/// A command by its bare name.
pub fn spec(command: &[&str]) -> Spec {
    let program = resolve_program(command[0]).unwrap();
    Spec::new(program, command.iter().map(Into::into).collect())
}

/// Runs to the end, with nobody cancelling.
pub async fn run(sandbox: &Sandbox, spec: Spec) -> Report {
    sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await.unwrap()
}
