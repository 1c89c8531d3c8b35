//! What mail tools answer: fields for the policy, words for the model.

use super::message::Mail;
use super::{Folder, InternalMail, Listing, Recipients, Summary};
use crate::Finding;
use crate::finding::bytes_in_words;
use crate::moment;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

fn id(mailbox: &str, summary: &Summary) -> String {
    format!("{mailbox}/{}/{}", summary.folder, summary.unique)
}

fn who(mail: &Mail) -> String {
    match (&mail.name, &mail.from) {
        (Some(name), Some(from)) => format!("{name} <{from}>"),
        (None, Some(from)) => from.clone(),
        (_, None) => "(no sender)".to_string(),
    }
}

/// The mails of several mailboxes in one list, newest first.
fn merged(all: Vec<(String, Listing)>, limit: usize) -> (Vec<(String, Summary, Option<String>)>, Listing) {
    let mut mails = Vec::new();
    let mut sum = Listing::default();
    for (name, listing) in all {
        sum.total = sum.total.saturating_add(listing.total);
        sum.unreadable = sum.unreadable.saturating_add(listing.unreadable);
        sum.cut = sum.cut.or(listing.cut);
        mails.extend(listing.mails.into_iter().map(|(summary, extract)| (name.clone(), summary, extract)));
    }
    mails.sort_by_key(|(_, summary, _)| std::cmp::Reverse(summary.received));
    mails.truncate(limit);
    (mails, sum)
}

fn entry(mailbox: &str, summary: &Summary, extract: Option<&str>, internal: &InternalMail) -> Json {
    let mut entry = json!({
        "id": id(mailbox, summary),
        "internal": internal.covers(mailbox, &summary.mail),
        "from": summary.mail.from,
        "name": summary.mail.name,
        "subject": summary.mail.subject,
        "received": moment::of_seconds(summary.received),
        "unread": summary.unread,
        "flagged": summary.flagged,
        "bytes": summary.bytes,
        "sample": summary.sample,
    });
    // A key that the manifest of a list does not name would be taken for data, and for a stranger's.
    if let (Some(extract), Some(fields)) = (extract, entry.as_object_mut()) {
        fields.insert("extract".to_string(), extract.into());
    }
    entry
}

fn line(text: &mut String, mailbox: &str, summary: &Summary, extract: Option<&str>) {
    let marks =
        [(summary.unread, " · unread"), (summary.flagged, " · flagged"), (summary.sample, " · sample")];
    let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
    let _ = writeln!(
        text,
        "{} · {} · {}{marks}\n  id {}",
        moment::of_seconds(summary.received),
        who(&summary.mail),
        if summary.mail.subject.is_empty() { "(no subject)" } else { &summary.mail.subject },
        id(mailbox, summary),
    );
    if let Some(extract) = extract.filter(|extract| !extract.is_empty()) {
        let _ = writeln!(text, "  … {extract}");
    }
}

fn remarks(text: &mut String, sum: &Listing) {
    if sum.unreadable > 0 {
        let _ = writeln!(text, "{} files there could not be read as mails.", sum.unreadable);
    }
    if let Some(why) = sum.cut {
        let _ = writeln!(text, "The search ended early: {why}.");
    }
}

pub(crate) fn listing(
    folder: &Folder,
    all: Vec<(String, Listing)>,
    limit: usize,
    internal: &InternalMail,
) -> Finding {
    let (mails, sum) = merged(all, limit);
    let mut text = match mails.len() {
        0 => format!("No mails in {folder}.\n"),
        shown => format!("{shown} of {} mails in {folder}, newest first:\n", sum.total),
    };
    for (mailbox, summary, _) in &mails {
        line(&mut text, mailbox, summary, None);
    }
    remarks(&mut text, &sum);
    let entries: Vec<Json> =
        mails.iter().map(|(mailbox, summary, _)| entry(mailbox, summary, None, internal)).collect();
    let fields = json!({"mails": entries, "folder": folder.as_str(), "total": sum.total, "unreadable": sum.unreadable});
    Finding { fields, text }
}

pub(crate) fn found(all: Vec<(String, Listing)>, limit: usize, internal: &InternalMail) -> Finding {
    let (mails, sum) = merged(all, limit);
    let mut text = match mails.len() {
        0 => format!("No mail found; {} looked at.\n", sum.total),
        shown => format!("{shown} mails found ({} looked at), newest first:\n", sum.total),
    };
    for (mailbox, summary, extract) in &mails {
        line(&mut text, mailbox, summary, extract.as_deref());
    }
    remarks(&mut text, &sum);
    let entries: Vec<Json> = mails
        .iter()
        .map(|(mailbox, summary, extract)| entry(mailbox, summary, extract.as_deref(), internal))
        .collect();
    Finding { fields: json!({"mails": entries, "looked_at": sum.total, "unreadable": sum.unreadable}), text }
}

pub(crate) fn mail(mailbox: &str, summary: &Summary, internal: &InternalMail) -> Finding {
    let mail = &summary.mail;
    let is_internal = internal.covers(mailbox, mail);
    let proved = if is_internal {
        "one of your own people, as your mail server proved"
    } else {
        "claimed; nothing proves it"
    };
    let mut text = format!("From: {} ({proved})\n", who(mail));
    for (what, addresses) in [("To", &mail.to), ("Cc", &mail.cc)] {
        if !addresses.is_empty() {
            let _ = writeln!(text, "{what}: {}", addresses.join(", "));
        }
    }
    if let Some(reply_to) = mail.reply_to.as_ref().filter(|address| mail.from.as_ref() != Some(*address)) {
        let _ = writeln!(text, "Answers go to: {reply_to}");
    }
    let _ = writeln!(text, "Subject: {}\nReceived: {}", mail.subject, moment::of_seconds(summary.received));
    if let Some(date) = &mail.date {
        let _ = writeln!(text, "Dated: {date}");
    }
    if summary.sample {
        let _ = writeln!(text, "This mail is a sample that comes with Hardshell.");
    }
    for flaw in &mail.flaws {
        let _ = writeln!(text, "Note: {flaw}.");
    }
    let _ = write!(text, "\n{}\n", if mail.text.is_empty() { "(no text)" } else { &mail.text });
    for attachment in &mail.attachments {
        let size = bytes_in_words(u64::try_from(attachment.bytes).unwrap_or(u64::MAX));
        let _ = writeln!(text, "Attached, not opened: {} ({}, {size})", attachment.name, attachment.kind);
    }
    let attachments: Vec<Json> = mail
        .attachments
        .iter()
        .map(
            |attachment| json!({"name": attachment.name, "kind": attachment.kind, "bytes": attachment.bytes}),
        )
        .collect();
    let fields = json!({
        "id": id(mailbox, summary), "internal": is_internal, "from": mail.from, "name": mail.name, "to": mail.to, "cc": mail.cc,
        "reply_to": mail.reply_to, "subject": mail.subject, "date": mail.date,
        "received": moment::of_seconds(summary.received), "unread": summary.unread, "text": mail.text,
        "attachments": attachments, "message_id": mail.message_id, "flaws": mail.flaws, "bytes": summary.bytes,
        "sample": summary.sample,
    });
    Finding { fields, text }
}

pub(crate) fn sent(message_id: &str, to: &Recipients, answer: &str, copy: Option<&str>) -> Finding {
    let recipients: Vec<&str> = to.all().into_iter().map(domain::Address::as_str).collect();
    let kept = copy.map_or_else(
        || "No copy could be kept in Sent.".to_string(),
        |id| format!("A copy is in Sent: {id}."),
    );
    let text = format!("Sent to {}. {kept}", recipients.join(", "));
    // The server's own words are kept out of the text: it need not be a friend.
    let fields =
        json!({"message_id": message_id, "recipients": recipients, "sent_copy": copy, "answer": answer});
    Finding { fields, text }
}

pub(crate) fn drafted(id: &str) -> Finding {
    Finding { fields: json!({"id": id}), text: format!("Kept as a draft: {id}. Nothing was sent.") }
}
