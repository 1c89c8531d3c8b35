//! The stage of one attack: an owner's home with something to steal, a mailbox with a mail in it, a house that asks a
//! hijacked model.

use crate::error::DemoError;
use crate::scenario::{Scenario, Secret, Step};
use crate::wall::Variant;
use connectors::mail::sample;
use domain::Timestamp;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The words that a secret is drawn from: ordinary ones, so that no pattern for keys recognises them.
const WORDS: [&str; 16] = [
    "amber", "kestrel", "lagoon", "thistle", "walnut", "harbour", "meadow", "copper", "violet", "granite",
    "otter", "saffron", "juniper", "lantern", "pebble", "willow",
];
/// How many of them make a secret.
const WORDS_IN_SECRET: usize = 6;
/// The mailbox's name.
const MAILBOX: &str = "demo";

/// A temporary folder for demos, for this user alone; gone with the value.
///
/// # Errors
///
/// [`DemoError::Stage`].
pub fn place() -> Result<TempDir, DemoError> {
    tempfile::Builder::new()
        .prefix("hardshell-demo-")
        .tempdir()
        .map_err(DemoError::at("make a temporary home"))
}

/// The two servers of an attack, which are one: host and port of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) attacker: (String, u16),
    pub(crate) service: (String, u16),
}

/// The port that an address need not name.
pub(crate) const WEB_PORT: u16 = 80;

/// A host and its port as they stand in an address.
fn in_address((host, port): &(String, u16)) -> String {
    if *port == WEB_PORT { host.clone() } else { format!("{host}:{port}") }
}

fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_string() } else { format!("{host}:{WEB_PORT}") }
}

/// A stage that is set.
pub(crate) struct Stage {
    /// Hardshell's home.
    pub(crate) home: PathBuf,
    /// The secret of this run.
    pub(crate) secret: String,
    /// What the marks stand for.
    marks: Vec<(&'static str, String)>,
}

impl Stage {
    /// Builds the stage in `folder`, which does not exist yet. `variant` is given the folder with the credentials and
    /// the attacker's host and port.
    pub(crate) fn set(
        folder: &Path,
        scenario: &Scenario,
        hosts: &Hosts,
        now: Timestamp,
        variant: impl FnOnce(&str, &(String, u16)) -> Variant,
    ) -> Result<(Self, Variant), DemoError> {
        make(folder)?;
        let folder = folder.canonicalize().map_err(DemoError::at("find the temporary home"))?;
        let (home, owner, maildir) = (folder.join("home"), folder.join("owner"), folder.join("mail"));
        let credentials = owner.join(".aws");
        for new in [&owner, &credentials, &maildir] {
            make(new)?;
        }
        daemon::Home::prepare(&home)?;
        let secret = draw(scenario.secret);
        let text = format!("[default]\nregion = eu-central-1\naws_secret_access_key = {secret}\n");
        write(&credentials.join("credentials"), &text)?;
        let mail = plant(&maildir, scenario.mail, now)?;
        if let Some((name, text)) = scenario.file {
            write(&home.join("workspace").join(name), text)?;
        }
        let marks = vec![
            ("@MAIL@", mail),
            ("@ATTACKER@", in_address(&hosts.attacker)),
            ("@ATTACKER-HOST@", hosts.attacker.0.clone()),
            ("@SERVICE@", in_address(&hosts.service)),
            ("@OWNER@", owner.display().to_string()),
            ("@HOME@", home.display().to_string()),
            ("@SECRET@", secret.clone()),
        ];
        let stage = Self { home, secret, marks };
        let script = folder.join("hijacked-model.jsonl");
        write(&script, &stage.script(scenario)?)?;
        let variant = variant(&credentials.display().to_string(), &hosts.attacker);
        let config = stage.config(scenario, &variant, &script, &maildir);
        fs::write(stage.home.join(daemon::config::FILE), config)
            .map_err(DemoError::at("write the configuration"))?;
        Ok((stage, variant))
    }

    /// `text` with what its marks stand for.
    pub(crate) fn filled(&self, text: &str) -> String {
        self.marks.iter().fold(text.to_string(), |text, (mark, value)| text.replace(mark, value))
    }

    /// `text` without what differs from run to run: the other way round, and the secret not at all.
    pub(crate) fn unfilled(&self, text: &str) -> String {
        self.marks
            .iter()
            .filter(|(_mark, value)| !value.is_empty())
            .fold(text.to_string(), |text, (mark, value)| text.replace(value, mark))
    }

    /// `text` as it may be shown.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(&self.secret, "‹the secret›")
    }

    /// The calls of the hijacked model, one answer each, and its last words.
    fn script(&self, scenario: &Scenario) -> Result<String, DemoError> {
        let line = |step: &Step| {
            let arguments: serde_json::Value = serde_json::from_str(step.arguments)
                .map_err(|error| DemoError::Scene { why: format!("arguments of {}: {error}", step.tool) })?;
            let call = serde_json::json!({"tool": step.tool, "args": self.filled_in(&arguments)});
            Ok(format!("{}\n", serde_json::json!({"calls": [call]})))
        };
        let calls: String = scenario.steps.iter().map(line).collect::<Result<_, DemoError>>()?;
        Ok(format!("{calls}{}\n", serde_json::json!({"text": self.filled(scenario.says)})))
    }

    fn filled_in(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.filled(text)),
            Value::Array(items) => items.iter().map(|item| self.filled_in(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.filled_in(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn config(&self, scenario: &Scenario, variant: &Variant, script: &Path, maildir: &Path) -> String {
        let text = |text: &str| toml::Value::String(text.to_string()).to_string();
        let list = |items: &[String]| toml::Value::from(items.to_vec()).to_string();
        let own = scenario.private_hosts.iter().map(|host| with_port(&self.filled(host)));
        let to_attacker = variant.open_hosts.iter().map(|(host, port)| format!("{host}:{port}"));
        let hosts: Vec<String> = own.chain(to_attacker).collect();
        let to_commands: String = variant
            .open_hosts
            .iter()
            .map(|(host, port)| format!("\n[[sandbox.hosts]]\nhost = {}\nports = [{port}]\n", text(host)))
            .collect();
        format!(
            "# The home of one demo.\nmodel = \"hijacked\"\n\n\
             [[models]]\nname = \"hijacked\"\nkind = \"script\"\nscript = {}\n\n\
             [[mailboxes]]\nname = {}\nmaildir = {}\n\n\
             [files]\nreadable_paths = {}\n\n\
             [network]\nprivate_hosts = {}\n{to_commands}",
            text(&script.display().to_string()),
            text(MAILBOX),
            text(&maildir.display().to_string()),
            list(&variant.readable_paths),
            list(&hosts),
        )
    }
}

fn make(folder: &Path) -> Result<(), DemoError> {
    DirBuilder::new().mode(0o700).create(folder).map_err(DemoError::at("make a folder of the temporary home"))
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(DemoError::at("write a file of the temporary home"))
}

/// Puts the mail among the samples; its id, or nothing without a mail.
fn plant(maildir: &Path, mail: Option<&str>, now: Timestamp) -> Result<String, DemoError> {
    sample::write(maildir, now)?;
    let Some(mail) = mail else { return Ok(String::new()) };
    let before = names(maildir)?;
    sample::put(maildir, mail, now)?;
    let after = names(maildir)?;
    let name = after.difference(&before).next().ok_or(DemoError::MailGone)?.to_string_lossy().into_owned();
    let unique = name.split_once(":2,").map_or(name.as_str(), |(unique, _flags)| unique);
    Ok(format!("{MAILBOX}/INBOX/{unique}"))
}

fn names(maildir: &Path) -> Result<BTreeSet<OsString>, DemoError> {
    let entries = fs::read_dir(maildir.join("cur")).map_err(DemoError::at("list the mailbox"))?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map_err(DemoError::at("list the mailbox"))
}

fn draw(secret: Secret) -> String {
    match secret {
        Secret::Words => {
            let places =
                daemon::message_id().chars().filter_map(|digit| digit.to_digit(16)).collect::<Vec<_>>();
            let word = |place: &u32| usize::try_from(*place).ok().and_then(|place| WORDS.get(place).copied());
            places.iter().take(WORDS_IN_SECRET).filter_map(word).collect::<Vec<_>>().join("-")
        }
        Secret::Key => {
            let digits: String = [daemon::message_id(), daemon::message_id(), daemon::message_id()].concat();
            format!("sk-ant-api03-{}AA", digits.chars().take(93).collect::<String>())
        }
    }
}
