//! Commands that reach the hosts their calls name, and nothing else, from inside the real sandbox.

use crate::house::{House, PASSWORD};
use connectors::shell::{Changes, Shell, ShellSettings};
use connectors::way_out::{OpenHost, OpenName, Protocol, StandIn, WayOut};
use domain::Target;
use egress::{Method, Reach, header};
use sandbox::{Caps, Helper, Level, Limits, Sandbox};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers every request alike and remembers what it was sent.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
async fn server() -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            let mut piece = [0; 1024];
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => head.extend_from_slice(&piece[..count]),
                }
            }
            all.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Server { port, seen, task }
}

fn open(name: &str, port: u16) -> OpenHost {
    OpenHost {
        name: OpenName::Exactly(name.parse().unwrap()),
        ports: vec![port],
        methods: Vec::new(),
        paths: Vec::new(),
        protocol: Protocol::Web,
        reach: Reach::Private,
        stand_in: None,
    }
}

struct Machine {
    house: House,
    shell: Shell,
    _folder: tempfile::TempDir,
}

async fn machine(hosts: Vec<OpenHost>) -> Machine {
    machine_at(Level::Full, hosts).await
}

async fn machine_at(level: Level, hosts: Vec<OpenHost>) -> Machine {
    let house = House::new(vec![]);
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    let settings = ShellSettings {
        workspace,
        readable: vec![],
        never_writable: vec![],
        changes: Changes::Direct,
        limits: Limits { wall: Duration::from_secs(60), ..Limits::default() },
        floor: Level::Landlock,
    };
    let sandbox =
        Sandbox::probe_with(Helper::find().unwrap(), Caps { level, ..Caps::default() }).await.unwrap();
    assert!(level == Level::Full || sandbox.isolation().level == level, "{:?}", sandbox.isolation());
    let sandbox = Arc::new(sandbox);
    let way_out = WayOut::new(Arc::clone(&house.egress), hosts, folder.path().join("trusted.pem"));
    Machine { house, shell: Shell::new(sandbox, settings).reaching(way_out), _folder: folder }
}

impl Machine {
    /// Runs `line` with the way out that a call naming `hosts` has.
    async fn run(&self, line: &str, hosts: &[&str]) -> String {
        let command = tools::shell::parse(line).unwrap();
        let mut targets = Shell::targets(&command).unwrap();
        for host in hosts {
            let host: domain::Host = host.parse().unwrap();
            let ports = self.shell.ports(&host).into_iter();
            targets.extend(ports.map(|port| Target::Host { host: host.clone(), port }));
        }
        let heard = Arc::new(|_: &str| {});
        let never = std::future::pending();
        self.shell.run(&command, &targets, "0-t.1.0", never, heard).await.unwrap().finding.text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reaches_the_hosts_its_call_names_and_nothing_else() {
    let server = server().await;
    let port = server.port;
    let machine = machine(vec![open("web.test", port), open("other.test", port)]).await;
    let web = format!("curl -sS --max-time 20 http://web.test:{port}/page");
    let other = format!("curl -sS --max-time 20 http://other.test:{port}/page");
    // Without hosts there is no way out at all; with one, exactly that one.
    let closed = machine.run(&web, &[]).await;
    assert!(!closed.contains("hello"), "{closed}");
    let reached = machine.run(&web, &["web.test"]).await;
    assert!(reached.contains("hello"), "{reached}");
    let refused = machine.run(&other, &["web.test"]).await;
    assert!(refused.contains("(egress.host)") && !refused.contains("hello"), "{refused}");
    // Past the proxy there is no network to connect in, and no name is resolved.
    for around in [
        format!("curl -sS --max-time 20 --noproxy '*' http://127.0.0.1:{port}/page"),
        format!("curl -sS --max-time 20 --noproxy '*' http://web.test:{port}/page"),
        "curl -sS --max-time 20 http://169.254.169.254/latest/meta-data/".to_string(),
    ] {
        let said = machine.run(&around, &["web.test"]).await;
        assert!(!said.contains("hello"), "{around}: {said}");
    }
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with("GET /page HTTP/1.1"), "{seen:?}");
}

/// Without a network of its own the same rules hold, in the same process, with the same records; programs that know
/// nothing of it reach their proxy, and whatever else they try leads nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_programs_reach_the_hosts_of_their_call_and_nothing_else() {
    let server = server().await;
    let port = server.port;
    let machine = machine_at(Level::Landlock, vec![open("web.test", port), open("other.test", port)]).await;
    let python = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read().decode())";
    let requests =
        "import sys; from pip._vendor import requests as r; print(r.get(sys.argv[1], timeout=20).text)";
    let node = "const u = new URL(process.argv[1]), p = new URL(process.env.http_proxy); \
                require('http').get({host: p.hostname, port: p.port, path: u.href, headers: {host: u.host}}, \
                r => r.on('data', d => process.stdout.write(d)))";
    for (name, line) in [
        ("curl", "curl -sS --max-time 20 WHERE".to_string()),
        ("curl by SOCKS", "curl -sS --max-time 20 --proxy socks5h://127.0.0.1:3128 WHERE".to_string()),
        ("urllib", format!("python3 -c '{python}' WHERE")),
        ("requests", format!("python3 -c '{requests}' WHERE")),
        ("git", "git ls-remote WHERE".to_string()),
        // What it reads at its start lies in a part of `/etc` that is not shown, and is there all the same.
        ("node", format!("node -e \"{node}\" WHERE")),
    ] {
        server.seen.lock().unwrap().clear();
        let of =
            |host: &str| line.replace("WHERE", &format!("http://{host}:{port}/{}", name.replace(' ', "-")));
        let reached = machine.run(&of("web.test"), &["web.test"]).await;
        assert!(name == "git" || reached.contains("hello"), "{name}: {reached}");
        let refused = machine.run(&of("other.test"), &["web.test"]).await;
        assert!(!refused.contains("hello"), "{name}: {refused}");
        let closed = machine.run(&of("web.test"), &[]).await;
        assert!(!closed.contains("hello"), "{name}: {closed}");
        // A tunnel is opened before anything is asked in it, and what is read is asked for by itself.
        let mut seen = server.seen.lock().unwrap().clone();
        seen.retain(|head| !head.is_empty());
        assert_eq!(seen.len(), 1, "{name}: {seen:?} {reached}");
        assert!(seen[0].contains(&name.replace(' ', "-")), "{name}: {seen:?}");
    }
    for around in [
        format!("curl -sS --max-time 20 --noproxy '*' http://127.0.0.1:{port}/page"),
        format!(
            "curl -sS --max-time 20 --noproxy '*' --resolve web.test:{port}:127.0.0.1 http://web.test:{port}/page"
        ),
        "curl -sS --max-time 20 --noproxy '*' http://169.254.169.254/latest/meta-data/".to_string(),
    ] {
        let said = machine.run(&around, &["web.test"]).await;
        assert!(!said.contains("hello"), "{around}: {said}");
    }
    // Each program's other host, once: refused by the proxy's rules, and on record.
    assert_eq!(machine.house.refusals.all(), vec!["egress.host other.test"; 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_becomes_the_secret_on_its_way_to_its_host_alone() {
    let server = server().await;
    let port = server.port;
    let stand_in = StandIn {
        secret: "mail".parse().unwrap(),
        variable: "MAIL_KEY".to_string(),
        header: header::AUTHORIZATION,
        aws_key_id: None,
    };
    let keyed = OpenHost { stand_in: Some(stand_in), ..open("mail.test", port) };
    let machine = machine(vec![keyed, open("other.test", port)]).await;
    let say = |host: &str| {
        format!(
            "env; cat /proc/self/environ; \
             curl -sS --max-time 20 -H \"Authorization: Bearer $MAIL_KEY\" http://{host}:{port}/"
        )
    };
    let said = machine.run(&say("mail.test"), &["mail.test", "other.test"]).await;
    assert!(said.contains("MAIL_KEY=hs-placeholder-") && said.contains("hello"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    let elsewhere = machine.run(&say("other.test"), &["mail.test", "other.test"]).await;
    assert!(elsewhere.contains("hello") && !elsewhere.contains(PASSWORD), "{elsewhere}");
    let seen = server.seen.lock().unwrap().clone();
    let [own, foreign] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(own.contains(&format!("uthorization: Bearer {PASSWORD}")), "{own}");
    assert!(foreign.contains("Bearer hs-placeholder-") && !foreign.contains(PASSWORD), "{foreign}");
    drop(machine.house);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_paths_hold_for_commands_too() {
    let server = server().await;
    let port = server.port;
    let reads =
        OpenHost { methods: vec![Method::GET], paths: vec!["/public".to_string()], ..open("web.test", port) };
    let machine = machine(vec![reads]).await;
    for (line, passes) in [
        (format!("curl -sS --max-time 20 http://web.test:{port}/public/a"), true),
        (format!("curl -sS --max-time 20 http://web.test:{port}/private"), false),
        (format!("curl -sS --max-time 20 -d secret http://web.test:{port}/public/a"), false),
    ] {
        let said = machine.run(&line, &["web.test"]).await;
        assert_eq!(said.contains("hello"), passes, "{line}: {said}");
    }
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}
