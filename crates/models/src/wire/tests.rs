//! Requests as they leave, and answers in every cutting.

use super::*;
use crate::config::ModelConfig;
use domain::{Message, ProposedCall, Purpose, ToolSchema};
use proptest::prelude::*;
use serde_json::{Value, json};

fn model(kind: &str, more: &str) -> Model {
    let text = format!("name = 'm'\nkind = '{kind}'\nmodel = 'vendor-model'\n{more}");
    Model::try_from(&toml::from_str::<ModelConfig>(&text).unwrap()).unwrap()
}

fn conversation() -> AskModel {
    let call = |id: &str, tool: &str, arguments: &str| ProposedCall {
        id: id.into(),
        tool: tool.into(),
        arguments: arguments.into(),
    };
    AskModel {
        model: "m".parse().unwrap(),
        purpose: Purpose::Turn,
        messages: vec![
            Message::System("You are Hardshell.".into()),
            Message::User("Read a.txt and look at the disk. 日本".into()),
            Message::Assistant {
                text: "Let me look.".into(),
                calls: vec![
                    call("toolu_01", "files.read", r#"{"path":"a.txt"}"#),
                    call("toolu_02", "host.disk", "{}"),
                ],
            },
            Message::Result { call_id: "toolu_02".into(), text: "refused by a rule".into(), failed: true },
            Message::Result { call_id: "toolu_01".into(), text: "hello".into(), failed: false },
            Message::User("And?".into()),
        ],
        tools: vec![ToolSchema {
            name: "files.read".into(),
            description: "Read a file.".into(),
            parameters: json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}),
        }],
        answer_tokens_max: 1_000,
    }
}

fn shown(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("POST {}\n{}\n{:?}\n\n{body:#}", request.url, headers.join("\n"), request.key_header)
}

#[test]
fn a_request_to_anthropic() {
    insta::assert_snapshot!(shown(&request(&model("anthropic", ""), &conversation()).unwrap()));
}

#[test]
fn a_request_to_openai() {
    insta::assert_snapshot!(shown(&request(&model("openai", ""), &conversation()).unwrap()));
}

#[test]
fn a_request_to_ollama() {
    insta::assert_snapshot!(shown(&request(&model("ollama", ""), &conversation()).unwrap()));
}

#[test]
fn an_address_is_not_doubled() {
    for (kind, url, wanted) in [
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"),
        (
            "anthropic",
            "https://proxy.example.org/anthropic",
            "https://proxy.example.org/anthropic/v1/messages",
        ),
        ("openai", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
        ("openai", "http://127.0.0.1:8080", "http://127.0.0.1:8080/chat/completions"),
        ("ollama", "http://127.0.0.1:11434/", "http://127.0.0.1:11434/api/chat"),
        ("ollama", "http://127.0.0.1:11434/api", "http://127.0.0.1:11434/api/chat"),
    ] {
        let request = request(&model(kind, &format!("url = '{url}'")), &conversation()).unwrap();
        assert_eq!(request.url.as_str(), wanted);
    }
}

#[test]
fn only_vendors_who_insist_get_the_newer_limit() {
    for (url, field) in [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.evil.example/v1", "max_tokens"),
        ("http://127.0.0.1:8080/v1", "max_tokens"),
    ] {
        let request = request(&model("openai", &format!("url = '{url}'")), &conversation()).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body[field], 1_000, "{url}");
    }
}

fn decode(kind: ModelKind, pieces: &[&[u8]]) -> (String, Result<Whole, StreamError>) {
    let mut draft = String::new();
    let mut text = |piece: &str| draft.push_str(piece);
    let mut decoder = Decoder::new(kind).unwrap();
    let fed = pieces.iter().try_for_each(|piece| decoder.feed(piece, &mut text));
    let whole = fed.and_then(|()| decoder.finish(&mut text));
    (draft, whole)
}

fn sse(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect()
}

fn call(id: &str, tool: &str, arguments: &str) -> ProposedCall {
    ProposedCall { id: id.into(), tool: tool.into(), arguments: arguments.into() }
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens }
}

/// A message with thinking, text, two parallel calls, pings and something new.
fn anthropic_answer() -> String {
    let start = json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1},
    }});
    let block = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta =
        |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let tool = |id: &str, name: &str| json!({"type": "tool_use", "id": id, "name": name, "input": {}});
    sse(&[
        start,
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "EqQ"})),
        stop(0),
        block(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Grüße, "})),
        delta(1, json!({"type": "text_delta", "text": "日本 🦀"})),
        stop(1),
        json!({"type": "brand_new_event", "x": 1}),
        block(2, tool("toolu_a", "files__read")),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"path\": \"é"})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ".txt\"}"})),
        stop(2),
        block(3, tool("toolu_b", "host__disk")),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 42}}),
        json!({"type": "message_stop"}),
    ])
}

#[test]
fn an_anthropic_answer_is_put_together() {
    let (draft, whole) = decode(ModelKind::Anthropic, &[anthropic_answer().as_bytes()]);
    let wanted = Whole {
        text: "Grüße, 日本 🦀".into(),
        calls: vec![
            call("toolu_a", "files__read", "{\"path\": \"é.txt\"}"),
            call("toolu_b", "host__disk", "{}"),
        ],
        stop: StopReason::Calls,
        usage: usage(115, 42),
    };
    assert_eq!((draft.as_str(), whole.as_ref()), (wanted.text.as_str(), Ok(&wanted)));
    let turn = whole.unwrap().into_turn(&Names::new(["files.read"]), "m".into());
    let tools: Vec<&str> = turn.calls.iter().map(|call| call.tool.as_str()).collect();
    assert_eq!(tools, ["files.read", "host.disk"]);
}

fn chunk(delta: Value, finish: Option<&str>) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt",
           "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": null})
}

fn piece(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: Option<&str>) -> Value {
    let mut function = json!({});
    if let Some(name) = name {
        function["name"] = json!(name);
    }
    if let Some(arguments) = arguments {
        function["arguments"] = json!(arguments);
    }
    let mut piece = json!({"function": function});
    if let Some(index) = index {
        piece["index"] = json!(index);
    }
    if let Some(id) = id {
        piece["id"] = json!(id);
        piece["type"] = json!("function");
    }
    json!({"tool_calls": [piece]})
}

fn openai_answer() -> String {
    let mut answer = sse(&[
        chunk(json!({"role": "assistant", "content": ""}), None),
        chunk(json!({"content": "Grüße, "}), None),
        chunk(json!({"content": "日本 🦀"}), None),
        chunk(piece(Some(0), Some("call_a"), Some("files__read"), Some("")), None),
        chunk(piece(Some(0), None, None, Some("{\"path\":\"é")), None),
        chunk(piece(Some(1), Some("call_b"), Some("host__disk"), Some("{}")), None),
        chunk(piece(Some(0), None, None, Some(".txt\"}")), None),
        chunk(json!({}), Some("tool_calls")),
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt", "choices": [],
               "usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}}),
    ]);
    answer.insert_str(0, ": OPENROUTER PROCESSING\n\n");
    answer + "data: [DONE]\n\n"
}

fn ollama_answer() -> String {
    let line = |message: Value, done: bool| json!({"model": "llama3.2", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done});
    let mut last = line(json!({"role": "assistant", "content": ""}), true);
    last["done_reason"] = json!("stop");
    last["prompt_eval_count"] = json!(7);
    last["eval_count"] = json!(9);
    let tool = |name: &str, arguments: Value| json!({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": name, "arguments": arguments}}]});
    [
        line(json!({"role": "assistant", "content": "", "thinking": "hm"}), false),
        line(json!({"role": "assistant", "content": "Grüße, "}), false),
        line(json!({"role": "assistant", "content": "日本 🦀"}), false),
        line(tool("files__read", json!({"path": "é.txt"})), false),
        line(tool("host__disk", json!({})), false),
        last,
    ]
    .iter()
    .map(|line| format!("{line}\n"))
    .collect()
}

fn answers() -> [(ModelKind, String, Whole); 3] {
    let whole = |ids: [&str; 2], usage: Usage, arguments: &str| Whole {
        text: "Grüße, 日本 🦀".into(),
        calls: vec![call(ids[0], "files__read", arguments), call(ids[1], "host__disk", "{}")],
        stop: StopReason::Calls,
        usage,
    };
    [
        (
            ModelKind::Anthropic,
            anthropic_answer(),
            whole(["toolu_a", "toolu_b"], usage(115, 42), "{\"path\": \"é.txt\"}"),
        ),
        (
            ModelKind::Openai,
            openai_answer(),
            whole(["call_a", "call_b"], usage(7, 9), "{\"path\":\"é.txt\"}"),
        ),
        (
            ModelKind::Ollama,
            ollama_answer(),
            whole(["call_0", "call_1"], usage(7, 9), "{\"path\":\"é.txt\"}"),
        ),
    ]
}

#[test]
fn each_answer_is_put_together_even_a_byte_at_a_time() {
    for (kind, bytes, wanted) in answers() {
        let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
        assert_eq!(decode(kind, &single), (wanted.text.clone(), Ok(wanted)));
    }
}

#[test]
fn an_answer_cut_anywhere_is_not_an_answer() {
    for (kind, bytes, wanted) in answers() {
        // From here on all that is missing is the end of the last line, or `[DONE]`.
        let whole_from = match kind {
            ModelKind::Anthropic => bytes.rfind('}').unwrap() + 1,
            ModelKind::Openai => bytes.rfind("\"tool_calls\"}]").unwrap(),
            ModelKind::Ollama | ModelKind::Script | ModelKind::Builtin => bytes.rfind('}').unwrap() + 1,
        };
        for at in 0..bytes.len() {
            let (draft, whole) = decode(kind, &[&bytes.as_bytes()[..at]]);
            assert!(wanted.text.starts_with(&draft));
            match whole {
                Err(StreamError::Incomplete) => {}
                Ok(whole) => {
                    assert!(at >= whole_from, "{kind:?} at {at}");
                    assert_eq!((&whole.text, &whole.calls), (&wanted.text, &wanted.calls));
                }
                Err(error) => panic!("{kind:?} at {at}: {error:?}"),
            }
        }
    }
}

#[test]
fn gateways_that_number_their_calls_oddly_are_understood() {
    let two = vec![call("a", "x", "{\"n\":1}"), call("b", "y", "{\"n\":2}")];
    for (what, pieces, wanted) in [
        (
            "all numbered 0, told apart by id",
            vec![
                piece(Some(0), Some("a"), Some("x"), Some("{\"n\":1}")),
                piece(Some(0), Some("b"), Some("y"), Some("{\"n\":")),
                piece(Some(0), None, None, Some("2}")),
            ],
            two.clone(),
        ),
        (
            "no numbers",
            vec![
                piece(None, Some("a"), Some("x"), Some("{\"n\":")),
                piece(None, None, None, Some("1}")),
                piece(None, Some("b"), Some("y"), Some("{\"n\":2}")),
            ],
            two.clone(),
        ),
        (
            "id and name with every piece",
            vec![
                piece(Some(0), Some("a"), Some("x"), Some("{\"n\":")),
                piece(Some(0), Some("a"), Some("x"), Some("1}")),
                piece(Some(1), Some("b"), Some("y"), Some("{\"n\":2}")),
            ],
            two.clone(),
        ),
        (
            "another id with every piece, but no name",
            vec![
                piece(Some(0), Some("a"), Some("x"), Some("")),
                piece(Some(0), Some("q"), Some(""), Some("{\"n\":")),
                piece(Some(0), Some("r"), Some(""), Some("1}")),
            ],
            vec![call("a", "x", "{\"n\":1}")],
        ),
        (
            "the name comes late",
            vec![piece(Some(0), Some("a"), None, None), piece(Some(0), None, Some("x"), Some("{\"n\":1}"))],
            vec![call("a", "x", "{\"n\":1}")],
        ),
        (
            "no ids at all, or the same twice",
            vec![
                piece(Some(0), None, Some("x"), Some("{}")),
                piece(Some(1), Some("d"), Some("y"), None),
                piece(Some(2), Some("d"), Some("z"), Some("")),
            ],
            vec![call("call_0", "x", "{}"), call("d", "y", "{}"), call("call_2", "z", "{}")],
        ),
    ] {
        let mut events: Vec<Value> = pieces.into_iter().map(|piece| chunk(piece, None)).collect();
        events.push(chunk(json!({}), Some("stop")));
        let (_, whole) = decode(ModelKind::Openai, &[sse(&events).as_bytes()]);
        let whole = whole.unwrap();
        assert_eq!((whole.calls, whole.stop), (wanted, StopReason::Calls), "{what}");
    }
}

#[test]
fn what_a_server_says_in_the_middle_counts() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let unknown = || Trouble::UnknownModel { name: "m".into() };
    for (kind, text, trouble) in [
        (ModelKind::Anthropic, format!("event: error\ndata: {overloaded}\n\n"), Trouble::Overloaded),
        (
            ModelKind::Openai,
            "data: {\"error\":{\"message\":\"slow\",\"code\":429}}\n\n".into(),
            Trouble::RateLimited,
        ),
        (
            ModelKind::Openai,
            "event: error\ndata: {\"error\":\"The model crashed\"}\n\n".into(),
            Trouble::ServerFault,
        ),
        (
            ModelKind::Openai,
            "error: {\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":\"exceed_context_size_error\"}\n\n".into(),
            Trouble::ContextTooLong,
        ),
        (
            ModelKind::Openai,
            "data: {\"object\":\"error\",\"message\":\"no such model\",\"type\":\"NotFoundError\",\"code\":404}\n\n".into(),
            unknown(),
        ),
        (
            ModelKind::Openai,
            sse(&[chunk(json!({"content": "a"}), None), chunk(json!({}), Some("error"))]),
            Trouble::ServerFault,
        ),
        (ModelKind::Ollama, "{\"error\":\"model 'm' not found\"}\n".into(), Trouble::ServerFault),
    ] {
        let (_, whole) = decode(kind, &[text.as_bytes()]);
        assert_eq!(whole.unwrap_err().trouble("m"), trouble, "{text}");
    }
}

#[test]
fn why_it_stopped_is_told() {
    let anthropic = |reason: &str| {
        sse(&[
            json!({"type": "message_start", "message": {"usage": {}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}}),
            json!({"type": "message_stop"}),
        ])
    };
    let openai = |reason: &str| sse(&[chunk(json!({"content": "x"}), None), chunk(json!({}), Some(reason))]);
    let refusal = sse(&[chunk(json!({"refusal": "I will not."}), None), chunk(json!({}), Some("stop"))]);
    let ollama = |reason: &str| {
        format!("{{\"message\":{{\"content\":\"x\"}},\"done\":true,\"done_reason\":\"{reason}\"}}\n")
    };
    for (kind, text, stop) in [
        (ModelKind::Anthropic, anthropic("end_turn"), StopReason::Finished),
        (ModelKind::Anthropic, anthropic("max_tokens"), StopReason::Length),
        (ModelKind::Anthropic, anthropic("model_context_window_exceeded"), StopReason::Length),
        (ModelKind::Anthropic, anthropic("refusal"), StopReason::Filtered),
        (ModelKind::Anthropic, anthropic("something_new"), StopReason::Finished),
        (ModelKind::Openai, openai("stop"), StopReason::Finished),
        (ModelKind::Openai, openai("length"), StopReason::Length),
        (ModelKind::Openai, openai("content_filter"), StopReason::Filtered),
        (ModelKind::Openai, refusal, StopReason::Filtered),
        (ModelKind::Ollama, ollama("stop"), StopReason::Finished),
        (ModelKind::Ollama, ollama("length"), StopReason::Length),
    ] {
        let (_, whole) = decode(kind, &[text.as_bytes()]);
        assert_eq!(whole.unwrap().stop, stop, "{text}");
    }
}

#[test]
fn a_call_that_was_cut_off_or_filtered_is_dropped() {
    for (reason, kept) in [("length", 1), ("content_filter", 0), ("tool_calls", 2)] {
        let (_, whole) = decode(
            ModelKind::Openai,
            &[sse(&[
                chunk(piece(Some(0), Some("a"), Some("x"), Some("{}")), None),
                chunk(piece(Some(1), Some("b"), Some("y"), Some("{\"path\": \"/tmp/a")), None),
                chunk(json!({}), Some(reason)),
            ])
            .as_bytes()],
        );
        assert_eq!(whole.unwrap().calls.len(), kept, "{reason}");
    }
}

#[test]
fn an_answer_that_breaks_the_rules_is_blamed_on_the_server() {
    let start = json!({"type": "message_start", "message": {"usage": {}}});
    let text =
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let tool = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a", "name": "x", "input": {}}});
    let text_delta =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}});
    let ends = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
    let stop = json!({"type": "message_stop"});
    for (kind, bytes, why) in [
        (ModelKind::Anthropic, "data: {nonsense\n\n".into(), "is not JSON"),
        (ModelKind::Anthropic, "data: [1]\n\n".into(), "is not a JSON object"),
        (ModelKind::Anthropic, sse(std::slice::from_ref(&text)), "before it starts"),
        (ModelKind::Anthropic, sse(&[start.clone(), start.clone()]), "starts twice"),
        (ModelKind::Anthropic, sse(&[start.clone(), text_delta.clone()]), "no open block"),
        (ModelKind::Anthropic, sse(&[start.clone(), text.clone(), text.clone()]), "block starts twice"),
        (ModelKind::Anthropic, sse(&[start.clone(), tool, text_delta]), "does not fit"),
        (
            ModelKind::Anthropic,
            sse(&[start.clone(), text, ends.clone(), stop.clone()]),
            "within a content block",
        ),
        (ModelKind::Anthropic, sse(&[start.clone(), stop.clone()]), "without a reason"),
        (ModelKind::Anthropic, sse(&[start.clone(), ends, stop, start]), "follows the end"),
        (ModelKind::Openai, "data: <html>\n\n".into(), "is not JSON"),
        (ModelKind::Openai, "data: {\"choices\": 1}\n\n".into(), "is not a list"),
        (ModelKind::Openai, sse(&[chunk(json!({"content": 5}), None)]), "is not text"),
        (
            ModelKind::Openai,
            sse(&[chunk(json!({"tool_calls": [{"function": {"arguments": 1}}]}), None)]),
            "are not text",
        ),
        (
            ModelKind::Openai,
            sse(&[chunk(piece(Some(0), Some("a"), None, None), Some("stop"))]),
            "names no tool",
        ),
        (ModelKind::Ollama, "nonsense\n".into(), "is not JSON"),
        (ModelKind::Ollama, "{\"done\": 1}\n".into(), "neither true nor false"),
        (ModelKind::Ollama, "{\"message\":{\"tool_calls\":[{}]}}\n".into(), "names no function"),
        (ModelKind::Ollama, "{\"done\":true}\n{\"done\":true}\n".into(), "follows the end"),
    ] {
        let (_, whole) = decode(kind, &[bytes.as_bytes()]);
        let Err(StreamError::Malformed(found)) = &whole else { panic!("{bytes}: {whole:?}") };
        assert!(found.contains(why), "{bytes}: {found}");
    }
}

#[test]
fn everything_has_a_limit() {
    let long = "x".repeat(1024 * 1024);
    let text = sse(&[chunk(json!({"content": long}), None)]);
    let pieces: Vec<&[u8]> = (0..5).map(|_| text.as_bytes()).collect();
    let too_large = |whole: Result<Whole, StreamError>| match whole {
        Err(StreamError::TooLarge { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(too_large(decode(ModelKind::Openai, &pieces).1), "text");

    let arguments = sse(&[chunk(piece(Some(0), Some("a"), Some("x"), Some(&long)), None)]);
    let pieces: Vec<&[u8]> = (0..3).map(|_| arguments.as_bytes()).collect();
    assert_eq!(too_large(decode(ModelKind::Openai, &pieces).1), "a call's arguments");

    let many: Vec<Value> = (0..65).map(|n| chunk(piece(Some(n), Some("a"), Some("x"), None), None)).collect();
    assert_eq!(too_large(decode(ModelKind::Openai, &[sse(&many).as_bytes()]).1), "a list of calls");

    let comments = format!(": {}\n", "x".repeat(1024 * 1024));
    let pieces: Vec<&[u8]> = (0..65).map(|_| comments.as_bytes()).collect();
    assert_eq!(too_large(decode(ModelKind::Openai, &pieces).1), "a stream");
}

/// What fuzzing found, and where it starts from.
#[test]
fn the_corpus_is_decoded_alike_in_every_cutting() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (kind, bytes, _) in answers() {
        let folder = corpus.join(kind.as_str());
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 3, "{}", folder.display());
        for file in files {
            check_cutting(kind, &std::fs::read(file).unwrap());
        }
        check_cutting(kind, bytes.as_bytes());
    }
}

fn cut<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces
}

proptest! {
    #[test]
    fn the_cutting_does_not_matter(sizes in proptest::collection::vec(1..40_usize, 1..30)) {
        for (kind, bytes, wanted) in answers() {
            let (draft, whole) = decode(kind, &cut(bytes.as_bytes(), &sizes));
            prop_assert_eq!(&draft, &wanted.text);
            prop_assert_eq!(whole, Ok(wanted));
        }
    }

    #[test]
    fn damage_never_panics_and_never_depends_on_the_cutting(
        which in 0..3_usize,
        damage in proptest::collection::vec((0..4_000_usize, any::<u8>()), 1..6),
        sizes in proptest::collection::vec(1..60_usize, 1..10),
    ) {
        let (kind, text, _) = answers()[which].clone();
        let mut bytes = text.into_bytes();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let (draft, whole) = decode(kind, &cut(&bytes, &sizes));
        let (draft_at_once, whole_at_once) = decode(kind, &[&bytes]);
        prop_assert_eq!(draft, draft_at_once);
        prop_assert_eq!(whole, whole_at_once);
    }
}
