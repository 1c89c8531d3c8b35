//! Secrets that a program prints: `exec://NAME`. It runs in the sandbox like every other.

use super::SecretsError;
use sandbox::{Access, Grant, Limits, Sandbox, Spec, resolve_program};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vault::{SecretRef, SecretText};

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that are configured, by name.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    sandbox: Option<Arc<Sandbox>>,
    named: BTreeMap<String, Program>,
}

/// A program that prints a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    command: Vec<String>,
    read: Vec<PathBuf>,
}

impl Programs {
    /// Programs that run in `sandbox`.
    #[must_use]
    pub fn within(sandbox: Arc<Sandbox>) -> Self {
        Self { sandbox: Some(sandbox), named: BTreeMap::new() }
    }

    /// Adds one: its arguments, and what it may read besides the system.
    pub fn add(&mut self, name: &str, command: Vec<String>, read: Vec<PathBuf>) {
        self.named.insert(name.to_string(), Program { command, read });
    }

    /// The first line that the program prints.
    pub(super) async fn read(&self, from: &SecretRef, name: &str) -> Result<SecretText, SecretsError> {
        let failed = |reason: String| SecretsError::Store { from: from.clone(), reason };
        let (Some(sandbox), Some(program)) = (&self.sandbox, self.named.get(name)) else {
            return Err(failed(format!("`[secret_stores.programs]` names no `{name}`")));
        };
        let first = program.command.first().ok_or_else(|| failed("its command is empty".to_string()))?;
        let found = resolve_program(first).map_err(|error| failed(error.to_string()))?;
        let mut spec = Spec::new(found, program.command.iter().map(Into::into).collect());
        spec.limits = Limits { wall: PATIENCE, ..Limits::default() };
        for path in &program.read {
            spec.grants.push(Grant::resolve(path, Access::Read).map_err(|error| failed(error.to_string()))?);
        }
        let report = sandbox
            .run(spec, std::future::pending(), &mut |_stream, _bytes| {})
            .await
            .map_err(|error| failed(crate::web::chain(&error)))?;
        let code = report.exit_code();
        if code != 0 {
            return Err(failed(format!("the program ended with {code}")));
        }
        let line = report.stdout.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(SecretText::from_bytes(line.to_vec())?)
    }
}
