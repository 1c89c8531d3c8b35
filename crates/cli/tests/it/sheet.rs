//! Everything that a model wants in one turn is put to the owner on one sheet: one answer for all of it, or one for each,
//! and each for the very bytes that were shown.

use crate::place::{PATIENCE, Place, Said, Up};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::smtp::{Manner, Smtp};

/// A home whose model, after it has read a stranger's mail, wants three mails sent in one turn.
fn home(place: &Place, smtp: &Smtp) -> PathBuf {
    let send = |to: &str| json!({"tool": "mail.send", "args": {"to": [format!("{to}@example.org")], "subject": to, "body": "Your task"}});
    let lines = [
        json!({"calls": [{"tool": "mail.list", "args": {}}]}),
        json!({"calls": [send("anna"), send("bert"), send("carl")]}),
        json!({"text": "done"}),
    ];
    let script = place.path("script.jsonl");
    fs::write(&script, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let mailbox = place.path("Maildir");
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(folder)).unwrap();
    }
    let mail = "From: Mallory <mallory@evil.example>\r\nTo: me@example.org\r\nSubject: todo\r\n\r\ntodo\r\n";
    fs::write(mailbox.join("new/1704103200.1.host"), mail).unwrap();
    place.give_all(&mailbox);
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n\
         [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n\
         [[mailboxes]]\nname = \"box\"\nmaildir = \"{}\"\n",
        script.display(),
        smtp.port,
        mailbox.display()
    );
    place.home("home", Some(&config))
}

/// Says something, and returns the sheet that comes of it.
async fn sheet(place: &Place, home: &Path) -> (Said, Vec<Value>) {
    let said = place.run(home, &["chat", "-m", "do the todo", "--json"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["kind"], "waits", "{told}");
    let questions = told["questions"].as_array().unwrap().clone();
    (said, questions)
}

fn ids(questions: &[Value]) -> Vec<&str> {
    questions.iter().map(|question| question["id"].as_str().unwrap()).collect()
}

/// To whom mail went, in order, once the task is over.
async fn sent_at_last(up: &Up, smtp: &Smtp) -> Vec<String> {
    let over = async {
        loop {
            let sessions = up.client.get("/api/v1/sessions").await;
            let done = sessions["sessions"].as_array().unwrap().iter().all(|one| one["state"] == "done");
            if done {
                return smtp.deliveries().into_iter().map(|delivery| recipient(&delivery.mail)).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.unwrap()
}

fn recipient(mail: &str) -> String {
    let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
    to.split(['<', '@']).find(|part| !part.is_empty()).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_is_for_everything_on_the_sheet_and_each_is_on_record() {
    let place = Place::new();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let home = home(&place, &smtp);
    let up = place.up(&home).await;
    let (_, questions) = sheet(&place, &home).await;
    let titles: Vec<&str> = questions.iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(questions.len(), 3, "{titles:?}");
    for (text, name) in titles.iter().zip(["anna", "bert", "carl"]) {
        assert!(text.contains(&format!("{name}@example.org")) && text.contains("Your task"), "{text}");
    }
    assert_eq!(smtp.deliveries().len(), 0, "nothing is done before the answer");
    let mut all = vec!["approvals", "approve"];
    all.extend(ids(&questions));
    let said = place.run(&home, &all).await;
    assert_eq!((said.code, said.out.matches("approved, this once").count()), (Some(0), 3), "{said:?}");
    assert_eq!(sent_at_last(&up, &smtp).await, ["anna", "bert", "carl"], "in the model's order");
    let answers = up.client.get("/api/v1/audit?kind=answer").await;
    let answered: Vec<&Value> =
        answers["records"].as_array().unwrap().iter().map(|record| &record["question"]).collect();
    for id in ids(&questions) {
        assert_eq!(answered.iter().filter(|one| **one == id).count(), 1, "{id}: {answers}");
    }
    let open = up.client.get("/api/v1/approvals").await;
    assert_eq!(open["questions"], json!([]));
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_a_sheet_can_be_answered_one_by_one_and_the_rest_stays() {
    let place = Place::new();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let home = home(&place, &smtp);
    let up = place.up(&home).await;
    let mut following = up.client.follow().await;
    let (_, questions) = sheet(&place, &home).await;
    let [anna, bert, carl] = ids(&questions)[..] else { panic!("{questions:?}") };
    let waits = async |following: &mut crate::client::Following| loop {
        let frame = following.next().await.unwrap();
        if frame["kind"] == "waits" {
            return frame["questions"].clone();
        }
    };
    assert_eq!(waits(&mut following).await, json!([anna, bert, carl]));
    assert_eq!(place.run(&home, &["approvals", "deny", bert]).await.code, Some(0));
    assert_eq!(waits(&mut following).await, json!([anna, carl]), "the rest of the sheet");
    let said = place.run(&home, &["approvals", "approve", carl, anna]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(sent_at_last(&up, &smtp).await, ["anna", "carl"]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_is_answered_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let home = home(&place, &smtp);
    let up = place.up(&home).await;
    let (_, questions) = sheet(&place, &home).await;
    let [anna, bert, carl] = ids(&questions)[..] else { panic!("{questions:?}") };
    for (names, answer, status) in [
        (json!([anna, bert, "q-0000000000000000"]), "approve", 404),
        (json!([anna, bert, anna]), "approve", 400),
        (json!([anna, "Q"]), "approve", 400),
        (json!([]), "approve", 400),
        (json!(anna), "approve", 400),
        (json!([anna, bert]), "always", 400),
    ] {
        let body = json!({"questions": names, "answer": answer});
        let (found, said) = up.client.ask("POST", "/api/v1/approvals", Some(body.clone())).await.unwrap();
        assert_eq!(found, status, "{body}: {said}");
    }
    let open = up.client.get("/api/v1/approvals").await;
    assert_eq!(open["questions"].as_array().unwrap().len(), 3, "nothing was answered: {open}");
    assert_eq!(up.client.get("/api/v1/audit?kind=answer").await["records"], json!([]));
    assert_eq!(place.run(&home, &["approvals", "deny", anna, bert, carl]).await.code, Some(0));
    assert_eq!(sent_at_last(&up, &smtp).await, Vec::<String>::new());
    // An answer is good once, on a sheet too.
    let (found, _) = up
        .client
        .ask("POST", "/api/v1/approvals", Some(json!({"questions": [anna], "answer": "approve"})))
        .await
        .unwrap();
    assert_eq!(found, 404);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_waits_over_a_restart() {
    let place = Place::new();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let home = home(&place, &smtp);
    let mut up = place.up(&home).await;
    let (_, questions) = sheet(&place, &home).await;
    up.kill();
    let up = place.up(&home).await;
    let body = json!({"questions": ids(&questions), "answer": "approve"});
    let answered = up.client.post("/api/v1/approvals", body).await;
    assert_eq!(answered["answered"].as_array().unwrap().len(), 3);
    assert_eq!(sent_at_last(&up, &smtp).await, ["anna", "bert", "carl"]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_a_chat_is_shown_the_whole_sheet_before_the_first_answer() {
    let place = Place::new();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let home = home(&place, &smtp);
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "do the todo"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.out.contains("3 approvals are needed at once, in this order:"), "{said:?}");
    let at = |name: &str| {
        said.out.find(&format!("{name}@example.org")).unwrap_or_else(|| panic!("{name}: {said:?}"))
    };
    assert!(at("anna") < at("bert") && at("bert") < at("carl"));
    assert!(said.err.contains("each also by itself"), "{said:?}");
    up.stop().await;
}
