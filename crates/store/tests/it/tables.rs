//! Each table: what is put in comes out, and what must not be put in is refused.

use crate::house::{NOW, inbound, session, task};
use domain::{
    ActionDigest, Channel, Effect, Integrity, Label, ModelName, Principal, Role, RuleHit, Source, SourceKind,
    TaskState, Tier, Timestamp, Usage, Verdict,
};
use std::path::Path;
use std::time::Duration;
use store::{Answer, Delivered, Error, FileIdentity, FileLabel, Question, SignIn, Standing, Store};

fn untrusted() -> Label {
    Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x y@example.org"))
}

#[tokio::test]
async fn sessions_are_kept_and_their_label_only_rises() {
    let store = Store::in_memory().unwrap();
    let (first, mut second) = (session("s1"), session("s2"));
    second.active = NOW.after(Duration::from_secs(1));
    second.principal = Principal { role: Role::Member, name: "anna".into() };
    let (one, two) = (first.clone(), second.clone());
    let (listed, again, label, revoked) = store
        .run(move |tx| {
            tx.add_session(&one)?;
            tx.add_session(&two)?;
            let listed = tx.sessions(10)?;
            let again = tx.add_session(&one);
            tx.touch_session(&one.id, &untrusted(), NOW.after(Duration::from_secs(9)))?;
            let label = tx.touch_session(&one.id, &Label::owner(), Timestamp(1))?;
            tx.rename_session(&one.id, "new")?;
            tx.revoke_session(&one.id, NOW)?;
            Ok((listed, again, label, tx.session(&one.id)?.unwrap()))
        })
        .await
        .unwrap();
    assert_eq!(listed, [second, first]);
    assert!(matches!(again, Err(Error::Conflict { what: "session", .. })));
    assert_eq!(label, untrusted().join(&Label::owner()));
    assert_eq!((revoked.title.as_str(), revoked.revoked, &revoked.label), ("new", Some(NOW), &label));
    assert_eq!(revoked.active, NOW.after(Duration::from_secs(9)), "activity never goes back");
}

#[tokio::test]
async fn a_message_is_taken_once_however_often_it_is_sent() {
    let store = Store::in_memory().unwrap();
    let results = store
        .run(|tx| {
            let session = session("s1");
            tx.add_session(&session)?;
            let message = inbound(&session.id, "m1");
            let first = tx.deliver(&message, &task("t1"))?;
            let again = tx.deliver(&message, &task("t2"))?;
            let mut other_sender = message.clone();
            other_sender.sender.account = "other".into();
            let other = tx.deliver(&other_sender, &task("t3"))?;
            assert_eq!(tx.inbound_of(&task("t1"))?.unwrap().inbound, message);
            assert_eq!(tx.inbound_of(&task("t2"))?, None);
            assert_eq!(tx.task(&task("t2"))?, None);
            tx.revoke_session(&session.id, NOW)?;
            let revoked = tx.deliver(&inbound(&session.id, "m9"), &task("t9"));
            assert!(matches!(revoked, Err(Error::Conflict { found: "revoked", .. })));
            let nowhere = tx.deliver(&inbound(&"s9".parse().unwrap(), "m9"), &task("t9"));
            assert!(matches!(nowhere, Err(Error::NotFound { .. })));
            Ok([first, again, other])
        })
        .await
        .unwrap();
    assert_eq!(results, [Delivered::First, Delivered::Again { task: task("t1") }, Delivered::First]);
}

#[tokio::test]
async fn a_task_that_is_over_stays_as_it_ended() {
    let store = Store::in_memory().unwrap();
    store
        .run(|tx| {
            let session = session("s1");
            tx.add_session(&session)?;
            for id in ["t1", "t2", "t3"] {
                tx.add_task(&task(id), &session.id, NOW)?;
            }
            tx.set_task_state(&task("t1"), TaskState::Waiting, NOW)?;
            tx.set_task_state(&task("t2"), TaskState::Done, NOW)?;
            let going_on: Vec<_> =
                tx.tasks_going_on()?.into_iter().map(|task| (task.id, task.state)).collect();
            assert_eq!(going_on, [(task("t1"), TaskState::Waiting), (task("t3"), TaskState::Running)]);
            let over = tx.set_task_state(&task("t2"), TaskState::Running, NOW);
            assert!(matches!(over, Err(Error::Conflict { found: "over", .. })));
            assert_eq!(tx.tasks_of(&session.id, 2)?.len(), 2);
            Ok(())
        })
        .await
        .unwrap();
}

pub fn question(id: &str) -> Question {
    Question {
        id: id.parse().unwrap(),
        key: "t1.2.0".parse().unwrap(),
        session: "s1".parse().unwrap(),
        task: task("t1"),
        call_id: "call-1".into(),
        tool: "mail.send".parse().unwrap(),
        effect: Effect::Send,
        arguments: r#"{"to":["a@example.org"],"body":"\u202e"}"#.into(),
        digest: ActionDigest::from_hex(&"1a".repeat(32)).unwrap(),
        title: "Send a mail to a@example.org?".into(),
        text: "every byte\nof it".into(),
        rules: vec![RuleHit {
            verdict: Verdict::Ask,
            id: "integrity.consequence".into(),
            why: "it read a mail".into(),
        }],
        source: "mail from x@y, 3 minutes ago".into(),
        standing: Some("always allow mail.send".into()),
        asked: NOW,
        expires: NOW.after(Duration::from_secs(60)),
        answer: None,
        used: None,
    }
}

#[tokio::test]
async fn a_question_is_answered_once_and_its_answer_used_once() {
    let store = Store::in_memory().unwrap();
    store
        .run(|tx| {
            tx.add_session(&session("s1"))?;
            tx.add_task(&task("t1"), &"s1".parse().unwrap(), NOW)?;
            for id in ["q1", "q2", "q3", "q4"] {
                tx.add_question(&question(id))?;
            }
            assert!(matches!(tx.add_question(&question("q1")), Err(Error::Conflict { .. })));
            assert_eq!(tx.question(&"q1".parse().unwrap())?, Some(question("q1")));
            assert_eq!(tx.questions_open()?.len(), 4);
            assert_eq!(tx.question_about(&"t1.2.0".parse().unwrap())?, Some(question("q4")));

            let [q1, q2, q3, q4] = ["q1", "q2", "q3", "q4"].map(|id| id.parse().unwrap());
            let digest = question("q1").digest;
            let other = ActionDigest::from_hex(&"2b".repeat(32)).unwrap();
            let late = NOW.after(Duration::from_secs(61));
            assert!(!tx.use_answer(&q1, &digest, NOW)?, "not answered yet");
            let answered = tx.answer_question(&q1, Answer::Approve, &Principal::owner(), NOW)?;
            assert_eq!(answered.answer, Some((Answer::Approve, Principal::owner(), NOW)));
            assert!(!tx.use_answer(&q1, &other, NOW)?, "another action");
            assert!(!tx.use_answer(&q1, &digest, late)?, "lapsed");
            assert!(tx.use_answer(&q1, &digest, NOW)?);
            assert!(!tx.use_answer(&q1, &digest, NOW)?, "used");
            assert_eq!(tx.question(&q1)?.unwrap().used, Some(NOW));
            let again = tx.answer_question(&q1, Answer::Deny, &Principal::owner(), NOW);
            assert!(matches!(again, Err(Error::Conflict { found: "answered", .. })));

            tx.answer_question(&q2, Answer::Deny, &Principal::owner(), NOW)?;
            assert!(!tx.use_answer(&q2, &digest, NOW)?);
            let lapsed = tx.answer_question(&q3, Answer::Approve, &Principal::owner(), late);
            assert!(matches!(lapsed, Err(Error::Conflict { found: "lapsed", .. })));
            tx.answer_question(&q3, Answer::Expired, &Principal::house(), late)?;
            assert!(!tx.use_answer(&q3, &digest, NOW)?);
            tx.answer_question(&q4, Answer::Always, &Principal::owner(), NOW)?;
            assert!(tx.use_answer(&q4, &digest, NOW)?);
            assert_eq!(tx.questions_open()?, []);
            assert_eq!(tx.questions_of(&task("t1"))?.len(), 4);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn standing_rules_lapse_and_are_taken_away() {
    let store = Store::in_memory().unwrap();
    let rule = |id: &str, expires| Standing {
        id: id.into(),
        version: 1,
        scope: "{\"tool\":\"x\"}".into(),
        words: "always allow x".into(),
        created: NOW,
        expires,
        revoked: None,
    };
    store
        .run(move |tx| {
            let (one, two) = (rule("a", NOW), rule("b", NOW.after(Duration::from_secs(1))));
            tx.put_standing(&one)?;
            tx.put_standing(&two)?;
            assert_eq!(tx.standing_at(NOW)?, [one.clone(), two.clone()]);
            assert_eq!(tx.standing_at(Timestamp(NOW.0 + 1))?, std::slice::from_ref(&two));
            assert!(tx.revoke_standing("b", NOW)?);
            assert!(!tx.revoke_standing("b", NOW)?);
            assert_eq!(tx.standing_at(NOW)?, std::slice::from_ref(&one));
            tx.put_standing(&two)?;
            assert_eq!(tx.standing_at(NOW)?, [one, two]);
            Ok(())
        })
        .await
        .unwrap();
}

fn file(path: &str, inode: u64, byte: u8) -> FileIdentity {
    FileIdentity { path: path.into(), device: Some(u64::MAX), inode: Some(inode), digest: [byte; 32] }
}

#[tokio::test]
async fn a_files_label_follows_its_bytes_and_its_place() {
    let store = Store::in_memory().unwrap();
    store
        .run(move |tx| {
            assert_eq!(tx.file_label(&file("/w/a", 1, 1))?, FileLabel::Unknown);
            tx.put_file_label(&file("/w/a", 1, 1), &untrusted(), NOW)?;
            tx.put_file_label(&file("/w/b", 2, 2), &Label::owner(), NOW)?;
            for (found, expected) in [
                (file("/w/a", 1, 1), FileLabel::Known(untrusted())),
                (file("/w/renamed", 1, 1), FileLabel::Known(untrusted())),
                (file("/w/copied", 9, 1), FileLabel::Known(untrusted())),
                (file("/w/a", 9, 9), FileLabel::AtLeast(untrusted())),
                (file("/w/moved", 1, 9), FileLabel::AtLeast(untrusted())),
                (file("/w/new", 9, 9), FileLabel::Unknown),
            ] {
                assert_eq!(tx.file_label(&found)?, expected, "{found:?}");
            }
            // The same bytes from two places: the join.
            let both = untrusted().join(&Label::owner());
            tx.put_file_label(&file("/w/c", 3, 1), &Label::owner(), NOW)?;
            assert_eq!(tx.file_label(&file("/w/x", 8, 1))?, FileLabel::Known(both.clone()));
            // What was copied or moved away stays known when its place holds something else.
            tx.put_file_label(&file("/w/b", 2, 5), &Label::owner(), NOW)?;
            tx.put_file_label(&file("/w/b", 2, 6), &untrusted(), NOW)?;
            tx.put_file_label(&file("/w/b", 2, 5), &untrusted(), NOW)?;
            tx.put_file_label(&file("/w/b", 2, 6), &Label::owner(), NOW)?;
            assert_eq!(tx.file_label(&file("/w/y", 8, 2))?, FileLabel::Known(Label::owner()));
            assert_eq!(tx.file_label(&file("/w/y", 8, 5))?, FileLabel::Known(both.clone()));
            assert_eq!(tx.file_label(&file("/w/b", 2, 6))?, FileLabel::Known(both.clone()));
            // Also when the very same bytes are written there once more, by somebody else.
            tx.put_file_label(&file("/w/d", 4, 7), &untrusted(), NOW)?;
            tx.put_file_label(&file("/w/d", 4, 7), &Label::owner(), NOW)?;
            assert_eq!(tx.file_label(&file("/w/y", 8, 7))?, FileLabel::Known(both));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_place_is_never_less_confidential_than_what_last_stood_there() {
    let store = Store::in_memory().unwrap();
    let high = Label::owner().raised_to(Tier::High);
    store
        .run(move |tx| {
            tx.put_file_label(&file("/w/a", 1, 1), &high, NOW)?;
            tx.put_file_label(&file("/w/b", 2, 2), &Label::owner(), NOW)?;
            assert_eq!(tx.file_label(&file("/w/a", 9, 9))?, FileLabel::AtLeast(high.clone()));
            // Somebody laid a known file over it.
            assert_eq!(tx.file_label(&file("/w/a", 2, 2))?, FileLabel::Known(high.clone()));
            assert_eq!(tx.file_label(&file("/w/b", 2, 2))?, FileLabel::Known(Label::owner()));
            // What is about to be written has no inode yet, and shares none with others.
            let coming = |path: &str, byte| FileIdentity { device: None, inode: None, ..file(path, 0, byte) };
            tx.put_file_label(&coming("/w/c", 3), &high, NOW)?;
            assert_eq!(tx.file_label(&coming("/w/d", 4))?, FileLabel::Unknown);
            assert_eq!(tx.file_label(&file("/w/c", 7, 3))?, FileLabel::Known(high));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_folder_is_as_what_is_below_it_and_what_may_be() {
    let store = Store::in_memory().unwrap();
    let high = Label::owner().raised_to(Tier::High);
    store
        .run(move |tx| {
            tx.put_file_label(&file("/w/sub/a", 1, 1), &high, NOW)?;
            tx.put_file_label(&file("/w0", 2, 2), &untrusted(), NOW)?;
            tx.put_file_label(&file("/w-other/b", 3, 3), &untrusted(), NOW)?;
            for (folder, expected) in [
                ("/w", Some(high.clone())),
                ("/w/", Some(high.clone())),
                ("/w/sub", Some(high.clone())),
                ("/w/su", None),
                ("/", Some(high.clone().join(&untrusted()))),
                ("/elsewhere", None),
            ] {
                assert_eq!(tx.label_below(Path::new(folder))?, expected, "{folder}");
            }
            // Something was written below it that nobody could list: whatever is not known may be that.
            tx.put_folder_label(Path::new("/w"), &Label::owner(), NOW)?;
            tx.put_folder_label(Path::new("/w"), &untrusted(), NOW)?;
            let either = Label::owner().join(&untrusted());
            assert_eq!(tx.file_label(&file("/w/deep/x", 8, 8))?, FileLabel::AtLeast(either.clone()));
            assert_eq!(tx.file_label(&file("/w/sub/a", 1, 1))?, FileLabel::Known(high.clone()));
            assert_eq!(tx.file_label(&file("/v/x", 8, 8))?, FileLabel::Unknown);
            assert_eq!(tx.label_below(Path::new("/w"))?, Some(high.join(&either)));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn ledgers_and_spend_are_kept() {
    let store = Store::in_memory().unwrap();
    let model: ModelName = "claude".parse().unwrap();
    store
        .run(move |tx| {
            let session = session("s1");
            tx.add_session(&session)?;
            assert_eq!(tx.ledger(&session.id)?, None);
            tx.put_ledger(&session.id, "{\"version\":1}", NOW)?;
            tx.put_ledger(&session.id, "{\"version\":1,\"x\":2}", NOW)?;
            assert_eq!(tx.ledger(&session.id)?.as_deref(), Some("{\"version\":1,\"x\":2}"));
            assert!(tx.put_ledger(&"s9".parse().unwrap(), "", NOW).is_err(), "no such session");

            let usage = Usage { input_tokens: 10, output_tokens: 5 };
            tx.add_spend(&model, usage, 100, NOW)?;
            let sum = tx.add_spend(&model, usage, 50, NOW)?;
            assert_eq!((sum.calls, sum.input_tokens, sum.output_tokens, sum.cost_micros), (2, 20, 10, 150));
            let tomorrow = NOW.after(Duration::from_secs(24 * 3600));
            tx.add_spend(&model, usage, 1, tomorrow)?;
            assert_eq!(tx.spend(NOW, NOW)?, [sum]);
            assert_eq!(tx.spend(NOW, tomorrow)?.len(), 2);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_credential_is_used_up_once_and_taken_away_for_good() {
    let store = Store::in_memory().unwrap();
    let sign_in = |id: &str, byte| SignIn {
        kind: "link".into(),
        digest: [byte; 32],
        id: id.into(),
        name: "Firefox".into(),
        principal: Principal::owner(),
        scopes: vec!["chat".into(), "approve".into()],
        created: NOW,
        expires: NOW.after(Duration::from_secs(60)),
        revoked: None,
    };
    store
        .run(move |tx| {
            tx.add_sign_in(&sign_in("a", 1))?;
            tx.add_sign_in(&sign_in("b", 2))?;
            assert!(matches!(tx.add_sign_in(&sign_in("c", 1)), Err(Error::Conflict { .. })));
            assert!(matches!(tx.add_sign_in(&sign_in("a", 3)), Err(Error::Conflict { .. })));
            assert_eq!(tx.sign_in("link", &[1; 32])?, Some(sign_in("a", 1)));
            assert_eq!(tx.sign_in("browser", &[1; 32])?, None);
            assert_eq!(tx.take_sign_in("link", &[1; 32], NOW)?, Some(sign_in("a", 1)));
            assert_eq!(tx.take_sign_in("link", &[1; 32], NOW)?, None);
            assert_eq!(tx.sign_ins()?, [sign_in("b", 2)]);
            assert!(
                matches!(tx.add_sign_in(&sign_in("d", 1)), Err(Error::Conflict { .. })),
                "a used link is not made again"
            );
            assert!(tx.revoke_sign_in("b", NOW)?);
            assert!(!tx.revoke_sign_in("b", NOW)?);
            tx.add_sign_in(&sign_in("e", 5))?;
            assert_eq!(tx.revoke_every_sign_in(NOW)?, 1);
            tx.add_sign_in(&sign_in("f", 6))?;
            tx.prune_sign_ins(NOW.after(Duration::from_secs(61)))?;
            assert_eq!(tx.sign_ins()?, []);
            tx.add_sign_in(&sign_in("a", 1))
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn memory_is_found_by_words_and_keeps_its_label() {
    let store = Store::in_memory().unwrap();
    store
        .run(|tx| {
            let session = session("s1").id;
            let first =
                tx.remember("The dentist is Dr. Müller, Tuesdays", &untrusted(), Some(&session), NOW)?;
            let second = tx.remember("The printer is in the attic", &Label::owner(), None, NOW)?;
            let found = |words: &str| -> Result<Vec<u64>, Error> {
                Ok(tx.search_memory(words, 10)?.into_iter().map(|memory| memory.id).collect())
            };
            for (words, expected) in [
                ("dentist", vec![first]),
                ("muller tues", vec![first]),
                ("ATTIC", vec![second]),
                ("the", vec![second, first]),
                ("dentist attic", vec![]),
                ("\"; DROP TABLE memory; --", vec![]),
                ("text:dentist OR attic NEAR(", vec![]),
                ("* ^ - \" ' ( )", vec![]),
                ("", vec![]),
            ] {
                let mut ids = found(words)?;
                ids.sort_unstable_by(|a, b| b.cmp(a));
                assert_eq!(ids, expected, "{words}");
            }
            let memory = &tx.search_memory("dentist", 1)?[0];
            assert_eq!(
                (&memory.label, memory.session.as_ref(), memory.created),
                (&untrusted(), Some(&session), NOW)
            );
            assert_eq!(tx.memories(10)?.len(), 2);
            assert!(tx.forget(first)?);
            assert!(!tx.forget(first)?);
            assert_eq!(tx.search_memory("dentist", 1)?, []);
            assert!(matches!(
                tx.remember(&"x".repeat(65 * 1024), &Label::owner(), None, NOW),
                Err(Error::TooLong { .. })
            ));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_and_hurts_nobody_else() {
    let store = Store::in_memory().unwrap();
    let calls = (0..100).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .run(move |tx| {
                    tx.add_session(&session(&format!("s{number}")))?;
                    if number % 3 == 0 {
                        return Err(Error::NotFound { what: "reason", id: number.to_string() });
                    }
                    Ok(())
                })
                .await
        })
    });
    for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().is_err(), number % 3 == 0);
    }
    let kept = store.run(|tx| tx.sessions(1000)).await.unwrap();
    assert_eq!(kept.len(), 66);
    assert!(kept.iter().all(|session| session.channel == Channel::Web));
    store.close();
    assert!(matches!(store.run(|tx| tx.sessions(1)).await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_file_of_notes_is_read_anew_and_what_was_noted_in_it_keeps_its_label() {
    let store = Store::in_memory().unwrap();
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_string()).collect::<Vec<_>>();
    store
        .run(move |tx| {
            tx.remember_in("memory/a.md", "the key is under the mat", &Label::owner(), None, NOW)?;
            tx.remember_in("memory/b.md", "the key is under the mat", &Label::owner(), None, NOW)?;
            let now_there = texts(&["the key is under the mat", "the key is under the mat", "another key"]);
            tx.read_memory_file("memory/a.md", "1", &now_there, &untrusted(), NOW)?;
            let found = |words: &str| -> Result<Vec<(String, Label)>, store::Error> {
                let mut found: Vec<_> = tx
                    .search_memory(words, 10)?
                    .into_iter()
                    .map(|memory| (memory.file.unwrap_or_default(), memory.label))
                    .collect();
                found.sort_by_key(|(file, label)| (file.clone(), label.to_string()));
                Ok(found)
            };
            let mut mats = vec![
                ("memory/a.md".to_string(), Label::owner()),
                ("memory/a.md".to_string(), untrusted()),
                ("memory/b.md".to_string(), Label::owner()),
            ];
            mats.sort_by_key(|(file, label)| (file.clone(), label.to_string()));
            assert_eq!(found("mat")?, mats);
            assert_eq!(found("another")?, [("memory/a.md".to_string(), untrusted())]);
            assert_eq!(tx.memory_stamps()?, [("memory/a.md".to_string(), "1".to_string())].into());
            tx.read_memory_file("memory/a.md", "", &[], &untrusted(), NOW)?;
            assert_eq!(found("mat")?, [("memory/b.md".to_string(), Label::owner())]);
            assert_eq!(tx.memory_stamps()?, [].into());
            Ok(())
        })
        .await
        .unwrap();
}
