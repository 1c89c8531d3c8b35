//! The corpus of deceptive actions, each shown as the owner would see it.

use crate::Decision;
use crate::tests::{call, facts, policy, untrusted};
use domain::Action;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corpus {
    version: u32,
    action: Vec<Deceptive>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deceptive {
    name: String,
    tool: String,
    arguments: serde_json::Value,
    shown: Vec<String>,
    #[serde(default)]
    hidden: Vec<String>,
    #[serde(default)]
    warns: Vec<String>,
    /// No answer of the owner's would let it be done, so nothing is shown.
    #[serde(default)]
    refused: bool,
}

#[test]
fn no_action_of_the_corpus_is_taken_for_another() {
    let corpus: Corpus = toml::from_str(include_str!("deceptive.toml")).unwrap();
    assert_eq!(corpus.version, 1);
    let (mut wrong, mut texts, mut asked) = (Vec::new(), BTreeSet::new(), 0);
    for action in corpus.action {
        let (call, manifest) = call(&action.tool, &action.arguments.to_string());
        let mut facts = facts("hello", untrusted());
        facts.manifest = Some(manifest);
        facts.familiar_recipients = vec!["anna@example.org".parse().unwrap()];
        let question = match policy("").decide(Action::Call(call), &facts) {
            Decision::Ask { question, .. } if !action.refused => question,
            Decision::Deny { .. } if action.refused => continue,
            other @ (Decision::Allow { .. } | Decision::Ask { .. } | Decision::Deny { .. }) => {
                wrong.push(format!("{}: {other:?}", action.name));
                continue;
            }
        };
        asked += 1;
        let whole = format!("{}\n{}\n{}", question.title, question.text, question.warnings.join("\n"));
        for part in action.shown.iter().filter(|part| !question.text.contains(part.as_str())) {
            wrong.push(format!("{}: `{part}` is not shown:\n{whole}", action.name));
        }
        for part in action.hidden.iter().filter(|part| whole.contains(part.as_str())) {
            wrong.push(format!("{}: {part:?} stands in it as it is:\n{whole:?}", action.name));
        }
        for part in action
            .warns
            .iter()
            .filter(|part| !question.warnings.iter().any(|warning| warning.contains(*part)))
        {
            wrong.push(format!("{}: nothing warns of `{part}`: {:?}", action.name, question.warnings));
        }
        if whole.chars().any(|c| c.is_control() && c != '\n') {
            wrong.push(format!("{}: a control character is left: {whole:?}", action.name));
        }
        if !texts.insert(question.text) {
            wrong.push(format!("{}: it is shown like another", action.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(asked, texts.len());
    assert!(asked >= 20, "{asked}");
}
