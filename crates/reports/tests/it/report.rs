//! What a report counts, what it calls unusual, and what an export holds.

use crate::NOW;
use crate::house::{House, intent};
use audit::{Answer, Ending, Entry, Event, Log, SecretAct, Seq, SignInAct, Subject, Target, TargetKind};
use audit_query::{Filter, Order};
use domain::{
    ActionDigest, Blame, Channel, Effect, Integrity, Label, RuleHit, Sender, Source, SourceKind, Tier,
    Timestamp, Usage, Verdict,
};
use reports::{Format, UnusualRule, Window, export, report};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn deed(name: &str, effect: Effect, targets: &[(TargetKind, &str)]) -> Event {
    let Event::Intent { mut deed, rules, isolation } = intent("x").event else { unreachable!() };
    deed.name = name.into();
    deed.effect = effect;
    deed.targets = targets.iter().map(|(kind, value)| Target::new(*kind, value)).collect();
    Event::Intent { deed, rules, isolation }
}

fn connection(host: &str, verdict: Verdict) -> Event {
    Event::Connection {
        by: "web.fetch".into(),
        host: host.into(),
        port: 443,
        address: None,
        verdict,
        rules: vec![],
        request: None,
        bytes_out: 1,
        bytes_in: 2,
    }
}

async fn put(log: &Log, event: Event, now: Timestamp) -> Seq {
    log.note(Entry { subject: Subject::default(), event }, now).await.unwrap()
}

#[tokio::test]
async fn a_report_counts_what_was_done_in_its_window_only() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let Event::Intent { deed: refused, .. } = deed("files.write", Effect::Write, &[]) else { unreachable!() };
    let rules = vec![RuleHit { verdict: Verdict::Deny, id: "floor.own-files".into(), why: "no".into() }];
    let outcome = |ending| Event::Outcome {
        intent: Seq(1),
        name: "x".into(),
        effect: Effect::Send,
        ending,
        targets: vec![],
        contents: vec![],
        took: Duration::ZERO,
        usage: Some(Usage { input_tokens: 10, output_tokens: 1 }),
        cost_micros: Some(3),
        detail: None,
    };
    let run =
        || deed("shell.run", Effect::Execute, &[(TargetKind::Command, "df -h"), (TargetKind::Program, "df")]);
    let events = vec![
        run(),
        run(),
        deed("files.read", Effect::Read, &[(TargetKind::Path, "/w/a")]),
        deed("files.write", Effect::Write, &[(TargetKind::Path, "/w/b")]),
        deed(
            "mail.send",
            Effect::Send,
            &[(TargetKind::To, "a@example.org"), (TargetKind::To, "b@example.org")],
        ),
        deed("model.ask", Effect::Send, &[(TargetKind::Model, "claude")]),
        outcome(Ending::Done),
        outcome(Ending::Failed(Blame::Peer)),
        connection("example.org", Verdict::Allow),
        connection("169.254.169.254", Verdict::Deny),
        Event::Refusal { deed: refused.clone(), rules: rules.clone() },
        Event::Question { question: "q1".parse().unwrap(), deed: refused, rules, expires: NOW },
        Event::Answer {
            question: "q1".parse().unwrap(),
            answer: Answer::Deny,
            digest: ActionDigest::from_hex(&"00".repeat(32)).unwrap(),
        },
        Event::Inbound {
            message: "m1".parse().unwrap(),
            sender: Sender { channel: Channel::Telegram, account: "42".into() },
            contents: vec![],
        },
        Event::SignIn { act: SignInAct::SignedIn, from: "127.0.0.1".into() },
        Event::Secret { secret: "github".parse().unwrap(), act: SecretAct::Lent, host: None },
    ];
    let window = Window { from: NOW.after(HOUR), until: NOW.after(HOUR * 2), utc_offset_minutes: 0 };
    for now in [NOW, NOW.after(HOUR), NOW.after(HOUR * 2)] {
        for event in events.clone() {
            put(&log, event, now).await;
        }
    }
    let summary = report(log.folder(), window).unwrap();
    assert_eq!(summary.effects.most_first(), [("execute", 2), ("send", 2), ("read", 1), ("write", 1)]);
    assert_eq!(summary.commands.most_first(), [("df -h", 2)]);
    assert_eq!(summary.programs.of("df"), 2);
    assert_eq!(summary.files_read.most_first(), [("/w/a", 1)]);
    assert_eq!(summary.files_changed.most_first(), [("/w/b", 1)]);
    assert_eq!(
        (summary.hosts.most_first(), summary.hosts_refused.most_first()),
        (vec![("example.org", 1)], vec![("169.254.169.254", 1)])
    );
    assert_eq!(summary.recipients.total(), 2);
    assert_eq!(summary.messages.most_first(), [("telegram:42", 1)]);
    assert_eq!(
        (
            summary.questions.of("files.write"),
            summary.answers.of("deny"),
            summary.refusals.of("floor.own-files")
        ),
        (1, 1, 1)
    );
    assert_eq!(summary.endings.most_first(), [("done", 1), ("failed", 1)]);
    assert_eq!(
        (summary.secrets.of("github"), summary.sign_ins.of("signed_in"), summary.models.of("claude")),
        (1, 1, 1)
    );
    assert_eq!((summary.input_tokens, summary.output_tokens, summary.cost_micros), (20, 2, 6));
    assert_eq!(summary.records, 16);
    assert_eq!(summary.unusual, [], "all of it came up an hour before");
    assert_eq!(summary.hours.iter().sum::<u64>(), 6);
    assert_eq!(summary.days.values().copied().collect::<Vec<_>>(), [(6, 1)]);
    let words = reports::in_words(&summary, window);
    assert!(words.contains("16 records, 6 effects begun, 1 messages in, 1 questions, 1 refusals"), "{words}");
    assert!(words.contains("Models were asked 1 times: 20 tokens in, 2 out, 0.000006 spent."), "{words}");
    assert!(words.contains("Commands: 2\n       2  df -h"), "{words}");
    let page = reports::page(&summary, window).unwrap();
    assert!(
        page.contains("default-src 'none'")
            && page.contains("df -h")
            && !page.contains("<script")
            && page.contains("role=\"img\"><title>Effects by kind</title>"),
        "{page}"
    );
    let json = reports::json(&summary, window);
    assert_eq!(json["lists"]["refusals_by_rule"]["floor.own-files"], 1, "{json}");
}

#[tokio::test]
async fn each_rule_for_the_unusual_fires_when_it_must_and_not_before() {
    let day = HOUR * 24;
    // Noon, UTC.
    let noon = Timestamp(NOW.0 / 86_400_000 * 86_400_000 + 43_200_000);
    let house = House::new();
    let (log, _) = house.open(Timestamp(noon.0 - 40 * 86_400_000));
    let run = |program: &str| deed("shell.run", Effect::Execute, &[(TargetKind::Program, program)]);
    let back = |days: u32| Timestamp(noon.0 - u64::from(days) * 86_400_000);
    put(&log, run("old"), back(35)).await;
    for days in (1..=10).rev() {
        put(&log, run("df"), back(days)).await;
        put(&log, connection("example.org", Verdict::Allow), back(days)).await;
    }
    let mut expected = Vec::new();
    let mut unusual = |rule, seq| expected.push((rule, seq));
    put(&log, run("df"), noon).await;
    put(&log, connection("example.org", Verdict::Allow), noon).await;
    unusual(UnusualRule::NewProgram, put(&log, run("old"), noon).await);
    unusual(UnusualRule::NewProgram, put(&log, run("nc"), noon).await);
    put(&log, run("nc"), noon).await;
    unusual(UnusualRule::NewHost, put(&log, connection("evil.example", Verdict::Allow), noon).await);
    put(&log, connection("refused.example", Verdict::Deny), noon).await;
    let mail = deed("mail.send", Effect::Send, &[(TargetKind::To, "x@evil.example")]);
    unusual(UnusualRule::NewRecipient, put(&log, mail, noon).await);
    let refusal = || {
        let Event::Intent { deed, rules, .. } = run("rm") else { unreachable!() };
        Event::Refusal { deed, rules }
    };
    // Five in eleven minutes are not a burst; five in eight are, once.
    for minute in [0, 3, 6, 9, 11] {
        put(&log, refusal(), noon.after(Duration::from_secs(60 * minute))).await;
    }
    let mut last = Seq(0);
    for minute in [20, 22, 24, 26, 28] {
        last = put(&log, refusal(), noon.after(Duration::from_secs(60 * minute))).await;
    }
    unusual(UnusualRule::RefusalBurst, last);
    put(&log, refusal(), noon.after(Duration::from_secs(60 * 29))).await;
    let failed = || Event::SignIn { act: SignInAct::Failed, from: "192.0.2.1".into() };
    for _ in 0..5 {
        last = put(&log, failed(), noon.after(HOUR)).await;
    }
    unusual(UnusualRule::SignInBurst, last);
    let high = Label::new(Integrity::Attested, Tier::High, Source::new(SourceKind::File, "/home/x/.ssh/id"));
    let mut entry = intent("cat");
    entry.subject.label = Some(high);
    let Event::Intent { deed, .. } = &mut entry.event else { unreachable!() };
    deed.targets.clear();
    unusual(UnusualRule::TierRise, log.note(entry.clone(), noon.after(HOUR)).await.unwrap());
    log.note(entry, noon.after(HOUR)).await.unwrap();
    unusual(UnusualRule::ClockBack, put(&log, connection("example.org", Verdict::Allow), noon).await);
    // 20 on one day after 11 in the ten days before: the last of them is named.
    for _ in 0..17 {
        last = put(&log, run("df"), noon.after(HOUR * 2)).await;
    }
    unusual(UnusualRule::Rate, last);
    // One o'clock at night for somebody two hours east of Greenwich.
    unusual(UnusualRule::Night, put(&log, run("df"), noon.after(HOUR * 11)).await);
    put(&log, run("df"), noon.after(HOUR * 11)).await;

    let window = Window { from: noon, until: noon.after(day), utc_offset_minutes: 120 };
    let found: Vec<_> = report(log.folder(), window).unwrap().unusual;
    let mut named: Vec<_> = found.iter().map(|found| (found.rule, found.seq)).collect();
    named.sort();
    expected.sort();
    assert_eq!(named, expected, "{found:#?}");
    assert!(found.iter().all(|found| !found.why.is_empty() && !found.rule.as_str().is_empty()));
}

#[tokio::test]
async fn an_export_holds_the_lines_or_the_columns() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let mut entry = intent("=HYPERLINK(\"http://x\")\n\u{1}");
    entry.subject.task = Some("t1".parse().unwrap());
    log.note(entry, NOW).await.unwrap();
    let mut odd = intent("df");
    if let Event::Intent { deed, .. } = &mut odd.event {
        deed.name = "=1+1".into();
    }
    log.note(odd, NOW).await.unwrap();
    let filter = Filter { order: Order::OldestFirst, kinds: vec![audit::Kind::Intent], ..Filter::default() };
    let mut json = Vec::new();
    assert_eq!(export(log.folder(), &filter, Format::JsonLines, &mut json).unwrap(), 2);
    for line in json.split_inclusive(|byte| *byte == b'\n') {
        audit::Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
    }
    let mut csv = Vec::new();
    assert_eq!(export(log.folder(), &filter, Format::Csv, &mut csv).unwrap(), 2);
    let csv = String::from_utf8(csv).unwrap();
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert!(rows[0].starts_with("\"seq\",\"time\",\"kind\",\"session\""));
    assert!(rows[1].starts_with("\"3\",\"2025-10-09T08:53:20Z\",\"intent\",\"s1\",\"t1\""), "{}", rows[1]);
    assert!(rows[1].contains("\"command:=HYPERLINK(\"\"http://x\"\")"), "{}", rows[1]);
    assert!(rows[2].contains("\"'=1+1\""), "{}", rows[2]);
    let mut ocsf = Vec::new();
    log.note(Entry { subject: Subject::default(), event: connection("evil.example", Verdict::Deny) }, NOW)
        .await
        .unwrap();
    let all = Filter { order: Order::OldestFirst, ..Filter::default() };
    export(log.folder(), &all, Format::Ocsf, &mut ocsf).unwrap();
    let events: Vec<serde_json::Value> =
        String::from_utf8(ocsf).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        let number = |name: &str| event[name].as_u64().unwrap();
        assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"), "{event}");
        assert_eq!(number("category_uid"), number("class_uid") / 1000, "{event}");
        assert_eq!(event["metadata"]["version"], "1.3.0");
    }
    let run = events.iter().find(|event| event["unmapped"]["name"] == "shell.run").unwrap();
    assert_eq!((&run["class_uid"], &run["api"]["operation"]), (&6003.into(), &"shell.run".into()));
    let refused = events.iter().find(|event| event["class_uid"] == 4001).unwrap();
    assert_eq!((&refused["disposition_id"], &refused["activity_id"]), (&2.into(), &5.into()));
    assert_eq!(refused["dst_endpoint"]["hostname"], "evil.example");
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert!(export(log.folder(), &filter, Format::JsonLines, &mut Full).is_err());
}
