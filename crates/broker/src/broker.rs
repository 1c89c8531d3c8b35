//! The door itself: what it holds, and the small things every way through it needs.

use crate::happened::{Happened, Watch, What};
use crate::ledger::Ledger;
use crate::rates::Rates;
use crate::{Error, Executor};
use audit::{Entry, Event, Log, Redact, Subject};
use domain::{
    Action, Call, Channel, Failure, Principal, SessionId, Target, TaskId, Tier, Timestamp, ToolName,
};
use policy::{ChannelProof, IsolationLevel, Lockdown, Policy};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::Store;
use tools::Catalog;

/// Tells the time. The daemon hands it in.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Wraps a stranger's text for a model, as data, between the marks of its session; the last is where it came from.
pub type Wrap = Box<dyn Fn(&SessionId, &str, &str) -> String + Send + Sync>;

/// What a broker is made of.
pub struct Parts {
    /// The rules.
    pub policy: Arc<Policy>,
    /// The tools.
    pub catalog: Arc<Catalog>,
    /// The audit log.
    pub log: Arc<Log>,
    /// The store.
    pub store: Store,
    /// Takes secrets out of everything that comes back.
    pub redact: Arc<dyn Redact>,
    /// What carries effects out.
    pub executors: Executors,
    /// Looks for signs of an attack in what strangers wrote.
    pub scan: Box<dyn Scan>,
    /// Finds what an action leads to on this machine.
    pub resolve: Box<dyn Resolve>,
    /// Follows what happens.
    pub watch: Arc<dyn Watch>,
    /// Tells the time.
    pub clock: Clock,
    /// Draws 16 hexadecimal digits that nobody can guess, for the ids of questions.
    pub draw: Box<dyn Fn() -> String + Send + Sync>,
    /// Wraps strangers' text for a model.
    pub wrap: Wrap,
    /// What the house knows of itself.
    pub house: Box<dyn House>,
}

/// What carries effects out, by what they are.
pub struct Executors {
    /// Asks models.
    pub model: Arc<dyn Executor>,
    /// Answers people.
    pub reply: Arc<dyn Executor>,
    /// Runs tools, by what stands before the first dot of their name.
    pub tools: BTreeMap<String, Arc<dyn Executor>>,
}

/// Looks for signs of an attack, and takes the links out of what strangers supplied. It can only make the policy ask more.
pub trait Scan: Send + Sync {
    /// Whether a stranger's `text` looks as if it wanted to steer a model.
    fn is_suspicious(&self, text: &str) -> bool;
    /// `text` with what is hidden in it made plain and marked.
    fn reveal(&self, text: &str) -> String;
    /// `text` with every address for which `is_strange` holds shown so that nothing follows it.
    fn defang(&self, text: &str, is_strange: &dyn Fn(&str) -> bool) -> String;
}

/// Finds what an action leads to on this machine.
pub trait Resolve: Send + Sync {
    /// The programs, files and hosts that `call` leads to at this moment.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when something it names cannot be found or may not be looked at; the call is then not judged.
    fn targets(&self, call: &Call) -> Result<Vec<Target>, Failure>;
}

/// What the house knows of itself at this moment.
pub trait House: Send + Sync {
    /// The walls that a process would have.
    fn isolation(&self) -> IsolationLevel;
    /// The walls below which nothing runs.
    fn isolation_floor(&self) -> IsolationLevel;
    /// Whether the stop switch is on: read before every permit.
    fn lockdown(&self) -> Lockdown;
    /// Whether a burst of refusals has stopped this session, or a stranger whose words stand in it.
    fn holds_back(&self, _session: &domain::SessionId, _label: &domain::Label) -> bool {
        false
    }
    /// The highest tier that the model called `name` is cleared for.
    fn model_clearance(&self, name: &domain::ModelName) -> Tier;
    /// How strangers' text is kept from the planner, and who reads it out.
    fn quarantine(&self) -> crate::Quarantine;
    /// What answering these tokens of that model cost, in millionths of the configured currency.
    fn cost_micros(&self, model: &str, usage: domain::Usage) -> Option<u64>;
}

/// For whom, where and in which conversation something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The conversation.
    pub session: SessionId,
    /// The task.
    pub task: TaskId,
    /// On whose behalf.
    pub principal: Principal,
    /// Where they speak.
    pub channel: Channel,
}

impl Speaker {
    /// Whether the channel has proved who speaks. On the screens of this machine and with a signed-in token, the
    /// gateway has; on other channels the pairing of the account has, and only then is the sender a principal by name.
    #[must_use]
    pub fn proof(&self) -> ChannelProof {
        match self.principal.role {
            domain::Role::Owner | domain::Role::Member | domain::Role::House => ChannelProof::Proven,
            domain::Role::Guest => ChannelProof::Unproven,
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject {
            session: Some(self.session.clone()),
            task: Some(self.task.clone()),
            principal: Some(self.principal.clone()),
            channel: Some(self.channel),
            ..Subject::default()
        }
    }
}

/// The one door.
pub struct Broker {
    pub(crate) policy: RwLock<Arc<Policy>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) log: Arc<Log>,
    pub(crate) store: Store,
    pub(crate) redact: Arc<dyn Redact>,
    pub(crate) executors: Executors,
    pub(crate) scan: Box<dyn Scan>,
    pub(crate) resolve: Box<dyn Resolve>,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) clock: Clock,
    pub(crate) draw: Box<dyn Fn() -> String + Send + Sync>,
    pub(crate) wrap: Wrap,
    pub(crate) house: Box<dyn House>,
    pub(crate) rates: Mutex<Rates>,
}

impl Broker {
    /// A door made of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            policy: RwLock::new(parts.policy),
            catalog: parts.catalog,
            log: parts.log,
            store: parts.store,
            redact: parts.redact,
            executors: parts.executors,
            scan: parts.scan,
            resolve: parts.resolve,
            watch: parts.watch,
            clock: parts.clock,
            draw: parts.draw,
            wrap: parts.wrap,
            house: parts.house,
            rates: Mutex::new(Rates::default()),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other rules in force: from the next decision on. Questions asked under the old ones lose their answers.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`] when the change cannot be recorded; the old rules then stay.
    pub async fn replace_policy(&self, policy: Arc<Policy>) -> Result<(), Error> {
        let rule = blake3::Hash::from_bytes(*policy.digest()).to_hex().to_string();
        let detail = "the rules in force, by their digest".to_string();
        let event = Event::Policy { act: audit::PolicyAct::Loaded, rule, detail };
        self.log.note(Entry { subject: Subject::default(), event }, self.now()).await?;
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn tell(&self, who: &Speaker, what: What) {
        let (session, task) = (who.session.clone(), who.task.clone());
        self.watch.happened(Happened { session, task, time: self.now(), what });
    }

    pub(crate) fn executor(&self, action: &Action) -> Option<&Arc<dyn Executor>> {
        match action {
            Action::AskModel(_) => Some(&self.executors.model),
            Action::Reply(_) => Some(&self.executors.reply),
            Action::Call(call) => self.executors.tools.get(namespace(&call.tool)),
        }
    }

    /// What `session` has read. An unreadable ledger is an error: nothing is judged on less than everything.
    pub(crate) async fn ledger(&self, session: &SessionId) -> Result<Ledger, Error> {
        let of = session.clone();
        let text = self.store.run(move |tx| tx.ledger(&of)).await?;
        text.map_or_else(
            || Ok(Ledger::new()),
            |text| Ledger::parse(&text, &self.catalog).map_err(Error::from),
        )
    }

    /// What a model wrote, with what only strangers supplied leading nowhere.
    pub(crate) fn defanged(&self, text: String, ledger: &Ledger) -> String {
        if ledger.label.is_clean() {
            return text;
        }
        self.scan.defang(&text, &|lead| !ledger.provenance.strangers(lead).is_empty())
    }

    pub(crate) fn clean(&self, text: &str) -> String {
        self.redact.redact(text).into()
    }
}

fn namespace(tool: &ToolName) -> &str {
    tool.as_str().split('.').next().unwrap_or_default()
}
