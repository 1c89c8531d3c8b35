//! What was done for one message, as a tree of spans: the task, and in it each model call, tool call, refusal, question
//! and reply.
//!
//! The spans are made from the log's records alone. Their ids come from the log's name, the task and the record's
//! number, so that what is sent twice is the same span twice.

use crate::message::Message;
use audit::{Ending, Event, Kind, Seq};
use audit_query::{Filter, Order};
use domain::{QuestionId, RuleHit, TaskId, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many intents, questions and tasks are remembered until they end; others are looked up in the log.
const OPEN_MAX: usize = 4096;
/// The name of the action that ends a task.
const REPLY: &str = "message.reply";

/// One step, or the whole, of what was done for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) failed: Option<String>,
}

/// Makes spans from records, in their order.
pub struct Spans {
    folder: PathBuf,
    log: String,
    open: BTreeMap<u64, Began>,
    questions: BTreeMap<QuestionId, Asked>,
    tasks: BTreeMap<TaskId, Timestamp>,
}

/// An intent that has no outcome yet.
#[derive(Clone, Debug)]
struct Began {
    time: Timestamp,
    rules: Vec<RuleHit>,
    isolation: Option<String>,
    targets: Vec<String>,
}

/// A question without an answer.
#[derive(Clone, Debug)]
struct Asked {
    seq: u64,
    time: Timestamp,
    name: String,
    rules: Vec<RuleHit>,
}

/// The trace of a task: 32 hexadecimal digits.
pub(crate) fn trace_id(log: &str, task: &TaskId) -> String {
    let digest = blake3::derive_key("hardshell trace id v1", format!("{log}\n{task}").as_bytes());
    hex(digest.first_chunk::<16>().map_or(&[][..], |id| id.as_slice()))
}

/// The span of the record number `seq`: 16 hexadecimal digits.
fn span_id(log: &str, seq: u64) -> String {
    let digest = blake3::derive_key("hardshell span id v1", format!("{log}\n{seq}").as_bytes());
    hex(digest.first_chunk::<8>().map_or(&[][..], |id| id.as_slice()))
}

fn root_id(log: &str, task: &TaskId) -> String {
    let digest = blake3::derive_key("hardshell root span id v1", format!("{log}\n{task}").as_bytes());
    hex(digest.first_chunk::<8>().map_or(&[][..], |id| id.as_slice()))
}

/// The span that a record belongs to.
pub(crate) fn span_of(log: &str, seq: u64, event: &Event) -> Option<String> {
    match event {
        Event::Intent { .. } | Event::Refusal { .. } | Event::Question { .. } => Some(span_id(log, seq)),
        Event::Outcome { intent, .. } => Some(span_id(log, intent.0)),
        Event::Answer { .. }
        | Event::Inbound { .. }
        | Event::SignIn { .. }
        | Event::Config { .. }
        | Event::Policy { .. }
        | Event::Secret { .. }
        | Event::Proof { .. }
        | Event::Lockdown { .. }
        | Event::Backup { .. }
        | Event::Connection { .. } => None,
    }
}

impl Spans {
    /// Of the log of that name in `folder`.
    #[must_use]
    pub fn of(folder: &Path, log: &str) -> Self {
        Self {
            folder: folder.to_path_buf(),
            log: log.to_string(),
            open: BTreeMap::new(),
            questions: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// The spans that end within `messages`.
    pub(crate) async fn of_records(&mut self, messages: &[Message]) -> Result<Vec<Span>, audit::Error> {
        let mut spans = Vec::new();
        for message in messages {
            let Some(entry) = &message.subject else { continue };
            let Some(task) = &entry.subject.task else { continue };
            match &entry.event {
                Event::Inbound { .. } => self.remember_task(task, message.time),
                Event::Intent { deed, rules, isolation } => {
                    let began = Began {
                        time: message.time,
                        rules: rules.clone(),
                        isolation: isolation.clone(),
                        targets: deed.targets.iter().map(ToString::to_string).collect(),
                    };
                    keep(&mut self.open, message.seq, began);
                }
                Event::Outcome { intent, name, .. } => {
                    let began = self.began(*intent).await?;
                    spans.push(self.step(task, message, &entry.event, began));
                    if name == REPLY {
                        spans.push(self.whole(task, message).await?);
                    }
                }
                Event::Refusal { deed, rules } => {
                    let mut span = self.span(task, message.seq, &deed.name, (message.time, message.time));
                    let targets = deed.targets.iter().map(ToString::to_string).collect::<Vec<_>>();
                    span.attributes.push(("hardshell.decision", "deny".to_string()));
                    span.attributes.extend(of_rules(rules));
                    span.attributes.extend(of_targets(&targets));
                    span.failed =
                        Some(rules.first().map_or_else(|| "refused".to_string(), |rule| rule.why.clone()));
                    spans.push(span);
                }
                Event::Question { question, deed, rules, .. } => {
                    let (seq, time, name) = (message.seq, message.time, deed.name.clone());
                    keep(
                        &mut self.questions,
                        question.clone(),
                        Asked { seq, time, name, rules: rules.clone() },
                    );
                }
                Event::Answer { question, answer, .. } => {
                    // Without its question in memory the answer still stands among the logs.
                    if let Some(asked) = self.questions.remove(question) {
                        let name = format!("approval of {}", asked.name);
                        let mut span = self.span(task, asked.seq, &name, (asked.time, message.time));
                        span.attributes.push(("hardshell.decision", "ask".to_string()));
                        span.attributes.push(("hardshell.answer", answer.to_string()));
                        span.attributes.extend(of_rules(&asked.rules));
                        spans.push(span);
                    }
                }
                Event::SignIn { .. }
                | Event::Config { .. }
                | Event::Policy { .. }
                | Event::Secret { .. }
                | Event::Proof { .. }
                | Event::Lockdown { .. }
                | Event::Backup { .. }
                | Event::Connection { .. } => {}
            }
        }
        Ok(spans)
    }

    fn span(&self, task: &TaskId, seq: u64, name: &str, (start, end): (Timestamp, Timestamp)) -> Span {
        Span {
            trace: trace_id(&self.log, task),
            id: span_id(&self.log, seq),
            parent: Some(root_id(&self.log, task)),
            name: name.to_string(),
            start,
            // The clock may have been set back in between.
            end: end.max(start),
            attributes: vec![("hardshell.seq", seq.to_string()), ("hardshell.task", task.to_string())],
            failed: None,
        }
    }

    /// From an intent to its outcome.
    fn step(&self, task: &TaskId, message: &Message, event: &Event, began: Option<Began>) -> Span {
        let Event::Outcome { intent, name, effect, ending, took, usage, cost_micros, detail, .. } = event
        else {
            return self.span(task, message.seq, message.kind, (message.time, message.time));
        };
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let start =
            began.as_ref().map_or(Timestamp(message.time.0.saturating_sub(milliseconds)), |began| began.time);
        let mut span = self.span(task, intent.0, name, (start, message.time));
        span.attributes.push(("hardshell.effect", effect.as_str().to_string()));
        span.attributes.push(("hardshell.decision", "allow".to_string()));
        span.attributes.push(("hardshell.ending", ending_word(*ending).to_string()));
        span.attributes.push(("hardshell.took_ms", milliseconds.to_string()));
        if let Some(began) = began {
            span.attributes.extend(of_rules(&began.rules));
            span.attributes.extend(of_targets(&began.targets));
            span.attributes.extend(began.isolation.map(|level| ("hardshell.isolation", level)));
        }
        if let Some(usage) = usage {
            span.attributes.push(("gen_ai.usage.input_tokens", usage.input_tokens.to_string()));
            span.attributes.push(("gen_ai.usage.output_tokens", usage.output_tokens.to_string()));
        }
        span.attributes.extend(cost_micros.map(|cost| ("hardshell.cost_micros", cost.to_string())));
        if *ending != Ending::Done {
            span.failed = Some(detail.clone().unwrap_or_else(|| ending_word(*ending).to_string()));
        }
        span
    }

    /// From the message that came in to the reply that went out.
    async fn whole(&mut self, task: &TaskId, message: &Message) -> Result<Span, audit::Error> {
        let start = match self.tasks.remove(task) {
            Some(start) => start,
            None => self.inbound(task).await?.unwrap_or(message.time),
        };
        let mut span = self.span(task, message.seq, "task", (start, message.time));
        span.id = root_id(&self.log, task);
        span.parent = None;
        if let Some(subject) = message.subject.as_ref().map(|entry| &entry.subject) {
            span.attributes.extend(subject.session.as_ref().map(|id| ("hardshell.session", id.to_string())));
            span.attributes.extend(subject.channel.map(|channel| ("hardshell.channel", channel.to_string())));
            span.attributes
                .extend(subject.principal.as_ref().map(|who| ("hardshell.principal", who.to_string())));
        }
        Ok(span)
    }

    fn remember_task(&mut self, task: &TaskId, time: Timestamp) {
        if !self.tasks.contains_key(task) {
            keep(&mut self.tasks, task.clone(), time);
        }
    }

    async fn began(&mut self, intent: Seq) -> Result<Option<Began>, audit::Error> {
        if let Some(began) = self.open.remove(&intent.0) {
            return Ok(Some(began));
        }
        let filter = Filter {
            after: Some(Seq(intent.0.saturating_sub(1))),
            before: Some(Seq(intent.0.saturating_add(1))),
            ..Filter::default()
        };
        let found = self.look(filter).await?;
        Ok(found.and_then(|record| {
            let time = record.time();
            match record.entry().ok()??.event {
                Event::Intent { deed, rules, isolation } => {
                    let targets = deed.targets.iter().map(ToString::to_string).collect();
                    Some(Began { time, rules, isolation, targets })
                }
                Event::Outcome { .. }
                | Event::Refusal { .. }
                | Event::Question { .. }
                | Event::Answer { .. }
                | Event::Inbound { .. }
                | Event::SignIn { .. }
                | Event::Config { .. }
                | Event::Policy { .. }
                | Event::Secret { .. }
                | Event::Proof { .. }
                | Event::Lockdown { .. }
                | Event::Backup { .. }
                | Event::Connection { .. } => None,
            }
        }))
    }

    async fn inbound(&self, task: &TaskId) -> Result<Option<Timestamp>, audit::Error> {
        let (task, kinds) = (Some(task.clone()), vec![Kind::Inbound]);
        let filter = Filter { task, kinds, order: Order::OldestFirst, ..Filter::default() };
        Ok(self.look(filter).await?.map(|record| record.time()))
    }

    async fn look(&self, filter: Filter) -> Result<Option<audit::Record>, audit::Error> {
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || audit_query::query(&folder, &filter, 1)).await;
        // A look that was cut short found nothing; the span goes without what it would have said.
        let Ok(found) = found else { return Ok(None) };
        Ok(found?.records.into_iter().next())
    }
}

fn keep<K: Ord + Clone, V>(all: &mut BTreeMap<K, V>, key: K, value: V) {
    if all.len() >= OPEN_MAX
        && let Some(first) = all.keys().next().cloned()
    {
        all.remove(&first);
    }
    all.insert(key, value);
}

fn of_rules(rules: &[RuleHit]) -> Option<(&'static str, String)> {
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    (!ids.is_empty()).then(|| ("hardshell.rules", ids.join(" ")))
}

fn of_targets(targets: &[String]) -> Option<(&'static str, String)> {
    (!targets.is_empty()).then(|| ("hardshell.targets", targets.join(" ")))
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Failed(_) => "failed",
        Ending::MayHaveHappened(_) => "may_have_happened",
        Ending::Cancelled => "cancelled",
        Ending::Unknown => "unknown",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
