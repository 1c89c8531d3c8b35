//! No network, and the one way out that is handed out.

use std::io::{Read, Write};

use sandbox::{Ending, Network};

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
