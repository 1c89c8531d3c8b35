//! `hardshell up`: run it.

use crate::arguments::{Common, Up};
use crate::commands::sign_in::tunnel;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show::{self, SERVICE_HOME, SERVICE_USER};
use daemon::{Options, Running};
use sandbox::process::{User, UserError, become_user, find_user};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Starts it, prints the link, and runs until it is told to stop.
pub async fn run(common: &Common, arguments: &Up) -> Result<Exit, Problem> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("HARDSHELL_LOG").unwrap_or_else(|_unset| "warn".into()))
        .init();
    let home = show::home(common)?;
    drop_root(&home)?;
    let running = Running::start(Options { home, port: arguments.port }).await.map_err(Box::new)?;
    let link = running.sign_in_link().await.map_err(Box::new)?;
    if common.json {
        show::json_line(&serde_json::json!({"link": link, "address": running.address().to_string(), "home": running.home()}));
    } else {
        greet(&running, &link);
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|source| io("listen for signals", source))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|source| io("listen for signals", source))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    show::note("stopping");
    running.stop().await;
    Ok(Exit::Done)
}

/// Root prepares the home and becomes the user that the assistant runs as, for good.
fn drop_root(home: &Path) -> Result<(), Problem> {
    if !sandbox::is_root() {
        return Ok(());
    }
    let refused = |error: UserError| Problem::Other {
        what: format!("run as root: the assistant runs as the user `{SERVICE_USER}` only, and {error}"),
        hint: Some(format!("useradd --system --home-dir {SERVICE_HOME} --shell /usr/sbin/nologin {SERVICE_USER}")),
    };
    let user = find_user(SERVICE_USER).map_err(refused)?;
    give(home, &user).map_err(|source| io(&format!("give {} to `{SERVICE_USER}`", home.display()), source))?;
    become_user(SERVICE_USER).map_err(refused)?;
    show::note(&format!("started as root: running as the user `{SERVICE_USER}` from here on, for good"));
    Ok(())
}

/// Makes the home if it is missing. One that root made before is handed over; anybody else's stays theirs.
fn give(home: &Path, user: &User) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(home)?;
    let meta = std::fs::symlink_metadata(home)?;
    if meta.uid() == 0 && meta.is_dir() && std::fs::read_dir(home)?.next().is_none() {
        std::os::unix::fs::chown(home, Some(user.user), Some(user.group))?;
    }
    Ok(())
}

fn greet(running: &Running, link: &str) {
    let status = running.status();
    show::line(&format!("Hardshell is up at http://{}   home {}", running.address(), status.home));
    show::line(&format!("model {} · walls {}", status.model.name, status.isolation.level));
    for more in [status.isolation.reason, status.isolation.fix].into_iter().flatten() {
        show::line(&format!("  {more}"));
    }
    show::line(&format!("\nOpen this link; it works once, within ten minutes:\n\n  {link}\n"));
    if let Some(tunnel) = tunnel(link) {
        show::line(&format!("From another machine, first run there:\n\n  {tunnel}\n"));
    }
    show::line("In the terminal: `hardshell chat`. A new link: `hardshell sign-in`. Ctrl-C stops it.");
}

fn io(step: &str, source: std::io::Error) -> Problem {
    Problem::Io { step: step.to_string(), source }
}
