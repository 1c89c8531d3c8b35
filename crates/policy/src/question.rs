//! What the owner is shown: rendered from the very bytes that an approval binds.

use crate::cases::Cases;
use crate::decision::Question;
use crate::facts::{Facts, IsolationLevel};
use crate::judge::{self, Judged};
use crate::load::Policy;
use domain::{Action, ArgumentRole, Call, Effect, Integrity, Target};
use std::fmt::Write;
use tools::visible;
use unicode_normalization::UnicodeNormalization;

/// The longest title, in characters; the text below it is never cut.
const TITLE_CHARACTERS_MAX: usize = 120;

pub(crate) fn render(
    action: &Action,
    facts: &Facts,
    cases: &Cases,
    judged: &Judged,
    policy: &Policy,
) -> Question {
    let asked_for_by = if facts.label.integrity() == Integrity::Untrusted {
        facts.label.sources().map(ToString::to_string).map(|source| visible(&source)).collect()
    } else {
        Vec::new()
    };
    Question {
        binding: policy.binding(action, facts),
        title: title(action, facts),
        text: text(action, facts),
        asked_for_by,
        warnings: warnings(action, facts, cases, judged),
    }
}

fn title(action: &Action, facts: &Facts) -> String {
    let whole = match action {
        Action::AskModel(ask) => format!("show this session to the model {}", ask.model),
        Action::Reply(_) => format!("answer {} on {}", facts.principal, facts.channel),
        Action::Call(call) => {
            let recipients = judge::recipients_in_words(call, facts);
            let first = call.arguments.iter().find(|argument| argument.role == ArgumentRole::Authority);
            match (recipients.is_empty(), first) {
                (false, _) => format!("{} to {}", call.tool, visible(&recipients.join(", "))),
                (true, Some(argument)) => format!("{} {}", call.tool, visible(&argument.value.canonical())),
                (true, None) => call.tool.to_string(),
            }
        }
    };
    let characters = whole.chars().count();
    if characters <= TITLE_CHARACTERS_MAX {
        return whole;
    }
    let cut: String = whole.chars().take(TITLE_CHARACTERS_MAX).collect();
    format!("{cut}… ({} more characters below)", characters.saturating_sub(TITLE_CHARACTERS_MAX))
}

/// Every byte of the action, escaped: a call as its manifest shows it, which holds every argument.
fn text(action: &Action, facts: &Facts) -> String {
    let mut shown = match action {
        Action::AskModel(ask) => format!(
            "show {} messages of this session to the model {}; the most confidential is {}",
            ask.messages.len(),
            ask.model,
            facts.label.tier().as_str()
        ),
        Action::Reply(reply) => format!("answer: {}", visible(&reply.text)),
        Action::Call(call) => call_text(call, facts),
    };
    if let Action::Call(call) = action {
        call.targets.iter().for_each(|target| push_target(&mut shown, target));
    }
    shown
}

fn call_text(call: &Call, facts: &Facts) -> String {
    if let Some(manifest) = &facts.manifest {
        return manifest.show(call);
    }
    let mut shown = format!("use {}, which has no manifest", call.tool);
    for argument in &call.arguments {
        let _infallible =
            write!(shown, "\n{}: {}", visible(&argument.name), visible(&argument.value.canonical()));
    }
    shown
}

fn push_target(shown: &mut String, target: &Target) {
    let line = match target {
        Target::Program { name, path, device: _, inode: _, digest } => {
            let hex = blake3::Hash::from_bytes(*digest).to_hex();
            let short = hex.get(..16).unwrap_or_default();
            format!("{} is {} (BLAKE3 {short}…)", visible(name), visible(&path.to_string_lossy()))
        }
        Target::File { path, device: _, inode: _ } => {
            format!("leads to {}", visible(&path.to_string_lossy()))
        }
        Target::NewFile { path } => format!("makes {}", visible(&path.to_string_lossy())),
        Target::Host { host, port } => format!("connects to {host}, port {port}"),
    };
    let _infallible = write!(shown, "\n{line}");
}

fn warnings(action: &Action, facts: &Facts, cases: &Cases, judged: &Judged) -> Vec<String> {
    let mut found = Vec::new();
    if let Action::Call(call) = action {
        warn_of_arguments(call, facts, &mut found);
    }
    for stranger in &judged.strangers {
        found.push(format!("`{}` comes from a stranger's text, not from you", visible(stranger)));
    }
    found.extend(cases.command.because.iter().map(|because| visible(because)));
    match facts.isolation {
        // Only what runs is held by walls.
        _ if action.effect() != Effect::Execute => {}
        IsolationLevel::Full => {}
        IsolationLevel::FullSoft | IsolationLevel::Landlock | IsolationLevel::Off => {
            found.push(format!("the walls are `{}`, not `full`", facts.isolation.as_str()));
        }
    }
    found
}

fn warn_of_arguments(call: &Call, facts: &Facts, found: &mut Vec<String>) {
    for argument in &call.arguments {
        for leaf in argument.value.leaves() {
            let text = leaf.canonical();
            if visible(&text).contains("\\u{") {
                found.push(format!("{} holds characters that do not show", visible(&argument.name)));
            }
            if argument.role == ArgumentRole::Authority && mixes_scripts(&text) {
                found.push(format!(
                    "{} mixes alphabets that look alike: `{}`",
                    visible(&argument.name),
                    visible(&text)
                ));
            }
        }
    }
    for who in judge::recipients_in_words(call, facts) {
        let alike = facts
            .familiar_recipients
            .iter()
            .find(|known| known.as_str() != who && looks_like(known.as_str(), &who));
        if let Some(known) = alike {
            found.push(format!(
                "`{}` is not `{}`, to whom you have written before",
                visible(&who),
                visible(known.as_str())
            ));
        } else if !facts.familiar_recipients.iter().any(|known| known.as_str() == who) {
            found.push(format!("nothing has been sent to `{}` before", visible(&who)));
        }
    }
}

/// Whether Latin letters stand beside Greek or Cyrillic ones in one word.
fn mixes_scripts(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let latin = word.chars().any(|c| c.is_ascii_alphabetic());
        latin && word.chars().any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}'))
    })
}

/// Whether a reader could take one for the other: equal when look-alike characters are folded, or one edit apart.
fn looks_like(known: &str, other: &str) -> bool {
    skeleton(known) == skeleton(other) || (known.len().max(other.len()) >= 6 && one_edit_apart(known, other))
}

fn skeleton(text: &str) -> String {
    let folded: String = text.nfkd().map(look_alike).collect();
    folded.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

fn look_alike(c: char) -> char {
    match c {
        '0' | 'о' | 'ο' | 'О' => 'o',
        '1' | 'l' | 'і' | 'ı' | '|' | 'I' => 'i',
        'а' | 'α' => 'a',
        'е' | 'ε' => 'e',
        'с' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'υ' => 'y',
        'ѕ' | '5' => 's',
        'ј' => 'j',
        'һ' => 'h',
        'ԁ' => 'd',
        'ԛ' => 'q',
        'ԝ' => 'w',
        'к' | 'κ' => 'k',
        'п' => 'n',
        'т' | 'τ' => 't',
        'ν' => 'v',
        other => other,
    }
}

fn one_edit_apart(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let same_before = left.iter().zip(&right).take_while(|(l, r)| l == r).count();
    let rest = |text: &[char], skip: usize| text.iter().skip(skip).copied().collect::<Vec<_>>();
    let (l, r) = (rest(&left, same_before), rest(&right, same_before));
    l == rest(&r, 1) || r == rest(&l, 1) || (!l.is_empty() && rest(&l, 1) == rest(&r, 1))
}

#[cfg(test)]
mod tests;
