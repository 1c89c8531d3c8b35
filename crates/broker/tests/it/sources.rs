//! Random programs of reads, answers, summaries, writes and restarts: no value ever loses a source.

use crate::house::{House, Script};
use broker::{Cancel, Speaker};
use domain::{AskModel, Integrity, Label, ProposedCall, Purpose, Source, SourceKind, Tier};

/// How many programs are run, and how long each is.
const PROGRAMS: u64 = 12;
const STEPS: u32 = 14;

/// The same numbers each time: a program that fails can be run again (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all.get(usize::try_from(self.below(all.len() as u64)).unwrap()).copied().unwrap()
    }

    /// Where something came from, each time another place.
    fn label(&mut self, step: u32) -> Label {
        let (integrity, tier, kind) =
            (self.of(&Integrity::ALL), self.of(&Tier::ALL), self.of(&SourceKind::ALL));
        Label::new(integrity, tier, Source::new(kind, &format!("place-{step}")))
    }
}

fn ask(purpose: Purpose) -> AskModel {
    AskModel {
        model: "script".parse().unwrap(),
        purpose,
        messages: vec![],
        tools: vec![],
        answer_tokens_max: 100,
    }
}

async fn call(house: &House, who: &Speaker, step: u32, tool: &str, arguments: &str) {
    let proposed = ProposedCall { id: format!("c{step}"), tool: tool.into(), arguments: arguments.into() };
    house.broker.call(who, step, 0, &proposed, &Cancel::new()).await.unwrap();
}

#[tokio::test]
async fn no_value_ever_loses_a_source() {
    let mut kinds = [0_u32; 5];
    for seed in 1..=PROGRAMS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut house = House::open().await;
        let who = house.say("m-1", "do as the dice say").await;
        let mut read = Label::owner();
        for step in 1..=STEPS {
            let shown = format!("program {seed}, step {step}");
            let before = house.labels(&who).await.0.len();
            let what = dice.below(5);
            kinds[usize::try_from(what).unwrap()] += 1;
            match what {
                0 => {
                    let label = dice.label(step);
                    house.hand.answers("mail.list", Script::Labelled(label.clone()));
                    call(&house, &who, step, "mail.list", "{}").await;
                    read = read.join(&label);
                }
                1 => {
                    house.hand.answers("model.ask", Script::Answers("an answer".into()));
                    house.broker.ask_model(&who, step, ask(Purpose::Turn), &Cancel::new()).await.unwrap();
                }
                2 => {
                    house.hand.answers("model.ask", Script::Answers("in short".into()));
                    let ask = ask(Purpose::Summarize);
                    house.broker.summarize(&who, step, ask, 1, &Cancel::new()).await.unwrap();
                }
                3 => {
                    house.hand.answers("files.write", Script::Labelled(Label::owner()));
                    let arguments = r#"{"path": "notes.txt", "content": "what was read"}"#;
                    call(&house, &who, step, "files.write", arguments).await;
                }
                _ => house = house.reopen().await,
            }
            let (items, session) = house.labels(&who).await;
            assert!(session.covers(&read), "{shown}: {session} lost something of {read}");
            // What a model made comes from everything; what was written is handed over under all of it.
            if what == 1 || what == 2 {
                assert_eq!(items.len(), before + 1, "{shown}");
                assert!(
                    items.last().unwrap().covers(&read),
                    "{shown}: {} lost something of {read}",
                    items.last().unwrap()
                );
            }
            if what == 3 {
                assert_eq!(house.hand.done().last().unwrap(), "files.write", "{shown}");
                assert!(house.hand.labels().last().unwrap().covers(&read), "{shown}");
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 10), "each kind of step is taken: {kinds:?}");
}
