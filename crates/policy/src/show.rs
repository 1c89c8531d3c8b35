//! What the policy is, in words and in Cedar: for `policy show` and `policy lint`.

use crate::load::Policy;
use crate::rules::{ACTIONS, Rule, Set};
use crate::settings::Confirm;
use domain::{Effect, Verdict};
use std::collections::BTreeSet;
use std::fmt::Write;

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

    /// What an owner should look at among the rules: those that never hit or say nothing new.
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let mut found = BTreeSet::new();
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
        found.into_iter().collect()
    }
}

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
