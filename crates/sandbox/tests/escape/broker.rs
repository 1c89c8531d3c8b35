//! Attempts of a command that reaches hosts at `landlock`, where the network is the machine's own and every `connect`
//! is answered by the first process.

use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sandbox::{Access, Connections, Ending, Grant, Level, Network, Report, Sandbox, Spec, resolve_program};

use crate::attempt::{Attempt, Needs};
use crate::host::{Host, Side};

/// The next connection that is handed over; `None` when the command is over.
pub fn next(socket: &UnixStream) -> Option<TcpStream> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
    let mut into = [std::io::IoSliceMut::new(&mut byte)];
    let flags = rustix::net::RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut into, &mut control, flags).ok()?;
    let mut first = None;
    for message in control.drain() {
        if let rustix::net::RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            first = descriptors.next();
        }
    }
    (received.bytes == 1).then_some(first?.into())
}

/// Runs a command to its end; what its connections said first, each of which is answered `proxy`.
async fn run(sandbox: &Sandbox, mut spec: Spec) -> (Report, Vec<String>) {
    spec.network = Network::Listener;
    spec.limits.wall = std::time::Duration::from_secs(40);
    let mut running = sandbox.start(spec).await.unwrap();
    let Some(Connections::Handed(socket)) = running.connections() else { panic!("they are handed over") };
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let serving = std::thread::spawn(move || {
        while let Some(mut stream) = next(&socket) {
            stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            let mut bytes = [0u8; 16];
            let _gone = stream.write_all(b"proxy");
            let count = stream.read(&mut bytes).unwrap_or(0);
            heard.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
    });
    let report = running.finish(std::future::pending(), &mut |_, _| {}).await.unwrap();
    serving.join().unwrap();
    let said = said.lock().unwrap().clone();
    (report, said)
}

fn python(host: &Host, script: &str) -> Spec {
    let program = resolve_program("/usr/bin/python3").unwrap();
    let mut spec = Spec::new(program, ["python3", "-c", script].map(Into::into).into());
    for (name, value) in host.variables(Side::Inside) {
        spec.environment.set(&name, &value).unwrap();
    }
    spec.grants.push(Grant::resolve(&host.programs, Access::ReadExecute).unwrap());
    spec
}

const REACHES: &str = "import socket\n\
    def reaches():\n\
    \x20   s = socket.create_connection(('127.0.0.1', 3128), 10)\n\
    \x20   s.sendall(b'mine')\n\
    \x20   assert s.recv(16) == b'proxy'\n";

#[tokio::test]
async fn what_leads_past_the_proxy_succeeds_outside_and_fails_inside() {
    let host = Host::new();
    let sandbox = host.sandbox(Level::Landlock).await;
    let attempts = Attempt::all_in("tests/escape/broker", &host);
    assert!(attempts.len() >= 11, "only {} attempts", attempts.len());
    let mut wrong = Vec::new();
    for attempt in &attempts {
        if attempt.needs == Needs::Root && !sandbox::is_root() {
            println!("{:<20} succeeds outside only as root, so not shown to this user", attempt.name);
        } else if !attempt.succeeds_outside(&host) {
            wrong.push(format!("{}: does not succeed outside", attempt.name));
        }
        let (report, _) = run(&sandbox, attempt.reaching(&host)).await;
        println!("{:<20} {:?} {:?}", attempt.name, report.ending, report.denied);
        if !matches!(report.ending, Ending::Exited(code) if code != 0) {
            wrong.push(format!("{}: ESCAPED or did not end ({}): {report:?}", attempt.name, attempt.shows));
        } else if attempt.stopped_by == "seccomp" && report.denied.is_empty() {
            wrong.push(format!("{}: failed, but not for the filter: {report:?}", attempt.name));
        }
    }
    wrong.extend(host.damage());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// After each of the storms the way to the proxy is still open: none of them stops whoever answers.
#[tokio::test]
async fn who_answers_outlives_every_attempt() {
    let host = Host::new();
    let sandbox = host.sandbox(Level::Landlock).await;
    for attempt in Attempt::all_in("tests/escape/broker", &host) {
        let script = format!(
            "{REACHES}import subprocess\nsubprocess.run({:?})\nreaches()\nprint('still')\n",
            attempt.command()
        );
        let (report, _) = run(&sandbox, python(&host, &script)).await;
        assert_eq!(report.stdout.text(), "still\n", "{}: {report:?}", attempt.name);
    }
}

/// For each pair there is a port for a moment. Whoever finds it is hung up on, and never gets to the proxy.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a process of the machine that looks for the proxy")]
async fn no_other_process_of_the_machine_reaches_the_proxy() {
    let host = Host::new();
    let sandbox = host.sandbox(Level::Landlock).await;
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    let known = listening();
    let knocking = std::thread::spawn(move || {
        let (mut knocks, mut answers) = (0, Vec::new());
        while !stop.load(Ordering::SeqCst) {
            for port in listening().into_iter().filter(|port| !known.contains(port)) {
                let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                knocks += 1;
                stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
                let _gone = stream.write_all(b"theirs");
                let mut bytes = [0u8; 16];
                let count = stream.read(&mut bytes).unwrap_or(0);
                answers.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            }
        }
        (knocks, answers)
    });
    let script = format!("{REACHES}for _ in range(1500): reaches()\nprint('all')\n");
    let (report, said) = run(&sandbox, python(&host, &script)).await;
    over.store(true, Ordering::SeqCst);
    let (knocks, answers) = knocking.join().unwrap();
    println!("{knocks} knocks");
    assert_eq!(report.stdout.text(), "all\n", "{report:?}");
    assert_eq!(said, vec!["mine"; 1500]);
    assert!(answers.iter().all(|answer| answer != "proxy"), "{answers:?}");
}

/// Ports of the machine on which somebody listens on the loopback (proc_pid_net(5)).
fn listening() -> Vec<u16> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_loopback = lines
        .filter(|fields| fields[3] == "0A")
        .filter_map(|fields| u16::from_str_radix(fields[1].strip_prefix("0100007F:")?, 16).ok());
    of_loopback.collect()
}
