//! The format says what foreign services need said: a bank, a drive, a calendar.

use domain::{Effect, Integrity, Output};
use serde_json::json;
use tools::{Catalog, Sink};

fn catalog() -> Catalog {
    let drive = Catalog::from_toml(include_str!("foreign/drive.toml")).unwrap();
    Catalog::from_toml(include_str!("foreign/bank.toml")).unwrap().with(drive).unwrap()
}

fn integrity(output: &Output, path: &str) -> Integrity {
    output.fields.iter().find(|field| field.path == path).unwrap().integrity
}

#[test]
fn money_goes_to_whom_the_argument_names() {
    let catalog = catalog();
    let manifest = catalog.manifest(&"send_money".parse().unwrap()).unwrap();
    assert_eq!(
        manifest.sinks(),
        [Sink::Service("bank".to_string()), Sink::Argument("recipient".to_string())]
    );
    let call = catalog
        .parse(
            "send_money",
            r#"{"recipient":"GB29NWBK60161331926819","amount":10,"subject":"x","date":"2022-01-01"}"#,
        )
        .unwrap();
    assert_eq!(call.effect, Effect::Spend);
    assert_eq!(manifest.show(&call), "Pay 10 to gb29nwbk60161331926819 on 2022-01-01\nfor: x");
}

#[test]
fn only_the_subject_of_a_transaction_is_a_strangers_word() {
    let catalog = catalog();
    let call = catalog.parse("get_transactions", "").unwrap();
    let result = json!([{"id": 1, "sender": "me", "recipient": "CH93", "amount": 100.0, "subject": "Pizza", "date": "2022-01-01", "recurring": false}]);
    let output = catalog.manifest(&call.tool).unwrap().output(&call, &result, String::new(), &[]);
    let untrusted: Vec<&str> = output
        .fields
        .iter()
        .filter(|field| field.integrity == Integrity::Untrusted)
        .map(|field| field.path.as_str())
        .collect();
    assert_eq!(untrusted, ["0.subject"]);
}

#[test]
fn names_on_a_shared_drive_are_facts_only_where_the_owner_gave_them() {
    let catalog = catalog();
    let call = catalog.parse("delete_file", r#"{"file_id":"13"}"#).unwrap();
    let emma = ["emma@blue.example".parse().unwrap()];
    let manifest = catalog.manifest(&call.tool).unwrap();
    let file = |owner: &str| {
        let result = json!({"id_": "13", "filename": "a.txt", "owner": owner, "shared_with": {"bob@x.example": "r"}, "size": 3, "content": "hi"});
        manifest.output(&call, &result, String::new(), &emma)
    };
    assert_eq!(integrity(&file("emma@blue.example"), "filename"), Integrity::Attested);
    assert_eq!(integrity(&file("emma@blue.example"), "shared_with.@key"), Integrity::Attested);
    assert_eq!(integrity(&file("mallory@x.example"), "filename"), Integrity::Untrusted);
    assert_eq!(integrity(&file("mallory@x.example"), "shared_with.@key"), Integrity::Untrusted);
    assert_eq!(integrity(&file("mallory@x.example"), "content"), Integrity::Untrusted);
}

#[test]
fn inviting_people_is_sending() {
    let catalog = catalog();
    let effect = |text: &str| catalog.parse("create_calendar_event", text).unwrap().effect;
    let alone = r#"{"title":"Lunch","start_time":"2024-05-19 12:00","end_time":"2024-05-19 13:00"}"#;
    assert_eq!(effect(alone), Effect::Write);
    assert_eq!(effect(&alone.replace('}', r#","participants":["a@x.example"]}"#)), Effect::Send);
}
