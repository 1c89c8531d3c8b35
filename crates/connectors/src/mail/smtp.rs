//! Hands a mail to the owner's server (RFC 5321), each step checked; what became of it is known, or said not to be.

use super::{MailError, Security, SmtpServer};
use domain::Address;
use egress::{Connection, Destination, Egress, Limits, Login, Rule, Rules, Scope, Tls};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long a command may take (RFC 5321 §4.5.3.2 has 5 minutes; a person is waiting).
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the answer to the whole mail may take (RFC 5321 §4.5.3.2.6 has 10 minutes).
const DATA_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest answer, in bytes, all its lines.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much of a server's words is kept, in characters.
const SHOWN_CHARS_MAX: usize = 200;

struct Session<'a> {
    connection: Connection,
    server: &'a SmtpServer,
    unread: Vec<u8>,
}

struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    fn shown(&self) -> String {
        let text = self.lines.join(" ");
        tools::visible(&format!("{} {}", self.code, text.chars().take(SHOWN_CHARS_MAX).collect::<String>()))
    }
}

/// What may be reached: the server that the owner's configuration names, wherever it is, and nothing else.
pub(crate) fn scope(who: &str, host: &domain::Host, port: u16) -> Scope {
    let rule = Rule::private(Destination::Name(host.clone()), port);
    Scope { who: who.to_string(), rules: Arc::new(Rules::new().with(rule)), limits: Limits::default() }
}

/// Sends `message` to `recipients`; all of them, or none. Gives what the server said at the end.
pub(crate) async fn send(
    egress: &Egress,
    server: &SmtpServer,
    recipients: &[&Address],
    message: &[u8],
) -> Result<String, MailError> {
    let scope = scope("mail", &server.host, server.port);
    let tls = if server.security == Security::Tls { Tls::Now } else { Tls::Later };
    let destination = Destination::Name(server.host.clone());
    let connection = egress.connect(&destination, server.port, tls, &scope).await?;
    let mut session = Session { connection, server, unread: Vec::new() };
    session.expect("the greeting", 220).await?;
    let mut offers = session.hello().await?;
    if server.security == Security::StartTls {
        if !offers.contains("STARTTLS") {
            return Err(session.refused("STARTTLS", "it does not offer TLS"));
        }
        session.command("STARTTLS", "STARTTLS", 220).await?;
        if !session.unread.is_empty() {
            return Err(session.protocol("STARTTLS", "it said more before TLS than it was asked"));
        }
        session.connection = session.connection.start_tls(egress).await?;
        offers = session.hello().await?;
    }
    if let Some((user, secret)) = &server.login {
        let login = Login::SmtpAuthPlain { user: user.clone() };
        session.connection.log_in(secret, &login).await?;
        session.expect("AUTH", 235).await?;
    }
    session.hand_over(recipients, message, &offers).await
}

impl Session<'_> {
    /// `EHLO`; gives what the server offers, in capitals.
    async fn hello(&mut self) -> Result<BTreeSet<String>, MailError> {
        let answer = self.command("EHLO", "EHLO [127.0.0.1]", 250).await?;
        Ok(answer.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect())
    }

    async fn hand_over(
        &mut self,
        recipients: &[&Address],
        message: &[u8],
        offers: &BTreeSet<String>,
    ) -> Result<String, MailError> {
        if recipients.is_empty() {
            return Err(MailError::Compose { reason: "it has no recipient".to_string() });
        }
        let offered = |word: &str| offers.iter().any(|offer| offer.split(' ').next() == Some(word));
        let everyone = recipients.iter().copied().chain([&self.server.from]);
        if everyone.clone().any(|address| !address.as_str().is_ascii()) && !offered("SMTPUTF8") {
            return Err(self.refused("SMTPUTF8", "it takes no addresses with letters beyond ASCII"));
        }
        let from = &self.server.from;
        self.command("MAIL FROM", &format!("MAIL FROM:<{from}>"), 250).await?;
        for recipient in recipients {
            self.command("RCPT TO", &format!("RCPT TO:<{recipient}>"), 250).await?;
        }
        self.command("DATA", "DATA", 354).await?;
        // From the final dot on the server may have taken the mail, whatever is heard from it.
        let handed = async {
            self.connection.write_all(&stuffed(message)).await?;
            self.connection.flush().await
        };
        match timeout(DATA_TIMEOUT, handed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.unknown(&error.to_string())),
            Err(_elapsed) => return Err(self.unknown("it stopped taking the mail")),
        }
        let answer = match self.answer("the mail", DATA_TIMEOUT).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.unknown(&error.to_string())),
        };
        if !answer.is_good() {
            return Err(self.refused("the mail", &answer.shown()));
        }
        // It is sent; how the parting goes changes nothing.
        let _parting = timeout(Duration::from_secs(2), self.command("QUIT", "QUIT", 221)).await;
        Ok(answer.shown())
    }

    async fn command(&mut self, step: &'static str, line: &str, wanted: u16) -> Result<Answer, MailError> {
        if line.chars().any(char::is_control) {
            return Err(MailError::Compose { reason: "an address has control characters".to_string() });
        }
        let sent = async {
            self.connection.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.connection.flush().await
        };
        match timeout(COMMAND_TIMEOUT, sent).await {
            Ok(Ok(())) => self.expect(step, wanted).await,
            Ok(Err(error)) => Err(self.protocol(step, &error.to_string())),
            Err(_elapsed) => Err(self.slow(step, COMMAND_TIMEOUT)),
        }
    }

    async fn expect(&mut self, step: &'static str, wanted: u16) -> Result<Answer, MailError> {
        let answer = self.answer(step, COMMAND_TIMEOUT).await?;
        let as_good = wanted == 250 && answer.code == 251;
        if answer.code == wanted || as_good { Ok(answer) } else { Err(self.refused(step, &answer.shown())) }
    }

    /// One answer, of one or more lines (RFC 5321 §4.2.1).
    async fn answer(&mut self, step: &'static str, patience: Duration) -> Result<Answer, MailError> {
        let mut lines = Vec::new();
        let mut bytes = 0_usize;
        loop {
            let line = match timeout(patience, self.line(step)).await {
                Ok(line) => line?,
                Err(_elapsed) => return Err(self.slow(step, patience)),
            };
            bytes = bytes.saturating_add(line.len());
            if bytes > ANSWER_BYTES_MAX {
                return Err(self.protocol(step, "its answer does not end"));
            }
            let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
            let Some(code) =
                code.and_then(|code| code.parse::<u16>().ok()).filter(|code| (200..600).contains(code))
            else {
                return Err(self.protocol(step, "its answer does not begin with a code"));
            };
            lines.push(line.get(4..).unwrap_or_default().to_string());
            match line.as_bytes().get(3) {
                None | Some(b' ') => return Ok(Answer { code, lines }),
                Some(b'-') => {}
                Some(_) => return Err(self.protocol(step, "its answer is malformed")),
            }
        }
    }

    async fn line(&mut self, step: &'static str) -> Result<String, MailError> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string());
            }
            if self.unread.len() > ANSWER_BYTES_MAX {
                return Err(self.protocol(step, "a line of it does not end"));
            }
            let mut piece = [0; 2048];
            match self.connection.read(&mut piece).await {
                Ok(0) => return Err(self.protocol(step, "it hung up")),
                Ok(count) => self.unread.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) => return Err(self.protocol(step, &error.to_string())),
            }
        }
    }

    fn name(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    fn refused(&self, step: &'static str, answer: &str) -> MailError {
        MailError::Refused { server: self.name(), step, answer: answer.to_string() }
    }

    fn protocol(&self, step: &'static str, reason: &str) -> MailError {
        MailError::Protocol { server: self.name(), step, reason: reason.to_string() }
    }

    fn slow(&self, step: &'static str, waited: Duration) -> MailError {
        MailError::Slow { server: self.name(), step, seconds: waited.as_secs() }
    }

    fn unknown(&self, reason: &str) -> MailError {
        MailError::Unknown { server: self.name(), reason: reason.to_string() }
    }
}

/// The mail as it stands on the wire: lines end in CRLF, a dot at the start of one is doubled (RFC 5321 §4.5.2), and
/// the final dot ends it. No bare CR or LF stays, which servers read differently (SMTP smuggling, CVE-2023-51764).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len().saturating_add(64));
    let body = message.strip_suffix(b"\r\n").or_else(|| message.strip_suffix(b"\n")).unwrap_or(message);
    for line in body.split(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend(line.iter().filter(|byte| **byte != b'\r'));
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[test]
    fn no_line_of_a_mail_can_end_it() {
        for (message, wire) in [
            (&b"a\r\n.\r\nb\r\n"[..], &b"a\r\n..\r\nb\r\n.\r\n"[..]),
            (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\r.\rb", b"a.b\r\n.\r\n"),
            (b"a\n.\r\n\r\nMAIL FROM:<x>", b"a\r\n..\r\n\r\nMAIL FROM:<x>\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"", b"\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(message), wire, "{}", String::from_utf8_lossy(message));
        }
    }
}
