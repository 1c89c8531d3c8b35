//! Mail of the owner's own people in the shipped program: fact where the owner's own server proved its sender, and a
//! stranger's word everywhere else.

use crate::place::Place;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const OWN: &str = "Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example\r\n";

fn mail(above: &str, from: &str) -> String {
    format!(
        "Return-Path: <x@corp.example>\r\n{above}From: {from}\r\nTo: me@corp.example\r\nSubject: The plan\r\n\
         Date: Fri, 27 Nov 2026 09:00:00 +0000\r\n\r\nWe meet at nine.\r\n"
    )
}

fn home(place: &Place, name: &str, mails: &[String], authserv_id: &str) -> PathBuf {
    let mailbox = place.path(&format!("{name}-mail"));
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(folder)).unwrap();
    }
    for (at, mail) in mails.iter().enumerate() {
        fs::write(mailbox.join(format!("new/170410320{at}.{at}.host")), mail).unwrap();
    }
    place.give_all(&mailbox);
    let config = format!(
        "model = \"builtin\"\n[sources]\ninternal_senders = [\"@corp.example\"]\n\
         [[mailboxes]]\nname = \"box\"\nmaildir = \"{}\"\n{authserv_id}",
        mailbox.display()
    );
    place.home(name, Some(&config))
}

/// The label of a session that has listed the mail, and that of one that has read the first of it.
async fn label(place: &Place, home: &Path) -> Value {
    let up = place.up(home).await;
    let said = place.run(home, &["chat", "--session", "reads-mail", "-m", "/mail", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("The plan"), "{said:?}");
    let session = up.client.get("/api/v1/sessions/reads-mail").await;
    up.stop().await;
    session["label"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_own_server_proved_is_a_fact() {
    const ID: &str = "authserv_id = \"mx.corp.example\"\n";
    let place = Place::new();
    let anna = "Anna <anna@corp.example>";
    let forged = "Received: from evil.example\r\nAuthentication-Results: mx.evil.example; dmarc=pass header.from=corp.example\r\n";
    let rows = [
        ("proved", vec![mail(OWN, anna)], ID, "attested"),
        ("no-server", vec![mail(OWN, anna)], "", "untrusted"),
        ("other-server", vec![mail(OWN, anna)], "authserv_id = \"mx.other.example\"\n", "untrusted"),
        ("not-proved", vec![mail("", anna)], ID, "untrusted"),
        ("forged", vec![mail(&format!("{forged}{OWN}"), anna)], ID, "untrusted"),
        ("another-domain", vec![mail(OWN, "Anna <anna@evil.example>")], ID, "untrusted"),
        ("one-stranger", vec![mail(OWN, anna), mail("", "Mallory <mallory@evil.example>")], ID, "untrusted"),
    ];
    for (name, mails, id, expected) in rows {
        let home = home(&place, name, &mails, id);
        let label = label(&place, &home).await;
        assert_eq!(label["integrity"], expected, "{name}: {label}");
        assert!(label["sources"].to_string().contains("mail:"), "{name}: {label}");
    }
    let checked = place.run(&place.path("no-server"), &["config", "check"]).await;
    let told = format!("{}{}", checked.out, checked.err);
    assert!(
        told.contains("sources.internal_senders") && told.contains("authserv_id = \"mx.example.org\""),
        "{told}"
    );
    let checked = place.run(&place.path("proved"), &["config", "check"]).await;
    assert!(!format!("{}{}", checked.out, checked.err).contains("internal_senders"), "{checked:?}");
}
