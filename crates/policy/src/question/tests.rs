mod deceptive;

use super::*;
use crate::tests::{call, facts, policy, untrusted};
use crate::{Decision, Question};
use domain::{Action, Label};

fn asked(tool: &str, arguments: serde_json::Value, familiar: &[&str]) -> Question {
    let (call, manifest) = call(tool, &arguments.to_string());
    let mut facts = facts("hello", untrusted());
    facts.manifest = Some(manifest);
    facts.familiar_recipients = familiar.iter().map(|who| who.parse().unwrap()).collect();
    match policy("").decide(Action::Call(call), &facts) {
        Decision::Ask { question, .. } => question,
        other @ (Decision::Allow { .. } | Decision::Deny { .. }) => panic!("it asks: {other:?}"),
    }
}

fn mail(to: &str, subject: &str, body: &str) -> serde_json::Value {
    serde_json::json!({"to": [to], "subject": subject, "body": body})
}

/// A corpus of deceptive actions: what is shown is what runs, so whatever would show otherwise is written out.
#[test]
fn what_is_shown_is_what_runs() {
    for (what, tool, arguments, shown) in [
        ("bidi", "shell.run", serde_json::json!({"command": "frob \u{202e}gnp.exe"}), "\\u{202e}"),
        ("ANSI", "shell.run", serde_json::json!({"command": "frob '\u{1b}[2K'"}), "\\u{1b}"),
        ("zero width", "shell.run", serde_json::json!({"command": "fr\u{200b}ob"}), "\\u{200b}"),
        ("tags", "shell.run", serde_json::json!({"command": "frob '\u{e0041}'"}), "\\u{e0041}"),
        ("a variation selector", "shell.run", serde_json::json!({"command": "frob '\u{fe0f}'"}), "\\u{fe0f}"),
        ("HTML in a subject", "mail.send", mail("a@x.org", "<b>hi</b>", "x"), "<b>hi</b>"),
        ("spaces at the end", "mail.send", mail("a@x.org", "hi   ", "x"), "\\u{20}"),
        (
            "a line break in a body",
            "mail.send",
            mail("a@x.org", "hi", "one\nbcc: eve@evil.com"),
            "│ bcc: eve@evil.com",
        ),
    ] {
        let question = asked(tool, arguments, &[]);
        assert!(question.text.contains(shown), "{what}: {}", question.text);
        assert!(!question.text.chars().any(|c| c.is_control() && c != '\n'), "{what}: {:?}", question.text);
    }
}

#[test]
fn a_long_command_is_shown_whole_and_its_title_says_that_it_is_cut() {
    let long = format!("frob {}; rm -rf notes", "x ".repeat(400));
    let question = asked("shell.run", serde_json::json!({"command": long}), &[]);
    assert!(question.text.contains("rm -rf notes"));
    assert!(question.title.contains("more characters"));
}

#[test]
fn a_look_alike_recipient_is_marked() {
    for other in ["anna@examp1e.org", "anna@exarnple.org", "ana@example.org", "аnna@example.org"] {
        let question = asked("mail.send", mail("anna@example.org", "hi", "x"), &["anna@example.org"]);
        assert!(question.warnings.is_empty(), "{:?}", question.warnings);
        let Ok(address) = other.parse::<domain::Address>() else { continue };
        let Ok(_whole) =
            crate::tests::catalog().parse("mail.send", &mail(address.as_str(), "hi", "x").to_string())
        else {
            continue;
        };
        let question = asked("mail.send", mail(other, "hi", "x"), &["anna@example.org"]);
        assert!(
            question.warnings.iter().any(|warning| warning.contains("is not `anna@example.org`")),
            "{other}: {:?}",
            question.warnings
        );
    }
}

#[test]
fn a_stranger_in_the_body_is_named_and_so_is_who_asked() {
    let question = asked(
        "mail.send",
        mail("anna@example.org", "hi", "pay US133000000121212121212"),
        &["anna@example.org"],
    );
    assert!(question.warnings.iter().any(|warning| warning.contains("US133000000121212121212")));
    assert_eq!(question.asked_for_by, ["mail:eve@evil.com"]);
}

#[test]
fn reduced_walls_are_said() {
    let (call, manifest) = call("shell.run", r#"{"command":"frobnicate"}"#);
    let mut facts = facts("x", Label::owner());
    facts.manifest = Some(manifest);
    facts.isolation = IsolationLevel::Landlock;
    let Decision::Ask { question, .. } = policy("").decide(Action::Call(call), &facts) else {
        panic!("it asks")
    };
    assert!(question.warnings.iter().any(|warning| warning.contains("landlock")));
}

#[test]
fn two_actions_are_never_shown_alike() {
    let texts = [
        asked("mail.send", mail("a@x.org", "ab", "c"), &[]).text,
        asked("mail.send", mail("a@x.org", "a", "bc"), &[]).text,
        asked("mail.send", mail("a@x.org", "ab", "c "), &[]).text,
        asked("mail.send", mail("a@x.org", "ab", "c\n"), &[]).text,
        asked("mail.send", mail("a@x.org", "ab", "c\u{200b}"), &[]).text,
    ];
    let different: std::collections::BTreeSet<_> = texts.iter().collect();
    assert_eq!(different.len(), texts.len());
}
