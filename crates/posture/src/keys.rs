//! Keys that lie about in the clear: read from files of variables, from settings in JSON, and from an OpenClaw home.

use crate::services::Service;
use domain::{Host, SecretName};
use egress::{Reader, Redactor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use vault::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, SecretRef, SecretText};
use zeroize::Zeroizing;

/// The largest file that is read, in bytes: settings are typed or generated, not measured in megabytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// How many files of a folder are read.
const FILES_MAX: usize = 2_000;
/// How deep a folder is looked into.
const DEPTH_MAX: usize = 6;
/// What the name of a variable with a key in it ends with; the longest first.
const ENDINGS: [&str; 16] = [
    "_secret_access_key",
    "_access_token",
    "_client_secret",
    "_personal_access_token",
    "_api_token",
    "_bot_token",
    "_app_token",
    "_api_key",
    "_apikey",
    "_password",
    "_passwd",
    "_secret",
    "_token",
    "_pat",
    "_key",
    "_pass",
];
/// What a setting with a key in it is called, in lower case, without `_` and `-`.
const SETTINGS: [&str; 14] = [
    "apikey",
    "token",
    "bottoken",
    "apptoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "secret",
    "clientsecret",
    "appsecret",
    "signingsecret",
    "password",
    "passwd",
    "secretkey",
];

/// A key, found in the clear.
pub struct FoundKey {
    /// What it would be called in the vault.
    pub name: SecretName,
    /// What it is called where it was found: `OPENAI_API_KEY`, `channels.telegram.botToken`.
    pub called: String,
    /// Where.
    pub file: PathBuf,
    /// The hosts it goes to, when the service is known.
    pub hosts: Vec<Host>,
    value: Zeroizing<String>,
}

/// A file cannot be read for keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is too large for what it is said to be.
    #[error("read `{}`: it has {bytes} bytes, and at most {FILE_BYTES_MAX} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It begins as JSON and is none. What is wrong is not repeated: it may be a key.
    #[error("read `{}`: it is no JSON from line {line}, column {column} on", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it stops being JSON.
        line: usize,
        /// And in that line.
        column: usize,
    },
}

impl FoundKey {
    /// The key, to be kept.
    ///
    /// # Errors
    ///
    /// [`vault::Error`] when it is nothing that a vault keeps.
    pub fn into_secret(self) -> Result<SecretText, vault::Error> {
        SecretText::new(self.value.to_string())
    }
}

/// Never shows the key.
impl std::fmt::Debug for FoundKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundKey")
            .field("name", &self.name)
            .field("called", &self.called)
            .field("file", &self.file)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// The keys in a file of variables, in a JSON file, or in every such file of a folder, each once.
///
/// # Errors
///
/// [`KeysError`]; in a folder, files that cannot be read are passed over.
pub fn read_keys(path: &Path) -> Result<Vec<FoundKey>, KeysError> {
    let unreadable = |source| KeysError::Read { path: path.to_path_buf(), source };
    let mut found = Vec::new();
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        let mut files = Vec::new();
        settings_files(path, DEPTH_MAX, &mut files);
        for file in files {
            found.extend(keys_of(&file).unwrap_or_default());
        }
    } else {
        found = keys_of(path)?;
    }
    let (mut values, mut names) = (BTreeSet::new(), BTreeSet::new());
    found.retain(|key| values.insert(key.value.to_string()));
    for key in &mut found {
        // Two keys of one service: the second is called as it was found.
        if !names.insert(key.name.clone())
            && let Some(name) = secret_name(&key.called)
        {
            key.name = name.clone();
            names.insert(name);
        }
    }
    Ok(found)
}

fn settings_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() && depth > 0 && name != "node_modules" {
            settings_files(&path, depth.saturating_sub(1), files);
        }
        let is_settings = name == ".env" || name.starts_with(".env.") || name.ends_with(".json");
        if meta.is_file() && is_settings && files.len() < FILES_MAX {
            files.push(path);
        }
    }
}

fn keys_of(path: &Path) -> Result<Vec<FoundKey>, KeysError> {
    let unreadable = |source| KeysError::Read { path: path.to_path_buf(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(KeysError::TooLarge { path: path.to_path_buf(), bytes });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
    if !text.trim_start().starts_with(['{', '[']) {
        return Ok(text.lines().filter_map(|line| variable(line, path)).collect());
    }
    let json: Value = serde_json::from_str(&text).map_err(|error| KeysError::Json {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
    })?;
    let mut found = Vec::new();
    settings(&json, &mut Vec::new(), path, &mut found);
    Ok(found)
}

/// `NAME=value`, `export NAME="value"`.
fn variable(line: &str, path: &Path) -> Option<FoundKey> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), unquoted(value.trim()));
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let lower = name.to_lowercase();
    let stem = stem(&lower);
    (could_be_key(value) && (stem.is_some() || has_shape(value))).then_some(())?;
    let service = Service::named(stem.into_iter().chain([lower.as_str()]));
    found(name.to_string(), service, value, path)
}

fn stem(lower: &str) -> Option<&str> {
    let mut rest = lower;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| rest.strip_suffix(ending)) {
        rest = shorter;
    }
    (rest != lower).then_some(rest)
}

fn unquoted(value: &str) -> &str {
    for mark in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(mark).and_then(|rest| rest.split_once(mark)) {
            return inner.0;
        }
    }
    // A comment behind a bare value.
    value.split(" #").next().unwrap_or(value).trim()
}

fn settings(json: &Value, path: &mut Vec<String>, file: &Path, all: &mut Vec<FoundKey>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                path.push(name.clone());
                settings(value, path, file, all);
                path.pop();
            }
        }
        Value::Array(values) => values.iter().for_each(|value| settings(value, path, file, all)),
        Value::String(value) => {
            let last =
                path.last().map(|name| name.to_lowercase().replace(['_', '-'], "")).unwrap_or_default();
            let named = SETTINGS.contains(&last.as_str())
                || path.last().is_some_and(|name| stem(&name.to_lowercase()).is_some());
            if could_be_key(value) && (named || has_shape(value)) {
                let lower: Vec<String> = path.iter().map(|part| part.to_lowercase()).collect();
                let parts = lower.iter().flat_map(|part| {
                    let words = part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                    words.chain(stem(part))
                });
                all.extend(found(path.join("."), Service::named(parts), value, file));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a file says in the place of a key is none: a reference, a variable, a text to be replaced.
fn could_be_key(value: &str) -> bool {
    let lower = value.to_lowercase();
    let example = ["your", "changeme", "change-me", "example", "placeholder", "xxxx", "<", "${", "$("];
    (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&value.len())
        && !value.contains(char::is_whitespace)
        && value.parse::<SecretRef>().is_err()
        && !value.starts_with('$')
        && !example.iter().any(|word| lower.contains(word))
}

fn has_shape(value: &str) -> bool {
    Redactor::shapes_only().find(value.as_bytes(), Reader::Anyone).is_some()
}

fn found(called: String, service: Option<&Service>, value: &str, file: &Path) -> Option<FoundKey> {
    let name = match service {
        Some(service) => service.name.parse().ok(),
        None => secret_name(&called),
    };
    Some(FoundKey {
        name: name?,
        called,
        file: file.to_path_buf(),
        hosts: service.map(Service::hosts).unwrap_or_default(),
        value: Zeroizing::new(value.to_string()),
    })
}

fn secret_name(called: &str) -> Option<SecretName> {
    let plain: String =
        called.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let tail = plain.trim_matches('-');
    tail.get(tail.len().saturating_sub(64)..)?.trim_matches('-').parse().ok()
}

#[cfg(test)]
mod tests;
