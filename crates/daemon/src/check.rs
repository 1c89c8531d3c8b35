//! What `hardshell config check` says: everything for which a start would be refused, and what has no effect.
//!
//! Nothing is made, opened for writing or asked over a network.

mod shape;

use crate::config::faults::Fault;
use crate::config::{self, Config, ConfigProblem, Place, locate::Step, locate::locate};
use crate::hands;
use crate::rules::{FOLDER, places, public_key, rule_files};
use policy::{Policy, Settings};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What helps where nothing better is known.
const HINT: &str = "`hardshell config schema` says what each key may be; `#` before a line takes it out";

/// Something about a configuration that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file it stands in.
    pub file: PathBuf,
    /// Where in it, when that can be told.
    pub place: Option<Place>,
    /// The key, with its section.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub hint: Option<String>,
    /// How much it matters.
    pub weight: Weight,
}

/// How much a [`Finding`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// `hardshell up` refuses to start.
    Refused,
    /// It starts, and this changes nothing.
    WithoutEffect,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(place) = self.place {
            write!(f, ":{place}")?;
        }
        match &self.key {
            Some(key) => write!(f, ": `{key}`: {}", self.what),
            None => write!(f, ": {}", self.what),
        }
    }
}

/// Looks at the configuration of the home at `root` and at everything it names.
///
/// # Errors
///
/// [`ConfigProblem::Unreadable`], [`ConfigProblem::NoText`] and [`ConfigProblem::TooLong`]: nothing else can be looked at
/// then.
pub fn check_home(root: &Path) -> Result<Vec<Finding>, ConfigProblem> {
    let path = root.join(config::FILE);
    let text = Config::text(&path)?;
    Ok(match Config::shaped(&text, &path) {
        Ok(config) => findings(root, &config, &text),
        Err(_) => shape::slips(&text, &path),
    })
}

/// The same for `text`, as if the home's configuration were that.
///
/// # Errors
///
/// [`ConfigProblem::Malformed`].
pub fn check_text(root: &Path, text: &str) -> Result<Vec<Finding>, ConfigProblem> {
    Ok(findings(root, &Config::shaped(text, &root.join(config::FILE))?, text))
}

fn findings(root: &Path, config: &Config, text: &str) -> Vec<Finding> {
    let path = root.join(config::FILE);
    let mut faults = config.faults();
    faults.extend(models(config));
    faults.extend(mail(config));
    faults.extend(files(config));
    faults.extend(network(config));
    faults.extend(tls(config));
    faults.extend(backups(config));
    faults.extend(shipping(root, config));
    let finding = |fault: Fault, weight| Finding {
        file: path.clone(),
        place: locate(text, &fault.way),
        key: Some(fault.key),
        what: fault.reason,
        hint: fault.hint.or_else(|| (weight == Weight::Refused).then(|| HINT.to_string())),
        weight,
    };
    let mut findings: Vec<Finding> =
        faults.into_iter().map(|fault| finding(fault, Weight::Refused)).collect();
    findings.extend(settings(root, config).map(|fault| finding(fault, Weight::Refused)));
    findings.extend(rules(root));
    let idle = config.without_effect();
    findings.extend(missing_folders(config).into_iter().map(|fault| finding(fault, Weight::WithoutEffect)));
    findings.extend(idle.into_iter().map(|fault| finding(fault, Weight::WithoutEffect)));
    findings
}

fn backups(config: &Config) -> Option<Fault> {
    let recipients = &config.backup.recipients;
    let lock = backup::Lock::for_recipients(recipients.iter().map(String::as_str));
    let why = lock.err().filter(|_| !recipients.is_empty())?;
    Some(Fault::new("backup.recipients", crate::tasks::error_chain(&why)).with_hint("hardshell backup key"))
}

fn models(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, model) in config.models.iter().enumerate() {
        if let Err(error) = models::Model::try_from(model) {
            faults.push(Fault::of_entry("models", at, &model.name, error.field, error.problem));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    // Each is good by itself: what is left is what they say of each other, and the files they name.
    match models::Registry::check(&config.models) {
        Ok(()) => Vec::new(),
        Err(models::RegistryError::Config(error)) => {
            let last = config.models.iter().rposition(|model| model.name == error.model);
            vec![Fault::of_entry("models", last.unwrap_or(0), &error.model, error.field, error.problem)]
        }
        Err(models::RegistryError::Script { model, source }) => {
            let at = config.models.iter().position(|known| known.name == model.as_str()).unwrap_or(0);
            let why = crate::tasks::error_chain(&source);
            vec![Fault::of_entry("models", at, model.as_str(), "script", why)]
        }
    }
}

fn mail(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, section) in config.mailboxes.iter().enumerate() {
        let field = if section.imap.is_some() { "imap" } else { "maildir" };
        let wrong = |reason: String| Fault::of_entry("mailboxes", at, &section.name, field, reason);
        match (&section.maildir, &section.imap) {
            (Some(path), None) => {
                if let Err(error) = connectors::mail::Maildir::open(path) {
                    let hint = format!("ls -ld '{}'", path.display());
                    faults.push(wrong(crate::tasks::error_chain(&error)).with_hint(&hint));
                }
            }
            (None, Some(_)) => faults.extend(hands::mailbox(section).err().map(|error| wrong(why(&error)))),
            // That it needs exactly one of the two is said already.
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    if let Some(section) = &config.smtp
        && let Err(error) = hands::smtp(section)
    {
        let why = why(&error);
        let field = if !hands::is_mail_address(&section.from) { "smtp.from" } else { "smtp.url" };
        faults.push(Fault::new(field, why));
    }
    faults
}

fn files(config: &Config) -> Vec<Fault> {
    let keys = [
        ("files.allowed_paths", &config.files.allowed_paths),
        ("files.readable_paths", &config.files.readable_paths),
    ];
    let mut faults = Vec::new();
    for (key, patterns) in keys {
        for (at, pattern) in patterns.iter().enumerate() {
            if let Err(why) = hands::plain_folder(pattern) {
                let mut fault = Fault::new(key, why);
                fault.way.push(at.into());
                faults.push(fault);
            }
        }
    }
    faults
}

/// The places of `[files]` that are not there: they open nothing until somebody makes them.
fn missing_folders(config: &Config) -> Vec<Fault> {
    let keys = [
        ("files.allowed_paths", &config.files.allowed_paths),
        ("files.readable_paths", &config.files.readable_paths),
    ];
    let each = keys.into_iter().flat_map(|(key, list)| list.iter().enumerate().map(move |one| (key, one)));
    each.filter_map(|(key, (at, pattern))| {
        let place = hands::fixed_part(pattern)?;
        if !place.is_absolute() || std::fs::symlink_metadata(&place).is_ok() {
            return None;
        }
        let mut fault =
            Fault::new(key, format!("`{pattern}` has no effect: there is no {}", place.display()))
                .with_hint(&format!("mkdir -p '{}', or mend the path", place.display()));
        fault.way.push(at.into());
        Some(fault)
    })
    .collect()
}

fn network(config: &Config) -> Vec<Fault> {
    let places = config.network.private_hosts.iter().enumerate();
    places
        .filter(|(_, place)| hands::private_place(place).is_err())
        .map(|(at, place)| {
            let mut fault = Fault::new("network.private_hosts", format!("`{place}` is not HOST:PORT"))
                .with_hint("private_hosts = [\"localhost:8080\"]");
            fault.way.push(at.into());
            fault
        })
        .collect()
}

fn shipping(root: &Path, config: &Config) -> Vec<Fault> {
    let each = config.shipping.iter().enumerate();
    each.filter_map(|(at, section)| {
        let before = config.shipping.get(..at).unwrap_or_default();
        let wrong = section.open(root, before).err()?;
        let fault = Fault::of_entry("shipping", at, &section.name, wrong.field, wrong.why);
        Some(match &wrong.hint {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        })
    })
    .collect()
}

fn tls(config: &Config) -> Option<Fault> {
    let files = crate::up::tls_files(config)?;
    let error = gateway::check_tls(&files).err()?;
    let of_key = matches!(&error, gateway::StartError::Tls { path, .. } if *path == files.key);
    let key = if of_key { "gateway.tls.key" } else { "gateway.tls.certificate" };
    Some(Fault::new(key, error.to_string()).with_hint(&error.hint()))
}

/// What the policy says of the sections it reads.
fn settings(root: &Path, config: &Config) -> Option<Fault> {
    let error = Policy::load(&config.policy(), &[], &places(root), None).err()?;
    let policy::Error::Setting { key, value, reason } = error else {
        return Some(Fault::new("", error.to_string()));
    };
    let key =
        section_of(config, &key, &value).map_or_else(|| key.clone(), |section| format!("{section}.{key}"));
    let mut fault = Fault::new(&key, format!("`{value}` {reason}"));
    fault.way.extend(position(config, &fault.way, &value));
    Some(fault)
}

/// The section whose list `key` holds `value`: the policy names some keys without theirs.
fn section_of(config: &Config, key: &str, value: &str) -> Option<String> {
    let whole = serde_json::to_value(config).ok()?;
    let has = |table: &serde_json::Value| {
        let list = table.get(key).and_then(serde_json::Value::as_array);
        list.is_some_and(|list| list.iter().any(|found| found == value))
    };
    whole.as_object()?.iter().find(|(_, table)| has(table)).map(|(name, _)| name.clone())
}

/// Which of the list at `way` is `value`.
fn position(config: &Config, way: &[Step], value: &str) -> Option<Step> {
    let whole = serde_json::to_value(config).ok()?;
    let at = way.iter().try_fold(&whole, |table, step| match step {
        Step::Key(key) => table.get(key),
        Step::At(at) => table.get(at),
    })?;
    at.as_array()?.iter().position(|found| found == value).map(Step::At)
}

/// What the policy says of each rule file, and of all of them together.
fn rules(root: &Path) -> Vec<Finding> {
    let folder = root.join(FOLDER);
    let finding = |file: PathBuf, what: String, hint: Option<String>| Finding {
        file,
        place: None,
        key: None,
        what,
        hint,
        weight: Weight::Refused,
    };
    let read = rule_files(&folder).and_then(|files| Ok((files, public_key(&folder)?)));
    let (files, signer) = match read {
        Err(error) => return vec![finding(folder, crate::tasks::error_chain(&error), error.hint())],
        Ok(read) => read,
    };
    let load = |files: &[policy::RuleFile]| {
        let loaded = Policy::load(&Settings::default(), files, &places(root), signer.as_ref());
        loaded.err().map(crate::StartError::Policy)
    };
    let mut found = Vec::new();
    for file in &files {
        if let Some(error) = load(std::slice::from_ref(file)) {
            found.push(finding(folder.join(&file.name), why(&error), error.hint()));
        }
    }
    if found.is_empty()
        && let Some(error) = load(&files)
    {
        found.push(finding(folder, why(&error), error.hint()));
    }
    found
}

fn why(error: &crate::StartError) -> String {
    if let crate::StartError::Hands { why } = error {
        why.clone()
    } else if let crate::StartError::Policy(error) = error {
        error.to_string()
    } else {
        crate::tasks::error_chain(error)
    }
}

#[cfg(test)]
mod tests;
