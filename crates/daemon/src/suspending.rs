//! Bursts of refusals stop what they come from, and nothing else.
//!
//! The rule: when as many calls of one session are refused within ten minutes as `limits.refusals_per_ten_minutes`
//! says, the session is suspended. When as many are refused whose label has one and the same stranger and no other,
//! in whatever sessions, that stranger is suspended too: what they wrote leads to nothing of consequence any more.
//! A suspended session ends what it does and takes no messages. The owner begins another, or lets it go on with
//! `hardshell session resume`. No mail can stop the house, or the owner.
//!
//! A suspension is a file in `suspended/` of the home, so that it outlives a restart and is lifted at the machine.

use crate::tasks::Tasks;
use audit::{Entry, Event, LockdownAct, Log, Subject};
use domain::{Integrity, Label, Principal, SessionId, SourceKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The folder in the home.
const FOLDER: &str = "suspended";
/// Refusals that are further apart belong to no burst.
const WITHIN: Duration = Duration::from_secs(600);
/// How many sessions and strangers are counted at once; the longest quiet is forgotten.
const COUNTED_MAX: usize = 1024;
/// The longest file of a suspension, in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024;
/// How often it is looked whether one was lifted, so that it is on record.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is suspended: a session, or a stranger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// A conversation, by its id.
    Session(String),
    /// Whoever wrote what was read: `mail:x@example.org`.
    Source(String),
}

/// `session s-1`, `mail:x@example.org`
impl std::fmt::Display for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session(id) => write!(f, "session {id}"),
            Self::Source(source) => f.write_str(source),
        }
    }
}

/// One suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    version: u32,
    /// Of whom.
    pub whom: Whom,
    /// Since when, in milliseconds.
    pub since: u64,
    /// Why.
    pub why: String,
}

/// What is suspended in one home.
#[derive(Debug)]
pub struct Suspensions {
    folder: PathBuf,
    limit: usize,
    state: Mutex<State>,
    told: mpsc::UnboundedSender<Suspension>,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<Whom, Suspension>,
    /// The files that `kept` was read from.
    files: BTreeSet<OsString>,
    refusals: BTreeMap<Whom, VecDeque<Timestamp>>,
}

impl Suspensions {
    /// Those of the home at `root`; `limit` refusals are a burst. The other half hears of each new one.
    pub(crate) fn of(root: &Path, limit: u32) -> (Self, mpsc::UnboundedReceiver<Suspension>) {
        let (told, hears) = mpsc::unbounded_channel();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        (Self { folder: root.join(FOLDER), limit, state: Mutex::default(), told }, hears)
    }

    /// Counts a refused call, made at `now` under `label`.
    pub(crate) fn refused(&self, session: &SessionId, label: &Label, now: Timestamp) {
        let mut state = self.state();
        let stranger = only_stranger(label).map(Whom::Source);
        for whom in [Some(Whom::Session(session.to_string())), stranger].into_iter().flatten() {
            let count = state.count(&whom, now);
            if count < self.limit || state.kept.contains_key(&whom) {
                continue;
            }
            state.refusals.remove(&whom);
            let why = format!("{count} calls were refused within ten minutes");
            let suspension = Suspension { version: 1, whom: whom.clone(), since: now.0, why };
            // It holds from here on, also when the disk does not take it.
            state.kept.insert(whom, suspension.clone());
            if let Err(error) = self.keep(&suspension) {
                tracing::error!(%error, whom = %suspension.whom, "a suspension could not be kept: it ends with the next stop");
            }
            // Nobody hears of it when the house is closing.
            let _closing = self.told.send(suspension);
        }
    }

    /// Whether nothing of consequence may come of `session` under `label`.
    pub(crate) fn holds_back(&self, session: &SessionId, label: &Label) -> bool {
        let state = self.state();
        if state.kept.is_empty() {
            return false;
        }
        state.kept.contains_key(&Whom::Session(session.to_string()))
            || label.sources().any(|source| state.kept.contains_key(&Whom::Source(source.to_string())))
    }

    /// Why a session takes no messages; nothing when it does.
    pub(crate) fn of_session(&self, session: &SessionId) -> Option<Suspension> {
        self.state().kept.get(&Whom::Session(session.to_string())).cloned()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Suspension> {
        self.state().kept.values().cloned().collect()
    }

    /// As the folder has it now.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let files = names(&self.folder).unwrap_or_else(|_unreadable| state.files.clone());
        if files != state.files {
            match read_all(&self.folder) {
                Ok(kept) => {
                    state.kept = kept;
                    state.files = files;
                }
                // What cannot be read now was suspended before, and stays so.
                Err(error) => tracing::error!(%error, "the suspensions cannot be read"),
            }
        }
        state
    }

    fn keep(&self, suspension: &Suspension) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = path_of(&self.folder, &suspension.whom);
        let beside = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(serde_json::to_string(suspension)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

impl State {
    /// How many refusals of `whom` stand within the time, this one with them.
    fn count(&mut self, whom: &Whom, now: Timestamp) -> usize {
        self.refusals.retain(|_, moments| moments.back().is_some_and(|last| now.since(*last) <= WITHIN));
        if self.refusals.len() >= COUNTED_MAX && !self.refusals.contains_key(whom) {
            let quiet = self.refusals.iter().min_by_key(|(_, moments)| moments.back().copied());
            if let Some(quiet) = quiet.map(|(whom, _)| whom.clone()) {
                self.refusals.remove(&quiet);
            }
        }
        let moments = self.refusals.entry(whom.clone()).or_default();
        moments.push_back(now);
        while moments.front().is_some_and(|first| now.since(*first) > WITHIN) {
            moments.pop_front();
        }
        moments.len()
    }
}

/// The one stranger whose words stand in a label; nobody when there are several, for who of them it was cannot be told.
fn only_stranger(label: &Label) -> Option<String> {
    if label.integrity() != Integrity::Untrusted {
        return None;
    }
    let mut strangers = label.sources().filter(|source| match source.kind() {
        SourceKind::Person | SourceKind::Quote | SourceKind::Mail | SourceKind::Web | SourceKind::Tool => {
            true
        }
        SourceKind::Owner
        | SourceKind::Config
        | SourceKind::File
        | SourceKind::Command
        | SourceKind::Host
        | SourceKind::Memory
        | SourceKind::Model => false,
    });
    let first = strangers.next()?;
    strangers.next().is_none().then(|| first.to_string())
}

fn path_of(folder: &Path, whom: &Whom) -> PathBuf {
    let digest = blake3::hash(whom.to_string().as_bytes()).to_hex();
    folder.join(format!("{}.json", digest.get(..32).unwrap_or_default()))
}

/// The files of suspensions; none where there is no folder.
fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut all = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == "json") {
            all.insert(name);
        }
    }
    Ok(all)
}

fn read_all(folder: &Path) -> io::Result<BTreeMap<Whom, Suspension>> {
    let mut all = BTreeMap::new();
    for name in names(folder)? {
        let mut text = String::new();
        fs::File::open(folder.join(name))?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        let suspension: Suspension = serde_json::from_str(&text).map_err(io::Error::other)?;
        all.insert(suspension.whom.clone(), suspension);
    }
    Ok(all)
}

/// What is suspended in the home at `root`, whether or not it runs.
///
/// # Errors
///
/// What the system says.
pub fn suspensions(root: &Path) -> io::Result<Vec<Suspension>> {
    read_all(&root.join(FOLDER)).map(|all| all.into_values().collect())
}

/// Lets a session or a stranger go on. For whoever sits at the machine: nothing that comes in over a channel calls
/// this. Tells whether it was suspended.
///
/// # Errors
///
/// What the system says.
pub fn dangerous_resume(root: &Path, whom: &Whom) -> io::Result<bool> {
    match fs::remove_file(path_of(&root.join(FOLDER), whom)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts suspensions on record as they come and go, and ends what a suspended session does.
pub(crate) struct Suspending {
    pub(crate) suspensions: Arc<Suspensions>,
    pub(crate) hears: mpsc::UnboundedReceiver<Suspension>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) log: Arc<Log>,
    pub(crate) publish: Box<dyn Fn() + Send + Sync>,
}

impl Suspending {
    /// For as long as the house stands.
    pub(crate) async fn keep(mut self) {
        let mut known: BTreeSet<Whom> = self.suspensions.all().into_iter().map(|one| one.whom).collect();
        loop {
            match tokio::time::timeout(LOOK_EVERY, self.hears.recv()).await {
                Ok(Some(suspension)) => {
                    if let Whom::Session(id) = &suspension.whom
                        && let Ok(session) = id.parse()
                    {
                        self.tasks.cancel(&session).await;
                    }
                    let why = format!("{}: {}", suspension.whom, suspension.why);
                    self.note(LockdownAct::Suspended, &suspension.whom, why).await;
                    known.insert(suspension.whom);
                    (self.publish)();
                }
                Ok(None) => return,
                Err(_elapsed) => {
                    let now: BTreeSet<Whom> =
                        self.suspensions.all().into_iter().map(|one| one.whom).collect();
                    for whom in known.difference(&now) {
                        let why = format!("{whom}: let go on by the owner at the machine");
                        self.note(LockdownAct::Resumed, whom, why).await;
                    }
                    if known != now {
                        known = now;
                        (self.publish)();
                    }
                }
            }
        }
    }

    async fn note(&self, act: LockdownAct, whom: &Whom, why: String) {
        let session = match whom {
            Whom::Session(id) => id.parse().ok(),
            Whom::Source(_) => None,
        };
        let subject = Subject { session, principal: Some(Principal::house()), ..Subject::default() };
        let entry = Entry { subject, event: Event::Lockdown { act, why } };
        if let Err(error) = self.log.note(entry, (gateway::clock())()).await {
            tracing::error!(%error, %whom, "a suspension could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Source, Tier};

    const NOW: Timestamp = Timestamp(1_760_000_000_000);

    fn label(sources: &[(SourceKind, &str)]) -> Label {
        sources
            .iter()
            .map(|(kind, name)| Label::new(Integrity::Untrusted, Tier::Low, Source::new(*kind, name)))
            .fold(Label::owner(), |all, one| all.join(&one))
    }

    fn session(name: &str) -> SessionId {
        name.parse().unwrap()
    }

    fn whoms(suspensions: &Suspensions) -> Vec<String> {
        suspensions.all().iter().map(|one| one.whom.to_string()).collect()
    }

    #[test]
    fn a_burst_stops_its_session_and_its_only_stranger_and_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let (suspensions, mut hears) = Suspensions::of(home.path(), 3);
        let eve = label(&[(SourceKind::Mail, "eve@evil.example")]);
        let both = label(&[(SourceKind::Mail, "eve@evil.example"), (SourceKind::Web, "https://a.example")]);
        suspensions.refused(&session("a"), &eve, NOW);
        suspensions.refused(&session("b"), &eve, NOW);
        assert!(whoms(&suspensions).is_empty());
        suspensions.refused(&session("c"), &eve, NOW);
        assert_eq!(whoms(&suspensions), ["mail:eve@evil.example"]);
        assert!(suspensions.holds_back(&session("new"), &both));
        assert!(!suspensions.holds_back(&session("new"), &Label::owner()), "the owner is not locked out");
        for _ in 0..3 {
            suspensions.refused(&session("d"), &both, NOW);
        }
        assert_eq!(whoms(&suspensions), ["session d", "mail:eve@evil.example"]);
        assert!(suspensions.holds_back(&session("d"), &Label::owner()));
        assert_eq!(hears.try_recv().unwrap().whom, Whom::Source("mail:eve@evil.example".into()));
        assert_eq!(hears.try_recv().unwrap().whom, Whom::Session("d".into()));
    }

    #[test]
    fn refusals_that_are_far_apart_are_no_burst() {
        let home = tempfile::tempdir().unwrap();
        let (suspensions, _hears) = Suspensions::of(home.path(), 3);
        for minutes in [0, 4, 9, 14, 19, 24_u32] {
            suspensions.refused(&session("a"), &Label::owner(), NOW.after(Duration::from_secs(60) * minutes));
        }
        assert_eq!(whoms(&suspensions), ["session a"], "three of them stand within ten minutes");
        let (suspensions, _hears) = Suspensions::of(tempfile::tempdir().unwrap().path(), 3);
        for minutes in [0, 6, 12, 18, 24_u32] {
            suspensions.refused(&session("a"), &Label::owner(), NOW.after(Duration::from_secs(60) * minutes));
        }
        assert!(whoms(&suspensions).is_empty());
    }

    #[test]
    fn it_outlives_a_restart_and_is_lifted_at_the_machine() {
        let home = tempfile::tempdir().unwrap();
        let (suspensions, _hears) = Suspensions::of(home.path(), 1);
        suspensions.refused(&session("a"), &Label::owner(), NOW);
        drop(suspensions);
        let (suspensions, _hears) = Suspensions::of(home.path(), 1);
        assert!(suspensions.of_session(&session("a")).is_some());
        assert!(!dangerous_resume(home.path(), &Whom::Session("b".into())).unwrap());
        assert!(dangerous_resume(home.path(), &Whom::Session("a".into())).unwrap());
        assert!(suspensions.of_session(&session("a")).is_none());
        assert!(super::suspensions(home.path()).unwrap().is_empty());
        // What cannot be read lifts nothing.
        suspensions.refused(&session("a"), &Label::owner(), NOW);
        fs::write(home.path().join(FOLDER).join("other.json"), "{").unwrap();
        assert!(suspensions.of_session(&session("a")).is_some());
    }
}
