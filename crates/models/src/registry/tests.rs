//! Real egress, a real vault and strict fakes: what is asked, how often, and what the owner is told.

mod addresses;

use super::*;
use broker::{Cancel, Progress};
use domain::{EffectKey, Integrity, Label, ProposedCall, Source, SourceKind, StopReason, Timestamp};
use egress::Unobserved;
use serde_json::json;
use std::sync::Mutex;
use testkit::anthropic::Anthropic;
use testkit::http::{Answer, End, Manner, Next, Pieces, Refusal, Server, Stop};
use testkit::ollama::{Ollama, Tools};
use testkit::openai::{Dialect, OpenAi};
use vault::{About, KeySource, SecretText, Vault};

const KEY: &str = "sk-test-0123456789abcdefghij";

/// What the owner saw of it.
#[derive(Default)]
struct Screen {
    drafts: Mutex<String>,
    steps: Mutex<Vec<String>>,
}

impl Progress for Screen {
    fn draft(&self, text: &str) {
        self.drafts.lock().unwrap().push_str(text);
    }

    fn step(&self, text: &str, _percent: Option<u8>) {
        self.steps.lock().unwrap().push(text.to_string());
    }
}

impl Screen {
    fn drafts(&self) -> String {
        self.drafts.lock().unwrap().clone()
    }

    fn steps(&self) -> Vec<String> {
        self.steps.lock().unwrap().clone()
    }
}

struct House {
    registry: Registry,
    screen: Screen,
    cancel: Cancel,
    label: Label,
    _home: tempfile::TempDir,
}

/// A house with `models`, the TOML of them, whose vault holds [`KEY`] as `secret://k` for localhost.
fn house(models: &str) -> House {
    house_with(models, egress::Settings::default(), Arc::new(Unobserved))
}

fn house_with(models: &str, settings: egress::Settings, observer: Arc<dyn egress::Observer>) -> House {
    #[derive(serde::Deserialize)]
    struct Tables {
        models: Vec<ModelConfig>,
    }
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open(&home.path().join("vault"), &KeySource::File).unwrap();
    let about = About { hosts: vec!["localhost".parse().unwrap()], ..About::default() };
    vault.set(&"k".parse().unwrap(), SecretText::new(KEY.into()).unwrap(), about).unwrap();
    let names = BTreeMap::from([("localhost".parse().unwrap(), vec!["127.0.0.1".parse().unwrap()])]);
    let settings = egress::Settings { names, ..settings };
    let egress = Arc::new(Egress::new(Arc::new(vault), settings, observer).unwrap());
    let configs = toml::from_str::<Tables>(models).unwrap().models;
    let waits = |_| Waits {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(400),
        idle: Duration::from_millis(400),
        total: Duration::from_secs(20),
    };
    let registry = Registry::with_waits(&configs, egress, waits).unwrap();
    House { registry, screen: Screen::default(), cancel: Cancel::new(), label: Label::owner(), _home: home }
}

impl House {
    async fn ask(&self, ask: &AskModel) -> Result<ModelTurn, Unanswered> {
        let key: EffectKey = "task.0.0".parse().unwrap();
        let context = Context {
            now: Timestamp(784_111_770_000),
            key: &key,
            label: &self.label,
            progress: &self.screen,
            cancel: &self.cancel,
        };
        self.registry.ask(ask, context).await
    }

    /// What went wrong with each model that was tried.
    async fn fail(&self, ask: &AskModel) -> Vec<AskError> {
        self.ask(ask).await.unwrap_err().tried
    }
}

fn table(name: &str, kind: &str, server: &Server, path: &str, more: &str) -> String {
    let url = server.origin().replace("127.0.0.1", "localhost");
    format!(
        "[[models]]\nname = '{name}'\nkind = '{kind}'\nmodel = 'm-1'\nkey = 'secret://k'\nurl = '{url}{path}'\n{more}\n"
    )
}

fn question(model: &str) -> AskModel {
    AskModel {
        model: model.parse().unwrap(),
        purpose: Purpose::Turn,
        messages: vec![Message::System("You are Hardshell.".into()), Message::User("Hello, 日本".into())],
        tools: vec![ToolSchema {
            name: "files.read".into(),
            description: "Read a file.".into(),
            parameters: json!({"type": "object", "properties": {"path": {"type": "string"}}}),
        }],
        answer_tokens_max: 100,
    }
}

/// A conversation with parallel calls, a failed one, one without a result, and words in between.
fn long_question(model: &str) -> AskModel {
    let call = |id: &str, tool: &str, arguments: &str| ProposedCall {
        id: id.into(),
        tool: tool.into(),
        arguments: arguments.into(),
    };
    let result = |id: &str, text: &str, failed: bool| Message::Result {
        call_id: id.into(),
        text: text.into(),
        failed,
    };
    let mut ask = question(model);
    ask.messages.extend([
        Message::Assistant {
            text: "Let me see.".into(),
            calls: vec![
                call("call_0", "files.read", "{\"path\":\"a\"}"),
                call("call_1", "mcp.git_hub.list__issues", "not json"),
                call("call_2", "host.disk", ""),
            ],
        },
        result("call_1", "refused", true),
        result("call_0", "", false),
        Message::User("and?".into()),
        Message::User("hurry".into()),
        Message::Assistant { text: String::new(), calls: vec![call("call_0", "host.disk", "{}")] },
        result("call_0", "50 %", false),
    ]);
    ask
}

fn says(text: &str) -> Answer {
    Answer { text: text.into(), ..Answer::default() }
}

async fn anthropic() -> Server {
    Anthropic { key: KEY.into(), model: "m-1".into(), context_tokens: 100_000 }.start().await.unwrap()
}

async fn openai(dialect: Dialect) -> Server {
    OpenAi { dialect, key: KEY.into(), model: "m-1".into(), context_tokens: 100_000 }.start().await.unwrap()
}

async fn ollama() -> Server {
    Ollama { key: Some(KEY.into()), model: "m-1".into(), tools: Tools::Known }.start().await.unwrap()
}

/// Every vendor, with the table of a model called `m`.
async fn vendors() -> Vec<(&'static str, Server, String)> {
    let mut vendors = Vec::new();
    let server = anthropic().await;
    let toml = table("m", "anthropic", &server, "", "");
    vendors.push(("anthropic", server, toml));
    for (name, dialect) in [
        ("openai", Dialect::OpenAi),
        ("openrouter", Dialect::OpenRouter),
        ("vllm", Dialect::Vllm),
        ("llama.cpp", Dialect::LlamaCpp),
        ("lm studio", Dialect::LmStudio),
    ] {
        let server = openai(dialect).await;
        let toml = table("m", "openai", &server, "/v1", "");
        vendors.push((name, server, toml));
    }
    let server = ollama().await;
    let toml = table("m", "ollama", &server, "", "");
    vendors.push(("ollama", server, toml));
    vendors
}

#[tokio::test]
async fn every_vendor_accepts_what_we_say_and_is_understood_however_it_sends_it() {
    for (vendor, server, toml) in vendors().await {
        let house = house(&toml);
        let mut drafts = String::new();
        for pieces in [Pieces::Events, Pieces::Bytes(1), Pieces::Bytes(7), Pieces::Whole] {
            let calls = vec![
                ("files__read".to_string(), json!({"path": "Grüße 日本"})),
                ("host__disk".to_string(), json!({})),
            ];
            let manner = Manner { pieces, ..Manner::default() };
            server.then(Next::Answer(Answer {
                text: "Ich schaue, 日本 🦀".into(),
                calls,
                stop: Stop::Done,
                manner,
            }));
            let turn = house.ask(&long_question("m")).await.unwrap();
            let calls: Vec<_> =
                turn.calls.iter().map(|call| (call.tool.as_str(), call.arguments.as_str())).collect();
            assert_eq!(
                (turn.text.as_str(), calls.as_slice(), turn.stop, turn.answered_by.as_str()),
                (
                    "Ich schaue, 日本 🦀",
                    [("files.read", "{\"path\":\"Grüße 日本\"}"), ("host.disk", "{}")].as_slice(),
                    StopReason::Calls,
                    "m"
                ),
                "{vendor} {pieces:?}"
            );
            assert_eq!((turn.usage.input_tokens, turn.usage.output_tokens), (14, 7), "{vendor}");
            drafts.push_str(&turn.text);
        }
        assert_eq!(house.screen.drafts(), drafts, "{vendor}");
        assert_eq!(server.complaints(), Vec::<String>::new(), "{vendor}");
    }
}

#[tokio::test]
async fn each_refusal_is_told_apart_and_no_key_is_repeated() {
    for (vendor, server, toml) in vendors().await {
        let house = house(&toml);
        for (refusal, trouble) in [
            (Refusal::WrongKey, Trouble::WrongKey),
            (Refusal::NoCredit, Trouble::NoCredit),
            (Refusal::UnknownModel, Trouble::UnknownModel { name: "m-1".into() }),
            (Refusal::ContextTooLong, Trouble::ContextTooLong),
        ] {
            server.then(Next::Refuse(refusal));
            let before = server.seen().len();
            let unanswered = house.ask(&question("m")).await.unwrap_err();
            assert_eq!(server.seen().len() - before, 1, "{vendor}: asked again in vain");
            let text = unanswered.to_string();
            // These three have no word of their own for an empty account or a wrong key but the status and the text.
            assert_eq!(unanswered.tried[0].trouble, trouble, "{vendor}: {text}");
            assert!(!text.contains(KEY) && !text.contains("sk-test"), "{vendor}: {text}");
            assert!(text.starts_with("ask the model: `m` ") && text.ends_with(')'), "{text}");
            if trouble == Trouble::WrongKey {
                assert!(
                    text.contains(
                        "(put a good key into the vault: `hardshell secret set k --host localhost`;"
                    ),
                    "{text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_passes_is_waited_for_as_the_server_asks() {
    let vendors = vendors().await;
    futures_util::future::join_all(vendors.iter().map(|(vendor, server, toml)| async move {
        let house = house(toml);
        // Asked at :30, told 1 s, then :33.
        server
            .then(Next::Refuse(Refusal::RateLimited(Some("1".into()))))
            .then(Next::Refuse(Refusal::Overloaded(Some("Sun, 06 Nov 1994 08:49:33 GMT".into()))))
            .then(Next::Refuse(Refusal::ServerFault))
            .then(Next::Answer(says("at last")));
        assert_eq!(house.ask(&question("m")).await.unwrap().text, "at last", "{vendor}");
        let at: Vec<Instant> = server.seen().iter().map(|seen| seen.at).collect();
        let waited = |from: usize, to: usize| at[to] - at[from];
        assert!(waited(0, 1) >= Duration::from_secs(1), "{vendor}: {at:?}");
        assert!(waited(0, 2) >= Duration::from_millis(2_900), "{vendor}: {at:?}");
        assert!(waited(2, 3) >= Duration::from_secs(1), "{vendor}: {at:?}");
        let steps = house.screen.steps();
        assert_eq!(steps.len(), 3, "{vendor}: {steps:?}");
        assert!(steps[0].contains("asked too often") && steps[0].contains("asking again in 1."), "{steps:?}");
    }))
    .await;
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let server = anthropic().await;
    let house = house(&table("m", "anthropic", &server, "", ""));
    server.then(Next::Refuse(Refusal::RateLimited(Some("3600".into()))));
    let error = house.fail(&question("m")).await.remove(0);
    assert_eq!((error.trouble, error.retry_after), (Trouble::RateLimited, Some(Duration::from_secs(3_600))));
    assert_eq!(server.seen().len(), 1);

    for _ in 0..10 {
        server.then(Next::Refuse(Refusal::Overloaded(None)));
    }
    assert_eq!(house.fail(&question("m")).await[0].trouble, Trouble::Overloaded);
    assert_eq!(server.seen().len(), 1 + 4);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for (vendor, server, toml) in vendors().await {
        let house = house(&toml);
        for end in
            [End::BreakAfter(1_200), End::StopAfter(1_200), End::StallAfter(1_200), End::OverloadedAfter(6)]
        {
            let manner = Manner { end, ..Manner::default() };
            server.then(Next::Answer(Answer { text: "word ".repeat(100), manner, ..Answer::default() }));
            let before = server.seen().len();
            let error = house.fail(&question("m")).await.remove(0);
            let fits = match end {
                End::BreakAfter(_) | End::StopAfter(_) => error.trouble == Trouble::Incomplete,
                End::StallAfter(_) => {
                    matches!(error.trouble, Trouble::TimedOut { waited_for: crate::Wait::NextByte, .. })
                }
                End::OverloadedAfter(_) => {
                    matches!(error.trouble, Trouble::Overloaded | Trouble::ServerFault)
                }
                End::Properly => false,
            };
            assert!(fits, "{vendor} {end:?}: {error}");
            // Some of it had been shown: a second answer would run into it.
            assert_eq!(server.seen().len() - before, 1, "{vendor} {end:?}");
        }
        assert!(house.screen.drafts().contains("word word"), "{vendor}");
    }
}

#[tokio::test]
async fn what_broke_before_a_word_was_shown_is_asked_again() {
    let server = anthropic().await;
    let house = house(&table("m", "anthropic", &server, "", ""));
    let silent = Manner { end: End::BreakAfter(100), ..Manner::default() };
    server
        .then(Next::HangUp)
        .then(Next::Answer(Answer { text: "lost".into(), manner: silent, ..Answer::default() }))
        .then(Next::Silence)
        .then(Next::Answer(says("here")));
    assert_eq!(house.ask(&question("m")).await.unwrap().text, "here");
    assert_eq!((house.screen.drafts().as_str(), server.seen().len()), ("here", 4));
}

#[tokio::test]
async fn a_page_in_place_of_a_stream_is_blamed_on_the_address() {
    let server = openai(Dialect::OpenAi).await;
    let house = house(&table("m", "openai", &server, "/v1", ""));
    for (status, content_type, body, wanted) in [
        (200, "text/html", "<html>Welcome</html>", "it is `text/html`, not a stream"),
        (200, "application/json", "{\"choices\":[]}", "it is `application/json`, not a stream"),
        (200, "text/event-stream", "data: {nonsense\n\n", "is not JSON"),
        (404, "text/html", "<html>nginx</html>", "nothing answers under this path"),
        (
            200,
            "application/json",
            "{\"error\":{\"message\":\"No such model\",\"code\":404}}",
            "is not known to the server",
        ),
    ] {
        server.then(Next::Raw { status, content_type, body: body.into() });
        let text = house.ask(&question("m")).await.unwrap_err().to_string();
        assert!(text.contains(wanted) && !text.contains("Welcome"), "{text}");
    }
}

#[tokio::test]
async fn the_next_model_is_asked_when_one_cannot() {
    let (first, second, third) = (anthropic().await, openai(Dialect::OpenAi).await, ollama().await);
    let toml = [
        table("m", "anthropic", &first, "", "fallback = ['low', 'n', 'o']"),
        table("low", "ollama", &third, "", "clearance = 'low'"),
        table("n", "openai", &second, "/v1", ""),
        table("o", "ollama", &third, "", ""),
    ];
    let mut house = house(&toml.concat());
    house.label = Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x@y"));
    first.then(Next::Refuse(Refusal::WrongKey));
    second.then(Next::Refuse(Refusal::NoCredit));
    third.then(Next::Answer(says("local")));
    let turn = house.ask(&question("m")).await.unwrap();
    assert_eq!((turn.text.as_str(), turn.answered_by.as_str()), ("local", "o"));
    assert_eq!([first.seen().len(), second.seen().len(), third.seen().len()], [1, 1, 1]);
    let steps = house.screen.steps();
    assert!(
        steps[0].contains("`m` refused the key; asking") || steps[0].contains("asking `n` instead"),
        "{steps:?}"
    );

    first.then(Next::Refuse(Refusal::WrongKey));
    second.then(Next::Refuse(Refusal::Filtered));
    let tried = house.fail(&question("m")).await;
    let troubles: Vec<_> = tried.into_iter().map(|error| error.trouble).collect();
    assert_eq!(troubles, [Trouble::WrongKey, Trouble::AboveClearance, Trouble::Filtered]);
}

#[tokio::test]
async fn the_key_is_the_vaults_to_give() {
    let server = anthropic().await;
    let toml = table("m", "anthropic", &server, "", "").replace("secret://k", "secret://nobody");
    let house = house(&toml);
    let error = house.fail(&question("m")).await.remove(0);
    assert!(matches!(&error.trouble, Trouble::NoKey { secret, .. } if secret == "nobody"), "{error}");
    assert_eq!(error.hint(), "put it there: `hardshell secret set nobody --host localhost`");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let server = anthropic().await;
    let toml = table("m", "anthropic", &server, "", "");
    drop(server);
    // The port may take a moment to close; either way nobody answers.
    let error = house(&toml).fail(&question("m")).await.remove(0);
    assert!(matches!(error.trouble, Trouble::Unreachable { .. } | Trouble::Incomplete), "{error}");
    assert!(error.to_string().contains("localhost") || error.trouble == Trouble::Incomplete, "{error}");
}

#[tokio::test]
async fn a_cancel_stops_at_once() {
    let server = anthropic().await;
    let house = house(&table("m", "anthropic", &server, "", ""));
    server.then(Next::Silence);
    let question = question("m");
    let (answer, ()) = tokio::join!(house.ask(&question), async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        house.cancel.cancel();
    });
    assert_eq!(answer.unwrap_err().tried[0].trouble, Trouble::Cancelled);
}

#[tokio::test]
async fn models_that_need_no_network_answer_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.jsonl");
    std::fs::write(&path, "{\"text\":\"you said $USER\"}\n").unwrap();
    let toml = format!(
        "[[models]]\nname = 's'\nkind = 'script'\nscript = '{}'\nfallback = ['b']\n[[models]]\nname = 'b'\nkind = 'builtin'\n",
        path.display()
    );
    let house = house(&toml);
    assert_eq!(house.ask(&question("s")).await.unwrap().text, "you said Hello, 日本");
    let turn = house.ask(&long_question("s")).await.unwrap();
    assert_eq!(turn.answered_by, "b");
    assert_eq!(house.fail(&question("nobody")).await[0].trouble, Trouble::NotConfigured);
}

#[test]
fn a_registry_is_set_up_or_says_why_not() {
    let home = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(&home.path().join("vault"), &KeySource::File).unwrap());
    let egress = Arc::new(Egress::new(vault, egress::Settings::default(), Arc::new(Unobserved)).unwrap());
    let registry = Registry::new(&[], Arc::clone(&egress)).unwrap();
    let names: Vec<_> = registry.models().map(|model| model.name().as_str()).collect();
    assert_eq!(names, [BUILTIN]);
    assert!(registry.test_question(&"x".parse().unwrap()).is_err());

    let mut a = builtin_config();
    a.fallback = vec!["gone".into()];
    let missing = Registry::new(&[a], Arc::clone(&egress)).unwrap_err().to_string();
    assert_eq!(missing, "model `builtin`: `fallback` names `gone`, which is not configured");
    let twice = Registry::new(&[builtin_config(), builtin_config()], Arc::clone(&egress)).unwrap_err();
    assert_eq!(twice.to_string(), "model `builtin`: `name` is the name of two models");
    let mut script = builtin_config();
    script.name = "played".into();
    script.kind = ModelKind::Script;
    script.script = Some("/nonexistent".into());
    assert!(matches!(Registry::new(&[script], egress), Err(RegistryError::Script { .. })));
}

#[tokio::test]
async fn the_test_question_is_one_that_every_vendor_accepts() {
    for (vendor, server, toml) in vendors().await {
        let house = house(&toml);
        let ask = house.registry.test_question(&"m".parse().unwrap()).unwrap();
        assert_eq!(house.ask(&ask).await.unwrap().text, "ok", "{vendor}");
        assert_eq!(server.complaints(), Vec::<String>::new(), "{vendor}");
    }
}
