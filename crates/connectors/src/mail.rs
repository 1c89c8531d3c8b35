//! The owner's mail: listed, read, searched; written as a draft; sent.

mod compose;
mod error;
mod folder;
mod imap;
mod maildir;
pub mod message;
mod proof;
pub mod sample;
mod search;
mod settings;
mod shown;
mod smtp;

pub use error::MailError;
pub use folder::Folder;
pub use maildir::Maildir;
pub use settings::{ImapServer, InternalMail, MailPlace, Mailbox, Security, ServerError, SmtpServer};

use crate::Finding;
use crate::stop::Stop;
use compose::Draft;
use domain::{Address, EffectKey, Timestamp};
use egress::Egress;
use imap::Imap;
use message::Mail;
use search::Query;
use std::sync::Arc;

/// A mail as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) folder: Folder,
    pub(crate) unique: String,
    pub(crate) received: i64,
    pub(crate) unread: bool,
    pub(crate) flagged: bool,
    pub(crate) bytes: u64,
    pub(crate) sample: bool,
    pub(crate) mail: Mail,
}

/// What one mailbox answered to a list or search.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) mails: Vec<(Summary, Option<String>)>,
    pub(crate) total: usize,
    pub(crate) unreadable: usize,
    pub(crate) cut: Option<&'static str>,
}

#[derive(Debug)]
enum Place {
    Maildir(Arc<Maildir>),
    Imap(Imap),
}

/// The owner's mailboxes, and the server that sends.
#[derive(Debug)]
pub struct MailBoxes {
    places: Vec<(String, Place)>,
    smtp: Option<SmtpServer>,
    egress: Arc<Egress>,
    internal: InternalMail,
}

impl MailBoxes {
    /// Opens the mailboxes; IMAP servers are first spoken to when they are needed.
    ///
    /// # Errors
    ///
    /// [`MailError`] when a Maildir cannot be opened.
    pub fn open(
        mailboxes: &[Mailbox],
        smtp: Option<SmtpServer>,
        egress: Arc<Egress>,
    ) -> Result<Self, MailError> {
        let mut places = Vec::new();
        for mailbox in mailboxes {
            let place = match &mailbox.place {
                MailPlace::Maildir(path) => Place::Maildir(Arc::new(Maildir::open(path)?)),
                MailPlace::Imap(server) => Place::Imap(Imap::new(server.clone())),
            };
            places.push((mailbox.name.clone(), place));
        }
        Ok(Self { places, smtp, egress, internal: InternalMail::default() })
    }

    /// The same, which knows the owner's own people.
    #[must_use]
    pub fn knowing(self, internal: InternalMail) -> Self {
        Self { internal, ..self }
    }

    /// The server that mail is sent through, if there is one: what a sending call leads to.
    #[must_use]
    pub fn smtp(&self) -> Option<&SmtpServer> {
        self.smtp.as_ref()
    }

    /// Whether any mailbox is the sample.
    #[must_use]
    pub fn has_sample(&self) -> bool {
        self.places.iter().any(|(_, place)| matches!(place, Place::Maildir(maildir) if maildir.is_sample()))
    }

    fn some(&self) -> Result<(), MailError> {
        if self.places.is_empty() { Err(MailError::NoMailbox) } else { Ok(()) }
    }

    /// The newest mails of `folder`; of every mailbox, unless it begins with the name of one and a `/`.
    ///
    /// # Errors
    ///
    /// [`MailError`] when no mailbox has the folder, or none can be read.
    pub async fn list(
        &self,
        folder: &str,
        unread: Unread,
        limit: usize,
        stop: &Stop,
    ) -> Result<Finding, MailError> {
        self.some()?;
        let (only, folder) = self.split(folder);
        let folder: Folder = folder.parse()?;
        let mut all = Vec::new();
        let mut missing = None;
        for (name, place) in self.places.iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
            let listed = match place {
                Place::Maildir(maildir) => {
                    let (maildir, folder, stop) = (Arc::clone(maildir), folder.clone(), stop.clone());
                    on_a_thread(move || list_maildir(&maildir, &folder, unread, limit, &stop)).await
                }
                Place::Imap(imap) => imap.list(&self.egress, &folder, unread, limit).await,
            };
            match listed {
                Ok(listing) => all.push((name.clone(), listing)),
                Err(error @ MailError::NoSuchFolder { .. }) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if all.is_empty() => Err(error),
            Some(_) | None => Ok(shown::listing(&folder, all, limit, &self.internal)),
        }
    }

    /// One mail.
    ///
    /// # Errors
    ///
    /// [`MailError::NoSuchMail`] when there is none of that id; others when it cannot be read.
    pub async fn read(&self, id: &str) -> Result<Finding, MailError> {
        let (name, summary) = self.mail(id).await?;
        Ok(shown::mail(&name, &summary, &self.internal))
    }

    async fn mail(&self, id: &str) -> Result<(String, Summary), MailError> {
        self.some()?;
        let none = || MailError::NoSuchMail { id: id.to_string() };
        let (name, rest) = id.split_once('/').ok_or_else(none)?;
        let (folder, unique) = rest.split_once('/').ok_or_else(none)?;
        let folder: Folder = folder.parse()?;
        let (name, place) = self.places.iter().find(|(known, _)| known == name).ok_or_else(none)?;
        let summary = match place {
            Place::Maildir(maildir) => {
                let (maildir, unique) = (Arc::clone(maildir), unique.to_string());
                let read = on_a_thread(move || {
                    let Some(found) = maildir.one(&folder, &unique)? else { return Ok(None) };
                    let mail = maildir.read(&found)?;
                    Ok(Some(maildir.summary_of(&folder, &found, mail)))
                });
                read.await?
            }
            Place::Imap(imap) => imap.read(&self.egress, &folder, unique).await?,
        };
        Ok((name.clone(), summary.ok_or_else(none)?))
    }

    /// The mails that hold every word of `query`, newest first.
    ///
    /// # Errors
    ///
    /// [`MailError`] when the query names no word, or a mailbox cannot be read.
    pub async fn search(&self, query: &str, limit: usize, stop: &Stop) -> Result<Finding, MailError> {
        self.some()?;
        let query = Arc::new(Query::parse(query)?);
        let mut all = Vec::new();
        for (name, place) in &self.places {
            let listing = match place {
                Place::Maildir(maildir) => {
                    let (maildir, query, stop) = (Arc::clone(maildir), Arc::clone(&query), stop.clone());
                    on_a_thread(move || search::maildir(&maildir, &query, limit, &stop)).await?
                }
                Place::Imap(imap) => imap.search(&self.egress, &query, limit).await?,
            };
            all.push((name.clone(), listing));
        }
        Ok(shown::found(all, limit, &self.internal))
    }

    /// Sends a mail, once: its Message-ID comes from `key`, so that a second one could be told.
    ///
    /// # Errors
    ///
    /// [`MailError`]; [`MailError::may_have_happened`] tells whether it may have been sent all the same.
    pub async fn send(
        &self,
        to: &Recipients,
        subject: &str,
        body: &str,
        answers: Option<&str>,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<Finding, MailError> {
        let server = self.smtp.as_ref().ok_or(MailError::NoServer)?;
        let answered = match answers {
            Some(id) => Some(self.mail(id).await?.1.mail),
            None => None,
        };
        let draft = Draft { from: Some(&server.from), to, subject, body, answers: answered.as_ref() };
        let message = compose::compose(&draft, key, now)?;
        let answer = smtp::send(&self.egress, server, &to.all(), &message.bytes).await?;
        // The mail is gone; that no copy could be kept must not make it look as if it were not.
        let copy = self.keep(Folder::sent(), message.bytes.clone(), "S", key, now).await.ok().flatten();
        Ok(shown::sent(&message.id, to, &answer, copy.as_deref()))
    }

    /// Writes a mail to the Drafts folder of the first Maildir.
    ///
    /// # Errors
    ///
    /// [`MailError::NoDrafts`] when no mailbox takes one; others when it cannot be written.
    pub async fn draft(
        &self,
        to: &Recipients,
        subject: &str,
        body: &str,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<Finding, MailError> {
        let from = self.smtp.as_ref().map(|server| &server.from);
        let message = compose::compose(&Draft { from, to, subject, body, answers: None }, key, now)?;
        let id =
            self.keep(Folder::drafts(), message.bytes, "DS", key, now).await?.ok_or(MailError::NoDrafts)?;
        Ok(shown::drafted(&id))
    }

    /// Keeps a mail of our own in the first Maildir that is not the sample, else in the first.
    async fn keep(
        &self,
        folder: Folder,
        bytes: Vec<u8>,
        flags: &'static str,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<Option<String>, MailError> {
        let maildirs = self.places.iter().filter_map(|(name, place)| match place {
            Place::Maildir(maildir) => Some((name, maildir)),
            Place::Imap(_) => None,
        });
        let Some((name, maildir)) = maildirs.min_by_key(|(_, maildir)| maildir.is_sample()) else {
            return Ok(None);
        };
        let (maildir, key) = (Arc::clone(maildir), key.clone());
        let received = i64::try_from(now.seconds()).unwrap_or(0);
        let kept = folder.clone();
        let unique = on_a_thread(move || maildir.add(&kept, &bytes, flags, received, &key)).await?;
        Ok(Some(format!("{name}/{folder}/{unique}")))
    }

    fn split<'a>(&self, folder: &'a str) -> (Option<&'a str>, &'a str) {
        match folder.split_once('/') {
            Some((name, rest)) if self.places.iter().any(|(known, _)| known == name) => (Some(name), rest),
            Some(_) | None => (None, folder),
        }
    }
}

/// Which mails a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// All of them.
    All,
    /// Those not read yet.
    Only,
}

/// Who gets a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// To whom it is.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
}

impl Recipients {
    fn all(&self) -> Vec<&Address> {
        let mut all: Vec<&Address> = self.to.iter().chain(&self.cc).collect();
        all.sort();
        all.dedup();
        all
    }
}

fn list_maildir(
    maildir: &Maildir,
    folder: &Folder,
    unread: Unread,
    limit: usize,
    stop: &Stop,
) -> Result<Listing, MailError> {
    let (found, odd) = maildir.find(folder)?;
    let wanted = |found: &&maildir::Found| unread == Unread::All || found.unread;
    let mut listing =
        Listing { total: found.iter().filter(wanted).count(), unreadable: odd, ..Listing::default() };
    for found in found.iter().filter(wanted).take(limit) {
        if stop.is_stopped() {
            listing.cut = Some("it was stopped");
            break;
        }
        match maildir.summary(folder, found) {
            Some(summary) => listing.mails.push((summary, None)),
            None => listing.unreadable = listing.unreadable.saturating_add(1),
        }
    }
    Ok(listing)
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MailError> + Send + 'static,
) -> Result<T, MailError> {
    tokio::task::spawn_blocking(work).await.map_err(|_stopped| MailError::Stopped)?
}
