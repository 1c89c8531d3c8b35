//! Random programs over real files of a real workspace, in the shipped program: what was read is written by tools and by
//! commands, copied, moved, deleted, brought back, changed by somebody else, read again and sent, over restarts. No value
//! ever loses a source, and none becomes less confidential.

use crate::client::Client;
use crate::dice::Dice;
use crate::place::{PATIENCE, Place, Up};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::http::{Answer, Next, Server};
use testkit::ollama::{Ollama, Tools};
use testkit::smtp::{Manner, Smtp};

/// How many programs are run, and how long each is.
const PROGRAMS: u64 = 2;
const STEPS: u32 = 30;
/// How many kinds of step there are.
const KINDS: u64 = 13;
/// How confidential mail is in these programs.
const TIER: &str = "high";
const FILES: [&str; 4] = ["a.txt", "b.txt", "c.txt", "d.txt"];
const SESSIONS: [&str; 3] = ["one", "two", "three"];

type Sources = BTreeSet<String>;

/// What must be known of a file: where its words came from, or that somebody else has changed it. Only mail is of a tier
/// of its own, and every source is a mail.
#[derive(Clone, Debug, Default)]
struct Holds {
    sources: Sources,
    is_strange: bool,
}

/// What must be known, after each step.
#[derive(Default)]
struct Expected {
    sessions: BTreeMap<&'static str, Holds>,
    files: BTreeMap<&'static str, Holds>,
    mails: Sources,
}

struct Program {
    place: Place,
    home: PathBuf,
    server: Server,
    smtp: Smtp,
    up: Option<Up>,
    messages: u32,
}

impl Program {
    async fn start() -> Self {
        let place = Place::new();
        let model = "planner-1".to_string();
        let server = Ollama { key: None, model, tools: Tools::Known }.start().await.unwrap();
        let smtp = Smtp::start(Manner::default()).await.unwrap();
        let mailbox = place.path("Maildir");
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir_all(mailbox.join(folder)).unwrap();
        }
        place.give_all(&mailbox);
        let port = server.origin().rsplit(':').next().unwrap().to_string();
        let config = format!(
            "model = \"m\"\n[[models]]\nname = \"m\"\nkind = \"ollama\"\nmodel = \"planner-1\"\nurl = \"http://localhost:{port}\"\n\
             [agent]\nplan = false\n[smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n\
             [[mailboxes]]\nname = \"box\"\ntier = \"{TIER}\"\nmaildir = \"{}\"\n",
            smtp.port,
            mailbox.display(),
        );
        let home = place.home("home", Some(&config));
        let up = Some(place.up(&home).await);
        Self { place, home, server, smtp, up, messages: 0 }
    }

    fn client(&self) -> &Client {
        &self.up.as_ref().unwrap().client
    }

    async fn restart(&mut self) {
        self.up.take().unwrap().stop().await;
        self.up = Some(self.place.up(&self.home).await);
    }

    /// The model calls `tool` in `session`, and the owner agrees to whatever is asked.
    async fn call(&mut self, session: &str, tool: &str, arguments: Value) -> String {
        let calls = vec![(tool.replace('.', "__"), arguments)];
        self.server.then(Next::Answer(Answer { calls, ..Answer::default() }));
        self.server.then(Next::Answer(Answer { text: "ok".into(), ..Answer::default() }));
        self.messages += 1;
        let message = json!({"id": format!("m-{}", self.messages), "text": "go on"});
        let path = format!("/api/v1/sessions/{session}/messages");
        let task = self.client().post(&path, message).await["task"].clone();
        let over = async {
            loop {
                let transcript = self.client().get(&format!("/api/v1/sessions/{session}")).await;
                let of_task = |item: &&Value| item["task"] == task;
                let items: Vec<&Value> =
                    transcript["items"].as_array().unwrap().iter().filter(of_task).collect();
                if items.iter().any(|item| item["kind"] == "replied") {
                    let result = items.iter().find(|item| item["kind"] == "result").unwrap();
                    assert_eq!(result["failed"], false, "{tool}: {result}");
                    return result["text"].as_str().unwrap().to_string();
                }
                assert!(items.iter().all(|item| item["kind"] != "ended"), "{tool}: {items:?}");
                let open = self.client().get("/api/v1/approvals").await;
                let ids: Vec<&Value> =
                    open["questions"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
                if !ids.is_empty() {
                    self.client()
                        .post("/api/v1/approvals", json!({"questions": ids, "answer": "approve"}))
                        .await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, over).await.unwrap()
    }

    fn workspace(&self) -> PathBuf {
        self.home.join("workspace")
    }

    fn mail_comes(&self, number: usize, from: &str) {
        let mail = format!("From: {from}\r\nTo: me@example.org\r\nSubject: {number}\r\n\r\nhello\r\n");
        let path = self.place.path("Maildir").join(format!("new/17041032{number:02}.{number}.host"));
        fs::write(&path, mail).unwrap();
        self.place.give(&path);
    }

    /// Whether the label of `session` has all that it must have.
    async fn check(&self, session: &str, holds: &Holds, shown: &str) {
        let label = self.client().get(&format!("/api/v1/sessions/{session}")).await["label"].clone();
        let found: Sources = label["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_string())
            .collect();
        let lost: Vec<&String> = holds.sources.difference(&found).collect();
        assert!(lost.is_empty(), "{shown}: {session} lost {lost:?}: {label}");
        let is_strange = holds.is_strange || !holds.sources.is_empty();
        assert!(!is_strange || label["integrity"] == "untrusted", "{shown}: {session}: {label}");
        assert!(holds.sources.is_empty() || label["tier"] == TIER, "{shown}: {session}: {label}");
    }
}

fn of(dice: &mut Dice, all: &[&'static str]) -> &'static str {
    all[usize::try_from(dice.below(all.len() as u64)).unwrap()]
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap();
    fs::write(path, format!("{before}{text}")).unwrap();
}

impl Holds {
    fn join(&mut self, other: &Self) {
        self.sources.extend(other.sources.iter().cloned());
        self.is_strange |= other.is_strange;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_real_file_ever_loses_a_source() {
    let mut kinds = [0_u32; KINDS as usize];
    for seed in 1..=PROGRAMS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut program = Program::start().await;
        let mut expected = Expected::default();
        for step in 1..=STEPS {
            let session = of(&mut dice, &SESSIONS);
            let (from, to) = (of(&mut dice, &FILES), of(&mut dice, &FILES));
            // Every kind of step is taken once before the dice decide, whatever they say.
            let wanted = if u64::from(step) <= KINDS { u64::from(step) - 1 } else { dice.below(KINDS) };
            let is_there = expected.files.contains_key(from) && from != to;
            let what = if is_there {
                wanted
            } else if wanted % 2 == 0 {
                0
            } else {
                1
            };
            kinds[usize::try_from(what).unwrap()] += 1;
            let shown = format!("program {seed}, step {step}: {what} {session} {from} {to}");
            match what {
                0 => {
                    let sender = format!("s{step}@evil.example");
                    program.mail_comes(expected.mails.len(), &sender);
                    expected.mails.insert(format!("mail:{sender}"));
                    program.call(session, "mail.list", json!({})).await;
                    let mails = Holds { sources: expected.mails.clone(), is_strange: true };
                    expected.sessions.entry(session).or_default().join(&mails);
                }
                1 => {
                    program
                        .call(
                            session,
                            "files.write",
                            json!({"path": from, "content": format!("words of step {step}\n")}),
                        )
                        .await;
                    let holds = expected.sessions.get(session).cloned().unwrap_or_default();
                    expected.files.insert(from, holds);
                }
                2 | 3 => {
                    program.call(session, "files.read", json!({"path": from})).await;
                    let holds = expected.files[from].clone();
                    expected.sessions.entry(session).or_default().join(&holds);
                }
                4 => {
                    program.call(session, "shell.run", json!({"command": format!("cp {from} {to}")})).await;
                    let holds = expected.files[from].clone();
                    expected.files.insert(to, holds);
                }
                5 | 6 => {
                    if what == 5 {
                        program
                            .call(session, "shell.run", json!({"command": format!("mv {from} {to}")}))
                            .await;
                    } else {
                        let _ = fs::remove_file(program.workspace().join(to));
                        program.call(session, "files.move", json!({"from": from, "to": to})).await;
                    }
                    let holds = expected.files.remove(from).unwrap();
                    expected.files.insert(to, holds);
                }
                7 => {
                    // Whoever changes it may as well keep what was in it.
                    append(
                        &program.workspace().join(from),
                        &format!("somebody else's words of step {step}\n"),
                    );
                    expected.files.get_mut(from).unwrap().is_strange = true;
                    program.restart().await;
                }
                8 => {
                    program.call(session, "shell.run", json!({"command": format!("cat {from}")})).await;
                    let holds = Holds { is_strange: true, ..expected.files[from].clone() };
                    expected.sessions.entry(session).or_default().join(&holds);
                }
                9 => {
                    let command = format!("sed s/words/lines/ {from} {from} > {to}");
                    program.call(session, "shell.run", json!({"command": command})).await;
                    let mut holds = Holds { is_strange: true, ..expected.files[from].clone() };
                    holds.join(&expected.sessions.get(session).cloned().unwrap_or_default());
                    expected.files.insert(to, holds);
                }
                10 => {
                    program
                        .call(session, "files.find", json!({"pattern": from, "path": ".", "text": "of step"}))
                        .await;
                    let holds = Holds { is_strange: true, ..expected.files[from].clone() };
                    expected.sessions.entry(session).or_default().join(&holds);
                }
                11 => {
                    let said = program.call(session, "files.delete", json!({"path": from})).await;
                    let id = said.split("files.restore ").nth(1).unwrap().split(' ').next().unwrap();
                    program.call(session, "files.restore", json!({"id": id})).await;
                }
                _ => {
                    let mail =
                        json!({"to": ["anna@example.org"], "subject": "hi", "body": format!("step {step}")});
                    program.call(session, "mail.send", mail).await;
                    let sent = program
                        .client()
                        .get(&format!("/api/v1/audit?kind=intent&tool=mail.send&session={session}"))
                        .await;
                    let record = sent["records"].as_array().unwrap().last().unwrap().to_string();
                    let holds = expected.sessions.get(session).cloned().unwrap_or_default();
                    for source in &holds.sources {
                        assert!(record.contains(source.as_str()), "{shown}: {source} is not in {record}");
                    }
                }
            }
            if let Some(holds) = expected.sessions.get(session) {
                program.check(session, holds, &shown).await;
            }
        }
        // Whoever reads the files afterwards has read everything that went into them.
        program.restart().await;
        for (file, holds) in &expected.files {
            let session = format!("last-{}", &file[..1]);
            program.call(&session, "files.read", json!({"path": file})).await;
            program.check(&session, holds, &format!("program {seed}: {file} at last")).await;
        }
        assert!(program.smtp.violations().is_empty());
        program.up.take().unwrap().stop().await;
    }
    assert!(kinds.iter().all(|count| *count > 0), "each kind of step is taken: {kinds:?}");
}
