//! What a model is told, and what it answers.

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Standing instructions.
    System(String),
    /// A person's words, or what stands in for them.
    User(String),
    /// What the model said before.
    Assistant {
        /// Its text; may be empty when there are calls.
        text: String,
        /// The calls it proposed.
        calls: Vec<ProposedCall>,
    },
    /// What became of one call.
    Result {
        /// The call's id, as the model gave it.
        call_id: String,
        /// What the model is told.
        text: String,
        /// Whether it did not work.
        failed: bool,
    },
}

/// A call as the model wrote it: nothing about it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedCall {
    /// The model's id for it, unique in its turn.
    pub id: String,
    /// The tool's name, as written.
    pub tool: String,
    /// The arguments, as written: JSON if the model is well.
    pub arguments: String,
}

/// What a model is told about a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSchema {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of the arguments object.
    pub parameters: serde_json::Value,
}

/// One answer of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTurn {
    /// What it said.
    pub text: String,
    /// What it wants done, in order.
    pub calls: Vec<ProposedCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// What it cost.
    pub usage: Usage,
    /// Which model answered: not the one asked for, when a fallback did.
    pub answered_by: String,
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It had said all.
    Finished,
    /// It waits for the results of its calls.
    Calls,
    /// It reached the limit of tokens.
    Length,
    /// The provider withheld the rest.
    Filtered,
}

/// Tokens, as the provider counted them; zero where it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}
