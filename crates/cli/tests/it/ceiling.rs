//! A session reads nothing above its ceiling: refused before where it is known beforehand, kept back where only the
//! result tells.

use crate::place::{Place, Said};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const TAX: &str = "taxable income 48213";

/// The reply of a session that reads up to `ceiling`.
async fn asked(place: &Place, home: &Path, ceiling: &str, text: &str) -> (String, Value) {
    let client = crate::client::Client::of(home);
    let opened = client.post("/api/v1/sessions", json!({"ceiling": ceiling})).await;
    assert_eq!(opened["ceiling"], ceiling);
    let session = opened["id"].as_str().unwrap().to_string();
    let said = place.run(home, &["chat", "--session", &session, "-m", text, "--json"]).await;
    let reply: Value = serde_json::from_str(&said.out).unwrap();
    let refused = said.out.contains("this was refused");
    let code = if refused { 3 } else { i32::from(reply["failed"] == true) };
    assert_eq!(said.code, Some(code), "{said:?}");
    (session.clone(), client.get(&format!("/api/v1/sessions/{session}")).await)
}

/// The kinds of record that name `tool` in a session, oldest first.
async fn records(home: &Path, session: &str, tool: &str) -> Vec<String> {
    let path = format!("/api/v1/audit?session={session}&tool={tool}");
    let page = crate::client::Client::of(home).get(&path).await;
    let records = page["records"].as_array().unwrap().iter();
    records.map(|record| record["kind"].as_str().unwrap().to_string()).collect()
}

fn home_with_taxes(place: &Place) -> std::path::PathBuf {
    let papers = place.path("Tax");
    std::fs::create_dir(&papers).unwrap();
    std::fs::write(papers.join("2025.txt"), TAX).unwrap();
    place.give_all(&papers);
    let mailbox = place.path("Maildir");
    for folder in ["", "new", "cur", "tmp"] {
        std::fs::create_dir(mailbox.join(folder)).unwrap();
    }
    let mail = "From: Nadia <nadia@bakery.example>\r\nTo: me@example.org\r\nSubject: Our accounts\r\n\
                Date: Fri, 27 Nov 2026 09:00:00 +0000\r\n\r\nHello.\r\n";
    std::fs::write(mailbox.join("new/1.mail"), mail).unwrap();
    place.give_all(&mailbox);
    place.home(
        "home",
        Some(&format!(
            "model = \"builtin\"\n[files]\nreadable_paths = [\"{}\"]\n[tiers]\nceiling = \"medium\"\n\
             senders = {{ \"nadia@bakery.example\" = \"high\" }}\n[[mailboxes]]\nname = \"post\"\nmaildir = \"{}\"\n",
            papers.display(),
            mailbox.display()
        )),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_above_the_ceiling_is_neither_read_nor_shown_and_both_are_on_record() {
    let place = Place::new();
    let home = home_with_taxes(&place);
    let up = place.up(&home).await;
    let read = format!("/read {}", place.path("Tax/2025.txt").display());

    let (session, low) = asked(&place, &home, "low", "/mail").await;
    assert_eq!(records(&home, &session, "mail.list").await, ["refusal"], "{low:#}");
    let (session, medium) = asked(&place, &home, "medium", &read).await;
    assert!(!medium.to_string().contains(TAX), "{medium:#}");
    assert!(medium.to_string().contains("flow.ceiling"), "{medium:#}");
    assert_eq!(records(&home, &session, "files.read").await, ["refusal"]);

    // That Nadia wrote is known only from the mails themselves.
    let (session, medium) = asked(&place, &home, "medium", "/mail").await;
    assert!(!medium.to_string().contains("Our accounts"), "{medium:#}");
    assert_eq!(records(&home, &session, "mail.list").await, ["intent", "outcome", "refusal"]);
    assert_eq!(medium["session"]["label"]["tier"], "low", "what was kept back was not read: {medium:#}");

    // Each of it can be read, so what held was the ceiling.
    let (_, high) = asked(&place, &home, "high", &read).await;
    assert!(high.to_string().contains(TAX), "{high:#}");
    let (_, high) = asked(&place, &home, "high", "/mail").await;
    assert!(high.to_string().contains("Our accounts"), "{high:#}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_in_person_raises_a_ceiling_and_it_outlives_a_restart() {
    let place = Place::new();
    let home = home_with_taxes(&place);
    let up = place.up(&home).await;
    let read = format!("/read {}", place.path("Tax/2025.txt").display());
    let opened = up.client.post("/api/v1/sessions", json!({})).await;
    assert_eq!(opened["ceiling"], "medium", "as the configuration says");

    let made = up.client.post(
        "/api/v1/tokens",
        json!({"name": "program", "scopes": ["chat", "read"], "speaks_for": "owner"}),
    );
    let token = made.await["token"].as_str().unwrap().to_string();
    let id = opened["id"].as_str().unwrap().to_string();
    let raised = json!({"ceiling": "high"});
    for (path, status) in
        [("/api/v1/sessions".to_string(), 403), (format!("/api/v1/sessions/{id}/ceiling"), 403)]
    {
        assert_eq!(with_token(&up.address, &token, &path, &raised).await, status, "{path}");
    }
    assert_eq!(with_token(&up.address, &token, "/api/v1/sessions", &json!({"ceiling": "low"})).await, 201);

    let chat = |arguments: &'static [&'static str]| {
        let (place, home, id, read) = (&place, &home, id.clone(), read.clone());
        async move {
            let mut all = vec!["chat", "--session", &id, "-m", &read];
            all.extend(arguments);
            let said: Said = place.run(home, &all).await;
            assert_eq!(said.code, Some(if said.out.contains(TAX) { 0 } else { 3 }), "{said:?}");
            said.out
        }
    };
    assert!(!chat(&[]).await.contains(TAX));
    assert!(chat(&["--ceiling", "high"]).await.contains(TAX));
    up.stop().await;
    let up = place.up(&home).await;
    assert!(chat(&[]).await.contains(TAX), "the session kept what its owner said");
    let changes = up.client.get("/api/v1/audit?kind=policy").await;
    let changed = |record: &&Value| record["act"] == "changed" && record["session"] == id.as_str();
    assert_eq!(changes["records"].as_array().unwrap().iter().filter(changed).count(), 1, "{changes:#}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_said_to_a_member_is_not_said_while_it_is_made_either() {
    let place = Place::new();
    let home = home_with_taxes(&place);
    let up = place.up(&home).await;
    let made = up.client.post("/api/v1/tokens", json!({"name": "mallory", "scopes": ["chat"]})).await;
    let token = made["token"].as_str().unwrap();
    for stream in [false, true] {
        let messages = json!([{"role": "user", "content": "/mail"}]);
        let body = json!({"model": "builtin", "stream": stream, "messages": messages});
        let answer = answer_with_token(&up.address, token, "/v1/chat/completions", &body).await;
        assert!(answer.contains("This needs your approval first"), "{answer}");
        assert!(!answer.contains("Our accounts") && !answer.contains("nadia"), "{answer}");
    }
    up.stop().await;
}

/// The status of a request over TCP, as a program of the owner's makes it.
async fn with_token(address: &str, token: &str, path: &str, body: &Value) -> u16 {
    answer_with_token(address, token, path, body).await.split(' ').nth(1).unwrap().parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the test is the program at the other end")]
async fn answer_with_token(address: &str, token: &str, path: &str, body: &Value) -> String {
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let body = body.to_string();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
