//! The tools behind the door: each takes a permit that is on record, does what it says, and labels what it found.

use crate::error::Error;
use crate::files::Files;
use crate::finding::Finding;
use crate::found::{Found, Known};
use crate::given::{Given, path_of};
use crate::host::{By, Machine};
use crate::mail::{MailBoxes, Unread};
use crate::memory::Notes;
use crate::remember::Remember;
use crate::shell::meanwhile::Meanwhile;
use crate::shell::{Shell, Written};
use crate::stop::Stop;
use crate::targets;
use crate::web::Web;
use audit::Recorded;
use broker::{Carried, Context, Executor, Intent, Resolve};
use domain::{Action, Address, Call, CommandLine, Done, Failure, Label, Labelled, Target};
use std::sync::Arc;
use tools::Catalog;

/// What the tools are made of.
pub struct Parts {
    /// The manifests.
    pub catalog: Arc<Catalog>,
    /// The owner's files.
    pub files: Arc<Files>,
    /// Programs.
    pub shell: Shell,
    /// The web.
    pub web: Web,
    /// Mail.
    pub mail: MailBoxes,
    /// This machine.
    pub machine: Machine,
    /// The files that notes stand in.
    pub notes: Notes,
    /// The labels of notes and files.
    pub remember: Arc<dyn Remember>,
    /// The owner's own addresses.
    pub owner: Vec<Address>,
}

/// Carries out every tool of the built-in catalogue.
pub struct Connectors {
    pub(crate) parts: Parts,
}

impl Connectors {
    /// The namespaces it carries out: what stands before the dot in a tool's name.
    pub const NAMESPACES: [&str; 6] = ["files", "host", "mail", "memory", "shell", "web"];

    /// Tools made of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    async fn run(&self, intent: Recorded<Intent>, context: Context<'_>) -> Result<Labelled<Done>, Failure> {
        let action = intent
            .into_inner()
            .redeem(context.now)
            .map_err(|_expired| Error::Expired.failure(Label::nothing()))?;
        let call = match action {
            Action::Call(call) => call,
            Action::AskModel(_) | Action::Reply(_) => return Err(Error::NotATool.failure(Label::nothing())),
        };
        let Some(manifest) = self.parts.catalog.manifest(&call.tool) else {
            return Err(Error::NoSuchTool { tool: call.tool.to_string() }.failure(Label::nothing()));
        };
        match self.call(&call, context).await {
            Ok(Found { finding, label }) => {
                let mut output = manifest.output(&call, &finding.fields, finding.text, &self.parts.owner);
                if let Some(known) = label {
                    output = known.over(output);
                }
                let label = output.label.clone();
                Ok(Labelled::new(Done::Ran(output), label))
            }
            Err(error) => {
                let text = error.to_string();
                let label = if error.quotes_a_stranger() {
                    manifest.label_of_text(&call, &text)
                } else {
                    Label::nothing()
                };
                let failure = error.failure(label);
                let may_have_happened = failure.may_have_happened && !call.effect.is_repeatable();
                Err(Failure { may_have_happened, ..failure })
            }
        }
    }

    async fn call(&self, call: &Call, context: Context<'_>) -> Result<Found, Error> {
        if self.targets(call)? != call.targets {
            return Err(Error::TargetsChanged);
        }
        if context.cancel.is_cancelled() {
            return Err(Error::Stopped);
        }
        let given = Given(call);
        match call.tool.as_str().split_once('.') {
            Some(("files", verb)) => self.files(verb, &given, context).await,
            Some(("host", verb)) => self.host(verb, &given, context).await.map(Found::plain),
            Some(("mail", verb)) => self.mail(verb, &given, context).await.map(Found::plain),
            Some(("memory", verb)) => self.memory(verb, &given, context).await,
            Some(("shell", "run")) => self.shell(call, &given, context).await,
            Some(("web", "fetch")) => {
                let url = given.text("url")?;
                let fetched = stoppable(context, self.parts.web.fetch(&url)).await?;
                Ok(Found::plain(fetched?))
            }
            Some(_) | None => Err(Error::NoSuchTool { tool: call.tool.to_string() }),
        }
    }

    async fn files(&self, verb: &str, given: &Given<'_>, context: Context<'_>) -> Result<Found, Error> {
        let files = Arc::clone(&self.parts.files);
        let (key, now) = (context.key.clone(), context.now);
        match verb {
            "read" => {
                let (path, from, lines) =
                    (given.text("path")?, given.number("from_line")?, given.number("lines")?);
                let target = given.target(0)?.clone();
                let finding = blocking(context, move |_stop| Ok(files.read(&path, from, lines)?)).await?;
                self.labelled_file(finding, &target).await
            }
            "list" => {
                let path = given.text("path")?;
                blocking(context, move |_stop| Ok(Found::plain(files.list(&path)?))).await
            }
            "find" => {
                let (pattern, path, text) =
                    (given.text("pattern")?, given.text("path")?, given.optional("text"));
                let folder = path_of(given.target(0)?).to_path_buf();
                let find = move |stop: Stop| Ok(files.find(&pattern, &path, text.as_deref(), &stop)?);
                let finding = blocking(context, find).await?;
                let label = self.label_of_folders(std::iter::once(&*folder)).await?;
                Ok(Found { finding, label: Some(Known::AtLeast(label)) })
            }
            "write" => {
                let (path, content, target) =
                    (given.text("path")?, given.text("content")?, given.target(0)?.clone());
                self.remember_coming(&target, &content, context).await?;
                let write = move |_stop| Ok(files.write(&path, &content, &target, &key, now)?);
                let finding = blocking(context, write).await?;
                self.remember_written(&finding, context).await?;
                Ok(Found::plain(finding))
            }
            "move" => {
                let (from, to) = (given.target(0)?.clone(), given.target(1)?.clone());
                let places = (from.clone(), to.clone());
                let relocate = move |_stop| Ok(Found::plain(files.relocate(&from, &to, &key, now)?));
                let found = blocking(context, relocate).await?;
                self.remember_moved(&places.0, &places.1, context).await?;
                Ok(found)
            }
            "delete" => {
                let target = given.target(0)?.clone();
                blocking(context, move |_stop| Ok(Found::plain(files.delete(&target, &key, now)?))).await
            }
            "restore" => {
                let id = given.text("id")?;
                blocking(context, move |_stop| Ok(Found::plain(files.restore(&id)?))).await
            }
            "undo" => blocking(context, move |_stop| Ok(Found::plain(files.undo(&key, now)?))).await,
            other => Err(Error::NoSuchTool { tool: format!("files.{other}") }),
        }
    }

    async fn host(&self, verb: &str, given: &Given<'_>, context: Context<'_>) -> Result<Finding, Error> {
        let machine = self.parts.machine.clone();
        match verb {
            "disk" => blocking(context, move |_stop| Ok(machine.disk()?)).await,
            "load" => blocking(context, move |_stop| Ok(machine.load()?)).await,
            "services" => blocking(context, move |_stop| Ok(machine.services()?)).await,
            "ports" => blocking(context, move |_stop| Ok(machine.ports()?)).await,
            "processes" => {
                let by = if given.text("by")? == "time" { By::Time } else { By::Memory };
                let limit = given.count("limit")?;
                blocking(context, move |_stop| Ok(machine.processes(by, limit)?)).await
            }
            "logs" => {
                let (unit, lines) = (given.optional("unit"), given.count("lines")?);
                blocking(context, move |_stop| Ok(machine.logs(unit.as_deref(), lines)?)).await
            }
            "uptime" => {
                let url = given.text("url")?;
                let answered = stoppable(context, self.parts.web.uptime(&url)).await?;
                Ok(answered?)
            }
            other => Err(Error::NoSuchTool { tool: format!("host.{other}") }),
        }
    }

    async fn mail(&self, verb: &str, given: &Given<'_>, context: Context<'_>) -> Result<Finding, Error> {
        let mail = &self.parts.mail;
        let stop = Stop::default();
        let done = async {
            Ok(match verb {
                "list" => {
                    let unread = if given.yes("unread") { Unread::Only } else { Unread::All };
                    mail.list(&given.text("folder")?, unread, given.count("limit")?, &stop).await?
                }
                "read" => mail.read(&given.text("id")?).await?,
                "search" => mail.search(&given.text("query")?, given.count("limit")?, &stop).await?,
                "send" => {
                    let to = given.recipients();
                    let (subject, body, answers) =
                        (given.text("subject")?, given.text("body")?, given.optional("reply_to"));
                    mail.send(&to, &subject, &body, answers.as_deref(), context.key, context.now).await?
                }
                "draft" => {
                    let (subject, body) = (given.text("subject")?, given.text("body")?);
                    mail.draft(&given.recipients(), &subject, &body, context.key, context.now).await?
                }
                other => return Err(Error::NoSuchTool { tool: format!("mail.{other}") }),
            })
        };
        if verb == "send" || verb == "draft" {
            // Once begun it is seen through: half a conversation with a server is the worst place to stop.
            return done.await;
        }
        let ended = stoppable(context, done).await;
        stop.stop();
        ended?
    }

    async fn memory(&self, verb: &str, given: &Given<'_>, context: Context<'_>) -> Result<Found, Error> {
        let (notes, remember) = (&self.parts.notes, &*self.parts.remember);
        match verb {
            "note" => {
                let text = given.text("text")?;
                notes.note(remember, &text, context.label.clone(), context.now).await.map(Found::plain)
            }
            "search" => {
                let (finding, label) = notes.search(remember, given.text("query")?, context.now).await?;
                Ok(Found { finding, label: Some(Known::Exactly(label)) })
            }
            other => Err(Error::NoSuchTool { tool: format!("memory.{other}") }),
        }
    }

    async fn shell(&self, call: &Call, given: &Given<'_>, context: Context<'_>) -> Result<Found, Error> {
        let command = given.command()?;
        let (meanwhile, mut hears) = Meanwhile::new();
        let heard = Arc::new(move |text: &str| meanwhile.hear(text));
        // Begins with the time, so that the oldest change sets are the first by name.
        let name = format!("{:020}-{}", context.now.0, context.key);
        // Whatever it wrote came from what it may have read, and from the session whose line it is.
        let folders = || self.parts.files.folders();
        let before = self.label_of_folders(folders()).await?;
        let unlisted = self.label_of_line(call, command).join(context.label).join(&before);
        if self.parts.shell.is_direct().await? {
            // Also of what is stopped in the middle.
            self.remember_run(Written::Anything, &unlisted, context).await?;
        }
        let running = self.parts.shell.run(command, &call.targets, &name, context.cancel.cancelled(), heard);
        tokio::pin!(running);
        let ran = loop {
            tokio::select! {
                ran = &mut running => break ran,
                text = hears.next() => context.progress.step(&text, None),
            }
        };
        if let Some(text) = hears.rest() {
            context.progress.step(&text, None);
        }
        // Meanwhile others may have written there what it read.
        let read = before.join(&self.label_of_folders(folders()).await?);
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) => {
                self.remember_run(Written::Anything, &unlisted.join(&read), context).await?;
                return Err(error.into());
            }
        };
        self.remember_run(ran.written, &unlisted.join(&read), context).await?;
        let (files, line) = (Arc::clone(&self.parts.files), command.text.clone());
        let (key, now) = (context.key.clone(), context.now);
        let listed = tokio::task::spawn_blocking(move || files.ran(&line, ran.sets, &key, now));
        listed.await.map_err(|_panicked| Error::Broken)??;
        Ok(Found { finding: ran.finding, label: Some(Known::AtLeast(read)) })
    }

    /// What a command says when it says anything, as its manifest has it.
    fn label_of_line(&self, call: &Call, command: &CommandLine) -> Label {
        let manifest = self.parts.catalog.manifest(&call.tool);
        manifest.map_or_else(Label::unknown, |manifest| manifest.label_of_text(call, &command.text))
    }

    fn targets(&self, call: &Call) -> Result<Vec<Target>, Error> {
        targets::of(call, &self.parts.files, &self.parts.shell, self.parts.mail.smtp())
    }
}

impl Executor for Connectors {
    fn carry_out<'a>(&'a self, intent: Recorded<Intent>, context: Context<'a>) -> Carried<'a> {
        Box::pin(self.run(intent, context))
    }
}

impl Resolve for Connectors {
    fn targets(&self, call: &Call) -> Result<Vec<Target>, Failure> {
        self.targets(call).map_err(|error| error.failure(Label::nothing()))
    }
}

/// Lets one set of tools stand in several places.
#[derive(Clone)]
pub struct Shared(pub Arc<Connectors>);

impl Resolve for Shared {
    fn targets(&self, call: &Call) -> Result<Vec<Target>, Failure> {
        Resolve::targets(&*self.0, call)
    }
}

/// Runs `work` on a thread where it may wait for a disk, and tells it when the owner wants it stopped.
async fn blocking<T: Send + 'static>(
    context: Context<'_>,
    work: impl FnOnce(Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = Stop::default();
    let theirs = stop.clone();
    let working = tokio::task::spawn_blocking(move || work(theirs));
    tokio::pin!(working);
    let joined = tokio::select! {
        joined = &mut working => joined,
        () = context.cancel.cancelled() => {
            // What is begun is waited for, so that its outcome is known; searches look at `stop`.
            stop.stop();
            working.await
        }
    };
    joined.map_err(|_panicked| Error::Broken)?
}

/// Lets the owner stop what only reads.
async fn stoppable<T>(context: Context<'_>, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::select! {
        done = work => Ok(done),
        () = context.cancel.cancelled() => Err(Error::Stopped),
    }
}
