//! Access tokens of OAuth 2.0: a strict token endpoint that gives each refresh token once (RFC 6749 §5, §6).

use connectors::secrets::{ClientLogin, Keeper, Kept, OAuth2, Refused, Stores};
use domain::SecretName;
use egress::{Egress, Rule, Rules, Settings, Unobserved};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vault::{About, KeySource, SecretText, Vault};

const CLIENT_SECRET: &str = "the/client&secret=of it";
const FIRST: &str = "1//0g+the first/refresh=token";

#[derive(Default)]
struct State {
    /// The refresh token that is good now.
    good: String,
    given: usize,
    expires_in: Value,
    complaints: Vec<String>,
}

struct Endpoint {
    port: u16,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
async fn endpoint(basic: bool, expires_in: Value) -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = Arc::new(Mutex::new(State { good: FIRST.to_string(), expires_in, ..State::default() }));
    let shared = Arc::clone(&state);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut text, mut piece) = (String::new(), [0; 2048]);
            let (head, body) = loop {
                let count = stream.read(&mut piece).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&piece[..count]));
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = header(head, "content-length").map_or(0, |text| text.parse().unwrap());
                if body.len() >= length {
                    break (head.to_string(), body.to_string());
                }
            };
            let (status, answer) = answered(&mut shared.lock().unwrap(), &head, &body, basic);
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
        }
    });
    Endpoint { port, state, task }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn answered(state: &mut State, head: &str, body: &str, basic: bool) -> (u16, Value) {
    let form: BTreeMap<String, String> = body
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let said = |name: &str| form.get(name).map(String::as_str);
    if !head.starts_with("POST /token HTTP/1.1\r\n")
        || header(head, "content-type") != Some("application/x-www-form-urlencoded")
        || said("grant_type") != Some("refresh_token")
    {
        state.complaints.push(head.to_string());
        return (400, json!({"error": "invalid_request"}));
    }
    // `the-client:` and the secret.
    let expected = "dGhlLWNsaWVudDp0aGUvY2xpZW50JnNlY3JldD1vZiBpdA==";
    let knows_client = match (basic, header(head, "authorization")) {
        (true, Some(login)) => login == format!("Basic {expected}") && said("client_secret").is_none(),
        (false, None) => {
            (said("client_id"), said("client_secret")) == (Some("the-client"), Some(CLIENT_SECRET))
        }
        _ => false,
    };
    if !knows_client {
        return (401, json!({"error": "invalid_client"}));
    }
    if said("refresh_token") != Some(&state.good) {
        let why = format!("the token {} was used", said("refresh_token").unwrap_or_default());
        return (400, json!({"error": "invalid_grant", "error_description": why}));
    }
    state.given += 1;
    state.good = format!("1//0g+the next/refresh=token {}", state.given);
    let access = format!("ya29.access-token-{}", state.given);
    (
        200,
        json!({"access_token": access, "token_type": "Bearer", "expires_in": state.expires_in, "refresh_token": state.good}),
    )
}

struct House {
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    home: tempfile::TempDir,
}

fn house() -> House {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
    for (name, value) in [("refresh", FIRST), ("client", CLIENT_SECRET)] {
        let about = About {
            hosts: vec!["auth.test".parse().unwrap()],
            note: "of a test".to_string(),
            ..About::default()
        };
        vault.set(&name.parse().unwrap(), SecretText::new(value.to_string()).unwrap(), about).unwrap();
    }
    let names = [("auth.test".parse().unwrap(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])].into();
    let settings = Settings { names, ..Settings::default() };
    let egress = Arc::new(Egress::new(Arc::clone(&vault), settings, Arc::new(Unobserved)).unwrap());
    House { vault, egress, home }
}

fn keeper(house: &House, port: u16, login: ClientLogin) -> Keeper {
    let rules = Arc::new(Rules::new().with(Rule::private("auth.test".parse().unwrap(), port)));
    let url = format!("http://auth.test:{port}/token").parse().unwrap();
    let client = ("the-client".to_string(), login);
    let (egress, vault) = (Arc::clone(&house.egress), Arc::clone(&house.vault));
    let oauth2 = OAuth2::new(egress, vault, rules, url, client, Some("mail read".to_string()));
    let kept = Kept {
        name: "mail".parse().unwrap(),
        from: "secret://refresh".parse().unwrap(),
        about: About { hosts: vec!["mail.test".parse().unwrap()], ..About::default() },
        oauth2: Some(Arc::new(oauth2)),
    };
    Keeper::new(Arc::clone(&house.vault), Stores::default(), vec![kept])
}

fn in_body() -> ClientLogin {
    ClientLogin::Body("client".parse().unwrap())
}

fn lent(vault: &Vault, name: &str, host: &str) -> Result<String, vault::Error> {
    vault.with(&name.parse().unwrap(), &host.parse().unwrap(), "a test", str::to_string)
}

#[tokio::test]
async fn a_token_is_got_lent_to_its_host_alone_and_the_refresh_token_that_came_with_it_is_on_disk() {
    for (basic, login) in [(false, in_body()), (true, ClientLogin::Basic("client".parse().unwrap()))] {
        let endpoint = endpoint(basic, json!(3600)).await;
        let house = house();
        let keeper = keeper(&house, endpoint.port, login);
        keeper.fetch().await.unwrap();
        assert_eq!(lent(&house.vault, "mail", "mail.test").unwrap(), "ya29.access-token-1");
        assert!(lent(&house.vault, "mail", "auth.test").is_err());
        // While it is young it is not asked for again.
        keeper.fetch().await.unwrap();
        assert_eq!(endpoint.state.lock().unwrap().given, 1);
        // Another process, as after a crash: the new refresh token, for the same hosts, and no access token.
        let again = Vault::open(house.home.path(), &KeySource::File).unwrap();
        let fresh = endpoint.state.lock().unwrap().good.clone();
        assert_eq!(lent(&again, "refresh", "auth.test").unwrap(), fresh);
        let entries = again.list().unwrap();
        let entry = entries.iter().find(|entry| entry.name.as_str() == "refresh").unwrap();
        assert_eq!((entry.about.note.as_str(), entry.rotated.is_some()), ("of a test", true));
        assert!(lent(&again, "mail", "mail.test").is_err());
        let redactor = house.egress.redactor().unwrap();
        for secret in ["ya29.access-token-1", &fresh] {
            assert!(!redactor.redact(&format!("it is {secret}!")).contains(secret));
        }
        assert_eq!(endpoint.state.lock().unwrap().complaints, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_token_is_got_anew_before_it_ends_and_when_a_server_refused_it() {
    let until = async |what: &str, holds: &dyn Fn() -> bool| {
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "{what}");
    };
    // It lasts two seconds, and the next is there before.
    let short = endpoint(false, json!("2")).await;
    let house_of_short = house();
    let keeper_of_short = keeper(&house_of_short, short.port, in_body());
    keeper_of_short.fetch().await.unwrap();
    let third = || short.state.lock().unwrap().given >= 3;
    tokio::select! {
        () = keeper_of_short.keep(|error| panic!("{error}")) => panic!("it stopped"),
        () = until("the third", &third) => {}
    }
    // It would last an hour, and is refused: however often that is said in a moment, it is got anew once.
    let long = endpoint(false, json!(3600)).await;
    let house = house();
    let refused = Arc::new(Refused::default());
    let keeper = keeper(&house, long.port, in_body()).hearing(Arc::clone(&refused));
    keeper.fetch().await.unwrap();
    let mail: SecretName = "mail".parse().unwrap();
    refused.tell(std::slice::from_ref(&mail));
    let second = || lent(&house.vault, "mail", "mail.test").unwrap() == "ya29.access-token-2";
    tokio::select! {
        () = keeper.keep(|error| panic!("{error}")) => panic!("it stopped"),
        () = until("the second", &second) => {}
    }
    for _ in 0..3 {
        refused.tell(std::slice::from_ref(&mail));
        keeper.fetch().await.unwrap();
    }
    assert_eq!(long.state.lock().unwrap().given, 2);
}

#[tokio::test]
async fn what_the_server_refuses_is_an_error_that_repeats_nothing_and_loses_nothing() {
    let endpoint = endpoint(false, json!(3600)).await;
    endpoint.state.lock().unwrap().good = "another".to_string();
    let house = house();
    for (login, said) in [(in_body(), "not good any more"), (ClientLogin::Public, "401, invalid_client")] {
        let error = keeper(&house, endpoint.port, login).fetch().await.unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("secret://refresh"), "{error}");
        assert!(!error.contains("1//0g") && !error.contains(CLIENT_SECRET), "{error}");
    }
    assert_eq!(lent(&house.vault, "refresh", "auth.test").unwrap(), FIRST);
}
