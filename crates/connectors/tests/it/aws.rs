//! AWS, played by moto, which checks every signature: a secret of Secrets Manager is read, and what a program signed
//! with a stand-in is signed anew on its way to the key's own host alone.

use connectors::secrets::{Aws, AwsKey, Keeper, Kept, Stores};
use connectors::way_out::{OpenHost, OpenName, Protocol, StandIn, WayOut};
use domain::Host;
use egress::{Egress, Observer, Reach, Record, Rule, Rules, Settings, Stage};
use sandbox::{Spec, resolve_program};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use vault::{About, KeySource, SecretText, Vault};

/// The fake, and the client that programs use.
const REQUIREMENTS: &str = "moto[server]==5.2.5";
/// How many calls `prepare.py` makes: the fake checks the signatures of all that come after them.
const CALLS_OF_PREPARE: &str = "6";
const REGION: &str = "eu-west-1";
const PLAIN: &str = "correct horse battery";

/// The far side, and a key to it.
struct Far {
    child: Child,
    port: u16,
    key_id: String,
    key: String,
    python: PathBuf,
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the far side of this test, and a program as a sandbox would start it"
)]
fn start(program: &Path) -> Command {
    Command::new(program)
}

/// A program that knows nothing of this machine's own account of AWS.
fn command(program: &Path) -> Command {
    let mut command = start(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A Python with moto, made once for each version.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(REQUIREMENTS.replace(['[', ']', '='], "-"));
    let (python, whole) = (folder.join("bin/python"), folder.join("whole"));
    // Each test is a process of its own: one makes it, the others wait.
    let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !whole.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        good(&start(Path::new("python3")).args(["-m", "venv"]).arg(&folder).output().unwrap());
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENTS];
        good(&start(&python).args(install).output().unwrap());
        std::fs::write(whole, "").unwrap();
    }
    python
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/aws").join(name)
}

fn far() -> Far {
    let python = python();
    let mut child = command(&python.with_file_name("moto_server"))
        .args(["-H", "127.0.0.1", "-p", "0"])
        .env("INITIAL_NO_AUTH_ACTION_COUNT", CALLS_OF_PREPARE)
        .env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let port = loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "moto did not start");
        if let Some((_, port)) = line.trim().rsplit_once("http://127.0.0.1:") {
            break port.parse().unwrap();
        }
    };
    // What it says of each request is read on, or it would wait for that.
    std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut prepare = command(&python);
    prepare.arg(script("prepare.py")).args([&endpoint, REGION, PLAIN]);
    prepare.env("AWS_ACCESS_KEY_ID", "anybody").env("AWS_SECRET_ACCESS_KEY", "anything");
    let made = good(&prepare.output().unwrap());
    let (key_id, key) = made.trim().split_once(' ').unwrap();
    Far { child, port, key_id: key_id.to_string(), key: key.to_string(), python }
}

/// Remembers which stand-ins were misplaced.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn observe(&self, record: &Record) {
        if let Stage::Misplaced { secret } = &record.stage {
            self.0.lock().unwrap().push(format!("{secret} {}", record.destination));
        }
    }
}

struct House {
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    heard: Arc<Heard>,
    home: tempfile::TempDir,
}

/// A house whose names `aws.test` and `other.test` are this machine, with `key` for the first.
fn house(key: &str) -> House {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
    let about = About { hosts: vec!["aws.test".parse().unwrap()], ..About::default() };
    vault.set(&"aws".parse().unwrap(), SecretText::new(key.to_string()).unwrap(), about).unwrap();
    let here = || vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let names = ["aws.test", "other.test"].map(|name| (name.parse().unwrap(), here())).into();
    let heard = Arc::new(Heard::default());
    let observer = Arc::clone(&heard) as Arc<dyn Observer>;
    let settings = Settings { names, ..Settings::default() };
    let egress = Arc::new(Egress::new(Arc::clone(&vault), settings, observer).unwrap());
    House { vault, egress, heard, home }
}

fn keeper(house: &House, far: &Far, from: &str) -> Keeper {
    let rules = Arc::new(Rules::new().with(Rule::private("aws.test".parse().unwrap(), far.port)));
    let base = format!("http://aws.test:{}/", far.port).parse().unwrap();
    let key = AwsKey { id: far.key_id.clone(), secret: "aws".parse().unwrap(), session_token: None };
    let clock = Arc::new(|| {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        domain::Timestamp(u64::try_from(now).unwrap())
    });
    let aws = Aws::new(Arc::clone(&house.egress), rules, (base, REGION.to_string()), key, clock);
    let about = About { hosts: vec!["mail.test".parse().unwrap()], ..About::default() };
    let kept = Kept { name: "mail".parse().unwrap(), from: from.parse().unwrap(), about, oauth2: None };
    Keeper::new(Arc::clone(&house.vault), Stores { aws: Some(aws), ..Stores::default() }, vec![kept])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_aws_is_read_with_a_signature_lent_to_its_hosts_and_redacted() {
    let far = tokio::task::spawn_blocking(far).await.unwrap();
    for (from, expected) in
        [("aws-sm://prod/plain", PLAIN), ("aws-sm://prod/mail#password", "another horse!")]
    {
        let house = house(&far.key);
        keeper(&house, &far, from).fetch().await.unwrap();
        let mail: domain::SecretName = "mail".parse().unwrap();
        let lent = |host: &str| house.vault.with(&mail, &host.parse().unwrap(), "a test", str::to_string);
        assert_eq!(lent("mail.test").unwrap(), expected);
        assert!(matches!(lent("evil.test"), Err(vault::Error::HostNotAllowed { .. })));
        let redacted = house.egress.redactor().unwrap().redact(&format!("it is {expected}")).into_owned();
        assert!(!redacted.contains(expected), "{redacted}");
    }
    for (from, key, said) in [
        ("aws-sm://prod/none", far.key.as_str(), "no such secret"),
        ("aws-sm://prod/mail#user", far.key.as_str(), "no field `user`"),
        ("aws-sm://prod/plain#user", far.key.as_str(), "no object"),
        ("aws-sm://prod/plain", "a-wrong-key-of-the-same-id", "answered 403"),
    ] {
        let house = house(key);
        let error = keeper(&house, &far, from).fetch().await.unwrap_err().to_string();
        assert!(error.contains(said), "{from}: {error}");
        assert!(!error.contains(key) && !error.contains(PLAIN), "{error}");
    }
}

/// Runs `client.py` with the variables that a command of a sandbox has, against `host`.
async fn client(house: &House, far: &Far, host: &str) -> Output {
    let stand_in = StandIn {
        secret: "aws".parse().unwrap(),
        variable: "AWS_SECRET_ACCESS_KEY".to_string(),
        header: egress::header::AUTHORIZATION,
        aws_key_id: Some(far.key_id.clone()),
    };
    let open = |host: &str, stand_in| OpenHost {
        name: OpenName::Exactly(host.parse().unwrap()),
        ports: vec![far.port],
        methods: Vec::new(),
        paths: Vec::new(),
        protocol: Protocol::Web,
        reach: Reach::Private,
        stand_in,
    };
    let hosts = vec![open("aws.test", Some(stand_in)), open("other.test", None)];
    let way_out = WayOut::new(Arc::clone(&house.egress), hosts, house.home.path().join("trust.pem"));
    let mut spec = Spec::new(resolve_program("true").unwrap(), vec!["true".into()]);
    let reached: Vec<(Host, u16)> =
        ["aws.test", "other.test"].iter().map(|host| (host.parse().unwrap(), far.port)).collect();
    let run = way_out.prepare(&mut spec, "a test", &reached).unwrap();
    #[expect(clippy::disallowed_methods, reason = "where the proxy of a sandbox listens")]
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = sandbox::Sandbox::probe().await.unwrap();
    let _open = way_out.serve(listener, way_out.ready(&sandbox, run).await.unwrap()).unwrap();
    let mut command = command(&far.python);
    command.envs(spec.environment.iter()).env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
    command.env("HOME", house.home.path());
    command.arg(script("client.py")).args([&format!("http://{host}:{}", far.port), REGION]);
    let seen: Vec<(String, String)> =
        spec.environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    assert!(seen.iter().all(|(_, value)| !value.contains(&far.key)), "{seen:?}");
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_signed_with_a_stand_in_is_signed_anew_for_the_key_s_own_host_alone() {
    let far = tokio::task::spawn_blocking(far).await.unwrap();
    let house = house(&far.key);
    let done = good(&client(&house, &far, "aws.test").await);
    assert_eq!(
        done.lines().collect::<Vec<_>>(),
        ["sts the-user", "secret correct horse battery", "s3 17 bytes"]
    );
    assert_eq!(*house.heard.0.lock().unwrap(), Vec::<String>::new());
    let elsewhere = client(&house, &far, "other.test").await;
    let said = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(!elsewhere.status.success() && said.contains("ClientError"), "{said}");
    assert!(!said.contains(&far.key_id) && !said.contains(&far.key), "{said}");
    assert_eq!(house.heard.0.lock().unwrap().first().map(String::as_str), Some("aws other.test"));
}
