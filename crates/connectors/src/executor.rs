//! The tools behind the door: each call is carried out by the code of its name, and labelled as its manifest says.

use crate::files::{Files, FilesError};
use crate::mail::{MailBoxes, MailError, Recipients, Unread};
use crate::shell::{Shell, ShellError};
use crate::{Finding, Stop};
use audit::Recorded;
use broker::{Carried, Context, Executor, Intent, Resolve};
use domain::{Action, Address, Blame, Call, Done, Failure, Label, Labelled, Target, Value};
use std::sync::Arc;
use tools::Catalog;

/// What carries the tools out.
pub struct Tools {
    /// The tools' manifests.
    pub catalog: Arc<Catalog>,
    /// The owner's own addresses: what a service says of them is of the owner.
    pub own_addresses: Vec<Address>,
    /// The folders.
    pub files: Arc<Files>,
    /// The programs.
    pub shell: Arc<Shell>,
    /// The mailboxes.
    pub mail: Arc<MailBoxes>,
}

/// A call that did not work, before its text is labelled.
struct Trouble {
    blame: Blame,
    text: String,
    may_have_happened: bool,
}

impl Trouble {
    fn of(blame: Blame, error: &dyn std::error::Error) -> Self {
        Self { blame, text: chain(error), may_have_happened: false }
    }
}

impl From<FilesError> for Trouble {
    fn from(error: FilesError) -> Self {
        Self::of(Blame::Model, &error)
    }
}

impl From<MailError> for Trouble {
    fn from(error: MailError) -> Self {
        Self { blame: error.blame(), text: chain(&error), may_have_happened: error.may_have_happened() }
    }
}

impl From<ShellError> for Trouble {
    fn from(error: ShellError) -> Self {
        let blame = match error {
            ShellError::Program(_) | ShellError::Changed { .. } => Blame::Model,
            ShellError::Folder(_) => Blame::Owner,
            ShellError::Sandbox(_) | ShellError::Lost(_) => Blame::Us,
        };
        Self { blame, text: chain(&error), may_have_happened: error.may_have_run() }
    }
}

impl Executor for Tools {
    fn carry_out<'a>(&'a self, intent: Recorded<Intent>, context: Context<'a>) -> Carried<'a> {
        Box::pin(async move {
            let ours = |text: String| Failure { blame: Blame::Us, text, label: Label::nothing(), may_have_happened: false };
            let call = match intent.into_inner().redeem(context.now) {
                Ok(Action::Call(call)) => call,
                Ok(Action::AskModel(_) | Action::Reply(_)) => return Err(ours("this permit is for no tool".to_string())),
                Err(expired) => return Err(ours(expired.to_string())),
            };
            let Some(manifest) = self.catalog.manifest(&call.tool) else {
                return Err(ours(format!("there is no tool `{}`", call.tool)));
            };
            match self.run(&call, context).await {
                Ok(finding) => {
                    let output = manifest.output(&call, &finding.fields, finding.text, &self.own_addresses);
                    let label = output.label.clone();
                    Ok(Labelled::new(Done::Ran(output), label))
                }
                Err(trouble) => Err(Failure {
                    blame: trouble.blame,
                    label: manifest.label_of_text(&call, &trouble.text),
                    text: trouble.text,
                    may_have_happened: trouble.may_have_happened,
                }),
            }
        })
    }
}

impl Resolve for Tools {
    fn targets(&self, call: &Call) -> Result<Vec<Target>, Failure> {
        let mut targets = Vec::new();
        for argument in &call.arguments {
            let found = match &argument.value {
                Value::Path(path) => self.files.target(path).map(|target| vec![target]).map_err(Trouble::from),
                Value::Command(command) => Shell::targets(command).map_err(Trouble::from),
                Value::Text(_)
                | Value::Address(_)
                | Value::Id { .. }
                | Value::Amount(_)
                | Value::Number(_)
                | Value::Date(_)
                | Value::Url(_)
                | Value::Host(_)
                | Value::Boolean(_)
                | Value::Json(_)
                | Value::List(_) => continue,
            };
            let found = found.map_err(|trouble| Failure {
                blame: trouble.blame,
                // Names of files and programs in the text are the model's own words.
                label: Label::nothing(),
                text: trouble.text,
                may_have_happened: false,
            })?;
            targets.extend(found);
        }
        Ok(targets)
    }
}

impl Tools {
    async fn run(&self, call: &Call, context: Context<'_>) -> Result<Finding, Trouble> {
        match call.tool.as_str().split_once('.') {
            Some(("files", verb)) => self.run_files(verb, call, context).await,
            Some(("mail", verb)) => self.run_mail(verb, call, context).await,
            Some(("shell", "run")) => {
                let Some(command) = call.command("command") else { return Err(missing("command")) };
                let mut hear = |text: &str| context.progress.step(text, None);
                Ok(self.shell.run(command, &call.targets, context.cancel, &mut hear).await?)
            }
            Some(_) | None => Err(Trouble {
                blame: Blame::Us,
                text: format!("nothing here carries out `{}`", call.tool),
                may_have_happened: false,
            }),
        }
    }

    async fn run_files(&self, verb: &str, call: &Call, context: Context<'_>) -> Result<Finding, Trouble> {
        let (files, call, verb) = (Arc::clone(&self.files), call.clone(), verb.to_string());
        let (key, now, stop) = (context.key.clone(), context.now, Stop::default());
        let heard = stop.clone();
        let work = tokio::task::spawn_blocking(move || {
            let text = |name: &str| call.text(name).unwrap_or_default();
            let number = |name: &str, otherwise: u64| call.text(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
            let target = |place: usize| call.targets.get(place).ok_or_else(|| missing("path"));
            Ok(match verb.as_str() {
                "list" => files.list(&text("path"))?,
                "read" => files.read(&text("path"), number("from_line", 1), number("lines", u64::MAX))?,
                "find" => files.find(&text("pattern"), &text("path"), call.text("text").as_deref(), &stop)?,
                "write" => files.write(&text("path"), &text("content"), target(0)?, &key, now)?,
                "move" => files.relocate(target(0)?, target(1)?, &key, now)?,
                "delete" => files.delete(target(0)?, &key, now)?,
                "restore" => files.restore(&text("id"))?,
                "undo" => files.undo(&key, now)?,
                other => {
                    let text = format!("nothing here carries out `files.{other}`");
                    return Err(Trouble { blame: Blame::Us, text, may_have_happened: false });
                }
            })
        });
        tokio::select! {
            done = work => done.map_err(|error| Trouble::of(Blame::Us, &error))?,
            () = context.cancel.cancelled() => {
                heard.stop();
                Err(Trouble { blame: Blame::Owner, text: "stopped by the owner".to_string(), may_have_happened: true })
            }
        }
    }

    async fn run_mail(&self, verb: &str, call: &Call, context: Context<'_>) -> Result<Finding, Trouble> {
        let text = |name: &str| call.text(name).unwrap_or_default();
        let limit = call.text("limit").and_then(|text| text.parse().ok()).unwrap_or(20);
        let stop = Stop::default();
        Ok(match verb {
            "list" => {
                let unread = if text("unread") == "true" { Unread::Only } else { Unread::All };
                self.mail.list(&text("folder"), unread, limit, &stop).await?
            }
            "read" => self.mail.read(&text("id")).await?,
            "search" => self.mail.search(&text("query"), limit, &stop).await?,
            "send" => {
                let (to, subject, body) = (recipients(call), text("subject"), text("body"));
                let answers = call.text("reply_to");
                self.mail.send(&to, &subject, &body, answers.as_deref(), context.key, context.now).await?
            }
            "draft" => {
                let (to, subject, body) = (recipients(call), text("subject"), text("body"));
                self.mail.draft(&to, &subject, &body, context.key, context.now).await?
            }
            other => {
                let text = format!("nothing here carries out `mail.{other}`");
                return Err(Trouble { blame: Blame::Us, text, may_have_happened: false });
            }
        })
    }
}

fn recipients(call: &Call) -> Recipients {
    let addresses = |name: &str| {
        let leaves = call.value(name).map(Value::leaves).unwrap_or_default().into_iter();
        leaves.filter_map(|value| if let Value::Address(address) = value { Some(address.clone()) } else { None }).collect()
    };
    Recipients { to: addresses("to"), cc: addresses("cc") }
}

fn missing(name: &str) -> Trouble {
    Trouble { blame: Blame::Model, text: format!("`{name}` is missing"), may_have_happened: false }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
