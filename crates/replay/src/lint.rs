//! What an owner should look at in a policy, for `policy lint`; and a decision in words, for `policy explain`.

use domain::{RuleHit, Verdict};
use policy::{Finding, Policy, Settings, ShellMode, WebMode};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Programs that run any code they are given.
const INTERPRETERS: [&str; 24] = [
    "python", "python3", "node", "deno", "bun", "perl", "ruby", "php", "lua", "sh", "bash", "dash", "zsh",
    "fish", "busybox", "env", "xargs", "awk", "make", "npm", "npx", "pip", "cargo", "find",
];

/// What an owner should look at: settings that are wider than they read, rules that never hit or say nothing new.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Finding> {
    let mut found: BTreeSet<Finding> = policy.lint().into_iter().collect();
    lint_settings(policy.settings(), &mut found);
    found.into_iter().collect()
}

fn lint_settings(settings: &Settings, found: &mut BTreeSet<Finding>) {
    let mut note = |place: &str, text: String| {
        found.insert(Finding { place: place.to_string(), text });
    };
    for glob in settings.files.allowed_paths.iter().chain(&settings.files.readable_paths) {
        if matches!(glob.as_str(), "/" | "/**" | "~" | "~/" | "~/**" | "**/*" | "/home" | "/home/**") {
            note("files", format!("`{glob}` opens everything; name the folders that are meant"));
        }
        if settings.files.denied_paths.contains(glob) {
            note("files", format!("`{glob}` is both opened and denied; it is denied"));
        }
    }
    for program in &settings.shell.allowed {
        if INTERPRETERS.contains(&program.as_str()) {
            note(
                "shell.allowed",
                format!("`{program}` runs any code it is given, in the sandbox and without a network"),
            );
        }
        if settings.shell.denied.contains(program) {
            note("shell.allowed", format!("`{program}` is both allowed and denied; it is denied"));
        }
        if program.contains(['/', ' ']) {
            note("shell.allowed", format!("`{program}` is no program's name and never matches"));
        }
    }
    if settings.shell.mode == ShellMode::Off && !settings.shell.allowed.is_empty() {
        note("shell.allowed", "nothing of it runs while mode is `off`".to_string());
    }
    for recipient in &settings.mail.allowed_recipients {
        if let Some(domain) = recipient
            .strip_prefix('@')
            .filter(|domain| ANYONES_DOMAINS.contains(&domain.to_lowercase().as_str()))
        {
            note(
                "mail.allowed_recipients",
                format!("anyone can get an address at `{domain}`, an attacker too"),
            );
        }
        if recipient.contains('*') || !recipient.contains('@') {
            note(
                "mail.allowed_recipients",
                format!("`{recipient}` is neither an address nor `@domain` and never matches a mail address"),
            );
        }
    }
    for host in settings.web.allowed_hosts.iter().chain(&settings.web.denied_hosts) {
        let public_suffix = host.strip_prefix("*.").is_some_and(|parent| !parent.contains('.'));
        if host == "*" || public_suffix {
            note("web", format!("`{host}` covers hosts of people who have nothing to do with each other"));
        }
        if host.contains("://") || host.contains('/') {
            note("web", format!("`{host}` is no host name and never matches"));
        }
    }
    if settings.web.mode == WebMode::Allowlist && settings.web.allowed_hosts.is_empty() {
        note("web", "mode is `allowlist` and the list is empty: nothing can be fetched".to_string());
    }
}

/// Where anybody can get an address.
const ANYONES_DOMAINS: [&str; 12] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "proton.me",
    "protonmail.com",
    "gmx.net",
    "gmx.de",
    "web.de",
];

/// A decision in words, for `policy explain` and for the model that is told.
#[must_use]
pub fn explain(verdict: Verdict, hits: &[RuleHit]) -> String {
    let mut text = match verdict {
        Verdict::Allow => "It may be done.".to_string(),
        Verdict::Ask => "The owner is asked first.".to_string(),
        Verdict::Deny => "It is refused.".to_string(),
    };
    for hit in hits {
        let said = match (hit.verdict, verdict) {
            (Verdict::Deny, _) => "refuses",
            (Verdict::Ask, Verdict::Allow) => "would ask, and was answered",
            (Verdict::Ask, Verdict::Ask | Verdict::Deny) => "asks",
            (Verdict::Allow, _) => "permits",
        };
        let _infallible = write!(text, "\n- {} {said}: {}", hit.id, hit.why);
    }
    text
}
