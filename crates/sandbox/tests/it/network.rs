//! No network, and the one way out that is handed out.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use sandbox::{Access, Ending, Grant, Network, Transaction, Workspace};
use tempfile::TempDir;

use crate::house::{best, run, shell, spec};

#[tokio::test]
async fn there_is_only_a_loopback_and_it_works_within() {
    let script = "import socket, threading\n\
        server = socket.create_server(('127.0.0.1', 0))\n\
        threading.Thread(target=lambda: server.accept()[0].sendall(b'hello')).start()\n\
        print(socket.create_connection(server.getsockname()).recv(5).decode())\n\
        print(sorted(name for _, name in socket.if_nameindex()))\n";
    let report = run(&best().await, spec(&["python3", "-c", script])).await;
    assert_eq!(report.stdout.text(), "hello\n['lo']\n", "{report:?}");
}

#[tokio::test]
async fn names_and_addresses_lead_nowhere() {
    let line = "getent hosts example.org; bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'";
    let report = run(&best().await, shell(line)).await;
    assert_ne!(report.ending, Ending::Exited(0), "{report:?}");
}

#[tokio::test]
async fn the_listener_is_accepted_on_outside() {
    let sandbox = best().await;
    let script = "import socket\n\
        s = socket.create_connection(('127.0.0.1', 3128))\n\
        s.sendall(b'ping')\nprint(s.recv(16).decode())\n";
    let mut asked = spec(&["python3", "-c", script]);
    asked.network = Network::Listener;
    let mut running = sandbox.start(asked).await.unwrap();
    let listener = running.listener().unwrap();
    assert!(running.listener().is_none(), "handed out once");
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0u8; 4];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(b"pong").unwrap();
        bytes
    });
    let report = running.finish(std::future::pending(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.stdout.text(), "pong\n", "{report:?}");
    assert_eq!(&served.join().unwrap(), b"ping");
}

/// What a command makes it may connect to, in its private folders and in a workspace of its own changes; what the host
/// left there it may not, be it granted to look at or to change.
#[tokio::test]
async fn unix_sockets_are_the_commands_own_alone() {
    let base = TempDir::new_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
    let folder = base.path().join("workspace");
    std::fs::create_dir(&folder).unwrap();
    let host = UnixListener::bind(folder.join("host")).unwrap();
    let script = "import socket, sys, threading\n\
        def at(path, make):\n\
        \x20   if make:\n\
        \x20       server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()\n\
        \x20       threading.Thread(target=lambda: server.accept()[0].sendall(b'own')).start()\n\
        \x20   try: c = socket.socket(socket.AF_UNIX); c.settimeout(5) if make else None; c.connect(path); print(c.recv(3).decode())\n\
        \x20   except OSError as e: print(type(e).__name__)\n\
        at('/tmp/own', True); at('own', True) if sys.argv[1] == 'apart' else None; at('host', False)\n";
    let sandbox = best().await;
    for (mode, prints) in [
        ("direct", "own\nPermissionError\n"),
        ("apart", "own\nown\nConnectionRefusedError\n"),
        ("read", "own\nPermissionError\n"),
    ] {
        let mut asked = spec(&["python3", "-c", script, mode]);
        let access = if mode == "read" { Access::Read } else { Access::Write };
        let granted = Grant::resolve(&folder, access).unwrap();
        let transaction = Transaction::begin(&folder, &base.path().join("set")).unwrap();
        match mode {
            "read" => asked.grants.push(granted),
            "apart" => asked.workspace = Some(transaction.workspace().unwrap()),
            _ => asked.workspace = Some(Workspace::new(granted)),
        }
        asked.folder = Some(folder.clone());
        let report = run(&sandbox, asked).await;
        assert_eq!(report.stdout.text(), prints, "{mode}: {report:?}");
        transaction.discard().unwrap();
    }
    host.set_nonblocking(true).unwrap();
    assert!(host.accept().is_err(), "nobody came");
    let reached = UnixStream::connect(folder.join("host"));
    assert!(reached.is_ok() && host.accept().is_ok(), "outside it can be reached");
}
