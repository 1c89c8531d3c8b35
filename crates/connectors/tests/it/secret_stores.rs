//! Secrets that are kept elsewhere: a strict far side of `HashiCorp` Vault's public interface, and programs.

use connectors::secrets::{Hashicorp, HashicorpLogin, Keeper, Kept, Programs, Stores};
use egress::{Egress, HeaderValue, Rule, Rules, Settings, Unobserved};
use sandbox::Sandbox;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vault::{About, KeySource, SecretRef, SecretText, Vault};

const ROOT: &str = "hvs.the-root-token-1";
const ROLE: &str = "1c2d3e4f-role-id";
const ROLE_SECRET: &str = "the/secret\"id of the role";

/// What the store has, and who may see it.
#[derive(Default)]
struct State {
    value: String,
    tokens: Vec<String>,
    logins: usize,
    renewals: usize,
    complaints: Vec<String>,
}

struct Store {
    port: u16,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
async fn store(namespace: Option<&'static str>) -> Store {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = Arc::new(Mutex::new(State {
        value: "correct horse battery".to_string(),
        tokens: vec![ROOT.to_string()],
        ..State::default()
    }));
    let shared = Arc::clone(&state);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let mut piece = [0; 2048];
            let (head, body) = loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length =
                        header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
                    if body.len() >= length {
                        break (head.to_string(), body.to_string());
                    }
                }
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break (String::new(), String::new()),
                    Ok(count) => bytes.extend_from_slice(&piece[..count]),
                }
            };
            let (status, answer) = answer(&mut shared.lock().unwrap(), &head, &body, namespace);
            let answer = answer.to_string();
            let text = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    Store { port, state, task }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &&'a str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
    head.lines().skip(1).find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
}

/// As the reference says: what is not in it is complained of.
fn answer(state: &mut State, head: &str, body: &str, namespace: Option<&str>) -> (u16, Value) {
    let errors = |text: &str| json!({"errors": [text]});
    let line = head.lines().next().unwrap_or_default().to_string();
    let token = header(head, "x-vault-token").unwrap_or_default().to_string();
    if header(head, "x-vault-request") != Some("true") {
        state.complaints.push(format!("{line}: no X-Vault-Request"));
    }
    if header(head, "x-vault-namespace") != namespace {
        return (404, errors("no handler for route"));
    }
    match line.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        ["POST", "/v1/auth/approle/login"] => {
            if !token.is_empty() {
                state.complaints.push("a login with a token".to_string());
            }
            let json: Value = serde_json::from_str(body).unwrap_or_default();
            if (json["role_id"].as_str(), json["secret_id"].as_str()) != (Some(ROLE), Some(ROLE_SECRET)) {
                return (400, errors("invalid role or secret ID"));
            }
            state.logins += 1;
            let fresh = format!("hvs.session-token-{}", state.logins);
            state.tokens.push(fresh.clone());
            let auth = json!({"client_token": fresh, "lease_duration": 2, "renewable": true, "policies": ["default"]});
            (200, json!({"request_id": "r", "lease_id": "", "data": null, "auth": auth}))
        }
        ["POST", "/v1/auth/token/renew-self"] if state.tokens.contains(&token) => {
            state.renewals += 1;
            (200, json!({"auth": {"client_token": token, "lease_duration": 2, "renewable": true}}))
        }
        ["GET", "/v1/kv/data/apps/mail"] if state.tokens.contains(&token) => {
            let data = json!({"password": state.value, "port": 993});
            (200, json!({"data": {"data": data, "metadata": {"version": 3, "destroyed": false}}}))
        }
        ["GET", path] if path.starts_with("/v1/kv/data/") && state.tokens.contains(&token) => {
            (404, json!({"errors": []}))
        }
        _ => (403, errors("permission denied")),
    }
}

struct House {
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    _home: tempfile::TempDir,
}

fn house() -> House {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
    for (name, value) in [("root-token", ROOT), ("role-secret", ROLE_SECRET)] {
        let about = About { hosts: vec!["store.test".parse().unwrap()], ..About::default() };
        vault.set(&name.parse().unwrap(), SecretText::new(value.to_string()).unwrap(), about).unwrap();
    }
    let names = [("store.test".parse().unwrap(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])].into();
    let settings = Settings { names, ..Settings::default() };
    let egress = Arc::new(Egress::new(Arc::clone(&vault), settings, Arc::new(Unobserved)).unwrap());
    House { vault, egress, _home: home }
}

fn hashicorp(house: &House, port: u16, namespace: Option<&'static str>, login: HashicorpLogin) -> Hashicorp {
    let rules = Rules::new().with(Rule::private("store.test".parse().unwrap(), port));
    Hashicorp::new(
        Arc::clone(&house.egress),
        Arc::clone(&house.vault),
        Arc::new(rules),
        format!("http://store.test:{port}/").parse().unwrap(),
        namespace.map(HeaderValue::from_static),
        login,
    )
    .unwrap()
}

fn kept(from: &str) -> Kept {
    let about = About { hosts: vec!["mail.test".parse().unwrap()], ..About::default() };
    Kept { name: "mail".parse().unwrap(), from: from.parse().unwrap(), about, oauth2: None }
}

fn lent(house: &House) -> Result<String, vault::Error> {
    house.vault.with(&"mail".parse().unwrap(), &"mail.test".parse().unwrap(), "a test", str::to_string)
}

fn token() -> HashicorpLogin {
    HashicorpLogin::Token("root-token".parse().unwrap())
}

fn role() -> HashicorpLogin {
    HashicorpLogin::AppRole { role_id: ROLE.to_string(), secret: "role-secret".parse().unwrap() }
}

#[tokio::test]
async fn a_field_is_read_with_a_token_or_a_role_and_lent_to_its_host_alone() {
    for (namespace, login) in [(None, token()), (Some("team/a"), token()), (Some("team/a"), role())] {
        let store = store(namespace).await;
        let house = house();
        let stores =
            Stores { hashicorp: Some(hashicorp(&house, store.port, namespace, login)), ..Stores::default() };
        let keeper =
            Keeper::new(Arc::clone(&house.vault), stores, vec![kept("vault://kv/apps/mail#password")]);
        keeper.fetch().await.unwrap();
        assert_eq!(lent(&house).unwrap(), "correct horse battery");
        let elsewhere =
            house.vault.with(&"mail".parse().unwrap(), &"evil.test".parse().unwrap(), "a test", |_| ());
        assert!(matches!(elsewhere, Err(vault::Error::HostNotAllowed { .. })));
        // From here on it is redacted, and so is the token of the login.
        let redactor = house.egress.redactor().unwrap();
        for secret in ["correct horse battery", "hvs.session-token-1"] {
            let known = !secret.starts_with("hvs") || store.state.lock().unwrap().logins > 0;
            assert_eq!(redactor.redact(&format!("it is {secret}!")).contains(secret), !known, "{secret}");
        }
        assert_eq!(store.state.lock().unwrap().complaints, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_the_store_refuses_is_an_error_that_repeats_nothing() {
    let store = store(None).await;
    for (from, namespace, login, said) in [
        ("vault://kv/apps/other#password", None, token(), "no such secret"),
        ("vault://kv/apps/mail#user", None, token(), "no field `user`"),
        ("vault://kv/apps/mail#port", None, token(), "no text"),
        ("vault://other/apps/mail#password", None, token(), "permission denied"),
        ("vault://kv/apps/mail#password", Some("wrong"), role(), "answered 404"),
        (
            "vault://kv/apps/mail#password",
            None,
            HashicorpLogin::AppRole {
                role_id: "another".to_string(),
                secret: "role-secret".parse().unwrap(),
            },
            "answered 400",
        ),
    ] {
        let house = house();
        let stores =
            Stores { hashicorp: Some(hashicorp(&house, store.port, namespace, login)), ..Stores::default() };
        let keeper = Keeper::new(Arc::clone(&house.vault), stores, vec![kept(from)]);
        let error = keeper.fetch().await.unwrap_err().to_string();
        assert!(error.contains(said), "{from}: {error}");
        assert!(
            !error.contains("correct horse") && !error.contains(ROLE_SECRET) && !error.contains(ROOT),
            "{error}"
        );
        assert!(matches!(lent(&house), Err(vault::Error::Unknown { .. })));
    }
}

#[tokio::test]
async fn a_lease_is_renewed_a_changed_value_is_read_again_and_a_lapsed_login_is_made_anew() {
    let store = store(None).await;
    let house = house();
    let stores = Stores { hashicorp: Some(hashicorp(&house, store.port, None, role())), ..Stores::default() };
    let keeper = Keeper::new(Arc::clone(&house.vault), stores, vec![kept("vault://kv/apps/mail#password")]);
    keeper.fetch().await.unwrap();
    store.state.lock().unwrap().value = "another one since then".to_string();
    let until = async {
        // The session ends at the store: the next read logs in again.
        while store.state.lock().unwrap().renewals == 0 || lent(&house).unwrap() != "another one since then" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        store.state.lock().unwrap().tokens.clear();
        while store.state.lock().unwrap().logins < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let kept = keeper.keep(|error| panic!("{error}"));
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        tokio::select! { () = kept => panic!("it stopped"), () = until => {} }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_program_s_first_line_is_the_secret() {
    let house = house();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "correct horse battery\nand notes\n").unwrap();
    let mut programs = Programs::within(Arc::new(Sandbox::probe().await.unwrap()));
    let cat = |name: &str| vec!["cat".to_string(), folder.path().join(name).display().to_string()];
    programs.add("pass", cat("secret"), vec![folder.path().to_path_buf()]);
    programs.add("broken", cat("nothing"), vec![folder.path().to_path_buf()]);
    let stores = || Stores { programs: programs.clone(), ..Stores::default() };
    let keeper = |from: &str| Keeper::new(Arc::clone(&house.vault), stores(), vec![kept(from)]);
    for (from, said) in [("exec://broken", "ended with 1"), ("exec://unknown", "names no `unknown`")] {
        let error = keeper(from).fetch().await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    keeper("exec://pass").fetch().await.unwrap();
    assert_eq!(lent(&house).unwrap(), "correct horse battery");
    let from: SecretRef = "exec://pass".parse().unwrap();
    assert_eq!(
        house.vault.list().unwrap().iter().find(|entry| entry.name.as_str() == "mail").unwrap().kept_in,
        from
    );
}
