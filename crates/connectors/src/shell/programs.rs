//! What a line starts and reaches, found again as it was judged.

use super::ShellError;
use domain::{CommandForm, CommandLine, Host, Target};
use sandbox::Program;

/// The names of the programs that a line starts, in order.
pub(super) fn names(command: &CommandLine) -> Vec<String> {
    match &command.form {
        CommandForm::Plain(pipelines) => pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.commands)
            .filter_map(|argv| argv.first().cloned())
            .collect(),
        CommandForm::Unfamiliar { .. } => vec!["sh".to_string()],
    }
}

/// The targets that are no hosts, and the hosts.
pub(super) fn told_apart(targets: &[Target]) -> (Vec<&Target>, Vec<(Host, u16)>) {
    let (mut programs, mut hosts) = (Vec::new(), Vec::new());
    for target in targets {
        match target {
            Target::Host { host, port } => hosts.push((host.clone(), *port)),
            Target::Program { .. } | Target::File { .. } | Target::NewFile { .. } => programs.push(target),
        }
    }
    (programs, hosts)
}

/// The programs, found again, when they are those that the permit was given for.
pub(super) fn checked(command: &CommandLine, targets: &[&Target]) -> Result<Vec<Program>, ShellError> {
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
