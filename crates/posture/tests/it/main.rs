//! Every proof holds here, and each is shown once that it fails where its wall is not there.
#![expect(clippy::unwrap_used, reason = "what fails to be set up fails the test")]

mod lookers;
mod tricks;

use domain::{SessionId, Timestamp};
use egress::{Egress, Settings, Unobserved};
use policy::{Places, Policy};
use posture::{Proof, State};
use sandbox::{Caps, Helper, Level, Sandbox};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use vault::{KeySource, Vault};

/// A policy as it ships, with these owner's settings.
fn policy(folder: &Path, settings: &policy::Settings) -> Policy {
    let places = Places {
        home: folder.to_path_buf(),
        workspace: folder.join("workspace"),
        owner_home: folder.to_path_buf(),
        programs: Vec::new(),
    };
    Policy::load(settings, &[], &places, None).unwrap()
}

fn failed(proofs: &[Proof]) -> Vec<&str> {
    proofs.iter().filter(|proof| proof.state != State::Holds).map(|proof| proof.name.as_str()).collect()
}

fn egress(folder: &Path, settings: Settings) -> Egress {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let vault = Arc::new(Vault::open(folder, &KeySource::File).unwrap());
    Egress::new(vault, settings, Arc::new(Unobserved)).unwrap()
}

#[test]
fn the_shipped_policy_asks_about_or_refuses_each_consequence_of_a_strangers_words() {
    let folder = tempfile::tempdir().unwrap();
    let policy = policy(folder.path(), &policy::Settings::default());
    let session: SessionId = "proof".parse().unwrap();
    let proofs = posture::the_policy_asks(&policy, &session, Timestamp(1_800_000_000_000));
    assert_eq!(failed(&proofs), Vec::<&str>::new(), "{proofs:#?}");
    let names: Vec<&str> = proofs.iter().map(|proof| proof.name.as_str()).collect();
    let effects = ["write", "delete", "execute", "send", "spend", "configure"];
    assert_eq!(names, effects.map(|effect| format!("policy.{effect}")));
}

#[tokio::test]
async fn the_way_out_refuses_each_try_by_the_wall_that_it_is_after() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = posture::the_way_out_refuses(&egress(folder.path(), Settings::default())).await;
    assert_eq!(failed(&proofs), Vec::<&str>::new(), "{proofs:#?}");
    assert_eq!(proofs.len(), 7);
}

/// `localhost` leads to an address that no rule opens: the canary cannot succeed then, and says so.
#[tokio::test]
async fn a_way_out_that_leads_elsewhere_is_not_reported_as_holding() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.names.insert("localhost".parse().unwrap(), vec!["0.0.0.0".parse().unwrap()]);
    let proofs = posture::the_way_out_refuses(&egress(folder.path(), settings)).await;
    let failed = failed(&proofs);
    assert_eq!(failed, ["egress.canary"], "{proofs:#?}");
}

#[tokio::test]
async fn without_walls_the_sandbox_is_reported_as_off_and_never_as_holding() {
    let caps = Caps { level: Level::None, ..Caps::default() };
    let sandbox = Sandbox::probe_with(Helper::find().unwrap(), caps).await.unwrap();
    let proofs = posture::the_walls_hold(&sandbox, None).await;
    let states: Vec<State> = proofs.iter().map(|proof| proof.state).collect();
    assert_eq!(states, [State::Off], "{proofs:#?}");
}

/// A helper that cannot be started makes no sandbox: nothing is shown, which counts as not holding; it is not left out.
#[tokio::test]
async fn canaries_that_cannot_be_tried_show_nothing_and_are_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hardshell-sandbox");
    let sandbox = {
        // Beside cargo's `deps`, as `Helper::find` finds it.
        let own = std::env::current_exe().unwrap();
        let built = own.parent().and_then(Path::parent).unwrap().join("hardshell-sandbox");
        std::fs::copy(built, &path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Sandbox::probe_with(Helper::at(&path), Caps::default()).await.unwrap()
    };
    assert_ne!(sandbox.isolation().level, Level::None, "{:?}", sandbox.isolation());
    std::fs::remove_file(&path).unwrap();
    let mut broken = std::fs::File::create(&path).unwrap();
    broken.write_all(b"#!/bin/sh\nexit 0\n").unwrap();
    drop(broken);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let proofs = posture::the_walls_hold(&sandbox, None).await;
    assert!(!proofs.is_empty() && proofs.iter().all(|proof| proof.state == State::NotShown), "{proofs:#?}");
}
