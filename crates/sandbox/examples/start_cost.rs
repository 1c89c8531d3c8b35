//! What a sandboxed `true` costs: this sandbox, `bwrap --unshare-all` with equal mounts, and plain start, in turns of one
//! run. Prints a table; `start_cost [COUNT] [AT_ONCE]`, after `cargo build --release -p sandbox --bins`.
#![expect(clippy::print_stdout, reason = "its table is what it is for")]

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Caps, Helper, Level, Sandbox, Spec, resolve_program};

/// What bubblewrap is told, so that it shows as much as the sandbox does.
const BWRAP: &[&str] = &[
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--clearenv",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/bin",
    "/bin",
    "--symlink",
    "usr/sbin",
    "/sbin",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--ro-bind-try",
    "/etc/alternatives",
    "/etc/alternatives",
    "--ro-bind-try",
    "/etc/ld.so.cache",
    "/etc/ld.so.cache",
    "--ro-bind-try",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf",
    "--ro-bind-try",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.conf.d",
    "--ro-bind-try",
    "/etc/ssl/certs",
    "/etc/ssl/certs",
    "--ro-bind-try",
    "/etc/localtime",
    "/etc/localtime",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--tmpfs",
    "/home/user",
    "--tmpfs",
    "/run",
    "--tmpfs",
    "/var/tmp",
    "--tmpfs",
    "/dev/shm",
    "true",
];

/// How long helpers are given to get ready.
const READY_AFTER: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let at_once: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let helper = helper()?;
    let best = Sandbox::probe_with(helper.clone(), Caps::default()).await?;
    let soft = Sandbox::probe_with(helper, Caps { level: Level::FullSoft, ..Caps::default() }).await?;
    println!("{:?}; {count} starts, {at_once} at once", best.isolation());
    let pooled = best.clone().with_pool(at_once);
    let mut times: [Vec<Duration>; 5] = Default::default();
    let [plain, ours, ready, ours_soft, theirs] = &mut times;
    for _ in 0..count.div_ceil(at_once) {
        for _ in 0..at_once {
            plain.push(bare("true", &[])?);
        }
        several(&best, at_once, ours).await?;
        pooled.fill_pool();
        // Until they wait: to start one counts as starting, not as being ready.
        tokio::time::sleep(READY_AFTER).await;
        several(&pooled, at_once, ready).await?;
        several(&soft, at_once, ours_soft).await?;
        let start: Vec<_> = (0..at_once).map(|_| std::thread::spawn(|| bare("bwrap", BWRAP).ok())).collect();
        theirs.extend(start.into_iter().filter_map(|thread| thread.join().ok().flatten()));
    }
    let names = [
        "plain start",
        best.isolation().level.as_str(),
        "the same, helpers ready",
        soft.isolation().level.as_str(),
        "bwrap --unshare-all",
    ];
    println!("{:<24} {:>10} {:>10}", "", "p50 ms", "p99 ms");
    for (name, times) in names.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |percent: usize| {
            let place = times.len().saturating_mul(percent) / 100;
            times
                .get(place.min(times.len().saturating_sub(1)))
                .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        println!("{name:<24} {:>10.2} {:>10.2}", at(50), at(99));
    }
    Ok(())
}

/// This crate's own helper, which is built into the folder above the examples, else the one that ships.
fn helper() -> Result<Helper, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let folder =
        own.parent().and_then(std::path::Path::parent).ok_or("no folder to look for the helper in")?;
    let own = folder.join("sandbox-helper");
    Ok(if own.exists() { Helper::at(&own) } else { Helper::find()? })
}

async fn several(sandbox: &Sandbox, at_once: usize, times: &mut Vec<Duration>) -> Result<(), Box<dyn Error>> {
    let program = resolve_program("true")?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (sandbox, program) = (sandbox.clone(), program.clone());
        tasks.spawn(async move {
            let start = Instant::now();
            let report = sandbox
                .run(Spec::new(program, vec!["true".into()]), std::future::pending(), &mut |_, _| {})
                .await;
            report.map(|_| start.elapsed())
        });
    }
    while let Some(time) = tasks.join_next().await {
        times.push(time??);
    }
    Ok(())
}

fn bare(program: &str, arguments: &[&str]) -> Result<Duration, std::io::Error> {
    let start = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output()?;
    if output.status.success() {
        Ok(start.elapsed())
    } else {
        Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
