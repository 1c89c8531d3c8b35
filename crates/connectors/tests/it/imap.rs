//! Reading from an IMAP server: a far side that takes only what RFC 3501 has, and answers awkwardly.

use crate::house::{House, PASSWORD};
use connectors::Stop;
use connectors::mail::{ImapServer, MailBoxes, MailError, MailPlace, Mailbox, Security, Unread};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const MAIL: &str = "From: Anna <anna@x.example>\r\nSubject: Rent (due)\r\n\r\nThe rent is due.\r\n";

struct Server {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of this test")]
async fn serving() -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _over = session(stream, &seen).await;
        }
    });
    Server { port, lines, task }
}

async fn session(stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        while let Some(length) = line
            .trim_end()
            .strip_suffix('}')
            .and_then(|rest| rest.rsplit_once('{'))
            .map(|(_, length)| length.parse::<usize>().unwrap())
        {
            stream.write_all(b"+ go on\r\n").await?;
            let mut literal = vec![0; length];
            stream.read_exact(&mut literal).await?;
            let brace = line.rfind('{').unwrap();
            line.truncate(brace);
            line.push_str(&format!("<{}>", String::from_utf8(literal).unwrap()));
            stream.read_line(&mut line).await?;
        }
        let line = line.trim_end().to_string();
        seen.lock().unwrap().push(line.clone());
        let (tag, command) = line.split_once(' ').unwrap();
        let answer = answer(tag, command);
        // A byte at a time: an answer must be read whole or waited for.
        for byte in answer.as_bytes() {
            stream.write_all(&[*byte]).await?;
        }
        stream.flush().await?;
    }
}

fn answer(tag: &str, command: &str) -> String {
    let good = |before: &str| format!("{before}{tag} OK done\r\n");
    let fetch = |uid: u32, what: &str, text: &str| {
        format!(
            "* {uid} FETCH (UID {uid} FLAGS (\\Seen \\Flagged) INTERNALDATE \"26-May-2024 19:00:30 +0200\" RFC822.SIZE {} {what} {{{}}}\r\n{text})\r\n",
            MAIL.len(),
            text.len(),
        )
    };
    let head = format!("{}\r\n\r\n", MAIL.split_once("\r\n\r\n").unwrap().0);
    match command {
        _ if command == format!("LOGIN \"me\" \"{PASSWORD}\"") => good(""),
        _ if command.starts_with("LOGIN") => format!("{tag} NO [AUTHENTICATIONFAILED] no\r\n"),
        "EXAMINE <INBOX>" => {
            good("* 2 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 77] valid\r\n* OK [UIDNEXT 9] next\r\n")
        }
        _ if command.starts_with("EXAMINE") => format!("{tag} NO no such mailbox\r\n"),
        "UID SEARCH ALL" => good("* SEARCH 3 8\r\n"),
        "UID SEARCH UNSEEN" => good("* SEARCH\r\n"),
        "UID SEARCH CHARSET UTF-8 ALL TEXT <grüße> FROM <anna>" => good("* SEARCH 8\r\n"),
        "UID FETCH 8,3 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])" => good(
            &(fetch(3, "BODY[HEADER]", &head)
                + "* 2 EXISTS\r\n"
                + &fetch(8, "BODY[HEADER]", &head)
                + &fetch(9, "BODY[HEADER]", &head)),
        ),
        "UID FETCH 8 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])" => {
            good(&fetch(8, "BODY[HEADER]", &head))
        }
        "UID FETCH 8 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.33554433>)" => {
            good(&fetch(8, "BODY[]<0>", MAIL))
        }
        _ if command.starts_with("UID FETCH") => good(""),
        "LOGOUT" => good("* BYE bye\r\n"),
        _other => format!("{tag} BAD what\r\n"),
    }
}

fn boxes(house: &House, port: u16, user: &str) -> MailBoxes {
    let server = ImapServer {
        host: "mail.test".parse().unwrap(),
        port,
        security: Security::Plain,
        user: user.to_string(),
        secret: "mail".parse().unwrap(),
    };
    let mailbox = Mailbox { name: "work".to_string(), place: MailPlace::Imap(server) };
    MailBoxes::open(&[mailbox], None, Arc::clone(&house.egress)).unwrap()
}

#[tokio::test]
async fn mails_are_listed_read_and_searched_and_nothing_is_changed() {
    let server = serving().await;
    let house = House::new(vec![]);
    let mail = boxes(&house, server.port, "me");
    let all = mail.list("INBOX", Unread::All, 10, &Stop::default()).await.unwrap();
    let mails = all.fields["mails"].as_array().unwrap();
    assert_eq!(mails.len(), 2, "a mail that was not asked for is not taken");
    assert_eq!(
        (&mails[0]["from"], &mails[0]["flagged"], &mails[0]["unread"]),
        (&"anna@x.example".into(), &true.into(), &false.into())
    );
    assert_eq!(mails[0]["received"], "2024-05-26 17:00:30Z");
    let read = mail.read("work/INBOX/77.8").await.unwrap();
    assert_eq!(read.fields["text"], "The rent is due.");
    let none = mail.list("INBOX", Unread::Only, 10, &Stop::default()).await.unwrap();
    assert_eq!(none.fields["mails"].as_array().unwrap().len(), 0);
    let found = mail.search("Grüße from:anna", 10, &Stop::default()).await.unwrap();
    assert_eq!(found.fields["mails"][0]["id"], "work/INBOX/77.8");
    for id in ["work/INBOX/76.8", "work/INBOX/77.9", "work/INBOX/x", "work/None/77.8"] {
        assert!(mail.read(id).await.is_err(), "{id}");
    }
    assert!(matches!(
        mail.list("None", Unread::All, 1, &Stop::default()).await,
        Err(MailError::NoSuchFolder { .. })
    ));
    let lines = server.lines.lock().unwrap();
    assert!(
        lines
            .iter()
            .all(|line| !["SELECT", "STORE", "EXPUNGE", "APPEND"].iter().any(|verb| line.contains(verb))),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_without_showing_it() {
    let server = serving().await;
    let house = House::new(vec![]);
    let error =
        boxes(&house, server.port, "you").list("INBOX", Unread::All, 1, &Stop::default()).await.unwrap_err();
    assert!(matches!(error, MailError::Refused { .. }), "{error}");
    assert!(!error.to_string().contains(PASSWORD), "{error}");
}
