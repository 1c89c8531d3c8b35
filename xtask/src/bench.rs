//! Measures what the design sets goals for and prints one table, with the machine named. Nothing here passes or fails.
#![expect(clippy::print_stdout, reason = "its table is what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "it starts cargo and the built program, and asks that program its state"
)]

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How often the program is started; the middle of the times is shown.
const STARTS: usize = 5;
/// How long a start may take, in tries of a millisecond and more.
const START_MAX: Duration = Duration::from_secs(60);
/// How long the program is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);

/// How many turns are counted twice, so that the difference is what turns alone cost.
const COUNTED_TURNS: [u64; 2] = [20, 120];

/// What other programs of the workspace measure: the row, its goal, and how cargo is called.
const ELSEWHERE: [(&str, &str, &[&str]); 6] = [
    (
        "sandboxed `true`, full isolation",
        "p50 ≤ ½ of `bwrap --unshare-all`, same run",
        &["run", "--release", "-q", "-p", "sandbox", "--example", "start_cost"],
    ),
    ("policy decision, 1,000 rules", "p99 ≤ 50 µs", &["bench", "-q", "-p", "policy", "--bench", "decide"]),
    (
        "audit log, and how it grows",
        "64 writers ≥ 20 × one where an fsync takes ≥ 1 ms; verify ≥ 200 MB/s; query and open flat or logarithmic",
        &[
            "run",
            "--release",
            "-q",
            "-p",
            "audit",
            "--example",
            "bench",
            "--",
            "/var/tmp",
            "10000",
            "1000000",
        ],
    ),
    ("redaction, 1,000 secrets", "≥ 300 MB/s a core", &["bench", "-q", "-p", "egress", "--bench", "redact"]),
    (
        "proxy of sandboxes",
        "≥ 80 % of direct unread, ≥ 50 % read",
        &["bench", "-q", "-p", "egress", "--bench", "proxy"],
    ),
    (
        "gateway, 2,000 WebSockets",
        "ping p99 < 50 ms, ≤ 60 KiB each",
        &["run", "--release", "-q", "-p", "gateway", "--example", "many_sockets"],
    ),
];

pub(crate) fn run() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    println!("# {}", machine());
    println!("\n| what | goal | measured |\n|---|---|---|");
    cargo(&["build", "--release", "-q", "-p", "cli"])?;
    let program = target()?.join("release/hardshell");
    let bytes = fs::metadata(&program)?.len();
    row("binary, stripped release, web page inside", "≤ 30 MiB", &mebibytes(bytes));
    let mut alive = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        let up = Up::start(&program)?;
        alive.push(up.alive);
        ready.push(up.ready);
    }
    row("start to `/healthz`: before the proofs", "≤ 40 ms", &milliseconds(&mut alive));
    row("start to `/readyz`, proofs included, first start of a home", "≤ 300 ms", &milliseconds(&mut ready));
    let up = Up::start(&program)?;
    std::thread::sleep(IDLE);
    row("idle memory of `hardshell up`, default home", "≤ 30 MiB", &mebibytes(up.resident_bytes()?));
    drop(up);
    row(
        "turn overhead: everything but the model and the tool",
        "p50 ≤ 3 ms + number of flushes × one flush",
        &turn().unwrap_or_else(|error| format!("not measured: {error}")),
    );
    for (what, goal, arguments) in ELSEWHERE {
        // One that cannot run here is a row that says so; the others are still wanted.
        let said = cargo(arguments).unwrap_or_else(|error| format!("not measured: {error}"));
        row(
            what,
            goal,
            &said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("<br>"),
        );
    }
    Ok(())
}

/// The example that plays turns, timed by itself and then counted by `strace`, whose own cost must not be in the time.
fn turn() -> Outcome<String> {
    let example = ["-q", "--release", "-p", "daemon", "--example", "turn_overhead"];
    let mut said = cargo(&[&["run"], example.as_slice()].concat())?;
    let program = target()?.join("release/examples/turn_overhead");
    let counts = std::env::temp_dir().join(format!("hardshell-bench-flushes-{}", std::process::id()));
    let mut flushes = Vec::new();
    for turns in COUNTED_TURNS {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-c", "-U", "calls", "-e", "trace=fsync,fdatasync", "-o"]).arg(&counts);
        let output = strace.arg(&program).arg(turns.to_string()).output()?;
        if !output.status.success() {
            return Err(format!("strace ended with {}", output.status).into());
        }
        let counted = fs::read_to_string(&counts)?;
        // The last line is the sum: a number, and the word for it.
        let numbers = counted.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        flushes.push(numbers.max().unwrap_or(0));
        fs::remove_file(&counts)?;
    }
    // What starting and stopping cost is in both.
    if let ([few, many], [less, more]) = (flushes.as_slice(), COUNTED_TURNS) {
        let tenths = (many.saturating_sub(*few) * 10) / (more - less);
        said.push_str(&format!("flushes a turn: {}.{}", tenths / 10, tenths % 10));
    }
    Ok(said)
}

fn row(what: &str, goal: &str, measured: &str) {
    println!("| {what} | {goal} | {} |", measured.replace('|', "·"));
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

fn milliseconds(times: &mut [Duration]) -> String {
    times.sort();
    let at = |place: usize| times.get(place).map_or(0, Duration::as_millis);
    format!(
        "p50 {} ms, slowest {} ms of {}",
        at(times.len() / 2),
        at(times.len().saturating_sub(1)),
        times.len()
    )
}

/// Processor, how many, memory, kernel.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_key, value)| value.trim().to_string())
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{processors} × {processor}, {memory}, Linux {}, load {load}", kernel.trim())
}

fn target() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).ok_or("this program is not in a target folder")?;
    Ok(folder.to_path_buf())
}

/// Runs cargo to its end; what it printed.
fn cargo(arguments: &[&str]) -> Outcome<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("`cargo {}` ended with {}", arguments.join(" "), output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A running `hardshell up` on a home of its own; stopped, and the home removed, when dropped.
struct Up {
    child: Child,
    place: PathBuf,
    process: u32,
    alive: Duration,
    ready: Duration,
}

impl Up {
    fn start(program: &Path) -> Outcome<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let place = std::env::temp_dir().join(format!("hardshell-bench-{}-{port}", std::process::id()));
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(["up", "--json", "--port", &port.to_string(), "--home"])
            .arg(&place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let process = child.id();
        let out = child.stdout.take().ok_or("no output")?;
        let mut up = Self { child, place, process, alive: Duration::ZERO, ready: Duration::ZERO };
        up.alive = until(started, port, "/healthz")?;
        up.ready = until(started, port, "/readyz")?;
        // It says where it is when it is ready; that line is waited for, so that nothing is cut off.
        BufReader::new(out).read_line(&mut String::new())?;
        Ok(up)
    }

    fn resident_bytes(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kibibytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kibibytes << 10)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
        let _removed = fs::remove_dir_all(&self.place);
    }
}

/// How long it is from `started` until `path` is answered with 200.
fn until(started: Instant, port: u16, path: &str) -> Outcome<Duration> {
    while started.elapsed() < START_MAX {
        if status(port, path).is_ok_and(|line| line.starts_with("HTTP/1.1 200")) {
            return Ok(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("{path} did not answer within {} s", START_MAX.as_secs()).into())
}

fn status(port: u16, path: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_string())
}
