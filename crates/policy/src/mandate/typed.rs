//! Slash commands: what the owner typed is what the owner wants, exactly.

use super::{Constraint, Grant, Times};
use domain::Label;
use std::collections::BTreeMap;

/// How often one typed command may use a tool that only looks: `/brief` looks at several things.
const LOOKS_MAX: u32 = 8;

/// The grants that a typed command line is by itself: `/run df -h` is leave to run exactly `df -h`, once. A line that
/// is no known command grants nothing.
#[must_use]
pub fn grants_of_typed(line: &str) -> Vec<Grant> {
    let line = line.trim();
    let (word, rest) =
        line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let exactly = |tool: &str, argument: &str| grant(tool, &[(argument, rest)], 1, line);
    let looking =
        |tools: &[&str]| tools.iter().filter_map(|tool| grant(tool, &[], LOOKS_MAX, line)).collect();
    match (word, rest.is_empty()) {
        ("/run", false) => run(rest, line).into_iter().collect(),
        ("/read", false) => exactly("files.read", "path").into_iter().collect(),
        ("/fetch", false) => exactly("web.fetch", "url").into_iter().collect(),
        ("/uptime", false) => exactly("host.uptime", "url").into_iter().collect(),
        ("/find", false) => exactly("files.find", "pattern").into_iter().collect(),
        ("/remember", false) => exactly("memory.note", "text").into_iter().collect(),
        ("/undo", true) => grant("files.undo", &[], 1, line).into_iter().collect(),
        ("/disk", true) => looking(&["host.disk"]),
        ("/mail", true) => looking(&["mail.list"]),
        ("/brief", true) => looking(&["mail.list", "host.disk", "host.load", "host.services"]),
        _ => Vec::new(),
    }
}

/// `/run git fetch`, or `/run --host github.com git fetch` for a command that may reach a host.
fn run(rest: &str, line: &str) -> Option<Grant> {
    let (mut hosts, mut command) = (Vec::new(), rest);
    while let Some((host, after)) =
        command.strip_prefix("--host ").and_then(|after| after.trim().split_once(' '))
    {
        hosts.push(host.to_lowercase());
        command = after.trim();
    }
    let mut granted = grant("shell.run", &[("command", command)], 1, line)?;
    if !hosts.is_empty() {
        granted.arguments.insert("hosts".to_string(), Constraint::Is(hosts));
    }
    Some(granted)
}

fn grant(tool: &str, constants: &[(&str, &str)], times: u32, line: &str) -> Option<Grant> {
    let constant =
        |(name, value): &(&str, &str)| ((*name).to_string(), Constraint::Is(vec![(*value).to_string()]));
    Some(Grant {
        tool: tool.parse().ok()?,
        arguments: constants.iter().map(constant).collect::<BTreeMap<_, _>>(),
        times: Times::AtMost(times),
        why: format!("you typed `{line}`"),
        label: Label::owner(),
    })
}
