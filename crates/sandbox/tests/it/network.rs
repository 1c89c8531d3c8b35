//! No network, and the one way out that is handed out.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use sandbox::{Access, Connections, Ending, Grant, Level, Network, Transaction, Workspace};
use tempfile::TempDir;

use crate::house::{at_level, best, run, shell, spec};

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
    let Some(Connections::Accepted(listener)) = running.connections() else {
        panic!("a listener is handed out")
    };
    assert!(running.connections().is_none(), "handed out once");
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

/// At `landlock` the connection is made for the command, and behaves as one that it made.
#[tokio::test]
async fn without_a_network_of_its_own_connections_are_handed_over() {
    let sandbox = at_level(Level::Landlock).await;
    let script = "import asyncio, errno, fcntl, os, socket, struct, threading\n\
        def reach(s):\n\
        \x20   s.sendall(b'ping'); got = s.recv(16); assert got == b'pong', got\n\
        s = socket.create_connection(('127.0.0.1', 3128))\n\
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n\
        assert s.family == socket.AF_INET and s.getsockname()[0] == s.getpeername()[0] == '127.0.0.1'\n\
        assert fcntl.fcntl(s, fcntl.F_GETFD) & fcntl.FD_CLOEXEC and not fcntl.fcntl(s, fcntl.F_GETFL) & os.O_NONBLOCK\n\
        assert s.connect_ex(('127.0.0.1', 3128)) == errno.EISCONN\n\
        reach(s)\n\
        n = socket.socket(); n.setblocking(False); fcntl.fcntl(n, fcntl.F_SETFD, 0)\n\
        assert n.connect_ex(('127.0.0.1', 3128)) in (0, errno.EINPROGRESS)\n\
        assert fcntl.fcntl(n, fcntl.F_GETFL) & os.O_NONBLOCK and not fcntl.fcntl(n, fcntl.F_GETFD) & fcntl.FD_CLOEXEC\n\
        assert n.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0\n\
        n.setblocking(True); reach(n)\n\
        async def later():\n\
        \x20   r, w = await asyncio.open_connection('127.0.0.1', 3128)\n\
        \x20   w.write(b'ping'); assert await r.readexactly(4) == b'pong'; w.close()\n\
        asyncio.run(later())\n\
        a, b = os.pipe()\n\
        if os.fork() == 0:\n\
        \x20   os.setsid()\n\
        \x20   if os.fork() == 0:\n\
        \x20       reach(socket.create_connection(('127.0.0.1', 3128))); os.write(b, b'orphan')\n\
        \x20   os._exit(0)\n\
        os.wait(); print(os.read(a, 6).decode())\n\
        many = [threading.Thread(target=lambda: reach(socket.create_connection(('127.0.0.1', 3128)))) for _ in range(40)]\n\
        [t.start() for t in many]; [t.join() for t in many]\n\
        c = socket.socket()\n\
        print(errno.errorcode[c.connect_ex(('127.0.0.1', 3129))], errno.errorcode[c.connect_ex(('192.0.2.1', 80))])\n\
        reach((c.connect(('127.0.0.1', 3128)), c)[1])\n";
    let mut asked = spec(&["python3", "-c", script]);
    asked.network = Network::Listener;
    let mut running = sandbox.start(asked).await.unwrap();
    let Some(Connections::Handed(socket)) = running.connections() else { panic!("they are handed over") };
    let served = std::thread::spawn(move || {
        let mut count = 0;
        while let Some(mut stream) = next(&socket) {
            let mut bytes = [0u8; 4];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(b"pong").unwrap();
            count += 1;
        }
        count
    });
    let report = running.finish(std::future::pending(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.stdout.text(), "orphan\nEACCES EACCES\n", "{report:?}");
    let denied: Vec<_> = report.denied.iter().map(|denied| (denied.call.as_str(), denied.count)).collect();
    assert!(denied.contains(&("connect", 2)), "{denied:?}");
    assert_eq!(served.join().unwrap(), 45);
}

#[tokio::test]
async fn without_anybody_who_takes_them_connections_are_refused() {
    let sandbox = at_level(Level::Landlock).await;
    let script =
        "import errno, socket\nprint(errno.errorcode[socket.socket().connect_ex(('127.0.0.1', 3128))])\n";
    let mut asked = spec(&["python3", "-c", script]);
    asked.network = Network::Listener;
    let mut running = sandbox.start(asked).await.unwrap();
    drop(running.connections());
    let report = running.finish(std::future::pending(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.stdout.text(), "ECONNREFUSED\n", "{report:?}");
}

/// The next connection that is handed over; `None` when the command is over.
fn next(socket: &UnixStream) -> Option<std::net::TcpStream> {
    let mut byte = [0];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
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
