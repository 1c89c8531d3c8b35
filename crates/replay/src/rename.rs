//! The same benchmark under other names: whatever a rule knows of a name shows here.

use crate::error::Error;
use crate::suite::{Step, Suite};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use toml::{Table, Value as Toml};

/// New names for tools and arguments, made from a seed.
#[derive(Clone, Debug)]
pub struct Renaming {
    seed: u64,
}

impl Renaming {
    /// The renaming of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A new name for a tool: a hash, so that no part of the old one is left.
    #[must_use]
    pub fn tool(&self, name: &str) -> String {
        format!("t{:016x}", self.hash("tool", name))
    }

    /// A new name for an argument.
    #[must_use]
    pub fn argument(&self, name: &str) -> String {
        format!("a{:016x}", self.hash("argument", name))
    }

    /// FNV-1a (Fowler, Noll, Vo), seeded: names need to be different, not secret.
    fn hash(&self, kind: &str, name: &str) -> u64 {
        let bytes = self.seed.to_le_bytes().into_iter().chain(kind.bytes()).chain(name.bytes());
        bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    fn after(&self, text: &str) -> String {
        for start in ["argument ", "host of "] {
            if let Some(name) = text.strip_prefix(start) {
                return format!("{start}{}", self.argument(name));
            }
        }
        text.to_string()
    }
}

/// `suite` with every tool and argument called otherwise.
#[must_use]
pub fn rename(suite: &Suite, names: &Renaming) -> Suite {
    let steps = |steps: &[Step]| steps.iter().map(|step| rename_step(step, names)).collect::<Vec<_>>();
    let mut renamed = suite.clone();
    for tool in &mut renamed.tools {
        tool.name = names.tool(&tool.name);
        rename_schema(&mut tool.parameters, names);
    }
    for task in &mut renamed.user_tasks {
        task.steps = steps(&task.steps);
        task.steps_with_canaries = steps(&task.steps_with_canaries);
    }
    for injection in &mut renamed.injection_tasks {
        injection.steps = steps(&injection.steps);
    }
    renamed
}

fn rename_step(step: &Step, names: &Renaming) -> Step {
    let args = step.args.iter().map(|(name, value)| (names.argument(name), value.clone())).collect();
    Step { function: names.tool(&step.function), args, ..step.clone() }
}

fn rename_schema(schema: &mut Json, names: &Renaming) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Json::Object(properties)) = object.get_mut("properties") {
        let old = std::mem::take(properties);
        *properties =
            old.into_iter().map(|(name, value)| (names.argument(&name), value)).collect::<Map<_, _>>();
    }
    if let Some(Json::Array(required)) = object.get_mut("required") {
        for name in required.iter_mut() {
            *name = Json::from(names.argument(name.as_str().unwrap_or_default()));
        }
    }
}

/// The text of a manifest file under other names.
///
/// # Errors
///
/// [`Error::Mandate`] when the text is not TOML.
pub fn rename_manifest(text: &str, names: &Renaming) -> Result<String, Error> {
    let mut file = table(text)?;
    for tool in tables(&mut file, "tool") {
        each(tool, "name", |name| names.tool(name));
        each(tool, "sinks", |sink| names.after(sink));
        each(tool, "data_in", |name| names.argument(name));
        tool.remove("show");
        if let Some(Toml::Table(source)) = tool.get_mut("source") {
            each(source, "name", |name| names.after(name));
        }
        for raise in tables(tool, "raise") {
            each(raise, "argument", |name| names.argument(name));
        }
        for argument in tables(tool, "argument") {
            each(argument, "name", |name| names.argument(name));
        }
    }
    Ok(toml::to_string(&file).unwrap_or_default())
}

/// The text of a mandate file under other names.
///
/// # Errors
///
/// [`Error::Mandate`] when the text is not TOML.
pub fn rename_mandate(text: &str, names: &Renaming) -> Result<String, Error> {
    let mut file = table(text)?;
    for mandate in tables(&mut file, "mandate") {
        for grant in tables(mandate, "grants") {
            each(grant, "tool", |name| names.tool(name));
            let Some(Toml::Table(arguments)) = grant.get_mut("arguments") else { continue };
            let old = std::mem::take(arguments);
            for (name, mut constraint) in old {
                if let Toml::Table(constraint) = &mut constraint {
                    each(constraint, "compute", |text| rename_expression(text, names));
                    each(constraint, "among", |text| rename_expression(text, names));
                }
                arguments.insert(names.argument(&name), constraint);
            }
        }
    }
    Ok(toml::to_string(&file).unwrap_or_default())
}

/// The names in `rows("tool", list, "argument", …)`, `over("tool", list, "argument", …)`, `handles("tool", …)` and
/// `argument("name")`; every other text in an expression is a field or a value and stays.
fn rename_expression(text: &str, names: &Renaming) -> String {
    let places: BTreeMap<&str, &[usize]> = BTreeMap::from([
        ("rows", &[2, 4, 6][..]),
        ("over", &[2][..]),
        ("handles", &[][..]),
        ("argument", &[0][..]),
    ]);
    let mut renamed = String::new();
    let mut stack: Vec<(String, usize)> = Vec::new();
    let mut word = String::new();
    let mut left = text.chars();
    while let Some(c) = left.next() {
        if c == '"' {
            let literal: String = left
                .by_ref()
                .scan(false, |escaped, c| match (c, *escaped) {
                    ('"', false) => None,
                    ('\\', false) => {
                        *escaped = true;
                        Some(c)
                    }
                    (_, _) => {
                        *escaped = false;
                        Some(c)
                    }
                })
                .collect();
            let new = match stack.last() {
                Some((function, 0)) if matches!(function.as_str(), "rows" | "over" | "handles") => {
                    names.tool(&literal)
                }
                Some((function, place))
                    if places.get(function.as_str()).is_some_and(|places| places.contains(place)) =>
                {
                    names.argument(&literal)
                }
                Some(_) | None => literal,
            };
            renamed.push_str(&format!("\"{new}\""));
            continue;
        }
        match c {
            '(' => stack.push((std::mem::take(&mut word), 0)),
            ')' => drop(stack.pop()),
            ',' => {
                if let Some((_function, place)) = stack.last_mut() {
                    *place = place.saturating_add(1);
                }
            }
            _ => {}
        }
        if c.is_ascii_lowercase() || c == '_' {
            word.push(c)
        } else {
            word.clear()
        }
        renamed.push(c);
    }
    renamed
}

fn table(text: &str) -> Result<Table, Error> {
    text.parse::<Table>()
        .map_err(|error| Error::Mandate { file: "to be renamed".into(), reason: error.to_string() })
}

fn tables<'a>(table: &'a mut Table, key: &str) -> Vec<&'a mut Table> {
    let Some(Toml::Array(values)) = table.get_mut(key) else { return Vec::new() };
    values.iter_mut().filter_map(Toml::as_table_mut).collect()
}

fn each(table: &mut Table, key: &str, rename: impl Fn(&str) -> String) {
    match table.get_mut(key) {
        Some(Toml::String(text)) => *text = rename(text),
        Some(Toml::Array(values)) => {
            for value in values.iter_mut() {
                if let Toml::String(text) = value {
                    *text = rename(text);
                }
            }
        }
        Some(Toml::Integer(_) | Toml::Float(_) | Toml::Boolean(_) | Toml::Datetime(_) | Toml::Table(_))
        | None => {}
    }
}
