//! The log on its way elsewhere, with the shipped program: to files, past a server that never reads, over a
//! restart; and what its owner is told.
#![expect(clippy::disallowed_methods, reason = "a server that never reads listens here")]

use crate::place::{PATIENCE, Place};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn numbers(text: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["seq"].as_u64()).collect()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_reads_holds_up_no_effect_and_everything_is_in_the_copy() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let elsewhere = place.path("elsewhere");
    place.folder(&elsewhere);
    let (copy, signed) = (elsewhere.join("copy.jsonl"), elsewhere.join("signed"));
    let config = format!(
        "[[shipping]]\nname = \"silent\"\nkind = \"syslog\"\nurl = \"tcp://localhost:{port}\"\n[[shipping]]\nname = \"copy\"\nkind = \"file\"\npath = \"{}\"\n[[shipping]]\nname = \"second\"\nkind = \"checkpoint\"\npath = \"{}\"\n",
        copy.display(),
        signed.display()
    );
    let home = place.home("home", Some(&config));
    let checked = place.run(&home, &["config", "check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let up = place.up(&home).await;
    for _ in 0..3 {
        let said = place.run(&home, &["chat", "-m", "/disk"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let said = place.run(&home, &["chat", "-m", "/run ls"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    until("the copy has the replies", async || {
        read(&copy).matches("\"name\":\"message.reply\"").count() >= 6
    })
    .await;
    let metrics = up.client.text("/metrics").await;
    assert!(metrics.contains("hardshell_shipping_behind{receiver=\"silent\""), "{metrics}");
    let number = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse::<f64>().unwrap()
    };
    assert_eq!(number("hardshell_sandbox_start_seconds_count"), 1.0);
    assert!(
        number("hardshell_redaction_bytes_total") > 0.0 && number("hardshell_redaction_seconds_total") > 0.0
    );
    up.stop().await;
    // What was written while it closed goes with the next start, once.
    let up = place.up(&home).await;
    until("the copy goes on", async || read(&copy).matches("\"kind\":\"open\"").count() == 2).await;
    let sent = numbers(&read(&copy));
    assert_eq!(sent, (1..=*sent.last().unwrap()).collect::<Vec<_>>());
    let said = place.run(&home, &["audit", "shipping", "--json"]).await;
    let states: Value = serde_json::from_str(&said.out).unwrap_or_else(|_not| panic!("{said:?}"));
    let of =
        |name: &str| states.as_array().unwrap().iter().find(|state| state["name"] == name).cloned().unwrap();
    assert_eq!((&of("copy")["skipped"], &of("copy")["failed"]), (&0.into(), &0.into()), "{states}");
    assert!(of("silent")["behind"].as_u64() > Some(0), "{states}");
    let shown = place.run(&home, &["audit", "shipping"]).await;
    assert!(shown.out.contains("permit house.shipping.silent"), "{shown:?}");
    let permits = place.run(&home, &["audit", "query", "--rule", "house.shipping.copy", "--json"]).await;
    let permits: Value = serde_json::from_str(&permits.out).unwrap();
    assert_eq!(permits["records"].as_array().unwrap().len(), 2, "{permits}");
    up.stop().await;
    let verified = place.run(&home, &["audit", "verify", "--against", signed.to_str().unwrap()]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_means_nothing_is_named_and_nothing_starts() {
    let place = Place::new();
    for (name, section, said) in [
        ("a", "kind = \"syslog\"\nurl = \"logs.example.org\"", "`shipping.siem.url`"),
        ("b", "kind = \"file\"", "`shipping.siem.path`"),
        ("c", "kind = \"file\"\npath = \"/mnt/x\"\nurl = \"tcp://h:1\"", "`shipping.siem.url`"),
    ] {
        let home = place.home(name, Some(&format!("[[shipping]]\nname = \"siem\"\n{section}\n")));
        let checked = place.run(&home, &["config", "check"]).await;
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.out.contains(said) || checked.err.contains(said), "{checked:?}");
        let up = place.run(&home, &["up", "--port", "0"]).await;
        assert_eq!(up.code, Some(1), "{up:?}");
        assert!(up.err.contains(said) && up.err.contains("hint: hardshell config check"), "{up:?}");
    }
}
