//! `policy check`, `test`, `lint`, `explain`, from outside.

use super::*;
use crate::{explain, lint};
use policy::{Places, Settings};

const NOW: Timestamp = Timestamp(1_750_000_000_000);

fn catalog() -> Catalog {
    Catalog::builtin().unwrap()
}

fn policy(settings: &str) -> Policy {
    let places = Places {
        home: "/home/u/.hardshell".into(),
        workspace: "/home/u/.hardshell/workspace".into(),
        owner_home: "/home/u".into(),
        programs: vec!["/usr/local/lib/hardshell".into()],
    };
    Policy::load(&Settings::from_toml(settings).unwrap(), &[], &places, None).unwrap()
}

#[test]
fn a_question_in_json_is_decided_and_explained() {
    let policy = policy("");
    let text = r#"{"tool":"mail.send","arguments":{"to":["anna@example.org"],"subject":"hi","body":"x"},
        "context":{"said":["mail anna@example.org"],"integrity":"untrusted","tier":"medium","sources":["mail:eve@evil.com"]}}"#;
    let found = check(&policy, text, &catalog(), NOW).unwrap();
    assert_eq!(found["verdict"], "ask");
    assert!(found["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "integrity.untrusted"));
    assert!(found["question"]["text"].as_str().unwrap().contains("anna@example.org"));
    for bad in [
        "",
        "{}",
        r#"{"tool":"nope"}"#,
        r#"{"tool":"host.disk","context":{"role":"king"}}"#,
        r#"{"tool":"host.disk","extra":1}"#,
    ] {
        assert!(check(&policy, bad, &catalog(), NOW).is_err(), "{bad}");
    }
}

#[test]
fn a_mandate_in_the_context_covers() {
    let text = r#"{"tool":"mail.send","arguments":{"to":["anna@example.org"],"subject":"hi","body":"x"},
        "context":{"said":["mail anna@example.org"],"integrity":"untrusted","familiar_recipients":["anna@example.org"],
        "mandate":{"version":1,"grants":[{"tool":"mail.send","why":"asked","arguments":{"to":{"is":"anna@example.org"}}}]}}}"#;
    assert_eq!(check(&policy(""), text, &catalog(), NOW).unwrap()["verdict"], "allow");
}

#[test]
fn a_table_of_cases_pins_what_an_owner_relies_on() {
    let table = r#"
        version = 1
        [[case]]
        name = "the disk is free to look at"
        tool = "host.disk"
        expect = "allow"
        [[case]]
        name = "my notes are not sent after reading mail"
        tool = "mail.send"
        arguments = { to = ["anna@example.org"], subject = "a", body = "b" }
        context = { integrity = "untrusted", said = ["mail anna@example.org"] }
        expect = "ask"
        rule = "integrity.untrusted"
        [[case]]
        name = "this one is wrong"
        tool = "host.disk"
        expect = "deny"
    "#;
    let results = run_cases(&policy(""), table, &catalog(), NOW).unwrap();
    assert_eq!(results.iter().map(|result| result.passed).collect::<Vec<_>>(), [true, true, false]);
    assert!(run_cases(&policy(""), "version = 2", &catalog(), NOW).is_err());
}

#[test]
fn lint_finds_what_is_wider_than_it_reads() {
    let places_of =
        |settings: &str| lint(&policy(settings)).into_iter().map(|finding| finding.place).collect::<Vec<_>>();
    assert!(places_of("").is_empty());
    for (settings, place) in [
        ("[shell]\nallowed=[\"python\"]", "shell.allowed"),
        ("[shell]\nallowed=[\"git status\"]", "shell.allowed"),
        ("[shell]\nallowed=[\"frob\"]\ndenied=[\"frob\"]", "shell.allowed"),
        ("[files]\nallowed_paths=[\"~/**\"]", "files"),
        ("[mail]\nallowed_recipients=[\"@gmail.com\"]", "mail.allowed_recipients"),
        ("[mail]\nallowed_recipients=[\"*@example.org\"]", "mail.allowed_recipients"),
        ("[web]\nallowed_hosts=[\"*.com\"]", "web"),
        ("[web]\nallowed_hosts=[\"https://example.org\"]", "web"),
        ("[web]\nmode=\"allowlist\"", "web"),
    ] {
        assert_eq!(places_of(settings), [place], "{settings}");
    }
}

#[test]
fn a_refusal_is_said_in_words() {
    assert!(explain(Verdict::Deny, &[]).contains("refused"));
}
