use sandbox::{Caps, Ending, Error, Level, Sandbox};

use crate::house::{at_level, best, helper, run, shell, spec};

#[tokio::test]
async fn each_level_runs_and_says_what_it_is() {
    for (cap, levels) in [
        (Level::Full, &[Level::Full, Level::FullSoft][..]),
        (Level::FullSoft, &[Level::FullSoft]),
        (Level::Landlock, &[Level::Landlock]),
        (Level::None, &[Level::None]),
    ] {
        let sandbox = at_level(cap).await;
        let isolation = sandbox.isolation().clone();
        assert!(levels.contains(&isolation.level), "{isolation:?}");
        assert_eq!(isolation.reason.is_none(), isolation.level == Level::Full, "{isolation:?}");
        let mut spec = shell("echo here");
        spec.floor = Level::None;
        let report = run(&sandbox, spec).await;
        assert_eq!((report.level, report.stdout.text().as_str()), (isolation.level, "here\n"), "{report:?}");
    }
}

/// What Landlock can do decides the level, and a kernel without it has none: nothing weaker runs in silence.
#[tokio::test]
async fn every_landlock_version_has_its_level() {
    for abi in 0..=7 {
        let caps = Caps { landlock_abi: abi, ..Caps::default() };
        let with_namespaces = Sandbox::probe_with(helper(), caps).await.unwrap();
        let caps = Caps { level: Level::Landlock, landlock_abi: abi };
        let without = Sandbox::probe_with(helper(), caps).await.unwrap();
        let found = (with_namespaces.isolation(), without.isolation());
        println!("Landlock {abi}: {}, without namespaces {}", found.0.level, found.1.level);
        assert_eq!(found.0.landlock_abi, abi);
        assert_eq!(found.0.level >= Level::FullSoft, abi >= 1, "{found:?}");
        assert_eq!(found.1.level, if abi >= 6 { Level::Landlock } else { Level::None }, "{found:?}");
        if abi == 0 {
            assert!(found.0.fix.as_deref().unwrap().contains("landlock"), "{found:?}");
        }
    }
}

#[tokio::test]
async fn below_the_floor_nothing_runs() {
    let sandbox = at_level(Level::None).await;
    let refused = sandbox.run(spec(&["true"]), std::future::pending(), &mut |_, _| {}).await;
    assert!(
        matches!(&refused, Err(Error::BelowFloor { level: Level::None, floor: Level::Landlock, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_sandbox_inside_a_sandbox_is_refused_and_says_why() {
    let sandbox = best().await;
    let report = run(&sandbox, spec(&["unshare", "-Ur", "true"])).await;
    assert_eq!(report.ending, Ending::Exited(1), "{report:?}");
    assert_eq!(report.denied.iter().map(|denied| denied.call.as_str()).collect::<Vec<_>>(), ["unshare"]);
}
