//! OpenAI's own clients, from PyPI and npm, against the gateway.
//!
//! They are installed once into `target/clients/`, at fixed versions; this needs python3 with venv, node, npm and the
//! registries.

use crate::client::token;
use crate::house::Running;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

const PYTHON_CLIENT: &str = "openai==3.54.0";
const NODE_CLIENT: &str = "openai@7.57.0";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("clients").join(name)
}

#[expect(clippy::disallowed_methods, reason = "a test runs the client as its user would")]
async fn run(program: &Path, arguments: &[&str], running: Option<(&Running, &str)>) -> Output {
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    if let Some((running, token)) = running {
        command
            .env("OPENAI_BASE_URL", format!("http://127.0.0.1:{}/v1", running.port()))
            .env("OPENAI_API_KEY", token);
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy);
        }
    }
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

fn assert_good(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// Installs into `folder` unless the marker for this very version is there.
async fn install(folder: &Path, version: &str, steps: &[(&Path, Vec<String>)]) {
    let marker = folder.join(format!("installed-{}", version.replace(['=', '@'], "-")));
    if marker.exists() {
        return;
    }
    std::fs::create_dir_all(folder).unwrap();
    for (program, arguments) in steps {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_good(&run(program, &arguments, None).await);
    }
    std::fs::write(marker, "").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_client_is_content() {
    let folder = folder("python");
    let python = folder.join("venv/bin/python");
    let venv = folder.join("venv").display().to_string();
    let steps = [
        (Path::new("python3"), ["-m", "venv", "--clear", &venv].map(String::from).to_vec()),
        (python.as_path(), ["-m", "pip", "install", "--quiet", PYTHON_CLIENT].map(String::from).to_vec()),
    ];
    install(&folder, PYTHON_CLIENT, &steps).await;
    let running = Running::start().await;
    let token = token(&running, "python", &["chat"], "owner").await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/official_clients/client.py");
    assert_good(&run(&python, &[script], Some((&running, &token))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_client_is_content() {
    let folder = folder("node");
    let at = folder.display().to_string();
    let steps = [(
        Path::new("npm"),
        ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &at, NODE_CLIENT]
            .map(String::from)
            .to_vec(),
    )];
    install(&folder, NODE_CLIENT, &steps).await;
    let running = Running::start().await;
    let token = token(&running, "node", &["chat"], "owner").await;
    // Node looks for packages from the script's own folder upwards.
    let script = folder.join("client.mjs");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/official_clients/client.mjs"), &script)
        .unwrap();
    assert_good(&run(Path::new("node"), &[&script.display().to_string()], Some((&running, &token))).await);
}
