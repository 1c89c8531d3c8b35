//! SIGKILL at every step of a task and at instants in between: nothing that was acknowledged is lost, nothing is done
//! twice, and what is said to have happened is what happened. Messages come over HTTP and WebSocket, some sessions
//! have read a stranger's mail, questions are answered before the kill, by the restart and after it, with yes, with no
//! and with both at once, and backups are made meanwhile, some of which are killed too.
#![expect(clippy::print_stdout, reason = "the seed and the totals are what a long run is for")]

use crate::client::Client;
use crate::crash_check::{Known, Tally, check, file_is_labelled, is_as_high};
use crate::dice::{Dice, from_environment};
use crate::kept_backups::Backups;
use crate::place::{PATIENCE, Place, Up};
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use testkit::smtp::{Manner, Smtp};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How many times the program is killed; `HARDSHELL_KILLS` is for longer runs.
const KILLS: usize = 200;
/// How many homes are worked on at a time: a start mostly waits, for the proofs.
const LANES: usize = 4;
/// How often the program is killed in one home: its log and its backups grow with each.
const KILLS_OF_A_HOME: usize = 100;
/// The longest time between a step and the kill, in microseconds: a step takes a few milliseconds.
const AFTER_MICROS_MAX: u64 = 12_000;
/// The longest time between sending and the kill where no step is waited for, in milliseconds: about a whole task.
const ANYWHERE_MILLIS_MAX: u64 = 450;
/// At each so-manieth kill a backup is being made.
const KILLS_PER_BACKUP: usize = 10;
/// How many files are read back at the end of a home.
const READ_BACK_MAX: usize = 30;

/// What the model answers: a file, a mail and a look at once, then the reply. `$USER` is the message's text.
const WORK: &str = r#"{"text": "At once.", "calls": [{"tool": "files.write", "args": {"path": "$USER.txt", "content": "$USER"}}, {"tool": "mail.send", "args": {"to": ["anna@example.org"], "subject": "$USER", "body": "as you said"}}, {"tool": "host.disk", "args": {}}]}
{"text": "All of it is done."}
"#;
/// The same, after a stranger's mail was read.
const READS: &str = r#"{"calls": [{"tool": "mail.list", "args": {}}]}
"#;
/// Reads back what a session wrote.
const READS_BACK: &str = r#"{"calls": [{"tool": "files.read", "args": {"path": "$USER.txt"}}]}
{"text": "That is in it."}
"#;
pub const STRANGER: &str = "mallory@evil.example";

/// From when on the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The message is being sent.
    Sending,
    /// It was acknowledged.
    Accepted,
    /// This record is in the log.
    Recorded(&'static str, &'static str),
    /// This event was told.
    Told(&'static str),
    /// The answer is being sent.
    Answering,
    /// The answer was acknowledged.
    Answered,
    /// The far side of the mail was reached.
    Reached,
    /// The far side has taken the mail.
    Delivered,
    /// Any time.
    Anywhere,
}

const MOMENTS: [Moment; 22] = [
    Moment::Sending,
    Moment::Accepted,
    Moment::Recorded("intent", "model.ask"),
    Moment::Recorded("outcome", "model.ask"),
    Moment::Recorded("intent", "files.write"),
    Moment::Recorded("outcome", "files.write"),
    Moment::Recorded("question", "mail.send"),
    Moment::Told("asked"),
    Moment::Answering,
    Moment::Recorded("answer", ""),
    Moment::Answered,
    Moment::Recorded("intent", "mail.send"),
    Moment::Reached,
    Moment::Delivered,
    Moment::Recorded("outcome", "mail.send"),
    Moment::Recorded("intent", "host.disk"),
    Moment::Recorded("outcome", "host.disk"),
    Moment::Recorded("intent", "message.reply"),
    Moment::Recorded("outcome", "message.reply"),
    Moment::Told("reply"),
    Moment::Told("answered"),
    Moment::Anywhere,
];

impl Moment {
    /// Whether an event of the session is this moment.
    fn is(self, event: &Value, session: &str) -> bool {
        match self {
            Self::Recorded(kind, name) => {
                let record = &event["record"];
                let named = name.is_empty() || record["name"].as_str().is_none_or(|found| found == name);
                record["kind"] == kind && record["session"] == session && named
            }
            Self::Told(kind) => {
                let of = event["session"].as_str().or_else(|| event["question"]["session"].as_str());
                event["kind"] == kind && of == Some(session)
            }
            Self::Sending
            | Self::Accepted
            | Self::Answering
            | Self::Answered
            | Self::Reached
            | Self::Delivered
            | Self::Anywhere => false,
        }
    }

    /// Whether it comes only when the mail was approved.
    fn needs_a_yes(self) -> bool {
        matches!(self, Self::Reached | Self::Delivered)
            || matches!(self, Self::Recorded("intent" | "outcome", "mail.send"))
    }
}

/// Over what messages and answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Http,
    WebSocket,
}

/// What the owner says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    /// One says yes and another no, at once: one of them counts.
    Both,
}

impl Says {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Yes => &["approve"],
            Self::No => &["deny"],
            Self::Both => &["approve", "deny"],
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_it_loses_nothing_and_repeats_nothing() {
    let seed =
        from_environment("HARDSHELL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let kills = from_environment("HARDSHELL_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    println!("HARDSHELL_SEED={seed} HARDSHELL_KILLS={kills}");
    let place = Arc::new(Place::new());
    let backups = Arc::new(Backups::new());
    let mut lanes = JoinSet::new();
    for number in 0..LANES {
        let (place, backups) = (Arc::clone(&place), Arc::clone(&backups));
        lanes.spawn(async move {
            let mine: Vec<usize> = (0..kills).filter(|kill| kill % LANES == number).collect();
            let mut tally = Tally::default();
            for (of, chunk) in mine.chunks(KILLS_OF_A_HOME).enumerate() {
                let hears = if number % 2 == 1 { Hears::AStranger } else { Hears::TheOwner };
                let name = format!("home-{number}-{of}");
                let mut lane = Lane::new(Arc::clone(&place), Arc::clone(&backups), &name, hears).await;
                tally.add(&lane.run(seed, chunk).await);
            }
            tally
        });
    }
    let mut tally = Tally::default();
    while let Some(done) = lanes.join_next().await {
        tally.add(&done.unwrap());
    }
    println!("{tally}");
    assert_eq!(tally.kills, kills);
}

/// Whose words the sessions of a home have read before they do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    TheOwner,
    AStranger,
}

/// One home, the mail server it knows, and what runs on it.
struct Lane {
    place: Arc<Place>,
    backups: Arc<Backups>,
    hears: Hears,
    home: PathBuf,
    smtp: Smtp,
    /// The files that sessions wrote.
    written: Vec<(String, Known)>,
}

/// What was known when the program was killed.
pub struct Before {
    pub session: String,
    pub text: String,
    pub hears: Hears,
    /// What the acknowledgement said, if it came.
    pub accepted: Option<Value>,
    /// The last label that was told.
    pub label: Option<Value>,
    /// What was asked, as it was shown.
    pub asked: Option<Value>,
    /// Whether an answer was sent.
    pub answering: bool,
    /// The answer that was acknowledged.
    pub answered: Option<String>,
}

impl Lane {
    async fn new(place: Arc<Place>, backups: Arc<Backups>, name: &str, hears: Hears) -> Self {
        let smtp = Smtp::start(Manner::default()).await.unwrap();
        let home = place.home(name, Some(""));
        let mut lane = Self { place, backups, hears, home, smtp, written: Vec::new() };
        let mailbox = lane.home.with_extension("mail");
        for folder in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(mailbox.join(folder)).unwrap();
        }
        let mail =
            format!("From: Mallory <{STRANGER}>\r\nTo: me@example.org\r\nSubject: hello\r\n\r\nhello\r\n");
        std::fs::write(mailbox.join("new/1704103200.1.host"), mail).unwrap();
        lane.place.give_all(&mailbox);
        lane.configure(match hears {
            Hears::TheOwner => WORK.to_string(),
            Hears::AStranger => format!("{READS}{WORK}"),
        });
        lane
    }

    /// Lets the model say `script` from the next start on.
    fn configure(&mut self, script: String) {
        let file = self.home.with_extension("jsonl");
        std::fs::write(&file, script).unwrap();
        let config = format!(
            "model = \"script\"\n[[models]]\nname = \"script\"\nkind = \"script\"\nscript = \"{}\"\n\
             [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n\
             [[mailboxes]]\nname = \"box\"\nmaildir = \"{}\"\n\
             [backup]\nrecipients = [\"{}\"]\n",
            file.display(),
            self.smtp.port,
            self.home.with_extension("mail").display(),
            self.backups.recipient,
        );
        self.place.text(&self.home.join("hardshell.toml"), &config);
    }

    /// Kills at each of `kills`.
    async fn run(&mut self, seed: u64, kills: &[usize]) -> Tally {
        let mut tally = Tally::default();
        let mut up = self.place.up(&self.home).await;
        for kill in kills.iter().copied() {
            let mut dice = Dice(seed ^ u64::try_from(kill).unwrap().wrapping_mul(0x2545_f491_4f6c_dd1d));
            let any = || Moment::Anywhere;
            // Each step once, then whatever the dice say.
            let moment = MOMENTS.get(kill).copied().unwrap_or_else(|| {
                let thrown = usize::try_from(dice.below(u64::try_from(MOMENTS.len()).unwrap())).unwrap();
                MOMENTS.get(thrown).copied().unwrap_or_else(any)
            });
            let text = format!("k{kill}-{:x}", dice.below(u64::MAX));
            let making = (kill % KILLS_PER_BACKUP < LANES && kill >= LANES)
                .then(|| self.backups.begin(&self.place, &self.home, &mut dice));
            let (before, says) = self.until_killed(&mut up, moment, &text, &mut dice).await;
            up = self.place.up(&self.home).await;
            let answers = self.settle(&up.client, &before, says, &mut dice).await;
            if let Some(making) = making {
                tally.backup(&self.backups.ended(making).await);
            }
            let home = self.home.clone();
            let fault = tokio::task::spawn_blocking(move || fault_of_log(&home)).await.unwrap();
            assert_eq!(fault, None, "kill {kill} at {moment:?}");
            let one = check(&up.client, &self.home, &before, &answers, &self.smtp).await;
            println!("kill {kill:3} at {moment:?}: acknowledged {}, {one:?}", before.accepted.is_some());
            tally.count(&before, &one);
            self.written.push((before.text, one.file));
        }
        up.stop().await;
        let verified = self.place.run(&self.home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let other = |violation: &&String| !violation.starts_with("a line that does not end in CRLF");
        assert_eq!(self.smtp.violations().iter().filter(other).collect::<Vec<_>>(), Vec::<&String>::new());
        self.read_back(&mut tally).await;
        let left = self.backups.left(&self.place, &self.home).await;
        assert_eq!(left, Vec::<PathBuf>::new(), "what killed backups left is there after the next one");
        std::fs::remove_dir_all(&self.home).unwrap();
        tally
    }

    /// What was written carries the label of whoever wrote it, also into sessions that read nothing else.
    async fn read_back(&mut self, tally: &mut Tally) {
        self.configure(READS_BACK.to_string());
        let up = self.place.up(&self.home).await;
        for (text, known) in self.written.iter().rev().take(READ_BACK_MAX) {
            if !self.home.join(format!("workspace/{text}.txt")).exists() {
                continue;
            }
            let opened = up.client.post("/api/v1/sessions", json!({})).await;
            let session = opened["id"].as_str().unwrap().to_string();
            // An id that was taken in before is the same message once more.
            let message = json!({"id": format!("read-{text}"), "text": text});
            let taken = up.client.post(&format!("/api/v1/sessions/{session}/messages"), message).await;
            assert_eq!(taken["accepted"], true, "{taken}");
            let over = self.transcript_of(&up.client, &session);
            let Ok(transcript) = timeout(PATIENCE, over).await else {
                let so_far = up.client.get(&format!("/api/v1/sessions/{session}")).await;
                panic!("{text} was not read: {so_far}");
            };
            file_is_labelled(&transcript, text, *known, self.hears);
            tally.read_back();
        }
        up.stop().await;
    }

    async fn transcript_of(&self, client: &Client, session: &str) -> Value {
        loop {
            let transcript = client.get(&format!("/api/v1/sessions/{session}")).await;
            if is_over(&transcript) {
                return transcript;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a message, answers what it asks, and kills the program a little after `moment`.
    async fn until_killed(&self, up: &mut Up, moment: Moment, text: &str, dice: &mut Dice) -> (Before, Says) {
        let client = up.client.clone();
        let session = client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string();
        let mut following = client.follow().await;
        let (reached, delivered) = (self.smtp.sessions(), self.smtp.deliveries().len());
        let anywhere = Duration::from_millis(dice.below(ANYWHERE_MILLIS_MAX));
        let after = Duration::from_micros(dice.below(AFTER_MICROS_MAX));
        let way = if dice.below(2) == 0 { Way::Http } else { Way::WebSocket };
        let says = match dice.below(6) {
            0 if !moment.needs_a_yes() => Says::No,
            1 if !moment.needs_a_yes() => Says::Both,
            _ => Says::Yes,
        };
        let mut before = Before {
            session: session.clone(),
            text: text.to_string(),
            hears: self.hears,
            accepted: None,
            label: None,
            asked: None,
            answering: false,
            answered: None,
        };
        let mut sending = None;
        match way {
            Way::Http => sending = Some(send(&client, &session, text)),
            Way::WebSocket => {
                following.say(&json!({"type": "send", "session": session, "id": text, "text": text})).await;
            }
        }
        let mut answering: Option<JoinHandle<Option<Value>>> = None;
        let drive = async {
            if moment == Moment::Sending {
                return;
            }
            loop {
                tokio::select! {
                    event = following.next() => {
                        let event = event.expect("the program ended by itself");
                        note(&mut before, &event, way);
                        if moment.is(&event, &session)
                            || (moment == Moment::Accepted && way == Way::WebSocket && before.accepted.is_some())
                            || (moment == Moment::Answered && before.answered.is_some())
                        {
                            return;
                        }
                        if event["kind"] == "asked" && event["question"]["session"] == session.as_str() {
                            let question = event["question"]["id"].as_str().unwrap();
                            before.answering = true;
                            match (way, says) {
                                (Way::WebSocket, Says::Yes | Says::No) => {
                                    let answer = says.words()[0];
                                    let frame = json!({"type": "answer", "question": question, "answer": answer});
                                    following.say(&frame).await;
                                }
                                _ => answering = Some(answer_all(&client, question, says)),
                            }
                            if moment == Moment::Answering {
                                return;
                            }
                        }
                    }
                    answer = finished(&mut sending) => {
                        before.accepted = answer;
                        if moment == Moment::Accepted {
                            return;
                        }
                    }
                    answer = finished(&mut answering) => {
                        before.answered = answer.and_then(|answer| answer.as_str().map(str::to_string));
                        if moment == Moment::Answered {
                            return;
                        }
                    }
                    () = self.far_side(moment, reached, delivered) => return,
                    () = tokio::time::sleep(anywhere), if moment == Moment::Anywhere => return,
                }
            }
        };
        timeout(PATIENCE, drive)
            .await
            .unwrap_or_else(|_late| panic!("{moment:?} never came, {way:?} {says:?}"));
        // The random instant: not a wait for anything.
        tokio::time::sleep(after).await;
        up.kill();
        if let Some(sending) = sending {
            before.accepted = sending.await.unwrap();
        }
        if let Some(answering) = answering {
            before.answered = answering.await.unwrap().and_then(|answer| answer.as_str().map(str::to_string));
        }
        // What was on its way is heard, too.
        while let Some(event) = following.next().await {
            note(&mut before, &event, way);
        }
        (before, says)
    }

    /// Returns when the mail server has seen what `moment` waits for.
    async fn far_side(&self, moment: Moment, reached: usize, delivered: usize) {
        loop {
            if moment == Moment::Reached && self.smtp.sessions() > reached
                || moment == Moment::Delivered && self.smtp.deliveries().len() > delivered
            {
                return;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// Sends the message again, answers what is asked, until the task is over. Every answer that counted.
    async fn settle(&self, client: &Client, before: &Before, says: Says, dice: &mut Dice) -> Vec<String> {
        let mut counted: Vec<String> = before.answered.iter().cloned().collect();
        let questions = async || {
            let open = client.get("/api/v1/approvals").await;
            let mine = |question: &&Value| question["session"] == before.session.as_str();
            open["questions"].as_array().unwrap().iter().filter(mine).cloned().collect::<Vec<_>>()
        };
        let open = questions().await;
        if let Some(asked) = &before.asked {
            if !before.answering {
                assert_eq!(open.len(), 1, "the question that was open is: {asked}");
                is_the_same(&open[0], asked);
            } else if before.answered.is_some() {
                let again = open.iter().find(|question| question["id"] == asked["id"]);
                assert_eq!(again, None, "it was answered, and is open again");
            } else {
                let again = open.iter().find(|question| question["id"] == asked["id"]);
                again.into_iter().for_each(|again| is_the_same(again, asked));
            }
        }
        let mut following = client.follow().await;
        let again =
            send(client, &before.session, &before.text).await.unwrap().expect("no answer after the restart");
        if let Some(first) = &before.accepted {
            assert_eq!(first["accepted"], true, "{first}");
            assert_eq!(again["accepted"], false, "an acknowledged message was lost: {again}");
            assert_eq!(again["task"], first["task"]);
        }
        let over = async {
            loop {
                if is_over(&client.get(&format!("/api/v1/sessions/{}", before.session)).await) {
                    return;
                }
                for question in questions().await {
                    let id = question["id"].as_str().unwrap();
                    let says = if dice.below(4) == 0 { Says::Both } else { says };
                    // None counts where it was withdrawn in between.
                    if let Some(answer) = answer_all(client, id, says).await.unwrap() {
                        counted.push(answer.as_str().unwrap().to_string());
                        let once_more = answer_all(client, id, Says::Yes).await.unwrap();
                        assert_eq!(once_more, None, "it was answered twice: {question}");
                    }
                }
                following.next().await.expect("the program ended by itself");
            }
        };
        if timeout(PATIENCE, over).await.is_err() {
            let transcript = client.get(&format!("/api/v1/sessions/{}", before.session)).await;
            panic!("the task never ended: {transcript:#}");
        }
        counted
    }
}

/// What is wrong with the log of a house, as `audit verify` finds it, which would be another process at each kill and
/// which checks it at the end. The key is the one that the log names: its file is for its user alone.
fn fault_of_log(home: &Path) -> Option<audit::Fault> {
    let folder = home.join("audit");
    let first = std::fs::read_to_string(folder.join("segment-00000001.jsonl")).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let key = first["public_key"].as_str().unwrap().parse().unwrap();
    let report = audit::verify(&folder, key, audit::Against::default(), &mut |_| audit::Go::On);
    report.unwrap().fault
}

/// Whether a question asks what it asked before the kill. Its label is its session's, which may have read more since.
fn is_the_same(question: &Value, asked: &Value) {
    assert!(is_as_high(&question["label"], &asked["label"]), "{asked} {question}");
    let (mut now, mut then) = (question.clone(), asked.clone());
    now["label"] = Value::Null;
    then["label"] = Value::Null;
    assert_eq!(now, then, "it asks something else now");
}

fn is_over(transcript: &Value) -> bool {
    let items = transcript["items"].as_array().unwrap();
    items.iter().any(|item| item["kind"] == "replied" || item["kind"] == "ended")
}

/// What an event says about the session.
fn note(before: &mut Before, event: &Value, way: Way) {
    let of = event["session"].as_str().or_else(|| event["question"]["session"].as_str());
    if of != Some(before.session.as_str()) {
        return;
    }
    match event["kind"].as_str() {
        Some("label") => before.label = Some(event["label"].clone()),
        Some("asked") => before.asked = Some(event["question"].clone()),
        // Over HTTP the answer to the request is the acknowledgement.
        Some("accepted") if way == Way::WebSocket => {
            before.accepted = Some(json!({"accepted": true, "task": event["task"]}));
        }
        Some("answered") if way == Way::WebSocket => {
            before.answered = event["answer"].as_str().map(str::to_string);
        }
        _ => {}
    }
}

/// Sends a message under an id that follows from its text; the answer, if one comes.
fn send(client: &Client, session: &str, text: &str) -> JoinHandle<Option<Value>> {
    let (client, path) = (client.clone(), format!("/api/v1/sessions/{session}/messages"));
    let body = json!({"id": text, "text": text});
    tokio::spawn(async move {
        let (status, answer) = client.ask("POST", &path, Some(body)).await.ok()?;
        assert_eq!(status, 202, "{answer}");
        Some(answer)
    })
}

/// Gives every answer at once; the one that counts, if any was acknowledged.
fn answer_all(client: &Client, question: &str, says: Says) -> JoinHandle<Option<Value>> {
    let (client, path) = (client.clone(), format!("/api/v1/approvals/{question}"));
    tokio::spawn(async move {
        let each = says.words().iter().map(async |word| {
            let (status, answer) = client.ask("POST", &path, Some(json!({"answer": word}))).await.ok()?;
            (status == 200).then(|| answer["answer"].clone())
        });
        let taken: Vec<Value> = futures_util::future::join_all(each).await.into_iter().flatten().collect();
        assert!(taken.len() <= 1, "one question, answered with each of {taken:?}");
        taken.into_iter().next()
    })
}

/// What a request came to, once; never, when there is none.
async fn finished(request: &mut Option<JoinHandle<Option<Value>>>) -> Option<Value> {
    match request.as_mut() {
        None => std::future::pending().await,
        Some(handle) => {
            let answer = handle.await.unwrap();
            *request = None;
            answer
        }
    }
}
