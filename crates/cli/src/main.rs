//! `hardshell`: the one binary.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod commands;
mod exit;
mod hidden;
mod keeper;
mod moment;
mod output;
mod problem;
mod records;
mod root;
mod scratch;
mod show;
mod stage;
mod stopping;
mod theatre;
mod typed;

use arguments::{Arguments, Command};
use clap::Parser as _;
use exit::Exit;
use problem::Problem;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The sandbox starts this program as its own helper where the separate helper is missing.
    if std::env::args_os().nth(1).is_some_and(|first| first == "__sandbox") {
        return sandbox::helper_main();
    }
    // And as the process that reads what programs in a sandbox ask their proxy for, where nothing of this one may be.
    if std::env::args_os().nth(1).is_some_and(|first| first == proxy::ARGUMENT) {
        return proxy::main();
    }
    let arguments = Arguments::parse();
    harden();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("could not start: {error}");
            return Exit::Failed.into();
        }
    };
    let answers_in_json = arguments.common.json;
    match runtime.block_on(run(arguments)) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            show::problem(&problem);
            if answers_in_json {
                show::problem_in_json(&problem);
            }
            problem.exit().into()
        }
    }
}

/// Closes this process to debuggers and core files, and its memory to swap where that is allowed, before anything
/// secret is read. What the system refuses is reported by the proofs as off, so nothing is said twice here.
fn harden() {
    let _refused = sandbox::harden_self();
}

async fn run(arguments: Arguments) -> Result<Exit, Problem> {
    let common = arguments.common;
    match arguments.command {
        Command::Up(up) => commands::up::run(&common, &up).await,
        Command::Install(install) => commands::install::run(&common, &install),
        Command::SignIn => commands::sign_in::run(&common).await,
        Command::Channel { command } => commands::channel::run(&common, &command).await,
        Command::Chat(chat) => commands::chat::run(&common, &chat).await,
        Command::Approvals(approvals) => commands::approvals::run(&common, &approvals).await,
        Command::Audit(audit) => commands::audit::run(&common, &audit).await,
        Command::Config(config) => commands::config::run(&common, &config),
        Command::Status => commands::status::run(&common).await,
        Command::Prove => commands::prove::run(&common).await,
        Command::Lockdown { command } => commands::lockdown::run(&common, command).await,
        Command::Backup { command } => commands::backup::run(&common, &command).await,
        Command::Incident { command } => commands::incident::run(&common, &command).await,
        Command::Session { command } => commands::session::run(&common, &command).await,
        Command::Doctor(doctor) => commands::doctor::run(&common, &doctor).await,
        Command::Secret { command } => commands::secret::run(&common, &command).await,
        Command::Model { command } => commands::model::run(&common, &command).await,
        Command::Demo(demo) => commands::demo::run(&common, &demo).await,
        Command::Sandbox { command } => commands::sandbox::run(&common, &command).await,
        Command::Policy { command } => commands::policy::run(&common, &command).await,
        Command::Replay(replay) => commands::replay::run(&common, &replay),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}
