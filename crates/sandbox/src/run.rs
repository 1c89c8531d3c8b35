//! One command from request to report, as Hardshell sees it: the helper does the confining.

mod disk;
mod prepare;
mod streams;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::control_group::ControlGroup;
use crate::error::Error;
use crate::level::Level;
use crate::pool::{Namespaces, Started};
use crate::probe::Sandbox;
use crate::report::{Captured, Ending, LimitHit, Report, Stream};
use crate::signal::Signal;
use crate::spec::Spec;
use crate::stop::StopSwitch;
use crate::wire::{self, Answer};

use disk::Disk;
use prepare::Prepared;
use streams::{Collector, Feed};

/// How long the helper may take, past the command's own time limit, to kill the tree and answer. It is killed then.
const GRACE: Duration = Duration::from_secs(5);

/// How long a sandbox may take to be made.
const START_MAX: Duration = Duration::from_secs(20);

/// A command that is about to run, or runs. Dropping it kills the whole tree.
#[derive(Debug)]
pub struct Running {
    tree: Tree,
    answers: Answers,
    connections: Option<Connections>,
    stdout: Collector,
    stderr: Option<Collector>,
    feed: Option<Feed>,
    terminal: Option<OwnedFd>,
    disk: Option<Disk>,
    level: Level,
    started: Instant,
    wall: Duration,
}

/// Where what a command connects to its proxy comes out.
#[derive(Debug)]
pub enum Connections {
    /// On a listener, to be accepted.
    Accepted(TcpListener),
    /// On a socket, each a TCP stream in the descriptors of one byte.
    Handed(std::os::unix::net::UnixStream),
}

impl From<TcpListener> for Connections {
    fn from(listener: TcpListener) -> Self {
        Self::Accepted(listener)
    }
}

/// The helper and the control group, which holds everything but the helper; killed and removed when dropped, in this
/// order.
#[derive(Debug)]
struct Tree {
    helper: Started,
    group: Option<ControlGroup>,
}

/// Passes signals on to a command.
#[derive(Debug)]
pub struct Signaller {
    socket: OwnedFd,
}

impl Signaller {
    /// Passes one on; one that comes after the end is lost, as it would be without a sandbox.
    ///
    /// # Errors
    ///
    /// What the kernel says when the helper does not take it.
    pub fn pass(&self, signal: Signal) -> io::Result<()> {
        wire::send(self.socket.as_fd(), &signal, &[])
    }
}

#[derive(Debug)]
struct Answers {
    socket: UnixStream,
    reader: wire::Reader,
}

impl Answers {
    /// The next answer; `None` when the helper is gone. May be dropped between two answers without losing one.
    async fn next(&mut self) -> Result<Option<(Answer, Vec<OwnedFd>)>, Error> {
        if let Some(answer) = self.reader.buffered().map_err(|_| Error::HelperGarbled)? {
            return Ok(Some(answer));
        }
        loop {
            self.socket.readable().await.map_err(|source| Error::Helper { source })?;
            let reader = &mut self.reader;
            let socket = self.socket.as_fd();
            match self.socket.try_io(Interest::READABLE, || reader.receive(socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(_) => return Err(Error::HelperGarbled),
                Ok(answer) => return Ok(answer),
            }
        }
    }
}

impl Running {
    /// Starts the helper, hands it the request, and waits until the command is about to run.
    pub(crate) async fn start(sandbox: &Sandbox, spec: Spec) -> Result<Self, Error> {
        let isolation = sandbox.isolation();
        if isolation.level < spec.floor {
            return Err(Error::BelowFloor {
                level: isolation.level,
                floor: spec.floor,
                reason: isolation.reason.clone().unwrap_or_else(|| "no reason is known".to_owned()),
            });
        }
        if sandbox.stop.as_ref().is_some_and(StopSwitch::is_on) {
            return Err(Error::Stopped);
        }
        let (level, landlock_abi, this) = (isolation.level, isolation.landlock_abi, sandbox.clone());
        let started = Instant::now();
        let wall = spec.limits.wall;
        let disk = Disk::of(&spec)?;
        let launched = tokio::task::spawn_blocking(move || {
            launch(&this, prepare::prepare(spec, level, landlock_abi, this.stop.as_ref())?)
        });
        let (tree, socket, prepared) =
            launched.await.map_err(|error| Error::Helper { source: io::Error::other(error) })??;
        let helper_error = |source: io::Error| Error::Helper { source };
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true).map_err(helper_error)?;
        let socket = UnixStream::from_std(socket).map_err(helper_error)?;
        let mut answers = Answers { socket, reader: wire::Reader::default() };
        let ready = tokio::time::timeout(START_MAX, answers.next());
        let descriptors = match ready.await.map_err(|_| Error::HelperLost)?? {
            Some((Answer::Ready, descriptors)) => descriptors,
            Some((Answer::Failed { step, errno }, _)) => {
                return Err(Error::Step { step, source: io::Error::from_raw_os_error(errno) });
            }
            Some((Answer::Ended { .. }, _)) => return Err(Error::HelperGarbled),
            None => return Err(Error::HelperLost),
        };
        let connections = match (prepared.listens, descriptors.into_iter().next(), level) {
            (true, Some(descriptor), Level::Full | Level::FullSoft) => {
                Some(Connections::Accepted(descriptor.into()))
            }
            (true, Some(descriptor), Level::Landlock) => Some(Connections::Handed(descriptor.into())),
            (false, None, _) => None,
            (true, Some(_), Level::None) | (true, None, _) | (false, Some(_), _) => {
                return Err(Error::HelperGarbled);
            }
        };
        let keep = prepared.output_bytes;
        let stdout = Collector::new(prepared.stdout, keep).map_err(helper_error)?;
        let stderr =
            prepared.stderr.map(|end| Collector::new(end, keep)).transpose().map_err(helper_error)?;
        let feed = prepared.feed.map(Feed::start).transpose().map_err(helper_error)?;
        let terminal = prepared.terminal;
        if sandbox.pool.is_some() {
            let sandbox = sandbox.clone();
            // Beside the command, not before it.
            drop(tokio::task::spawn_blocking(move || sandbox.fill_pool()));
        }
        Ok(Self { tree, answers, connections, stdout, stderr, feed, terminal, disk, level, started, wall })
    }

    /// Where what the command connects to [`crate::PROXY_PORT`] comes out, once.
    pub fn connections(&mut self) -> Option<Connections> {
        self.connections.take()
    }

    /// A handle on the command's terminal, for its size; `None` without [`crate::Terminal::Pty`].
    ///
    /// # Errors
    ///
    /// What the kernel says when there are no descriptors left.
    pub fn terminal(&self) -> io::Result<Option<OwnedFd>> {
        self.terminal.as_ref().map(OwnedFd::try_clone).transpose()
    }

    /// What passes signals on to the command while [`Running::finish`] waits for it.
    ///
    /// # Errors
    ///
    /// What the kernel says when there are no descriptors left.
    pub fn signaller(&self) -> io::Result<Signaller> {
        Ok(Signaller { socket: self.answers.socket.as_fd().try_clone_to_owned()? })
    }

    /// Waits for the end; see [`Sandbox::run`].
    ///
    /// # Errors
    ///
    /// As [`Sandbox::run`].
    pub async fn finish(
        mut self,
        cancel: impl Future<Output = ()> + Send,
        on_output: &mut (dyn FnMut(Stream, &[u8]) + Send),
    ) -> Result<Report, Error> {
        let mut cancel = pin!(cancel);
        let mut cancelled = false;
        let disk = self.disk.take();
        let mut full = pin!(async {
            match &disk {
                Some(disk) => disk.is_full().await,
                None => std::future::pending().await,
            }
        });
        let mut disk_is_full = false;
        let mut ended = None;
        let mut deadline = pin!(tokio::time::sleep(self.wall.saturating_add(GRACE)));
        while ended.is_none() || self.stdout.is_open() || self.stderr.as_ref().is_some_and(Collector::is_open)
        {
            tokio::select! {
                chunk = self.stdout.next(), if self.stdout.is_open() => on_output(Stream::Stdout, &chunk),
                chunk = next(&mut self.stderr), if self.stderr.as_ref().is_some_and(Collector::is_open) => {
                    on_output(Stream::Stderr, &chunk);
                }
                answer = self.answers.next(), if ended.is_none() => match answer? {
                    Some((answer @ Answer::Ended { .. }, _)) => ended = Some(answer),
                    Some((Answer::Failed { step, errno }, _)) => {
                        return Err(Error::Step { step, source: io::Error::from_raw_os_error(errno) });
                    }
                    Some((Answer::Ready, _)) => return Err(Error::HelperGarbled),
                    None => return Err(Error::Interrupted),
                },
                () = &mut cancel, if !cancelled && ended.is_none() => {
                    cancelled = true;
                    self.hang_up()?;
                    deadline.as_mut().reset(tokio::time::Instant::now() + GRACE);
                }
                () = &mut full, if !cancelled && ended.is_none() => {
                    (cancelled, disk_is_full) = (true, true);
                    self.hang_up()?;
                    deadline.as_mut().reset(tokio::time::Instant::now() + GRACE);
                }
                () = &mut deadline => return Err(Error::Interrupted),
            }
        }
        let mut report = self.report(ended)?;
        if disk_is_full && report.ending == Ending::Cancelled {
            (report.ending, report.limit_hit) = (Ending::LimitReached, Some(LimitHit::Disk));
        }
        Ok(report)
    }

    /// Ends the conversation: the helper kills the tree and says so.
    fn hang_up(&self) -> Result<(), Error> {
        rustix::net::shutdown(&self.answers.socket, rustix::net::Shutdown::Write)
            .map_err(|errno| Error::Helper { source: errno.into() })
    }

    fn report(mut self, ended: Option<Answer>) -> Result<Report, Error> {
        let Some(Answer::Ended { ending, limit_hit, denied, peak_memory_bytes }) = ended else {
            return Err(Error::HelperLost);
        };
        drop(self.feed.take());
        let stdout = self.stdout.finish();
        let stderr = self.stderr.map(Collector::finish).unwrap_or_default();
        let Tree { helper, group } = self.tree;
        let usage = group.as_ref().map(ControlGroup::usage).unwrap_or_default();
        drop(group);
        // It said that everything is over, and is alone. What is left is to take its namespaces apart, and nobody needs
        // to wait for the kernel to do it.
        drop(tokio::task::spawn_blocking(move || drop(helper)));
        let truncated = stdout.truncated() || stderr.truncated();
        let failed = ending != Ending::Exited(0);
        let no_files_left = failed && [&stdout, &stderr].into_iter().any(Captured::tells_of_open_files);
        let limit_hit = limit_hit
            .or(usage.limit_hit)
            .or(no_files_left.then_some(LimitHit::Files))
            .or(truncated.then_some(LimitHit::Output))
            .or(usage.slowed.then_some(LimitHit::Cpu));
        let ending = match (ending, usage.limit_hit) {
            (Ending::Signalled(libc::SIGKILL), Some(LimitHit::Memory)) => Ending::LimitReached,
            (other, _) => other,
        };
        Ok(Report {
            ending,
            limit_hit,
            denied,
            level: self.level,
            peak_memory_bytes: usage.peak_memory_bytes.or(peak_memory_bytes),
            stdout,
            stderr,
            wall: self.started.elapsed(),
        })
    }
}

async fn next(collector: &mut Option<Collector>) -> Vec<u8> {
    match collector {
        Some(collector) => collector.next().await,
        None => std::future::pending().await,
    }
}

/// Hands the request to a helper that waits, or to a new one.
fn launch(sandbox: &Sandbox, mut prepared: Prepared) -> Result<(Tree, OwnedFd, Prepared), Error> {
    let helper_error = |source: io::Error| Error::Helper { source };
    let mut started = match sandbox.pool.as_ref().and_then(|pool| pool.take()) {
        Some(started) => started,
        None => Started::new(&sandbox.helper, Namespaces::Later).map_err(helper_error)?,
    };
    let socket = started.socket.take().ok_or(Error::HelperLost)?;
    let tree = Tree { helper: started, group: prepared.group.take() };
    wire::send(socket.as_fd(), &prepared.request, &wire::borrow(&prepared.inside)).map_err(helper_error)?;
    prepared.inside.clear();
    Ok((tree, socket, prepared))
}
