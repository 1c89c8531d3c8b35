//! How long a decision takes with 1,000 rules of the owner's: `cargo bench -p policy`.
//!
//! Two shapes: rules that each speak of one tool, as rules people write do, and rules that all speak of every tool,
//! which is the worst there is.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use domain::{Action, Channel, Integrity, Label, Principal, Source, SourceKind, Tier, Timestamp};
use policy::{ChannelProof, Facts, IsolationLevel, Places, Policy, RuleFile, Settings};
use std::sync::Arc;
use std::time::Instant;
use tools::Catalog;

/// The owner's rules.
const RULES: usize = 1_000;
/// Decisions that are timed.
const DECISIONS: usize = 20_000;
/// Decisions before that.
const WARM_UP: usize = 2_000;
/// What the rules of the first shape speak of.
const TOOLS: [&str; 10] = [
    "mail.send",
    "mail.read",
    "mail.list",
    "files.read",
    "files.write",
    "files.delete",
    "web.fetch",
    "shell.run",
    "host.disk",
    "memory.note",
];

fn main() {
    for (shape, of_one_tool) in [("each of one tool", true), ("all of every tool", false)] {
        let policy = policy(of_one_tool);
        for (tool, arguments) in [
            ("host.disk", "{}"),
            ("files.read", r#"{"path":"notes.txt"}"#),
            ("shell.run", r#"{"command":"ls -la | head -n 5"}"#),
            ("mail.send", r#"{"to":["anna@example.org"],"subject":"hi","body":"see you at five"}"#),
        ] {
            let times = measure(&policy, tool, arguments);
            println!(
                "{RULES} rules, {shape}, {tool}: p50 {:.1} µs, p99 {:.1} µs",
                at(&times, 50),
                at(&times, 99)
            );
        }
    }
}

fn policy(of_one_tool: bool) -> Policy {
    let mut text = String::new();
    for number in 0..RULES {
        let tool = TOOLS.get(number % TOOLS.len()).unwrap();
        let scope =
            if of_one_tool { format!("resource == Tool::\"{tool}\"") } else { "resource".to_string() };
        text.push_str(&format!(
            "@id(\"own.{number}\") @why(\"number {number}\") @verdict(\"ask\") forbid (principal, action, {scope}) \
             when {{ context has recipient && context.recipient == \"person{number}@example.com\" }};\n"
        ));
    }
    let file = RuleFile { name: "own.cedar".into(), text, signature: None };
    let places = Places {
        home: "/home/u/.hardshell".into(),
        workspace: "/home/u/.hardshell/workspace".into(),
        owner_home: "/home/u".into(),
        programs: Vec::new(),
    };
    Policy::load(&Settings::default(), &[file], &places, None).unwrap()
}

fn measure(policy: &Policy, tool: &str, arguments: &str) -> Vec<u128> {
    let catalog = Catalog::builtin().unwrap();
    let call = catalog.parse(tool, arguments).unwrap();
    let mut facts = Facts::nothing_known(
        Timestamp(1_750_000_000_000),
        Principal::owner(),
        Channel::Web,
        "bench".parse().unwrap(),
    );
    facts.proof = ChannelProof::Proven;
    facts.isolation = IsolationLevel::Full;
    facts.label =
        Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x@example.org"));
    facts.provenance.note_text("please write to anna@example.org about notes.txt", &Label::owner());
    facts.manifest = catalog.manifest(&call.tool).cloned().map(Arc::new);
    let mut times = Vec::with_capacity(DECISIONS);
    for round in 0..WARM_UP.saturating_add(DECISIONS) {
        let action = Action::Call(call.clone());
        let begun = Instant::now();
        let decision = policy.decide(action, &facts);
        let took = begun.elapsed().as_nanos();
        drop(decision);
        if round >= WARM_UP {
            times.push(took);
        }
    }
    times.sort_unstable();
    times
}

#[expect(clippy::cast_precision_loss, reason = "a decision takes far less than 2^52 nanoseconds")]
fn at(times: &[u128], percent: usize) -> f64 {
    let place = times.len() * percent / 100;
    times
        .get(place.min(times.len().saturating_sub(1)))
        .map_or(0.0, |nanoseconds| *nanoseconds as f64 / 1000.0)
}
