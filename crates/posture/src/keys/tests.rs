use super::*;

fn in_file(name: &str, text: &str) -> Vec<(String, String, bool)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let keys = read_keys(&path).unwrap();
    keys.into_iter().map(|key| (key.name.to_string(), key.called, key.hosts.is_empty())).collect()
}

#[test]
fn keys_of_a_file_of_variables_are_named_after_their_service() {
    let text = "# settings\nOPENAI_API_KEY=sk-aaaabbbbccccdddd1111\nexport GH_TOKEN=\"ghx_0123456789\"\nPORT=8080\n\
        WIKI_TOKEN='correct-horse-battery' # ours\nDEBUG=true\nEMPTY_KEY=\nOTHER_KEY=${OPENAI_API_KEY}\n\
        SAMPLE_API_KEY=your-key-here\nKEPT=secret://kept\nGITHUB_TOKEN=another-github-token\n";
    let expected = [
        ("openai", "OPENAI_API_KEY", false),
        ("github", "GH_TOKEN", false),
        ("wiki-token", "WIKI_TOKEN", true),
        ("github-token", "GITHUB_TOKEN", false),
    ];
    let expected = expected.map(|(name, called, none)| (name.to_string(), called.to_string(), none));
    assert_eq!(in_file(".env", text), expected);
}

#[test]
fn keys_of_a_json_file_are_found_at_any_depth() {
    let text = r#"{"models": {"providers": {"anthropic": {"apiKey": "abcdefgh12345678"}}},
        "channels": {"telegram": {"botToken": "123456:abcdefghijk", "name": "my bot"}},
        "gateway": {"auth": {"token": "a-token-of-ours-1"}, "port": 18789},
        "profiles": {"openai:default": {"type": "api_key", "api_key": "0123456789abcdef"}}}"#;
    let mut found = in_file("openclaw.json", text);
    found.sort();
    let expected = [
        ("anthropic", "models.providers.anthropic.apiKey", false),
        ("gateway-auth-token", "gateway.auth.token", true),
        ("openai", "profiles.openai:default.api_key", false),
        ("telegram", "channels.telegram.botToken", false),
    ];
    assert_eq!(found, expected.map(|(name, called, none)| (name.to_string(), called.to_string(), none)));
}

#[test]
fn a_folder_is_read_whole_and_each_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("agents/main/agent");
    fs::create_dir_all(&deep).unwrap();
    fs::write(folder.path().join(".env"), "OPENAI_API_KEY=0123456789abcdef\n").unwrap();
    fs::write(folder.path().join("openclaw.json"), r#"{"openai": {"apiKey": "0123456789abcdef"}}"#).unwrap();
    fs::write(deep.join("auth-profiles.json"), r#"{"groq": {"key": "x", "token": "abcdefghijklmnop"}}"#)
        .unwrap();
    fs::write(deep.join("broken.json"), "{ not json").unwrap();
    let names: Vec<String> =
        read_keys(folder.path()).unwrap().into_iter().map(|key| key.name.to_string()).collect();
    assert_eq!(names, ["openai", "groq"]);
}

#[test]
fn neither_an_error_nor_debug_repeats_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, "{\"token\": \"hunter2hunter2\", oops").unwrap();
    assert!(!read_keys(&path).unwrap_err().to_string().contains("hunter2"));
    fs::write(&path, "{\"token\": \"hunter2hunter2\"}").unwrap();
    assert!(!format!("{:?}", read_keys(&path).unwrap()).contains("hunter2"));
}
