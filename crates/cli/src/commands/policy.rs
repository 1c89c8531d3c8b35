//! `hardshell policy`: the rules in force, what they say of one action, and what an owner should look at.

use crate::arguments::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{root, show};
use clap::Subcommand;
use domain::{RuleHit, Verdict};
use gateway::wire::PolicyInForce;
use policy::Policy;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

/// The longest question or table that is read, in bytes.
const INPUT_BYTES_MAX: u64 = 4 << 20;

/// What can be done with the policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print what the configuration means, and every rule in force.
    #[command(
        after_help = "Examples:\n  hardshell policy show\n  hardshell policy show confirm\n  hardshell policy show --json"
    )]
    Show {
        /// Only rules whose id begins so.
        #[arg(value_name = "RULE")]
        rule: Option<String>,
    },
    /// Decide one action, given as JSON with its context on stdin, and print the decision with its rules.
    #[command(
        after_help = "The document: {\"tool\": NAME, \"arguments\": {…}, \"context\": {…}}; docs/guide/policy.md lists what a context may say.\nExit codes: 0 it may be done, 3 it is refused, 4 it asks.\n\n\
            Examples:\n  echo '{\"tool\": \"shell.run\", \"arguments\": {\"command\": \"df -h\"}}' | hardshell policy check\n  hardshell policy check action.json --json"
    )]
    Check {
        /// A file instead of stdin.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// The same in words: every rule that spoke, and why.
    #[command(after_help = "Exit codes: 0 it may be done, 3 it is refused, 4 it asks.\n\n\
            Example:\n  echo '{\"tool\": \"shell.run\", \"arguments\": {\"command\": \"curl example.org\"}}' | hardshell policy explain")]
    Explain {
        /// A file instead of stdin.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Run tables of cases: what you rely on, pinned.
    #[command(
        after_help = "A table is TOML: version = 1, then [[case]] with name, tool, arguments, context, expect (allow, ask or deny) and, if you like, rule.\n\n\
            Example:\n  hardshell policy test mine.toml"
    )]
    Test {
        /// The tables.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Sign one of your rule files, so that what it permits counts.
    #[command(
        after_help = "Examples:\n  hardshell policy sign own.cedar\n  hardshell policy sign own.cedar --key /media/stick/hardshell.key"
    )]
    Sign {
        /// Its name in the home's `policy` folder.
        #[arg(value_name = "NAME")]
        name: String,
        /// Your key; made if it is missing. In the home, when left out.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Put the rules on disk in force in the Hardshell that runs: configuration and rule files, from the next decision on.
    #[command(
        after_help = "Rules that cannot be used change nothing. Questions that were asked before have to be asked again.\n\
            What is opened at the start (folders, mailboxes, models) is opened at the start.\n\nExample:\n  hardshell policy reload"
    )]
    Reload,
    /// Say what is wider than it reads, never matches, or says nothing new.
    #[command(
        after_help = "Ends with 1 when there is something to look at.\n\nExample:\n  hardshell policy lint"
    )]
    Lint,
}

/// Does it.
pub async fn run(common: &Common, command: &PolicyCommand) -> Result<Exit, Problem> {
    match command {
        PolicyCommand::Reload => reload(common).await,
        PolicyCommand::Show { rule } => print(common, &in_force(common)?, rule.as_deref().unwrap_or("")),
        PolicyCommand::Check { file } => {
            let answer = decide(common, file.as_deref())?;
            if common.json {
                show::json(&answer)
            } else {
                show::line(&short(&answer))
            }
            Ok(exit_of(&answer))
        }
        PolicyCommand::Explain { file } => {
            let answer = decide(common, file.as_deref())?;
            if common.json {
                show::json(&json!({"text": in_words(&answer)}))
            } else {
                show::line(&in_words(&answer))
            }
            Ok(exit_of(&answer))
        }
        PolicyCommand::Test { files } => test(common, files),
        PolicyCommand::Sign { name, key } => sign(common, name, key.as_deref()),
        PolicyCommand::Lint => lint(common),
    }
}

/// The policy of the home that is meant; without a home, that of a first one.
fn in_force(common: &Common) -> Result<Policy, Problem> {
    let home = show::home(common)?;
    if home.exists() {
        root::leave(&home)?;
    } else {
        show::note(&format!("{} is not there yet: these are the rules of a first home", home.display()));
    }
    daemon::policy_of(&home).map_err(|error| Problem::Rules(Box::new(error)))
}

fn print(common: &Common, policy: &Policy, begins: &str) -> Result<Exit, Problem> {
    let rules = policy.rules_in_force();
    let mut wanted = rules.iter().filter(|rule| rule.id.starts_with(begins)).peekable();
    if wanted.peek().is_none() {
        return Err(Problem::Other {
            what: format!("show `{}`: no rule in force begins so", show::printable(begins)),
            hint: Some("`hardshell policy show` prints every rule".to_string()),
        });
    }
    if common.json {
        let shown: Vec<Value> = wanted
            .map(|rule| {
                json!({"id": rule.id, "file": rule.file, "verdict": rule.verdict.as_str(), "why": rule.why, "text": rule.text})
            })
            .collect();
        let digest: String = policy.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        show::json(&json!({"digest": digest, "settings": policy.settings(), "rules": shown}));
    } else if begins.is_empty() {
        show::line(policy.show().trim_end());
    } else {
        for rule in wanted {
            show::line(&format!("// {} ({})\n{}\n", rule.verdict.as_str(), rule.file, rule.text));
        }
    }
    Ok(Exit::Done)
}

fn decide(common: &Common, file: Option<&Path>) -> Result<Value, Problem> {
    let text = input(file)?;
    let policy = in_force(common)?;
    replay::check(&policy, &text, &catalog()?, daemon::now()).map_err(unreadable)
}

fn test(common: &Common, files: &[PathBuf]) -> Result<Exit, Problem> {
    let mut tables = Vec::new();
    for file in files {
        tables.push((file, input(Some(file))?));
    }
    let (policy, catalog) = (in_force(common)?, catalog()?);
    let mut results = Vec::new();
    for (file, text) in tables {
        for result in replay::run_cases(&policy, &text, &catalog, daemon::now()).map_err(unreadable)? {
            if !common.json {
                let word = if result.passed { "ok    " } else { "FAILED" };
                show::line(&format!("{word} {}", show::printable(&result.name)));
                if !result.passed {
                    show::line(&format!("       {}", show::printable(&result.detail)));
                }
            }
            results.push(
                json!({"file": file, "name": result.name, "passed": result.passed, "detail": result.detail}),
            );
        }
    }
    let failed = results.iter().filter(|result| result.get("passed") != Some(&Value::Bool(true))).count();
    if common.json {
        show::json(&json!({"cases": results, "failed": failed}));
    } else {
        show::line(&format!("{} cases, {failed} failed", results.len()));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn sign(common: &Common, name: &str, key: Option<&Path>) -> Result<Exit, Problem> {
    let plain = Path::new(name).file_name().is_some_and(|file| file == name) && name.ends_with(".cedar");
    if !plain {
        return Err(Problem::Other {
            what: format!("sign `{name}`: it is the name of a `.cedar` file in the home's `policy` folder"),
            hint: Some("hardshell policy sign own.cedar".to_string()),
        });
    }
    let home = show::home(common)?;
    root::leave(&home)?;
    let signature = daemon::sign_rules(&home, name, key).map_err(|error| Problem::Rules(Box::new(error)))?;
    if common.json {
        show::json(&json!({"signature": signature}));
    } else {
        show::line(&format!("{name} is signed; what it permits counts after `hardshell policy reload`."));
    }
    Ok(Exit::Done)
}

async fn reload(common: &Common) -> Result<Exit, Problem> {
    let client = Client::of(&show::home(common)?);
    let now: PolicyInForce = client.post("/api/v1/policy/reload", &json!({})).await?;
    if common.json {
        show::json(&now);
    } else if now.changed {
        show::line(&format!("The rules on disk are in force: {}", now.digest));
    } else {
        show::line(&format!("The rules on disk were in force already: {}", now.digest));
    }
    Ok(Exit::Done)
}

fn lint(common: &Common) -> Result<Exit, Problem> {
    let findings = replay::lint(&in_force(common)?);
    if common.json {
        let shown: Vec<Value> =
            findings.iter().map(|finding| json!({"place": finding.place, "text": finding.text})).collect();
        show::json(&shown);
    } else if findings.is_empty() {
        show::line("Nothing to look at.");
    } else {
        for finding in &findings {
            show::line(&show::printable(&format!("{}: {}", finding.place, finding.text)));
        }
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Failed })
}

fn input(file: Option<&Path>) -> Result<String, Problem> {
    let io = |source| Problem::Io {
        step: file.map_or_else(|| "read stdin".to_string(), |file| format!("read {}", file.display())),
        source,
    };
    let mut text = String::new();
    match file {
        Some(path) => std::fs::File::open(path).map_err(io)?.take(INPUT_BYTES_MAX).read_to_string(&mut text),
        None if std::io::stdin().is_terminal() => {
            return Err(Problem::Other {
                what: "read the action: nothing is piped in and no file is named".to_string(),
                hint: Some(
                    "echo '{\"tool\": \"shell.run\", \"arguments\": {\"command\": \"df -h\"}}' | hardshell policy check"
                        .to_string(),
                ),
            });
        }
        None => std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text),
    }
    .map_err(io)?;
    Ok(text)
}

fn catalog() -> Result<tools::Catalog, Problem> {
    tools::Catalog::builtin().map_err(|error| Problem::Rules(Box::new(error.into())))
}

fn verdict_of(answer: &Value) -> Verdict {
    let word = answer.get("verdict").and_then(Value::as_str).unwrap_or_default();
    // What cannot be read is no yes.
    [Verdict::Allow, Verdict::Ask]
        .into_iter()
        .find(|verdict| verdict.as_str() == word)
        .unwrap_or(Verdict::Deny)
}

fn exit_of(answer: &Value) -> Exit {
    match verdict_of(answer) {
        Verdict::Allow => Exit::Done,
        Verdict::Ask => Exit::Waiting,
        Verdict::Deny => Exit::Refused,
    }
}

fn short(answer: &Value) -> String {
    let rules = answer.get("rules").and_then(Value::as_array);
    let mut text = verdict_of(answer).as_str().to_string();
    for rule in rules.into_iter().flatten() {
        let part = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!("\n  {:<6}{}  {}", part("verdict"), part("id"), part("why")));
    }
    show::printable_lines(&text).trim_end().to_string()
}

fn in_words(answer: &Value) -> String {
    let rules = answer.get("rules").and_then(Value::as_array);
    let hits: Vec<RuleHit> = rules
        .into_iter()
        .flatten()
        .map(|rule| {
            let part = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
            let verdict = verdict_of(rule);
            RuleHit { verdict, id: part("id"), why: part("why") }
        })
        .collect();
    let mut text = replay::explain(verdict_of(answer), &hits);
    if let Some(question) = answer.get("question").filter(|question| !question.is_null()) {
        let part = |name: &str| question.get(name).and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!("\n\nThe owner would see:\n  {}\n", part("title")));
        for line in part("text").lines() {
            text.push_str(&format!("  │ {line}\n"));
        }
        for warning in question.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&format!("  ! {}\n", warning.as_str().unwrap_or_default()));
        }
    }
    show::printable_lines(&text).trim_end().to_string()
}

fn unreadable(error: replay::CheckError) -> Problem {
    Problem::Other {
        what: format!("decide: {error}"),
        hint: Some("docs/guide/policy.md says what a question and a table hold".to_string()),
    }
}
