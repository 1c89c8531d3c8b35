//! The first process inside: it builds the new root, gives up every capability, starts the command, and reaps.
//!
//! It is process 1 of its own list, so that when it ends, everything ends. It holds nothing that the command may not
//! have, and cannot be traced or read by it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::connect::{self, Outlet, OwnPlaces};
use super::pieces::{self, Pieces};
use super::{At, Fault, command, enter, root};
use crate::control_group;
use crate::error::Step;
use crate::kernel::{self, Side, Watch};
use crate::level::Level;
use crate::report::{Denied, Ending, LimitHit};
use crate::signal::Signal as PassedOn;
use crate::view;
use crate::wire::{self, Answer, Reader, Request};

/// The most names of refused calls that are reported; the kernel has fewer.
const DENIED_MAX: usize = 512;

/// What a shell exits with when the program it ran last met the limit of one file.
const EXIT_FILE_SIZE: i32 = 128 + libc::SIGXFSZ;

/// Runs the command to its end, then ends this process.
pub(super) fn run(
    request: &Request,
    early: Option<Option<Pieces>>,
    ends: [OwnedFd; 3],
    doors: Vec<OwnedFd>,
    outer: &OwnedFd,
) -> Result<(), Fault> {
    let watch = connect::watch(request);
    let outcome = prepare(request, early, doors).and_then(|()| carry_out(request, ends, outer, watch));
    let answer = match outcome {
        Ok(answer) => answer,
        Err(fault) => fault.answer(),
    };
    // When nobody listens any more there is nothing left to say.
    let told = wire::send(outer.as_fd(), &answer, &[]);
    std::process::exit(if told.is_ok() { 0 } else { 1 })
}

fn prepare(request: &Request, early: Option<Option<Pieces>>, doors: Vec<OwnedFd>) -> Result<(), Fault> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Fork)?;
    control_group::join(&doors).at(Step::ControlGroup)?;
    drop(doors);
    kernel::join_empty_keyring().at(Step::Keyring)?;
    match request.level {
        Level::Full | Level::FullSoft => {
            enter::control_group_namespace()?;
            let pieces = match early.flatten() {
                Some(pieces) => pieces,
                None => pieces::take(request)?,
            };
            root::build(request, &pieces)?;
        }
        // Covers and overlays are mounts; what cannot be protected is not shown.
        Level::Landlock if !request.covers.is_empty() => {
            return Err(Fault::new(Step::Protect, io::ErrorKind::Unsupported));
        }
        Level::Landlock | Level::None
            if request.workspace.as_ref().is_some_and(|workspace| workspace.change_set.is_some()) =>
        {
            return Err(Fault::new(Step::Overlay, io::ErrorKind::Unsupported));
        }
        Level::Landlock | Level::None => {
            // Who loses its parent stays a descendant of the process that may look at what it connects to.
            rustix::process::set_child_subreaper(Some(rustix::process::getpid())).at(Step::Fork)?;
        }
    }
    drop_capabilities().at(Step::Capabilities)?;
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)
}

/// Empties every capability set and locks the switches that could fill them again (capabilities(7)).
pub(super) fn drop_capabilities() -> io::Result<()> {
    let held = rustix::thread::capabilities(None)?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        let locked = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
        rustix::thread::set_capabilities_secure_bits(locked)?;
        for capability in 0..64 {
            let one = CapabilitySet::from_bits_retain(1 << capability);
            match rustix::thread::capability_is_in_bounding_set(one) {
                Ok(true) => rustix::thread::remove_capability_from_bounding_set(one)?,
                Ok(false) => {}
                Err(rustix::io::Errno::INVAL) => break, // past the last that this kernel knows
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    Ok(())
}

fn carry_out(request: &Request, ends: [OwnedFd; 3], outer: &OwnedFd, watch: Watch) -> Result<Answer, Fault> {
    let (outlet, handed_out) = match (request.listen, request.level) {
        (None, _) => (None, None),
        (Some(port), Level::Full | Level::FullSoft) => {
            (None, Some(connect::listen(port).at(Step::Loopback)?))
        }
        (Some(_), Level::Landlock) if watch != Watch::RefusalsAndConnects => {
            return Err(Fault::new(Step::Connects, io::ErrorKind::PermissionDenied));
        }
        (Some(port), Level::Landlock) => {
            let (outlet, other_end) = Outlet::new(port).at(Step::Connects)?;
            (Some(outlet), Some(other_end))
        }
        (Some(_), Level::None) => return Err(Fault::new(Step::Loopback, io::ErrorKind::Unsupported)),
    };
    let held: Vec<i32> =
        passed_on().map(|signal| signal.on_the_way().as_raw()).chain([libc::SIGCHLD]).collect();
    let signal = kernel::hold_signals(&held).at(Step::Fork)?;
    let (ours, theirs) = wire::pair().at(Step::Fork)?;
    let child = match kernel::fork().at(Step::Fork)? {
        Side::Child => {
            drop(ours);
            let fault = command::become_command(request, ends, &theirs, watch);
            let _told = wire::send(theirs.as_fd(), &fault.answer(), &[]);
            std::process::exit(1)
        }
        Side::Parent(child) => child,
    };
    drop((ends, theirs));
    let mut reader = Reader::default();
    // The command sends its filter's listener; then its end of the socket is closed by the kernel as it starts.
    let first = reader.receive::<Answer>(ours.as_fd()).at(Step::Execute)?;
    let refusals = match first {
        Some((Answer::Ready, descriptors)) => descriptors.into_iter().next(),
        Some((failed @ Answer::Failed { .. }, _)) => return Ok(failed),
        Some((Answer::Ended { .. }, _)) | None => {
            return Err(Fault::new(Step::Execute, io::ErrorKind::UnexpectedEof));
        }
    };
    if let Some((answer, _)) = reader.receive::<Answer>(ours.as_fd()).at(Step::Execute)? {
        return Ok(answer);
    }
    let descriptors: Vec<_> = handed_out.iter().map(AsFd::as_fd).collect();
    wire::send(outer.as_fd(), &Answer::Ready, &descriptors).at(Step::Execute)?;
    drop(handed_out);
    let broker = outlet.map_or_else(|| Broker::Places(OwnPlaces::of(request)), Broker::Outlet);
    reap(child, &signal, refusals, (request, &broker)).at(Step::Execute)
}

/// Waits for the command to end, burying every other process and answering every refused call.
fn reap(
    child: Pid,
    signal: &OwnedFd,
    refusals: Option<OwnedFd>,
    (request, broker): (&Request, &Broker),
) -> io::Result<Answer> {
    let mut denied: BTreeMap<i32, u64> = BTreeMap::new();
    let mut refusals = refusals;
    let status = loop {
        if let Some(status) = bury(child)? {
            break status;
        }
        let mut polled = vec![PollFd::new(signal, PollFlags::IN)];
        polled.extend(refusals.as_ref().map(|listener| PollFd::new(listener, PollFlags::IN)));
        match poll(&mut polled, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let events: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
        if events.first().is_some_and(|event| event.contains(PollFlags::IN)) {
            while let Some(number) = kernel::arrived(signal) {
                pass_on(number, child);
            }
        }
        match (events.get(1), &refusals) {
            (Some(event), Some(listener)) if event.contains(PollFlags::IN) => {
                if let Some(number) = answer(listener, broker)?
                    && (denied.len() < DENIED_MAX || denied.contains_key(&number))
                {
                    let count = denied.entry(number).or_default();
                    *count = count.saturating_add(1);
                }
            }
            (Some(event), Some(_)) if event.intersects(PollFlags::HUP | PollFlags::ERR) => refusals = None,
            (Some(_) | None, Some(_) | None) => {}
        }
    };
    let ending = ending(status);
    let limit_hit = match ending {
        // A shell tells so that a program of its was ended by it.
        Ending::Signalled(libc::SIGXFSZ) | Ending::Exited(EXIT_FILE_SIZE) => Some(LimitHit::FileSize),
        Ending::Exited(_)
        | Ending::Signalled(_)
        | Ending::TimedOut
        | Ending::LimitReached
        | Ending::Cancelled => scratch_is_full(request).then_some(LimitHit::Tmp),
    };
    let denied = denied
        .into_iter()
        .map(|(number, count)| Denied { call: crate::filter::name_of(number), count })
        .collect();
    Ok(Answer::Ended { ending, limit_hit, denied, peak_memory_bytes: None })
}

/// Who answers `connect`.
enum Broker {
    Places(OwnPlaces),
    Outlet(Outlet),
}

/// Takes one announced call; its number if it was refused.
fn answer(listener: &OwnedFd, broker: &Broker) -> io::Result<Option<i32>> {
    let Some(notice) = kernel::next_notice(listener)? else { return Ok(None) };
    if i64::from(notice.number) == libc::SYS_connect {
        let refused = match broker {
            Broker::Places(places) => places.connect(listener, &notice)?,
            Broker::Outlet(outlet) => outlet.connect(listener, &notice)?,
        };
        return Ok(refused.then_some(notice.number));
    }
    kernel::answer_notice(listener, &notice, Err(io::Error::from_raw_os_error(libc::EPERM)))?;
    Ok(Some(notice.number))
}

/// Signals that reach the command through this process, which is the only one inside that is known outside.
fn passed_on() -> impl Iterator<Item = PassedOn> {
    PassedOn::ALL.into_iter()
}

/// Hands a signal to the command's own process group; it made one before it said that it was ready.
fn pass_on(number: i32, child: Pid) {
    if let Some(signal) = passed_on().find(|signal| signal.on_the_way().as_raw() == number) {
        // A group that has ended meanwhile hears nothing any more.
        let _gone = rustix::process::kill_process_group(child, signal.arriving());
    }
}

/// Buries every process that has ended; the status of `child` when it is among them.
fn bury(child: Pid) -> io::Result<Option<WaitStatus>> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(None) => return Ok(None),
            Ok(Some((process, status))) if process == child => return Ok(Some(status)),
            Ok(Some(_)) => {}
        }
    }
}

fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Signalled(signal),
        (None, None) => Ending::Signalled(libc::SIGKILL),
    }
}

fn scratch_is_full(request: &Request) -> bool {
    let walled = matches!(request.level, Level::Full | Level::FullSoft);
    walled
        && rustix::fs::statvfs(view::HOME)
            .is_ok_and(|room| room.f_bfree == 0 || (room.f_files > 0 && room.f_ffree == 0))
}
