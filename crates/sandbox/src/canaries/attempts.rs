//! The canaries themselves: what runs inside, and once outside.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use super::{Canary, MEMORY_TAKEN_BYTES, Outcome, Tried};
use crate::kernel::{self, Side};

/// How many processes take memory.
const TAKERS: u64 = 4;

/// How long a connection may take: nobody answers from inside a wall that drops.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// How long what waits to be ended waits.
const STAY: Duration = Duration::from_secs(120);

/// What the process says that outlives its time, once it is where it could.
pub(super) const IS_THERE: &str = "there";

/// Where the decoys are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decoys {
    pub(super) folder: PathBuf,
    pub(super) victim: u32,
    pub(super) port: u16,
    pub(super) names: u16,
}

/// What every decoy holds.
pub(super) const DECOY: &[u8] = b"hardshell decoy";

/// The variable that the victim holds it in.
pub(super) const VICTIM_VARIABLE: &str = "HARDSHELL_DECOY";

/// What a name server is asked: the address of `decoy.invalid` (RFC 1035 §4.1).
const QUESTION: &[u8] = b"HS\x01\0\0\x01\0\0\0\0\0\0\x05decoy\x07invalid\0\0\x01\0\x01";

/// Runs one of `quick`, `time`, `memory`, `victim`, `crash`, `crash-closed`; prints a line of JSON for each canary tried.
pub(crate) fn main(kind: &str, decoys: &str) -> ExitCode {
    let Ok(decoys) = serde_json::from_str::<Decoys>(decoys) else { return ExitCode::FAILURE };
    let outcome = match kind {
        "quick" => quick(&decoys),
        "time" => outlive(),
        "memory" => take_memory(),
        "victim" => answer_names(),
        "crash" => crash(),
        "crash-closed" => crate::harden_self().map_err(io::Error::other).and_then(|()| crash()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn quick(decoys: &Decoys) -> io::Result<()> {
    for canary in Canary::ALL {
        let outcome = match attempt(canary, decoys) {
            None => continue,
            Some(Ok(())) => Outcome::Passed,
            Some(Err(error)) => Outcome::Stopped(reason(&error)),
        };
        let line = serde_json::to_string(&Tried { canary, outcome })?;
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

/// The errors of each wall, in words.
fn reason(error: &io::Error) -> String {
    let wall = match error.raw_os_error() {
        Some(libc::ENOENT) => "its absence",
        Some(libc::EPERM) => "the system-call filter",
        Some(libc::EACCES) => "access rights",
        Some(libc::EROFS) => "a read-only mount",
        Some(libc::ECONNREFUSED | libc::ENETUNREACH) => "a network of its own",
        Some(_) | None => "the kernel",
    };
    format!("{wall} ({error})")
}

fn attempt(canary: Canary, decoys: &Decoys) -> Option<io::Result<()>> {
    let at = |name: &str| decoys.folder.join(name);
    Some(match canary {
        Canary::ReadKeys => read(&at(".ssh/id_ed25519")),
        Canary::ReadVault => read(&at("vault.db")),
        Canary::ReadAuditLog => read(&at("audit/0.jsonl")),
        Canary::ReadEnvironment => read(&PathBuf::from(format!("/proc/{}/environ", decoys.victim))),
        Canary::WriteOutside => std::fs::write(at("written"), DECOY),
        Canary::ConnectLoopback => connect_tcp(SocketAddrV4::new(Ipv4Addr::LOCALHOST, decoys.port)),
        Canary::AskNameServer => ask_name_server(SocketAddrV4::new(Ipv4Addr::LOCALHOST, decoys.names)),
        Canary::ConnectMetadata => in_child(connect_metadata),
        Canary::ConnectUnixSocket => connect_unix(&at("socket")),
        Canary::GainCapability => in_child(gain_capability),
        Canary::MakeNamespace => in_child(|| kernel::unshare(UnshareFlags::NEWUSER)),
        Canary::OutliveTime | Canary::PassMemory => return None,
    })
}

fn read(path: &std::path::Path) -> io::Result<()> {
    let content = std::fs::read(path)?;
    let found = content.windows(DECOY.len()).any(|window| window == DECOY);
    if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn socket(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    // The send timeout bounds `connect` too (socket(7)).
    for way in [Timeout::Send, Timeout::Recv] {
        rustix::net::sockopt::set_socket_timeout(&socket, way, Some(CONNECT_MAX))?;
    }
    Ok(socket)
}

/// Asks in a datagram, and needs the answer.
fn ask_name_server(server: SocketAddrV4) -> io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM)?;
    rustix::net::connect(&socket, &server)?;
    rustix::io::write(&socket, QUESTION)?;
    let mut answer = [0u8; QUESTION.len()];
    let bytes = rustix::io::read(&socket, &mut answer)?;
    if bytes == QUESTION.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Answers whoever asks on standard input, which is a socket, until it is killed.
fn answer_names() -> io::Result<()> {
    rustix::net::sockopt::set_socket_timeout(rustix::stdio::stdin(), Timeout::Recv, Some(STAY))?;
    let mut question = [0u8; QUESTION.len()];
    loop {
        let flags = rustix::net::RecvFlags::empty();
        let (bytes, _, from) = rustix::net::recvfrom(rustix::stdio::stdin(), &mut question, flags)?;
        let (Some(from), Some(answer)) = (from, question.get(..bytes)) else { continue };
        rustix::net::sendto(rustix::stdio::stdin(), answer, rustix::net::SendFlags::empty(), &from)?;
    }
}

/// Ends by a fault, and asks for a core file where that may still be asked for.
fn crash() -> io::Result<()> {
    let most = rustix::process::getrlimit(Resource::Core).maximum;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: most, maximum: most })?;
    std::process::abort()
}

fn connect_tcp(address: SocketAddrV4) -> io::Result<()> {
    Ok(rustix::net::connect(socket(AddressFamily::INET, SocketType::STREAM)?, &address)?)
}

fn connect_unix(path: &std::path::Path) -> io::Result<()> {
    let address = rustix::net::SocketAddrUnix::new(path)?;
    Ok(rustix::net::connect(socket(AddressFamily::UNIX, SocketType::STREAM)?, &address)?)
}

/// The metadata address of clouds. Where namespaces can be made it is given to a stand-in first, so that no cloud is
/// spoken to and the try can succeed where there is none.
fn connect_metadata() -> io::Result<()> {
    const METADATA: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 169, 254), 80);
    if kernel::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).is_ok() {
        kernel::loopback_address(*METADATA.ip())?;
        kernel::loopback_up()?;
        let service = socket(AddressFamily::INET, SocketType::STREAM)?;
        rustix::net::bind(&service, &METADATA)?;
        rustix::net::listen(&service, 1)?;
        return connect_tcp(METADATA);
    }
    connect_tcp(METADATA)
}

fn gain_capability() -> io::Result<()> {
    let _made = kernel::unshare(UnshareFlags::NEWUSER);
    let held = rustix::thread::capabilities(None)?;
    if held.effective.is_empty() && held.permitted.is_empty() {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    } else {
        Ok(())
    }
}

/// In a process of its own, since what it changes cannot be changed back.
fn in_child(attempt: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match kernel::fork()? {
        Side::Child => {
            let code = match attempt() {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            };
            std::process::exit(code)
        }
        Side::Parent(child) => {
            let ended = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty())?;
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(()),
                Some(code) => Err(io::Error::from_raw_os_error(code)),
                None => Err(io::Error::from_raw_os_error(libc::EIO)),
            }
        }
    }
}

/// Leaves a grandchild in a session of its own, which says that it is there, and stays.
fn outlive() -> io::Result<()> {
    if let Side::Child = kernel::fork()? {
        rustix::process::setsid()?;
        if let Side::Parent(_) = kernel::fork()? {
            std::process::exit(0);
        }
        writeln!(io::stdout(), "{IS_THERE}")?;
    }
    stay()
}

/// Longer than any canary is watched, and not for ever: one that no wall holds must not stay behind.
fn stay() -> io::Result<()> {
    std::thread::sleep(STAY);
    Ok(())
}

/// Several processes that each take a part of the memory, all at one time.
fn take_memory() -> io::Result<()> {
    let part = usize::try_from(MEMORY_TAKEN_BYTES / TAKERS).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut takers = Vec::new();
    for _ in 0..TAKERS {
        let (read, write) = rustix::pipe::pipe()?;
        match kernel::fork()? {
            Side::Child => {
                let taken = vec![1u8; part];
                std::hint::black_box(&taken);
                rustix::io::write(&write, b"x")?;
                stay()?;
            }
            // The parent's copy of the writing end is closed here, so that a taker's death is seen as an end of file.
            Side::Parent(taker) => takers.push((taker, read)),
        }
    }
    let mut byte = [0u8; 1];
    let taken = takers.iter().all(|(_, read)| rustix::io::read(read, &mut byte) == Ok(1));
    for (taker, _) in takers {
        let _killed = rustix::process::kill_process(taker, rustix::process::Signal::KILL);
    }
    if taken { Ok(()) } else { Err(io::ErrorKind::OutOfMemory.into()) }
}
