//! A sandbox in words, before it is made.

use std::fmt::Write;

use sandbox::{
    Access, HOME, Input, Isolation, Level, Network, PROXY_PORT, SYSTEM_FOLDERS, SYSTEM_SETTINGS, Spec,
    Terminal, VARIABLES, WorkspaceMode, allowed_calls,
};

/// What `--explain` prints: what the command would see, use up and reach, and what the walls are made of here.
pub fn explain(spec: &Spec, isolation: &Isolation) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _written = write_all(&mut text, spec, isolation);
    text
}

fn write_all(text: &mut String, spec: &Spec, isolation: &Isolation) -> std::fmt::Result {
    let level = isolation.level;
    writeln!(
        text,
        "isolation: {level} (Landlock version {}, {} system calls)",
        isolation.landlock_abi,
        calls(isolation)
    )?;
    if let Some(reason) = &isolation.reason {
        writeln!(text, "  not better, because {reason}")?;
    }
    if let Some(fix) = &isolation.fix {
        writeln!(text, "  what would help: {fix}")?;
    }
    writeln!(text, "  cannot stop: {}", level.cannot_stop())?;
    writeln!(text, "program: {}", spec.program.path.display())?;
    let digest: String = spec.program.blake3.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(text, "  blake3 {digest}")?;
    writeln!(text, "sees:")?;
    writeln!(text, "  {} (read-only)", SYSTEM_FOLDERS.join(" "))?;
    writeln!(text, "  {} (read-only)", SYSTEM_SETTINGS.join(" "))?;
    let walled = matches!(level, Level::Full | Level::FullSoft);
    if walled {
        writeln!(text, "  {HOME} and /tmp, empty and gone afterwards")?;
    } else {
        writeln!(
            text,
            "  no home and no /tmp: they take namespaces, and those of this machine are not shown"
        )?;
    }
    for grant in &spec.grants {
        let may = match grant.access() {
            Access::Read => "read-only",
            Access::ReadExecute => "read-only, programs can be started",
            Access::Write => "can be changed, but for files that run code later and are there already",
        };
        writeln!(text, "  {} ({may})", grant.path().display())?;
    }
    if let Some(workspace) = &spec.workspace {
        let how = match (&workspace.mode, workspace.is_writable()) {
            (_, false) => "read-only",
            (WorkspaceMode::InPlace, true) => {
                "can be changed, but for files that run code later and are there already"
            }
            (WorkspaceMode::Transaction(_), true) => "changes are kept apart until they are applied",
        };
        writeln!(text, "  {} ({how})", workspace.grant.path().display())?;
    }
    let start = if walled { HOME } else { "/" };
    writeln!(text, "starts in: {}", spec.folder.as_deref().unwrap_or(start.as_ref()).display())?;
    match (spec.network, level) {
        (Network::None, Level::Full | Level::FullSoft) => {
            writeln!(text, "network: none but its own loopback")?;
        }
        (Network::Listener, Level::Full | Level::FullSoft) => {
            writeln!(text, "network: a proxy on its own loopback, port {PROXY_PORT}")?;
        }
        (Network::None, Level::Landlock | Level::None) => {
            writeln!(text, "network: none, and no loopback either")?;
        }
        (Network::Listener, Level::Landlock) => writeln!(
            text,
            "network: a proxy at 127.0.0.1:{PROXY_PORT}; every other connection is refused, and nothing can listen"
        )?,
        (Network::Listener, Level::None) => {
            writeln!(text, "network: none, since nothing holds it to a proxy")?
        }
    }
    let input = match &spec.input {
        Input::Empty => "nothing",
        Input::Bytes(_) => "what it is given",
        Input::Descriptor(_) | Input::Socket(_) => "what the caller is given",
    };
    let output = match spec.terminal {
        Terminal::Pipes => "pipes",
        Terminal::Pty { .. } => "a terminal of its own",
    };
    writeln!(text, "reads: {input}; writes to: {output}")?;
    let limits = &spec.limits;
    writeln!(
        text,
        "limits: {} s, {} MiB memory, {} processes, {} % CPU, {} open files, {} MiB a file{}",
        limits.wall.as_secs(),
        limits.memory_bytes >> 20,
        limits.pids,
        limits.cpu_percent,
        limits.files,
        limits.file_bytes >> 20,
        if walled { format!(", {} MiB in /tmp", limits.tmp_bytes >> 20) } else { String::new() },
    )?;
    let names: Vec<&str> = spec.environment.iter().map(|(name, _)| name).collect();
    writeln!(text, "environment: {} {}", VARIABLES.map(|(name, _)| name).join(" "), names.join(" "))
}

fn calls(isolation: &Isolation) -> usize {
    allowed_calls(isolation.level)
        .iter()
        .map(|call| call.name)
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}
