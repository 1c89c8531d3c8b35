//! Which questions of a clean run go on one sheet: what a model that looks first, and then proposes all that it wants in one
//! turn, has the owner answer at once.

use crate::suite::Step;
use domain::{Call, Effect};

/// The sheets of one run, in the order they are put to the owner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheets {
    /// How many there are.
    pub count: usize,
    /// What has been said and read before the newest was put, so that a call on it may name it.
    before: String,
    /// What only calls on the newest sheet gave back, or calls that needed what they gave back.
    brought: String,
    open: Option<Holds>,
}

/// What the newest sheet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Something to look at: what comes back is read before anything else is proposed.
    Look,
    /// What changes something, and is not waited for to propose more of it.
    Change,
}

impl Sheets {
    pub(crate) fn begin(words: &str) -> Self {
        Self { before: words.to_string(), ..Self::default() }
    }

    /// The owner is asked about `call`.
    pub(crate) fn ask(&mut self, call: &Call) {
        let holds = match call.effect {
            Effect::Read | Effect::Fetch => Holds::Look,
            Effect::Write
            | Effect::Delete
            | Effect::Execute
            | Effect::Send
            | Effect::Spend
            | Effect::Configure => Holds::Change,
        };
        if self.open == Some(holds) && !self.needs(call) {
            return;
        }
        self.count = self.count.saturating_add(1);
        self.open = Some(holds);
        let brought = std::mem::take(&mut self.brought);
        self.before.push_str(&brought);
    }

    /// `call` was made and gave `step`'s result, `asked` or not.
    pub(crate) fn made(&mut self, call: &Call, step: &Step, asked: bool) {
        let result = format!("\n{}\n{}", step.result, step.result_text);
        if asked || self.needs(call) { self.brought.push_str(&result) } else { self.before.push_str(&result) }
    }

    /// Whether `call` names what only the newest sheet brought.
    fn needs(&self, call: &Call) -> bool {
        call.arguments.iter().flat_map(|argument| argument.value.leaves()).any(|leaf| {
            let text = leaf.canonical();
            !text.is_empty() && !self.before.contains(&text) && self.brought.contains(&text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Argument, ArgumentRole, Value};
    use serde_json::json;

    fn call(effect: Effect, value: &str) -> Call {
        let value = Value::Text(value.to_string());
        let argument = Argument { name: "it".to_string(), value, role: ArgumentRole::Authority };
        Call { tool: "tool".parse().unwrap(), effect, arguments: vec![argument], targets: Vec::new() }
    }

    fn step(result: &str) -> Step {
        Step {
            function: "tool".to_string(),
            args: serde_json::Map::new(),
            result: json!(result),
            result_text: String::new(),
            necessary_for_attack: false,
        }
    }

    /// What was done, in order: the effect, what it names, what it gives back, whether the owner is asked.
    type Done = (Effect, &'static str, &'static str, bool);

    fn count(done: &[Done]) -> usize {
        let mut sheets = Sheets::begin("invite Dora and tell Bob");
        for (effect, names, gives, asked) in done {
            let call = call(*effect, names);
            if *asked {
                sheets.ask(&call);
            }
            sheets.made(&call, &step(gives), *asked);
        }
        sheets.count
    }

    #[test]
    fn what_can_be_proposed_at_once_is_one_sheet() {
        use Effect::{Configure, Fetch, Read, Send};
        let rows: [(&str, &[Done], usize); 8] = [
            ("nothing", &[(Read, "", "x", false)], 0),
            ("one after another", &[(Configure, "Dora", "", true), (Configure, "Dora", "", true)], 1),
            ("whatever the tool", &[(Configure, "Dora", "", true), (Send, "Bob", "", true)], 1),
            (
                "a look between them comes first",
                &[(Configure, "Dora", "", true), (Read, "", "42", false), (Send, "42", "", true)],
                1,
            ),
            ("pages are looked at together", &[(Fetch, "a", "", true), (Fetch, "b", "", true)], 1),
            ("what was looked at is read first", &[(Fetch, "a", "", true), (Send, "Bob", "", true)], 2),
            (
                "what the first gives back is waited for",
                &[(Configure, "Dora", "id-7", true), (Send, "id-7", "", true)],
                2,
            ),
            (
                "also by a way round",
                &[
                    (Configure, "Dora", "id-7", true),
                    (Read, "id-7", "key-8", false),
                    (Send, "key-8", "", true),
                ],
                2,
            ),
        ];
        for (name, done, expected) in rows {
            assert_eq!(count(done), expected, "{name}");
        }
    }
}
