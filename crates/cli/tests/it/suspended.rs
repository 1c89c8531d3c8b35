//! A burst of refusals stops the session that it comes from, not the house and not its owner; over a restart, on
//! record, until it is let go on.

use crate::client::Client;
use crate::place::{PATIENCE, Place};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn open(client: &Client) -> String {
    client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string()
}

async fn say(client: &Client, session: &str, id: &str, text: &str) -> (u16, Value) {
    let path = format!("/api/v1/sessions/{session}/messages");
    client.ask("POST", &path, Some(json!({"id": id, "text": text}))).await.unwrap()
}

async fn on_record(client: &Client, act: &str) -> Vec<Value> {
    let found = client.get("/api/v1/audit?kind=lockdown").await;
    let all = found["records"].as_array().unwrap().iter();
    all.filter(|record| record["act"] == act).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_refusals_stops_its_session_until_the_owner_lets_it_go_on() {
    let place = Place::new();
    let home = place.home("home", Some("[shell]\nmode = \"off\"\n[limits]\nrefusals_per_ten_minutes = 3\n"));
    let up = place.up(&home).await;
    let session = open(&up.client).await;
    for number in 0..3 {
        let (status, body) = say(&up.client, &session, &format!("m-{number}"), "/run df").await;
        assert_eq!(status, 202, "{body}");
        until("it was refused", async || {
            let found = up.client.get("/api/v1/audit?kind=refusal").await;
            found["records"].as_array().unwrap().len() > number
        })
        .await;
    }
    until("it is on record", async || !on_record(&up.client, "suspended").await.is_empty()).await;
    let record = on_record(&up.client, "suspended").await.remove(0);
    assert_eq!(record["session"], session.as_str(), "{record}");
    assert!(
        record["detail"].as_str().unwrap().contains("3 calls were refused within ten minutes"),
        "{record}"
    );
    let (status, body) = say(&up.client, &session, "m-9", "/disk").await;
    assert_eq!(status, 409, "{body}");
    assert!(body.to_string().contains("hardshell session resume"), "{body}");
    // The owner goes on elsewhere, and the house is not locked.
    let said = place.run(&home, &["chat", "-m", "/disk"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let shown = place.run(&home, &["status"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.out.contains(&format!("suspended  session {session}: 3 calls")), "{shown:?}");
    up.stop().await;
    let up = place.up(&home).await;
    assert_eq!(say(&up.client, &session, "m-10", "/disk").await.0, 409);
    let wrong = place.run(&home, &["session", "resume", "s-none"]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("hint: hardshell status"), "{wrong:?}");
    let resumed = place.run(&home, &["session", "resume", &session]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert_eq!(say(&up.client, &session, "m-11", "/disk").await.0, 202);
    until("that is on record too", async || !on_record(&up.client, "resumed").await.is_empty()).await;
    up.stop().await;
}
