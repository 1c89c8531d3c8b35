//! A small house behind the gateway under test: sessions in memory, answers by echo.

use domain::{Inbound, QuestionId, SessionId, StopReason, Timestamp, Usage};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use futures_util::stream::{self, StreamExt as _};
use gateway::wire::{self, Event};
use gateway::{
    Caller, Chat, Completion, Config, Events, Gateway, Handle, Happening, House, HouseError, Later, Model,
    Parts, Piece, SignIns, SignInsInMemory,
};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub(crate) const STARTED: u64 = 1_700_000_000_000;

pub(crate) struct TestHouse {
    events: Arc<Events>,
    now: Arc<AtomicU64>,
    pub(crate) delivered: Mutex<Vec<Inbound>>,
    pub(crate) answers: Mutex<Vec<(String, wire::Answer)>>,
    pub(crate) happenings: Mutex<Vec<Happening>>,
    pub(crate) chats: Mutex<Vec<Chat>>,
    pub(crate) ready: AtomicBool,
    pub(crate) cannot_record: AtomicBool,
    /// How many chat streams were dropped before their end.
    pub(crate) chats_dropped: Arc<watch::Sender<usize>>,
    tasks: AtomicUsize,
}

/// A gateway, the house behind it, and the clock of both.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    pub(crate) house: Arc<TestHouse>,
    pub(crate) sign_ins: Arc<SignInsInMemory>,
    now: Arc<AtomicU64>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(Config::loopback(0)).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let now = Arc::new(AtomicU64::new(STARTED));
        let house = TestHouse::new(&now);
        let sign_ins = Arc::new(SignInsInMemory::default());
        let handle = Gateway::start(config, parts(&house, sign_ins.clone(), &now)).await.unwrap();
        Self { handle, house, sign_ins, now }
    }

    pub(crate) fn wait(&self, milliseconds: u64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn publish(&self, event: Event) -> u64 {
        self.house.publish(event)
    }

    pub(crate) fn port(&self) -> u16 {
        self.handle.address().port()
    }
}

pub(crate) fn parts(house: &Arc<TestHouse>, sign_ins: Arc<dyn SignIns>, now: &Arc<AtomicU64>) -> Parts {
    let now = Arc::clone(now);
    Parts {
        house: Arc::clone(house) as Arc<dyn House>,
        sign_ins,
        clock: Arc::new(move || Timestamp(now.load(Ordering::SeqCst))),
        random: gateway::random(),
        registry: prometheus_client::registry::Registry::default(),
        version: "0.1.0".to_string(),
    }
}

pub(crate) fn label() -> wire::Label {
    (&domain::Label::owner()).into()
}

pub(crate) fn reply(text: &str) -> Event {
    reply_in("main", text)
}

pub(crate) fn reply_in(session: &str, text: &str) -> Event {
    Event::Reply {
        session: session.to_string(),
        task: "t1".to_string(),
        text: text.to_string(),
        label: label(),
    }
}

pub(crate) fn audit_record() -> wire::AuditRecord {
    let fields = serde_json::json!({"tool": "shell.run", "prev": "00"});
    wire::AuditRecord {
        seq: 7,
        time: STARTED,
        kind: "intent".to_string(),
        hash: "ab".repeat(32),
        fields: fields.as_object().unwrap().clone(),
    }
}

pub(crate) fn question() -> wire::Question {
    wire::Question {
        id: "q1".to_string(),
        session: "main".to_string(),
        task: "t1".to_string(),
        title: "Run `df -h`".to_string(),
        text: "df -h".to_string(),
        rules: vec![],
        source: Some("mail from x@example.org".to_string()),
        tool: "shell.run".to_string(),
        effect: wire::Effect::Execute,
        arguments: vec![],
        label: label(),
        asked: STARTED,
        expires: STARTED + 1000,
        always: None,
    }
}

impl TestHouse {
    pub(crate) fn new(now: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            events: Events::new(Timestamp(now.load(Ordering::SeqCst))),
            now: Arc::clone(now),
            delivered: Mutex::default(),
            answers: Mutex::default(),
            happenings: Mutex::default(),
            chats: Mutex::default(),
            ready: AtomicBool::new(true),
            cannot_record: AtomicBool::new(false),
            chats_dropped: Arc::new(watch::Sender::new(0)),
            tasks: AtomicUsize::new(0),
        })
    }

    pub(crate) fn publish(&self, event: Event) -> u64 {
        self.events.publish(event, Timestamp(self.now.load(Ordering::SeqCst)))
    }

    fn session_named(&self, id: &str) -> wire::Session {
        wire::Session {
            id: id.to_string(),
            title: "Main".to_string(),
            channel: "web".to_string(),
            created: STARTED,
            updated: STARTED,
            state: None,
            label: label(),
            ceiling: wire::Tier::High,
        }
    }

    fn known(&self, id: &SessionId) -> Result<(), HouseError> {
        if id.as_str() == "main" {
            Ok(())
        } else {
            Err(HouseError::NotFound { what: "session", id: id.to_string() })
        }
    }

    fn take_in(&self, inbound: Inbound) -> Result<wire::Accepted, HouseError> {
        self.known(&inbound.session)?;
        let mut delivered = self.delivered.lock().unwrap();
        if let Some(at) =
            delivered.iter().position(|other| other.id == inbound.id && other.sender == inbound.sender)
        {
            return Ok(wire::Accepted { accepted: false, task: format!("t{at}") });
        }
        let task = format!("t{}", delivered.len());
        let (session, text) = (inbound.session.to_string(), inbound.text.clone());
        self.publish(Event::Accepted {
            session: session.clone(),
            task: task.clone(),
            message: inbound.id.to_string(),
            by: inbound.principal.to_string(),
            text: text.clone(),
        });
        delivered.push(inbound);
        self.publish(Event::Reply {
            session,
            task: task.clone(),
            text: format!("you said: {text}"),
            label: label(),
        });
        Ok(wire::Accepted { accepted: true, task })
    }

    fn begin(&self, chat: Chat) -> Result<Completion, HouseError> {
        let text = chat.messages.last().unwrap().text.clone();
        let model = chat.model.clone();
        self.chats.lock().unwrap().push(chat);
        match model.as_str() {
            "echo" => {}
            _ => return Err(HouseError::UnknownModel { model }),
        }
        if text.len() > 5000 {
            return Err(HouseError::TooLong { limit: 1000, found: 1251 });
        }
        let done =
            Piece::Done { stop: StopReason::Finished, usage: Usage { input_tokens: 5, output_tokens: 3 } };
        let words: Vec<_> = text.split_inclusive(' ').map(|word| Ok(Piece::Text(word.to_string()))).collect();
        let pieces = match text.as_str() {
            "break off" => stream::iter(vec![Ok(Piece::Text("half".to_string()))]).boxed(),
            "fail midway" => stream::iter(vec![
                Ok(Piece::Text("half".to_string())),
                Err(HouseError::Failed { why: "the model's provider hung up".to_string() }),
            ])
            .boxed(),
            "be busy" => {
                let retry_after = std::time::Duration::from_secs(0);
                return Err(HouseError::Busy { why: "too many tasks at once".to_string(), retry_after });
            }
            "never end" => {
                let dropped = Dropped(Arc::clone(&self.chats_dropped));
                let first = stream::iter(vec![Ok(Piece::Text("first".to_string()))]);
                first
                    .chain(stream::pending().map(move |piece| {
                        let _held = &dropped;
                        piece
                    }))
                    .boxed()
            }
            _ => stream::iter(words).chain(stream::iter([Ok(done)])).boxed(),
        };
        Ok(Completion { model, pieces })
    }
}

struct Dropped(Arc<watch::Sender<usize>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count += 1);
    }
}

fn done<T: Send + 'static>(result: Result<T, HouseError>) -> Later<'static, T> {
    ready(result).boxed()
}

impl House for TestHouse {
    fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn status(&self) -> Later<'_, wire::Status> {
        done(Ok(wire::Status {
            version: "0.1.0".to_string(),
            ready: true,
            lockdown: false,
            isolation: wire::Isolation { level: "full".to_string(), reason: None, fix: None },
            proofs: vec![],
            model: wire::ModelInUse { name: "builtin".to_string(), kind: "builtin".to_string() },
            home: "/home/owner/.hardshell".to_string(),
            sample_mailbox: true,
            policy: "ab".repeat(32),
            suspended: Vec::new(),
        }))
    }

    fn readiness(&self) -> BoxFuture<'_, wire::Readiness> {
        let is_ready = self.ready.load(Ordering::SeqCst);
        let reason =
            wire::Reason { name: "proof.egress".to_string(), detail: Some("a canary got out".to_string()) };
        let reasons = if is_ready { vec![] } else { vec![reason] };
        ready(wire::Readiness { ready: is_ready, reasons }).boxed()
    }

    fn sessions<'a>(&'a self, _caller: &'a Caller, _limit: u32) -> Later<'a, Vec<wire::Session>> {
        done(Ok(vec![self.session_named("main")]))
    }

    fn open_session<'a>(&'a self, _caller: &'a Caller, new: wire::NewSession) -> Later<'a, wire::Session> {
        let number = self.tasks.fetch_add(1, Ordering::SeqCst);
        let mut session = self.session_named(&format!("s{number}"));
        session.title = new.title.unwrap_or_default();
        done(Ok(session))
    }

    fn set_ceiling<'a>(
        &'a self,
        _caller: &'a Caller,
        id: &'a SessionId,
        ceiling: wire::Tier,
    ) -> Later<'a, wire::Session> {
        done(self.known(id).map(|()| wire::Session { ceiling, ..self.session_named(id.as_str()) }))
    }

    fn session<'a>(&'a self, _caller: &'a Caller, id: &'a SessionId) -> Later<'a, wire::Transcript> {
        done(self.known(id).map(|()| wire::Transcript {
            session: self.session_named(id.as_str()),
            label: label(),
            items: vec![],
            seq: self.events.newest(),
        }))
    }

    fn may_see(&self, _caller: &Caller, session: &SessionId) -> bool {
        session.as_str() == "main"
    }

    fn deliver(&self, inbound: Inbound) -> Later<'_, wire::Accepted> {
        done(self.take_in(inbound))
    }

    fn cancel<'a>(&'a self, _caller: &'a Caller, session: &'a SessionId) -> Later<'a, wire::Cancelled> {
        done(self.known(session).map(|()| wire::Cancelled { cancelled: false }))
    }

    fn revoke_session<'a>(
        &'a self,
        _caller: &'a Caller,
        session: &'a SessionId,
    ) -> Later<'a, wire::Cancelled> {
        done(self.known(session).map(|()| wire::Cancelled { cancelled: false }))
    }

    fn lock_down<'a>(&'a self, _caller: &'a Caller) -> Later<'a, wire::Status> {
        self.status()
    }

    fn approvals<'a>(&'a self, _caller: &'a Caller) -> Later<'a, Vec<wire::Question>> {
        done(Ok(vec![question()]))
    }

    fn approval_stats<'a>(&'a self, _caller: &'a Caller, days: u32) -> Later<'a, wire::ApprovalStats> {
        done(Ok(wire::ApprovalStats {
            since: STARTED - u64::from(days) * 86_400_000,
            until: STARTED,
            questions: 0,
            approved: 0,
            denied: 0,
            expired: 0,
            waiting: 0,
            per_day: 0.0,
            days: vec![],
            rules: vec![],
            standing: vec![],
        }))
    }

    fn receivers(&self) -> Later<'_, Vec<wire::Receiver>> {
        done(Ok(vec![wire::Receiver {
            name: "siem".to_string(),
            kind: "syslog".to_string(),
            to: "tcp://127.0.0.1:601".to_string(),
            behind: 3,
            skipped: 0,
            failed: 1,
            last_sent: None,
            down_since: Some(STARTED),
            problem: Some("connection refused".to_string()),
        }]))
    }

    fn reload_policy<'a>(&'a self, _caller: &'a Caller) -> Later<'a, wire::PolicyInForce> {
        done(Ok(wire::PolicyInForce { digest: "ab".repeat(32), changed: false }))
    }

    fn answer<'a>(
        &'a self,
        _caller: &'a Caller,
        id: &'a QuestionId,
        answer: wire::Answer,
    ) -> Later<'a, wire::Answered> {
        if id.as_str() != "q1" {
            return done(Err(HouseError::NotFound { what: "question", id: id.to_string() }));
        }
        self.answers.lock().unwrap().push((id.to_string(), answer));
        self.publish(Event::Answered {
            session: "main".to_string(),
            question: id.to_string(),
            answer: Some(answer),
        });
        done(Ok(wire::Answered { question: id.to_string(), answer }))
    }

    fn answer_sheet<'a>(
        &'a self,
        caller: &'a Caller,
        questions: &'a [QuestionId],
        answer: wire::SheetAnswer,
    ) -> Later<'a, wire::SheetAnswered> {
        async move {
            let mut answered = Vec::new();
            for question in questions {
                answered.push(self.answer(caller, question, answer.into()).await?);
            }
            Ok(wire::SheetAnswered { answered })
        }
        .boxed()
    }

    fn audit<'a>(&'a self, _caller: &'a Caller, query: wire::AuditQuery) -> Later<'a, wire::AuditPage> {
        assert!(query.limit.is_some_and(|limit| (1..=wire::RECORDS_MAX).contains(&limit)));
        done(Ok(wire::AuditPage { records: vec![audit_record()], more: false }))
    }

    fn commands(&self) -> Later<'_, Vec<wire::Command>> {
        let command = wire::Command {
            name: "/disk".to_string(),
            arguments: String::new(),
            help: "how full the disks are".to_string(),
            example: "/disk".to_string(),
        };
        done(Ok(vec![command]))
    }

    fn demo(&self, new: wire::NewDemo) -> Later<'_, wire::Demo> {
        let name = new.name.unwrap_or_default();
        done(Ok(wire::Demo { name, harmed: false, lines: Vec::new(), attacks: Vec::new() }))
    }

    fn models(&self) -> Later<'_, Vec<Model>> {
        done(Ok(vec![Model {
            name: "echo".to_string(),
            created: 1_700_000_000,
            owned_by: "hardshell".to_string(),
        }]))
    }

    fn complete<'a>(&'a self, _caller: &'a Caller, chat: Chat) -> Later<'a, Completion> {
        done(self.begin(chat))
    }

    fn record(&self, happening: Happening) -> Later<'_, ()> {
        if self.cannot_record.load(Ordering::SeqCst) {
            return done(Err(HouseError::Failed { why: "the audit log is full".to_string() }));
        }
        self.happenings.lock().unwrap().push(happening);
        done(Ok(()))
    }
}
