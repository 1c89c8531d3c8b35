use super::*;

fn read(text: &str) -> Result<Model, String> {
    let config: ModelConfig = toml::from_str(text).map_err(|e| e.message().to_string())?;
    Model::try_from(&config).map_err(|e| e.to_string())
}

#[test]
fn a_model_is_read_with_the_defaults_of_its_kind() {
    let model =
        read("name = 'claude'\nkind = 'anthropic'\nmodel = 'claude-x'\nkey = 'secret://anthropic'").unwrap();
    assert_eq!(model.url().unwrap().as_str(), "https://api.anthropic.com/");
    assert_eq!((model.clearance(), model.locality()), (Tier::Medium, Locality::Cloud));
    assert_eq!((model.context_tokens(), model.answer_tokens()), (200_000, 8_192));
    assert_eq!(model.key().unwrap().as_str(), "anthropic");

    let model = read("name = 'llama'\nkind = 'ollama'\nmodel = 'llama3.2'").unwrap();
    assert_eq!((model.clearance(), model.locality()), (Tier::High, Locality::Local));

    let model = read("name = 'none'\nkind = 'builtin'").unwrap();
    assert_eq!((model.clearance(), model.locality(), model.url()), (Tier::High, Locality::Local, None));
}

#[test]
fn what_the_owner_says_of_place_and_clearance_counts() {
    let text = "name = 'a'\nkind = 'ollama'\nmodel = 'm'\nurl = 'https://ollama.example.org/'";
    assert_eq!(read(text).unwrap().clearance(), Tier::Medium);
    assert_eq!(read(&format!("{text}\nlocal = true")).unwrap().clearance(), Tier::High);
    assert_eq!(read(&format!("{text}\nclearance = 'low'")).unwrap().clearance(), Tier::Low);
}

#[test]
fn a_mistake_is_named_and_a_key_in_clear_is_not_repeated() {
    let http = "name = 'm'\nkind = 'openai'\nmodel = 'gpt'\n";
    for (text, problem) in [
        ("name = 'M'\nkind = 'builtin'", "`name` it has 1 to 64"),
        (
            "name = 'builtin'\nkind = 'ollama'\nmodel = 'y'",
            "`name` is that of what answers without a language",
        ),
        ("name = 'm'\nkind = 'gpt'", "unknown variant `gpt`"),
        ("name = 'm'\nkind = 'builtin'\ntemperature = 1", "unknown field `temperature`"),
        ("name = 'm'\nkind = 'openai'", "`model` is missing"),
        ("name = 'm'\nkind = 'script'", "`script` is missing"),
        ("name = 'm'\nkind = 'builtin'\nurl = 'https://x.org'", "`url` has no meaning"),
        (&format!("{http}script = 'x'"), "`script` has a meaning for kind `script` only"),
        (
            &format!("{http}key = 'sk-live-0123456789'"),
            "put the key there with `hardshell secret set m --host api.openai.com`",
        ),
        (
            &format!("{http}key = 'secret://k'\nurl = 'http://127.0.0.1:8000/v1'"),
            "`key` goes only to a host with a name",
        ),
        (&format!("{http}url = 'https://my_host.example.org/v1'"), "`url` is not a plain URL"),
        (&format!("{http}url = 'ftp://x.org'"), "`url` starts with https"),
        (&format!("{http}url = 'http://api.example.org/v1'"), "`url` is plain http"),
        (&format!("{http}url = 'https://user:pass@api.example.org/v1'"), "`url` carries no user"),
        (&format!("{http}url = 'https://api.example.org/v1?key=1'"), "`url` carries no query"),
        (&format!("{http}context_tokens = 10"), "`context_tokens` is at least"),
        (&format!("{http}answer_tokens = 128000"), "`answer_tokens` is at least 1"),
        (&format!("{http}prices = {{ input = -1.0, output = 1.0 }}"), "`prices` are between"),
        (&format!("{http}prices = {{ input = nan, output = 1.0 }}"), "`prices` are between"),
        (&format!("{http}fallback = ['m']"), "`fallback` names `m` twice"),
        (&format!("{http}fallback = ['a', 'a']"), "`fallback` names `a` twice"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(problem), "{text}: {error}");
        assert!(!error.contains("sk-live"), "{error}");
    }
}

#[test]
fn plain_http_is_for_the_own_network() {
    for (url, good) in [
        ("http://127.0.0.1:8080/v1", true),
        ("http://localhost:1234/v1", true),
        ("http://[::1]:8000/v1", true),
        ("http://192.168.1.10:8000/v1", true),
        ("http://gpu-box.local/v1", true),
        ("http://gpu-box/v1", true),
        ("http://8.8.8.8/v1", false),
        ("http://example.org/v1", false),
    ] {
        let text = format!("name = 'm'\nkind = 'openai'\nmodel = 'gpt'\nurl = '{url}'");
        assert_eq!(read(&text).is_ok(), good, "{url}");
    }
}

#[test]
fn prices_are_kept_exactly() {
    let text = "name = 'm'\nkind = 'openai'\nmodel = 'gpt'\nprices = { input = 0.15, output = 3 }";
    assert_eq!(read(text).unwrap().prices, Some(MicroPrices { input: 150_000, output: 3_000_000 }));
}

#[test]
fn the_schema_of_the_configuration_is_known() {
    let schema = schemars::schema_for!(ModelConfig);
    let required = schema.as_value().get("required").unwrap();
    assert_eq!(required, &serde_json::json!(["name", "kind"]));
    assert_eq!(schema.as_value().get("additionalProperties").unwrap(), false);
}
