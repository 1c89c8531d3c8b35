//! Walls that are not there, or not proved: it is said everywhere, and no command runs behind them.

use crate::place::Place;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Puts a script in the place of the program that makes sandboxes; the program itself stands beside it as `real`.
fn sabotage(place: &Place, script: &str) {
    let helper = place.path("hardshell-sandbox");
    fs::rename(&helper, place.path("real")).unwrap();
    fs::write(&helper, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();
}

fn proofs<'a>(status: &'a Value, state: &str) -> Vec<&'a str> {
    let of_walls = status["proofs"].as_array().unwrap().iter().filter(|proof| proof["state"] == state);
    of_walls.map(|proof| proof["name"].as_str().unwrap()).collect()
}

/// The owner types a command; what was said, and whether it ran.
async fn command(place: &Place, home: &Path) -> (String, bool) {
    let said = place.run(home, &["chat", "-m", "/run touch ran.txt"]).await;
    (format!("{}{}", said.out, said.err), home.join("workspace/ran.txt").exists())
}

async fn nothing_runs(place: &Place, home: &Path) -> String {
    let (said, ran) = command(place, home).await;
    assert!(!ran, "it ran: {said}");
    said
}

/// The same command as in the other tests: it is the walls that they lack that stops it there.
#[tokio::test(flavor = "multi_thread")]
async fn behind_walls_that_hold_the_owners_command_runs() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let (said, ran) = command(&place, &home).await;
    assert!(ran, "{said}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sandbox_commands_do_not_run_and_it_is_said_to_be_off() {
    let place = Place::new();
    sabotage(&place, "exit 1");
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let status = up.client.get("/api/v1/status").await;
    assert_eq!(status["isolation"]["level"], "none", "{status:#}");
    assert_eq!(proofs(&status, "off"), ["sandbox"], "{status:#}");
    nothing_runs(&place, &home).await;
    up.stop().await;
}

/// The helper makes a sandbox, and the canaries cannot be started in it: what was not shown does not count as a wall.
#[tokio::test(flavor = "multi_thread")]
async fn behind_walls_that_are_not_proved_nothing_runs_and_everybody_is_told() {
    let place = Place::new();
    sabotage(&place, &format!("exec {} \"$@\"", place.path("real").display()));
    let home = place.home("home", None);
    let up = place.up(&home).await;

    let (code, readiness) = up.client.ask("GET", "/readyz", None).await.unwrap();
    assert_eq!(code, 503, "{readiness:#}");
    let reasons = readiness["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["name"] == "sandbox.read-keys"), "{readiness:#}");

    let status = up.client.get("/api/v1/status").await;
    assert!(proofs(&status, "failed").contains(&"sandbox.read-keys"), "{status:#}");
    assert_eq!((&status["ready"], &status["isolation"]["level"]), (&false.into(), &"none".into()));

    let said = nothing_runs(&place, &home).await;
    assert!(said.contains("sandbox.read-keys"), "{said}");

    let page = up.client.get("/api/v1/audit?after=0&limit=1000").await;
    let kept = page["records"].as_array().unwrap().iter().filter(|record| record["kind"] == "proof");
    let kept = kept.map(ToString::to_string).collect::<String>();
    assert!(kept.contains("sandbox.read-keys") && kept.contains("failed"), "{page:#}");
    up.stop().await;

    let proved = place.run(&home, &["prove"]).await;
    assert_eq!(proved.code, Some(5), "{proved:?}");
}
