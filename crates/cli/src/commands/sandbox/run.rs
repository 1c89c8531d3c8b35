//! `hardshell sandbox run`: one program in a sandbox of its own.

use super::problem::SandboxProblem;
use super::screen::{Escapes, Patience, Raw, Screen, Signals, Taken, size};
use super::spec::{Ends, spec};
use super::way_out::{Refusal, WayOut};
use crate::arguments::Common;
use crate::arguments::sandbox::SandboxRun;
use crate::exit::Exit;
use crate::show;
use sandbox::{Captured, Ending, Report, Running, Sandbox};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// The exit code when the output could not be written, as other programs that print have it.
const OUTPUT_LOST: i32 = 1;

/// Runs it, and ends as it ended.
pub async fn run(common: &Common, run: &SandboxRun) -> Result<Exit, SandboxProblem> {
    let folder = match std::env::current_dir() {
        Ok(folder) => folder,
        // One that was removed is missed only by what is named from it.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !starts_here(run) => PathBuf::from("/"),
        Err(source) => {
            return Err(SandboxProblem::Io { step: "find the folder this was started in", source });
        }
    };
    let interactive = !common.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    let input = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|source| SandboxProblem::Io { step: "read standard input", source })?;
    let ends = Ends { input: Some(input), terminal: interactive.then(size) };
    let way_out = WayOut::to(&run.host)?;
    let (spec, reaching) = spec(run, &folder, ends, way_out.as_ref())?;
    let sandbox = Sandbox::probe().await?;
    if run.explain {
        let words = super::explain::explain(&spec, sandbox.isolation());
        let hosts = run.host.iter().map(|host| format!("reaches: {host}\n")).collect::<String>();
        if common.json {
            show::json(&json!({ "explanation": format!("{words}{hosts}") }));
        } else {
            show::piece(&show::printable_lines(&format!("{words}{hosts}")));
        }
        return Ok(Exit::Done);
    }
    let signals =
        Signals::listen().map_err(|source| SandboxProblem::Io { step: "listen for signals", source })?;
    let ready = match (&way_out, reaching) {
        (Some(way_out), Some(run)) => Some((way_out, way_out.ready(&sandbox, run).await?)),
        (_, _) => None,
    };
    let patience = Patience::until(spec.limits.wall);
    let mut running = sandbox.start(spec).await?;
    let proxy = match (ready, running.connections()) {
        (Some((way_out, ready)), Some(connections)) => Some(way_out.serve(connections, ready)?),
        (_, _) => None,
    };
    let raw = interactive
        .then(Raw::enter)
        .transpose()
        .map_err(|source| SandboxProblem::Io { step: "take over the terminal", source })?;
    let escapes = if run.escapes { Escapes::Passed } else { Escapes::Dropped };
    let printing = (!common.json).then(|| Screen::new(escapes, patience.clone()));
    let ended = wait(running, signals, patience, printing).await;
    drop(raw);
    drop(proxy);
    let (report, taken) = ended?;
    let refusals = way_out.as_ref().map(WayOut::refusals).unwrap_or_default();
    if common.json {
        show::json(&document(&report, &refusals));
    } else {
        notes(&report, &refusals);
    }
    let code = match taken {
        Ok(Taken::All) => report.exit_code(),
        Ok(Taken::Late) => {
            show::note("hardshell: what it printed at the end is lost, since nobody read it in time");
            report.exit_code()
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => show::OUTPUT_GONE.into(),
        Err(error) => {
            show::note(&format!("hardshell: could not print its output: {error}"));
            OUTPUT_LOST
        }
    };
    Ok(Exit::Passed(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Whether anything is named from the folder the caller is in.
fn starts_here(run: &SandboxRun) -> bool {
    let program = run.command.first().map(Path::new).filter(|name| name.components().count() > 1);
    run.read.iter().chain(&run.write).map(PathBuf::as_path).chain(program).any(Path::is_relative)
}

/// Waits for the end; also says whether all of the output was taken, or why nobody takes it any more.
async fn wait(
    running: Running,
    signals: Signals,
    patience: Patience,
    mut screen: Option<Screen>,
) -> Result<(Report, io::Result<Taken>), SandboxProblem> {
    let io = |source| SandboxProblem::Io { step: "pass signals on", source };
    let (signaller, terminal) = (running.signaller().map_err(io)?, running.terminal().map_err(io)?);
    let passing = tokio::spawn(signals.pass_on(signaller, terminal, patience));
    let (gone, mut is_gone) = tokio::sync::watch::channel(false);
    let nobody_reads = async move {
        if is_gone.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let mut taken = Ok(Taken::All);
    let ended = running
        .finish(nobody_reads, &mut |stream, bytes| {
            if let Some(screen) = &mut screen
                && taken.is_ok()
            {
                match screen.print(stream, bytes) {
                    Ok(Taken::All) => {}
                    less => taken = less,
                }
                if taken.is_err() {
                    gone.send_replace(true);
                }
            }
        })
        .await;
    passing.abort();
    Ok((ended?, taken))
}

/// What went on besides the output, for a person.
fn notes(report: &Report, refusals: &[Refusal]) {
    if report.ending == Ending::TimedOut {
        show::note("hardshell: its time was up");
    } else if let Some(limit) = report.limit_hit.filter(|limit| *limit != sandbox::LimitHit::Output) {
        show::note(&format!("hardshell: it met its limit of {}", limit.in_words()));
    }
    for denied in &report.denied {
        show::note(&format!("hardshell: the system call {} was refused {} times", denied.call, denied.count));
    }
    for Refusal { destination, rule, why } in refusals {
        // The name is whatever the program asked for: it stays on its line.
        let told = format!("{destination} was not reached: {why} ({rule})");
        show::note(&format!("hardshell: {}", tools::visible(&told)));
    }
}

/// The report as `--json` prints it.
fn document(report: &Report, refusals: &[Refusal]) -> Value {
    let stream = |captured: &Captured| {
        json!({
            "text": captured.text(),
            "bytes": captured.total_bytes,
            "truncated": captured.truncated(),
        })
    };
    let signal = match report.ending {
        Ending::Signalled(signal) => Some(signal),
        Ending::Exited(_) | Ending::TimedOut | Ending::LimitReached | Ending::Cancelled => None,
    };
    json!({
        "exit_code": report.exit_code(),
        "signal": signal,
        "timed_out": report.ending == Ending::TimedOut,
        "limit_hit": report.limit_hit.map(|limit| limit.as_str()),
        "denied": report.denied,
        "refused_hosts": refusals,
        "isolation": report.level.as_str(),
        "peak_memory_bytes": report.peak_memory_bytes,
        "wall_milliseconds": u64::try_from(report.wall.as_millis()).unwrap_or(u64::MAX),
        "stdout": stream(&report.stdout),
        "stderr": stream(&report.stderr),
    })
}
