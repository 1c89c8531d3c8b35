//! OTLP, to a collector that takes nothing which the protocol does not name.

use crate::house::{House, NOW, caught_up, receiver, state, until};
use audit::{Content, Deed, Ending, Entry, Event, Subject, Target, TargetKind};
use domain::{ActionDigest, Channel, Effect, Principal, RuleHit, Sender, SessionId, TaskId, Usage, Verdict};
use egress::{Rule, Rules, Url};
use serde_json::Value;
use shipping::{Otlp, Receiver, To};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use testkit::http::{Next, Refusal, Seen, Server};
use testkit::otlp::Collector;

fn to(server: &Server) -> Receiver {
    let url = |path: &str| -> Url { format!("{}{path}", server.origin()).parse().unwrap() };
    let base = url("/");
    let rules = Rules::new().with(Rule::private(base.destination.clone(), base.port));
    let (logs, traces) = (Some(url("/v1/logs")), Some(url("/v1/traces")));
    receiver("otel", To::Otlp(Box::new(Otlp { logs, traces, rules: Arc::new(rules), credential: None })))
}

/// Everything under `pointer` in the requests to `path` that were in order.
fn items(seen: &[Seen], path: &str, pointers: [&str; 3]) -> Vec<Value> {
    let mut all = Vec::new();
    for request in seen.iter().filter(|seen| seen.path == path && seen.complaint.is_none()) {
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        for group in list(&request.body, pointers[0]) {
            for scoped in list(&group, pointers[1]) {
                all.extend(list(&scoped, pointers[2]));
            }
        }
    }
    all
}

fn logs(server: &Server) -> Vec<Value> {
    items(&server.seen(), "/v1/logs", ["resourceLogs", "scopeLogs", "logRecords"])
}

fn spans(server: &Server) -> Vec<Value> {
    items(&server.seen(), "/v1/traces", ["resourceSpans", "scopeSpans", "spans"])
}

fn attribute(item: &Value, key: &str) -> Option<String> {
    let all = item["attributes"].as_array()?;
    let found = all.iter().find(|attribute| attribute["key"] == key)?;
    let value = found["value"].as_object()?.values().next()?;
    value.as_str().map(str::to_string)
}

/// The numbers of the records that were taken: the first `refused` requests were not.
fn numbers(server: &Server, refused: usize) -> Vec<u64> {
    let seen = server.seen().split_off(refused);
    let taken = items(&seen, "/v1/logs", ["resourceLogs", "scopeLogs", "logRecords"]);
    // The word that some are missing carries the number of the last of them.
    let records = taken.iter().filter(|log| log["eventName"] != "hardshell.gap");
    records.filter_map(|log| attribute(log, "hardshell.seq")?.parse().ok()).collect()
}

fn everything(house: &House, server: &Server, refused: usize) -> bool {
    let there = numbers(server, refused);
    house.news().iter().all(|seq| there.contains(seq))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_as_logs_whatever_the_collector_goes_through() {
    let server = Collector.start().await.unwrap();
    server
        .then(Next::Refuse(Refusal::Overloaded(None)))
        .then(Next::HangUp)
        .then(Next::Refuse(Refusal::RateLimited(Some("0".to_string()))))
        .then(Next::Refuse(Refusal::WrongKey));
    let house = House::new();
    let shipping = house.start(&[to(&server)]);
    house.write(600).await;
    caught_up(&house, &shipping).await;
    assert!(everything(&house, &server, 4));
    assert_eq!(server.complaints(), Vec::<String>::new());
    assert!(state(&shipping).failed >= 4, "{:?}", state(&shipping));
    let records = house.records();
    for log in logs(&server) {
        let seq: usize = attribute(&log, "hardshell.seq").unwrap().parse().unwrap();
        assert_eq!(log["body"]["stringValue"], records[seq - 1].json());
        assert_eq!(log["timeUnixNano"], format!("{}000000", NOW.0));
        assert_eq!(attribute(&log, "hardshell.hash").unwrap(), records[seq - 1].hash().to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_never_taken_is_skipped_on_record_and_the_rest_goes() {
    let server = Collector.start().await.unwrap();
    let house = House::new();
    // The first batch is refused as a whole, and then what is left of it, until one record stands alone.
    let refusal = Next::Raw { status: 400, content_type: "application/json", body: b"{\"code\":3}".to_vec() };
    for _ in 0..6 {
        server.then(refusal.clone());
    }
    house.write(32).await;
    let shipping = house.start(&[to(&server)]);
    caught_up(&house, &shipping).await;
    let told = house.told("shipping.otel");
    assert!(
        told.iter().any(|said| said.contains("`otel` would not take 1 of the records 1 to 1")),
        "{told:?}"
    );
    let there = numbers(&server, 6);
    let left_out: Vec<u64> = house.news().into_iter().filter(|seq| !there.contains(seq)).collect();
    assert_eq!(left_out, [1]);
    let gap = logs(&server).into_iter().find(|log| log["eventName"] == "hardshell.gap").unwrap();
    assert!(gap["body"]["stringValue"].as_str().unwrap().contains("\"from\":1,\"to\":1"), "{gap}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_says_that_it_left_out_is_on_record() {
    let server = Collector.start().await.unwrap();
    let said = br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#;
    server.then(Next::Raw { status: 200, content_type: "application/json", body: said.to_vec() });
    let house = House::new();
    let shipping = house.start(&[to(&server)]);
    house.write(5).await;
    caught_up(&house, &shipping).await;
    let told = house.told("shipping.otel");
    assert!(
        told.iter().any(|said| said.contains("would not take 2") && said.contains("too old")),
        "{told:?}"
    );
    assert_eq!(state(&shipping).skipped, 2);
}

/// How many records are on record as not taken.
fn refused(house: &House) -> u64 {
    let told = house.told("shipping.otel");
    let counts = told.iter().filter_map(|said| said.split_once("would not take ")?.1.split_once(' '));
    counts.map(|(count, _)| count.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_everything_is_let_alone_and_costs_a_few_records() {
    let server = Collector.start().await.unwrap();
    for _ in 0..2000 {
        server.then(Next::Raw {
            status: 400,
            content_type: "application/json",
            body: b"{\"code\":3}".to_vec(),
        });
    }
    let mut house = House::new();
    house.parts.pace.told_every = Duration::from_secs(3600);
    house.write(40).await;
    let shipping = house.start(&[to(&server)]);
    until("it is given up on a few times", async || state(&shipping).skipped >= 6).await;
    let told = house.told("shipping.otel");
    assert!(told.len() <= 2, "one for a run of them, one for a receiver that takes nothing: {told:?}");
    let end = state(&shipping);
    assert!(end.down_since.is_some() && end.last_error.unwrap().contains("answered 400"));
    // A batch is halved once, then each try is one request and one record about its connection.
    let requests = server.seen().len();
    assert!(requests < 24, "{requests}");
    shipping.stop().await;
    let own = house.records().len() - house.news().len();
    assert!(own < 32, "{own}");
    // None is lost silently.
    assert_eq!(refused(&house), shipping::states(house.home.path(), &[to(&server)]).unwrap()[0].skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_leaves_out_everything_comes_to_rest_with_the_house() {
    let server = Collector.start().await.unwrap();
    // It names more than it was sent, too.
    let said = br#"{"partialSuccess":{"rejectedLogRecords":"99999","errorMessage":"no"}}"#;
    for _ in 0..2000 {
        server.then(Next::Raw { status: 200, content_type: "application/json", body: said.to_vec() });
    }
    let house = House::new();
    let shipping = house.start(&[to(&server)]);
    house.write(20).await;
    caught_up(&house, &shipping).await;
    let (mut before, mut still) = (0, 0);
    until("it comes to rest", async || {
        let now = house.records().len();
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still > 60
    })
    .await;
    let told = house.told("shipping.otel");
    assert!(told.iter().all(|said| said.contains("would not take")), "{told:?}");
    assert_eq!(refused(&house), state(&shipping).skipped);
    assert!(state(&shipping).skipped <= before as u64, "{:?}", state(&shipping));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_yes_to_everything_is_no_collector_and_has_nothing() {
    let server = Collector.start().await.unwrap();
    let page = b"<html>welcome</html>".to_vec();
    server.then(Next::Raw { status: 200, content_type: "text/html", body: page });
    let house = House::new();
    house.write(5).await;
    let shipping = house.start(&[to(&server)]);
    until("it is found out", async || state(&shipping).failed > 0).await;
    caught_up(&house, &shipping).await;
    assert!(everything(&house, &server, 1));
    assert!(state(&shipping).last_error.unwrap().contains("not as a collector does"));
}

fn deed(name: &str, effect: Effect, target: Option<Target>) -> Deed {
    let reply = domain::Reply { session: "s1".parse().unwrap(), text: name.to_string() };
    let digest = ActionDigest::of(&domain::Action::Reply(reply));
    Deed {
        name: name.to_string(),
        effect,
        digest,
        targets: target.into_iter().collect(),
        contents: Vec::new(),
    }
}

/// A task: the model is asked, a tool runs, one call is refused, one asks, a reply goes out.
async fn a_task(house: &House, task: &str) {
    let task_id: TaskId = task.parse().unwrap();
    let session: SessionId = "s1".parse().unwrap();
    let subject = Subject {
        session: Some(session),
        task: Some(task_id),
        principal: Some(Principal::owner()),
        channel: Some(Channel::Cli),
        ..Subject::default()
    };
    let mut at = NOW;
    let mut note = async |event: Event| {
        at = at.after(Duration::from_millis(10));
        house.log.note(Entry { subject: subject.clone(), event }, at).await.unwrap()
    };
    let allow = || vec![RuleHit { verdict: Verdict::Allow, id: "may.ask".to_string(), why: "w".to_string() }];
    let sender = Sender { channel: Channel::Cli, account: "local".to_string() };
    note(Event::Inbound { message: "m1".parse().unwrap(), sender, contents: Vec::new() }).await;
    for (name, effect, target, ending) in [
        ("model.ask", Effect::Fetch, Target::new(TargetKind::Model, "claude"), Ending::Done),
        (
            "shell.run",
            Effect::Execute,
            Target::new(TargetKind::Program, "df"),
            Ending::Failed(domain::Blame::Tool),
        ),
        ("message.reply", Effect::Send, Target::new(TargetKind::Session, "s1"), Ending::Done),
    ] {
        if name == "message.reply" {
            let rules =
                vec![RuleHit { verdict: Verdict::Deny, id: "floor".to_string(), why: "never".to_string() }];
            note(Event::Refusal { deed: deed("files.write", Effect::Write, None), rules: rules.clone() })
                .await;
            let question: domain::QuestionId = format!("q-{task}").parse().unwrap();
            let asked = deed("mail.send", Effect::Send, None);
            let digest = asked.digest;
            note(Event::Question { question: question.clone(), deed: asked, rules, expires: NOW }).await;
            note(Event::Answer { question, answer: audit::Answer::Deny, digest }).await;
        }
        let isolation = (effect == Effect::Execute).then(|| "full".to_string());
        let intent =
            note(Event::Intent { deed: deed(name, effect, Some(target)), rules: allow(), isolation }).await;
        note(Event::Outcome {
            intent,
            name: name.to_string(),
            effect,
            ending,
            targets: Vec::new(),
            contents: vec![Content::of("text", b"x", house.log.content_key())],
            took: Duration::from_millis(7),
            usage: (name == "model.ask").then_some(Usage { input_tokens: 11, output_tokens: 5 }),
            cost_micros: None,
            detail: (ending != Ending::Done).then(|| "exit code 1".to_string()),
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_one_trace_of_its_model_call_decisions_execution_and_reply() {
    let server = Collector.start().await.unwrap();
    let house = House::new();
    let shipping = house.start(&[to(&server)]);
    a_task(&house, "t1").await;
    a_task(&house, "t2").await;
    caught_up(&house, &shipping).await;
    until("both have ended", async || {
        spans(&server).iter().filter(|span| span["name"] == "task").count() == 2
    })
    .await;
    assert_eq!(server.complaints(), Vec::<String>::new());
    let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for span in spans(&server) {
        traces.entry(span["traceId"].as_str().unwrap().to_string()).or_default().push(span);
    }
    assert_eq!(traces.len(), 2);
    for spans in traces.values() {
        let root = spans.iter().find(|span| span["name"] == "task").unwrap();
        assert_eq!(root.get("parentSpanId"), None);
        let mut steps: Vec<&Value> = spans.iter().filter(|span| span["name"] != "task").collect();
        steps.sort_by_key(|span| span["startTimeUnixNano"].as_str().unwrap().to_string());
        let names: Vec<&str> = steps.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["model.ask", "shell.run", "files.write", "approval of mail.send", "message.reply"]
        );
        for step in &steps {
            assert_eq!(step["parentSpanId"], root["spanId"]);
            assert!(step["startTimeUnixNano"].as_str() >= root["startTimeUnixNano"].as_str(), "{step}");
            assert!(step["endTimeUnixNano"].as_str() <= root["endTimeUnixNano"].as_str(), "{step}");
        }
        assert_eq!(attribute(steps[0], "gen_ai.usage.input_tokens").as_deref(), Some("11"));
        assert_eq!(attribute(steps[0], "hardshell.targets").as_deref(), Some("model:claude"));
        assert_eq!(attribute(steps[1], "hardshell.isolation").as_deref(), Some("full"));
        assert_eq!(
            (&steps[1]["status"]["code"], &steps[1]["status"]["message"]),
            (&2.into(), &"exit code 1".into())
        );
        assert_eq!(attribute(steps[2], "hardshell.decision").as_deref(), Some("deny"));
        assert_eq!(attribute(steps[3], "hardshell.answer").as_deref(), Some("deny"));
    }
    // Each record of a task stands with its trace among the logs.
    let of_tasks: Vec<Value> = logs(&server).into_iter().filter(|log| log.get("traceId").is_some()).collect();
    assert_eq!(of_tasks.len(), 20);
    assert!(of_tasks.iter().all(|log| traces.contains_key(log["traceId"].as_str().unwrap())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_cut_by_a_restart_is_the_same_trace_and_whole() {
    let server = Collector.start().await.unwrap();
    let house = House::new();
    a_task(&house, "t1").await;
    let all = house.records();
    let reply = all.iter().rev().find(|record| record.kind() == audit::Kind::Outcome).unwrap();
    // Everything but the last outcome was sent before the program ended.
    let shipping = house.start(&[to(&server)]);
    caught_up(&house, &shipping).await;
    shipping.stop().await;
    let first = spans(&server);
    let path = house.path("shipping/otel.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut cursor: Value = serde_json::from_str(&text).unwrap();
    cursor["seq"] = (reply.seq().0 - 1).into();
    cursor["marks"] = serde_json::json!([{"seq": reply.seq().0 - 1, "hash": reply.prev().to_string()}]);
    std::fs::write(&path, cursor.to_string()).unwrap();
    let shipping = house.start(&[to(&server)]);
    caught_up(&house, &shipping).await;
    let again: Vec<Value> = spans(&server).into_iter().skip(first.len()).collect();
    assert_eq!(again.len(), 2, "{again:?}");
    for span in &again {
        assert!(first.contains(span), "{span}");
    }
}
