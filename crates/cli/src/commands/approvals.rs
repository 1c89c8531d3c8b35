//! `hardshell approvals`: questions that wait for the owner.

use crate::arguments::{Approvals, ApprovalsCommand, Common};
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use gateway::wire::{
    Answer, Answered, ApprovalStats, Event, NewAnswer, NewSheetAnswer, Question, ServerFrame, SheetAnswer,
    SheetAnswered,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, IsTerminal as _};

/// Does it.
pub async fn run(common: &Common, arguments: &Approvals) -> Result<Exit, Problem> {
    let client = Client::of(&show::home(common)?);
    match &arguments.command {
        ApprovalsCommand::List => list(common, &client).await,
        ApprovalsCommand::Show { id } => {
            let question = find(&client, id).await?;
            if common.json {
                show::json(&question)
            } else {
                print(&question)
            }
            Ok(Exit::Done)
        }
        ApprovalsCommand::Approve { ids, always } => match (ids.as_slice(), always) {
            ([id], false) => give(common, &client, id, Answer::Approve).await,
            ([id], true) => give(common, &client, id, Answer::Always).await,
            (_, false) => give_all(common, &client, ids, SheetAnswer::Approve).await,
            (_, true) => Err(Problem::Other {
                what: "make standing rules for several questions".to_string(),
                hint: Some("hardshell approvals approve ID --always, one at a time".to_string()),
            }),
        },
        ApprovalsCommand::Deny { ids } => match ids.as_slice() {
            [id] => give(common, &client, id, Answer::Deny).await,
            _ => give_all(common, &client, ids, SheetAnswer::Deny).await,
        },
        ApprovalsCommand::Watch => watch(common, &client).await,
        ApprovalsCommand::Stats { days } => stats(common, &client, *days).await,
    }
}

async fn open(client: &Client) -> Result<Vec<Question>, Problem> {
    Ok(all(client).await?.questions)
}

async fn all(client: &Client) -> Result<gateway::wire::Approvals, Problem> {
    client.get("/api/v1/approvals").await
}

/// So many questions are told in one look before they are listed one by one.
const DIGEST_FROM: usize = 4;

/// What waits, put together: one line for questions that are alike.
pub fn digest(approvals: &gateway::wire::Approvals) -> Vec<String> {
    let line = |group: &gateway::wire::QuestionGroup| {
        let source =
            group.source.as_ref().map(|source| format!(", after reading {source}")).unwrap_or_default();
        let first = group.questions.first().map(String::as_str).unwrap_or_default();
        let text = format!(
            "  {:>3} × {} ({}){source}; the oldest is {first}: {}",
            group.questions.len(),
            group.tool,
            group.rules.join(", "),
            group.title
        );
        show::printable(&text)
    };
    approvals.digest.iter().map(line).collect()
}

async fn stats(common: &Common, client: &Client, days: u32) -> Result<Exit, Problem> {
    let stats: ApprovalStats = client.get(&format!("/api/v1/approvals/stats?days={days}")).await?;
    if common.json {
        show::json(&stats);
        return Ok(Exit::Done);
    }
    show::line(&format!(
        "{} questions in {days} days, {} a day: {} approved, {} denied, {} lapsed, {} waiting.",
        stats.questions, stats.per_day, stats.approved, stats.denied, stats.expired, stats.waiting
    ));
    if !stats.rules.is_empty() {
        show::line("\nWhich rules asked:");
    }
    for rule in &stats.rules {
        show::line(&show::printable(&format!("  {:>4}  {:<24} {}", rule.questions, rule.id, rule.why)));
    }
    if !stats.standing.is_empty() {
        show::line("\nWhat `approve --always` would have spared you, of what you always approved:");
    }
    for rule in &stats.standing {
        show::line(&show::printable(&format!("  {:>4}  {}", rule.spares, rule.rule)));
    }
    if !stats.days.is_empty() {
        show::line("\nBy day:");
    }
    for day in &stats.days {
        let bar = "▇".repeat(usize::try_from(day.questions.min(60)).unwrap_or(60));
        show::line(&format!("  {}  {:>4}  {bar}", day.day, day.questions));
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, client: &Client) -> Result<Exit, Problem> {
    let approvals = all(client).await?;
    let told = digest(&approvals);
    let questions = approvals.questions;
    if !common.json && questions.len() >= DIGEST_FROM && told.len() < questions.len() {
        show::line(&format!("{} questions wait for your approval:", questions.len()));
        told.iter().for_each(|line| show::line(line));
        show::line("");
    }
    if common.json {
        show::json(&questions);
    } else if questions.is_empty() {
        show::line("Nothing waits for your approval.");
    } else {
        questions.iter().for_each(|question| {
            show::line(&format!("{}  {}", question.id, show::printable(&question.title)))
        });
        show::note("hint: `hardshell approvals show ID`, then `approve ID` or `deny ID`");
    }
    Ok(Exit::Done)
}

async fn find(client: &Client, id: &str) -> Result<Question, Problem> {
    open(client).await?.into_iter().find(|question| question.id == id).ok_or_else(|| Problem::Other {
        what: format!("find an open question `{id}`"),
        hint: Some("hardshell approvals list".to_string()),
    })
}

/// Prints a question as it is: what is shown is what would run.
pub fn print(question: &Question) {
    show::line(&format!("\n? {}", show::printable(&question.title)));
    for line in question.text.lines() {
        show::line(&format!("  │ {}", show::printable(line)));
    }
    for rule in &question.rules {
        show::line(&format!("  because: {} ({})", rule.why, rule.id));
    }
    if let Some(source) = &question.source {
        show::line(&format!("  asked for after reading: {}", show::printable(source)));
    }
    if let Some(always) = &question.always {
        show::line(&format!("  \"always\" would store: {}", show::printable(always)));
    }
}

/// Gives `answer` to the question `id`.
pub async fn give(common: &Common, client: &Client, id: &str, answer: Answer) -> Result<Exit, Problem> {
    let path = format!("/api/v1/approvals/{id}");
    let answered: Answered = client.post(&path, &NewAnswer { answer }).await?;
    if common.json {
        show::json(&answered);
    } else {
        tell(&answered);
    }
    Ok(Exit::Done)
}

/// Gives one answer to all of `ids`.
async fn give_all(
    common: &Common,
    client: &Client,
    ids: &[String],
    answer: SheetAnswer,
) -> Result<Exit, Problem> {
    let sheet = NewSheetAnswer { questions: ids.to_vec(), answer };
    let answered: SheetAnswered = client.post("/api/v1/approvals", &sheet).await?;
    if common.json {
        show::json(&answered);
    } else {
        answered.answered.iter().for_each(tell);
    }
    Ok(Exit::Done)
}

fn tell(answered: &Answered) {
    let word = match answered.answer {
        Answer::Approve => "approved, this once",
        Answer::Deny => "denied",
        Answer::Always => "approved, and a standing rule was made",
    };
    show::line(&format!("{}: {word}", answered.question));
}

async fn watch(common: &Common, client: &Client) -> Result<Exit, Problem> {
    let mut following = client.follow().await?;
    let mut put = BTreeSet::new();
    let mut by_task: BTreeMap<String, Vec<Question>> = BTreeMap::new();
    for question in open(client).await? {
        put.insert(question.id.clone());
        by_task.entry(question.task.clone()).or_default().push(question);
    }
    for sheet in by_task.values() {
        if sheet_here(common, client, sheet).await? == Heard::Stop {
            return stop(common, client).await;
        }
    }
    show::note("waiting for questions; Ctrl-C leaves");
    while let Some(frame) = following.next().await? {
        if let ServerFrame::Event(numbered) = frame
            && let Event::Waits { questions, .. } = numbered.event
        {
            let mut sheet = open(client).await?;
            sheet.retain(|question| questions.contains(&question.id) && put.insert(question.id.clone()));
            if sheet_here(common, client, &sheet).await? == Heard::Stop {
                return stop(common, client).await;
            }
        }
    }
    Ok(Exit::Done)
}

/// What whoever sits here said to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer, and it was given.
    Answer,
    /// Not now.
    Later,
    /// That everything must stop.
    Stop,
}

/// Stops everything, as `/lockdown` says.
pub async fn stop(common: &Common, client: &Client) -> Result<Exit, Problem> {
    client.post::<serde_json::Value>("/api/v1/lockdown", &serde_json::json!({})).await?;
    Ok(stopped(common))
}

/// Says that everything is stopped, and what lets it go on.
pub fn stopped(common: &Common) -> Exit {
    if common.json {
        show::json(&serde_json::json!({"lockdown": true}));
    } else {
        show::line("Everything is stopped, also after a restart.");
        show::note("hint: `hardshell lockdown off`, at a terminal of this machine, releases it");
    }
    Exit::LockedDown
}

/// Puts everything that a task waits for to whoever sits here, at once: one answer for all of it, or one for each.
pub async fn sheet_here(common: &Common, client: &Client, sheet: &[Question]) -> Result<Heard, Problem> {
    match sheet {
        [] => return Ok(Heard::Later),
        [question] => return answer_here(common, client, question).await,
        [_, _, ..] => {}
    }
    if common.json {
        sheet.iter().for_each(show::json_line);
        return Ok(Heard::Later);
    }
    print_sheet(sheet);
    let ids: Vec<String> = sheet.iter().map(|question| question.id.clone()).collect();
    if !std::io::stdin().is_terminal() {
        show::note(&sheet_hint(&ids));
        return Ok(Heard::Later);
    }
    loop {
        show::piece(&format!(
            "  [y]es to all {0}, [n]o to all {0}, [e]ach by itself, [l]ater: ",
            sheet.len()
        ));
        let line = tokio::task::spawn_blocking(read_line).await.unwrap_or_default();
        let answer = match line.as_deref().map(str::trim) {
            Some("y" | "yes") => SheetAnswer::Approve,
            Some("n" | "no") => SheetAnswer::Deny,
            Some("e" | "each") => {
                for question in sheet {
                    match answer_here(common, client, question).await? {
                        Heard::Answer => {}
                        heard @ (Heard::Later | Heard::Stop) => return Ok(heard),
                    }
                }
                return Ok(Heard::Answer);
            }
            Some("l" | "later") | None => return Ok(Heard::Later),
            Some(word) if word.eq_ignore_ascii_case(STOP) => return Ok(Heard::Stop),
            Some(_) => {
                show::note(&format!("answer with one letter; {STOP} stops everything"));
                continue;
            }
        };
        give_all(common, client, &ids, answer).await?;
        return Ok(Heard::Answer);
    }
}

/// Prints every question of a sheet as it is.
pub fn print_sheet(sheet: &[Question]) {
    if let [_, _, ..] = sheet {
        show::line(&format!("\n{} approvals are needed at once, in this order:", sheet.len()));
    }
    sheet.iter().for_each(print);
}

/// How the questions `ids` are answered from the command line.
pub fn sheet_hint(ids: &[String]) -> String {
    match ids {
        [id] => format!("hint: hardshell approvals approve {id}, or deny {id}"),
        _ => {
            let ids = ids.join(" ");
            format!("hint: hardshell approvals approve {ids}, or deny {ids}; each also by itself")
        }
    }
}

/// Puts a question to whoever sits here; without a terminal it is only printed.
pub async fn answer_here(common: &Common, client: &Client, question: &Question) -> Result<Heard, Problem> {
    if common.json {
        show::json_line(question);
        return Ok(Heard::Later);
    }
    print(question);
    if !std::io::stdin().is_terminal() {
        show::note(&format!("hint: hardshell approvals approve {0}, or deny {0}", question.id));
        return Ok(Heard::Later);
    }
    let choices = if question.always.is_some() { "[y]es once, [a]lways, [n]o" } else { "[y]es once, [n]o" };
    loop {
        show::piece(&format!("  {choices}, [l]ater: "));
        let line = tokio::task::spawn_blocking(read_line).await.unwrap_or_default();
        let answer = match line.as_deref().map(str::trim) {
            Some("y" | "yes") => Answer::Approve,
            Some("n" | "no") => Answer::Deny,
            Some("a" | "always") if question.always.is_some() => Answer::Always,
            Some("l" | "later") | None => return Ok(Heard::Later),
            Some(word) if word.eq_ignore_ascii_case(STOP) => return Ok(Heard::Stop),
            Some(_) => {
                show::note(&format!("answer with one letter; {STOP} stops everything"));
                continue;
            }
        };
        give(common, client, &question.id, answer).await?;
        return Ok(Heard::Answer);
    }
}

/// What stops everything, said alone.
pub const STOP: &str = "/lockdown";

/// One line of stdin; nothing at its end.
fn read_line() -> Option<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok().filter(|bytes| *bytes > 0).map(|_| line)
}
