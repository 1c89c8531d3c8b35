//! Programs as they are installed, with the usual variables set: each works through the proxy, and fails outside its
//! list. Their far sides are served here: a git repository, a Python index, an npm and a Cargo registry.

use crate::house::{House, Server, destination, tls};
use crate::proxy::{Cage, cage_of};
use egress::proxy::Placeholders;
use egress::{Rule, Rules};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

/// A cage in which `api.test` is served these files and `other.test` is on no list, and the folder of its programs.
struct Machine {
    cage: Cage,
    server: Server,
    folder: tempfile::TempDir,
}

/// Whether requests to the allowed host are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Inspected,
    Unread,
}

async fn machine(
    read: Read,
    files: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Machine {
    let (settings, acceptor) = tls(&["api.test", "other.test"]);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::over_tls(acceptor, move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let host = request
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("host: ").map(str::to_string))
            .unwrap_or_default();
        match files(path, &host) {
            Some(body) => {
                let kind = if body.starts_with(b"<html>") { "text/html" } else { "application/octet-stream" };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
                [head.as_bytes(), &body].concat()
            }
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    })
    .await;
    let rule = Rule::private(destination("api.test"), server.port);
    let rule = if read == Read::Inspected { rule.path("/") } else { rule };
    let trusted = settings.trusted.clone();
    let house = House::with(settings);
    let mut bundle = house.egress.authority().unwrap().pem().to_string();
    if read == Read::Unread {
        bundle = trusted.iter().map(|certificate| pem(certificate)).collect();
    }
    std::fs::write(folder.path().join("ca.pem"), bundle).unwrap();
    Machine { cage: cage_of(house, Rules::new().with(rule), Placeholders::default()), server, folder }
}

fn pem(certificate: &[u8]) -> String {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl Machine {
    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.server.port)
    }

    /// Runs a program with the variables that a sandbox sets.
    async fn run(&self, program: &str, arguments: &[&str], extra: &[(&str, &str)]) -> Output {
        let folder = self.folder.path().to_path_buf();
        let bundle = folder.join("ca.pem").display().to_string();
        let proxy = format!("http://127.0.0.1:{}", self.cage.port);
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            variables.insert(name.to_string(), proxy.clone());
        }
        for name in [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "PIP_CERT",
            "CARGO_HTTP_CAINFO",
            "npm_config_cafile",
        ] {
            variables.insert(name.to_string(), bundle.clone());
        }
        variables.insert("HOME".to_string(), folder.display().to_string());
        variables.insert("CARGO_HOME".to_string(), folder.join("cargo").display().to_string());
        variables.insert("GIT_CONFIG_NOSYSTEM".to_string(), "1".to_string());
        variables.insert("PIP_CONFIG_FILE".to_string(), "/dev/null".to_string());
        variables.insert("no_proxy".to_string(), String::new());
        variables.insert("NO_PROXY".to_string(), String::new());
        if let Ok(home) = std::env::var("HOME") {
            for (name, folder) in [("PYENV_ROOT", ".pyenv"), ("RUSTUP_HOME", ".rustup")] {
                let value = std::env::var(name).unwrap_or(format!("{home}/{folder}"));
                variables.insert(name.to_string(), value);
            }
        }
        variables.extend(extra.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let (program, arguments) =
            (program.to_string(), arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || {
            let mut command = start(&program);
            command.args(arguments).envs(variables).current_dir(folder).output().unwrap()
        })
        .await
        .unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the programs of this test are what a sandbox would start")]
fn start(program: &str) -> Command {
    Command::new(program)
}

fn run_here(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = start(program);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn shown(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// It worked towards the allowed host and not towards the other one, of which nothing was ever asked.
fn check(machine: &Machine, program: &str, allowed: &Output, other: &Output) {
    assert!(allowed.status.success(), "{program}: {}", shown(allowed));
    assert!(!other.status.success(), "{program} outside its list: {}", shown(other));
    let reached = machine.server.requests();
    assert!(reached.iter().any(|request| request.contains("api.test")), "{program}: {reached:?}");
    assert!(!reached.iter().any(|request| request.contains("other.test")), "{program}: {reached:?}");
    assert!(machine.cage.house.memory.stages().contains(&"refused egress.host".to_string()), "{program}");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_over_every_protocol() {
    for read in [Read::Inspected, Read::Unread] {
        let machine = machine(read, |path, _| (path == "/hello").then(|| b"hello from afar".to_vec())).await;
        let socks = format!("socks5h://127.0.0.1:{}", machine.cage.port);
        for extra in [vec![], vec![("https_proxy", socks.as_str()), ("HTTPS_PROXY", socks.as_str())]] {
            let allowed = machine.run("curl", &["-sSf", &machine.url("api.test", "/hello")], &extra).await;
            let other = machine.run("curl", &["-sSf", &machine.url("other.test", "/hello")], &extra).await;
            check(&machine, &format!("curl {read:?} {extra:?}"), &allowed, &other);
            assert!(shown(&allowed).contains("hello from afar"), "{}", shown(&allowed));
        }
        // Names resolved by the program itself are of no use to it.
        let local = format!("socks5://127.0.0.1:{}", machine.cage.port);
        let numbers = machine
            .run(
                "curl",
                &["-sSf", "-k", &machine.url("127.0.0.1", "/hello")],
                &[("https_proxy", &local), ("HTTPS_PROXY", &local)],
            )
            .await;
        assert!(!numbers.status.success(), "{}", shown(&numbers));
        let numbers = machine.run("curl", &["-sSf", "-k", &machine.url("127.0.0.1", "/hello")], &[]).await;
        assert!(!numbers.status.success(), "{}", shown(&numbers));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones() {
    let source = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| run_here(source.path(), "git", arguments);
    git(&["init", "-q", "work"]);
    std::fs::write(source.path().join("work/a.txt"), "a file\n").unwrap();
    git(&["-C", "work", "add", "a.txt"]);
    git(&["-C", "work", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one"]);
    git(&["clone", "-q", "--bare", "work", "bare.git"]);
    git(&["-C", "bare.git", "update-server-info"]);
    for read in [Read::Inspected, Read::Unread] {
        let bare = source.path().to_path_buf();
        let machine = machine(read, move |path, _| {
            std::fs::read(bare.join(path.split('?').next()?.trim_start_matches('/'))).ok()
        })
        .await;
        let allowed =
            machine.run("git", &["clone", "-q", &machine.url("api.test", "/bare.git"), "copy"], &[]).await;
        let other =
            machine.run("git", &["clone", "-q", &machine.url("other.test", "/bare.git"), "none"], &[]).await;
        check(&machine, &format!("git {read:?}"), &allowed, &other);
        assert_eq!(std::fs::read_to_string(machine.folder.path().join("copy/a.txt")).unwrap(), "a file\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn python_fetches_with_urllib_and_requests() {
    for read in [Read::Inspected, Read::Unread] {
        let machine = machine(read, |path, _| (path == "/hello").then(|| b"hello from afar".to_vec())).await;
        for script in [
            "import sys,urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
            // What pip carries along is the library itself.
            "import sys; from pip._vendor import requests as r; a=r.get(sys.argv[1]); a.raise_for_status(); print(a.text)",
        ] {
            let allowed =
                machine.run("python3", &["-c", script, &machine.url("api.test", "/hello")], &[]).await;
            let other =
                machine.run("python3", &["-c", script, &machine.url("other.test", "/hello")], &[]).await;
            check(&machine, &format!("python {read:?} {script}"), &allowed, &other);
            assert!(shown(&allowed).contains("hello from afar"), "{}", shown(&allowed));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_downloads() {
    let source = tempfile::tempdir().unwrap();
    let script = "import zipfile\n\
        z = zipfile.ZipFile('small-1.0-py3-none-any.whl', 'w')\n\
        z.writestr('small.py', 'x = 1\\n')\n\
        z.writestr('small-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n')\n\
        z.writestr('small-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: a\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
        z.writestr('small-1.0.dist-info/RECORD', '')\n\
        z.close()\n";
    run_python(source.path(), script);
    let wheel = Arc::new(std::fs::read(source.path().join("small-1.0-py3-none-any.whl")).unwrap());
    let machine = machine(Read::Inspected, move |path, _| match path {
        "/simple/small/" => Some(
            b"<html><a href=\"/small-1.0-py3-none-any.whl\">small-1.0-py3-none-any.whl</a></html>".to_vec(),
        ),
        "/small-1.0-py3-none-any.whl" => Some(wheel.to_vec()),
        _ => None,
    })
    .await;
    let download = |host: &str| {
        let index = machine.url(host, "/simple/");
        [
            "-m",
            "pip",
            "download",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--retries",
            "0",
            "--no-deps",
            "-d",
            "got",
            "-i",
        ]
        .into_iter()
        .map(str::to_string)
        .chain([index, "small".to_string()])
        .collect::<Vec<_>>()
    };
    let (good, bad) = (download("api.test"), download("other.test"));
    let allowed = machine.run("python3", &good.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    let other = machine.run("python3", &bad.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    check(&machine, "pip", &allowed, &other);
    assert!(machine.folder.path().join("got/small-1.0-py3-none-any.whl").exists());
}

fn run_python(folder: &Path, script: &str) {
    let output = start("python3").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_downloads() {
    let source = tempfile::tempdir().unwrap();
    std::fs::create_dir(source.path().join("package")).unwrap();
    std::fs::write(source.path().join("package/package.json"), "{\"name\":\"small\",\"version\":\"1.0.0\"}")
        .unwrap();
    run_here(source.path(), "tar", &["czf", "small-1.0.0.tgz", "package"]);
    let archive = Arc::new(std::fs::read(source.path().join("small-1.0.0.tgz")).unwrap());
    let machine = machine(Read::Inspected, move |path, host| match path {
        "/small" => Some(
            format!(
                "{{\"name\":\"small\",\"dist-tags\":{{\"latest\":\"1.0.0\"}},\"versions\":{{\"1.0.0\":{{\"name\":\"small\",\
                 \"version\":\"1.0.0\",\"dist\":{{\"tarball\":\"https://{host}/small-1.0.0.tgz\"}}}}}}}}"
            )
            .into_bytes(),
        ),
        "/small-1.0.0.tgz" => Some(archive.to_vec()),
        _ => None,
    })
    .await;
    let pack = |host: &str| {
        vec![
            "pack".to_string(),
            "small".to_string(),
            "--fetch-retries=0".to_string(),
            format!("--registry={}", machine.url(host, "/")),
        ]
    };
    let (good, bad) = (pack("api.test"), pack("other.test"));
    let allowed = machine.run("npm", &good.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    let other = machine.run("npm", &bad.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    check(&machine, "npm", &allowed, &other);
    assert!(machine.folder.path().join("small-1.0.0.tgz").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_fetches() {
    let source = tempfile::tempdir().unwrap();
    let package = source.path().join("small-1.0.0");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"small\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
    )
    .unwrap();
    std::fs::write(package.join("src/lib.rs"), "").unwrap();
    run_here(source.path(), "tar", &["czf", "small.crate", "small-1.0.0"]);
    let sum = String::from_utf8(run_here(source.path(), "sha256sum", &["small.crate"])).unwrap();
    let sum = sum.split_whitespace().next().unwrap().to_string();
    let archive = Arc::new(std::fs::read(source.path().join("small.crate")).unwrap());
    let machine = machine(Read::Inspected, move |path, host| match path {
        "/index/config.json" => Some(format!("{{\"dl\":\"https://{host}/crates\"}}").into_bytes()),
        "/index/sm/al/small" => Some(
            format!("{{\"name\":\"small\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"{sum}\",\"features\":{{}},\"yanked\":false}}\n").into_bytes(),
        ),
        "/crates/small/1.0.0/download" => Some(archive.to_vec()),
        _ => None,
    })
    .await;
    let project = machine.folder.path();
    std::fs::create_dir(project.join("src")).unwrap();
    std::fs::write(project.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"mine\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nsmall = { version = \"1\", registry = \"far\" }\n[workspace]\n";
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let index = |host: &str| format!("sparse+{}", machine.url(host, "/index/"));
    let (good, bad) = (index("api.test"), index("other.test"));
    let toolchain = std::env::var("RUSTUP_TOOLCHAIN").unwrap_or("stable".to_string());
    let run = async |index: &str| {
        let variables = [
            ("CARGO_REGISTRIES_FAR_INDEX", index),
            ("CARGO_NET_RETRY", "0"),
            ("RUSTUP_TOOLCHAIN", toolchain.as_str()),
        ];
        machine.run("cargo", &["fetch"], &variables).await
    };
    let other = run(&bad).await;
    let allowed = run(&good).await;
    check(&machine, "cargo", &allowed, &other);
}
