//! What comes in: durable before it is acknowledged, labelled before anything reads it.

use crate::Error;
use crate::broker::{Broker, Speaker};
use crate::happened::What;
use crate::ledger::{Ledger, Note};
use audit::{Content, Entry, Event};
use domain::{
    Inbound, Integrity, ItemBody, Label, Labelled, Role, Source, SourceKind, TaskId, TaskState,
    TextIsolation, Tier,
};
use policy::{Extension, Mandate, grants_of_typed};
use store::{Delivered, Session};

/// How long a title is that a session gets from its first message, in characters.
const TITLE_CHARACTERS: usize = 60;

/// A message that has been taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The task that it began.
    pub task: TaskId,
    /// Whether this was the first time.
    pub fresh: bool,
}

impl Broker {
    /// Takes a message in. When this returns, the message and its task are on disk; the same id of the same sender
    /// again gives the same task.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`], [`Error::Store`]: then it was not taken in, and may be sent again.
    pub async fn deliver(&self, mut inbound: Inbound, task: TaskId) -> Result<Taken, Error> {
        // A secret that somebody types or pastes never reaches a transcript.
        let said = self.clean(&inbound.text);
        let held_a_secret = said != inbound.text;
        inbound.text = said;
        inbound.quoted = inbound.quoted.map(|quoted| self.clean(&quoted));
        let who = Speaker {
            session: inbound.session.clone(),
            task: task.clone(),
            principal: inbound.principal.clone(),
            channel: inbound.sender.channel,
        };
        let key = self.log.content_key();
        let mut contents = vec![Content::of("text", inbound.text.as_bytes(), key)];
        contents.extend(inbound.quoted.iter().map(|quoted| Content::of("quoted", quoted.as_bytes(), key)));
        let event = Event::Inbound { message: inbound.id.clone(), sender: inbound.sender.clone(), contents };
        let mut subject = who.subject();
        subject.label = Some(label_of_words(&inbound, held_a_secret));
        self.log.note(Entry { subject, event }, inbound.received).await?;
        let (message, text) = (inbound.id.to_string(), inbound.text.clone());
        let delivered = self.store.run(move |tx| {
            match tx.session(&inbound.session)? {
                None => tx.add_session(&session_for(&inbound))?,
                Some(session) if session.title.is_empty() => {
                    tx.rename_session(&session.id, &title_of(&inbound))?
                }
                Some(_) => {}
            }
            let delivered = tx.deliver(&inbound, &task)?;
            tx.touch_session(&inbound.session, &Label::nothing(), inbound.received)?;
            Ok((delivered, task))
        });
        match delivered.await? {
            (Delivered::First, task) => {
                self.tell(&who, What::Accepted { message, by: who.principal.to_string(), text });
                Ok(Taken { task, fresh: true })
            }
            (Delivered::Again { task: before, .. }, _) => Ok(Taken { task: before, fresh: false }),
        }
    }

    /// Begins what a message asked for: its words enter the session, under their label, and what the owner's last task
    /// was allowed lapses. Does nothing when the task has begun before.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Ledger`].
    pub async fn begin_task(&self, who: &Speaker) -> Result<(), Error> {
        let of = who.task.clone();
        let (row, items) = self.store.run(move |tx| Ok((tx.inbound_of(&of)?, tx.items_of(&of)?))).await?;
        let begun = items.iter().any(|item| matches!(item.body_ref(), ItemBody::Said { .. }));
        let Some(row) = row.filter(|_| !begun) else { return Ok(()) };
        let inbound = row.inbound;
        let held_a_secret = inbound.text.contains("[redacted:");
        let words = label_of_words(&inbound, held_a_secret);
        let label =
            inbound.quoted.as_ref().map_or_else(|| words.clone(), |_| words.clone().join(&label_of_quote()));
        let mut ledger = self.ledger(&who.session).await?;
        match self.house.quarantine().isolation {
            TextIsolation::Strict if ledger.shown => return Err(Error::NotApart),
            TextIsolation::Strict => {}
            TextIsolation::Wrapped => ledger.shown |= inbound.quoted.is_some(),
        }
        self.give_leave(&mut ledger, &inbound, &words);
        ledger.read(&label);
        let strange = inbound.quoted.iter().chain((!words.is_clean()).then_some(&inbound.text));
        ledger.suspicious |= strange.into_iter().any(|text| self.scan.is_suspicious(text));
        let body =
            ItemBody::Said { by: who.principal.to_string(), text: inbound.text, quoted: inbound.quoted };
        self.append(who, ledger, vec![Labelled::new(body, label)], None).await
    }

    /// What the owner's words are leave for by themselves: a slash command, for exactly what it says.
    fn give_leave(&self, ledger: &mut Ledger, inbound: &Inbound, words: &Label) {
        ledger.mandate = Mandate::default();
        ledger.typed = None;
        ledger.extracted.clear();
        ledger.provenance.extracted.clear();
        ledger.note(Note::Text { text: inbound.text.clone(), label: words.clone() }, &self.catalog);
        if inbound.principal.role == Role::Owner && inbound.quoted.is_none() && inbound.text.starts_with('/')
        {
            ledger.typed = Some(inbound.text.clone());
            // Too many grants is the only error a typed line can meet; then it has none, and asks.
            let _ = ledger.mandate.extend(grants_of_typed(&inbound.text), Extension::OwnerSpoke);
        }
        if !ledger.label.is_clean() {
            ledger.mandate.freeze();
        }
    }

    /// Ends a task otherwise than by a reply.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn end_task(&self, who: &Speaker, state: TaskState, why: &str) -> Result<(), Error> {
        let why = self.clean(why);
        let label = Label::new(Integrity::Attested, Tier::Low, Source::new(SourceKind::Config, "hardshell"));
        let ledger = self.ledger(&who.session).await?;
        let body = Labelled::new(ItemBody::Ended { state, why: why.clone() }, label);
        self.append(who, ledger, vec![body], Some(state)).await?;
        self.tell(who, What::Ended { state, why });
        Ok(())
    }
}

fn session_for(inbound: &Inbound) -> Session {
    Session {
        id: inbound.session.clone(),
        title: title_of(inbound),
        created: inbound.received,
        active: inbound.received,
        channel: inbound.sender.channel,
        principal: inbound.principal.clone(),
        label: Label::nothing(),
        revoked: None,
        ceiling: None,
    }
}

fn title_of(inbound: &Inbound) -> String {
    inbound.text.lines().next().unwrap_or_default().chars().take(TITLE_CHARACTERS).collect()
}

fn label_of_words(inbound: &Inbound, held_a_secret: bool) -> Label {
    let label = match inbound.principal.role {
        Role::Owner | Role::House => Label::owner(),
        Role::Member | Role::Guest => {
            let person = Source::new(SourceKind::Person, &inbound.principal.to_string());
            Label::new(Integrity::Untrusted, Tier::Medium, person)
        }
    };
    if held_a_secret { label.raised_to(Tier::High) } else { label }
}

fn label_of_quote() -> Label {
    Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Quote, "quoted"))
}
