//! About how many tokens a prompt has, and what they cost: for budgets, before anything is sent.

use crate::config::{MicroPrices, Model};
use domain::{AskModel, Message, Usage};
use serde_json::Value;

/// Bytes of text a token stands for, on the cautious side: English has about four, code, JSON and other scripts fewer.
const BYTES_PER_TOKEN: u64 = 3;
/// What each message and each tool costs beside its text, in tokens.
const TOKENS_PER_PART: u64 = 8;
/// Millionths of the currency's unit in a price for a million tokens, for each token: the divisor.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// An amount of money, in millionths of the unit of the currency that the prices are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost {
    /// Millionths.
    pub micro: u64,
}

/// What a question may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens of the question, on the high side.
    pub input_tokens: u64,
    /// The most tokens of the answer.
    pub output_tokens_max: u64,
    /// The most it can cost; none when the owner gave no prices.
    pub cost_max: Option<Cost>,
}

/// What `ask` may use with `model`.
#[must_use]
pub fn estimate(model: &Model, ask: &AskModel) -> Estimate {
    let messages = ask.messages.iter().map(|message| match message {
        Message::System(text) | Message::User(text) => text.len(),
        Message::Assistant { text, calls } => calls
            .iter()
            .map(|call| call.tool.len().saturating_add(call.arguments.len()))
            .fold(text.len(), usize::saturating_add),
        Message::Result { text, .. } => text.len(),
    });
    let tools = ask.tools.iter().map(|tool| {
        tool.name.len().saturating_add(tool.description.len()).saturating_add(json_bytes(&tool.parameters))
    });
    let tokens = |bytes: usize| {
        u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN).saturating_add(TOKENS_PER_PART)
    };
    let input_tokens = messages.chain(tools).map(tokens).fold(0, u64::saturating_add);
    let output_tokens_max = u64::from(ask.answer_tokens_max.min(model.answer_tokens));
    let cost_max = cost(model, Usage { input_tokens, output_tokens: output_tokens_max });
    Estimate { input_tokens, output_tokens_max, cost_max }
}

/// What `usage` costs with `model`, rounded up; none when the owner gave no prices.
#[must_use]
pub fn cost(model: &Model, usage: Usage) -> Option<Cost> {
    let MicroPrices { input, output } = model.prices?;
    let part = |tokens: u64, price: u64| u128::from(tokens).saturating_mul(u128::from(price));
    let sum = part(usage.input_tokens, input).saturating_add(part(usage.output_tokens, output));
    Some(Cost { micro: u64::try_from(sum.div_ceil(TOKENS_PER_PRICE)).unwrap_or(u64::MAX) })
}

/// How many bytes `value` has as JSON, near enough, without writing it.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len().saturating_add(2),
        Value::Array(items) => {
            items.iter().map(|item| json_bytes(item).saturating_add(1)).fold(2, usize::saturating_add)
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len().saturating_add(json_bytes(value)).saturating_add(4))
            .fold(2, usize::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use domain::Purpose;

    fn model(prices: &str) -> Model {
        let text = format!("name = 'm'\nkind = 'openai'\nmodel = 'gpt'\nanswer_tokens = 100\n{prices}");
        Model::try_from(&toml::from_str::<ModelConfig>(&text).unwrap()).unwrap()
    }

    #[test]
    fn money_is_rounded_up_and_never_lost() {
        let model = model("prices = { input = 3.0, output = 15.0 }");
        let micro =
            |input_tokens, output_tokens| cost(&model, Usage { input_tokens, output_tokens }).unwrap().micro;
        assert_eq!(micro(1_000_000, 1_000_000), 18_000_000);
        assert_eq!(micro(1, 0), 3);
        assert_eq!(micro(0, 0), 0);
        assert_eq!(micro(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn an_estimate_is_on_the_high_side() {
        let ask = AskModel {
            model: "m".parse().unwrap(),
            purpose: Purpose::Turn,
            messages: vec![Message::System("a".repeat(300)), Message::User("b".repeat(30))],
            tools: vec![],
            answer_tokens_max: 5_000,
        };
        let estimate = estimate(&model(""), &ask);
        assert_eq!(estimate, Estimate { input_tokens: 126, output_tokens_max: 100, cost_max: None });
    }
}
