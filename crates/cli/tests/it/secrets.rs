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
    let healthy = place.run(&home, &["doctor", "--only", "home"]).await;
    good(&healthy);
    assert!(healthy.out.starts_with("Nothing was found"), "{healthy:?}");
    // A key of a known form, and one that only the vault knows.
    place.plant(&home.join("workspace/.env"), "OPENAI_API_KEY=0123456789abcdef0123\n");
    place.plant(&home.join("workspace/notes.txt"), "the wiki's key:\ncorrect-horse-battery\n");
    let sick = place.run(&home, &["doctor", "--only", "home", "--json"]).await;
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

/// What the log has of secrets and of calls with them: act, name and host, or who called whom.
async fn on_record(place: &Place, home: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for kind in ["secret", "connection"] {
        let said = place.run(home, &["audit", "query", "--kind", kind, "--json"]).await;
        good(&said);
        let told: Value = serde_json::from_str(&said.out).unwrap();
        for record in told["records"].as_array().unwrap_or(&vec![]) {
            let word = |name: &str| record[name].as_str().unwrap_or("-").to_string();
            all.push(match kind {
                "secret" => format!("{} {} {}", word("act"), word("secret"), word("host")),
                _ => format!("{} {} {}", word("name"), word("host"), word("request")),
            });
        }
    }
    // What the proofs of a start tried is there too.
    all.retain(|line| !line.starts_with("proof "));
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_secrets_is_on_record_whether_or_not_the_house_runs_and_no_value_is() {
    let place = Place::new();
    let (port, served) = service("the-new-and-good-key", 4);
    let config = format!("model = \"builtin\"\n[network]\nprivate_hosts = [\"localhost:{port}\"]\n");
    let home = place.home("home", Some(&config));
    // A first start makes the log.
    place.up(&home).await.stop().await;
    let url = format!("http://localhost:{port}/me");
    let rotate = ["secret", "rotate", "wiki", "--test", &url, "--as", "header:x-api-key"];
    let file = home.join("old.env");
    let mut expected = Vec::new();
    for running in [false, true] {
        let up = if running { Some(place.up(&home).await) } else { None };
        good(
            &place
                .run_with(&home, &["secret", "set", "wiki", "--host", "localhost"], "the-old-wiki-key\n")
                .await,
        );
        let refused = place.run_with(&home, &rotate, "a-mistyped-wiki-key\n").await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        good(&place.run_with(&home, &rotate, "the-new-and-good-key\n").await);
        place.plant(&file, "OPENAI_API_KEY=0123456789abcdef0123\n");
        good(&place.run(&home, &["secret", "import", text(&file)]).await);
        for name in ["wiki", "openai"] {
            good(&place.run(&home, &["secret", "remove", name]).await);
        }
        for act in ["set wiki -", "rotated wiki -", "set openai -", "removed wiki -", "removed openai -"] {
            expected.push(act.to_string());
        }
        for _ in 0..2 {
            expected.push("lent wiki localhost".to_string());
            expected.push("secret rotate localhost GET /me".to_string());
        }
        expected.sort();
        let begun = std::time::Instant::now();
        let mut found = on_record(&place, &home).await;
        // A house that runs sees it within moments.
        while running && found != expected && begun.elapsed() < crate::place::PATIENCE {
            found = on_record(&place, &home).await;
        }
        assert_eq!(found, expected, "running: {running}");
        if let Some(up) = up {
            up.stop().await;
        }
    }
    served.join().unwrap();
    good(&place.run(&home, &["audit", "verify"]).await);
    for entry in std::fs::read_dir(home.join("audit")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for key in ["the-old-wiki-key", "a-mistyped-wiki-key", "the-new-and-good-key", "0123456789abcdef0123"]
        {
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{key}");
        }
    }
    // The stop switch holds for such calls too.
    good(
        &place.run_with(&home, &["secret", "set", "wiki", "--host", "localhost"], "the-old-wiki-key\n").await,
    );
    good(&place.run(&home, &["lockdown", "on"]).await);
    let stopped = place.run_with(&home, &rotate, "the-new-and-good-key\n").await;
    assert!(stopped.code == Some(1) && stopped.err.contains("so the old one stands"), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_reminded_of_a_secret_after_ninety_days_once_and_not_at_every_start() {
    let place = Place::new();
    let home = place.home("home", Some("model = \"builtin\"\n"));
    good(
        &place
            .run_with(
                &home,
                &["secret", "set", "wiki", "--host", "wiki.example.org"],
                "correct-horse-battery",
            )
            .await,
    );
    let reminders = async |up: &crate::place::Up| {
        let sessions = up.client.get("/api/v1/sessions").await;
        let sessions = sessions["sessions"].as_array().unwrap().clone();
        let ids = sessions.iter().map(|session| session["id"].as_str().unwrap().to_string());
        let Some(id) = ids.into_iter().find(|id| id == "s-house-reminders") else { return Vec::new() };
        let transcript = up.client.get(&format!("/api/v1/sessions/{id}")).await;
        let items = transcript["items"].as_array().unwrap().iter();
        let replies = items.filter(|item| item["kind"] == "replied");
        replies.map(|item| item["text"].as_str().unwrap_or_default().to_string()).collect::<Vec<_>>()
    };
    let up = place.up(&home).await;
    assert_eq!(reminders(&up).await, Vec::<String>::new());
    up.stop().await;
    for start in 0..2 {
        let up = place.up_at(&home, "+91d").await;
        let begun = std::time::Instant::now();
        let mut told = reminders(&up).await;
        while told.is_empty() && begun.elapsed() < crate::place::PATIENCE {
            told = reminders(&up).await;
        }
        assert_eq!(told.len(), 1, "start {start}: {told:?}");
        assert!(told[0].contains("`wiki` is 91 days old: `hardshell secret rotate wiki`"), "{told:?}");
        assert!(!told[0].contains("correct-horse"));
        up.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_closes_files_when_asked_to_and_looks_at_the_machine() {
    let place = Place::new();
    let home = place.home("home", Some("model = \"builtin\"\n"));
    let config = home.join("hardshell.toml");
    let open = || {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    let mode = || std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&config).unwrap()) & 0o777;
    open();
    let looked = place.run(&home, &["doctor", "--only", "home"]).await;
    assert!(looked.code == Some(1) && looked.out.contains("chmod 0600 '"), "{looked:?}");
    // Nobody agrees where nobody sits.
    let asked = place.run(&home, &["doctor", "--only", "home", "--fix"]).await;
    assert!(asked.code == Some(1) && asked.err.contains("not done without `--yes`"), "{asked:?}");
    assert_eq!(mode(), 0o644);
    let mended = place.run(&home, &["doctor", "--only", "home", "--fix", "--yes", "--json"]).await;
    good(&mended);
    let told: Value = serde_json::from_str(&mended.out).unwrap();
    assert_eq!(
        (&told["mended"][0]["name"], told["ailments"].as_array().unwrap().len()),
        (&"home.mode".into(), 0)
    );
    assert_eq!(mode(), 0o600);
    let machine = place.run(&home, &["doctor", "--only", "machine", "--json"]).await;
    let told: Value = serde_json::from_str(&machine.out).unwrap();
    let names = told["ailments"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    assert!(names.clone().all(|name| name.starts_with("machine.")), "{told:#}");
    assert_eq!(told["left_out"], serde_json::json!([]), "{told:#}");
}
