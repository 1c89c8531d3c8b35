//! The person's side: what is printed, the terminal while a program has it, signals on their way in.

use super::plain::Plain;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use sandbox::{Signal, Signaller, Stream};
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

/// The size of a terminal that does not tell.
const SIZE_DEFAULT: (u16, u16) = (24, 80);

/// Whether escape sequences reach a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// No: text alone.
    Dropped,
    /// Yes, all of them.
    Passed,
}

/// What became of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was written.
    All,
    /// Nobody took it in time; what comes after it may still be taken.
    Late,
}

/// How long a reader is waited for that takes nothing: not longer than the program may run, and not longer than a moment
/// once it was told to end.
#[derive(Clone, Debug)]
pub struct Patience {
    deadline: Instant,
    told_to_end: Arc<OnceLock<Instant>>,
}

impl Patience {
    /// For a program that ends after `wall` at the latest, counted from now.
    pub fn until(wall: Duration) -> Self {
        let now = Instant::now();
        Self {
            deadline: now.checked_add(wall.saturating_add(LAST_WORDS)).unwrap_or(now),
            told_to_end: Arc::default(),
        }
    }

    fn is_over(&self) -> bool {
        let told = self.told_to_end.get().is_some_and(|told| told.elapsed() > LAST_WORDS);
        told || Instant::now() > self.deadline
    }
}

/// How long a reader may take for what was printed before the end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked whether patience is over.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// What a pipe that has room takes without waiting: `PIPE_BUF` of pipe(7).
const PIECE_BYTES: usize = 4096;

/// Where the output goes.
pub struct Screen {
    stdout: Option<Plain>,
    stderr: Option<Plain>,
    patience: Patience,
}

impl Screen {
    /// Only a terminal acts on what it is sent, so only for a terminal anything is taken out.
    pub fn new(escapes: Escapes, patience: Patience) -> Self {
        let filter = |terminal: bool| (terminal && escapes == Escapes::Dropped).then(Plain::new);
        Self {
            stdout: filter(io::stdout().is_terminal()),
            stderr: filter(io::stderr().is_terminal()),
            patience,
        }
    }

    /// Prints what the program printed.
    pub fn print(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<Taken> {
        let filter = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let clean = filter.as_mut().map(|filter| filter.clean(bytes));
        let bytes = clean.as_ref().map_or(bytes, String::as_bytes);
        match stream {
            Stream::Stdout => write_all(io::stdout().as_fd(), bytes, &self.patience),
            Stream::Stderr => write_all(io::stderr().as_fd(), bytes, &self.patience),
        }
    }
}

/// Writes as fast as the reader takes it, for as long as there is patience.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8], patience: &Patience) -> io::Result<Taken> {
    while !bytes.is_empty() {
        match poll(&mut [PollFd::new(&to, PollFlags::OUT)], Some(&LOOK_AGAIN)) {
            Ok(0) if patience.is_over() => return Ok(Taken::Late),
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let piece = bytes.get(..PIECE_BYTES).unwrap_or(bytes);
        match rustix::io::write(to, piece) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
        }
    }
    Ok(Taken::All)
}

/// The size of the person's terminal: lines and columns.
pub fn size() -> (u16, u16) {
    tcgetwinsize(io::stdin())
        .ok()
        .map(|size| (size.ws_row, size.ws_col))
        .filter(|(rows, columns)| *rows > 0 && *columns > 0)
        .unwrap_or(SIZE_DEFAULT)
}

/// The person's terminal hands every key on as it is typed, until this is dropped.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Begins.
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no setting.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Signals that are meant for the program: from here on none of them ends this process.
pub struct Signals {
    meant: Vec<(Signal, UnixSignal)>,
    resized: UnixSignal,
}

impl Signals {
    /// Begins to listen: before the program is started, so that none gets lost or ends only one of the two.
    pub fn listen() -> io::Result<Self> {
        let kinds = [
            (Signal::HangUp, SignalKind::hangup()),
            (Signal::Interrupt, SignalKind::interrupt()),
            (Signal::Quit, SignalKind::quit()),
            (Signal::User1, SignalKind::user_defined1()),
            (Signal::User2, SignalKind::user_defined2()),
            (Signal::Terminate, SignalKind::terminate()),
            (Signal::Stop, SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw())),
        ];
        let meant = kinds.into_iter().map(|(meant, kind)| Ok((meant, signal(kind)?)));
        Ok(Self { meant: meant.collect::<io::Result<_>>()?, resized: signal(SignalKind::window_change())? })
    }

    /// The next one; nothing when it was the window's size.
    async fn next(&mut self) -> Option<Signal> {
        let (meant, resized) = (&mut self.meant, &mut self.resized);
        std::future::poll_fn(|context| {
            for (signal, stream) in meant.iter_mut() {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(Some(*signal));
                }
            }
            resized.poll_recv(context).map(|_resized| None)
        })
        .await
    }

    /// Passes signals and the window's size on for as long as it is polled.
    pub async fn pass_on(
        mut self,
        signaller: Signaller,
        terminal: Option<OwnedFd>,
        patience: Patience,
    ) -> io::Result<()> {
        loop {
            let Some(arrived) = self.next().await else {
                if let (Some(terminal), Ok(size)) = (&terminal, tcgetwinsize(io::stdin())) {
                    tcsetwinsize(terminal, size)?;
                }
                continue;
            };
            signaller.pass(arrived)?;
            if matches!(arrived, Signal::Terminate | Signal::HangUp) {
                // The first one counts.
                let _again = patience.told_to_end.set(Instant::now());
            }
            if arrived == Signal::Stop {
                // Both sleep, and what wakes this process wakes the program.
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
                signaller.pass(Signal::Continue)?;
            }
        }
    }
}
