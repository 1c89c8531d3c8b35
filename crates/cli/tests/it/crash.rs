//! SIGKILL at every step of a task and at instants in between: nothing that was acknowledged is lost, nothing is done
//! twice, and what is said to have happened is what happened.
#![expect(clippy::print_stdout, reason = "the seed and the totals are what a long run is for")]

use crate::client::Client;
use crate::crash_check::{Tally, check};
use crate::dice::{Dice, from_environment};
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
/// The longest time between a step and the kill, in microseconds: a step takes a few milliseconds.
const AFTER_MICROS_MAX: u64 = 12_000;
/// The longest time between sending and the kill where no step is waited for, in milliseconds: about a whole task.
const ANYWHERE_MILLIS_MAX: u64 = 450;

/// What the model answers: a file, a mail and a look at once, then the reply. `$USER` is the message's text.
const SCRIPT: &str = r#"{"text": "At once.", "calls": [{"tool": "files.write", "args": {"path": "$USER.txt", "content": "$USER"}}, {"tool": "mail.send", "args": {"to": ["anna@example.org"], "subject": "$USER", "body": "as you said"}}, {"tool": "host.disk", "args": {}}]}
{"text": "All of it is done."}
"#;

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
    /// The approval is being sent.
    Answering,
    /// The approval was acknowledged.
    Answered,
    /// The far side of the mail was reached.
    Reached,
    /// The far side has taken the mail.
    Delivered,
    /// Any time.
    Anywhere,
}

const MOMENTS: [Moment; 21] = [
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
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_it_loses_nothing_and_repeats_nothing() {
    let seed =
        from_environment("HARDSHELL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let kills = from_environment("HARDSHELL_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    println!("HARDSHELL_SEED={seed} HARDSHELL_KILLS={kills}");
    let place = Arc::new(Place::new());
    let script = place.path("script.jsonl");
    std::fs::write(&script, SCRIPT).unwrap();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (place, script) = (Arc::clone(&place), script.clone());
        lanes.spawn(async move { Lane::new(place, lane, &script).await.run(seed, kills).await });
    }
    let mut tally = Tally::default();
    while let Some(done) = lanes.join_next().await {
        tally.add(&done.unwrap());
    }
    println!("{tally}");
    assert_eq!(tally.kills, kills);
}

/// One home, the mail server it knows, and what runs on it.
struct Lane {
    place: Arc<Place>,
    number: usize,
    home: PathBuf,
    smtp: Smtp,
}

/// What was known when the program was killed.
pub struct Before {
    pub session: String,
    pub text: String,
    /// What the acknowledgement said, if it came.
    pub accepted: Option<Value>,
    /// The last label that was told.
    pub label: Option<Value>,
}

impl Lane {
    async fn new(place: Arc<Place>, number: usize, script: &Path) -> Self {
        let smtp = Smtp::start(Manner::default()).await.unwrap();
        let config = format!(
            "model = \"script\"\n[[models]]\nname = \"script\"\nkind = \"script\"\nscript = \"{}\"\n\
             [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n",
            script.display(),
            smtp.port
        );
        let home = place.home(&format!("home-{number}"), Some(&config));
        Self { place, number, home, smtp }
    }

    /// Kills as often as is this lane's part.
    async fn run(&self, seed: u64, kills: usize) -> Tally {
        let mut tally = Tally::default();
        let mut up = self.place.up(&self.home).await;
        for kill in (0..kills).filter(|kill| kill.checked_rem(LANES) == Some(self.number)) {
            let mut dice = Dice(seed ^ u64::try_from(kill).unwrap().wrapping_mul(0x2545_f491_4f6c_dd1d));
            let any = || Moment::Anywhere;
            // Each step once, then whatever the dice say.
            let moment = MOMENTS.get(kill).copied().unwrap_or_else(|| {
                let thrown = usize::try_from(dice.below(u64::try_from(MOMENTS.len()).unwrap())).unwrap();
                MOMENTS.get(thrown).copied().unwrap_or_else(any)
            });
            let text = format!("k{kill}-{:x}", dice.below(u64::MAX));
            let before = self.until_killed(&mut up, moment, &text, &mut dice).await;
            up = self.place.up(&self.home).await;
            self.settle(&up.client, &before).await;
            let verified = self.place.run(&self.home, &["audit", "verify"]).await;
            assert_eq!(verified.code, Some(0), "kill {kill} at {moment:?}: {verified:?}");
            let one = check(&up.client, &self.home, &before, &self.smtp).await;
            println!("kill {kill:3} at {moment:?}: acknowledged {}, {one:?}", before.accepted.is_some());
            tally.count(&one);
        }
        up.stop().await;
        let verified = self.place.run(&self.home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let other = |violation: &&String| !violation.starts_with("a line that does not end in CRLF");
        assert_eq!(self.smtp.violations().iter().filter(other).collect::<Vec<_>>(), Vec::<&String>::new());
        tally
    }

    /// Sends a message, approves what it asks, and kills the program a little after `moment`.
    async fn until_killed(&self, up: &mut Up, moment: Moment, text: &str, dice: &mut Dice) -> Before {
        let client = up.client.clone();
        let session = client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string();
        let mut following = client.follow().await;
        let (reached, delivered) = (self.smtp.sessions(), self.smtp.deliveries().len());
        let anywhere = Duration::from_millis(dice.below(ANYWHERE_MILLIS_MAX));
        let after = Duration::from_micros(dice.below(AFTER_MICROS_MAX));
        let mut sending = Some(send(&client, &session, text));
        let mut answering: Option<JoinHandle<Option<Value>>> = None;
        let (mut accepted, mut label) = (None, None);
        let drive = async {
            if moment == Moment::Sending {
                return;
            }
            loop {
                tokio::select! {
                    event = following.next() => {
                        let event = event.expect("the program ended by itself");
                        if event["kind"] == "label" && event["session"] == session.as_str() {
                            label = Some(event["label"].clone());
                        }
                        if moment.is(&event, &session) {
                            return;
                        }
                        if event["kind"] == "asked" && event["question"]["session"] == session.as_str() {
                            answering = Some(approve(&client, event["question"]["id"].as_str().unwrap()));
                            if moment == Moment::Answering {
                                return;
                            }
                        }
                    }
                    answer = finished(&mut sending) => {
                        accepted = answer;
                        if moment == Moment::Accepted {
                            return;
                        }
                    }
                    _ = finished(&mut answering) => {
                        if moment == Moment::Answered {
                            return;
                        }
                    }
                    () = self.far_side(moment, reached, delivered) => return,
                    () = tokio::time::sleep(anywhere), if moment == Moment::Anywhere => return,
                }
            }
        };
        timeout(PATIENCE, drive).await.unwrap_or_else(|_late| panic!("{moment:?} never came"));
        // The random instant: not a wait for anything.
        tokio::time::sleep(after).await;
        up.kill();
        if let Some(sending) = sending {
            accepted = sending.await.unwrap();
        }
        Before { session, text: text.to_string(), accepted, label }
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

    /// Sends the message again, answers what is asked, until the task is over.
    async fn settle(&self, client: &Client, before: &Before) {
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
                let transcript = client.get(&format!("/api/v1/sessions/{}", before.session)).await;
                let items = transcript["items"].as_array().unwrap();
                if items.iter().any(|item| item["kind"] == "replied" || item["kind"] == "ended") {
                    return;
                }
                for question in client.get("/api/v1/approvals").await["questions"].as_array().unwrap() {
                    if question["session"] == before.session.as_str() {
                        approve(client, question["id"].as_str().unwrap()).await.unwrap();
                    }
                }
                following.next().await.expect("the program ended by itself");
            }
        };
        if timeout(PATIENCE, over).await.is_err() {
            let transcript = client.get(&format!("/api/v1/sessions/{}", before.session)).await;
            panic!("the task never ended: {transcript:#}");
        }
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

fn approve(client: &Client, question: &str) -> JoinHandle<Option<Value>> {
    let (client, path) = (client.clone(), format!("/api/v1/approvals/{question}"));
    tokio::spawn(async move {
        let (_, answer) = client.ask("POST", &path, Some(json!({"answer": "approve"}))).await.ok()?;
        Some(answer)
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
