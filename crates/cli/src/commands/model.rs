//! `hardshell model`: which models can be asked.

use crate::arguments::{Common, ModelCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use daemon::config::{self, Config};
use daemon::{Options, Running};
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// Lists, adds or tests.
pub async fn run(common: &Common, command: &ModelCommand) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    match command {
        ModelCommand::Add { .. } => root::leave(&home)?,
        ModelCommand::List | ModelCommand::Test { .. } => root::enter(&home)?,
    }
    let prepared = daemon::Home::prepare(&home)?;
    let path = prepared.path(config::FILE);
    match command {
        ModelCommand::List => list(common, &path),
        ModelCommand::Add { name, kind, model, url, key } => {
            // A model at an address of one's own often needs no key; a vendor's own address always does.
            let key = key.clone().or_else(|| (kind != "ollama" && url.is_none()).then(|| name.clone()));
            let entry = Entry {
                name,
                kind,
                model,
                url: url.as_deref(),
                key: key.map(|key| format!("secret://{key}")),
            };
            add(common, &path, &entry)
        }
        ModelCommand::Test { name } => test(common, &home, name).await,
    }
}

fn list(common: &Common, path: &Path) -> Result<Exit, Problem> {
    let config = Config::load(path)?;
    let asked = config.model.as_deref().unwrap_or("builtin");
    if common.json {
        show::json(&serde_json::json!({"model": asked, "models": config.models}));
        return Ok(Exit::Done);
    }
    let mark = |name: &str| if name == asked { "→" } else { " " };
    show::line(&format!("{} builtin   no language model: commands and a few plain phrases", mark("builtin")));
    for model in &config.models {
        let vendor = model.model.as_deref().unwrap_or("-");
        show::line(&show::printable(&format!(
            "{} {}   {} {vendor}",
            mark(&model.name),
            model.name,
            model.kind.as_str()
        )));
    }
    Ok(Exit::Done)
}

/// One `[[models]]` table.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    kind: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Adds the entry at the end of the file and names it as the one that is asked. What the owner wrote stays as it is;
/// a file that would no longer be good is not written.
fn add(common: &Common, path: &Path, entry: &Entry<'_>) -> Result<Exit, Problem> {
    let io = |step: &str| {
        let step = step.to_string();
        move |source| Problem::Io { step, source }
    };
    let before = std::fs::read_to_string(path).map_err(io("read the configuration"))?;
    is_free(entry, &Config::load(path)?)?;
    let table = toml::to_string(entry)
        .map_err(|error| Problem::Other { what: format!("write the entry: {error}"), hint: None })?;
    let asked = format!("model = \"{}\"", entry.name);
    let mut lines: Vec<String> = before.lines().map(str::to_string).collect();
    match lines
        .iter_mut()
        .take_while(|line| !line.starts_with('['))
        .find(|line| line.trim_start().starts_with("model ="))
    {
        Some(line) => *line = asked,
        None => lines.insert(0, asked),
    }
    let text = format!("{}\n\n[[models]]\n{table}", lines.join("\n"));
    Config::parse(&text, path)?;
    // Good by itself is not enough: the next start must take it too, and what was wrong before is not the entry's fault.
    let home = path.parent().unwrap_or(path);
    let earlier = daemon::check_text(home, &before)?;
    let news = daemon::check_text(home, &text)?.into_iter().find(|finding| {
        finding.weight == daemon::Weight::Refused && !earlier.iter().any(|old| old.what == finding.what)
    });
    if let Some(finding) = news {
        let what = format!("add `{}`: {}; nothing was written", entry.name, finding.what);
        return Err(Problem::Other {
            what,
            hint: finding.hint.or(Some("hardshell model add --help".to_string())),
        });
    }
    let beside = path.with_extension("toml.new");
    let mut file = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(file.write(true).create(true).truncate(true), 0o600);
    let mut file = file.open(&beside).map_err(io("write the configuration"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write the configuration"))?;
    std::fs::rename(&beside, path).map_err(io("write the configuration"))?;
    if common.json {
        show::json(&serde_json::json!({"ok": true, "model": entry.name}));
        return Ok(Exit::Done);
    }
    show::line(&format!("`{}` is in {} and is asked from the next start on.", entry.name, path.display()));
    if let Some(key) = entry.key.as_deref().and_then(|key| key.strip_prefix("secret://")) {
        let own =
            entry.url.and_then(|url| url.parse::<egress::Url>().ok()).map(|url| url.destination.to_string());
        let host = own.as_deref().unwrap_or(match entry.kind {
            "anthropic" => "api.anthropic.com",
            _openai => "api.openai.com",
        });
        show::note(&format!("hint: hardshell secret set {key} --host {host}"));
    }
    show::note(&format!("hint: hardshell model test {}   (while Hardshell does not run)", entry.name));
    Ok(Exit::Done)
}

/// Refuses a name that means another model already.
fn is_free(entry: &Entry<'_>, config: &Config) -> Result<(), Problem> {
    let name = entry.name;
    let taken = if name == "builtin" {
        format!("`{name}` is the name of what answers without a language model")
    } else if let Some(at) = config.models.iter().position(|known| known.name == name) {
        format!("entry {} of `[[models]]` is called that already", at.saturating_add(1))
    } else {
        return Ok(());
    };
    Err(Problem::Other {
        what: format!("add `{name}`: {taken}; nothing was written"),
        hint: Some("`hardshell model list` shows the names that are taken; choose another".to_string()),
    })
}

async fn test(common: &Common, home: &Path, name: &str) -> Result<Exit, Problem> {
    if Client::of(home).is_there().await {
        return Err(Problem::Other {
            what: format!("try `{name}`: Hardshell is running, and it reads its models when it starts"),
            hint: Some(format!(
                "stop it (Ctrl-C, or `systemctl stop hardshell`), then `hardshell model test {name}`"
            )),
        });
    }
    let running = Running::start_asking(
        Options {
            home: home.to_path_buf(),
            port: Some(0),
            theatre: None,
            begin: daemon::Begin::GoingOn,
            log: daemon::LogRedaction::default(),
        },
        crate::hidden::passphrase,
    )
    .await
    .map_err(Box::new)?;
    show::note(&format!("asking `{name}`, through the same door as always"));
    let answer = running.test_model(name).await;
    running.stop().await;
    match answer {
        Ok(text) if common.json => show::json(&serde_json::json!({"ok": true, "answer": text})),
        Ok(text) => show::line(&show::printable(&text)),
        Err(why) => {
            return Err(Problem::Other { what: format!("get an answer from `{name}`: {why}"), hint: None });
        }
    }
    Ok(Exit::Done)
}
