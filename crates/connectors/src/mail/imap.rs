//! Mail on an IMAP server (RFC 3501), only ever looked at: folders are opened with EXAMINE, texts taken with PEEK.
//!
//! A connection lives for one question. The password is sent by egress and never seen here.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums grow; what was not asked for is passed over"
)]

mod wire;

use super::message::{MAIL_BYTES_MAX, Mail};
use super::search::Query;
use super::settings::ImapServer;
use super::{Folder, Listing, MailError, Summary, Unread};
use egress::Egress;
use imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode};
use wire::{Piece, Session};

/// The most mails of a search that are fetched.
const FETCHED_MAX: usize = 200;

/// A mailbox on a server.
#[derive(Debug)]
pub(crate) struct Imap {
    server: ImapServer,
}

struct Opened<'a> {
    session: Session<'a>,
    validity: u32,
    folder: Folder,
}

impl Imap {
    pub(crate) fn new(server: ImapServer) -> Self {
        Self { server }
    }

    pub(crate) async fn list(
        &self,
        egress: &Egress,
        folder: &Folder,
        unread: Unread,
        limit: usize,
    ) -> Result<Listing, MailError> {
        let mut opened = self.open(egress, folder).await?;
        let key = match unread {
            Unread::All => "ALL",
            Unread::Only => "UNSEEN",
        };
        let uids = opened.search(vec![Piece::text(key)]).await?;
        let mails = opened.fetch(&newest(&uids, limit), "BODY.PEEK[HEADER]").await?;
        Ok(opened.listing(uids.len(), mails.into_iter().map(|(summary, _)| (summary, None)).collect()))
    }

    pub(crate) async fn read(
        &self,
        egress: &Egress,
        folder: &Folder,
        unique: &str,
    ) -> Result<Option<Summary>, MailError> {
        let parts = unique.split_once('.');
        let Some((Ok(validity), Ok(uid))) =
            parts.map(|(validity, uid)| (validity.parse::<u32>(), uid.parse::<u32>()))
        else {
            return Ok(None);
        };
        let mut opened = self.open(egress, folder).await?;
        // The server may have numbered its mails anew; then this number is another mail's.
        if opened.validity != validity {
            return Ok(None);
        }
        let what = format!("BODY.PEEK[]<0.{}>", MAIL_BYTES_MAX.saturating_add(1));
        let mails = opened.fetch(&[uid], &what).await?;
        let read =
            mails.into_iter().next().map(|(summary, bytes)| Summary { mail: Mail::read(&bytes), ..summary });
        opened.session.log_out().await;
        Ok(read)
    }

    pub(crate) async fn search(
        &self,
        egress: &Egress,
        query: &Query,
        limit: usize,
    ) -> Result<Listing, MailError> {
        let folder = query.folder.clone().unwrap_or_else(Folder::inbox);
        let mut opened = match self.open(egress, &folder).await {
            Err(MailError::NoSuchFolder { .. }) => return Ok(Listing::default()),
            other => other?,
        };
        let mut pieces = vec![Piece::text("CHARSET UTF-8 ALL")];
        if query.unread {
            pieces.push(Piece::text(" UNSEEN"));
        }
        let fields = [(" TEXT ", &query.words), (" FROM ", &query.from), (" SUBJECT ", &query.subject)];
        for (field, words) in fields {
            for word in words {
                pieces.extend([Piece::text(field), Piece::literal(word)]);
            }
        }
        let uids = opened.search(pieces).await?;
        let wanted = newest(&uids, limit.min(FETCHED_MAX));
        let mails = opened.fetch(&wanted, "BODY.PEEK[HEADER]").await?;
        Ok(opened.listing(uids.len(), mails.into_iter().map(|(summary, _)| (summary, None)).collect()))
    }

    async fn open(&self, egress: &Egress, folder: &Folder) -> Result<Opened<'_>, MailError> {
        let mut session = Session::sign_in(egress, &self.server).await?;
        let name = wire::mailbox_name(folder.as_str());
        let answers = match session.command(vec![Piece::text("EXAMINE "), Piece::literal(&name)]).await {
            Err(MailError::Refused { .. }) => {
                return Err(MailError::NoSuchFolder { folder: folder.to_string() });
            }
            other => other?,
        };
        let validity = answers.iter().find_map(|answer| match answer {
            Response::Data { outcome, .. } => match &outcome.code {
                Some(ResponseCode::UidValidity(validity)) => Some(*validity),
                _other => None,
            },
            _other => None,
        });
        let validity = validity.ok_or_else(|| session.protocol("EXAMINE", "it names no UIDVALIDITY"))?;
        Ok(Opened { session, validity, folder: folder.clone() })
    }
}

/// The highest ids, which are the newest mails (RFC 3501 §2.3.1.1).
fn newest(uids: &[u32], limit: usize) -> Vec<u32> {
    let mut uids = uids.to_vec();
    uids.sort_unstable_by(|one, other| other.cmp(one));
    uids.truncate(limit);
    uids
}

impl Opened<'_> {
    async fn search(&mut self, mut keys: Vec<Piece>) -> Result<Vec<u32>, MailError> {
        keys.insert(0, Piece::text("UID SEARCH "));
        let answers = self.session.command(keys).await?;
        let found = answers.into_iter().filter_map(|answer| match answer {
            Response::MailboxData(MailboxDatum::Search(uids)) => Some(uids),
            _other => None,
        });
        Ok(found.flatten().collect())
    }

    /// Mails with the bytes of `what`; those that are gone meanwhile are not among them.
    async fn fetch(&mut self, uids: &[u32], what: &str) -> Result<Vec<(Summary, Vec<u8>)>, MailError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let line = format!("UID FETCH {set} (UID FLAGS INTERNALDATE RFC822.SIZE {what})");
        let answers = self.session.command(vec![Piece::text(&line)]).await?;
        let mut mails = Vec::new();
        for answer in answers {
            if let Response::Fetch(_, attributes) = answer
                && let Some((uid, mail)) = self.mail(&attributes)
                && uids.contains(&uid)
            {
                mails.push(mail);
            }
        }
        Ok(mails)
    }

    fn mail(&self, attributes: &[AttributeValue<'_>]) -> Option<(u32, (Summary, Vec<u8>))> {
        let mut uid = None;
        let mut bytes: &[u8] = &[];
        let (mut received, mut size, mut unread, mut flagged) = (0, 0, true, false);
        for attribute in attributes {
            match attribute {
                AttributeValue::Uid(number) => uid = Some(*number),
                AttributeValue::Rfc822Size(number) => size = u64::from(*number),
                AttributeValue::InternalDate(date) => received = moment(date),
                AttributeValue::Flags(flags) => {
                    let has = |name: &str| flags.iter().any(|flag| flag.eq_ignore_ascii_case(name));
                    (unread, flagged) = (!has("\\Seen"), has("\\Flagged"));
                }
                AttributeValue::BodySection { data: Some(data), .. } => bytes = data.as_ref(),
                _other => {}
            }
        }
        let uid = uid?;
        let summary = Summary {
            folder: self.folder.clone(),
            unique: format!("{}.{uid}", self.validity),
            received,
            unread,
            flagged,
            bytes: size,
            sample: false,
            mail: Mail::read_headers(bytes),
        };
        Some((uid, (summary, bytes.to_vec())))
    }

    fn listing(self, total: usize, mails: Vec<(Summary, Option<String>)>) -> Listing {
        Listing { mails, total, unreadable: 0, cut: None }
    }
}

/// `17-Jul-1996 02:44:25 -0700` (RFC 3501 §9, date-time).
fn moment(text: &str) -> i64 {
    jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim())
        .and_then(|parsed| parsed.to_timestamp())
        .map_or(0, jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_a_server_are_read() {
        for (text, seconds) in [
            ("26-May-2024 19:00:30 +0200", 1_716_742_830),
            (" 6-May-2024 17:00:30 +0000", 1_715_014_830),
            ("x", 0),
        ] {
            assert_eq!(moment(text), seconds, "{text}");
        }
    }
}
