//! `hardshell secret` as it is typed: kept, listed, proved before it is replaced, taken over from a file.
#![expect(clippy::disallowed_methods, reason = "the far side of a test call")]

use crate::place::{Place, Said};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn good(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// A service that takes one key and refuses the rest, for so many calls.
fn service(key: &'static str, calls: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for _ in 0..calls {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut piece) = (String::new(), [0; 1024]);
            while !head.contains("\r\n\r\n") {
                let count = stream.read(&mut piece).unwrap();
                head.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
            let status =
                if head.contains(&format!("x-api-key: {key}")) { "200 OK" } else { "401 Unauthorized" };
            let body = "{}";
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
            heads.push(head);
        }
        heads
    });
    (port, thread)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_takes_the_old_one_s_place_only_after_a_call_proved_it() {
    let place = Place::new();
    let (port, served) = service("the-new-and-good-key", 2);
    let config = format!("[network]\nprivate_hosts = [\"localhost:{port}\"]\n");
    let home = place.home("home", Some(&config));
    good(
        &place.run_with(&home, &["secret", "set", "wiki", "--host", "localhost"], "the-old-wiki-key\n").await,
    );
    let url = format!("http://localhost:{port}/me");
    let rotate = ["secret", "rotate", "wiki", "--test", &url, "--as", "header:x-api-key"];
    let refused = place.run_with(&home, &rotate, "a-mistyped-wiki-key\n").await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("so the old one stands") && refused.err.contains("401"), "{refused:?}");
    assert!(!refused.err.contains("mistyped"), "{refused:?}");
    let listed = place.run(&home, &["secret", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((&listed[0]["rotated"], &listed[0]["warnings"]), (&Value::Null, &serde_json::json!([])));
    good(&place.run_with(&home, &rotate, "the-new-and-good-key\n").await);
    let listed = place.run(&home, &["secret", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert!(listed[0]["rotated"].is_u64(), "{listed}");
    let heads = served.join().unwrap();
    assert!(heads[0].contains("a-mistyped-wiki-key"), "the call was made with the new value");
    // Without a call that could prove it, it is not replaced unawares.
    let unknown = place.run_with(&home, &["secret", "rotate", "wiki"], "whatever-it-is\n").await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.err.contains("--untested"), "{unknown:?}");
    good(&place.run_with(&home, &["secret", "rotate", "wiki", "--untested"], "whatever-it-is\n").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_file_are_taken_over_and_the_file_is_shredded_only_when_all_were() {
    let place = Place::new();
    let home = place.home("home", None);
    let file = home.join("old.env");
    place.plant(&file, "OPENAI_API_KEY=0123456789abcdef0123\nWIKI_TOKEN=correct-horse-battery\nPORT=1\n");
    let tried = place.run(&home, &["secret", "import", text(&file), "--dry-run"]).await;
    good(&tried);
    assert!(tried.out.contains("would be kept as secret://openai for api.openai.com"), "{tried:?}");
    assert!(tried.out.contains("--only WIKI_TOKEN --host HOST"), "{tried:?}");
    assert!(place.run(&home, &["secret", "list"]).await.out.contains("empty"));
    let some = place.run(&home, &["secret", "import", text(&file), "--shred"]).await;
    good(&some);
    assert!(file.exists(), "one key was left: {some:?}");
    let rest =
        ["secret", "import", text(&file), "--only", "WIKI_TOKEN", "--host", "wiki.example.org", "--json"];
    let rest = place.run(&home, &rest).await;
    good(&rest);
    let told: Value = serde_json::from_str(&rest.out).unwrap();
    assert_eq!(told[1]["fate"], "kept", "{told}");
    let listed = place.run(&home, &["secret", "list"]).await;
    assert!(listed.out.contains("openai") && listed.out.contains("wiki-token"), "{listed:?}");
    for said in [&tried, &some, &rest, &listed] {
        for key in ["0123456789abcdef0123", "correct-horse-battery"] {
            assert!(!said.out.contains(key) && !said.err.contains(key), "{said:?}");
        }
    }
    place.plant(&file, "GROQ_API_KEY=fedcba98765432100123\n");
    good(&place.run(&home, &["secret", "import", text(&file), "--shred"]).await);
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_opens_with_a_passphrase_once_it_has_one_and_with_nothing_else() {
    let place = Place::new();
    let home = place.home("home", Some("model = \"builtin\"\n"));
    good(
        &place
            .run_with(&home, &["secret", "set", "wiki", "--host", "wiki.example.org"], "correct-horse")
            .await,
    );
    let phrase = "a passphrase of some length\n";
    let changed = place.run_with(&home, &["secret", "key", "passphrase"], phrase).await;
    good(&changed);
    assert!(changed.out.contains("key = \"passphrase\""), "{changed:?}");
    assert!(!home.join("vault.key").exists());
    let closed = place.run(&home, &["secret", "list"]).await;
    assert_eq!(closed.code, Some(1), "{closed:?}");
    place.plant(&home.join("hardshell.toml"), "model = \"builtin\"\n[vault]\nkey = \"passphrase\"\n");
    let wrong = place.run_with(&home, &["secret", "list"], "another passphrase here\n").await;
    assert!(wrong.code == Some(1) && wrong.err.contains("not its key"), "{wrong:?}");
    let opened = place.run_with(&home, &["secret", "list"], phrase).await;
    good(&opened);
    assert!(opened.out.contains("wiki"), "{opened:?}");
    // A key file after a systemd credential that is not there: said so, nothing changed.
    place.plant(&home.join("hardshell.toml"), "model = \"builtin\"\n[vault]\nkey = \"credential\"\n");
    let none = place.run(&home, &["secret", "list"]).await;
    assert!(none.code == Some(1) && none.err.contains("LoadCredentialEncrypted"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_keys_in_the_clear_and_names_the_command_that_moves_them() {
    let place = Place::new();
    let home = place.home("home", Some("model = \"builtin\"\n"));
    let set = ["secret", "set", "wiki", "--host", "wiki.example.org"];
    good(&place.run_with(&home, &set, "correct-horse-battery").await);
    let healthy = place.run(&home, &["doctor"]).await;
    good(&healthy);
    assert!(healthy.out.starts_with("Nothing was found"), "{healthy:?}");
    // A key of a known form, and one that only the vault knows.
    place.plant(&home.join("workspace/.env"), "OPENAI_API_KEY=0123456789abcdef0123\n");
    place.plant(&home.join("workspace/notes.txt"), "the wiki's key:\ncorrect-horse-battery\n");
    let sick = place.run(&home, &["doctor", "--json"]).await;
    assert_eq!(sick.code, Some(1), "{sick:?}");
    let told: Value = serde_json::from_str(&sick.out).unwrap();
    let ailments = told["ailments"].as_array().unwrap();
    assert_eq!(ailments.len(), 2, "{told:#}");
    assert!(ailments[0]["mend"].as_str().unwrap().starts_with("hardshell secret import '"), "{told:#}");
    assert!(ailments[1]["what"].as_str().unwrap().contains("notes.txt:2 "), "{told:#}");
    for key in ["0123456789abcdef0123", "correct-horse-battery"] {
        assert!(!sick.out.contains(key) && !sick.err.contains(key), "{sick:?}");
    }
}
