//! The one loop: what the agent proposes goes to the broker, step by step, one task of a session at a time.

mod ending;

use agent::{Settings, Spent, Step};
use broker::{Broker, Cancel, Question, Speaker, Went};
use domain::{Item, SessionId, TaskState};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::Store;
use tokio::sync::{Semaphore, watch};

/// How many items are read from the store at once.
const ITEMS_PAGE: u32 = 1_000;
/// How many sessions work at the same time; the others wait their turn.
const SESSIONS_AT_ONCE: usize = 32;
/// How many tasks of one session may wait.
const QUEUE_MAX: usize = 100;

/// Gives the settings of a turn: the model and its limits may have changed since the last one.
pub type TurnSettings = Box<dyn Fn(&SessionId) -> Settings + Send + Sync>;
/// Tells whoever follows a task that it waits for the answers to these questions, in the order of their calls.
pub type Waits = Box<dyn Fn(&Speaker, &[Question]) + Send + Sync>;
/// Says the date and time in words, for a planner.
pub type Today = Box<dyn Fn() -> String + Send + Sync>;

/// The tasks that run.
pub struct Tasks {
    broker: Arc<Broker>,
    store: Store,
    settings: TurnSettings,
    today: Today,
    waits: Waits,
    sessions: Mutex<BTreeMap<SessionId, Line>>,
    places: Arc<Semaphore>,
    leaving: watch::Sender<bool>,
}

/// The tasks of one session: one runs, the others wait in their order.
struct Line {
    waiting: VecDeque<Speaker>,
    running: Option<(Speaker, Cancel)>,
}

/// A session has too many tasks waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{QUEUE_MAX} messages of this session wait already")]
pub struct Crowded;

impl Tasks {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        store: Store,
        settings: TurnSettings,
        today: Today,
        waits: Waits,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(SESSIONS_AT_ONCE));
        Arc::new(Self {
            broker,
            store,
            settings,
            today,
            waits,
            sessions: Mutex::new(BTreeMap::new()),
            places,
            leaving: watch::Sender::new(false),
        })
    }

    /// Whether the session takes another task now.
    ///
    /// # Errors
    ///
    /// [`Crowded`].
    pub fn has_room(&self, session: &SessionId) -> Result<(), Crowded> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = sessions.get(session).map_or(0, |line| line.waiting.len());
        if waiting < QUEUE_MAX { Ok(()) } else { Err(Crowded) }
    }

    /// Works on the task of `who` when its turn comes: a new one, one that a restart found, or one whose question was
    /// answered.
    pub fn go_on(self: &Arc<Self>, who: Speaker) {
        let session = who.session.clone();
        let idle = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let line = sessions
                .entry(session.clone())
                .or_insert_with(|| Line { waiting: VecDeque::new(), running: None });
            let is_new = line.waiting.is_empty() && line.running.is_none();
            line.waiting.push_back(who);
            is_new
        };
        if idle {
            let tasks = Arc::clone(self);
            tokio::spawn(async move { tasks.work_off(&session).await });
        }
    }

    /// Stops what a session is doing and what waits in it. Tells whether there was anything.
    pub async fn cancel(&self, session: &SessionId) -> bool {
        let (running, waiting) = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let line = sessions.get_mut(session);
            line.map(|line| (line.running.clone(), std::mem::take(&mut line.waiting))).unwrap_or_default()
        };
        let any = running.is_some() || !waiting.is_empty();
        if let Some((_, cancel)) = running {
            cancel.cancel();
        }
        for who in waiting {
            self.end(&who, TaskState::Cancelled, "cancelled before it began").await;
        }
        self.cancel_asleep(session).await || any
    }

    /// Leaves everything where it is, for the next start to find, and returns when nobody works on it any more.
    pub async fn leave(&self) {
        self.leaving.send_replace(true);
        let all = u32::try_from(SESSIONS_AT_ONCE).unwrap_or(u32::MAX);
        // Fails only where the places are closed, which they never are.
        let _all_free = self.places.acquire_many(all).await;
    }

    /// Stops whatever runs, in every session.
    pub fn stop_all(&self) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, cancel) in sessions.values().filter_map(|line| line.running.as_ref()) {
            cancel.cancel();
        }
    }

    /// Cancels the tasks of a session that wait for an answer.
    async fn cancel_asleep(&self, session: &SessionId) -> bool {
        let of = session.clone();
        let asleep = self.store.run(move |tx| {
            Ok(tx.tasks_going_on()?.into_iter().filter(|t| t.session == of).collect::<Vec<_>>())
        });
        let asleep = match asleep.await {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::error!(%error, "could not look for the tasks of a session");
                return false;
            }
        };
        let mut any = false;
        for task in asleep.into_iter().filter(|task| task.state == TaskState::Waiting) {
            if let Ok(Some(who)) = self.broker.speaker_of(&task.id).await {
                self.end(&who, TaskState::Cancelled, "cancelled while it waited for an answer").await;
                any = true;
            }
        }
        any
    }

    /// Goes on with everything that a restart found unfinished.
    ///
    /// # Errors
    ///
    /// [`broker::Error`] when the store does not answer.
    pub async fn resume(self: &Arc<Self>) -> Result<usize, broker::Error> {
        let tasks = self.store.run(|tx| tx.tasks_going_on()).await?;
        let mut count: usize = 0;
        for task in tasks {
            let Some(who) = self.broker.speaker_of(&task.id).await? else { continue };
            let answered = task.state == TaskState::Waiting && self.has_answer(&who).await?;
            if task.state == TaskState::Running || answered {
                self.go_on(who);
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }

    async fn has_answer(&self, who: &Speaker) -> Result<bool, broker::Error> {
        if !self.broker.unsettled(who).await?.is_empty() {
            return Ok(true);
        }
        let task = who.task.clone();
        let questions = self.store.run(move |tx| tx.questions_of(&task)).await?;
        let open = |question: &Question| question.answer.is_none();
        Ok(!questions.iter().any(open))
    }

    async fn work_off(self: &Arc<Self>, session: &SessionId) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        while !*self.leaving.borrow()
            && let Some((who, cancel)) = self.next_in(session)
        {
            self.run(&who, &cancel).await;
        }
        drop(place);
    }

    fn next_in(&self, session: &SessionId) -> Option<(Speaker, Cancel)> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let line = sessions.get_mut(session)?;
        line.running = line.waiting.pop_front().map(|who| (who, Cancel::new()));
        let next = line.running.clone();
        if next.is_none() {
            sessions.remove(session);
        }
        next
    }

    async fn run(self: &Arc<Self>, who: &Speaker, cancel: &Cancel) {
        let (tasks, of, stop) = (Arc::clone(self), who.clone(), cancel.clone());
        // Apart, so that a step that panics ends its own task, and not the line behind it.
        let mut working = tokio::spawn(async move { tasks.steps(&of, &stop).await });
        let mut leaving = self.leaving.subscribe();
        let is_left = async {
            let _told = leaving.wait_for(|leaving| *leaving).await;
        };
        let worked = tokio::select! {
            worked = &mut working => worked,
            () = is_left => {
                working.abort();
                working.await
            }
        };
        match worked {
            Ok(Ok(Some(why))) => self.end(who, TaskState::Failed, &why).await,
            Ok(Ok(None)) => {}
            // The program ends: the next start finds the task as it is.
            Err(ended) if !ended.is_panic() => {}
            Err(panic) => {
                tracing::error!(%panic, task = %who.task, "a task ended in a panic");
                let why = self.with_doubts(who, "a fault within Hardshell ended this".to_string()).await;
                self.end_at_last(who, &why).await;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, task = %who.task, "could not go on with a task");
                let why = self.with_doubts(who, error_chain(&error)).await;
                self.end_at_last(who, &why).await;
            }
        }
    }

    /// Runs a task until it is over or waits; says why when it cannot go on.
    async fn steps(&self, who: &Speaker, cancel: &Cancel) -> Result<Option<String>, broker::Error> {
        self.broker.begin_task(who).await?;
        let mut answered = self.broker.unsettled(who).await?;
        answered.sort_by_key(place_of);
        for question in answered {
            if let Went::Stuck { why } = self.broker.settle(who, &question, cancel).await? {
                return Ok(Some(why));
            }
        }
        let settings = (self.settings)(&who.session);
        let started = Instant::now();
        let mut tokens = self.tokens_of(who).await?;
        loop {
            if cancel.is_cancelled() {
                self.broker.end_task(who, TaskState::Cancelled, "stopped by you").await?;
                return Ok(None);
            }
            let items = self.items(&who.session).await?;
            let spent = Spent { tokens, working: started.elapsed() };
            let went = match agent::next(&items, &who.task, &settings, spent) {
                Step::Plan => {
                    let (model, most) = (settings.model.clone(), settings.answer_tokens_max);
                    self.broker.plan(who, model, most, &(self.today)(), cancel).await?
                }
                Step::Ask { step, ask } => self.broker.ask_model(who, step, ask, cancel).await?,
                Step::Summarize { step, ask, up_to, label: _ } => {
                    self.broker.summarize(who, step, ask, up_to, cancel).await?
                }
                Step::Call { step, calls } => {
                    for pending in calls {
                        if cancel.is_cancelled() {
                            break;
                        }
                        let went = self.broker.call(who, step, pending.index, &pending.call, cancel).await?;
                        if let Went::On { usage } = went {
                            tokens = tokens.saturating_add(usage.input_tokens);
                            tokens = tokens.saturating_add(usage.output_tokens);
                        }
                    }
                    continue;
                }
                Step::Reply { step, text } => self.broker.reply(who, step, text, cancel).await?,
                Step::GiveUp { why } => return Ok(Some(why)),
                Step::Wait => return self.wait(who).await,
                Step::Over => return Ok(None),
            };
            match went {
                Went::On { usage } => {
                    tokens = tokens.saturating_add(usage.input_tokens).saturating_add(usage.output_tokens);
                }
                Went::Waiting { question: _ } => return self.wait(who).await,
                Went::Stuck { why } if !cancel.is_cancelled() => return Ok(Some(why)),
                // The head of the loop ends a cancelled task.
                Went::Stuck { .. } | Went::Stopped => cancel.cancel(),
            }
        }
    }

    /// The task sleeps until its questions are answered, and whoever follows it is told which these are, all at once.
    async fn wait(&self, who: &Speaker) -> Result<Option<String>, broker::Error> {
        let task = who.task.clone();
        let mut open = self.store.run(move |tx| tx.questions_of(&task)).await?;
        open.retain(|question| question.answer.is_none());
        open.sort_by_key(place_of);
        // What was answered meanwhile has woken the task already.
        if !open.is_empty() {
            (self.waits)(who, &open);
        }
        Ok(None)
    }

    async fn items(&self, session: &SessionId) -> Result<Vec<Item>, broker::Error> {
        let of = session.clone();
        let items = self.store.run(move |tx| {
            let mut all: Vec<Item> = Vec::new();
            loop {
                let after = all.last().map_or(0, |item| item.number);
                let page = tx.items(&of, after, ITEMS_PAGE)?;
                if page.is_empty() {
                    return Ok(all);
                }
                all.extend(page);
            }
        });
        Ok(items.await?)
    }

    async fn tokens_of(&self, who: &Speaker) -> Result<u64, broker::Error> {
        let task = who.task.clone();
        let effects = self.store.run(move |tx| tx.effects_of(&task)).await?;
        let tokens = effects.into_iter().filter_map(|(_, state)| match state {
            store::EffectState::Ended(Ok(done)) => match done.into_parts().0 {
                domain::Done::Answered(turn) => {
                    Some(turn.usage.input_tokens.saturating_add(turn.usage.output_tokens))
                }
                domain::Done::Ran(_) | domain::Done::Delivered => None,
            },
            store::EffectState::Begun | store::EffectState::Ended(Err(_)) | store::EffectState::Unknown => {
                None
            }
        });
        Ok(tokens.fold(0, u64::saturating_add))
    }
}

/// Where a question stands among the calls of its task: what is approved together is done in the model's order.
fn place_of(question: &Question) -> Vec<u32> {
    let parts = question.key.as_str().rsplit('.').take(2).map(|part| part.parse().unwrap_or(u32::MAX));
    let mut place: Vec<u32> = parts.collect();
    place.reverse();
    place
}

/// An error with its causes, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some errors say their cause themselves.
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
