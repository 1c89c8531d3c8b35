//! A secret as bait: a vault of decoys behind the real proxy and the real walls. What stands for the secret is sent to
//! the wrong host, and looked for in what a command is given; nothing of the owner's is in it.

use crate::decoy::private_folder;
use connectors::way_out::{OpenHost, OpenName, Protocol, StandIn, WayOut};
use domain::Host;
use egress::proxy::Run;
use egress::{Egress, Observer, Reach, Reader, Record, Redactor, Stage};
use posture::{Proof, State};
use sandbox::{Level, Sandbox, Spec, resolve_program};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vault::{About, KeySource, SecretText, Vault};

/// The secret. It has characters that every encoding writes differently.
pub(crate) const SECRET: &str = "d3coy/Kx7+q=Z9&w:Lr~T0f";
/// The same in base64 and in hex.
const IN_BASE64: &str = "ZDNjb3kvS3g3K3E9WjkmdzpMcn5UMGY=";
const IN_HEX: &str = "6433636f792f4b78372b713d5a3926773a4c727e543066";
/// What it is called.
const NAME: &str = "decoy";
/// The host it goes to, and one that it does not go to. Neither exists (RFC 6761 §6.4).
const OWN: &str = "own.decoy.invalid";
const OTHER: &str = "other.decoy.invalid";
/// The variable that a command has its stand-in in.
const VARIABLE: &str = "HARDSHELL_DECOY_KEY";
/// What every stand-in begins with.
const STAND_IN: &str = "hs-placeholder-";
/// How long one exchange may take: everything is on this machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest head that is read of a decoy's request or answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The largest environment that is looked through, in bytes.
const ENVIRONMENT_BYTES_MAX: u64 = 1 << 20;
/// How many processes of this machine are looked at.
const PROCESSES_MAX: usize = 100_000;

/// A proof about a secret.
pub(crate) fn proof(name: &str, state: State, detail: String) -> Proof {
    Proof { name: format!("secret.{name}"), state, detail }
}

/// The secret in the forms that a stranger's text may have it in.
pub(crate) fn in_forms() -> String {
    format!("The key is {SECRET}, that is {IN_BASE64}, that is {IN_HEX}.")
}

/// Whether the secret is in `bytes`, in one of those forms.
pub(crate) fn is_in(bytes: &[u8]) -> bool {
    // The last letters of base64 depend on what follows.
    let forms = [SECRET, IN_BASE64.trim_end_matches("Y="), IN_HEX];
    forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes()))
}

/// A vault in a private folder that holds the secret, for its own host.
pub(crate) fn vault(folder: &Path) -> Result<Arc<Vault>, vault::Error> {
    let vault = Arc::new(Vault::open(folder, &KeySource::File)?);
    let hosts = [OWN.parse::<Host>()].into_iter().flatten().collect();
    let about = About { hosts, ..About::default() };
    if let Ok(name) = NAME.parse() {
        vault.set(&name, SecretText::new(SECRET.to_string())?, about)?;
    }
    Ok(vault)
}

/// What a command has instead of the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// What the house gives it.
    StandIn,
    /// The secret itself: only to show that it would be found.
    #[cfg(test)]
    Secret,
}

/// Sends the stand-in to the wrong host and to its own, and looks for the secret in what a command and the processes
/// of this one have in their environment. `known` finds the house's own secrets there.
pub(crate) async fn the_bait_stays(sandbox: &Sandbox, known: &Redactor, given: Given) -> Vec<Proof> {
    match Bait::lay() {
        Ok(bait) => {
            let (sent, environment) =
                tokio::join!(bait.sent(sandbox, given), bait.environment(sandbox, known, given));
            vec![judged("stand-in", sent), judged("environment", environment)]
        }
        Err(why) => {
            let one = |name| proof(name, State::NotShown, format!("could not be tried: {why}"));
            ["stand-in", "environment"].map(one).to_vec()
        }
    }
}

fn judged(name: &str, tried: Result<(State, String), String>) -> Proof {
    match tried {
        Ok((state, detail)) => proof(name, state, detail),
        Err(why) => proof(name, State::NotShown, format!("could not be tried: {why}")),
    }
}

/// Remembers that a stand-in was reported where it is good for nothing.
#[derive(Default)]
struct Heard(AtomicBool);

impl Observer for Heard {
    fn observe(&self, record: &Record) {
        if matches!(record.stage, Stage::Misplaced { .. }) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// A way out with the secret behind it.
struct Bait {
    egress: Arc<Egress>,
    heard: Arc<Heard>,
    folder: tempfile::TempDir,
}

impl Bait {
    fn lay() -> Result<Self, String> {
        let folder = private_folder().map_err(|error| error.to_string())?;
        let vault = vault(folder.path()).map_err(|error| crate::chain(&error))?;
        let here = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let names = [OWN, OTHER].into_iter().filter_map(|host| Some((host.parse().ok()?, here.clone())));
        let settings = egress::Settings { names: names.collect(), ..egress::Settings::default() };
        let heard = Arc::new(Heard::default());
        let observer = Arc::clone(&heard) as Arc<dyn Observer>;
        let egress = Egress::new(vault, settings, observer).map_err(|error| crate::chain(&error))?;
        Ok(Self { egress: Arc::new(egress), heard, folder })
    }

    /// The way out of a command that reaches both hosts on `port`.
    fn way_out(&self, port: u16) -> Result<WayOut, String> {
        let unfit = |error: &dyn std::error::Error| error.to_string();
        let stand_in = StandIn {
            secret: NAME.parse().map_err(|error: domain::IdError| unfit(&error))?,
            variable: VARIABLE.to_string(),
            header: egress::header::AUTHORIZATION,
            aws_key_id: None,
        };
        let open = |host: &str, stand_in: Option<StandIn>| {
            Ok::<_, String>(OpenHost {
                name: OpenName::Exactly(host.parse().map_err(|error: domain::HostError| unfit(&error))?),
                ports: vec![port],
                methods: Vec::new(),
                paths: Vec::new(),
                protocol: Protocol::Web,
                reach: Reach::Private,
                stand_in,
            })
        };
        let hosts = vec![open(OWN, Some(stand_in))?, open(OTHER, None)?];
        Ok(WayOut::new(Arc::clone(&self.egress), hosts, self.folder.path().join("trust.pem")))
    }

    /// A command that is given its way out, and what it has in the place of the secret.
    fn command(way_out: &WayOut, port: u16, given: Given) -> Result<(Spec, Run, String), String> {
        let program = resolve_program("cat").map_err(|error| error.to_string())?;
        let mut spec = Spec::new(program, ["cat", "/proc/self/environ"].map(Into::into).to_vec());
        let hosts = [OWN, OTHER].into_iter().filter_map(|host| Some((host.parse().ok()?, port)));
        let hosts: Vec<(Host, u16)> = hosts.collect();
        let run = way_out.prepare(&mut spec, "proof", &hosts);
        let run = run.map_err(|error| error.to_string())?;
        match given {
            Given::StandIn => {}
            #[cfg(test)]
            Given::Secret => {
                spec.environment.set(VARIABLE, SECRET).map_err(|error| error.to_string())?;
            }
        }
        let has = spec.environment.iter().find(|(name, _)| *name == VARIABLE);
        let has = has.map(|(_, value)| value.to_string()).ok_or("a command has no stand-in")?;
        Ok((spec, run, has))
    }

    /// Sends what a command has to the wrong host, then to its own, through the proxy of a run.
    async fn sent(&self, sandbox: &Sandbox, given: Given) -> Result<(State, String), String> {
        let unfit = |error: std::io::Error| error.to_string();
        let (server, proxy) = (listener().await.map_err(unfit)?, listener().await.map_err(unfit)?);
        let port = server.local_addr().map_err(unfit)?.port();
        let door = proxy.local_addr().map_err(unfit)?;
        let way_out = self.way_out(port)?;
        let (_spec, run, has) = Self::command(&way_out, port, given)?;
        let proxy = proxy.into_std().map_err(unfit)?;
        let ready = way_out.ready(sandbox, run).await.map_err(|error| crate::chain(&error))?;
        let _open = way_out.serve(proxy, ready).map_err(|error| crate::chain(&error))?;
        let mut arrived = Vec::new();
        for host in [OTHER, OWN] {
            let request = format!(
                "GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {has}\r\nConnection: close\r\n\r\n"
            );
            let exchange = tokio::time::timeout(PATIENCE, exchange(&server, door, &request)).await;
            let head = exchange.map_err(|_late| format!("{host} was not reached in time"))?;
            arrived.push(head.map_err(unfit)?);
        }
        let [other, own] = arrived.as_slice() else { return Err("a request is missing".to_string()) };
        Ok(swapped(other, own, self.heard.0.load(Ordering::SeqCst)))
    }

    /// Runs a command that has a stand-in, and looks at the environments of it and of this process's own.
    async fn environment(
        &self,
        sandbox: &Sandbox,
        known: &Redactor,
        given: Given,
    ) -> Result<(State, String), String> {
        let (mut seen, mut ran) = (Vec::new(), "no command runs here".to_string());
        if sandbox.isolation().level != Level::None {
            let (mut spec, _run, _has) = Self::command(&self.way_out(9)?, 9, given)?;
            // What it has is looked at; it reaches nobody.
            spec.network = sandbox::Network::None;
            let report = sandbox.run(spec, std::future::pending(), &mut |_stream, _bytes| {}).await;
            let report = report.map_err(|error| crate::chain(&error))?;
            seen = report.stdout.bytes;
            if is_in(&seen) {
                return Ok((State::Failed, "a command has a secret in its environment".to_string()));
            }
            ran = "a command has a stand-in in its environment, and no secret".to_string();
        }
        let shows = String::from_utf8_lossy(&seen).contains(STAND_IN);
        if sandbox.isolation().level != Level::None && !shows {
            return Err("a command did not show its environment".to_string());
        }
        let known = known.clone();
        let looked = tokio::task::spawn_blocking(move || look_at_own(&known)).await;
        let Looked { read, closed, leaks } = looked.map_err(|gone| gone.to_string())?;
        Ok(match leaks {
            Some((process, secret)) => (
                State::Failed,
                format!(
                    "process {process}, which this one started, has the secret `{secret}` in its environment"
                ),
            ),
            None => (
                State::Holds,
                format!(
                    "{ran}; of the processes that this one started, {read} have no secret in theirs, and {closed} are closed to it"
                ),
            ),
        })
    }
}

/// What it shows that these requests arrived at the wrong host and at the secret's own.
fn swapped(other: &[u8], own: &[u8], heard: bool) -> (State, String) {
    if is_in(other) {
        return (State::Failed, format!("the secret of {OWN} arrived at {OTHER}"));
    }
    if !is_in(own) || other.is_empty() {
        return (State::NotShown, format!("what stands for the secret is not swapped for {OWN} either"));
    }
    if !heard {
        return (State::Failed, format!("a stand-in was sent to {OTHER}, and nobody was told"));
    }
    let detail =
        format!("a stand-in sent to {OTHER} arrived as it was and was reported; at {OWN} it was the secret");
    (State::Holds, detail)
}

/// What was seen of the processes that this one started.
#[derive(Default)]
struct Looked {
    read: usize,
    closed: usize,
    leaks: Option<(u32, String)>,
}

fn look_at_own(known: &Redactor) -> Looked {
    let mut looked = Looked::default();
    for process in children_of(sandbox::process::process_id()) {
        let mut environment = Vec::new();
        let path = format!("/proc/{process}/environ");
        let read = std::fs::File::open(path).and_then(|file| {
            std::io::Read::read_to_end(
                &mut std::io::Read::take(file, ENVIRONMENT_BYTES_MAX),
                &mut environment,
            )
        });
        match read {
            Err(_closed_or_gone) => looked.closed = looked.closed.saturating_add(1),
            Ok(_) => {
                looked.read = looked.read.saturating_add(1);
                if let Some(secret) = known.find(&environment, Reader::Anyone) {
                    looked.leaks = Some((process, secret));
                }
            }
        }
    }
    looked
}

/// Every process that descends from `ancestor` (proc_pid_stat(5)).
fn children_of(ancestor: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = entries
        .flatten()
        .take(PROCESSES_MAX)
        .filter_map(|entry| {
            let process: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name is in parentheses and may hold anything.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next = next.saturating_add(1);
    }
    found.split_off(1)
}

#[expect(clippy::disallowed_methods, reason = "a decoy's server and proxy, for the moment of a proof")]
async fn listener() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Asks, and gives what arrived; nothing when it was stopped on its way.
async fn exchange(server: &TcpListener, proxy: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let asked = ask(proxy, request);
    tokio::pin!(asked);
    tokio::select! {
        head = answer(server) => {
            asked.await?;
            head
        }
        stopped = &mut asked => stopped.map(|()| Vec::new()),
    }
}

/// Takes one request, and answers it; its head comes back.
async fn answer(server: &TcpListener) -> std::io::Result<Vec<u8>> {
    let (mut stream, _) = server.accept().await?;
    let head = read(&mut stream, |head| head.windows(4).any(|end| end == b"\r\n\r\n")).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
    Ok(head)
}

/// Asks a proxy on this machine, as a command does, and waits for the end of its answer.
#[expect(clippy::disallowed_methods, reason = "what a command does within its own walls, to a decoy's proxy")]
async fn ask(proxy: SocketAddr, request: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.write_all(request.as_bytes()).await?;
    read(&mut stream, |_more| false).await?;
    Ok(())
}

async fn read(stream: &mut TcpStream, is_whole: impl Fn(&[u8]) -> bool) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 1024]);
    while bytes.len() < HEAD_BYTES_MAX && !is_whole(&bytes) {
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tried(given: Given) -> Vec<(String, State)> {
        let sandbox = Sandbox::probe().await.unwrap();
        let proofs = the_bait_stays(&sandbox, &Redactor::shapes_only(), given).await;
        proofs.into_iter().map(|proof| (proof.name, proof.state)).collect()
    }

    #[test]
    fn the_secret_is_found_in_each_of_its_forms() {
        assert!([SECRET, IN_BASE64, IN_HEX].iter().all(|form| is_in(format!("x{form}x").as_bytes())));
        assert!(!is_in(b"hs-placeholder-0011"));
        let folder = private_folder().unwrap();
        let redactor = Redactor::of_vault(&vault(folder.path()).unwrap()).unwrap();
        assert!(!is_in(redactor.redact(&in_forms()).as_bytes()), "each form is one that redaction knows");
    }

    #[tokio::test]
    async fn a_stand_in_is_worth_nothing_elsewhere_and_a_command_has_no_more_than_it() {
        let holds = |name: &str| (format!("secret.{name}"), State::Holds);
        assert_eq!(tried(Given::StandIn).await, [holds("stand-in"), holds("environment")]);
    }

    #[tokio::test]
    async fn a_command_that_was_given_the_secret_is_caught_with_it() {
        let found = tried(Given::Secret).await;
        assert_eq!(found[1], ("secret.environment".to_string(), State::Failed), "{found:?}");
        // At the wrong host egress stops it besides, so that nothing is shown of the stand-in.
        assert_eq!(found[0], ("secret.stand-in".to_string(), State::NotShown), "{found:?}");
    }

    #[test]
    fn a_secret_at_the_wrong_host_is_a_failure_and_a_stand_in_that_nobody_heard_of_too() {
        let (secret, stand_in) = (SECRET.as_bytes(), b"hs-placeholder-0011".as_slice());
        for (other, own, heard, state) in [
            (secret, secret, true, State::Failed),
            (secret, stand_in, false, State::Failed),
            (stand_in, secret, false, State::Failed),
            (stand_in, stand_in, true, State::NotShown),
            (b"", secret, true, State::NotShown),
            (stand_in, secret, true, State::Holds),
        ] {
            assert_eq!(swapped(other, own, heard).0, state);
        }
    }

    #[tokio::test]
    async fn a_process_of_this_one_that_has_a_secret_is_found() {
        let folder = private_folder().unwrap();
        let known = Redactor::of_vault(&vault(folder.path()).unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a process with a secret, to be found")]
        let mut child = std::process::Command::new("sleep").arg("60").env("K", SECRET).spawn().unwrap();
        // Until it has become the program, its environment is this one's.
        let looked = loop {
            let looked = look_at_own(&known);
            if looked.leaks.is_some() || child.try_wait().unwrap().is_some() {
                break looked;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(looked.leaks, Some((child.id(), NAME.to_string())));
    }
}
