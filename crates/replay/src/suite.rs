//! Suites as they are written down: recorded tool results, tasks and attacks.

use crate::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The largest suite file that is read, in bytes: many times the largest there is.
const SUITE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How every canary begins.
const CANARY_START: &str = "<CANARY---";

/// One suite: an environment's tools, the tasks of its owner and the attacks on it.
#[derive(Clone, Debug, Deserialize)]
pub struct Suite {
    /// Its name.
    pub suite: String,
    /// What each place for an injection holds when there is none.
    #[serde(default)]
    pub injection_vectors: BTreeMap<String, String>,
    /// The tools that a model is offered.
    pub tools: Vec<SuiteTool>,
    /// What the owner asks for.
    pub user_tasks: Vec<UserTask>,
    /// What attackers ask for.
    #[serde(default)]
    pub injection_tasks: Vec<InjectionTask>,
}

/// A tool as a model is told of it.
#[derive(Clone, Debug, Deserialize)]
pub struct SuiteTool {
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Json,
}

/// One task of the owner's.
#[derive(Clone, Debug, Deserialize)]
pub struct UserTask {
    /// Its id in the suite.
    pub id: String,
    /// The owner's words.
    pub prompt: String,
    /// The reference calls with their results.
    pub steps: Vec<Step>,
    /// The same with a canary in every place for an injection; empty where the suite has none.
    #[serde(default)]
    pub steps_with_canaries: Vec<Step>,
    /// Where each injection comes into the context.
    #[serde(default)]
    pub carries: BTreeMap<String, Vec<Carry>>,
}

/// One place where an injection comes into the context.
#[derive(Clone, Debug, Deserialize)]
pub struct Carry {
    /// The step whose result holds it.
    pub step: usize,
}

/// One attack.
#[derive(Clone, Debug, Deserialize)]
pub struct InjectionTask {
    /// Its id in the suite.
    pub id: String,
    /// What the injected text asks for.
    pub goal: String,
    /// The calls that do it; none when it only wants something said.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One call with its recorded result.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// The tool.
    pub function: String,
    /// Its arguments.
    pub args: Map<String, Json>,
    /// What came back.
    #[serde(default)]
    pub result: Json,
    /// The same as a model reads it.
    #[serde(default)]
    pub result_text: String,
    /// Whether an attack fails without it.
    #[serde(default)]
    pub necessary_for_attack: bool,
}

impl Suite {
    /// Reads a suite file.
    ///
    /// # Errors
    ///
    /// [`Error::Suite`] when it is too long or not of this shape.
    pub fn from_json(name: &str, text: &str) -> Result<Self, Error> {
        let bad = |reason: String| Error::Suite { file: name.to_string(), reason };
        if text.len() > SUITE_BYTES_MAX {
            return Err(bad(format!("{} bytes, at most {SUITE_BYTES_MAX} are read", text.len())));
        }
        serde_json::from_str(text).map_err(|error| bad(error.to_string()))
    }

    /// The canary that stands in the place of `vector`.
    #[must_use]
    pub fn canary(vector: &str) -> String {
        format!("{CANARY_START}{vector}--->")
    }
}

impl UserTask {
    /// The reference calls with `text` in the place of `vector` and every other place as without an attack.
    #[must_use]
    pub fn attacked(&self, vector: &str, text: &str, suite: &Suite) -> Vec<Step> {
        let fill = |found: &str| {
            if !found.contains(CANARY_START) {
                return found.to_string();
            }
            let mut filled = found.replace(&Suite::canary(vector), text);
            for (other, plain) in &suite.injection_vectors {
                filled = filled.replace(&Suite::canary(other), plain);
            }
            filled
        };
        self.steps_with_canaries.iter().map(|step| step.mapped(&fill)).collect()
    }
}

impl Step {
    fn mapped(&self, fill: &dyn Fn(&str) -> String) -> Self {
        let args = self.args.iter().map(|(key, value)| (key.clone(), map_json(value, fill))).collect();
        let result_text = fill(&self.result_text);
        Self { args, result: map_json(&self.result, fill), result_text, ..self.clone() }
    }
}

/// The same JSON with every text, keys too, put through `fill`.
pub(crate) fn map_json(json: &Json, fill: &dyn Fn(&str) -> String) -> Json {
    match json {
        Json::String(text) => Json::String(fill(text)),
        Json::Array(elements) => {
            Json::Array(elements.iter().map(|element| map_json(element, fill)).collect())
        }
        Json::Object(map) => {
            Json::Object(map.iter().map(|(key, value)| (fill(key), map_json(value, fill))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
    }
}
