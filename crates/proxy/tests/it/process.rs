//! The process that reads what a command says to its proxy, as the kernel shows it: whose it is, what it is kept from,
//! what it has of the house's secrets, and what becomes of a command when it is killed.

use egress::proxy::{Binding, Placeholders, Run};
use egress::{Egress, Limits, Rule, Settings, Unobserved, header};
use proxy::Process;
use sandbox::Sandbox;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vault::{About, KeySource, SecretText, Vault};

const PASSWORD: &str = "correct horse battery";

/// The processes that are a proxy, by number.
fn proxies() -> BTreeSet<u32> {
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_proxy = |number: &u32| {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).eq([b"hardshell".as_slice(), proxy::ARGUMENT.as_bytes(), b""])
    };
    numbers.filter(is_proxy).collect()
}

/// A process that descends from this one.
fn is_ours(number: u32) -> bool {
    let mut at = number;
    for _ in 0..64 {
        if at == std::process::id() {
            return true;
        }
        let Ok(stat) = fs::read_to_string(format!("/proc/{at}/stat")) else { return false };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        let Some(parent) = parent else { return false };
        at = parent;
    }
    false
}

/// A line of `/proc/PID/status`.
fn status(number: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{number}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name}: {text}")).trim().to_string()
}

/// Whether `wanted` is in the memory that the process has.
fn holds(number: u32, wanted: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{number}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{number}/mem")).unwrap();
    let mut read = 0;
    let found = maps.lines().any(|line| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        // What the kernel itself maps cannot be read.
        if !rest.starts_with('r') || rest.contains("[v") {
            return false;
        }
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            return false;
        }
        read += bytes.len();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    });
    assert!(found || read > 1_000_000, "its memory was not read");
    found
}

/// A house in `home` whose secret belongs to `mail.test`, which is this machine.
fn house(home: &std::path::Path) -> Arc<Egress> {
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home, &KeySource::File).unwrap());
    let about = About { hosts: vec!["mail.test".parse().unwrap()], ..About::default() };
    vault.set(&"mail".parse().unwrap(), SecretText::new(PASSWORD.to_string()).unwrap(), about).unwrap();
    let here = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let names = [("mail.test".parse().unwrap(), here)].into_iter().collect();
    Arc::new(Egress::new(vault, Settings { names, ..Settings::default() }, Arc::new(Unobserved)).unwrap())
}

/// A run that reaches `mail.test` on this port, and what stands in it for the secret.
fn run(port: u16) -> (Run, String) {
    let mut placeholders = Placeholders::default();
    let binding = Binding {
        host: "mail.test".parse().unwrap(),
        port,
        methods: Vec::new(),
        path: "/".to_string(),
        header: header::AUTHORIZATION,
        aws_key_id: None,
    };
    let text = placeholders.add("mail".parse().unwrap(), binding).unwrap().as_str().to_string();
    let rules = [Rule::private("mail.test".parse().unwrap(), port)].into_iter().collect();
    let run =
        Run { who: "a test".to_string(), rules: Arc::new(rules), limits: Limits::proxied(), placeholders };
    (run, text)
}

/// Answers one request and leaves the next one waiting; gives what it was sent.
#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
fn server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "it hung up");
            head.extend_from_slice(&piece[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
        String::from_utf8_lossy(&head).into_owned()
    });
    (port, served)
}

#[expect(clippy::disallowed_methods, reason = "what a command does within its own walls, to its proxy")]
#[tokio::test(flavor = "multi_thread")]
async fn it_is_another_behind_walls_of_its_own_without_a_secret_and_its_end_is_the_end_of_the_way_out() {
    let (port, served) = server();
    let home = tempfile::tempdir().unwrap();
    let (house, (run, stand_in)) = (house(home.path()), run(port));
    let sandbox = Sandbox::probe().await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let door = listener.local_addr().unwrap();
    let before = proxies();
    let (running, socket) = Process::start(&sandbox).await.unwrap();
    let mine: Vec<u32> = proxies().difference(&before).copied().filter(|number| is_ours(*number)).collect();
    let [process] = mine.as_slice() else { panic!("{mine:?}") };
    let process = *process;
    let open = proxy::open(&house, listener, socket, run).unwrap();

    // It reads what a command says, and the secret goes where it belongs without passing through it.
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(door).unwrap();
        let request = format!(
            "GET http://mail.test:{port}/ HTTP/1.1\r\nHost: mail.test:{port}\r\nAuthorization: Bearer {stand_in}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"hello") {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&piece[..count]);
        }
        (stream, stand_in)
    });
    let (mut stream, stand_in) = said.await.unwrap();
    assert!(served.join().unwrap().contains(&format!("Bearer {PASSWORD}")));

    // Whose it is, and what it is kept from.
    assert_eq!(status(process, "NoNewPrivs"), "1");
    assert_eq!(status(process, "Seccomp"), "2");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&status(process, set), 16).unwrap(), 0, "{set}");
    }
    let user = status(process, "Uid").split_whitespace().next().unwrap().parse::<u32>().unwrap();
    if sandbox::is_root() {
        assert_ne!(user, 0, "it is root");
        assert_ne!(user, 1_879_113_473, "it is the user of commands");
    }
    for kind in ["user", "mnt", "net", "pid", "ipc", "uts"] {
        let of = |number: &str| fs::read_link(format!("/proc/{number}/ns/{kind}")).unwrap();
        assert_ne!(of(&process.to_string()), of("self"), "{kind}");
    }
    let devices = fs::read_to_string(format!("/proc/{process}/net/dev")).unwrap();
    assert!(devices.lines().skip(2).all(|line| line.trim_start().starts_with("lo:")), "{devices}");

    // What it has: sockets, and nothing of the house; what it was told can be found in it, which shows the search works.
    for entry in fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten() {
        let to = fs::read_link(entry.path()).unwrap().display().to_string();
        let harmless = ["socket:", "pipe:", "anon_inode:"].iter().any(|kind| to.starts_with(kind));
        assert!(harmless, "{to}");
    }
    let inside = format!("/proc/{process}/root{}", home.path().display());
    assert!(!std::path::Path::new(&inside).exists(), "{inside} is there");
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(PASSWORD));
    assert!(!holds(process, PASSWORD.as_bytes()), "it has the secret");
    assert!(holds(process, stand_in.as_bytes()), "what a command said to it was not found in it");

    // Its end is the end of the connections that it served, and of no more.
    let number = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
    let ended = tokio::task::spawn_blocking(move || stream.read(&mut [0; 16]));
    assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)));
    let begun = Instant::now();
    while TcpStream::connect(door).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is still listened");
        tokio::task::yield_now().await;
    }
    drop((open, running));
    let again = Process::start(&sandbox).await;
    assert!(again.is_ok(), "the next one does not start");
    drop(again);
    let begun = Instant::now();
    while proxies().difference(&before).any(|number| is_ours(*number)) {
        assert!(begun.elapsed() < Duration::from_secs(20), "one is left over");
        tokio::task::yield_now().await;
    }
}
