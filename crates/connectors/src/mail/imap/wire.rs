//! Commands and answers on the wire.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums grow; what was not asked for is passed over"
)]

use crate::mail::MailError;
use crate::mail::settings::{ImapServer, Security};
use crate::mail::smtp::scope;
use egress::{Connection, Destination, Egress, Login, Tls};
use imap_proto::{Response, Status};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long an answer may take. A server that searches a large mailbox takes its time.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest single answer, in bytes: a mail of the largest size that is read, and a little.
const ANSWER_BYTES_MAX: usize = crate::mail::message::MAIL_BYTES_MAX + 64 * 1024;
/// The most answers to one command.
const ANSWERS_MAX: usize = 10_000;
/// What all answers to one command may hold, in bytes.
const ANSWERS_BYTES_MAX: usize = 96 * 1024 * 1024;
/// The most parentheses of one answer before its first literal.
const PARENTHESES_MAX: usize = 200;
/// How much of a server's words is kept, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// A part of a command.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Words of the protocol's own.
    Text(String),
    /// Somebody's words, sent as a literal, so that nothing in them can be a command.
    Literal(Vec<u8>),
}

impl Piece {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_string())
    }

    pub(super) fn literal(text: &str) -> Self {
        Self::Literal(text.as_bytes().to_vec())
    }
}

/// A signed-in connection.
pub(super) struct Session<'a> {
    connection: Connection,
    server: &'a ImapServer,
    unread: Vec<u8>,
    tag: u32,
}

impl<'a> Session<'a> {
    /// Connects, begins TLS, signs in.
    pub(super) async fn sign_in(egress: &Egress, server: &'a ImapServer) -> Result<Self, MailError> {
        let scope = scope("mail", &server.host, server.port);
        let tls = if server.security == Security::Tls { Tls::Now } else { Tls::Later };
        let destination = Destination::Name(server.host.clone());
        let connection = egress.connect(&destination, server.port, tls, &scope).await?;
        let mut session = Self { connection, server, unread: Vec::new(), tag: 0 };
        match session.answer("the greeting").await? {
            Response::Data { status: Status::Ok, .. } => {}
            _other => return Err(session.protocol("the greeting", "it is no greeting")),
        }
        if server.security == Security::StartTls {
            session.command(vec![Piece::text("STARTTLS")]).await?;
            if !session.unread.is_empty() {
                return Err(session.protocol("STARTTLS", "it said more before TLS than it was asked"));
            }
            session.connection = session.connection.start_tls(egress).await?;
        }
        let tag = session.next_tag();
        let login = Login::ImapLogin { tag: tag.clone(), user: server.user.clone() };
        session.connection.log_in(&server.secret, &login).await?;
        session.finish(&tag, "LOGIN").await?;
        Ok(session)
    }

    /// Sends a command and gives what came before its `OK`.
    pub(super) async fn command(&mut self, pieces: Vec<Piece>) -> Result<Vec<Response<'static>>, MailError> {
        let tag = self.next_tag();
        let mut line = tag.clone().into_bytes();
        line.push(b' ');
        for piece in pieces {
            match piece {
                Piece::Text(text) => line.extend_from_slice(text.as_bytes()),
                Piece::Literal(bytes) => {
                    line.extend_from_slice(format!("{{{}}}\r\n", bytes.len()).as_bytes());
                    self.write(&std::mem::take(&mut line)).await?;
                    self.go_ahead().await?;
                    line.extend_from_slice(&bytes);
                }
            }
        }
        line.extend_from_slice(b"\r\n");
        self.write(&line).await?;
        self.finish(&tag, "a command").await
    }

    pub(super) async fn log_out(&mut self) {
        // What was asked for is here; how the parting goes changes nothing.
        let _parting = timeout(Duration::from_secs(2), self.command(vec![Piece::text("LOGOUT")])).await;
    }

    fn next_tag(&mut self) -> String {
        self.tag = self.tag.saturating_add(1);
        format!("h{}", self.tag)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), MailError> {
        let sent = async {
            self.connection.write_all(bytes).await?;
            self.connection.flush().await
        };
        match timeout(PATIENCE, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.protocol("a command", &error.to_string())),
            Err(_elapsed) => Err(self.slow("a command")),
        }
    }

    async fn go_ahead(&mut self) -> Result<(), MailError> {
        for _ in 0..ANSWERS_MAX {
            match self.answer("a literal").await? {
                Response::Continue(_) => return Ok(()),
                Response::Done { outcome, .. } => {
                    let said = outcome.information.unwrap_or_default().into_owned();
                    return Err(self.refused("a literal", &said));
                }
                _between => {}
            }
        }
        Err(self.protocol("a literal", "it does not say to go on"))
    }

    async fn finish(&mut self, tag: &str, step: &'static str) -> Result<Vec<Response<'static>>, MailError> {
        let mut answers = Vec::new();
        let mut bytes = 0_usize;
        while answers.len() < ANSWERS_MAX {
            let before = self.unread.len();
            match self.answer(step).await? {
                Response::Done { tag: done, status, outcome } if done.0 == tag => {
                    let said = outcome.information.unwrap_or_default().into_owned();
                    return if status == Status::Ok { Ok(answers) } else { Err(self.refused(step, &said)) };
                }
                Response::Data { status: Status::Bye, outcome } => {
                    let said = outcome.information.unwrap_or_default().into_owned();
                    return Err(self.refused(step, &said));
                }
                answer => answers.push(answer),
            }
            bytes = bytes.saturating_add(before.saturating_sub(self.unread.len()));
            if bytes > ANSWERS_BYTES_MAX {
                break;
            }
        }
        Err(self.protocol(step, "its answer does not end"))
    }

    async fn answer(&mut self, step: &'static str) -> Result<Response<'static>, MailError> {
        loop {
            if let Some(parsed) = parse(&self.unread) {
                let (used, answer) = parsed.map_err(|reason| self.protocol(step, reason))?;
                self.unread.drain(..used);
                return Ok(answer);
            }
            if self.unread.len() > ANSWER_BYTES_MAX {
                return Err(self.protocol(step, "a line of it does not end"));
            }
            let mut piece = vec![0; 64 * 1024];
            match timeout(PATIENCE, self.connection.read(&mut piece)).await {
                Ok(Ok(0)) => return Err(self.protocol(step, "it hung up")),
                Ok(Ok(count)) => self.unread.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Ok(Err(error)) => return Err(self.protocol(step, &error.to_string())),
                Err(_elapsed) => return Err(self.slow(step)),
            }
        }
    }

    fn name(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    pub(super) fn protocol(&self, step: &'static str, reason: &str) -> MailError {
        MailError::Protocol { server: self.name(), step, reason: reason.to_string() }
    }

    fn refused(&self, step: &'static str, said: &str) -> MailError {
        let answer = tools::visible(&said.chars().take(SHOWN_CHARS_MAX).collect::<String>());
        MailError::Refused { server: self.name(), step, answer }
    }

    fn slow(&self, step: &'static str) -> MailError {
        MailError::Slow { server: self.name(), step, seconds: PATIENCE.as_secs() }
    }
}

/// One answer at the start of `bytes` and its length; `None` when more must be read.
fn parse(bytes: &[u8]) -> Option<Result<(usize, Response<'static>), &'static str>> {
    if bytes.is_empty() {
        return None;
    }
    // The parser goes down one call a parenthesis; no answer to what is asked here has many.
    let parentheses =
        bytes.iter().take_while(|byte| !matches!(byte, b'{' | b'\n')).filter(|byte| **byte == b'(').count();
    if parentheses > PARENTHESES_MAX {
        return Some(Err("it nests too deeply"));
    }
    match Response::parse(bytes) {
        Ok((rest, answer)) => Some(Ok((bytes.len().saturating_sub(rest.len()), answer.into_owned()))),
        Err(error) if error.is_incomplete() => None,
        Err(_error) => Some(Err("it is not IMAP")),
    }
}

/// A folder's name as IMAP4rev1 has it: modified UTF-7 (RFC 3501 §5.1.3).
pub(super) fn mailbox_name(name: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut coded = String::new();
    let mut wide: Vec<u16> = Vec::new();
    let flush = |wide: &mut Vec<u16>, coded: &mut String| {
        if wide.is_empty() {
            return;
        }
        let bits: Vec<bool> =
            wide.drain(..).flat_map(|unit| (0..16).rev().map(move |bit| unit >> bit & 1 == 1)).collect();
        coded.push('&');
        for six in bits.chunks(6) {
            let padding = 6_usize.saturating_sub(six.len());
            let index = six.iter().fold(0_usize, |index, bit| index << 1 | usize::from(*bit)) << padding;
            coded.push(DIGITS.get(index).copied().map_or('A', char::from));
        }
        coded.push('-');
    };
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut wide, &mut coded);
            coded.push(c);
            if c == '&' {
                coded.push('-');
            }
        } else {
            wide.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
    }
    flush(&mut wide, &mut coded);
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_coded_as_the_rfc_shows() {
        for (name, coded) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("a&b", "a&-b"),
            ("Entwürfe", "Entw&APw-rfe"),
        ] {
            assert_eq!(mailbox_name(name), coded);
        }
    }

    #[test]
    fn an_answer_is_read_whole_or_waited_for() {
        let whole = b"* 1 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n";
        for end in 1..whole.len() {
            assert!(parse(&whole[..end]).is_none(), "{end}");
        }
        assert!(matches!(parse(whole), Some(Ok((37, Response::Fetch(1, _))))), "{:?}", parse(whole));
        assert!(matches!(parse(&b"(".repeat(1000)), Some(Err(_))));
        assert!(matches!(parse(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Some(Err(_))));
    }
}
