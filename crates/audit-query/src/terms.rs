//! What a record can be found by.

use crate::Filter;
use audit::{Kind, Record};
use domain::{Label, Source, SourceKind};
use memchr::memmem::Finder;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What terms are made of, as the log writes it (`audit`, version 1).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    session: Option<String>,
    task: Option<String>,
    name: Option<String>,
    effect: Option<String>,
    verdict: Option<String>,
    channel: Option<String>,
    rules: Vec<Rule>,
    rule: Option<String>,
    principal: Option<String>,
    targets: Vec<String>,
    host: Option<String>,
    port: Option<u16>,
    path: Option<String>,
    label: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    verdict: String,
    id: String,
}

/// The terms of one record.
pub(crate) struct Terms(pub(crate) BTreeSet<String>);

impl Terms {
    /// The terms of `record`; only its kind when its fields cannot be read.
    pub(crate) fn of(record: &Record) -> Self {
        let mut terms = Self(BTreeSet::from([term('k', record.kind().as_str())]));
        if let Ok(fields) = serde_json::from_str(record.json()) {
            terms.add(&fields);
        }
        terms
    }

    fn add(&mut self, fields: &Fields) {
        let mut put = |kind, value: &str| {
            self.0.insert(term(kind, value));
        };
        for (kind, field) in [
            ('s', &fields.session),
            ('t', &fields.task),
            ('n', &fields.name),
            ('e', &fields.effect),
            ('v', &fields.verdict),
            ('c', &fields.channel),
        ] {
            if let Some(value) = field {
                put(kind, value);
            }
        }
        for rule in &fields.rules {
            put('v', &rule.verdict);
            put('r', &rule.id);
        }
        if let Some(rule) = &fields.rule {
            put('r', rule);
        }
        if let Some(principal) = &fields.principal {
            // As screens write it: `owner` for the owner of that name.
            let short = principal.split_once(':').filter(|(role, name)| role == name).map(|(role, _)| role);
            put('p', short.unwrap_or(principal));
        }
        for target in &fields.targets {
            put('g', target);
            if let Some((host, _port)) = target.strip_prefix("host:").and_then(|host| host.rsplit_once(':')) {
                put('g', &format!("host:{host}"));
            }
        }
        if let Some(host) = &fields.host {
            put('g', &format!("host:{host}"));
            if let Some(port) = fields.port {
                put('g', &format!("host:{host}:{port}"));
            }
        }
        if let Some(path) = &fields.path {
            put('g', &format!("path:{path}"));
        }
        if let Some(label) = fields.label.as_ref().and_then(|label| label.parse::<Label>().ok()) {
            put('i', label.integrity().as_str());
            put('l', label.tier().as_str());
            for source in label.sources() {
                put('o', &source.to_string());
                put('o', &Source::new(source.kind(), "*").to_string());
            }
        }
    }

    pub(crate) fn contains(&self, wanted: &str) -> bool {
        self.0.contains(wanted)
    }
}

/// What a filter asks of the terms: of each group, one must be there.
pub(crate) struct Wanted {
    pub(crate) groups: Vec<Vec<String>>,
    /// For some groups: texts of which every line that meets the group has one, for a quick look before it is parsed.
    needles: Vec<Vec<Finder<'static>>>,
}

impl Wanted {
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut groups = Vec::new();
        if !filter.kinds.is_empty() {
            groups.push(filter.kinds.iter().map(|kind: &Kind| term('k', kind.as_str())).collect());
        }
        let one = |kind, value: Option<&str>| value.map(|value| vec![term(kind, value)]);
        groups.extend(one('s', filter.session.as_ref().map(domain::SessionId::as_str)));
        groups.extend(one('t', filter.task.as_ref().map(domain::TaskId::as_str)));
        groups.extend(one('n', filter.name.as_deref()));
        groups.extend(one('e', filter.effect.map(domain::Effect::as_str)));
        groups.extend(one('v', filter.verdict.map(domain::Verdict::as_str)));
        groups.extend(one('r', filter.rule.as_deref()));
        groups.extend(one('p', filter.principal.as_deref()));
        groups.extend(one('c', filter.channel.map(domain::Channel::as_str)));
        groups.extend(one('i', filter.integrity.map(domain::Integrity::as_str)));
        groups.extend(one('l', filter.tier.map(domain::Tier::as_str)));
        groups.extend(one('g', filter.target.as_deref()));
        // `mail:` by itself means any mail, as `mail:*` does.
        let whole_kind = filter.source.as_ref().map(|source| match source.strip_suffix(':') {
            Some(kind) if SourceKind::ALL.iter().any(|one| one.as_str() == kind) => format!("{source}*"),
            Some(_) | None => source.clone(),
        });
        groups.extend(one('o', whole_kind.as_deref()));
        let needles = groups.iter().filter_map(|group| {
            let all: Option<Vec<_>> = group.iter().map(|term| needle(term)).collect();
            all.map(|all| all.iter().map(|needle| Finder::new(needle).into_owned()).collect())
        });
        let needles = needles.collect();
        Self { groups, needles }
    }

    /// Whether a line can meet every group; one that cannot need not be parsed.
    pub(crate) fn may_be_met_by(&self, line: &[u8]) -> bool {
        self.needles.iter().all(|group| group.iter().any(|needle| needle.find(line).is_some()))
    }

    pub(crate) fn met_by(&self, terms: &Terms) -> bool {
        self.groups.iter().all(|group| group.iter().any(|term| terms.contains(term)))
    }
}

/// A text that stands in every line that has `term`, where there is one.
fn needle(term: &str) -> Option<String> {
    let (kind, value) = term.split_once('=')?;
    let quoted = serde_json::to_string(value).ok()?;
    let field = |name: &str| Some(format!("\"{name}\":{quoted}"));
    match kind {
        "k" => field("kind"),
        "s" => field("session"),
        "t" => field("task"),
        "n" => field("name"),
        "e" => field("effect"),
        "c" => field("channel"),
        "v" => field("verdict"),
        "r" => Some(quoted),
        "g" => {
            // A connection has its host and its port in two fields.
            let (kind, value) = value.split_once(':')?;
            let value = match value.rsplit_once(':') {
                Some((host, _port)) if kind == "host" => host,
                Some(_) | None => value,
            };
            let quoted = serde_json::to_string(value).ok()?;
            Some(quoted.get(1..quoted.len().saturating_sub(1))?.to_string())
        }
        _label_or_principal => None,
    }
}

fn term(kind: char, value: &str) -> String {
    format!("{kind}={value}")
}
