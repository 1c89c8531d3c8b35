//! What canaries go after: decoys in a folder of their own, a server, a socket, a process.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::attempts::{DECOY, Decoys, IS_THERE, VICTIM_VARIABLE};
use super::{Canary, Outcome, Tried};
use crate::error::Error;
use crate::grant::{Access, Grant};
use crate::level::Level;
use crate::probe::{Helper, Sandbox};
use crate::program::{Program, ProgramError, resolve_program};
use crate::spec::Spec;

/// The argument with which the helper is a canary.
pub(crate) const CANARY_ARGUMENT: &str = "__canary";

/// Tells the stages of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

pub(super) struct Stage {
    helper: Helper,
    folder: PathBuf,
    marker: String,
    victim: Child,
    server: TcpListener,
    names: u16,
    _socket: UnixListener,
}

impl Stage {
    /// Sets up decoys in a new folder under the system's folder for temporary files.
    pub(super) fn set(sandbox: &Sandbox) -> io::Result<Self> {
        let marker = format!(
            "hardshell-canary-{}-{}",
            crate::process::process_id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Path::new("/tmp").join(&marker);
        std::fs::create_dir(&folder)?;
        match Self::fill(sandbox.helper.clone(), &folder, marker) {
            Ok(stage) => Ok(stage),
            Err(error) => {
                let _removed = std::fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    fn fill(helper: Helper, folder: &Path, marker: String) -> io::Result<Self> {
        std::fs::create_dir(folder.join(".ssh"))?;
        std::fs::create_dir(folder.join("audit"))?;
        for name in [".ssh/id_ed25519", "vault.db", "audit/0.jsonl"] {
            std::fs::write(folder.join(name), DECOY)?;
        }
        let socket = UnixListener::bind(folder.join("socket"))?;
        #[expect(clippy::disallowed_methods, reason = "servers of the canary's own, for the canary alone")]
        let (server, names) =
            (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let port_of_names = names.local_addr()?.port();
        let decoys = Decoys { folder: folder.to_owned(), victim: 0, port: 0, names: 0 };
        let mut victim = Command::new(&helper.path);
        victim.args(arguments(&helper, "victim", &decoys)?).env_clear();
        victim.env(VICTIM_VARIABLE, String::from_utf8_lossy(DECOY).as_ref());
        victim.stdin(OwnedFd::from(names)).stdout(Stdio::null()).stderr(Stdio::null());
        let (victim, names) = (victim.spawn()?, port_of_names);
        Ok(Self { helper, folder: folder.to_owned(), marker, victim, server, names, _socket: socket })
    }

    fn decoys(&self) -> io::Result<Decoys> {
        let port = self.server.local_addr()?.port();
        Ok(Decoys { folder: self.folder.clone(), victim: self.victim.id(), port, names: self.names })
    }

    /// A canary as a sandboxed command.
    pub(super) fn spec(&self, kind: &str) -> Result<Spec, Error> {
        let helper = |source| Error::Helper { source };
        let program: Program = resolve_program(&self.helper.path.display().to_string())
            .map_err(|error: ProgramError| helper(io::Error::other(error)))?;
        let own = program.path.clone();
        let decoys = self.decoys().map_err(helper)?;
        let mut line = vec![self.name(kind)];
        line.extend(arguments(&self.helper, kind, &decoys).map_err(helper)?);
        let mut spec = Spec::new(program, line.into_iter().map(Into::into).collect());
        spec.grants.push(Grant::resolve(&own, Access::ReadExecute)?);
        spec.floor = Level::None;
        Ok(spec)
    }

    /// What a canary's processes are called, so that they can be found.
    fn name(&self, kind: &str) -> String {
        format!("{}-{kind}", self.marker)
    }

    /// How many processes of the canary that outlives its time still lived; they are ended.
    pub(super) fn survivors(&self) -> usize {
        let left = self.left();
        for process in &left {
            let _killed = rustix::process::kill_process(*process, rustix::process::Signal::KILL);
        }
        left.len()
    }

    /// Every canary without a wall.
    pub(super) fn outside(&self) -> io::Result<Vec<Tried>> {
        std::thread::scope(|scope| {
            let outliving = scope.spawn(|| self.outlive());
            let output = self.bare("quick")?.stdout(Stdio::piped()).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut tried: Vec<Tried> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let memory = if self.bare("memory")?.status()?.success() {
                Outcome::Passed
            } else {
                Outcome::Stopped("too little memory on this machine".to_owned())
            };
            tried.push(Tried { canary: Canary::PassMemory, outcome: memory });
            let outlived = outliving.join().unwrap_or_else(|_panic| Err(io::Error::other("it panicked")))?;
            tried.push(Tried { canary: Canary::OutliveTime, outcome: outlived });
            Ok(tried)
        })
    }

    /// The grandchild outlives its parent's kill, being in a session of its own; it is killed by its number.
    fn outlive(&self) -> io::Result<Outcome> {
        let mut parent = self.bare("time")?.stdout(Stdio::piped()).spawn()?;
        let mut word = [0; IS_THERE.len()];
        let heard = parent.stdout.take().ok_or(io::ErrorKind::BrokenPipe.into());
        let heard = heard.and_then(|mut stdout| io::Read::read_exact(&mut stdout, &mut word));
        parent.kill()?;
        parent.wait()?;
        let survivors = self.survivors();
        heard?;
        Ok(if survivors == 0 { Outcome::Stopped("nothing".to_owned()) } else { Outcome::Passed })
    }

    /// Whether a process that ends by a fault leaves a core.
    pub(super) fn leaves_core(&self, kind: &str) -> io::Result<bool> {
        Ok(self.bare(kind)?.current_dir(&self.folder).status()?.core_dumped())
    }

    fn left(&self) -> Vec<rustix::process::Pid> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let wanted = self.name("time");
        entries
            .flatten()
            .filter(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                line.split(|byte| *byte == 0).next() == Some(wanted.as_bytes())
            })
            .filter_map(|entry| rustix::process::Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
            .collect()
    }

    fn bare(&self, kind: &str) -> io::Result<Command> {
        let mut command = Command::new(&self.helper.path);
        command.arg0(self.name(kind)).args(arguments(&self.helper, kind, &self.decoys()?)?).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _killed = self.victim.kill();
        let _reaped = self.victim.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

fn arguments(helper: &Helper, kind: &str, decoys: &Decoys) -> io::Result<Vec<String>> {
    let mut arguments: Vec<String> = helper.argument.map(str::to_owned).into_iter().collect();
    arguments.extend([CANARY_ARGUMENT.to_owned(), kind.to_owned(), serde_json::to_string(decoys)?]);
    Ok(arguments)
}
