//! What the words mean, value by value: whoever stores, records or decides by them relies on each.

use crate::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn argument(name: &str, role: ArgumentRole, value: Value) -> Argument {
    Argument { name: name.into(), role, value }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn address(text: &str) -> Value {
    Value::Address(text.parse().unwrap())
}

fn command(text: &str, form: CommandForm) -> Value {
    Value::Command(CommandLine { text: text.into(), form })
}

fn call() -> Call {
    use ArgumentRole::{Authority, Payload};
    Call {
        tool: "mail.send".parse().unwrap(),
        effect: Effect::Send,
        arguments: vec![
            argument(
                "to",
                Authority,
                Value::List(vec![address("anna@example.org"), address("bert@example.org")]),
            ),
            argument("run", Authority, command("df -h", CommandForm::Plain(vec![]))),
            argument("about", Payload, address("carl@example.org")),
            argument("body", Payload, text("hello")),
        ],
        targets: vec![],
    }
}

fn ask() -> AskModel {
    AskModel {
        model: "local".parse().unwrap(),
        purpose: Purpose::Turn,
        messages: vec![Message::User("hi".into())],
        tools: vec![],
        answer_tokens_max: 10,
    }
}

fn reply() -> Reply {
    Reply { session: "s-1".parse().unwrap(), text: "hi".into() }
}

#[test]
fn every_word_stands_in_records_and_rules_as_it_is() {
    fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
        all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(" ")
    }
    assert_eq!(words(&Effect::ALL, Effect::as_str), "read fetch write delete execute send spend configure");
    assert_eq!(words(&Integrity::ALL, Integrity::as_str), "trusted attested untrusted");
    assert_eq!(words(&Tier::ALL, Tier::as_str), "low medium high");
    assert_eq!(
        words(&SourceKind::ALL, SourceKind::as_str),
        "owner config person quote mail web file command host tool memory model"
    );
    assert_eq!(
        words(&[Role::Owner, Role::Member, Role::Guest, Role::House], Role::as_str),
        "owner member guest house"
    );
    assert_eq!(
        words(&Channel::ALL, Channel::as_str),
        "web cli api clock hook mail telegram discord slack whatsapp matrix"
    );
    assert_eq!(words(&[Verdict::Allow, Verdict::Ask, Verdict::Deny], Verdict::as_str), "allow ask deny");
    assert_eq!(words(&TaskState::ALL, TaskState::as_str), "running waiting done cancelled failed");
    let blames = [Blame::Owner, Blame::Model, Blame::Tool, Blame::Peer, Blame::Us];
    assert_eq!(words(&blames, Blame::as_str), "owner model tool peer us");
    for channel in Channel::ALL {
        assert_eq!(channel.to_string().parse::<Channel>().unwrap(), channel);
    }
    assert!("phone".parse::<Channel>().is_err());
}

#[test]
fn only_looking_is_repeated_and_only_an_end_is_over() {
    let repeatable: Vec<Effect> = Effect::ALL.into_iter().filter(|effect| effect.is_repeatable()).collect();
    assert_eq!(repeatable, [Effect::Read, Effect::Fetch]);
    let over: Vec<TaskState> = TaskState::ALL.into_iter().filter(|state| state.is_over()).collect();
    assert_eq!(over, [TaskState::Done, TaskState::Cancelled, TaskState::Failed]);
}

#[test]
fn a_call_is_asked_for_its_arguments() {
    let call = call();
    assert_eq!(call.value("body"), Some(&text("hello")));
    assert_eq!(call.value("bcc"), None);
    assert_eq!(call.text("to").as_deref(), Some("anna@example.org, bert@example.org"));
    assert_eq!(call.text("bcc"), None);
    assert_eq!(call.command("run").map(|command| command.text.as_str()), Some("df -h"));
    assert_eq!(call.command("body"), None);
    let recipients: Vec<&str> = call.recipients().into_iter().map(Address::as_str).collect();
    assert_eq!(recipients, ["anna@example.org", "bert@example.org"], "whom it is about is no recipient");
}

#[test]
fn an_action_has_an_effect_and_a_name() {
    for (action, effect, name) in [
        (Action::Call(Call { effect: Effect::Spend, ..call() }), Effect::Spend, "mail.send"),
        (Action::AskModel(ask()), Effect::Send, "model.ask"),
        (Action::Reply(reply()), Effect::Send, "message.reply"),
    ] {
        assert_eq!((action.effect(), action.name()), (effect, name));
    }
}

/// Each changed in one field only; none may be taken for another.
#[test]
fn no_two_actions_that_differ_anywhere_share_a_digest() {
    let proposed = |id: &str, tool: &str, arguments: &str| ProposedCall {
        id: id.into(),
        tool: tool.into(),
        arguments: arguments.into(),
    };
    let mut asks = vec![ask()];
    asks.push(AskModel { model: "cloud".parse().unwrap(), ..ask() });
    asks.push(AskModel { purpose: Purpose::Plan, ..ask() });
    asks.push(AskModel { answer_tokens_max: 11, ..ask() });
    for messages in [
        vec![],
        vec![Message::System("hi".into())],
        vec![Message::User("hi!".into())],
        vec![Message::User("hi".into()), Message::User("hi".into())],
        vec![Message::Assistant { text: "hi".into(), calls: vec![] }],
        vec![Message::Assistant { text: "ho".into(), calls: vec![] }],
        vec![Message::Assistant { text: "hi".into(), calls: vec![proposed("a", "t", "{}")] }],
        vec![Message::Assistant { text: "hi".into(), calls: vec![proposed("b", "t", "{}")] }],
        vec![Message::Assistant { text: "hi".into(), calls: vec![proposed("a", "u", "{}")] }],
        vec![Message::Assistant { text: "hi".into(), calls: vec![proposed("a", "t", "[]")] }],
        vec![Message::Result { call_id: "a".into(), text: "hi".into(), failed: false }],
        vec![Message::Result { call_id: "b".into(), text: "hi".into(), failed: false }],
        vec![Message::Result { call_id: "a".into(), text: "ho".into(), failed: false }],
        vec![Message::Result { call_id: "a".into(), text: "hi".into(), failed: true }],
    ] {
        asks.push(AskModel { messages, ..ask() });
    }
    let tool = |name: &str, about: &str, kind: &str| ToolSchema {
        name: name.into(),
        description: about.into(),
        parameters: serde_json::json!({"type": kind}),
    };
    for tool in [tool("a", "b", "c"), tool("x", "b", "c"), tool("a", "x", "c"), tool("a", "b", "x")] {
        asks.push(AskModel { tools: vec![tool], ..ask() });
    }
    let mut calls = vec![
        Call { tool: "mail.draft".parse().unwrap(), ..call() },
        Call { effect: Effect::Write, ..call() },
        Call { arguments: vec![], ..call() },
        Call { arguments: vec![argument("to", ArgumentRole::Authority, text("a"))], ..call() },
        Call { arguments: vec![argument("to", ArgumentRole::Payload, text("a"))], ..call() },
        call(),
    ];
    let unfamiliar = |because: &str| CommandForm::Unfamiliar { because: because.into() };
    let plain = |connector: Connector, commands: &[&[&str]]| {
        let words = |argv: &&[&str]| argv.iter().map(|word| (*word).to_string()).collect();
        CommandForm::Plain(vec![Pipeline { connector, commands: commands.iter().map(words).collect() }])
    };
    for value in [
        address("a"),
        Value::Path("a".into()),
        Value::Date("a".into()),
        Value::Url("a".into()),
        Value::Json("a".into()),
        Value::Host("a".parse().unwrap()),
        Value::Amount("1".parse().unwrap()),
        Value::Number("1".parse().unwrap()),
        Value::Number("2".parse().unwrap()),
        Value::Boolean(true),
        Value::Boolean(false),
        Value::List(vec![]),
        Value::List(vec![text("a")]),
        Value::List(vec![Value::List(vec![text("a")])]),
        Value::Id { kind: "file".into(), id: "a".into() },
        command("a", unfamiliar("redirection")),
        command("a", unfamiliar("substitution")),
        command("a", CommandForm::Plain(vec![])),
        command("a", plain(Connector::Always, &[&["a"]])),
        command("a", plain(Connector::OnSuccess, &[&["a"]])),
        command("a", plain(Connector::OnFailure, &[&["a"]])),
        command("a", plain(Connector::Always, &[&["a", "b"]])),
        command("a", plain(Connector::Always, &[&["a"], &["b"]])),
        command("a", plain(Connector::Always, &[&["ab"]])),
    ] {
        calls.push(Call { arguments: vec![argument("to", ArgumentRole::Authority, value)], ..call() });
    }
    let program = |name: &str, path: &str, device, inode, digest| Target::Program {
        name: name.into(),
        path: path.into(),
        device,
        inode,
        digest,
    };
    for target in [
        program("a", "/a", 1, 2, [0; 32]),
        program("b", "/a", 1, 2, [0; 32]),
        program("a", "/b", 1, 2, [0; 32]),
        program("a", "/a", 2, 2, [0; 32]),
        program("a", "/a", 1, 1, [0; 32]),
        program("a", "/a", 1, 2, [1; 32]),
        Target::File { path: "/a".into(), device: 1, inode: 2 },
        Target::File { path: "/b".into(), device: 1, inode: 2 },
        Target::File { path: "/a".into(), device: 2, inode: 2 },
        Target::File { path: "/a".into(), device: 1, inode: 1 },
        Target::NewFile { path: "/a".into() },
        Target::NewFile { path: "/b".into() },
        Target::Host { host: "a".parse().unwrap(), port: 1 },
        Target::Host { host: "b".parse().unwrap(), port: 1 },
        Target::Host { host: "a".parse().unwrap(), port: 2 },
    ] {
        calls.push(Call { targets: vec![target.clone()], ..call() });
        calls.push(Call { targets: vec![target.clone(), target], ..call() });
    }
    let replies = [
        reply(),
        Reply { text: "ho".into(), ..reply() },
        Reply { session: "s-2".parse().unwrap(), ..reply() },
    ];
    let actions: Vec<Action> = asks
        .into_iter()
        .map(Action::AskModel)
        .chain(calls.into_iter().map(Action::Call))
        .chain(replies.into_iter().map(Action::Reply))
        .collect();
    let digests: BTreeSet<ActionDigest> = actions.iter().map(ActionDigest::of).collect();
    assert_eq!(digests.len(), actions.len());
    for digest in digests {
        assert_eq!(ActionDigest::from_bytes(*digest.as_bytes()), digest);
        assert_eq!(digest.to_string().len(), 64);
    }
}

#[test]
fn an_address_has_one_form_and_a_domain_if_it_has_one() {
    let parsed = |text: &str| text.parse::<Address>();
    assert_eq!(parsed(" Anna@Example.org ").unwrap().to_string(), "anna@example.org");
    for (text, domain) in [
        ("anna@example.org", Some("example.org")),
        ("a@b@example.org", Some("example.org")),
        ("anna", None),
        ("anna@", None),
    ] {
        assert_eq!(parsed(text).unwrap().domain(), domain, "{text}");
    }
    for (length, is_good) in [(1, true), (319, true), (320, true), (321, false), (1000, false)] {
        assert_eq!(parsed(&"a".repeat(length)).is_ok(), is_good, "{length} bytes");
    }
    for bad in ["", "  ", "a\u{7}b", "a\u{200b}b", "a\u{202e}b", "a\u{2066}b", "a\u{ad}b"] {
        assert!(parsed(bad).is_err(), "{bad:?}");
    }
    assert!(parsed("anna\u{e9}@example.org").is_ok(), "letters that are seen are letters");
}

#[test]
fn a_host_is_as_long_as_the_name_service_allows() {
    let parsed = |text: &str| text.parse::<Host>();
    assert_eq!(parsed("API.Example.org").unwrap().to_string(), "api.example.org");
    assert_eq!(parsed("API.Example.org").unwrap().as_str(), "api.example.org");
    for (length, is_good) in [(62, true), (63, true), (64, false)] {
        assert_eq!(
            parsed(&format!("{}.example", "a".repeat(length))).is_ok(),
            is_good,
            "a label of {length}"
        );
    }
    let of_length =
        |length: usize| format!("{}.{}", vec!["a".repeat(49); 5].join("."), "b".repeat(length - 250));
    for (length, is_good) in [(252, true), (253, true), (254, false), (260, false)] {
        assert_eq!(of_length(length).len(), length);
        assert_eq!(parsed(&of_length(length)).is_ok(), is_good, "{length} bytes");
    }
    for (text, is_good) in [
        ("a-b.example", true),
        ("a-.example", false),
        ("-a.example", false),
        ("a_b.example", false),
        ("a.7", false),
    ] {
        assert_eq!(parsed(text).is_ok(), is_good, "{text}");
    }
    let host = |text: &str| parsed(text).unwrap();
    for (name, parent, is_within) in [
        ("example.org", "example.org", true),
        ("a.b.example.org", "example.org", true),
        ("example.org", "a.example.org", false),
        ("notexample.org", "example.org", false),
        ("example.net", "example.org", false),
    ] {
        assert_eq!(host(name).is_within(&host(parent)), is_within, "{name} in {parent}");
    }
}

#[test]
fn a_label_covers_what_it_came_from_and_nothing_else() {
    use Integrity::{Attested, Trusted, Untrusted};
    use Tier::{High, Low, Medium};
    let label =
        |integrity, tier, name: &str| Label::new(integrity, tier, Source::new(SourceKind::Mail, name));
    let one = label(Attested, Medium, "a");
    for (other, is_covered) in [
        (label(Attested, Medium, "a"), true),
        (label(Trusted, Low, "a"), true),
        (label(Untrusted, Medium, "a"), false),
        (label(Attested, High, "a"), false),
        (label(Attested, Medium, "b"), false),
        (Label::new(Attested, Medium, Source::new(SourceKind::Web, "a")), false),
        (Label::nothing(), true),
    ] {
        assert_eq!(one.covers(&other), is_covered, "{other}");
    }
    assert_eq!((one.integrity(), one.tier(), one.is_clean()), (Attested, Medium, true));
    assert!(!label(Untrusted, Low, "a").is_clean() && Label::owner().is_clean());
    assert_eq!(one.clone().raised_to(High).tier(), High);
    assert_eq!(one.raised_to(Low).tier(), Medium, "nothing is lowered");
    assert_eq!(Label::owner().to_string(), "v1 trusted low owner:owner");
    assert_eq!(Label::unknown().to_string(), "v1 untrusted high tool:unknown");
    assert_eq!(Label::nothing().to_string(), "v1 trusted low");
    assert_eq!(label(Trusted, Low, "a b%c\nd\u{7}").to_string(), "v1 trusted low mail:a%20b%25c%0ad%07");
    let source = Source::new(SourceKind::Web, "example.org");
    assert_eq!(
        (source.kind(), source.name(), source.to_string().as_str()),
        (SourceKind::Web, "example.org", "web:example.org")
    );
    let all = Source::new(SourceKind::Web, "*");
    assert!(
        all.covers(&source)
            && !source.covers(&all)
            && !all.covers(&Source::new(SourceKind::Mail, "example.org"))
    );
}

#[test]
fn sources_are_named_one_by_one_up_to_a_crowd() {
    let mail = |name: &str| Label::new(Integrity::Attested, Tier::Low, Source::new(SourceKind::Mail, name));
    let many = |count: usize| (0..count).fold(Label::owner(), |label, n| label.join(&mail(&n.to_string())));
    for (count, sources) in [(255, 256), (256, 257), (257, 2), (258, 2)] {
        assert_eq!(many(count).sources().len(), sources, "{count} and the owner");
    }
    let widened = mail("*").join(&mail("a"));
    assert_eq!(widened.sources().len(), 1, "all of a kind are in the one that stands for them");
    assert!(widened.covers(&mail("b")));
    assert_eq!(mail("a").join(&mail("b")).sources().len(), 2);
}

#[test]
fn a_value_keeps_its_label_whatever_is_made_of_it() {
    let owner = Labelled::new(2, Label::owner());
    let stranger = Labelled::new(3, Label::unknown());
    assert_eq!(owner.label(), &Label::owner());
    assert_eq!(stranger.clone().map(|number| number * 2).into_parts(), (6, Label::unknown()));
    let (both, label) = owner.zip(stranger).into_parts();
    assert_eq!((both, label), ((2, 3), Label::owner().join(&Label::unknown())));
    let body = ItemBody::Replied { text: "hi".into() };
    let item = Item {
        number: 1,
        task: "t-1".parse().unwrap(),
        time: Timestamp(1),
        body: Labelled::new(body.clone(), Label::owner()),
    };
    assert_eq!(item.body_ref(), &body);
}

#[test]
fn principals_are_told_apart() {
    let member = Principal { role: Role::Member, name: "anna".into() };
    let named = Principal { role: Role::Guest, name: "owner".into() };
    let shown = [Principal::owner(), Principal::house(), member, named].map(|one| one.to_string());
    assert_eq!(shown, ["owner", "house", "member:anna", "guest:owner"]);
    assert_eq!((Principal::owner().role, Principal::house().role), (Role::Owner, Role::House));
}

#[test]
fn moments_are_counted_in_milliseconds() {
    let at = Timestamp(12_345);
    assert_eq!(at.after(Duration::from_secs(2)), Timestamp(14_345));
    assert_eq!(Timestamp(u64::MAX).after(Duration::from_secs(1)), Timestamp(u64::MAX));
    assert_eq!(at.since(Timestamp(12_000)), Duration::from_millis(345));
    assert_eq!(at.since(Timestamp(20_000)), Duration::ZERO, "a clock was set back");
    assert_eq!(at.seconds(), 12);
}

#[test]
fn a_value_has_a_canonical_text_a_kind_and_leaves() {
    let list = Value::List(vec![text("a"), Value::List(vec![text("b"), text("c")])]);
    assert_eq!(
        (list.to_string().as_str(), list.leaves()),
        ("a, b, c", vec![&text("a"), &text("b"), &text("c")])
    );
    assert_eq!(text("a").leaves(), [&text("a")]);
    for (value, canonical, kind) in [
        (text(" a "), " a ", ValueKind::Text),
        (address("A@b"), "a@b", ValueKind::Address),
        (Value::Path("./a".into()), "./a", ValueKind::Path),
        (Value::Id { kind: "file".into(), id: "13".into() }, "13", ValueKind::Id("file".into())),
        (Value::Amount("1.50".parse().unwrap()), "1.5", ValueKind::Amount),
        (Value::Number("-3.0".parse().unwrap()), "-3", ValueKind::Number),
        (Value::Date("2026-01-01".into()), "2026-01-01", ValueKind::Date),
        (Value::Url("https://a/".into()), "https://a/", ValueKind::Url),
        (Value::Host("A.b".parse().unwrap()), "a.b", ValueKind::Host),
        (command("df", CommandForm::Plain(vec![])), "df", ValueKind::Command),
        (Value::Boolean(true), "true", ValueKind::Boolean),
        (Value::Json("{}".into()), "{}", ValueKind::Json),
        (Value::List(vec![text("a")]), "a", ValueKind::List(Box::new(ValueKind::Text))),
        (Value::List(vec![]), "", ValueKind::List(Box::new(ValueKind::Json))),
    ] {
        assert_eq!((value.canonical().as_str(), value.kind()), (canonical, kind), "{value:?}");
    }
}
