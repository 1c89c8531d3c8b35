//! A chat by OpenAI's API that needs the owner first: its client is told and goes, and the task waits.

use crate::place::{PATIENCE, Place};
use serde_json::{Value, json};
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_owner_outlives_the_client_that_asked_for_it() {
    let place = Place::new();
    let script = place.path("script.jsonl");
    let answers = "{\"calls\": [{\"tool\": \"shell.run\", \"args\": {\"command\": \"touch $USER.txt\"}}]}\n{\"text\": \"made\"}\n";
    fs::write(&script, answers).unwrap();
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n",
        script.display()
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    for (name, is_streamed) in [("whole", false), ("streamed", true)] {
        let body =
            json!({"model": "s", "stream": is_streamed, "messages": [{"role": "user", "content": name}]});
        let said = up.client.post_for_text("/v1/chat/completions", &body).await;
        let open = up.client.get("/api/v1/approvals").await;
        let [question] = &open["questions"].as_array().unwrap()[..] else { panic!("{name}: {open}") };
        let (id, session) = (question["id"].as_str().unwrap(), question["session"].as_str().unwrap());
        for word in ["needs your approval first", "touch ", id, session] {
            assert!(said.contains(word), "{name}: {word}: {said}");
        }
        assert!(said.contains("\"finish_reason\":\"stop\""), "{name}: {said}");
        assert!(!home.join(format!("workspace/{name}.txt")).exists());
        // The client is long gone.
        let approved = place.run(&home, &["approvals", "approve", id]).await;
        assert_eq!(approved.code, Some(0), "{name}: {approved:?}");
        let over = async {
            loop {
                let transcript = up.client.get(&format!("/api/v1/sessions/{session}")).await;
                let items: Vec<Value> = transcript["items"].as_array().unwrap().clone();
                assert!(items.iter().all(|item| item["kind"] != "ended"), "{name}: {items:?}");
                if items.iter().any(|item| item["kind"] == "replied") {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, over).await.unwrap();
        assert!(home.join(format!("workspace/{name}.txt")).exists(), "{name}");
    }
    up.stop().await;
}
