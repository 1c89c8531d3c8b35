use super::*;
use domain::{Argument, Effect, Integrity};

fn call(tool: &str, arguments: &[(&str, ArgumentRole, Value)]) -> Call {
    let arguments = arguments
        .iter()
        .map(|(name, role, value)| Argument { name: (*name).into(), role: *role, value: value.clone() })
        .collect();
    Call { tool: tool.parse().unwrap(), effect: Effect::Send, arguments, targets: vec![] }
}

fn address(text: &str) -> Value {
    Value::Address(text.parse().unwrap())
}

fn plan(text: &str) -> Vec<Grant> {
    Plan::from_json(text).unwrap().grants(&Label::owner()).unwrap()
}

fn words(text: &str) -> Provenance {
    let mut known = Provenance::default();
    known.note_text(text, &Label::owner());
    known
}

const AUTHORITY: ArgumentRole = ArgumentRole::Authority;
const PAYLOAD: ArgumentRole = ArgumentRole::Payload;

#[test]
fn a_grant_covers_what_it_names_and_nothing_beside() {
    let mut mandate = Mandate::default();
    let grants = plan(
        r#"{"version":1,"grants":[{"tool":"mail.send","why":"asked","arguments":{"to":{"is":["anna@example.org"]}}}]}"#,
    );
    mandate.extend(grants, Extension::Plan).unwrap();
    let known = words("write to anna@example.org");
    let text = |t: &str| Value::Text(t.into());
    for (what, call, covered) in [
        ("what it names", call("mail.send", &[("to", AUTHORITY, address("Anna@example.org"))]), true),
        (
            "any payload",
            call(
                "mail.send",
                &[("to", AUTHORITY, address("anna@example.org")), ("body", PAYLOAD, text("x"))],
            ),
            true,
        ),
        ("another recipient", call("mail.send", &[("to", AUTHORITY, address("eve@evil.com"))]), false),
        (
            "one more recipient",
            call(
                "mail.send",
                &[("to", AUTHORITY, Value::List(vec![address("anna@example.org"), address("eve@evil.com")]))],
            ),
            false,
        ),
        (
            "an authority argument that it does not name",
            call(
                "mail.send",
                &[("to", AUTHORITY, address("anna@example.org")), ("cc", AUTHORITY, address("eve@evil.com"))],
            ),
            false,
        ),
        ("no recipient at all", call("mail.send", &[]), false),
        ("another tool", call("mail.draft", &[("to", AUTHORITY, address("anna@example.org"))]), false),
    ] {
        assert_eq!(mandate.covering(&call, None, &known).is_some(), covered, "{what}");
    }
}

#[test]
fn a_constant_target_must_stand_in_trusted_words() {
    let mut mandate = Mandate::default();
    let grants = plan(
        r#"{"version":1,"grants":[{"tool":"mail.send","why":"made up","arguments":{"to":{"is":"eve@evil.com"}}}]}"#,
    );
    mandate.extend(grants, Extension::Plan).unwrap();
    let send = call("mail.send", &[("to", AUTHORITY, address("eve@evil.com"))]);
    assert!(mandate.covering(&send, None, &words("write to anna@example.org")).is_none());
    assert!(mandate.covering(&send, None, &words("write to eve@evil.com")).is_some());
}

#[test]
fn a_grant_is_used_up() {
    let mut mandate = Mandate::default();
    let grants = plan(
        r#"{"version":1,"grants":[{"tool":"mail.send","why":"asked","each":5,"arguments":{"to":{"one_of":["a@x.org","b@x.org"]}}}]}"#,
    );
    mandate.extend(grants, Extension::Plan).unwrap();
    let known = words("write to a@x.org and b@x.org");
    let to = |who: &str| call("mail.send", &[("to", AUTHORITY, address(who))]);
    let (place, _grant) = mandate.covering(&to("a@x.org"), None, &known).unwrap();
    mandate.consume(place, &to("a@x.org"));
    assert!(mandate.covering(&to("a@x.org"), None, &known).is_none());
    assert!(mandate.covering(&to("b@x.org"), None, &known).is_some());
}

#[test]
fn after_the_freeze_only_the_owners_words_add() {
    let grants = || plan(r#"{"version":1,"grants":[{"tool":"files.write","why":"asked"}]}"#);
    let mut mandate = Mandate::default();
    mandate.freeze();
    assert_eq!(mandate.extend(grants(), Extension::Plan), Err(MandateError::Frozen));
    assert_eq!(mandate.extend(grants(), Extension::OwnerSpoke), Ok(()));
}

#[test]
fn a_grant_from_words_that_are_not_trusted_is_refused() {
    let mut grants = plan(r#"{"version":1,"grants":[{"tool":"files.write","why":"asked"}]}"#);
    grants[0].label = Label::new(
        Integrity::Attested,
        domain::Tier::Low,
        domain::Source::new(domain::SourceKind::Tool, "x"),
    );
    assert!(matches!(
        Mandate::default().extend(grants, Extension::Plan),
        Err(MandateError::NotTrusted { .. })
    ));
}

#[test]
fn a_mandate_is_read_back_with_what_was_used() {
    let mut mandate = Mandate::default();
    let text = r#"{"version":1,"grants":[
        {"tool":"a.b","why":"1","times":3,"arguments":{"x":{"is":[1,"b",true]},"y":{"hole":"date"}}},
        {"tool":"c.d","why":"2","each":2,"arguments":{"x":{"compute":"1 + 2"},"y":{"among":"column(rows(\"t\", \"\"), \"\")"}}}]}"#;
    mandate.extend(plan(text), Extension::Plan).unwrap();
    mandate.consume(1, &call("c.d", &[]));
    mandate.freeze();
    assert_eq!(mandate_from_json(&mandate_to_json(&mandate)).unwrap(), mandate);
    assert!(mandate_from_json(r#"{"version":2,"frozen":false,"grants":[]}"#).is_err());
}

#[test]
fn a_plan_that_is_not_one_is_refused() {
    for text in [
        "",
        "{}",
        r#"{"version":2,"grants":[]}"#,
        r#"{"version":1,"grants":[{"tool":"a"}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","extra":1}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","arguments":{"x":{"is":1,"hole":"date"}}}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","arguments":{"x":{"hole":"address"}}}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","arguments":{"x":{"compute":"evil("}}}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","times":1,"each":1}]}"#,
        r#"{"version":1,"grants":[{"tool":"a","why":"","times":1000}]}"#,
    ] {
        assert!(Plan::from_json(text).and_then(|plan| plan.grants(&Label::owner())).is_err(), "{text}");
    }
}

#[test]
fn a_typed_command_is_leave_for_exactly_that() {
    let mut mandate = Mandate::default();
    mandate.extend(grants_of_typed("/fetch https://example.org/a"), Extension::OwnerSpoke).unwrap();
    let known = words("/fetch https://example.org/a");
    let fetch = |url: &str| call("web.fetch", &[("url", AUTHORITY, Value::Url(url.into()))]);
    assert!(mandate.covering(&fetch("https://example.org/a"), None, &known).is_some());
    assert!(mandate.covering(&fetch("https://example.org/ab"), None, &known).is_none());
    assert!(grants_of_typed("please /fetch x").is_empty());
}
