//! `policy lint` and `show`, from outside.

use super::*;

#[test]
fn lint_finds_rules_that_say_nothing() {
    let text = r#"
        @id("own.all-mail") @why("no mail") forbid (principal, action == Action::"send", resource == Tool::"mail.send");
        @id("own.some-mail") @why("no mail to eve") forbid (principal, action == Action::"send", resource == Tool::"mail.send") when { context has recipient && context.recipient == "eve@evil.com" };
    "#;
    let file = RuleFile { name: "own.cedar".into(), text: text.into(), signature: None };
    let policy = Policy::load(&Settings::default(), &[file], &places(), None).unwrap();
    let found: Vec<String> = policy.lint().into_iter().map(|finding| finding.place).collect();
    assert_eq!(found, ["own.cedar#own.some-mail"]);
}

#[test]
fn every_rule_in_force_is_shown_with_its_reason() {
    let policy = policy("[files]\nallowed_paths=[\"~/Documents\"]");
    let shown = policy.show();
    assert!(shown.contains("~/Documents"));
    for rule in policy.rules_in_force() {
        assert!(!rule.why.is_empty() && shown.contains(&rule.id), "{}", rule.id);
    }
}

/// The examples of the hardening guides can be said one to one.
#[test]
fn the_guides_own_examples_can_be_said() {
    let settings = r#"
        [actions]
        send = "always"
        delete = "always"
        spend = "always"
        [mail]
        require_confirmation = true
        allowed_recipients = ["@example.org", "boss@example.com"]
        [files]
        allowed_paths = ["~/Documents", "~/Projects/**"]
        denied_paths = ["~/.ssh", "~/.aws", "~/Documents/Tax"]
        [shell]
        mode = "allowlist"
        allowed = ["python", "node"]
        [tiers.paths]
        "~/Documents/clients/**" = "high"
    "#;
    let policy = policy(settings);
    assert_eq!(policy.tier_of_path(std::path::Path::new("/home/u/Documents/clients/a.pdf")), Tier::High);
}
