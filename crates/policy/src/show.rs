//! What the policy is, in words and in Cedar: for `policy show`, `policy lint` and `policy explain`.

use crate::load::Policy;
use crate::rules::{ACTIONS, Rule, Set};
use crate::settings::{Confirm, ShellMode, WebMode};
use domain::{Effect, RuleHit, Verdict};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Programs that run any code they are given.
const INTERPRETERS: [&str; 24] = [
    "python", "python3", "node", "deno", "bun", "perl", "ruby", "php", "lua", "sh", "bash", "dash", "zsh",
    "fish", "busybox", "env", "xargs", "awk", "make", "npm", "npx", "pip", "cargo", "find",
];

/// Something that an owner should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where: a key of the settings, or a rule.
    pub place: String,
    /// What is wrong with it, and what would be better.
    pub text: String,
}

/// A rule as it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRule {
    /// Its name.
    pub id: String,
    /// Its file.
    pub file: String,
    /// What it does when it hits: deny, ask or allow.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// Its Cedar text.
    pub text: String,
}

impl Policy {
    /// Every rule in force, by set and name.
    #[must_use]
    pub fn rules_in_force(&self) -> Vec<ShownRule> {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|left, right| (left.set, &left.id).cmp(&(right.set, &right.id)));
        rules
            .into_iter()
            .map(|rule| ShownRule {
                id: rule.id.clone(),
                file: rule.file.clone(),
                verdict: verdict_of(rule.set),
                why: rule.why.clone(),
                text: rule.text(),
            })
            .collect()
    }

    /// What `policy show` prints: what the settings put into which group, then every rule.
    #[must_use]
    pub fn show(&self) -> String {
        let settings = &self.settings;
        let mut shown = String::from("// What the configuration means to the rules below.\n");
        let lists = [
            ("path_matches \"allowed_paths\"", &settings.files.allowed_paths),
            ("path_matches \"readable_paths\"", &settings.files.readable_paths),
            ("path_matches \"denied_paths\"", &settings.files.denied_paths),
            ("host_matches \"allowed_hosts\"", &settings.web.allowed_hosts),
            ("host_matches \"denied_hosts\"", &settings.web.denied_hosts),
            ("recipient_matches \"allowed_recipients\"", &settings.mail.allowed_recipients),
            ("recipient_matches \"denied_recipients\"", &settings.mail.denied_recipients),
            ("recipient_matches \"own_domains\"", &settings.mail.own_domains),
            ("program_rule \"allowed\"", &settings.shell.allowed),
            ("program_rule \"denied\"", &settings.shell.denied),
        ];
        for (group, list) in lists.iter().filter(|(_group, list)| !list.is_empty()) {
            let _infallible = writeln!(shown, "// {group}: {}", list.join(", "));
        }
        let always: Vec<&str> = Effect::ALL
            .into_iter()
            .filter(|effect| settings.actions.confirm(*effect) == Confirm::Always)
            .map(Effect::as_str)
            .collect();
        let _infallible = writeln!(shown, "// always confirmed: {}\n", always.join(", "));
        for rule in self.rules_in_force() {
            let _infallible =
                writeln!(shown, "// {} ({})\n{}\n", rule.verdict.as_str(), rule.file, rule.text);
        }
        shown
    }

    /// What an owner should look at: settings that are wider than they read, rules that never hit or say nothing new.
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let mut found = BTreeSet::new();
        self.lint_settings(&mut found);
        self.lint_rules(&mut found);
        found.into_iter().collect()
    }

    fn lint_settings(&self, found: &mut BTreeSet<Finding>) {
        let settings = &self.settings;
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
                    format!(
                        "`{recipient}` is neither an address nor `@domain` and never matches a mail address"
                    ),
                );
            }
        }
        for host in settings.web.allowed_hosts.iter().chain(&settings.web.denied_hosts) {
            let public_suffix = host.strip_prefix("*.").is_some_and(|parent| !parent.contains('.'));
            if host == "*" || public_suffix {
                note(
                    "web",
                    format!("`{host}` covers hosts of people who have nothing to do with each other"),
                );
            }
            if host.contains("://") || host.contains('/') {
                note("web", format!("`{host}` is no host name and never matches"));
            }
        }
        if settings.web.mode == WebMode::Allowlist && settings.web.allowed_hosts.is_empty() {
            note("web", "mode is `allowlist` and the list is empty: nothing can be fetched".to_string());
        }
    }

    fn lint_rules(&self, found: &mut BTreeSet<Finding>) {
        let owners: Vec<&Rule> = self.rules.iter().filter(|rule| !is_built_in(rule)).collect();
        let mut note = |rule: &Rule, text: String| {
            found.insert(Finding { place: format!("{}#{}", rule.file, rule.id), text });
        };
        for rule in &owners {
            let (actions, tool) = rule.scope();
            if actions.is_empty() {
                note(rule, "it speaks of no action there is, so it never hits".to_string());
            }
            if rule.set == Set::Permits && rule.is_for_everyone() {
                note(rule, "it permits for everyone who can reach a channel, guests too".to_string());
            }
            if rule.set == Set::Forbids
                && !rule.has_condition()
                && tool.is_none()
                && actions.len() == ACTIONS.len()
            {
                note(rule, "it forbids everything to whom it speaks of".to_string());
            }
            let covered = owners.iter().find(|other| other.id != rule.id && shadows(other, rule));
            if let Some(other) = covered {
                note(
                    rule,
                    format!(
                        "`{}` says so already and without a condition, so this one changes nothing",
                        other.id
                    ),
                );
            }
        }
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

fn is_built_in(rule: &Rule) -> bool {
    crate::rules::BUILT_IN.iter().any(|(file, _kind, _text)| *file == rule.file)
}

/// Whether `wide` hits whenever `narrow` does, to the same end: the same set, for everyone, no condition, and every
/// action and tool of it.
fn shadows(wide: &Rule, narrow: &Rule) -> bool {
    let ((wide_actions, wide_tool), (actions, tool)) = (wide.scope(), narrow.scope());
    wide.set == narrow.set
        && !wide.has_condition()
        && wide.is_for_everyone()
        && actions.iter().all(|action| wide_actions.contains(action))
        && (wide_tool.is_none() || wide_tool == tool)
}

fn verdict_of(set: Set) -> Verdict {
    match set {
        Set::Floor | Set::Forbids => Verdict::Deny,
        Set::Asks => Verdict::Ask,
        Set::Permits => Verdict::Allow,
    }
}

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
