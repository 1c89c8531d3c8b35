//! Slash commands: which there are, how they are read, and which calls they stand for.

use super::reply;
use serde_json::{Value, json};

/// How many mails are listed.
const MAILS: u32 = 20;
/// How many lines of a log are shown.
const LOG_LINES: u32 = 50;
/// How unlike a command a word may be and still be taken for a slip of the finger.
const SLIP_MAX: usize = 2;

/// A slash command, as completion and help show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// `/disk`.
    pub name: &'static str,
    /// What stands behind it: `URL`, `PATTERN [in FOLDER]`; empty for nothing.
    pub arguments: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The same wish in plain words.
    pub phrase: &'static str,
}

/// Every command, in the order they are shown.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "/brief",
        arguments: "",
        about: "Unread mail, disks and load, in one look.",
        phrase: "brief me",
    },
    Command {
        name: "/disk",
        arguments: "",
        about: "How full each disk of this machine is.",
        phrase: "check disk usage",
    },
    Command {
        name: "/load",
        arguments: "",
        about: "How busy this machine is: processors, memory, time since start.",
        phrase: "how busy is this machine?",
    },
    Command {
        name: "/processes",
        arguments: "",
        about: "What uses the most memory.",
        phrase: "what is using the most memory?",
    },
    Command {
        name: "/services",
        arguments: "[NAME]",
        about: "Which services run, and which have failed.",
        phrase: "is nginx running?",
    },
    Command {
        name: "/logs",
        arguments: "[SERVICE]",
        about: "The last lines of the system log or of one service.",
        phrase: "show the logs of nginx",
    },
    Command {
        name: "/ports",
        arguments: "",
        about: "Which ports of this machine listen.",
        phrase: "which ports are open?",
    },
    Command {
        name: "/uptime",
        arguments: "URL",
        about: "Whether a web address answers, and how fast.",
        phrase: "is example.org up?",
    },
    Command {
        name: "/fetch",
        arguments: "URL",
        about: "The readable text of a web page.",
        phrase: "fetch https://example.org",
    },
    Command {
        name: "/find",
        arguments: "PATTERN [in FOLDER]",
        about: "Find files by name.",
        phrase: "find *.pdf in reports",
    },
    Command { name: "/list", arguments: "[FOLDER]", about: "What is in a folder.", phrase: "list my files" },
    Command { name: "/read", arguments: "FILE", about: "Show a text file.", phrase: "read notes.txt" },
    Command {
        name: "/mail",
        arguments: "[all | ID | search WORDS]",
        about: "Unread mail, all mail, one mail, or a search.",
        phrase: "any urgent mail?",
    },
    Command {
        name: "/run",
        arguments: "[--host HOST]… COMMAND",
        about: "Run a command line in the sandbox, without network or with these hosts alone.",
        phrase: "run ls -l",
    },
    Command {
        name: "/undo",
        arguments: "",
        about: "Take back what the last command or file tool changed in the workspace.",
        phrase: "undo the last change",
    },
    Command {
        name: "/remember",
        arguments: "TEXT",
        about: "Keep a note.",
        phrase: "remember that the server room is on floor 3",
    },
    Command {
        name: "/recall",
        arguments: "WORDS",
        about: "Look through the notes.",
        phrase: "what do you know about the server room?",
    },
    Command { name: "/help", arguments: "[COMMAND]", about: "What I can do.", phrase: "what can you do?" },
];

/// Something to be done, in the terms of the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Brief,
    Disk,
    Load,
    Processes,
    Services(Option<String>),
    Logs(Option<String>),
    Ports,
    Uptime(String),
    Fetch(String),
    Find { pattern: String, folder: Option<String> },
    List(Option<String>),
    Read(String),
    Mail(Mail),
    Run(String),
    Undo,
    Remember(String),
    Recall(String),
    Help(Option<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mail {
    Unread,
    Urgent,
    All,
    One(String),
    Search(String),
}

/// How a text was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A command, whole.
    Wish(Wish),
    /// A command that is not one, or lacks something: say this.
    Say(String),
    /// No command.
    Plain,
}

impl Wish {
    /// The calls it stands for.
    pub(super) fn calls(&self) -> Vec<(&'static str, Value)> {
        let one = |tool, arguments| vec![(tool, arguments)];
        let unread = json!({"unread": true, "limit": MAILS});
        match self {
            Self::Brief => {
                vec![("mail.list", unread), ("host.disk", json!({})), ("host.load", json!({}))]
            }
            Self::Disk => one("host.disk", json!({})),
            Self::Load => one("host.load", json!({})),
            Self::Processes => one("host.processes", json!({})),
            Self::Services(_) => one("host.services", json!({})),
            Self::Logs(Some(unit)) => one("host.logs", json!({"unit": unit, "lines": LOG_LINES})),
            Self::Logs(None) => one("host.logs", json!({"lines": LOG_LINES})),
            Self::Ports => one("host.ports", json!({})),
            Self::Uptime(url) => one("host.uptime", json!({"url": url})),
            Self::Fetch(url) => one("web.fetch", json!({"url": url})),
            Self::Find { pattern, folder: Some(folder) } => {
                one("files.find", json!({"pattern": pattern, "path": folder}))
            }
            Self::Find { pattern, folder: None } => one("files.find", json!({"pattern": pattern})),
            Self::List(Some(folder)) => one("files.list", json!({"path": folder})),
            Self::List(None) => one("files.list", json!({})),
            Self::Read(file) => one("files.read", json!({"path": file})),
            Self::Mail(Mail::Unread | Mail::Urgent) => one("mail.list", unread),
            Self::Mail(Mail::All) => one("mail.list", json!({"limit": MAILS})),
            Self::Mail(Mail::One(id)) => one("mail.read", json!({"id": id})),
            Self::Mail(Mail::Search(words)) => one("mail.search", json!({"query": words, "limit": MAILS})),
            Self::Run(command) => one("shell.run", run(command)),
            Self::Undo => one("files.undo", json!({})),
            Self::Remember(text) => one("memory.note", json!({"text": text})),
            Self::Recall(words) => one("memory.search", json!({"query": words})),
            Self::Help(_) => Vec::new(),
        }
    }
}

/// `--host github.com git fetch` is a command that may reach that host; without hosts it reaches none.
fn run(line: &str) -> Value {
    let (mut hosts, mut command) = (Vec::new(), line.trim());
    while let Some((host, after)) =
        command.strip_prefix("--host ").and_then(|after| after.trim().split_once(' '))
    {
        hosts.push(host.to_lowercase());
        command = after.trim();
    }
    if hosts.is_empty() { json!({"command": command}) } else { json!({"command": command, "hosts": hosts}) }
}

/// Reads `text` as a slash command. A command is one line; what follows on further lines belongs to its argument.
pub(super) fn read(text: &str) -> Reading {
    let text = text.trim();
    // `/etc/hosts is what?` starts with a slash and is no command.
    let Some(word) = text.split_whitespace().next().filter(|word| word.starts_with('/')) else {
        return Reading::Plain;
    };
    let rest = text.strip_prefix(word).unwrap_or_default().trim();
    let lower = word.to_lowercase();
    let Some(command) = COMMANDS.iter().find(|command| command.name == lower) else {
        return Reading::Say(unknown(&lower));
    };
    let some = (!rest.is_empty()).then(|| rest.to_string());
    let needs = |wish: fn(String) -> Wish| match some.clone() {
        Some(rest) => Reading::Wish(wish(rest)),
        None => Reading::Say(reply::usage(command)),
    };
    let plain = |wish: Wish| match &some {
        None => Reading::Wish(wish),
        Some(_) => Reading::Say(reply::usage(command)),
    };
    match command.name {
        "/brief" => plain(Wish::Brief),
        "/disk" => plain(Wish::Disk),
        "/load" => plain(Wish::Load),
        "/processes" => plain(Wish::Processes),
        "/services" => Reading::Wish(Wish::Services(some)),
        "/logs" => Reading::Wish(Wish::Logs(some)),
        "/ports" => plain(Wish::Ports),
        "/uptime" => needs(|rest| Wish::Uptime(whole_url(&rest))),
        "/fetch" => needs(|rest| Wish::Fetch(whole_url(&rest))),
        "/find" => needs(|rest| find(&rest)),
        "/list" => Reading::Wish(Wish::List(some)),
        "/read" => needs(|rest| Wish::Read(unquoted(&rest).to_string())),
        "/mail" => Reading::Wish(Wish::Mail(mail(rest))),
        "/run" => needs(Wish::Run),
        "/undo" => plain(Wish::Undo),
        "/remember" => needs(Wish::Remember),
        "/recall" => needs(Wish::Recall),
        _ => Reading::Wish(Wish::Help(some)),
    }
}

fn unknown(word: &str) -> String {
    let near = COMMANDS
        .iter()
        .map(|command| (strsim::damerau_levenshtein(word, command.name), command.name))
        .min()
        .filter(|(distance, _)| *distance <= SLIP_MAX);
    let guess = near.map(|(_, name)| format!(" Did you mean `{name}`?")).unwrap_or_default();
    format!("There is no such command.{guess} `/help` shows what there is.")
}

fn mail(rest: &str) -> Mail {
    let (first, others) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match (first.to_lowercase().as_str(), others.trim()) {
        ("" | "unread" | "new", "") => Mail::Unread,
        ("urgent", "") => Mail::Urgent,
        ("all", "") => Mail::All,
        ("read", id) if !id.is_empty() => Mail::One(id.to_string()),
        ("search" | "find", words) if !words.is_empty() => Mail::Search(words.to_string()),
        (_, "") => Mail::One(first.to_string()),
        (_, _) => Mail::Search(rest.to_string()),
    }
}

/// `report`, `*.pdf in reports`. A name without a wild card is looked for anywhere in a name.
pub(super) fn find(rest: &str) -> Wish {
    let (pattern, folder) = match rest.rsplit_once(" in ") {
        Some((pattern, folder)) if !pattern.trim().is_empty() && !folder.trim().is_empty() => {
            (pattern, Some(unquoted(folder.trim()).to_string()))
        }
        Some(_) | None => (rest, None),
    };
    let pattern = unquoted(pattern.trim());
    let has_wild_card = pattern.contains(['*', '?', '[']);
    let pattern = if has_wild_card { pattern.to_string() } else { format!("*{pattern}*") };
    Wish::Find { pattern, folder }
}

/// `example.org` means its web page.
pub(super) fn whole_url(text: &str) -> String {
    let text = unquoted(text.trim());
    if text.contains("://") { text.to_string() } else { format!("https://{text}") }
}

pub(super) fn unquoted(text: &str) -> &str {
    for mark in ['"', '\'', '`'] {
        let inner = text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
        if let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.contains(mark)) {
            return inner;
        }
    }
    text
}
