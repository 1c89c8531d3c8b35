//! `policy check`, `test`, `lint`, `show`, `explain`, from outside.

use super::*;

#[test]
fn a_question_in_json_is_decided_and_explained() {
    let policy = policy("");
    let text = r#"{"tool":"mail.send","arguments":{"to":["anna@example.org"],"subject":"hi","body":"x"},
        "context":{"said":["mail anna@example.org"],"integrity":"untrusted","tier":"medium","sources":["mail:eve@evil.com"]}}"#;
    let found = policy.check(text, &catalog(), NOW).unwrap();
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
        assert!(policy.check(bad, &catalog(), NOW).is_err(), "{bad}");
    }
}

#[test]
fn a_mandate_in_the_context_covers() {
    let text = r#"{"tool":"mail.send","arguments":{"to":["anna@example.org"],"subject":"hi","body":"x"},
        "context":{"said":["mail anna@example.org"],"integrity":"untrusted","familiar_recipients":["anna@example.org"],
        "mandate":{"version":1,"grants":[{"tool":"mail.send","why":"asked","arguments":{"to":{"is":"anna@example.org"}}}]}}}"#;
    assert_eq!(policy("").check(text, &catalog(), NOW).unwrap()["verdict"], "allow");
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
    let results = policy("").run_cases(table, &catalog(), NOW).unwrap();
    assert_eq!(results.iter().map(|result| result.passed).collect::<Vec<_>>(), [true, true, false]);
    assert!(policy("").run_cases("version = 2", &catalog(), NOW).is_err());
}

#[test]
fn lint_finds_what_is_wider_than_it_reads() {
    let places_of =
        |settings: &str| policy(settings).lint().into_iter().map(|finding| finding.place).collect::<Vec<_>>();
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
fn lint_finds_rules_that_say_nothing() {
    let text = r#"
        @id("own.all-mail") @why("no mail") forbid (principal, action == Action::"send", resource == Tool::"mail.send");
        @id("own.some-mail") @why("no mail to eve") forbid (principal, action == Action::"send", resource == Tool::"mail.send") when { context has recipient && context.recipient == "eve@evil.com" };
    "#;
    let file = RuleFile { name: "own.cedar".into(), text: text.into(), signature: None };
    let policy = Policy::load(&Settings::default(), &[file], &places(), None).unwrap();
    let found: Vec<String> = policy.lint().into_iter().map(|finding| finding.place).collect();
    assert_eq!(found, ["own.cedar#own.some-mail"]);
}

#[test]
fn every_rule_in_force_is_shown_with_its_reason() {
    let policy = policy("[files]\nallowed_paths=[\"~/Documents\"]");
    let shown = policy.show();
    assert!(shown.contains("~/Documents"));
    for rule in policy.rules_in_force() {
        assert!(!rule.why.is_empty() && shown.contains(&rule.id), "{}", rule.id);
    }
    assert!(explain(Verdict::Deny, &[]).contains("refused"));
}

/// The examples of the hardening guides can be said one to one.
#[test]
fn the_guides_own_examples_can_be_said() {
    let settings = r#"
        [actions]
        send = "always"
        delete = "always"
        spend = "always"
        [mail]
        require_confirmation = true
        allowed_recipients = ["@example.org", "boss@example.com"]
        [files]
        allowed_paths = ["~/Documents", "~/Projects/**"]
        denied_paths = ["~/.ssh", "~/.aws", "~/Documents/Tax"]
        [shell]
        mode = "allowlist"
        allowed = ["python", "node"]
        [models.clearance]
        local = "high"
        [tiers.paths]
        "~/Documents/clients/**" = "high"
    "#;
    let policy = policy(settings);
    assert_eq!(policy.lint().len(), 2, "{:?}", policy.lint());
    assert_eq!(policy.tier_of_path(std::path::Path::new("/home/u/Documents/clients/a.pdf")), Tier::High);
}
