//! The house behind the gateway: what people and programs may ask, answered from the store and the broker.

use crate::events::{Screens, shown_question};
use crate::state::HouseState;
use crate::tasks::{Tasks, error_chain};
use audit::{Entry, Event, Subject};
use broker::{Broker, Speaker};
use domain::{Inbound, Label, Principal, QuestionId, Role, SessionId, TaskId};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gateway::{Caller, Chat, Completion, Events, Happening, House, HouseError, Later, Model, wire};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::{Session, Store};

/// How many items of a transcript a screen is given at once; older ones are in the store.
const TRANSCRIPT_ITEMS_MAX: u32 = 5_000;
/// What the owner says, alone in a message on any channel, to stop everything.
pub(crate) const STOP: &str = "/lockdown";
/// When a crowded session is worth another try.
const CROWDED_RETRY: Duration = Duration::from_secs(5);

/// The house.
pub struct FrontDoor {
    pub(crate) broker: Arc<Broker>,
    pub(crate) store: Store,
    pub(crate) log: Arc<audit::Log>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) screens: Arc<Screens>,
    pub(crate) state: Arc<HouseState>,
    pub(crate) catalog: Arc<tools::Catalog>,
    pub(crate) clock: broker::Clock,
    pub(crate) draw: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whose the sessions of members and guests are; a session that is not here is the owner's alone.
    pub(crate) owners: RwLock<BTreeMap<SessionId, Principal>>,
    pub(crate) stage: crate::stage::Stage,
    /// How it goes with whoever is sent the log.
    pub(crate) receivers: crate::sending::Watch,
}

impl FrontDoor {
    pub(crate) fn new_task(&self) -> Result<TaskId, HouseError> {
        format!("t-{}", (self.draw)())
            .parse()
            .map_err(|error: domain::IdError| HouseError::Failed { why: error.to_string() })
    }

    pub(crate) async fn take_in(&self, inbound: Inbound) -> Result<(wire::Accepted, Speaker), HouseError> {
        let words = inbound.text.trim();
        if words.eq_ignore_ascii_case(STOP) && inbound.principal.role == Role::Owner {
            // Before anything else, and past every queue: it needs neither the model nor the policy.
            self.lock(&format!("the owner said {STOP} on {}", inbound.sender.channel)).await?;
        }
        self.ready()?;
        let room = self.tasks.has_room(&inbound.session);
        room.map_err(|crowded| HouseError::Busy { why: crowded.to_string(), retry_after: CROWDED_RETRY })?;
        let mut who = Speaker {
            session: inbound.session.clone(),
            task: self.new_task()?,
            principal: inbound.principal.clone(),
            channel: inbound.sender.channel,
        };
        self.note_owner(&who.session, &who.principal);
        let taken = self.broker.deliver(inbound, who.task.clone()).await.map_err(|error| failed(&error))?;
        who.task = taken.task.clone();
        if taken.fresh {
            self.tasks.go_on(who.clone());
        }
        Ok((wire::Accepted { accepted: taken.fresh, task: taken.task.to_string() }, who))
    }

    /// Remembers whose a session is, where it is not the owner's.
    pub(crate) fn note_owner(&self, session: &SessionId, principal: &Principal) {
        if principal.role != Role::Owner {
            let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
            owners.insert(session.clone(), principal.clone());
        }
    }

    /// Turns the stop switch on and tells what runs to end; the watcher of the switch does the rest.
    async fn lock(&self, why: &str) -> Result<(), HouseError> {
        let (switch, words) = (self.state.lockdown.clone(), why.to_string());
        let locked = tokio::task::spawn_blocking(move || switch.lock(&words)).await;
        self.tasks.stop_all();
        // It is on all the same, and this process knows it.
        if let Err(error) = locked.map_err(|error| failed(&error))? {
            tracing::error!(%error, "lockdown may not hold over a restart");
        }
        Ok(())
    }

    /// Takes a session back for good.
    async fn revoke(&self, caller: &Caller, id: &SessionId) -> Result<wire::Cancelled, HouseError> {
        self.visible(caller, id).await?;
        let (of, now) = (id.clone(), (self.clock)());
        self.store.run(move |tx| tx.revoke_session(&of, now)).await.map_err(|error| failed(&error))?;
        let act = audit::LockdownAct::Suspended;
        let event = Event::Lockdown { act, why: "the session was taken back by its owner".to_string() };
        let subject = Subject { session: Some(id.clone()), ..Subject::default() };
        self.log.note(Entry { subject, event }, now).await.map_err(|error| failed(&error))?;
        Ok(wire::Cancelled { cancelled: self.tasks.cancel(id).await })
    }

    fn ready(&self) -> Result<(), HouseError> {
        if self.state.lockdown.is_on() {
            return Err(HouseError::LockedDown);
        }
        // A log that failed is tried again by the very message: nothing is taken in without its record.
        let of_log = |reason: &wire::Reason| {
            reason.name == "audit" && matches!(self.log.state(), audit::State::Failed(_))
        };
        let reasons = self.state.readiness().reasons.into_iter().filter(|reason| !of_log(reason));
        let reasons: Vec<String> = reasons
            .map(|reason| {
                reason.detail.map_or(reason.name.clone(), |detail| format!("{}: {detail}", reason.name))
            })
            .collect();
        if reasons.is_empty() {
            return Ok(());
        }
        Err(HouseError::NotReady { why: reasons.join("; ") })
    }

    pub(crate) async fn visible(&self, caller: &Caller, id: &SessionId) -> Result<Session, HouseError> {
        let of = id.clone();
        let session = self.store.run(move |tx| tx.session(&of)).await.map_err(|error| failed(&error))?;
        session
            .filter(|session| may_see(caller.principal(), session))
            .ok_or_else(|| HouseError::NotFound { what: "session", id: id.to_string() })
    }

    pub(crate) async fn shown(&self, session: Session) -> Result<wire::Session, HouseError> {
        let of = session.id.clone();
        let last = self.store.run(move |tx| tx.tasks_of(&of, 1)).await.map_err(|error| failed(&error))?;
        Ok(wire::Session {
            id: session.id.to_string(),
            title: session.title,
            channel: session.channel.to_string(),
            created: session.created.0,
            updated: session.active.0,
            state: last.first().map(|task| task.state.into()),
            label: (&session.label).into(),
            ceiling: session.ceiling.unwrap_or_else(|| self.broker.policy().ceiling()).into(),
        })
    }

    async fn open(&self, caller: &Caller, new: wire::NewSession) -> Result<wire::Session, HouseError> {
        self.ready()?;
        let id: SessionId = format!("s-{}", (self.draw)())
            .parse()
            .map_err(|error: domain::IdError| HouseError::Failed { why: error.to_string() })?;
        let now = (self.clock)();
        let ceiling = self.ceiling_of_new(caller, &id, new.ceiling).await?;
        let session = Session {
            id,
            title: new.title.unwrap_or_default(),
            created: now,
            active: now,
            channel: caller.channel(),
            principal: caller.principal().clone(),
            label: Label::nothing(),
            revoked: None,
            ceiling,
        };
        self.note_owner(&session.id, &session.principal);
        let kept = session.clone();
        self.store.run(move |tx| tx.add_session(&kept)).await.map_err(|error| failed(&error))?;
        self.shown(session).await
    }

    async fn transcript(&self, caller: &Caller, id: &SessionId) -> Result<wire::Transcript, HouseError> {
        let session = self.visible(caller, id).await?;
        // The number comes first: an event that is missed between the two comes again, none is lost.
        let seq = self.screens.events().newest();
        let of = id.clone();
        let items = self.store.run(move |tx| {
            let from = tx.last_item(&of)?.saturating_sub(u64::from(TRANSCRIPT_ITEMS_MAX));
            tx.items(&of, from, TRANSCRIPT_ITEMS_MAX)
        });
        let items = items.await.map_err(|error| failed(&error))?;
        let label = (&session.label).into();
        let items = items.into_iter().map(Into::into).collect();
        Ok(wire::Transcript { session: self.shown(session).await?, label, items, seq })
    }

    pub(crate) async fn open_questions(&self, caller: &Caller) -> Result<Vec<wire::Question>, HouseError> {
        let now = (self.clock)();
        let open = self.store.run(|tx| tx.questions_open()).await.map_err(|error| failed(&error))?;
        let mut shown = Vec::new();
        for question in open.into_iter().filter(|question| now <= question.expires) {
            let of = question.session.clone();
            let session = self.store.run(move |tx| tx.session(&of)).await.map_err(|error| failed(&error))?;
            if let Some(session) = session.filter(|session| may_see(caller.principal(), session)) {
                shown.push(shown_question(&question, &self.catalog, &session.label));
            }
        }
        Ok(shown)
    }
}

/// The owner sees every session; everybody else their own.
fn may_see(principal: &Principal, session: &Session) -> bool {
    match principal.role {
        Role::Owner => true,
        Role::Member | Role::Guest => session.principal == *principal,
        Role::House => false,
    }
}

pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> HouseError {
    if std::iter::successors(Some(error), |error| error.source()).any(is_full) {
        return HouseError::DiskFull;
    }
    HouseError::Failed { why: error_chain(error) }
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_system = |error: &std::io::Error| error.kind() == std::io::ErrorKind::StorageFull;
    matches!(error.downcast_ref(), Some(store::Error::DiskFull))
        || error.downcast_ref().is_some_and(of_system)
}

impl House for FrontDoor {
    fn events(&self) -> &Arc<Events> {
        self.screens.events()
    }

    fn status(&self) -> Later<'_, wire::Status> {
        async move { Ok(self.state.status()) }.boxed()
    }

    fn readiness(&self) -> BoxFuture<'_, wire::Readiness> {
        async move { self.state.readiness() }.boxed()
    }

    fn sessions<'a>(&'a self, caller: &'a Caller, limit: u32) -> Later<'a, Vec<wire::Session>> {
        async move {
            let all = self.store.run(move |tx| tx.sessions(limit)).await.map_err(|error| failed(&error))?;
            let mut shown = Vec::with_capacity(all.len());
            for session in all.into_iter().filter(|session| may_see(caller.principal(), session)) {
                shown.push(self.shown(session).await?);
            }
            Ok(shown)
        }
        .boxed()
    }

    fn open_session<'a>(&'a self, caller: &'a Caller, new: wire::NewSession) -> Later<'a, wire::Session> {
        self.open(caller, new).boxed()
    }

    fn set_ceiling<'a>(
        &'a self,
        caller: &'a Caller,
        session: &'a SessionId,
        ceiling: wire::Tier,
    ) -> Later<'a, wire::Session> {
        self.change_ceiling(caller, session, ceiling.into()).boxed()
    }

    fn session<'a>(&'a self, caller: &'a Caller, id: &'a SessionId) -> Later<'a, wire::Transcript> {
        self.transcript(caller, id).boxed()
    }

    fn may_see(&self, caller: &Caller, session: &SessionId) -> bool {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(session).is_some_and(|principal| principal == caller.principal())
    }

    fn deliver(&self, inbound: Inbound) -> Later<'_, wire::Accepted> {
        async move {
            let of = inbound.session.clone();
            let session = self.store.run(move |tx| tx.session(&of)).await.map_err(|error| failed(&error))?;
            if session.as_ref().is_some_and(|session| !may_see(&inbound.principal, session)) {
                return Err(HouseError::NotFound { what: "session", id: inbound.session.to_string() });
            }
            if let Some(suspension) = self.state.suspensions.of_session(&inbound.session) {
                let (id, why) = (&inbound.session, suspension.why);
                let why = format!("the session {id} is suspended: {why}; begin a new one, or type `hardshell session resume {id}` at this machine");
                return Err(HouseError::Conflict { why });
            }
            if session.is_some_and(|session| session.revoked.is_some()) {
                let why = format!("the session {} was taken back; begin a new one", inbound.session);
                return Err(HouseError::Conflict { why });
            }
            Ok(self.take_in(inbound).await?.0)
        }
        .boxed()
    }

    fn cancel<'a>(&'a self, caller: &'a Caller, session: &'a SessionId) -> Later<'a, wire::Cancelled> {
        async move {
            self.visible(caller, session).await?;
            Ok(wire::Cancelled { cancelled: self.tasks.cancel(session).await })
        }
        .boxed()
    }

    fn revoke_session<'a>(
        &'a self,
        caller: &'a Caller,
        session: &'a SessionId,
    ) -> Later<'a, wire::Cancelled> {
        self.revoke(caller, session).boxed()
    }

    fn lock_down<'a>(&'a self, caller: &'a Caller) -> Later<'a, wire::Status> {
        async move {
            self.lock(&format!("turned on by the owner on {}", caller.channel())).await?;
            Ok(self.state.status())
        }
        .boxed()
    }

    fn approvals<'a>(&'a self, caller: &'a Caller) -> Later<'a, Vec<wire::Question>> {
        self.open_questions(caller).boxed()
    }

    fn approval_stats<'a>(&'a self, caller: &'a Caller, days: u32) -> Later<'a, wire::ApprovalStats> {
        self.count_approvals(caller, days).boxed()
    }

    fn receivers(&self) -> Later<'_, Vec<wire::Receiver>> {
        async move { Ok((self.receivers)().into_iter().map(crate::sending::shown).collect()) }.boxed()
    }

    fn reload_policy<'a>(&'a self, caller: &'a Caller) -> Later<'a, wire::PolicyInForce> {
        self.reload_rules(caller.channel()).boxed()
    }

    fn answer<'a>(
        &'a self,
        caller: &'a Caller,
        question: &'a QuestionId,
        answer: wire::Answer,
    ) -> Later<'a, wire::Answered> {
        self.take_answer(caller, question, answer).boxed()
    }

    fn answer_sheet<'a>(
        &'a self,
        caller: &'a Caller,
        questions: &'a [QuestionId],
        answer: wire::SheetAnswer,
    ) -> Later<'a, wire::SheetAnswered> {
        self.take_answers(caller, questions, answer).boxed()
    }

    fn audit<'a>(&'a self, _caller: &'a Caller, query: wire::AuditQuery) -> Later<'a, wire::AuditPage> {
        self.look_into_log(query).boxed()
    }

    fn commands(&self) -> Later<'_, Vec<wire::Command>> {
        async move { Ok(self.state.commands()) }.boxed()
    }

    fn demo(&self, new: wire::NewDemo) -> Later<'_, wire::Demo> {
        async move {
            self.ready()?;
            self.stage.play(new).await
        }
        .boxed()
    }

    fn models(&self) -> Later<'_, Vec<Model>> {
        async move { Ok(self.state.models()) }.boxed()
    }

    fn complete<'a>(&'a self, caller: &'a Caller, chat: Chat) -> Later<'a, Completion> {
        self.answer_chat(caller, chat).boxed()
    }

    fn record(&self, happening: Happening) -> Later<'_, ()> {
        self.note_happening(happening).boxed()
    }
}
