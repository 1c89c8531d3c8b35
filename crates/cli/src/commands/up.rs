//! `hardshell up`: run it.

mod log;
mod service;

use crate::arguments::{Common, Up};
use crate::commands::sign_in::tunnel;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use daemon::{Begin, LogRedaction, Options, Running};
use tokio::signal::unix::{SignalKind, signal};

/// Starts it, prints the link, and runs until it is told to stop.
pub async fn run(common: &Common, arguments: &Up) -> Result<Exit, Problem> {
    let log = LogRedaction::default();
    tracing_subscriber::fmt()
        .with_writer(log::Clean(log.clone()))
        // On a full disk its own complaint could not be written either, and the attempt would end the thread that logs.
        .log_internal_errors(false)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HARDSHELL_LOG")
                .unwrap_or_else(|_unset| "warn".into()),
        )
        .init();
    let home = show::home(common)?;
    root::leave(&home)?;
    crate::scratch::sweep(&std::env::temp_dir());
    let theatre = Some(crate::theatre::theatre());
    let begin = match arguments.begin_anew {
        true => Begin::Anew,
        false => Begin::GoingOn,
    };
    let options = Options { home, port: arguments.port, theatre, begin, log };
    let running = Running::start_asking(options, crate::hidden::passphrase).await.map_err(Box::new)?;
    // Before it says that it is up: whoever reads that may signal at once.
    let mut terminate = signal(SignalKind::terminate()).map_err(|source| io("listen for signals", source))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|source| io("listen for signals", source))?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(|source| io("listen for signals", source))?;
    let link = match arguments.no_link {
        true => None,
        false => Some(running.sign_in_link().await.map_err(Box::new)?),
    };
    if common.json {
        show::json_line(
            &serde_json::json!({"link": link, "address": running.address().to_string(), "home": running.home()}),
        );
    } else {
        greet(common, &running, link.as_deref());
    }
    let alive = service::tell();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => match running.reload_policy().await {
                Ok(digest) => show::note(&format!("the rules on disk are in force: {digest}")),
                Err(why) => show::note(&format!("could not put the rules on disk in force: {why}")),
            },
        }
    }
    show::note("stopping");
    service::stopping(alive);
    running.stop().await;
    Ok(Exit::Done)
}

fn greet(common: &Common, running: &Running, link: Option<&str>) {
    let status = running.status();
    show::line(&format!("Hardshell is up at http://{}   home {}", running.address(), status.home));
    show::line(&format!("model {} · walls {}", status.model.name, status.isolation.level));
    for more in [status.isolation.reason, status.isolation.fix].into_iter().flatten() {
        show::line(&format!("  {more}"));
    }
    let of_it =
        common.home.as_deref().map(|home| format!(" --home '{}'", home.display())).unwrap_or_default();
    if status.lockdown {
        show::line(&format!(
            "LOCKDOWN is on: nothing is done until `hardshell{of_it} lockdown off`, at a terminal of this machine."
        ));
    }
    let Some(link) = link else { return };
    show::line(&format!("\nOpen this link; it works once, within ten minutes:\n\n  {link}\n"));
    if let Some(tunnel) = tunnel(link) {
        show::line(&format!("From another machine, first run there:\n\n  {tunnel}\n"));
    }
    show::line(&format!(
        "In the terminal: `hardshell{of_it} chat`. A new link: `hardshell{of_it} sign-in`. Ctrl-C stops it."
    ));
}

fn io(step: &str, source: std::io::Error) -> Problem {
    Problem::Io { step: step.to_string(), source }
}
