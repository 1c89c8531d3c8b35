//! What a planner is asked, and the shape of its answer. Reading the answer, and judging by it, is the policy's.

use domain::ToolSchema;
use serde_json::{Value as Json, json};

/// The most grants of one plan.
pub const GRANTS_MAX: usize = 32;
/// The most values of one constraint.
pub const VALUES_MAX: usize = 64;
/// The longest sentence that says why, in characters.
pub const WHY_CHARACTERS_MAX: usize = 500;
/// The most times one grant may be used.
pub const TIMES_MAX: u32 = 100;

/// The system text for a planner call. It holds the tools that can be granted and the rules of a plan; the user text
/// of the call is the owner's words alone. No other text may be in that prompt.
#[must_use]
pub fn plan_prompt(tools: &[ToolSchema], now: &str) -> String {
    let mut prompt = String::from(
        "You write a plan for a task before any of its data is read. The plan is a list of grants: which tools the task \
         may use with which arguments. Whatever is not granted is asked of the owner later, so grant what the task \
         needs and nothing more. Reading needs no grant; grant only calls that change, send, delete, run, pay or \
         configure something.\n\
         Each argument that decides whom or what is affected is constrained in exactly one of these ways:\n\
         - is: a constant from the owner's words, or worked out from them.\n\
         - one_of: a list of such constants.\n\
         - compute: an expression over facts of results that will be read, for example \
         `get(max(rows(\"files.list\", \"files\"), \"size\"), \"path\")`.\n\
         - among: any one of the values that an expression gives; of `handles(\"calendar.list\", \"events\", \"id\")`, the \
         ids that a service returned, another model picks one from the data.\n\
         - hole: `date`, `number` or `boolean`, when only the data can say. Another model reads it out of the data, and \
         is told nothing but the argument's name and your `why`: let `why` say which value is meant.\n\
         Functions: rows(tool, list, argument, value, …) where(rows, field, operator, value) max min only get column \
         most_common unique minus count sum argument plus_minutes round + - * /.\n\
         Constrain a payload argument too when the owner gave its exact words. Say in `why` which of the owner's words \
         ask for it. If the task needs no grants, answer with an empty list.\n",
    );
    prompt.push_str(&format!("It is {now}.\n\nTools:\n"));
    for tool in tools {
        prompt
            .push_str(&format!("- {}: {}\n  arguments: {}\n", tool.name, tool.description, tool.parameters));
    }
    prompt.push_str("\nAnswer with one JSON object of this schema and nothing else:\n");
    prompt.push_str(&plan_schema().to_string());
    prompt
}

/// JSON Schema (2020-12) of a planner's answer.
#[must_use]
pub fn plan_schema() -> Json {
    let constant = json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]});
    let constraint = json!({
        "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        "properties": {
            "is": {"anyOf": [constant, {"type": "array", "items": constant, "maxItems": VALUES_MAX}]},
            "one_of": {"type": "array", "items": constant, "maxItems": VALUES_MAX},
            "compute": {"type": "string"},
            "among": {"type": "string"},
            "hole": {"enum": ["date", "number", "boolean"]},
        },
    });
    json!({
        "type": "object", "additionalProperties": false, "required": ["version", "grants"],
        "properties": {
            "version": {"const": 1},
            "grants": {"type": "array", "maxItems": GRANTS_MAX, "items": {
                "type": "object", "additionalProperties": false, "required": ["tool", "why"],
                "properties": {
                    "tool": {"type": "string"},
                    "arguments": {"type": "object", "additionalProperties": constraint},
                    "times": {"type": "integer", "minimum": 1, "maximum": TIMES_MAX},
                    "each": {"type": "integer", "minimum": 1, "maximum": TIMES_MAX},
                    "why": {"type": "string", "maxLength": WHY_CHARACTERS_MAX},
                },
            }},
        },
    })
}
