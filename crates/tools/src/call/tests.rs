use crate::Catalog;
use domain::{CommandForm, Effect, Value};

fn parse(tool: &str, arguments: &str) -> Result<domain::Call, String> {
    Catalog::builtin().unwrap().parse(tool, arguments).map_err(|error| error.to_string())
}

#[test]
fn a_call_is_parsed_whole_with_its_defaults() {
    let call = parse("mail.list", r#"{"limit": "5", "unread": "true"}"#).unwrap();
    let given: Vec<(String, String)> =
        call.arguments.iter().map(|argument| (argument.name.clone(), argument.value.canonical())).collect();
    let wanted = [("folder", "INBOX"), ("unread", "true"), ("limit", "5")];
    assert_eq!(given, wanted.map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!(call.effect, Effect::Read);

    let call =
        parse("mail.send", r#"{"to":"Anna@Example.org","cc":null,"subject":"Hi","body":"…"}"#).unwrap();
    assert_eq!(
        call.recipients().iter().map(|address| address.as_str()).collect::<Vec<_>>(),
        ["anna@example.org"]
    );
    assert!(call.value("cc").is_none());

    let call = parse("shell.run", r#"{"command":"df -h | sort"}"#).unwrap();
    assert!(matches!(call.command("command").unwrap().form, CommandForm::Plain(_)));
    let call = parse("web.fetch", r#"{"url":"Example.ORG/a"}"#).unwrap();
    assert_eq!(call.value("url"), Some(&Value::Url("https://example.org/a".to_string())));
    assert_eq!(parse("host.disk", "").unwrap().arguments, []);
}

#[test]
fn what_is_wrong_is_said_so_that_a_model_can_do_better() {
    for (tool, arguments, reason) in [
        ("file.read", r#"{"path":"a"}"#, "there is no tool `file.read`; did you mean `files.read`?"),
        ("files_read", r#"{"path":"a"}"#, "did you mean `files.read`?"),
        ("launch.missiles", "{}", "there is no tool `launch.missiles`"),
        ("files.read", r#"{"file":"a"}"#, "it takes: path, from_line, lines"),
        ("files.read", r#"{"pth":"a"}"#, "did you mean `path`?"),
        ("files.read", "{}", "needs the argument `path`: The file"),
        ("files.read", r#"{"path":7}"#, "takes a value of type `path`, not a number"),
        ("files.read", r#"{"path":"a","lines":0}"#, "is 0; it must be a whole number from 1 to 20000"),
        ("files.read", r#"{"path":"a","lines":1.5}"#, "is 1.5; it must be a whole number"),
        ("files.read", r#"{"path":"a","path":"b"}"#, "the key `path` stands twice"),
        ("files.read", r#"["a"]"#, "it is another value"),
        ("files.read", r#"{"path":"a""#, "not a JSON object"),
        ("files.read", "{\"path\":\"a\\u0000\"}", "NUL"),
        ("files.read", "{\"path\":\"a\\nb\"}", "control characters"),
        ("mail.send", r#"{"to":["a@x.org, b@x.org"],"subject":"","body":""}"#, "is not one mail address"),
        ("mail.send", r#"{"to":["Anna <a@x.org>"],"subject":"","body":""}"#, "is not one mail address"),
        (
            "mail.send",
            r#"{"to":["a@x.org"],"subject":"a\nBcc: b@x.org","body":""}"#,
            "it is one line of plain text",
        ),
        ("host.processes", r#"{"by":"name"}"#, "is `name`; it must be one of: memory, time"),
        ("shell.run", r#"{"command":"ls 'a"}"#, "a single quote is not closed"),
        ("shell.run", r#"{"command":"  "}"#, "there is no command in it"),
        ("web.fetch", r#"{"url":"file:///etc/passwd"}"#, "only http and https"),
        ("web.fetch", r#"{"url":"https://u:p@example.org"}"#, "credentials are never part"),
        ("web.fetch", r#"{"url":"https://example.org\\@evil.org"}"#, "backslash"),
    ] {
        let result = parse(tool, arguments);
        if reason.is_empty() {
            assert!(result.is_ok(), "{result:?}");
        } else {
            let error = result.expect_err(arguments);
            assert!(error.contains(reason), "{arguments}: {error}");
            assert!(!error.chars().any(char::is_control), "{error}");
        }
    }
}

#[test]
fn a_raise_can_only_make_a_call_weightier() {
    let catalog = Catalog::from_toml(
        r#"
        version = 1
        [[tool]]
        name = "calendar.create"
        about = "Create an event; participants are told by mail."
        effect = "write"
        sinks = ["service calendar", "argument participants"]
        source = { tier = "medium" }
        raise = [{ argument = "participants", effect = "send" }, { argument = "mode", one_of = ["x"], effect = "read" }]
        argument = [
          { name = "title", about = "title", role = "payload", type = "text" },
          { name = "participants", about = "who", role = "authority", type = "list of address", default = [] },
          { name = "mode", about = "how", role = "authority", type = "text", optional = true },
        ]
        "#,
    )
    .unwrap();
    let effect = |arguments: &str| catalog.parse("calendar.create", arguments).unwrap().effect;
    assert_eq!(effect(r#"{"title":"Lunch"}"#), Effect::Write);
    assert_eq!(effect(r#"{"title":"Lunch","participants":[]}"#), Effect::Write);
    assert_eq!(effect(r#"{"title":"Lunch","participants":["a@x.org"]}"#), Effect::Send);
    assert_eq!(effect(r#"{"title":"Lunch","mode":"x"}"#), Effect::Write);
}

#[test]
fn huge_and_deep_arguments_are_refused_early() {
    assert!(parse("files.write", &" ".repeat(5 << 20)).unwrap_err().contains("at most"));
    let deep = format!("{{\"path\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse("files.write", &deep).unwrap_err().contains("deeper"));
    let long = format!("{{\"path\":\"{}\"}}", "a/".repeat(3000));
    assert!(parse("files.read", &long).unwrap_err().contains("at most 4095"));
}

#[test]
fn the_schema_for_a_model_says_what_the_parser_takes() {
    let schemas = Catalog::builtin().unwrap().schema_for_model(|name| name.as_str() == "mail.send");
    let [schema] = schemas.as_slice() else { panic!("{schemas:?}") };
    assert_eq!(schema.parameters["required"], serde_json::json!(["to", "subject", "body"]));
    assert_eq!(schema.parameters["properties"]["to"]["items"]["format"], "email");
    assert_eq!(schema.parameters["additionalProperties"], false);
}
