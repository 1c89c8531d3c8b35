//! The helper after the start: it watches the clock, the limits and the socket, and ends everything.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use rustix::time::Timespec;

use super::watch::{Exceeded, Watcher};
use super::{At, Fault, watch};
use crate::error::Step;
use crate::level::Level;
use crate::report::{Ending, LimitHit};
use crate::signal::Signal as PassedOn;
use crate::stop;
use crate::wire::{self, Answer, Reader, Request, Watched};

/// How often memory and processes are looked at where no control group counts them: a process that fills memory at
/// 2 GB/s gets some 40 MB past its limit between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// How long a sandbox may take to be made.
const START_MAX: Duration = Duration::from_secs(20);

/// How often the kill of a tree without a process list of its own is repeated; each round kills a generation.
const KILL_ROUNDS_MAX: u32 = 10_000;

/// The stop switch: whoever turns it on ends this sandbox, whatever has become of the program that started it.
pub(super) struct Stop {
    pub(super) folder: OwnedFd,
    pub(super) name: String,
}

impl Stop {
    pub(super) fn is_on(&self) -> bool {
        stop::is_on(self.folder.as_fd(), &self.name)
    }
}

/// Why everything was killed.
#[derive(Clone, Copy)]
enum Killed {
    Time,
    Client,
    Limit(LimitHit),
}

/// Stays until every process inside is gone, and says how it ended.
pub(super) fn watch_over(
    request: &Request,
    child: Pid,
    socket: &OwnedFd,
    first: &OwnedFd,
    stop: Option<&Stop>,
) -> Result<(), Fault> {
    super::first::drop_capabilities().at(Step::Capabilities)?;
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    let handle = rustix::process::pidfd_open(child, PidfdFlags::empty()).at(Step::Fork)?;
    let mut watcher = match request.limits.watched {
        Watched::ByHelper => Some(Watcher::new(&request.limits, request.level, child)),
        Watched::ByKernel => None,
    };
    let mut state = State {
        ended: None,
        killed: None,
        reader: Reader::default(),
        client: Reader::default(),
        first_open: true,
        started: false,
    };
    let followed = follow(request, (socket, first, &handle), stop, &mut watcher, &mut state);
    if followed.is_err() {
        // Whatever went wrong out here, nothing stays in there.
        let _gone = rustix::process::pidfd_send_signal(&handle, Signal::KILL);
    }
    rustix::process::waitpid(Some(child), WaitOptions::empty()).at(Step::Execute)?;
    match request.level {
        Level::Full | Level::FullSoft => {}
        Level::Landlock | Level::None => kill_descendants().at(Step::Execute)?,
    }
    followed?;
    if state.first_open {
        state.hear_rest(socket, first)?;
    }
    state.conclude(socket, watcher.as_ref())
}

/// Watches until the first process is gone.
fn follow(
    request: &Request,
    (socket, first, handle): (&OwnedFd, &OwnedFd, &OwnedFd),
    stop: Option<&Stop>,
    watcher: &mut Option<Watcher>,
    state: &mut State,
) -> Result<(), Fault> {
    // The command's time begins with the command: a machine that is slow to make a sandbox takes none of it.
    let mut deadline = after(START_MAX)?;
    loop {
        let look = watcher.is_some().then_some(LOOK);
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = look.map_or(left, |look| look.min(left));
        let wait = if stop.is_some() { wait.min(stop::LOOK) } else { wait };
        let events = wait_for(socket, handle, first, state, wait).at(Step::Execute)?;
        if events.first_speaks {
            let begun = state.started;
            state.hear(socket, first)?;
            if state.started && !begun {
                deadline = after(Duration::from_millis(request.limits.wall_milliseconds))?;
            }
        }
        if events.gone {
            return Ok(());
        }
        let client_left =
            events.client_speaks && state.killed.is_none() && !state.hear_client(socket, handle);
        let reason = if client_left || stop.is_some_and(Stop::is_on) {
            Some(Killed::Client)
        } else if Instant::now() >= deadline {
            Some(Killed::Time)
        } else {
            watcher.as_mut().filter(|_| state.started).and_then(Watcher::look).map(
                |exceeded| match exceeded {
                    Exceeded::Memory => Killed::Limit(LimitHit::Memory),
                    Exceeded::Pids => Killed::Limit(LimitHit::Pids),
                },
            )
        };
        if let (Some(reason), None) = (reason, state.killed) {
            state.killed = Some(reason);
            rustix::process::pidfd_send_signal(handle, Signal::KILL).at(Step::Execute)?;
        }
    }
}

fn after(time: Duration) -> Result<Instant, Fault> {
    let then = Instant::now().checked_add(time);
    then.ok_or_else(|| Fault::new(Step::Request, io::ErrorKind::InvalidInput))
}

struct State {
    ended: Option<Answer>,
    killed: Option<Killed>,
    reader: Reader,
    client: Reader,
    first_open: bool,
    started: bool,
}

impl State {
    /// Takes one message of the first process: passes the first on, keeps the last.
    fn hear(&mut self, socket: &OwnedFd, first: &OwnedFd) -> Result<(), Fault> {
        match self.reader.receive::<Answer>(first.as_fd()).at(Step::Execute)? {
            Some((Answer::Ready, descriptors)) => {
                // Until now `/proc` may have been the host's own, with everybody's processes in it.
                self.started = true;
                wire::send(socket.as_fd(), &Answer::Ready, &wire::borrow(&descriptors)).at(Step::Execute)
            }
            Some((answer @ (Answer::Failed { .. } | Answer::Ended { .. }), _)) => {
                self.ended = Some(answer);
                Ok(())
            }
            None => {
                self.first_open = false;
                Ok(())
            }
        }
    }

    /// Passes on what the client says, which can only be signals; whether it is still there.
    fn hear_client(&mut self, socket: &OwnedFd, first: &OwnedFd) -> bool {
        let mut said = self.client.receive::<PassedOn>(socket.as_fd());
        while let Ok(Some((signal, _))) = said {
            if self.started {
                // One that ends at this moment hears nothing any more.
                let _gone = rustix::process::pidfd_send_signal(first, signal.on_the_way());
            }
            said = match self.client.buffered() {
                Ok(None) => return true,
                other => other,
            };
        }
        false
    }

    fn hear_rest(&mut self, socket: &OwnedFd, first: &OwnedFd) -> Result<(), Fault> {
        while self.first_open {
            self.hear(socket, first)?;
        }
        Ok(())
    }

    fn conclude(self, socket: &OwnedFd, watcher: Option<&Watcher>) -> Result<(), Fault> {
        let peak = watcher.map(Watcher::peak_bytes);
        let answer = match (self.ended, self.killed) {
            (Some(Answer::Ended { ending, limit_hit, denied, .. }), None) => {
                Answer::Ended { ending, limit_hit, denied, peak_memory_bytes: peak }
            }
            (Some(failed @ Answer::Failed { .. }), _) => failed,
            (Some(Answer::Ready | Answer::Ended { .. }) | None, killed) => {
                let (ending, limit_hit) = match killed {
                    Some(Killed::Time) => (Ending::TimedOut, Some(LimitHit::Wall)),
                    Some(Killed::Client) => (Ending::Cancelled, None),
                    Some(Killed::Limit(limit)) => (Ending::LimitReached, Some(limit)),
                    None => (Ending::Signalled(libc::SIGKILL), None),
                };
                Answer::Ended { ending, limit_hit, denied: Vec::new(), peak_memory_bytes: peak }
            }
        };
        // A client that left does not hear it.
        let _told = wire::send(socket.as_fd(), &answer, &[]);
        Ok(())
    }
}

struct Events {
    client_speaks: bool,
    gone: bool,
    first_speaks: bool,
}

fn wait_for(
    socket: &OwnedFd,
    handle: &OwnedFd,
    first: &OwnedFd,
    state: &State,
    wait: Duration,
) -> io::Result<Events> {
    let client = if state.killed.is_none() { PollFlags::IN } else { PollFlags::empty() };
    let speech = if state.first_open { PollFlags::IN } else { PollFlags::empty() };
    let mut polled = [PollFd::new(socket, client), PollFd::new(handle, PollFlags::IN)].to_vec();
    if state.first_open {
        polled.push(PollFd::new(first, speech));
    }
    // Rounded up, so that the clock is never asked a moment too early over and over.
    let timeout = Timespec::try_from(wait.saturating_add(Duration::from_millis(1)))
        .unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(&mut polled, Some(&timeout)) {
        Err(rustix::io::Errno::INTR) => {}
        other => drop(other?),
    }
    let event = |index: usize| polled.get(index).map_or(PollFlags::empty(), PollFd::revents);
    Ok(Events {
        client_speaks: !event(0).is_empty(),
        gone: !event(1).is_empty(),
        first_speaks: !event(2).is_empty(),
    })
}

/// Kills what is left of a tree that has no process list of its own. Everything that lost its parent is this process's
/// child (`PR_SET_CHILD_SUBREAPER`), so a round that finds no child has found them all.
fn kill_descendants() -> io::Result<()> {
    for _ in 0..KILL_ROUNDS_MAX {
        for process in watch::descendants(rustix::process::getpid()) {
            let _sent = rustix::process::kill_process(process, Signal::KILL);
        }
        match rustix::process::wait(WaitOptions::empty()) {
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(rustix::io::Errno::INTR) | Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
