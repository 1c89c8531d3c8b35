//! A mail server that checks every command by RFC 5321 and every mail by RFC 5322, counts what it took, and hangs up
//! where it is told to.

mod certified;
mod form;
mod happenings;

pub use certified::Certified;
pub use happenings::{Delivery, Trouble};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form::{headers, is_address};
use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The longest command line, its CRLF included (RFC 5321 §4.5.3.1.4, with room for AUTH, RFC 4954 §4).
const COMMAND_BYTES_MAX: usize = 12_288;
/// The longest line of a mail, its CRLF included (RFC 5321 §4.5.3.1.6).
const LINE_BYTES_MAX: usize = 1_000;
/// The longest mail, in bytes.
const MAIL_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How the server is spoken to.
#[derive(Clone, Default)]
pub struct Manner {
    /// The account and password it wants.
    pub account: Option<(String, String)>,
    /// TLS after `STARTTLS`, which it then insists on.
    pub tls: Option<Certified>,
    /// What goes wrong, session by session; then nothing does.
    pub troubles: Vec<Trouble>,
}

#[derive(Default)]
struct State {
    deliveries: Vec<Delivery>,
    violations: Vec<String>,
    sessions: usize,
    troubles: VecDeque<Trouble>,
}

/// A mail server on a free loopback port; gone when dropped.
pub struct Smtp {
    /// Its port.
    pub port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Smtp {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start(manner: Manner) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state =
            Arc::new(Mutex::new(State { troubles: manner.troubles.clone().into(), ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, manner) = (Arc::clone(&shared), manner.clone());
                sessions.spawn(async move { begin(stream, shared, manner).await });
            }
        });
        Ok(Self { port, state, task })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it took, in order.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.clone()
    }

    /// What a client did that it must not.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// How many connections there were.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.state().sessions
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Session {
    stream: BufReader<Box<dyn Stream>>,
    shared: Arc<Mutex<State>>,
    manner: Manner,
    trouble: Trouble,
    tls: bool,
    greeted: bool,
    account: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// The session is over.
struct Over;

async fn begin(stream: tokio::net::TcpStream, shared: Arc<Mutex<State>>, manner: Manner) {
    let trouble = {
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.sessions = state.sessions.saturating_add(1);
        state.troubles.pop_front().unwrap_or(Trouble::None)
    };
    let stream: Box<dyn Stream> = Box::new(stream);
    let mut session = Session {
        stream: BufReader::new(stream),
        shared,
        manner,
        trouble,
        tls: false,
        greeted: false,
        account: None,
        from: None,
        to: Vec::new(),
    };
    if session.say("220 mail.test ESMTP").await.is_err() {
        return;
    }
    loop {
        match session.command().await {
            Ok(Some(upgraded)) => session = *upgraded,
            Ok(None) => {}
            Err(Over) => return,
        }
    }
}

impl Session {
    async fn say(&mut self, line: &str) -> Result<(), Over> {
        let sent = async {
            self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.get_mut().flush().await
        };
        sent.await.map_err(|_gone| Over)
    }

    fn violation(&self, what: String) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).violations.push(what);
    }

    async fn refuse(&mut self, code: &str, why: &str) -> Result<(), Over> {
        self.violation(why.to_string());
        self.say(&format!("{code} {why}")).await
    }

    /// One line without its CRLF; a line that ends otherwise is a violation.
    async fn line(&mut self, limit: usize) -> Result<Vec<u8>, Over> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await.map_err(|_gone| Over)?;
        if read == 0 {
            return Err(Over);
        }
        if line.len() > limit {
            self.violation(format!("a line of {} bytes", line.len()));
        }
        let Some(bare) = line.strip_suffix(b"\r\n") else {
            self.violation(format!("a line that does not end in CRLF: {}", String::from_utf8_lossy(&line)));
            return Err(Over);
        };
        if bare.contains(&b'\r') {
            self.violation("a bare CR".to_string());
        }
        Ok(bare.to_vec())
    }

    /// One command; gives the session anew when TLS has begun.
    async fn command(&mut self) -> Result<Option<Box<Self>>, Over> {
        let line = self.line(COMMAND_BYTES_MAX).await?;
        let line = String::from_utf8(line).map_err(|_not_text| Over)?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        if self.trouble.hangs_up_at(&verb) {
            return Err(Over);
        }
        if let Some(answer) = self.trouble.answer_to(&verb) {
            self.say(answer).await?;
            return Ok(None);
        }
        match verb.as_str() {
            "EHLO" => self.hello(&line).await?,
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.auth(&line).await?,
            "MAIL" => self.mail(&line).await?,
            "RCPT" => self.rcpt(&line).await?,
            "DATA" => self.data().await?,
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                self.say("250 ok").await?;
            }
            "NOOP" => self.say("250 ok").await?,
            "QUIT" => {
                self.say("221 bye").await?;
                return Err(Over);
            }
            _other => self.refuse("500", &format!("unknown command: {line}")).await?,
        }
        Ok(None)
    }

    async fn hello(&mut self, line: &str) -> Result<(), Over> {
        if line.split(' ').nth(1).is_none_or(str::is_empty) {
            return self.refuse("501", "EHLO without a name").await;
        }
        self.greeted = true;
        self.say("250-mail.test greets you").await?;
        if self.manner.tls.is_some() && !self.tls {
            self.say("250-STARTTLS").await?;
        }
        if self.manner.account.is_some() {
            self.say("250-AUTH PLAIN").await?;
        }
        self.say("250 SIZE 33554432").await
    }

    async fn start_tls(&mut self) -> Result<Option<Box<Self>>, Over> {
        let Some(certified) = self.manner.tls.clone().filter(|_| !self.tls) else {
            self.refuse("503", "STARTTLS was not offered").await?;
            return Ok(None);
        };
        if !self.stream.buffer().is_empty() {
            self.violation("something was sent with STARTTLS".to_string());
            return Err(Over);
        }
        self.say("220 go ahead").await?;
        let nothing: Box<dyn Stream> = Box::new(tokio::io::empty());
        let plain = std::mem::replace(&mut self.stream, BufReader::new(nothing)).into_inner();
        let secure: Box<dyn Stream> =
            Box::new(certified.acceptor.accept(plain).await.map_err(|_refused| Over)?);
        Ok(Some(Box::new(Self {
            stream: BufReader::new(secure),
            shared: Arc::clone(&self.shared),
            manner: self.manner.clone(),
            trouble: self.trouble.clone(),
            tls: true,
            // What was said before TLS is forgotten (RFC 3207 §4.2).
            greeted: false,
            account: None,
            from: None,
            to: Vec::new(),
        })))
    }

    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        let Some((user, password)) = self.manner.account.clone() else {
            return self.refuse("503", "AUTH was not offered").await;
        };
        let given = line.strip_prefix("AUTH PLAIN ").and_then(|text| STANDARD.decode(text).ok());
        let right = format!("\0{user}\0{password}");
        if !self.greeted || given.as_deref() != Some(right.as_bytes()) {
            return self.say("535 5.7.8 authentication failed").await;
        }
        self.account = Some(user);
        self.say("235 2.7.0 welcome").await
    }

    async fn mail(&mut self, line: &str) -> Result<(), Over> {
        let address = line.strip_prefix("MAIL FROM:<").and_then(|rest| rest.strip_suffix('>'));
        let signed_in = self.manner.account.is_none() || self.account.is_some();
        let secure = self.manner.tls.is_none() || self.tls;
        match address {
            Some(address)
                if self.greeted && signed_in && secure && self.from.is_none() && is_address(address) =>
            {
                self.from = Some(address.to_string());
                self.say("250 2.1.0 ok").await
            }
            _other => self.refuse("503", &format!("not now, or not so: {line}")).await,
        }
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Over> {
        let address = line.strip_prefix("RCPT TO:<").and_then(|rest| rest.strip_suffix('>'));
        match address.filter(|address| self.from.is_some() && is_address(address)) {
            Some(address) => {
                self.to.push(address.to_string());
                self.say("250 2.1.5 ok").await
            }
            None => self.refuse("503", &format!("not now, or not so: {line}")).await,
        }
    }

    async fn data(&mut self) -> Result<(), Over> {
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            return self.refuse("503", "DATA without MAIL and RCPT").await;
        };
        self.say("354 go ahead").await?;
        let mut mail = String::new();
        loop {
            let line = self.line(LINE_BYTES_MAX).await?;
            if line == b"." {
                break;
            }
            if self.trouble == Trouble::HangUpWithinMail {
                return Err(Over);
            }
            if !line.is_ascii() {
                self.violation("a mail with letters beyond ASCII, and 8BITMIME was not offered".to_string());
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            mail.push_str(&String::from_utf8_lossy(line));
            mail.push_str("\r\n");
            if mail.len() > MAIL_BYTES_MAX {
                return Err(Over);
            }
        }
        self.check(&mail);
        let delivery = Delivery {
            from,
            to: std::mem::take(&mut self.to),
            account: self.account.clone(),
            tls: self.tls,
            mail,
        };
        self.from = None;
        if self.trouble == Trouble::DropThenHangUp {
            return Err(Over);
        }
        if let Some(answer) = self.trouble.answer_to(".") {
            return self.say(answer).await;
        }
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).deliveries.push(delivery);
        if self.trouble == Trouble::TakeThenHangUp {
            return Err(Over);
        }
        if let Trouble::TakeThenPause(time) = self.trouble {
            tokio::time::sleep(time).await;
        }
        self.say("250 2.0.0 taken").await
    }

    /// RFC 5322 §3.6: these once, and nothing that hides a recipient.
    fn check(&self, mail: &str) {
        let headers = headers(mail);
        for name in ["Date", "From", "Message-ID", "Subject", "MIME-Version"] {
            let count = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count();
            if count != 1 {
                self.violation(format!("{name} stands {count} times"));
            }
        }
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Bcc")) {
            self.violation("a Bcc header".to_string());
        }
    }
}
