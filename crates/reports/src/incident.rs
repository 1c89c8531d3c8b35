//! What happened in an incident, put together from the log: how it came in, what its label reached, what was read,
//! written, run, sent and refused, and which secrets could have been used.

mod graph;
mod packet;
mod story;

pub use graph::picture;
pub use packet::{Facts, PacketError, Verified, pack, verify};
pub use story::{as_page, in_words, json};

use audit::{Ending, Entry, Error, Event, Go, Record, SecretAct, Seq, TargetKind};
use audit_query::{Filter, Order, visit};
use domain::{Effect, Integrity, SessionId, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most records that are looked at; an incident with more is told by a narrower scope.
const RECORDS_MAX: u64 = 1_000_000;
/// The most deeds of one kind that are told one by one.
const DEEDS_MAX: usize = 2_000;
/// For whom the live proofs ask the way out.
const PROOF: &str = "proof";

/// What belongs to the incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// From this moment.
    pub from: Timestamp,
    /// Up to before this one.
    pub until: Timestamp,
    /// Only this session.
    pub session: Option<SessionId>,
    /// Only what this source reached: `mail:x@example.org`, or a whole kind: `mail:*`.
    pub source: Option<String>,
}

/// Something that was done, asked or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its record.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// In which session.
    pub session: String,
    /// What: `mail.send`, `shell.run`.
    pub name: String,
    /// What it reaches, each as `kind:value`.
    pub targets: Vec<String>,
    /// The rules that decided, worst first; or how it ended.
    pub because: String,
    /// The untrusted sources that stood in the session when it happened.
    pub sources: Vec<String>,
}

/// The first thing of a stranger's that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayIn {
    /// The record under whose label it is first seen.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// In which session.
    pub session: String,
    /// From where.
    pub sources: Vec<String>,
    /// With which look it came: `mail.read`.
    pub by: String,
}

/// A secret that was used in the time, or could have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// The hosts it went to.
    pub hosts: BTreeSet<String>,
    /// How often.
    pub uses: u64,
    /// Whether it was seen where it must not be.
    pub seen: bool,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// How many records belong to it.
    pub records: u64,
    /// The first and the last of them.
    pub first: Option<Seq>,
    /// The last.
    pub last: Option<Seq>,
    /// How it came in; one entry a session.
    pub ways_in: Vec<WayIn>,
    /// Looks: files, mails, pages.
    pub read: Vec<Deed>,
    /// Files and settings that were changed or deleted.
    pub written: Vec<Deed>,
    /// Commands.
    pub run: Vec<Deed>,
    /// What left the house: mails, requests with something in them, money.
    pub sent: Vec<Deed>,
    /// What was refused.
    pub refused: Vec<Deed>,
    /// What the owner was asked, and what they answered.
    pub asked: Vec<Deed>,
    /// What failed or is not known to have happened.
    pub unclear: Vec<Deed>,
    /// Connections by host: how many were let through, how many refused, and the bytes that went out.
    pub hosts: BTreeMap<String, (u64, u64, u64)>,
    /// Secrets, by name.
    pub secrets: BTreeMap<String, Exposed>,
    /// Lockdowns and suspensions.
    pub lockdowns: Vec<Deed>,
    /// Failed proofs.
    pub failed_proofs: Vec<Deed>,
    /// Whether something was left out because there was too much.
    pub cut: bool,
}

/// Puts the incident together from the log in `folder`.
///
/// # Errors
///
/// As [`audit_query::query`].
pub fn collect(folder: &Path, scope: &Scope) -> Result<Incident, Error> {
    let filter = Filter {
        from: Some(scope.from),
        until: Some(scope.until),
        order: Order::OldestFirst,
        ..Filter::default()
    };
    let mut reached = Reached { scope, incident: Incident::default(), tainted: BTreeMap::new() };
    visit(folder, &filter, &mut |record| {
        if reached.incident.records >= RECORDS_MAX {
            reached.incident.cut = true;
            return Go::Stop;
        }
        if let Ok(Some(entry)) = record.entry() {
            reached.take(&record, &entry);
        }
        Go::On
    })?;
    Ok(reached.incident)
}

struct Reached<'a> {
    scope: &'a Scope,
    incident: Incident,
    /// The untrusted sources that each session has met so far.
    tainted: BTreeMap<String, BTreeSet<String>>,
}

impl Reached<'_> {
    fn take(&mut self, record: &Record, entry: &Entry) {
        let session = entry.subject.session.as_ref().map(ToString::to_string).unwrap_or_default();
        let of_session =
            self.scope.session.as_ref().is_none_or(|wanted| entry.subject.session.as_ref() == Some(wanted));
        // What has no session (connections, secrets, proofs, lockdowns) concerns all of them.
        if (!of_session && !session.is_empty()) || is_of_the_house_itself(&entry.event) {
            return;
        }
        self.meet(record, entry, &session);
        let sources: Vec<String> =
            self.tainted.get(&session).map(|met| met.iter().cloned().collect()).unwrap_or_default();
        let reached = session.is_empty()
            || self.scope.source.as_ref().is_none_or(|wanted| sources.iter().any(|met| is_of(met, wanted)));
        if !reached {
            return;
        }
        self.incident.records = self.incident.records.saturating_add(1);
        self.incident.first.get_or_insert(record.seq());
        self.incident.last = Some(record.seq());
        self.sort(
            entry,
            Deed {
                seq: record.seq(),
                time: record.time(),
                session,
                name: String::new(),
                targets: Vec::new(),
                because: String::new(),
                sources,
            },
        );
    }

    /// Notes what the label says the session has met.
    fn meet(&mut self, record: &Record, entry: &Entry, session: &str) {
        let Some(label) =
            entry.subject.label.as_ref().filter(|label| label.integrity() == Integrity::Untrusted)
        else {
            return;
        };
        let met = self.tainted.entry(session.to_string()).or_default();
        let before = met.len();
        met.extend(label.sources().map(ToString::to_string));
        let by = match &entry.event {
            Event::Outcome { name, .. } => name.clone(),
            Event::Inbound { sender, .. } => format!("a message on {}", sender.channel),
            Event::Intent { deed, .. } | Event::Refusal { deed, .. } | Event::Question { deed, .. } => {
                deed.name.clone()
            }
            Event::Answer { .. }
            | Event::SignIn { .. }
            | Event::Config { .. }
            | Event::Policy { .. }
            | Event::Secret { .. }
            | Event::Proof { .. }
            | Event::Lockdown { .. }
            | Event::Backup { .. }
            | Event::Connection { .. } => record.kind().to_string(),
        };
        let wanted = self.scope.source.as_ref();
        if before == 0 && wanted.is_none_or(|wanted| met.iter().any(|source| is_of(source, wanted))) {
            self.incident.ways_in.push(WayIn {
                seq: record.seq(),
                time: record.time(),
                session: session.to_string(),
                sources: met.iter().cloned().collect(),
                by,
            });
        }
    }

    fn sort(&mut self, entry: &Entry, deed: Deed) {
        let ids = |rules: &[domain::RuleHit]| {
            rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        let of = |of: &audit::Deed, because: String| Deed {
            name: of.name.clone(),
            targets: of.targets.iter().map(ToString::to_string).collect(),
            because,
            ..deed.clone()
        };
        let incident = &mut self.incident;
        match &entry.event {
            Event::Intent { deed, rules, .. } => {
                let model = deed.targets.iter().any(|target| target.kind == TargetKind::Model);
                let list = match deed.effect {
                    // Asking the model and answering the owner are how it works; what leaves is told by host below.
                    Effect::Send if model || deed.name == "session.reply" => return,
                    Effect::Read | Effect::Fetch => &mut incident.read,
                    Effect::Write | Effect::Delete | Effect::Configure => &mut incident.written,
                    Effect::Execute => &mut incident.run,
                    Effect::Send | Effect::Spend => &mut incident.sent,
                };
                push(list, of(deed, ids(rules)), &mut incident.cut);
            }
            Event::Refusal { deed, rules } => {
                push(&mut incident.refused, of(deed, ids(rules)), &mut incident.cut);
            }
            Event::Question { deed, rules, .. } => {
                push(&mut incident.asked, of(deed, ids(rules)), &mut incident.cut);
            }
            Event::Answer { question, answer, .. } => {
                let because = format!("{question}: {}", answer.as_str());
                push(
                    &mut incident.asked,
                    Deed { name: "answer".to_string(), because, ..deed },
                    &mut incident.cut,
                );
            }
            Event::Outcome {
                name, ending: Ending::MayHaveHappened(_) | Ending::Unknown, targets, ..
            } => {
                let targets = targets.iter().map(ToString::to_string).collect();
                let because = "it is not known whether it happened".to_string();
                push(
                    &mut incident.unclear,
                    Deed { name: name.clone(), targets, because, ..deed },
                    &mut incident.cut,
                );
            }
            Event::Connection { host, verdict, bytes_out, .. } => {
                let (let_through, refused, out) = incident.hosts.entry(host.clone()).or_default();
                match verdict {
                    Verdict::Allow => *let_through = let_through.saturating_add(1),
                    Verdict::Ask | Verdict::Deny => *refused = refused.saturating_add(1),
                }
                *out = out.saturating_add(*bytes_out);
            }
            Event::Secret { secret, act, host } => {
                let exposed = incident.secrets.entry(secret.to_string()).or_default();
                exposed.hosts.extend(host.iter().map(ToString::to_string));
                exposed.uses = exposed.uses.saturating_add(u64::from(*act == SecretAct::Lent));
                exposed.seen |= *act == SecretAct::Seen;
            }
            Event::Lockdown { act, why } => {
                let because = why.clone();
                push(
                    &mut incident.lockdowns,
                    Deed { name: act.as_str().to_string(), because, ..deed },
                    &mut incident.cut,
                );
            }
            Event::Proof { name, state: audit::ProofState::Failed, detail } => {
                let because = detail.clone();
                push(
                    &mut incident.failed_proofs,
                    Deed { name: name.clone(), because, ..deed },
                    &mut incident.cut,
                );
            }
            Event::Outcome { .. }
            | Event::Inbound { .. }
            | Event::SignIn { .. }
            | Event::Config { .. }
            | Event::Policy { .. }
            | Event::Proof { .. }
            | Event::Backup { .. } => {}
        }
    }
}

/// Whether it is one of the live proofs, which try the house's own walls at every start; one that failed is told.
fn is_of_the_house_itself(event: &Event) -> bool {
    matches!(event, Event::Proof { state, .. } if *state != audit::ProofState::Failed)
        || matches!(event, Event::Connection { by, .. } if by == PROOF)
}

fn push(list: &mut Vec<Deed>, deed: Deed, cut: &mut bool) {
    if list.len() < DEEDS_MAX {
        list.push(deed);
    } else {
        *cut = true;
    }
}

/// Whether a source is the wanted one, or of the wanted kind (`mail:*`).
fn is_of(source: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(kind) => source.starts_with(kind),
        None => source == wanted,
    }
}
