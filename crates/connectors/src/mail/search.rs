//! Looking through mails for words.

use super::maildir::Maildir;
use super::message::Mail;
use super::{Folder, Listing, MailError};
use crate::stop::Stop;

/// The most mails that one search reads: some seconds' work.
const READ_MAX: usize = 5_000;
/// How much is read in all, in bytes.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most words that count.
const WORDS_MAX: usize = 12;
/// How much of the text around a word is shown, in characters.
const EXTRACT_CHARS_MAX: usize = 160;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// In sender, subject or text.
    pub(crate) words: Vec<String>,
    /// In the sender.
    pub(crate) from: Vec<String>,
    /// In the subject.
    pub(crate) subject: Vec<String>,
    /// Only in this folder.
    pub(crate) folder: Option<Folder>,
    /// Only mails that were not read.
    pub(crate) unread: bool,
}

impl Query {
    /// Reads `from:anna subject:"the bill" in:Sent is:unread word`.
    pub(crate) fn parse(text: &str) -> Result<Self, MailError> {
        let mut query = Self::default();
        for word in words(text).into_iter().take(WORDS_MAX) {
            match word.split_once(':') {
                Some(("from", rest)) if !rest.is_empty() => query.from.push(rest.to_string()),
                Some(("subject", rest)) if !rest.is_empty() => query.subject.push(rest.to_string()),
                Some(("in", rest)) if !rest.is_empty() => query.folder = Some(rest.parse()?),
                Some(("is", "unread")) => query.unread = true,
                Some(_) | None => query.words.push(word.to_lowercase()),
            }
        }
        for list in [&mut query.from, &mut query.subject] {
            list.iter_mut().for_each(|word| *word = word.to_lowercase());
        }
        let nothing = query.words.is_empty() && query.from.is_empty() && query.subject.is_empty();
        if nothing && query.folder.is_none() && !query.unread {
            Err(MailError::EmptyQuery)
        } else {
            Ok(query)
        }
    }

    /// The text around the first word found, when the mail holds all of them.
    pub(crate) fn matches(&self, mail: &Mail) -> Option<String> {
        let sender = format!(
            "{} {}",
            mail.from.as_deref().unwrap_or_default(),
            mail.name.as_deref().unwrap_or_default()
        );
        let (sender, subject, text) =
            (sender.to_lowercase(), mail.subject.to_lowercase(), mail.text.to_lowercase());
        let all = self.from.iter().all(|word| sender.contains(word.as_str()))
            && self.subject.iter().all(|word| subject.contains(word.as_str()))
            && self.words.iter().all(|word| {
                sender.contains(word.as_str())
                    || subject.contains(word.as_str())
                    || text.contains(word.as_str())
            });
        all.then(|| extract(&mail.text, &self.words))
    }
}

/// Words at white space; quotes hold words together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.trim().is_empty());
    words
}

fn extract(text: &str, words: &[String]) -> String {
    let line = text.lines().find(|line| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word.as_str()))
    });
    let line = line.or_else(|| text.lines().find(|line| !line.trim().is_empty())).unwrap_or_default();
    line.trim().chars().take(EXTRACT_CHARS_MAX).collect()
}

/// Searches every folder of a Maildir, or the one that the query names.
pub(crate) fn maildir(
    maildir: &Maildir,
    query: &Query,
    limit: usize,
    stop: &Stop,
) -> Result<Listing, MailError> {
    let folders = match &query.folder {
        Some(folder) => vec![folder.clone()],
        None => maildir.folders()?,
    };
    let mut listing = Listing::default();
    let mut read_bytes = 0_u64;
    for folder in folders {
        let (found, odd) = match maildir.find(&folder) {
            Ok(found) => found,
            Err(MailError::NoSuchFolder { .. }) => continue,
            Err(error) => return Err(error),
        };
        listing.unreadable = listing.unreadable.saturating_add(odd);
        for found in found {
            if query.unread && !found.unread {
                continue;
            }
            listing.cut = why_stop(&listing, read_bytes, stop);
            if listing.cut.is_some() {
                return Ok(listing);
            }
            listing.total = listing.total.saturating_add(1);
            read_bytes = read_bytes.saturating_add(found.bytes);
            let Ok(mail) = maildir.read(&found) else {
                listing.unreadable = listing.unreadable.saturating_add(1);
                continue;
            };
            if let Some(extract) = query.matches(&mail) {
                listing.mails.push((maildir.summary_of(&folder, &found, mail), Some(extract)));
            }
        }
    }
    listing.mails.sort_by_key(|(summary, _)| std::cmp::Reverse(summary.received));
    listing.mails.truncate(limit);
    Ok(listing)
}

fn why_stop(listing: &Listing, read_bytes: u64, stop: &Stop) -> Option<&'static str> {
    if stop.is_stopped() {
        Some("it was stopped")
    } else if listing.total >= READ_MAX || read_bytes > BYTES_MAX {
        Some("there is more mail than one search reads; narrow it with in:FOLDER")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_words_and_places() {
        let query = Query::parse("from:Anna subject:\"the Bill\" in:Sent is:unread Rent http://x").unwrap();
        assert_eq!(query.words, ["rent", "http://x"]);
        assert_eq!((query.from[0].as_str(), query.subject[0].as_str()), ("anna", "the bill"));
        assert_eq!((query.folder, query.unread), (Some(Folder::sent()), true));
        for text in ["", "  ", "\"\"", "in:../x"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_word_must_be_there() {
        let mail = Mail {
            from: Some("anna@x.org".into()),
            subject: "Rent".into(),
            text: "one\nthe bill is due\n".into(),
            ..Mail::default()
        };
        for (query, extract) in [
            ("bill", Some("the bill is due")),
            ("BILL rent", Some("the bill is due")),
            ("anna", Some("one")),
            ("bill missing", None),
            ("from:bob bill", None),
            ("subject:bill", None),
        ] {
            assert_eq!(Query::parse(query).unwrap().matches(&mail).as_deref(), extract, "{query}");
        }
    }
}
