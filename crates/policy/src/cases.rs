//! What the rules are asked about one action: one case for each thing that it affects.

use crate::command::{self, CommandMatch, Programs};
use crate::facts::Facts;
use crate::places::{PathMatch, Patterns};
use crate::settings::Settings;
use domain::{Action, Call, Effect, Target, Tier, Value};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use tools::{Manifest, Sink};

/// The most things one call may affect; a call that affects more is refused, for nobody could read its question.
pub(crate) const CASES_MAX: usize = 256;

/// One thing that an action affects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub path: Option<PathMatch>,
    pub host: Option<(String, BTreeSet<String>)>,
    pub metadata_host: bool,
    pub recipient: Option<(String, BTreeSet<String>)>,
    pub new_recipient: bool,
    pub program: Option<String>,
}

/// All that an action affects.
#[derive(Clone, Debug)]
pub(crate) struct Cases {
    pub cases: Vec<Case>,
    pub command: CommandMatch,
    pub in_workspace: bool,
    pub recipients: Vec<(String, BTreeSet<String>)>,
    /// Of a command that reaches hosts: how confidential the files are that it could carry there.
    pub carries_out: Option<Tier>,
}

pub(crate) fn of(
    action: &Action,
    facts: &Facts,
    patterns: &Patterns,
    programs: &Programs,
    settings: &Settings,
) -> Cases {
    match action {
        Action::AskModel(_) | Action::Reply(_) => Cases {
            cases: vec![Case::default()],
            command: CommandMatch::none(),
            in_workspace: false,
            recipients: Vec::new(),
            carries_out: None,
        },
        Action::Call(call) => of_call(call, facts, patterns, programs, settings),
    }
}

fn of_call(
    call: &Call,
    facts: &Facts,
    patterns: &Patterns,
    programs: &Programs,
    settings: &Settings,
) -> Cases {
    let command = the_command(call, programs, settings);
    let mut paths: Vec<PathMatch> = Vec::new();
    let mut cases = Vec::new();
    for leaf in call.arguments.iter().flat_map(|argument| argument.value.leaves()) {
        match leaf {
            Value::Path(path) => paths.push(patterns.path(path)),
            Value::Url(url) => cases.push(host_case(&host_of(url), patterns)),
            Value::Host(host) => cases.push(host_case(host.as_str(), patterns)),
            Value::Text(_)
            | Value::Address(_)
            | Value::Id { .. }
            | Value::Amount(_)
            | Value::Number(_)
            | Value::Date(_)
            | Value::Command(_)
            | Value::Boolean(_)
            | Value::Json(_)
            | Value::List(_) => {}
        }
    }
    paths.extend(command.paths.iter().map(|path| patterns.path(path)));
    for target in &call.targets {
        match target {
            Target::File { path, device: _, inode: _ } | Target::NewFile { path } => {
                paths.push(patterns.canonical(path))
            }
            Target::Host { host, port: _ } => cases.push(host_case(host.as_str(), patterns)),
            Target::Program { name, path, device: _, inode: _, digest: _ } => {
                cases.push(program_case(name, path, patterns))
            }
        }
    }
    let named = command.programs.iter().map(|program| program_case(program, Path::new(program), patterns));
    cases.extend(named);
    let in_workspace = !paths.is_empty() && paths.iter().all(|path| path.in_workspace && !path.runs_later);
    cases.extend(paths.into_iter().map(|path| Case { path: Some(path), ..Case::default() }));
    let recipients: Vec<(String, BTreeSet<String>)> = recipients(call, facts.manifest.as_deref())
        .into_iter()
        .map(|who| (who.clone(), patterns.recipient(&who)))
        .collect();
    for (who, groups) in &recipients {
        let known = facts.familiar_recipients.iter().any(|known| known.as_str() == who.as_str());
        let new_recipient = call.effect == Effect::Send && !known;
        cases.push(Case { recipient: Some((who.clone(), groups.clone())), new_recipient, ..Case::default() });
    }
    if cases.is_empty() {
        cases.push(Case::default());
    }
    let reaches_out = call.effect == Effect::Execute && cases.iter().any(|case| case.host.is_some());
    let carries_out = reaches_out.then(|| patterns.tier_of_opened());
    Cases { cases, command, in_workspace, recipients, carries_out }
}

/// Whom a call writes to: the values of every argument that its manifest names as a sink, and without a manifest every
/// address there is.
pub(crate) fn recipients(call: &Call, manifest: Option<&Manifest>) -> Vec<String> {
    let Some(manifest) = manifest else {
        return call.recipients().into_iter().map(ToString::to_string).collect();
    };
    let named = |name: &str| {
        manifest.sinks().iter().any(|sink| match sink {
            Sink::Argument(argument) => argument == name,
            Sink::Machine | Sink::Owner | Sink::Model | Sink::Service(_) | Sink::HostOf(_) | Sink::Public => {
                false
            }
        })
    };
    let values = call
        .arguments
        .iter()
        .filter(|argument| named(&argument.name))
        .flat_map(|argument| argument.value.leaves());
    values.map(Value::canonical).filter(|text| !text.is_empty()).map(|text| text.to_lowercase()).collect()
}

fn the_command(call: &Call, programs: &Programs, settings: &Settings) -> CommandMatch {
    let leaves = call.arguments.iter().flat_map(|argument| argument.value.leaves());
    let mut lines =
        leaves.filter_map(|value| if let Value::Command(line) = value { Some(line) } else { None });
    match (lines.next(), lines.next()) {
        (Some(line), None) => command::judge(line, programs, &settings.shell),
        (None, _) => CommandMatch::none(),
        (Some(_), Some(_)) => CommandMatch {
            rule: "unfamiliar",
            because: vec!["one call runs several command lines".to_string()],
            ..CommandMatch::none()
        },
    }
}

fn host_case(host: &str, patterns: &Patterns) -> Case {
    Case {
        metadata_host: is_metadata(host),
        host: Some((host.to_string(), patterns.host(host))),
        ..Case::default()
    }
}

fn program_case(name: &str, path: &Path, patterns: &Patterns) -> Case {
    let own = patterns.canonical(path).own_file;
    let path = own.then(|| PathMatch::out_of_reach(&path.to_string_lossy()));
    Case { program: Some(name.to_string()), path, ..Case::default() }
}

/// The host of a URL, lower case; the whole text where it is none, which no list names.
pub(crate) fn host_of(text: &str) -> String {
    let whole = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
    let host = url::Url::parse(&whole).ok().and_then(|url| url.host_str().map(str::to_lowercase));
    host.unwrap_or_else(|| text.to_lowercase())
}

/// Addresses and names that give a machine's own credentials away: link-local ranges (RFC 3927, RFC 4291 §2.5.6) and
/// the metadata services of the large clouds.
fn is_metadata(host: &str) -> bool {
    const NAMES: [&str; 8] = [
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.packet.net",
        "metadata.oraclecloud.com",
    ];
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_link_local() || ip.octets() == [100, 100, 100, 200] || ip.octets() == [168, 63, 129, 16]
        }
        Ok(IpAddr::V6(ip)) => {
            let mapped = ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local());
            ip.is_unicast_link_local() || mapped || ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
        Err(_name) => NAMES.contains(&host),
    }
}
