//! What can be typed after `hardshell sandbox`.

use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Below it a program ends before its first line, with nothing to say why.
const MEMORY_BYTES_MIN: u64 = 4 << 20;

/// What can be done by hand in a sandbox: no home, no daemon.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Run a program that sees, reaches and uses up only what is named here.
    #[command(
        after_help = "The program sees the system read-only, an empty home, a private /tmp, no network, no other process, \
            and the folders that --read and --write name. Files that run code later (.git, .envrc, .vscode, …) and \
            are there already stay read-only under --write; new ones can be made, so look before you work in the folder. \
            Root's programs run as an unprivileged user.\n\n\
            Exit codes: the program's own; 128 + N when signal N ended it; 124 its time was up; 125 the sandbox could \
            not be made, and nothing ran; 126 it is not a program; 127 there is no such program.\n\n\
            Examples:\n  \
            hardshell sandbox run -- ls -la /\n  \
            hardshell sandbox run --write . -- make\n  \
            hardshell sandbox run --write . --host api.anthropic.com --env ANTHROPIC_API_KEY --escapes -- some-agent\n  \
            hardshell sandbox run --read ~/data --timeout 30 --memory 512M --json -- python3 count.py\n  \
            hardshell sandbox run --write . --explain -- make"
    )]
    Run(Box<SandboxRun>),
    /// Print a file below a folder, whatever links somebody plants or swaps there meanwhile; on a terminal without its
    /// escape sequences.
    #[command(after_help = "Example:\n  hardshell sandbox read --within workspace notes/today.md")]
    Read(Beneath),
    /// Write standard input to a file below a folder, never through a link; one that is there keeps its owner and
    /// permissions.
    #[command(
        after_help = "Example:\n  echo done | hardshell sandbox write --within workspace notes/today.md"
    )]
    Write(Beneath),
    /// Print the AppArmor profile that lets this machine's helper make its walls, where AppArmor keeps namespaces from
    /// programs without one (Ubuntu 24.04 and newer).
    #[command(
        after_help = "Example:\n  hardshell sandbox apparmor | sudo tee /etc/apparmor.d/hardshell-sandbox\n  sudo apparmor_parser -r /etc/apparmor.d/hardshell-sandbox"
    )]
    Apparmor,
}

/// `sandbox read` and `sandbox write`.
#[derive(Debug, Args)]
pub struct Beneath {
    /// The folder that nothing leads out of; not a link itself.
    #[arg(long, value_name = "DIR")]
    pub within: PathBuf,
    /// The file, relative to it.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

/// `sandbox run`.
#[derive(Debug, Args)]
pub struct SandboxRun {
    /// Show a file or folder read-only, at its own path; programs in it can be started. Not a link: name what it leads to.
    #[arg(long, value_name = "PATH")]
    pub read: Vec<PathBuf>,
    /// Show a file or folder that can be changed, but for files that run code later. Not a link: name what it leads to.
    #[arg(long, value_name = "PATH")]
    pub write: Vec<PathBuf>,
    /// Let it reach this host over HTTP or TLS, through a proxy that looks names up itself; ports 443 and 80 when none
    /// is given. It is a name, never an address, and is refused when it leads to this machine or the local network;
    /// of this machine only `localhost:PORT` is reached.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub host: Vec<String>,
    /// Give it a variable: `NAME=VALUE`, or `NAME` to pass yours on, if it is set. No other variable of yours is passed
    /// on.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// End it after this long: `90`, `1.5`, `500ms`, `2m`, `1h`. Thirty days when left out.
    #[arg(long, value_name = "S", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// The most memory of all its processes together: `256M`, `2G`, or bytes; 4 MiB at least, or nothing starts.
    #[arg(long, value_name = "B", value_parser = memory)]
    pub memory: Option<u64>,
    /// The most processes and threads at one time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Option<u32>,
    /// The most processor time in percent of one processor; 200 is two of them.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpu: Option<u32>,
    /// The largest file it can write: `100M`.
    #[arg(long, value_name = "B", value_parser = bytes)]
    pub file_size: Option<u64>,
    /// The weakest isolation that will do: full, full-soft, landlock.
    #[arg(long, value_name = "LEVEL", default_value = "landlock", value_parser = level)]
    pub floor: sandbox::Level,
    /// Let its escape sequences through to this terminal: for full-screen programs. They can do to a terminal whatever
    /// it understands, such as set its title or write to the clipboard. What goes into a pipe or a file is always passed
    /// on as it is.
    #[arg(long)]
    pub escapes: bool,
    /// Print the sandbox it would make, in words, and run nothing.
    #[arg(long)]
    pub explain: bool,
    /// The program and its arguments.
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// `90`, `1.5`, `500ms`, `2m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(name, seconds)| Some((text.strip_suffix(name)?, seconds)))
        .unwrap_or((text, 1.0));
    let number: f64 =
        number.parse().map_err(|_not_a_number| "write it as `90`, `500ms` or `2m`".to_string())?;
    Duration::try_from_secs_f64(number * unit)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "it must be more than nothing".to_string())
}

/// `256M`, `2G`, or bytes; a K is 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let plain = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')).unwrap_or(text);
    let (number, factor) = [('K', 1_u64 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)]
        .into_iter()
        .find_map(|(unit, factor)| Some((plain.strip_suffix([unit, unit.to_ascii_lowercase()])?, factor)))
        .unwrap_or((plain, 1));
    let number: u64 =
        number.parse().map_err(|_not_a_number| "write it as `256M`, `2G` or bytes".to_string())?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(|| "that is no size".to_string())
}

/// As [`bytes`], and enough for a program to begin.
fn memory(text: &str) -> Result<u64, String> {
    let bytes = bytes(text)?;
    if bytes < MEMORY_BYTES_MIN {
        return Err("less than 4M, in which no program starts".to_string());
    }
    Ok(bytes)
}

fn level(text: &str) -> Result<sandbox::Level, String> {
    sandbox::Level::parse(text)
        .filter(|level| *level != sandbox::Level::None)
        .ok_or_else(|| "one of full, full-soft, landlock".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_with_their_units_and_nothing_else_is() {
        for (text, milliseconds) in [
            ("90", Some(90_000)),
            ("1.5", Some(1500)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("0", None),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("1e400", None),
        ] {
            assert_eq!(duration(text).ok().map(|time| time.as_millis()), milliseconds, "{text:?}");
        }
        for (text, size) in [
            ("4096", Some(4096)),
            ("1K", Some(1024)),
            ("2m", Some(2 << 20)),
            ("1GiB", Some(1 << 30)),
            ("0", None),
            ("G", None),
            ("99999999999T", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text).ok(), size, "{text:?}");
        }
        assert_eq!(level("none").ok(), None);
    }
}
