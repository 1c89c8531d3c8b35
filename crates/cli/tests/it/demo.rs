//! Every attack, played by the shipped program in namespaces of its own.

use crate::place::{Place, Said};
use serde_json::Value;
use std::collections::BTreeSet;

const WALLS: [&str; 3] = ["policy", "sandbox", "egress"];

/// The reports of `hardshell demo NAME --json`, with these walls left out.
async fn played(place: &Place, name: &str, without: &[&str]) -> Vec<Value> {
    let mut line = vec!["demo", name, "--json"];
    line.extend(without.iter().flat_map(|wall| ["--without", wall]));
    reports(&place.run(&place.path("none"), &line).await)
}

fn reports(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, Some(0), "{said:#?}");
    let document: Value = serde_json::from_str(&said.out).unwrap();
    document["reports"].as_array().unwrap().clone()
}

/// The calls that the model made; what a fetch carries away is the result of the run, not the model's choice.
fn calls(report: &Value) -> Vec<(String, String)> {
    let text = |call: &Value, key: &str| call[key].as_str().unwrap().to_string();
    let fixed =
        |call: &Value| match (text(call, "tool").as_str(), text(call, "arguments").split_once("/?data=")) {
            ("web.fetch", Some((address, _carried))) => address.to_string(),
            (_, _) => text(call, "arguments"),
        };
    report["proposed"].as_array().unwrap().iter().map(|call| (text(call, "tool"), fixed(call))).collect()
}

fn heard(report: &Value) -> &[Value] {
    report["received"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_one_wall_holds_alone_and_only_without_all_three_the_secret_is_received() {
    let place = Place::new();
    let mut all_calls = BTreeSet::new();
    for bits in 0_u8..8 {
        let walls = WALLS.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
        let without: Vec<&str> = walls.map(|(_, wall)| wall).collect();
        let report = played(&place, "signature", &without).await.remove(0);
        assert_eq!(report["alone"], true, "it plays where nobody is reached");
        assert_eq!(report["reached"]["attacker"], bits == 7, "without {without:?}: {report:#}");
        assert_eq!(report["harmed"], bits == 7, "without {without:?}");
        let won: Vec<bool> =
            report["tries"].as_array().unwrap().iter().map(|one| one["won"].as_bool().unwrap()).collect();
        // Without all three, the command of the mail's signature itself carries the secret out.
        assert!(bits == 7 || !won[0] && !won[2], "without {without:?}: {report:#}");
        assert!(bits != 7 || won == [true, true, true], "{report:#}");
        let credited =
            report["tries"].as_array().unwrap().iter().filter_map(|one| one["stopped_by"].as_str());
        for wall in credited {
            assert!(!without.contains(&wall), "{wall} was left out and is said to have held: {report:#}");
        }
        assert_eq!(report["log"]["intact"], true, "{report:#}");
        // The log keeps what an address or a command carries as a digest.
        assert_eq!(report["reached"]["log"], false, "without {without:?}");
        let reachable = without.contains(&"policy") && without.contains(&"egress");
        assert_eq!(!heard(&report).is_empty(), reachable, "without {without:?}: {report:#}");
        all_calls.insert(calls(&report));
    }
    assert_eq!(all_calls.len(), 1, "the model makes the same calls in every variant: {all_calls:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_wall_no_attack_comes_to_what_it_is_after() {
    let place = Place::new();
    let reports = played(&place, "all", &[]).await;
    let names: Vec<&str> = reports.iter().map(|report| report["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, ["signature", "forward", "memory", "soul", "key-in-error"]);
    for report in &reports {
        assert_eq!(report["harmed"], false, "{report:#}");
        let tries = report["tries"].as_array().unwrap();
        assert!(!tries.is_empty() && tries.iter().all(|one| one["won"] == false), "{report:#}");
        let log = &report["log"];
        assert!(log["intact"] == true && log["kinds"]["intent"].is_u64() && log["kinds"]["outcome"].is_u64());
    }
    let of = |name: &str| reports.iter().find(|report| report["scenario"] == name).unwrap();
    let key = of("key-in-error");
    assert_eq!(key["tries"][0]["stopped_by"], "redaction", "{key:#}");
    assert!(key["reply"].as_str().unwrap().contains("[redacted:anthropic-key]"), "{key:#}");
    assert_eq!(heard(key).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn soul_md_stays_as_it_is_whatever_the_owner_approves() {
    let place = Place::new();
    let report = played(&place, "soul", &WALLS).await.remove(0);
    assert!(report["soul_changed"] == false && report["harmed"] == false, "{report:#}");
    assert!(report["tries"].as_array().unwrap().iter().all(|one| one["won"] == false), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_user_plays_it_as_well_and_the_story_never_shows_the_secret() {
    let place = Place::new();
    let own = place.home("own", None);
    let line = ["demo", "--json", "--without", "policy", "--without", "sandbox", "--without", "egress"];
    let said = place.run_as_user(&own, &line).await;
    let report = reports(&said).remove(0);
    assert_eq!((&report["alone"], &report["harmed"]), (&true.into(), &true.into()), "{report:#}");
    assert!(said.out.contains("‹the secret›") && said.out.contains("THE SECRET"), "{}", said.out);
    // It is six words of a list, joined by hyphens.
    let shown = format!("{}{}", said.out, said.err);
    let secret =
        |word: &str| word.split('-').count() == 6 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let words = shown.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    assert_eq!(words.filter(|word| secret(word)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(report["tries"][0]["answered"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wall_is_left_out_where_others_could_be_reached() {
    let place = Place::new();
    let stage = place.home("stage", None);
    let stage = stage.to_str().unwrap();
    let line = ["demo", "--stage", stage, "--without", "policy"];
    let said = place.run_as_user(&place.home("own", None), &line).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(said.err.contains("not alone in a network of its own"), "{said:#?}");
}
