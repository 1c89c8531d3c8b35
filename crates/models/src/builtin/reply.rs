//! What is said: help, honest refusals, and results laid out for reading.

use super::command::{COMMANDS, Command, Mail, Wish};
use domain::{Message, ProposedCall};
use serde_json::Value;
use std::fmt::Write;

/// How much of one result is shown, in characters; the audit log and the tool card have the rest.
const RESULT_CHARS_MAX: usize = 24_000;
/// Words that make a line worth looking at first.
const URGENT_WORDS: &[&str] = &[
    "urgent",
    "asap",
    "immediately",
    "important",
    "action required",
    "deadline",
    "overdue",
    "final notice",
    "emergency",
    "critical",
    "outage",
    "flagged",
    "is down",
    "today",
    "expires",
    "reminder",
];
/// Said whenever something would take understanding.
const NO_MODEL: &str =
    "No language model is connected, so I understand commands and a few plain phrases only.";
const ONE_MAIL: &str = "`/mail ID` shows one of them.";
const CONNECT: &str =
    "To talk freely, connect a model: `hardshell model add`, or *Connect a model* on the first page.";

pub(super) fn help(topic: Option<&str>) -> String {
    if let Some(topic) = topic {
        let name = format!("/{}", topic.trim().trim_start_matches('/').to_lowercase());
        return match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) => usage(command),
            None => format!("There is no command `{name}`.\n\n{}", help(None)),
        };
    }
    let mut text = format!(
        "{NO_MODEL} Everything I do passes the same policy, sandbox and audit log as a model's calls.\n\n"
    );
    text.push_str("| command | what it does | or say |\n|---|---|---|\n");
    for Command { name, arguments, about, phrase } in COMMANDS {
        let space = if arguments.is_empty() { "" } else { " " };
        let arguments = arguments.replace('|', "\\|");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "| `{name}{space}{arguments}` | {about} | {phrase} |");
    }
    text.push_str(
        "\nIn the terminal: `hardshell session list` shows conversations, `hardshell approvals list` what waits for your \
         answer, `hardshell audit tail` what happened. `/lockdown` here, or `hardshell lockdown on` there, stops \
         everything at once.\n\n",
    );
    text.push_str(CONNECT);
    text
}

pub(super) fn usage(command: &Command) -> String {
    let Command { name, arguments, about, phrase } = command;
    let space = if arguments.is_empty() { "" } else { " " };
    format!("`{name}{space}{arguments}`: {about} In plain words: “{phrase}”.")
}

pub(super) fn not_understood() -> String {
    let examples: Vec<String> = ["/disk", "/mail", "/uptime", "/find", "/run"]
        .iter()
        .filter_map(|name| COMMANDS.iter().find(|command| command.name == *name))
        .map(|command| format!("“{}” (`{}`)", command.phrase, command.name))
        .collect();
    format!(
        "I did not understand that, and I will not guess. {NO_MODEL}\n\nTry {}. `/help` shows all of it.\n\n{CONNECT}",
        examples.join(", ")
    )
}

pub(super) fn no_model_for_this() -> String {
    "No language model is connected, so this cannot be worked out.".to_string()
}

pub(super) fn no_such_tool(lacking: &[(&'static str, Value)]) -> String {
    let names: Vec<String> = lacking.iter().map(|(tool, _)| format!("`{tool}`")).collect();
    format!(
        "I understood that, but the tool it needs ({}) is not switched on for this conversation.",
        names.join(", ")
    )
}

/// What a failed call's text ends with for a language model; whoever typed the command needs no such advice.
const FOR_MODELS: &str = " Correct the call and try again.";

/// The results of `calls`, which `wish` led to, from the messages `since` it was said.
pub(super) fn results(wish: &Wish, calls: &[ProposedCall], since: &[Message]) -> String {
    let mut parts = Vec::new();
    for call in calls {
        let result = since.iter().rev().find_map(|message| match message {
            Message::Result { call_id, text, failed } if *call_id == call.id => {
                Some((text.as_str(), *failed))
            }
            Message::Result { .. } | Message::System(_) | Message::User(_) | Message::Assistant { .. } => {
                None
            }
        });
        let (text, failed) = result.unwrap_or(("it was not carried out", true));
        let text = unwrapped(text).unwrap_or(text);
        parts.push(if failed {
            let text = text.strip_suffix(FOR_MODELS).unwrap_or(text);
            format!("**{}** did not work:\n\n{}", title(wish, call), fenced(text))
        } else {
            shown(wish, call, text)
        });
    }
    if *wish == Wish::Brief && !calls.iter().any(|call| call.tool == "mail.list") {
        parts.push("No mailbox is connected.".to_string());
    }
    parts.join("\n\n")
}

fn shown(wish: &Wish, call: &ProposedCall, text: &str) -> String {
    let title = title(wish, call);
    if text.trim().is_empty() {
        return format!("**{title}**: nothing.");
    }
    match wish {
        Wish::Mail(Mail::Urgent) => urgent(&title, text),
        Wish::Services(Some(name)) => {
            let lines = lines_with(text, &[name.to_lowercase().as_str()]);
            if lines.is_empty() {
                format!("**{title}**: no service of that name is listed. `/services` shows all.")
            } else {
                format!("**{title}**\n\n{}", fenced(&lines.join("\n")))
            }
        }
        Wish::Mail(Mail::Unread | Mail::All | Mail::Search(_)) => {
            format!("**{title}**\n\n{}\n\n{ONE_MAIL}", fenced(text))
        }
        Wish::Brief
        | Wish::Disk
        | Wish::Load
        | Wish::Processes
        | Wish::Services(None)
        | Wish::Logs(_)
        | Wish::Ports
        | Wish::Uptime(_)
        | Wish::Fetch(_)
        | Wish::Find { .. }
        | Wish::List(_)
        | Wish::Read(_)
        | Wish::Mail(Mail::One(_))
        | Wish::Run(_)
        | Wish::Undo
        | Wish::Remember(_)
        | Wish::Recall(_)
        | Wish::Help(_) => format!("**{title}**\n\n{}", fenced(text)),
    }
}

/// Whether a mail is urgent takes understanding; that it holds a word does not.
fn urgent(title: &str, text: &str) -> String {
    let lines = lines_with(text, URGENT_WORDS);
    let honest = "I have no language model and cannot judge what is urgent; I looked for words such as “urgent”, \
                  “deadline” and “today”, which anybody can write.";
    if lines.is_empty() {
        format!("**{title}**: none of the lines holds such a word. {honest} All of it:\n\n{}", fenced(text))
    } else {
        format!(
            "**Worth a look first**\n\n{}\n\n{honest}\n\n**{title}**\n\n{}",
            fenced(&lines.join("\n")),
            fenced(text)
        )
    }
}

/// The entries of `text` that hold one of `words` (lower case), as a whole word or words. An entry is a line with the
/// indented lines below it.
fn lines_with<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut within = false;
    for line in text.lines() {
        let lower = line.to_lowercase();
        let goes_on = line.starts_with(' ') || line.starts_with('\t');
        within = (goes_on && within) || words.iter().any(|word| holds(&lower, word));
        if within {
            found.push(line);
        }
    }
    found
}

fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at.saturating_add(word.len())..).and_then(|text| text.chars().next());
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

fn title(wish: &Wish, call: &ProposedCall) -> String {
    match (wish, call.tool.as_str()) {
        (Wish::Brief, "mail.list") | (Wish::Mail(Mail::Unread | Mail::Urgent), _) => {
            "Unread mail".to_string()
        }
        (Wish::Brief, "host.load") | (Wish::Load, _) => "Load".to_string(),
        (Wish::Brief | Wish::Disk, _) => "Disks".to_string(),
        (Wish::Processes, _) => "Processes".to_string(),
        (Wish::Services(None), _) => "Services".to_string(),
        (Wish::Services(Some(name)), _) => format!("Service {}", code(name)),
        (Wish::Logs(None), _) => "System log".to_string(),
        (Wish::Logs(Some(unit)), _) => format!("Log of {}", code(unit)),
        (Wish::Ports, _) => "Listening ports".to_string(),
        (Wish::Uptime(url) | Wish::Fetch(url), _) => code(url),
        (Wish::Find { pattern, folder: None }, _) => format!("Files named {}", code(pattern)),
        (Wish::Find { pattern, folder: Some(folder) }, _) => {
            format!("Files named {} in {}", code(pattern), code(folder))
        }
        (Wish::List(None), _) => "Files".to_string(),
        (Wish::List(Some(path)) | Wish::Read(path), _) => code(path),
        (Wish::Mail(Mail::All), _) => "Mail".to_string(),
        (Wish::Mail(Mail::One(id)), _) => format!("Mail {}", code(id)),
        (Wish::Mail(Mail::Search(words)), _) => format!("Mail with {}", code(words)),
        (Wish::Run(command), _) => code(command),
        (Wish::Undo, _) => "Taken back".to_string(),
        (Wish::Remember(_), _) => "Noted".to_string(),
        (Wish::Recall(words), _) => format!("Notes with {}", code(words)),
        (Wish::Help(_), _) => "Help".to_string(),
    }
}

/// One line of code that cannot end before it ends.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace(['\n', '\r'], " "))
}

/// `text` as a block that nothing in it can close: what a stranger wrote is shown, and never becomes a link, a
/// picture or a heading on the owner's screen.
fn fenced(text: &str) -> String {
    let cut: String = text.trim_end().chars().take(RESULT_CHARS_MAX).collect();
    let more = if cut.len() < text.trim_end().len() { "\n\n(The rest is not shown here.)" } else { "" };
    let mut longest = 0_usize;
    let mut run = 0_usize;
    for c in cut.chars() {
        run = if c == '`' { run.saturating_add(1) } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest.saturating_add(1).max(3));
    format!("{fence}text\n{cut}\n{fence}{more}")
}

/// The text within the mark that the agent puts around what is not trusted, if `text` is marked as a whole.
pub(super) fn unwrapped(text: &str) -> Option<&str> {
    let text = text.trim();
    let (mark, _) = text.strip_prefix("<user_data id=\"")?.split_once('"')?;
    let (_, inner) = text.split_once('\n')?;
    let inner = inner.strip_suffix(&format!("</user_data id=\"{mark}\">"))?;
    let once = !inner.contains(&format!("</user_data id=\"{mark}\">"));
    once.then(|| inner.strip_suffix('\n').unwrap_or(inner))
}
