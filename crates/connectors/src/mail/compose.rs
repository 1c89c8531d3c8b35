//! A mail of our own, put into the form that mail has.

use super::message::Mail;
use super::{MailError, Recipients};
use domain::{Address, EffectKey, Timestamp};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Mailbox, Message, MessageBuilder, SinglePart};
use std::time::{Duration, UNIX_EPOCH};

/// The most ids that `References` names: the first and the last ones count (RFC 5322 §3.6.4).
const REFERENCES_MAX: usize = 20;

/// What is to be written.
pub(crate) struct Draft<'a> {
    pub(crate) from: Option<&'a Address>,
    pub(crate) to: &'a Recipients,
    pub(crate) subject: &'a str,
    pub(crate) body: &'a str,
    pub(crate) answers: Option<&'a Mail>,
}

/// A mail, ready to go.
#[derive(Debug)]
pub(crate) struct Composed {
    /// Its Message-ID, with its angle brackets.
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
}

/// Writes the mail. The same key gives the same Message-ID, and the same key, moment and content the same bytes.
pub(crate) fn compose(draft: &Draft<'_>, key: &EffectKey, now: Timestamp) -> Result<Composed, MailError> {
    let bad = |reason: String| MailError::Compose { reason };
    if draft.subject.chars().any(char::is_control) {
        return Err(bad("its subject is not one line of plain text".to_string()));
    }
    let domain = draft.from.and_then(Address::domain).unwrap_or("hardshell.invalid");
    let digest = blake3::derive_key("hardshell mail message-id v1", key.as_str().as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let id = format!("<{hex}@{domain}>");
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(now.seconds())).unwrap_or(UNIX_EPOCH);
    let mut builder = Message::builder().date(moment).message_id(Some(id.clone())).subject(draft.subject);
    let nobody: Address =
        "nobody@hardshell.invalid".parse().map_err(|error: domain::HostError| bad(error.to_string()))?;
    builder = builder.from(mailbox(draft.from.unwrap_or(&nobody))?);
    for address in &draft.to.to {
        builder = builder.to(mailbox(address)?);
    }
    for address in &draft.to.cc {
        builder = builder.cc(mailbox(address)?);
    }
    builder = threaded(builder, draft.answers);
    if draft.to.to.is_empty() {
        // A draft may lack recipients; the envelope is never taken from here.
        let envelope = lettre::address::Envelope::new(None, vec![plain(&nobody)?])
            .map_err(|error| bad(error.to_string()))?;
        builder = builder.envelope(envelope);
    }
    let body = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(draft.body.replace("\r\n", "\n").replace('\r', "\n"));
    let message = builder.singlepart(body).map_err(|error| bad(error.to_string()))?;
    Ok(Composed { id, bytes: message.formatted() })
}

fn threaded(builder: MessageBuilder, answers: Option<&Mail>) -> MessageBuilder {
    let Some(mail) = answers else { return builder };
    let Some(last) = mail.message_id.as_deref().and_then(id) else { return builder };
    let mut references: Vec<String> = mail.references.iter().filter_map(|text| id(text)).collect();
    let skip = references.len().saturating_sub(REFERENCES_MAX);
    references.drain(..skip);
    references.push(last.clone());
    builder.in_reply_to(last).references(references.join(" "))
}

/// A stranger's Message-ID, in brackets, if it is one that can stand in a header.
fn id(text: &str) -> Option<String> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    let fine = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"');
    (!bare.is_empty() && bare.len() <= 250 && bare.chars().all(fine)).then(|| format!("<{bare}>"))
}

fn plain(address: &Address) -> Result<lettre::Address, MailError> {
    address.as_str().parse().map_err(|error: lettre::address::AddressError| MailError::Compose {
        reason: format!("`{address}` is not a mail address: {error}"),
    })
}

fn mailbox(address: &Address) -> Result<Mailbox, MailError> {
    plain(address).map(|address| Mailbox::new(None, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EffectKey {
        "t1.2.0".parse().unwrap()
    }

    fn to(address: &str) -> Recipients {
        Recipients { to: vec![address.parse().unwrap()], cc: vec!["c@x.org".parse().unwrap()] }
    }

    fn written(draft: &Draft<'_>) -> Composed {
        compose(draft, &key(), Timestamp(1_716_742_830_000)).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_and_a_retry_has_the_same_id() {
        let from: Address = "me@home.example".parse().unwrap();
        let answered = Mail {
            message_id: Some("a@x".into()),
            references: vec!["z@x".into(), "bad id".into()],
            ..Mail::default()
        };
        let to = to("b@x.org");
        let draft = Draft {
            from: Some(&from),
            to: &to,
            subject: "Grüße – a long subject that has to be folded because it is longer than one line may be, with ümläuts",
            body: "Hello\n.\n..\nFrom here\n\nümläut = x\n",
            answers: Some(&answered),
        };
        let one = written(&draft);
        assert_eq!((one.id.clone(), &one.bytes), (written(&draft).id, &written(&draft).bytes));
        let mail = Mail::read(&one.bytes);
        assert_eq!(mail.flaws, Vec::<&str>::new());
        assert_eq!(mail.from.as_deref(), Some("me@home.example"));
        assert_eq!((mail.to, mail.cc), (vec!["b@x.org".to_string()], vec!["c@x.org".to_string()]));
        assert_eq!(mail.subject, draft.subject);
        assert_eq!(mail.text.replace("\r\n", "\n"), draft.body.trim_end());
        assert_eq!(mail.date.as_deref(), Some("2024-05-26 17:00:30Z"));
        assert_eq!(mail.references, ["z@x", "a@x"]);
        assert_eq!(mail.message_id.map(|id| format!("<{id}>")), Some(one.id));
        assert!(one.bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998 && line.is_ascii()));
    }

    #[test]
    fn nothing_can_add_a_header() {
        let to = to("b@x.org");
        let draft =
            |subject| Draft { from: None, to: &to, subject, body: "\r\n\r\nBcc: evil@x.org", answers: None };
        for subject in ["a\r\nBcc: evil@x.org", "a\nb", "a\0"] {
            assert!(compose(&draft(subject), &key(), Timestamp(0)).is_err(), "{subject:?}");
        }
        let bytes = written(&draft("=?utf-8?q?x=0d=0aBcc:_evil@x.org?=")).bytes;
        let text = String::from_utf8(bytes).unwrap();
        let (head, _body) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("\nbcc"), "{head}");
    }
}
