//! An attack to watch, played by the program on a stage of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/demo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDemo {
    /// Which attack, as `hardshell demo list` names them; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The walls that are left out on that stage.
    #[serde(default)]
    pub without: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Demo {
    /// The attack's name.
    pub name: String,
    /// Whether the attack came to what it was after.
    pub harmed: bool,
    /// The story, a line each.
    pub lines: Vec<DemoLine>,
    /// Every attack there is.
    pub attacks: Vec<DemoAttack>,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DemoLine {
    /// How it sounds.
    pub tone: DemoTone,
    /// What it says.
    pub text: String,
}

/// How a line sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DemoTone {
    /// A heading.
    Heading,
    /// Told as it is.
    Plain,
    /// Beside the point.
    Quiet,
    /// A wall held.
    Good,
    /// The attack won something.
    Bad,
}

/// An attack that can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DemoAttack {
    /// Its name.
    pub name: String,
    /// Its one line.
    pub title: String,
}
