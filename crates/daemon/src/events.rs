//! What happened, on its way to the screens: redacted, in the gateway's shapes.

use crate::state::HouseState;
use broker::{Answer, Happened, Question, Watch, What};
use domain::{ArgumentRole, Label, TaskId};
use egress::{RedactStream, Redactor};
use gateway::{Events, wire};
use policy::Provenance;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tools::Catalog;

/// How many events a slow follower within this program may be behind before it misses some.
const FOLLOWER_BEHIND_MAX: usize = 1024;
/// How many drafts are followed at once; an older one is then cut short, and its reply still comes whole.
const DRAFTS_MAX: usize = 256;

/// Publishes what happened to sockets, and to followers within this program.
pub struct Screens {
    events: Arc<Events>,
    followers: broadcast::Sender<Happened>,
    redactor: Box<dyn Fn() -> Redactor + Send + Sync>,
    catalog: Arc<Catalog>,
    drafts: Mutex<BTreeMap<(TaskId, String), Draft>>,
    state: Arc<HouseState>,
}

/// A draft on its way out.
struct Draft {
    stream: RedactStream,
    /// The first bytes of a character whose last ones are still held back.
    tail: Vec<u8>,
    /// The last word, which may be the beginning of a link.
    links: guard::Defanging,
    /// Which of the model's answers it is of, and what is known of its words.
    of: Option<(u32, Option<Arc<Provenance>>)>,
}

impl Draft {
    fn push(&mut self, text: &str) -> String {
        self.tail.extend(self.stream.push(text.as_bytes()));
        let whole = match std::str::from_utf8(&self.tail) {
            Ok(all) => all.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.tail.split_off(whole);
        let ready = std::mem::replace(&mut self.tail, rest);
        String::from_utf8(ready).unwrap_or_default()
    }

    /// What was still held back, when no more comes.
    fn finish(mut self) -> String {
        self.tail.extend(self.stream.finish());
        let text = String::from_utf8_lossy(&self.tail).into_owned();
        match self.of.and_then(|(_, known)| known) {
            Some(known) => {
                let is_strange = |lead: &str| !known.strangers(lead).is_empty();
                let mut out = self.links.push(&text, &is_strange);
                out.push_str(&self.links.finish(&is_strange));
                out
            }
            None => text,
        }
    }
}

impl Screens {
    /// Publishes into `events`. `redactor` gives a redactor that knows the secrets of the moment.
    pub fn new(
        events: Arc<Events>,
        catalog: Arc<Catalog>,
        state: Arc<HouseState>,
        redactor: impl Fn() -> Redactor + Send + Sync + 'static,
    ) -> Self {
        let drafts = Mutex::new(BTreeMap::new());
        let followers = broadcast::Sender::new(FOLLOWER_BEHIND_MAX);
        Self { events, followers, redactor: Box::new(redactor), catalog, drafts, state }
    }

    /// Where sockets read from.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Follows everything from here on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Happened> {
        self.followers.subscribe()
    }

    /// What tells that a task waits, and for what.
    pub(crate) fn waits(self: &Arc<Self>, clock: broker::Clock) -> crate::tasks::Waits {
        let screens = Arc::clone(self);
        Box::new(move |who, questions| {
            let event = wire::Event::Waits {
                session: who.session.to_string(),
                task: who.task.to_string(),
                questions: questions.iter().map(|question| question.id.to_string()).collect(),
            };
            screens.events.publish(event, clock());
        })
    }

    /// A piece of a draft, or of what a command prints, without what must not be shown; a secret may stand across pieces, so some text waits for the
    /// next piece.
    fn redacted(
        &self,
        task: &TaskId,
        of: String,
        text: &str,
        draft: Option<(u32, Option<&Arc<Provenance>>)>,
    ) -> String {
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        if drafts.len() >= DRAFTS_MAX {
            drafts.pop_first();
        }
        let fresh = || Draft {
            stream: (self.redactor)().stream(),
            tail: Vec::new(),
            links: guard::Defanging::default(),
            of: None,
        };
        let (known, of_step) = match draft {
            Some((step, known)) => (known, Some((step, known.cloned()))),
            None => (None, None),
        };
        let draft = drafts.entry((task.clone(), of)).or_insert_with(fresh);
        draft.of = of_step;
        let text = draft.push(text);
        match known {
            Some(known) => draft.links.push(&text, &|lead| !known.strangers(lead).is_empty()),
            None => text,
        }
    }

    /// Shows what was held back of a draft that ends with calls, or of what a command printed: no more of it comes, and
    /// no reply says it again.
    fn finish_draft(&self, happened: &Happened) {
        let is_over = |of: &str| {
            if let What::Resulted { call_id, .. } = &happened.what {
                return of.strip_prefix("progress ") == Some(call_id);
            }
            matches!(happened.what, What::Called { .. }) && of.starts_with("draft ")
        };
        if !matches!(happened.what, What::Called { .. } | What::Resulted { .. }) {
            return;
        }
        let over = {
            let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
            let all = std::mem::take(&mut *drafts).into_iter();
            let (over, going): (Vec<_>, Vec<_>) =
                all.partition(|((task, of), _)| *task == happened.task && is_over(of));
            drafts.extend(going);
            over
        };
        for ((_, of), draft) in over {
            let step = draft.of.as_ref().map(|(step, _)| *step);
            let text = draft.finish();
            let what = match (step, of.strip_prefix("progress ")) {
                _ if text.is_empty() => continue,
                (Some(step), _) => What::Draft { step, text, known: None },
                (None, Some(call_id)) => What::Progress { call_id: call_id.to_string(), text, percent: None },
                (None, None) => continue,
            };
            self.publish(Happened { what, ..happened.clone() });
        }
    }

    fn publish(&self, happened: Happened) {
        if let Some(event) = event(&happened, &self.catalog) {
            self.events.publish(event, happened.time);
        }
        // Nobody following is no error.
        let _ = self.followers.send(happened);
    }

    fn forget_drafts(&self, task: &TaskId) {
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        drafts.retain(|(of, _), _| of != task);
    }
}

impl Watch for Screens {
    fn decided(&self, took: std::time::Duration) {
        self.state.meters.decided(took);
    }

    fn happened(&self, mut happened: Happened) {
        if let What::Draft { step, text, known } = &mut happened.what {
            *text =
                self.redacted(&happened.task, format!("draft {step}"), text, Some((*step, known.as_ref())));
            if text.is_empty() {
                return;
            }
        }
        if let What::Progress { call_id, text, percent: _ } = &mut happened.what {
            *text = self.redacted(&happened.task, format!("progress {call_id}"), text, None);
            if text.is_empty() {
                return;
            }
        }
        if let What::Replied { .. } | What::Ended { .. } = happened.what {
            self.forget_drafts(&happened.task);
        }
        if let What::Decided { verdict: domain::Verdict::Deny, label, .. } = &happened.what {
            self.state.suspensions.refused(&happened.session, label, happened.time);
        }
        self.finish_draft(&happened);
        self.publish(happened);
    }
}

fn event(happened: &Happened, catalog: &Catalog) -> Option<wire::Event> {
    let (session, task) = (happened.session.to_string(), happened.task.to_string());
    Some(match happened.what.clone() {
        What::Accepted { message, by, text } => wire::Event::Accepted { session, task, message, by, text },
        What::Planned { grants, why } => wire::Event::Planned { session, task, grants, why },
        What::Draft { step, text, known: _ } => wire::Event::Draft { session, task, step, text },
        What::Called { call_id, tool, effect, arguments } => {
            let arguments = arguments.iter().map(shown_argument).collect();
            wire::Event::Call { session, task, call_id, tool, arguments, effect: effect.into() }
        }
        What::Decided { call_id, verdict, rules, label } => {
            let rules = rules.iter().map(Into::into).collect();
            wire::Event::Decided {
                session,
                task,
                call_id,
                verdict: verdict.into(),
                rules,
                label: (&label).into(),
            }
        }
        What::Progress { call_id, text, percent } => {
            wire::Event::Progress { session, task, call_id, text, percent }
        }
        What::Resulted { call_id, text, failed, label } => {
            wire::Event::Result { session, task, call_id, text, failed, label: (&label).into() }
        }
        What::Asked { call_id, question, label } => {
            wire::Event::Asked { question: shown_question(&question, catalog, &label), call_id }
        }
        What::Answered { question, answer } => {
            let answer = answer.map(|answer| match answer {
                Answer::Approve => wire::Answer::Approve,
                Answer::Deny => wire::Answer::Deny,
                Answer::Always => wire::Answer::Always,
            });
            wire::Event::Answered { session, question: question.to_string(), answer }
        }
        What::Replied { text, label } => wire::Event::Reply { session, task, text, label: (&label).into() },
        What::Ended { state, why } => wire::Event::Ended { session, task, state: state.into(), why },
        What::Labelled { label } => wire::Event::Label { session, label: (&label).into() },
    })
}

/// A question as screens show it: `label` is that of its session.
#[must_use]
pub fn shown_question(question: &Question, catalog: &Catalog, label: &Label) -> wire::Question {
    let call = catalog.parse(question.tool.as_str(), &question.arguments);
    wire::Question {
        id: question.id.to_string(),
        session: question.session.to_string(),
        task: question.task.to_string(),
        title: question.title.clone(),
        text: question.text.clone(),
        rules: question.rules.iter().map(Into::into).collect(),
        source: Some(question.source.clone()).filter(|source| !source.is_empty()),
        tool: question.tool.to_string(),
        effect: question.effect.into(),
        arguments: call.map(|call| call.arguments.iter().map(shown_argument).collect()).unwrap_or_default(),
        label: label.into(),
        asked: question.asked.0,
        expires: question.expires.0,
        always: question.standing.clone(),
    }
}

fn shown_argument(argument: &domain::Argument) -> wire::Argument {
    wire::Argument {
        name: argument.name.clone(),
        value: argument.value.canonical(),
        role: match argument.role {
            ArgumentRole::Authority => wire::ArgumentRole::Authority,
            ArgumentRole::Payload => wire::ArgumentRole::Payload,
        },
    }
}
