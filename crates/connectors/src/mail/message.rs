//! One mail, read out of its bytes. Whatever the bytes are, something readable comes out, and what was wrong is said.

use super::proof::Proof;
use crate::html;
use mail_parser::{
    Address, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};
use std::borrow::Cow;

/// How much of a mail is read, in bytes: past it come attachments.
pub(crate) const MAIL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most text that is kept of one mail, in bytes: a model's window holds it.
const TEXT_BYTES_MAX: usize = 128 * 1024;
/// The most addresses that are kept of one header.
const ADDRESSES_MAX: usize = 100;
/// The most attachments that are listed.
const ATTACHMENTS_MAX: usize = 100;
/// The longest header value that is kept, in characters.
const HEADER_CHARS_MAX: usize = 500;
/// The most parts that a mail is taken apart into; one with more is shown as it is.
const PARTS_MAX: usize = 2_000;

/// A mail as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The address it claims to be from.
    pub from: Option<String>,
    /// The name beside that address.
    pub name: Option<String>,
    /// To whom it claims to be.
    pub to: Vec<String>,
    /// Who else it claims to have gone to.
    pub cc: Vec<String>,
    /// Where it wants answers.
    pub reply_to: Option<String>,
    /// The subject.
    pub subject: String,
    /// When it claims to have been written: `2024-05-26 17:00:30Z`.
    pub date: Option<String>,
    /// Its id, as written by the sender.
    pub message_id: Option<String>,
    /// The ids of the mails it answers, oldest first.
    pub references: Vec<String>,
    /// The text.
    pub text: String,
    /// What is attached; nothing is opened.
    pub attachments: Vec<Attachment>,
    /// What was wrong with it, in our own words.
    pub flaws: Vec<&'static str>,
    /// What a receiving server says of the sender; worth as much as that server.
    pub(crate) proof: Option<Proof>,
}

/// Something attached to a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name the sender gave it.
    pub name: String,
    /// What the sender says it is: `application/pdf`.
    pub kind: String,
    /// Its size in bytes, decoded.
    pub bytes: usize,
}

impl Mail {
    /// Reads a whole mail.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self::parse(bytes, Depth::Whole)
    }

    /// Reads the headers alone: what a list shows.
    #[must_use]
    pub fn read_headers(bytes: &[u8]) -> Self {
        Self::parse(bytes, Depth::Headers)
    }

    fn parse(bytes: &[u8], depth: Depth) -> Self {
        let mut mail = Self::default();
        let cut = bytes.get(..MAIL_BYTES_MAX).unwrap_or(bytes);
        if cut.len() < bytes.len() {
            mail.flaws.push("it is very long; only its first 32 MiB were read");
        }
        let tame = without_nested_messages(cut);
        let parser = MessageParser::default();
        let parsed = match depth {
            Depth::Headers => parser.parse_headers(&*tame),
            Depth::Whole => parser.parse(&*tame),
        };
        let Some(message) = parsed else {
            mail.flaws.push("it has no headers that could be read");
            mail.text = cut_text(&String::from_utf8_lossy(cut));
            return mail;
        };
        let message = Dismantled(message);
        mail.headers(&message.0);
        // Both readings of From must agree: what was proved is what is shown.
        mail.proof = Proof::read(cut).filter(|proof| mail.from.as_deref() == Some(proof.from.as_str()));
        match depth {
            Depth::Headers => {}
            Depth::Whole => mail.body(&message.0, cut),
        }
        mail
    }

    fn headers(&mut self, message: &Message<'_>) {
        let from = addresses(message.from());
        if from.len() > 1 {
            self.flaws.push("it has more than one sender address; the first is shown");
        }
        let count = message.headers().iter().filter(|header| header.name == HeaderName::From).count();
        if count > 1 {
            self.flaws.push("it has more than one From header, which programs read differently");
        }
        match from.into_iter().next() {
            Some((address, name)) => {
                self.from = Some(address);
                self.name = name;
            }
            None => self.flaws.push("it names no sender"),
        }
        self.to = addresses(message.to()).into_iter().map(|(address, _name)| address).collect();
        self.cc = addresses(message.cc()).into_iter().map(|(address, _name)| address).collect();
        self.reply_to = addresses(message.reply_to()).into_iter().map(|(address, _name)| address).next();
        self.subject = one_line(message.subject().unwrap_or_default());
        self.message_id = message.message_id().map(one_line);
        self.references =
            ids(message.references()).chain(ids(message.in_reply_to())).take(ADDRESSES_MAX).collect();
        self.references.dedup();
        match message.date().filter(|date| date.is_valid()) {
            Some(date) => self.date = Some(crate::moment::of_seconds(date.to_timestamp())),
            None => self.flaws.push("it has no date that could be read"),
        }
    }

    fn body(&mut self, message: &Message<'_>, raw: &[u8]) {
        if message.parts.len() > PARTS_MAX {
            self.flaws.push("it has very many parts; it is shown as it is");
            self.text = cut_text(&String::from_utf8_lossy(raw));
            return;
        }
        if message.parts.iter().any(|part| part.is_encoding_problem) {
            self.flaws.push("a part of it is badly encoded");
        }
        let mut text = String::new();
        for part in message.text_bodies() {
            let piece = match &part.body {
                PartType::Text(text) => Cow::Borrowed(text.as_ref()),
                PartType::Html(html) => Cow::Owned(readable(html)),
                PartType::Binary(_)
                | PartType::InlineBinary(_)
                | PartType::Message(_)
                | PartType::Multipart(_) => continue,
            };
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&piece);
            if text.len() > TEXT_BYTES_MAX {
                self.flaws.push("its text is very long and was cut");
                break;
            }
        }
        self.text = cut_text(&line_ends(&text).replace('\0', "\u{fffd}"));
        self.attachments = message.attachments().take(ATTACHMENTS_MAX).map(attachment).collect();
        if message.attachment_count() > ATTACHMENTS_MAX {
            self.flaws.push("it has very many attachments; the first 100 are listed");
        }
    }
}

#[derive(Clone, Copy)]
enum Depth {
    Headers,
    Whole,
}

/// A parsed message that is taken apart piece by piece when dropped. The compiler's own way goes down one call a level
/// of nesting, and a mail may nest as deep as it is long.
struct Dismantled<'a>(Message<'a>);

impl Drop for Dismantled<'_> {
    fn drop(&mut self) {
        let mut parts = std::mem::take(&mut self.0.parts);
        while let Some(part) = parts.pop() {
            match part.body {
                PartType::Message(mut nested) => parts.append(&mut nested.parts),
                PartType::Text(_)
                | PartType::Html(_)
                | PartType::Binary(_)
                | PartType::InlineBinary(_)
                | PartType::Multipart(_) => {}
            }
        }
    }
}

/// The mail with every header that announces a mail inside it made unreadable, so that the inner mail is text: parsing
/// nested mails copies each level's bytes, and goes down one call a level.
fn without_nested_messages(bytes: &[u8]) -> Cow<'_, [u8]> {
    const HEADER: &[u8] = b"content-type";
    let mut tame = Cow::Borrowed(bytes);
    let mut line_start = 0;
    while line_start < bytes.len() {
        let line = bytes.get(line_start..).unwrap_or_default();
        let blank = line.iter().take_while(|byte| byte.is_ascii_whitespace() && **byte != b'\n').count();
        let at = line_start.saturating_add(blank);
        let header = bytes.get(at..).unwrap_or_default();
        let announces = header.get(..HEADER.len()).is_some_and(|name| name.eq_ignore_ascii_case(HEADER))
            && names_a_message(unfolded(header));
        if announces && let Some(first) = tame.to_mut().get_mut(at) {
            *first = b'X';
        }
        let length = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        line_start = line_start.saturating_add(length).saturating_add(1);
    }
    tame
}

/// The header with its continuation lines.
fn unfolded(header: &[u8]) -> &[u8] {
    let ends = |(at, byte): (usize, &u8)| {
        let next = header.get(at.saturating_add(1));
        (*byte == b'\n' && !next.is_some_and(|next| matches!(next, b' ' | b'\t'))).then_some(at)
    };
    let end = header.iter().enumerate().find_map(ends).unwrap_or(header.len());
    header.get(..end).unwrap_or(header)
}

fn names_a_message(value: &[u8]) -> bool {
    let has = |word: &[u8]| value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    has(b"message") || has(b"digest") || has(b"rfc822")
}

fn readable(html: &str) -> String {
    let page = html::read(html);
    let mut text = page.text;
    text.push_str(&html::concealed_in_words(&page.concealed));
    if !page.links.is_empty() {
        text.push_str("\n\nLinks:");
        for (number, link) in (1..).zip(&page.links) {
            text.push_str(&format!("\n⟦{number}⟧ {}", html::defang(link)));
        }
    }
    text
}

fn addresses(address: Option<&Address<'_>>) -> Vec<(String, Option<String>)> {
    let each = address.into_iter().flat_map(Address::iter).take(ADDRESSES_MAX);
    each.filter_map(|one| {
        let address = one_line(one.address.as_deref()?).to_lowercase();
        let name = one.name.as_deref().map(one_line).filter(|name| !name.is_empty());
        (!address.is_empty()).then_some((address, name))
    })
    .collect()
}

fn ids(value: &HeaderValue<'_>) -> impl Iterator<Item = String> {
    let ids: Vec<String> = match value {
        HeaderValue::Text(id) => vec![one_line(id)],
        HeaderValue::TextList(ids) => ids.iter().map(|id| one_line(id)).collect(),
        HeaderValue::Address(_)
        | HeaderValue::DateTime(_)
        | HeaderValue::ContentType(_)
        | HeaderValue::Received(_)
        | HeaderValue::Empty => Vec::new(),
    };
    ids.into_iter()
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let kind = part.content_type().map_or_else(
        || "unknown".to_string(),
        |kind| format!("{}/{}", kind.c_type, kind.c_subtype.as_deref().unwrap_or("unknown")),
    );
    let name = part.attachment_name().map_or_else(|| "(no name)".to_string(), one_line);
    Attachment { name, kind: one_line(&kind), bytes: part.len() }
}

/// Header text on one line, cut.
fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(HEADER_CHARS_MAX).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Line ends as everywhere else: mail has two characters for one.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn cut_text(text: &str) -> String {
    let cut = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..cut).unwrap_or_default().trim_end().to_string()
}

#[cfg(test)]
mod tests;
