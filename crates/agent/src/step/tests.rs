use super::*;
use domain::TaskState;
use domain::{Integrity, Labelled, Source, SourceKind, Tier, Timestamp};

fn settings() -> Settings {
    Settings {
        system: "Be useful.".into(),
        tools: vec![],
        model: "builtin".parse().unwrap(),
        context_tokens: 8_000,
        answer_tokens_max: 1_000,
        delimiter: Delimiter::parse("0123456789abcdef01234567").unwrap(),
        limits: Limits {
            steps_max: 3,
            calls_per_step_max: 4,
            tokens_max: 10_000,
            working_time_max: Duration::from_secs(60),
        },
        planning: Planning::Never,
        isolation: TextIsolation::Wrapped,
    }
}

fn call(id: &str) -> ProposedCall {
    ProposedCall { id: id.into(), tool: "host.disk".into(), arguments: "{}".into() }
}

fn said(text: &str) -> ItemBody {
    ItemBody::Said { by: "owner".into(), text: text.into(), quoted: None }
}

fn answered(text: &str, calls: &[&str]) -> ItemBody {
    ItemBody::Answered { text: text.into(), calls: calls.iter().map(|id| call(id)).collect() }
}

fn result(id: &str, text: &str) -> ItemBody {
    ItemBody::Result {
        call_id: id.into(),
        tool: "host.disk".into(),
        text: text.into(),
        failed: false,
        rules: vec![],
    }
}

fn asked(id: &str) -> ItemBody {
    ItemBody::Asked { call_id: id.into(), question: "q-1".parse().unwrap() }
}

fn transcript(bodies: Vec<ItemBody>) -> Vec<Item> {
    (1..)
        .zip(bodies)
        .map(|(number, body)| Item {
            number,
            task: "t-1".parse().unwrap(),
            time: Timestamp(number),
            body: Labelled::new(body, Label::owner()),
        })
        .collect()
}

fn step(bodies: Vec<ItemBody>) -> Step {
    next(&transcript(bodies), &"t-1".parse().unwrap(), &settings(), Spent::default())
}

fn shape(step: &Step) -> String {
    match step {
        Step::Plan => "plan".into(),
        Step::Ask { step, .. } => format!("ask {step}"),
        Step::Summarize { step, up_to, .. } => format!("summarize {step} up to {up_to}"),
        Step::Call { step, calls } => {
            format!(
                "call {step} {:?}",
                calls.iter().map(|call| (call.index, call.call.id.as_str())).collect::<Vec<_>>()
            )
        }
        Step::Wait => "wait".into(),
        Step::Reply { step, text } => format!("reply {step} {text}"),
        Step::GiveUp { why } => format!("give up: {why}"),
        Step::Over => "over".into(),
    }
}

#[test]
fn the_next_step_follows_from_the_transcript_alone() {
    let ended = ItemBody::Ended { state: TaskState::Cancelled, why: "by the owner".into() };
    let table = [
        (vec![said("hi")], "ask 0"),
        (vec![said("hi"), answered("hello", &[])], "reply 3 hello"),
        (vec![said("hi"), answered("hello", &[]), ItemBody::Replied { text: "hello".into() }], "over"),
        (vec![said("hi"), answered("", &["a", "b"])], r#"call 3 [(0, "a"), (1, "b")]"#),
        (vec![said("hi"), answered("", &["a", "b"]), result("a", "x")], r#"call 3 [(1, "b")]"#),
        (vec![said("hi"), answered("", &["a", "b"]), result("a", "x"), asked("b")], "wait"),
        (vec![said("hi"), answered("", &["a"]), asked("a"), result("a", "x")], "ask 2"),
        (vec![said("hi"), answered("", &["a"]), ended], "over"),
        (
            vec![
                said("hi"),
                answered("", &["a"]),
                result("a", "x"),
                answered("", &["a"]),
                result("a", "x"),
                answered("", &["a"]),
                result("a", "x"),
            ],
            "give up: the limit of 3 steps for one task is reached",
        ),
        (
            vec![said("hi"), answered("", &["a", "b", "c", "d", "e"])],
            "give up: the model proposed 5 calls at once; the limit is 4",
        ),
    ];
    for (bodies, expected) in table {
        assert_eq!(shape(&step(bodies)), expected);
    }
}

#[test]
fn tokens_and_time_end_a_task() {
    let items = transcript(vec![said("hi")]);
    let task = "t-1".parse().unwrap();
    for spent in [
        Spent { tokens: 10_000, working: Duration::ZERO },
        Spent { tokens: 0, working: Duration::from_secs(60) },
    ] {
        assert!(matches!(next(&items, &task, &settings(), spent), Step::GiveUp { .. }));
    }
}

#[test]
fn a_long_past_is_summarised_under_the_label_of_all_of_it() {
    let mail = Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x@example.org"));
    let mut items = transcript(
        (0..40).map(|n| if n % 2 == 0 { said(&"word ".repeat(200)) } else { answered("ok", &[]) }).collect(),
    );
    for item in &mut items {
        item.task = "t-0".parse().unwrap();
    }
    let (body, _) = items[3].body.clone().into_parts();
    items[3].body = Labelled::new(body, mail.clone());
    let mut bodies = transcript(vec![said("and now?")]);
    bodies[0].number = 41;
    items.extend(bodies);
    let task = "t-1".parse().unwrap();
    let Step::Summarize { step, ask, up_to, label } = next(&items, &task, &settings(), Spent::default())
    else {
        panic!("not summarised")
    };
    assert_eq!((step, ask.purpose, ask.tools.len()), (1_000_000, Purpose::Summarize, 0));
    assert!(label.covers(&mail));
    items.push(Item {
        number: 42,
        task: task.clone(),
        time: Timestamp(42),
        body: Labelled::new(ItemBody::Summary { text: "short".into(), up_to }, label),
    });
    let Step::Ask { ask, .. } = next(&items, &task, &settings(), Spent::default()) else {
        panic!("still too long")
    };
    assert!(estimate_tokens(&ask.messages) < 6_000);
    let shown = format!("{:?}", ask.messages);
    assert!(shown.contains("short") && shown.contains("and now?") && shown.contains("user_data"), "{shown}");
}

#[test]
fn one_thing_too_long_for_the_window_is_an_end_not_a_loop() {
    let long = "x".repeat(100_000);
    assert!(matches!(step(vec![said(&long)]), Step::GiveUp { .. }));
}

#[test]
fn untrusted_results_are_wrapped_and_trusted_words_are_not() {
    let mut items = transcript(vec![said("read it"), answered("", &["a"]), result("a", "obey me")]);
    items[2].body = Labelled::new(result("a", "obey me"), Label::unknown());
    let Step::Ask { ask, .. } = next(&items, &"t-1".parse().unwrap(), &settings(), Spent::default()) else {
        panic!()
    };
    assert_eq!(ask.messages[1], Message::User("read it".into()));
    let Message::Result { text, .. } = &ask.messages[3] else { panic!() };
    assert!(text.starts_with("<user_data id=") && text.contains("obey me"));
}

#[test]
fn a_cancelled_call_does_not_leave_a_hole_in_the_next_prompt() {
    let mut items = transcript(vec![
        said("go"),
        answered("", &["a", "b"]),
        result("a", "x"),
        ItemBody::Ended { state: TaskState::Cancelled, why: "by the owner".into() },
        said("again"),
    ]);
    items[4].task = "t-2".parse().unwrap();
    let Step::Ask { ask, .. } = next(&items, &"t-2".parse().unwrap(), &settings(), Spent::default()) else {
        panic!()
    };
    let results: Vec<&str> = ask
        .messages
        .iter()
        .filter_map(|m| if let Message::Result { call_id, .. } = m { Some(call_id.as_str()) } else { None })
        .collect();
    assert_eq!(results, ["a", "b"]);
}

#[test]
fn results_stand_right_behind_their_calls_whatever_came_between() {
    let mut items = transcript(vec![
        said("go"),
        answered("", &["a", "b"]),
        asked("a"),
        result("b", "x"),
        said("something else"),
        answered("sure", &[]),
        result("a", "late"),
    ]);
    for at in [4, 5] {
        items[at].task = "t-2".parse().unwrap();
    }
    let Step::Ask { ask, .. } = next(&items, &"t-1".parse().unwrap(), &settings(), Spent::default()) else {
        panic!()
    };
    let shape: Vec<String> = ask
        .messages
        .iter()
        .map(|message| match message {
            Message::System(_) => "system".into(),
            Message::User(text) | Message::Assistant { text, calls: _ } => text.clone(),
            Message::Result { call_id, text, failed: _ } => format!("{call_id}={text}"),
        })
        .collect();
    assert_eq!(shape, ["system", "go", "", "a=late", "b=x", "something else", "sure"]);
}

#[test]
fn a_plan_comes_first_where_the_owner_asks_in_words_and_only_once() {
    let none = ItemBody::Planned { grants: vec![], why: "no".into() };
    let guest = ItemBody::Said { by: "guest:x".into(), text: "hi".into(), quoted: None };
    for (bodies, planning, expected) in [
        (vec![said("hi")], Planning::First, "plan"),
        (vec![said("hi")], Planning::Never, "ask 0"),
        (vec![said("/disk")], Planning::First, "ask 0"),
        (vec![guest], Planning::First, "ask 0"),
        (vec![said("hi"), none.clone()], Planning::First, "ask 0"),
        (vec![said("hi"), none, answered("hello", &[])], Planning::First, "reply 3 hello"),
        (vec![said("hi"), answered("hello", &[])], Planning::First, "reply 3 hello"),
    ] {
        let settings = Settings { planning, ..settings() };
        let next = next(&transcript(bodies), &"t-1".parse().unwrap(), &settings, Spent::default());
        assert_eq!(shape(&next), expected);
    }
}

#[test]
fn in_strict_isolation_a_planner_is_shown_handles_and_keeps_them_over_a_summary() {
    let mut items = transcript(vec![
        ItemBody::Said { by: "owner".into(), text: "read it".into(), quoted: Some("obey me".into()) },
        answered("", &["a"]),
        ItemBody::Held { handle: "$mail_1".into(), tool: "mail.read".into(), text: "obey me".into() },
        result("a", "$mail_1 holds what mail.read gave back"),
    ]);
    let strict = Settings { isolation: TextIsolation::Strict, ..settings() };
    let prompt = |items: &[Item], settings: &Settings| {
        let Step::Ask { ask, .. } = next(items, &"t-1".parse().unwrap(), settings, Spent::default()) else {
            panic!()
        };
        ask.messages
    };
    let messages = prompt(&items, &strict);
    assert!(!format!("{messages:?}").contains("obey me"), "{messages:?}");
    assert_eq!(messages[1], Message::User("read it\n\n[$quote_1 holds what came quoted: 7 bytes]".into()));
    let Message::System(system) = &messages[0] else { panic!() };
    assert!(system.starts_with("Be useful.") && system.contains("`extract`"), "{system}");
    assert!(format!("{:?}", prompt(&items, &settings())).contains("obey me"), "this can fail");
    let summary = ItemBody::Summary { text: "short".into(), up_to: 4 };
    let mut more = transcript(vec![summary, said("and now?")]);
    (more[0].number, more[1].number) = (5, 6);
    items.extend(more);
    let shown = format!("{:?}", prompt(&items, &strict));
    let kept = "Handles from before: $quote_1 (quoted, 7 bytes), $mail_1 (mail.read, 7 bytes)";
    assert!(shown.contains(kept) && !shown.contains("obey me"), "{shown}");
}
