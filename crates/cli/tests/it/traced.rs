//! Every `connect` of the running program, as the kernel sees it, against the audit log: one record for each, and none
//! without one.
#![expect(clippy::disallowed_methods, reason = "the far sides of this test")]

use crate::client::Client;
use crate::place::{PATIENCE, Place};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::http::{Answer, Next, Server};
use testkit::openai::{Dialect, OpenAi};
use testkit::otlp::Collector;
use testkit::smtp::{Manner, Smtp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// Where connections go: address and port, and how often.
type Places = BTreeMap<(IpAddr, u16), usize>;

/// One system call of one process that names where bytes go.
#[derive(Debug)]
struct Call {
    text: String,
    to: (IpAddr, u16),
}

/// What one process did.
#[derive(Debug, Default)]
struct Process {
    calls: Vec<Call>,
    started: Vec<u32>,
    /// The places it found its own sockets at.
    own: Vec<(IpAddr, u16)>,
    is_sandbox: bool,
    is_canary: bool,
    is_program: bool,
}

/// The processes by their number, as `strace` saw them.
fn processes(folder: &Path) -> BTreeMap<u32, Process> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let number: u32 = path.extension().unwrap().to_str().unwrap().parse().unwrap();
        found.insert(number, process(&String::from_utf8_lossy(&fs::read(&path).unwrap())));
    }
    found
}

fn process(trace: &str) -> Process {
    let mut process = Process::default();
    for line in trace.lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        match call {
            "execve" if line.ends_with(" = 0") => {
                process.is_sandbox |= line.contains("hardshell-sandbox");
                process.is_canary |= line.contains("\"__canary\"");
                process.is_program |= line.contains("\"up\", \"--home\"");
            }
            "getsockname" => process.own.extend(place(line)),
            "clone" | "clone3" | "fork" | "vfork" => process.started.extend(started(line)),
            "connect" | "sendto" | "sendmsg" | "sendmmsg" => {
                if let Some(to) = place(line) {
                    process.calls.push(Call { text: line.to_string(), to });
                }
            }
            _other => {}
        }
    }
    process
}

/// The number of what was started: in the tracer's own count, where the two differ.
fn started(line: &str) -> Option<u32> {
    let (_, result) = line.rsplit_once(" = ")?;
    let own = result.split_once("/* ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    own.unwrap_or(result).trim().parse().ok()
}

/// The network address in a call, if it names one.
fn place(line: &str) -> Option<(IpAddr, u16)> {
    let port = line.split_once("_port=htons(")?.1.split(')').next()?.parse().ok()?;
    let v4 = line.split_once("inet_addr(\"").map(|(_, rest)| rest);
    let v6 = line.split_once("inet_pton(AF_INET6, \"").map(|(_, rest)| rest);
    Some((v4.or(v6)?.split('"').next()?.parse().ok()?, port))
}

/// The processes that began as such, and all that they started.
fn from(all: &BTreeMap<u32, Process>, such: impl Fn(u32, &Process) -> bool) -> BTreeSet<u32> {
    let such = |(number, process): &(&u32, &Process)| such(**number, process);
    let mut inside: BTreeSet<u32> = all.iter().filter(such).map(|(number, _)| *number).collect();
    let mut found = inside.clone();
    while !found.is_empty() {
        let next = found.iter().filter_map(|number| all.get(number)).flat_map(|one| one.started.clone());
        found = next.filter(|number| !inside.contains(number)).collect();
        inside.extend(&found);
    }
    inside
}

/// The addresses of this machine's name servers.
fn name_servers() -> Vec<IpAddr> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let named = text.lines().filter_map(|line| line.strip_prefix("nameserver"));
    named.filter_map(|rest| rest.trim().parse().ok()).collect()
}

/// What the trace says that the program connected to, after everything was accounted for that reaches nobody or asks a
/// name server. `commands` is how many connections there were from commands to their own proxy, `astray` how many they
/// tried past it.
fn connected(all: &BTreeMap<u32, Process>, commands: &mut usize, astray: &mut usize) -> Places {
    let canaries = from(all, |_, one| one.is_canary);
    // Where the tracer cannot tell the number that a process has outside of its sandbox, nobody is seen to start it: all
    // that the program starts itself is seen.
    let claimed: BTreeSet<u32> = all.values().flat_map(|one| one.started.clone()).collect();
    let inside = from(all, |number, one| one.is_sandbox || !(one.is_program || claimed.contains(&number)));
    let servers = name_servers();
    // The proofs at a start have decoys listen in the program itself: what it says to itself reaches nobody.
    let outside = all.iter().filter(|(number, _)| !inside.contains(*number));
    let own: BTreeSet<(IpAddr, u16)> = outside.flat_map(|(_, process)| process.own.clone()).collect();
    let mut places = Places::new();
    for (number, process) in all {
        for call in &process.calls {
            let (address, port) = call.to;
            if canaries.contains(number) {
                // The proofs at a start try what walls forbid, on both sides of them: a server of their own, and where
                // clouds hand out credentials.
                let decoy = address.is_loopback() || address == Ipv4Addr::new(169, 254, 169, 254);
                assert!(decoy, "a proof went elsewhere: {}", call.text);
                continue;
            }
            if inside.contains(number) {
                // A network of its own, with nothing in it but the way to its proxy: what is tried past it reaches nobody,
                // which the servers' own count shows.
                let own = address == Ipv4Addr::LOCALHOST && port == sandbox::PROXY_PORT;
                *(if own { &mut *commands } else { &mut *astray }) += 1;
                continue;
            }
            // The system's resolver puts addresses in order by connecting datagram sockets to port 0: nothing is sent.
            let orders = call.text.starts_with("connect(") && port == 0;
            let asks = port == 53 && servers.contains(&address);
            if !(orders || asks || address.is_loopback() && own.contains(&call.to)) {
                assert!(call.text.starts_with("connect("), "sent without a connection: {}", call.text);
                *places.entry(call.to).or_default() += 1;
            }
        }
    }
    places
}

/// What the audit log says was connected to.
fn recorded(records: &[Value]) -> Places {
    let mut places = Places::new();
    for record in records.iter().filter(|record| record["verdict"] == "allow") {
        let Some(address) = record["address"].as_str() else { continue };
        let port = u16::try_from(record["port"].as_u64().unwrap()).unwrap();
        *places.entry((address.parse().unwrap(), port)).or_default() += 1;
    }
    places
}

/// Far sides, each on a port of its own, by what they are for.
struct Far {
    model: Server,
    collector: Server,
    smtp: Smtp,
    web: u16,
    store: u16,
    log: u16,
    datagrams: UdpSocket,
    /// How many connections the web server accepted.
    taken: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Far {
    async fn start() -> Self {
        let fake = OpenAi {
            dialect: Dialect::OpenAi,
            key: "m0del-key-of-the-run".to_string(),
            model: "gpt-test".to_string(),
            context_tokens: 1_000_000,
        };
        let kept = json!({"data": {"data": {"key": "kept-elsewhere-9x7Q"}, "metadata": {"version": 1}}});
        let taken = Arc::new(AtomicUsize::new(0));
        let (web, first) = serving("text/plain", "hello".to_string(), Arc::clone(&taken)).await;
        let (store, second) = serving("application/json", kept.to_string(), Arc::default()).await;
        let (log, third) = serving("text/plain", String::new(), Arc::default()).await;
        Self {
            model: fake.start().await.unwrap(),
            collector: Collector.start().await.unwrap(),
            smtp: Smtp::start(Manner::default()).await.unwrap(),
            web,
            store,
            log,
            datagrams: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(),
            taken,
            tasks: vec![first, second, third],
        }
    }

    fn config(&self) -> String {
        let port = |server: &Server| server.origin().rsplit(':').next().unwrap().to_string();
        let datagrams = self.datagrams.local_addr().unwrap().port();
        format!(
            "model = \"m\"\n[agent]\nplan = false\n[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"gpt-test\"\n\
             url = \"http://localhost:{}/v1\"\nkey = \"secret://model\"\n\
             [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n\
             [network]\nprivate_hosts = [\"localhost:{web}\", \"localhost:{store}\"]\n\
             [[sandbox.hosts]]\nhost = \"localhost\"\nports = [{web}]\n\
             [[secrets]]\nname = \"elsewhere\"\nfrom = \"vault://kv/app#key\"\nhosts = [\"localhost\"]\n\
             [secret_stores.hashicorp]\nurl = \"http://localhost:{store}\"\ntoken = \"secret://store\"\n\
             [[shipping]]\nname = \"stream\"\nkind = \"syslog\"\nurl = \"tcp://localhost:{}\"\n\
             [[shipping]]\nname = \"packets\"\nkind = \"syslog\"\nurl = \"udp://localhost:{datagrams}\"\n\
             [[shipping]]\nname = \"collector\"\nkind = \"otlp\"\nurl = \"http://localhost:{}\"\n\
             [limits]\neffects_per_minute = 100000\nsends_per_hour = 100000\nprompts_per_hour = 100000\nrefusals_per_ten_minutes = 100000\n",
            port(&self.model),
            self.smtp.port,
            self.log,
            port(&self.collector),
            web = self.web,
            store = self.store,
        )
    }

    /// What a model asks for: each a way out, or an attempt at one that is none.
    fn wishes(&self) -> Vec<(&'static str, Value)> {
        let site = format!("http://localhost:{}", self.web);
        let curl = "curl -sS --max-time 10";
        let command = |command: String| ("shell__run", json!({ "command": command }));
        let reaching =
            |command: String| ("shell__run", json!({ "command": command, "hosts": ["localhost"] }));
        vec![
            ("web__fetch", json!({"url": format!("{site}/page")})),
            ("web__fetch", json!({"url": "http://169.254.169.254/latest/meta-data/"})),
            ("web__fetch", json!({"url": format!("http://127.0.0.1:{}/", self.web)})),
            ("web__fetch", json!({"url": "http://no-such-host.invalid/"})),
            ("mail__send", json!({"to": ["anna@example.org"], "subject": "hello", "body": "there"})),
            reaching(format!("{curl} {site}/one; {curl} {site}/two")),
            reaching(format!("{curl} --proxy socks5h://127.0.0.1:{} {site}/three", sandbox::PROXY_PORT)),
            reaching(format!("{curl} http://other.example:{}/", self.web)),
            reaching(format!("{curl} --noproxy '*' http://127.0.0.1:{}/", self.web)),
            command(format!("{curl} {site}/")),
            command(format!("{curl} http://169.254.169.254/")),
        ]
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Answers every request, whatever it is, and reads to the end what is no request.
async fn serving(kind: &'static str, body: String, taken: Arc<AtomicUsize>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            taken.fetch_add(1, Ordering::SeqCst);
            let body = body.clone();
            tokio::spawn(async move {
                let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
                while !heard.starts_with(b"GET ") || !heard.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => heard.extend_from_slice(&piece[..count]),
                    }
                }
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _gone = stream.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    (port, task)
}

/// One task: the model asks for one thing, everything is approved, and it ends.
async fn task(far: &Far, client: &Client, number: usize, wish: (&str, Value)) -> Value {
    let (tool, arguments) = wish;
    let calls = vec![(tool.to_string(), arguments)];
    far.model.then(Next::Answer(Answer { calls, ..Answer::default() }));
    far.model.then(Next::Answer(Answer { text: "done".to_string(), ..Answer::default() }));
    let session = client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string();
    let path = format!("/api/v1/sessions/{session}/messages");
    client.post(&path, json!({"id": format!("t-{number}"), "text": "go on"})).await;
    let begun = std::time::Instant::now();
    loop {
        let transcript = client.get(&format!("/api/v1/sessions/{session}")).await;
        let items = transcript["items"].as_array().unwrap();
        if items.iter().any(|item| item["kind"] == "replied" || item["kind"] == "ended") {
            return transcript;
        }
        for question in client.get("/api/v1/approvals").await["questions"].as_array().unwrap() {
            let path = format!("/api/v1/approvals/{}", question["id"].as_str().unwrap());
            let _answered = client.ask("POST", &path, Some(json!({"answer": "approve"}))).await;
        }
        assert!(begun.elapsed() < PATIENCE, "task {number} never ended: {transcript}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_the_program_is_one_record_and_every_record_one_connection() {
    let place = Place::new();
    let far = Far::start().await;
    let home = place.home("home", Some(&far.config()));
    for (name, value) in [("model", "m0del-key-of-the-run"), ("store", "hvs.the-root-token-1")] {
        let kept = place.run_with(&home, &["secret", "set", name, "--host", "localhost"], value).await;
        assert_eq!(kept.code, Some(0), "{kept:?}");
    }
    let traces = place.path("traces");
    fs::create_dir(&traces).unwrap();
    let up = place.up_traced(&home, &traces.join("trace")).await;
    let client = up.client.clone();
    let mut transcripts = Vec::new();
    for (number, wish) in far.wishes().into_iter().enumerate() {
        transcripts.push(task(&far, &client, number, wish).await);
    }
    up.stop().await;
    let said =
        place.run(&home, &["audit", "query", "--kind", "connection", "--limit", "1000", "--json"]).await;
    let said: Value = serde_json::from_str(&said.out).unwrap_or_else(|_not| panic!("{said:?}"));
    let records = said["records"].as_array().unwrap();
    let (mut commands, mut astray) = (0, 0);
    let seen = connected(&processes(&traces), &mut commands, &mut astray);
    let told = recorded(records);
    let by =
        |port: u16| told.iter().filter(|((_, told), _)| *told == port).map(|(_, count)| count).sum::<usize>();
    assert_eq!(seen, told, "what the kernel saw, and what is on record: {records:#?}");
    // It was a run with everything in it.
    assert!(
        by(far.web) >= 4 && by(far.store) >= 1 && by(far.smtp.port) >= 1 && by(far.log) >= 1,
        "{told:?} {transcripts:#?}"
    );
    assert!(by(far.datagrams.local_addr().unwrap().port()) >= 1, "{told:?}");
    assert!(far.model.seen().len() >= far.wishes().len() && !far.collector.seen().is_empty(), "{told:?}");
    assert_eq!(far.taken.load(Ordering::SeqCst), by(far.web), "what was accepted, and what is on record");
    assert!(commands >= 4 && astray >= 2, "{commands} to their proxy, {astray} past it");
    let denied = records.iter().filter(|record| record["verdict"] == "deny").count();
    assert!(denied >= 3, "{denied} refusals on record");
}
