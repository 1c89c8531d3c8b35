//! The corpora of addresses and of hosts, against every client of this crate: pages, uptime, both kinds of mail, stores
//! of secrets, tokens, and a real program in its sandbox.

use crate::house::{NOW, key};
use connectors::Stop;
use connectors::mail::{ImapServer, MailBoxes, MailPlace, Mailbox, Recipients, SmtpServer, Unread, sample};
use connectors::secrets::{
    Aws, AwsKey, ClientLogin, Hashicorp, HashicorpLogin, Keeper, Kept, OAuth2, Stores,
};
use connectors::shell::{Changes, Shell, ShellSettings};
use connectors::way_out::WayOut;
use connectors::web::Web;
use domain::{Host, SecretName, Target};
use egress::{Egress, Observer, Record, Resolve, Rule, Rules, Settings, Stage, Url};
use sandbox::{Level, Limits, Sandbox};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vault::{About, KeySource, SecretText, Vault};

/// Every name has the address that is set here.
struct Names(Mutex<IpAddr>);

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        _host: &'a Host,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let address = *self.0.lock().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// Remembers who was connected to, and which rules refused.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn observe(&self, record: &Record) {
        let word = match &record.stage {
            Stage::Connecting => format!("connecting {}", record.destination),
            Stage::Refused { rule, .. } => (*rule).to_string(),
            Stage::Failed { .. } | Stage::Closed { .. } | Stage::Misplaced { .. } => return,
        };
        self.0.lock().unwrap().push(word);
    }
}

struct House {
    names: Arc<Names>,
    seen: Arc<Seen>,
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
        let vault = Arc::new(Vault::open(&home, &KeySource::File).unwrap());
        let names = Arc::new(Names(Mutex::new("93.184.216.34".parse().unwrap())));
        let seen = Arc::new(Seen::default());
        let settings = Settings { resolver: Arc::clone(&names) as Arc<dyn Resolve>, ..Settings::default() };
        let observer = Arc::clone(&seen) as Arc<dyn Observer>;
        let egress = Arc::new(Egress::new(Arc::clone(&vault), settings, observer).unwrap());
        Self { names, seen, vault, egress, folder }
    }

    /// The rules that refused since this was asked last; nothing was connected to.
    fn refused(&self, of: &str) -> Vec<String> {
        let seen = std::mem::take(&mut *self.seen.0.lock().unwrap());
        assert!(!seen.iter().any(|word| word.starts_with("connecting")), "{of}: {seen:?}");
        seen
    }

    async fn page(&self, host: &str) -> bool {
        let rules = Rules::new().with(Rule::anywhere(80)).with(Rule::anywhere(443));
        let web = Web::new(Arc::clone(&self.egress), Arc::new(rules));
        let (plain, secure) = (format!("http://{host}/"), format!("https://{host}/"));
        let pages = web.fetch(&plain).await.is_err() && web.fetch(&secure).await.is_err();
        pages && web.uptime(&plain).await.is_err() && web.uptime(&secure).await.is_err()
    }

    /// Sends through the server, as the configuration would name it.
    async fn mail_out(&self, host: &str) -> bool {
        let from = "me@home.example".parse().unwrap();
        let Ok(server) = SmtpServer::parse(&format!("smtp+plain://{host}"), from, None) else { return true };
        let maildir = self.folder.path().join("mail");
        if !maildir.exists() {
            sample::write(&maildir, NOW).unwrap();
        }
        let mailbox = Mailbox { name: "home".to_string(), place: MailPlace::Maildir(maildir) };
        let mail = MailBoxes::open(&[mailbox], Some(server), Arc::clone(&self.egress)).unwrap();
        let to = Recipients { to: vec!["a@x.example".parse().unwrap()], cc: vec![] };
        mail.send(&to, "x", "x", None, &key("t1.0.0"), NOW).await.is_err()
    }

    async fn mail_in(&self, host: &str) -> bool {
        let url = format!("imap+plain://me@{host}");
        let Ok(server) = ImapServer::parse(&url, "mail".parse().unwrap()) else { return true };
        let mailbox = Mailbox { name: "work".to_string(), place: MailPlace::Imap(server) };
        let mail = MailBoxes::open(&[mailbox], None, Arc::clone(&self.egress)).unwrap();
        mail.list("INBOX", Unread::All, 1, &Stop::default()).await.is_err()
    }

    /// A store of each kind, and a service that makes tokens.
    async fn stores(&self, host: &str) -> bool {
        let Ok(base) = format!("https://{host}/").parse::<Url>() else { return true };
        let Some(name) = base.destination.name().cloned() else { return true };
        let about = || About { hosts: vec![name.clone()], ..About::default() };
        let secret = |text: &str| -> SecretName {
            let value = SecretText::new("a-secret-of-some-length".to_string()).unwrap();
            self.vault.set(&text.parse().unwrap(), value, about()).unwrap();
            text.parse().unwrap()
        };
        let (egress, vault) = (|| Arc::clone(&self.egress), || Arc::clone(&self.vault));
        let rules = || Arc::new(Rules::new().with(Rule::host(base.destination.clone(), base.port)));
        let login = HashicorpLogin::Token(secret("root-token"));
        let hashicorp = Hashicorp::new(egress(), vault(), rules(), base.clone(), None, login);
        let key = AwsKey { id: "AKIDEXAMPLE".to_string(), secret: secret("aws-key"), session_token: None };
        let place = (base.clone(), "eu-central-1".to_string());
        let aws = Aws::new(egress(), rules(), place, key, Arc::new(|| NOW));
        let client = ("client".to_string(), ClientLogin::Public);
        let oauth2 = OAuth2::new(egress(), vault(), rules(), base.clone(), client, None);
        let refresh = format!("secret://{}", secret("refresh"));
        let mut closed = true;
        for (from, oauth2, stores) in [
            ("vault://kv/app#key", None, Stores { hashicorp, ..Stores::default() }),
            ("aws-sm://app#key", None, Stores { aws: Some(aws), ..Stores::default() }),
            (refresh.as_str(), Some(Arc::new(oauth2)), Stores::default()),
        ] {
            let kept =
                Kept { name: "mail".parse().unwrap(), from: from.parse().unwrap(), about: about(), oauth2 };
            closed &= Keeper::new(vault(), stores, vec![kept]).fetch().await.is_err();
        }
        closed
    }
}

fn corpus() -> impl Iterator<Item = (IpAddr, &'static str)> {
    let lines = include_str!("../../../egress/corpus/addresses.txt").lines();
    lines.filter_map(|line| {
        let (address, class) = line.split('#').next()?.trim().split_once(char::is_whitespace)?;
        Some((address.parse().ok()?, class.trim()))
    })
}

fn hosts() -> impl Iterator<Item = String> {
    let lines = include_str!("../../../egress/corpus/hosts.txt").lines();
    let texts = lines.filter(|line| !line.starts_with("# ")).filter_map(|line| line.split_once('\t'));
    texts.map(|(text, _why)| text.replace("\\0", "\0").replace("\\t", "\t").replace("\\r", "\r"))
}

#[tokio::test]
async fn no_name_leads_a_client_to_an_address_that_nobody_opened() {
    let house = House::new();
    for (address, class) in corpus().filter(|(_, class)| *class != "public") {
        *house.names.0.lock().unwrap() = address;
        assert!(house.page("name.example").await, "{address}");
        assert_eq!(house.refused("pages").len(), 4, "{address}");
        assert!(house.stores("name.example").await, "{address}");
        assert_eq!(house.refused("the stores").len(), 3, "{address}");
        // The one server that the configuration names may be in the house's own network, and nowhere else.
        if !["loopback", "private"].contains(&class) {
            assert!(house.mail_out("name.example").await && house.mail_in("name.example").await, "{address}");
            assert_eq!(house.refused("mail").len(), 2, "{address}");
        }
    }
}

#[tokio::test]
async fn no_client_goes_to_a_host_that_means_something_else_to_somebody() {
    let house = House::new();
    let literals = corpus().map(|(address, _)| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    for host in hosts().chain(literals) {
        // A user belongs into the URL of a mailbox, where a host has none.
        let mail_takes_users = host.contains('@') || host.contains(':');
        assert!(house.page(&host).await, "{host:?}");
        assert!(house.stores(&host).await, "{host:?}");
        if !mail_takes_users {
            assert!(house.mail_out(&host).await && house.mail_in(&host).await, "{host:?}");
        }
        house.refused(&host);
    }
}

/// One real program tries them all, over each protocol that its proxy speaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_a_sandbox_reaches_none_of_them() {
    let house = House::new();
    let workspace = house.folder.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    let literals = corpus().map(|(address, _)| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    let all: Vec<String> = hosts().chain(literals).collect();
    std::fs::write(workspace.join("hosts"), all.join("\n")).unwrap();
    // Without a library in between that would tidy a host up before the proxy sees it.
    let script = r#"
import os, socket
proxy = ("127.0.0.1", 3128)
def say(*pieces):
    with socket.create_connection(proxy, 20) as s:
        answer = b""
        for piece in pieces:
            s.sendall(piece)
            answer = s.recv(4096)
        return answer
let = []
for line in open("hosts", "rb").read().split(b"\n"):
    if say(b"CONNECT " + line + b":443 HTTP/1.1\r\nHost: " + line + b":443\r\n\r\n").startswith(b"HTTP/1.1 200"):
        let.append(("CONNECT", line))
    if b" 200 " in say(b"GET http://" + line + b"/ HTTP/1.1\r\nHost: " + line + b"\r\n\r\n")[:15]:
        let.append(("GET", line))
    if len(line) < 256 and say(b"\x05\x01\x00", b"\x05\x01\x00\x03" + bytes([len(line)]) + line + b"\x01\xbb")[1:2] == b"\x00":
        let.append(("SOCKS", line))
print("let through:", let)
"#;
    std::fs::write(workspace.join("try.py"), script).unwrap();
    let settings = ShellSettings {
        workspace,
        readable: vec![],
        never_writable: vec![],
        changes: Changes::Direct,
        limits: Limits { wall: Duration::from_secs(60), ..Limits::default() },
        floor: Level::Landlock,
    };
    let sandbox = Arc::new(Sandbox::probe().await.unwrap());
    let way_out = WayOut::new(Arc::clone(&house.egress), vec![], house.folder.path().join("trusted.pem"));
    let shell = Shell::new(sandbox, settings).reaching(way_out);
    let command = tools::shell::parse("/usr/bin/python3 try.py").unwrap();
    let mut targets = Shell::targets(&command).unwrap();
    targets.push(Target::Host { host: "example.com".parse().unwrap(), port: 443 });
    let never = std::future::pending();
    let ran = shell.run(&command, &targets, "0-t.1.0", never, Arc::new(|_: &str| {})).await.unwrap();
    assert!(ran.finding.text.contains("let through: []"), "{}", ran.finding.text);
    assert!(house.refused("the program").len() >= all.len(), "not all came as far as the rules");
}
