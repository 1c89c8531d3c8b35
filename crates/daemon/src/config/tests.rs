use super::*;

fn problem(text: &str) -> String {
    Config::parse(text, Path::new("hardshell.toml")).unwrap_err().to_string()
}

#[test]
fn a_first_home_s_configuration_means_the_defaults() {
    let first = Config::parse(FIRST, Path::new(FILE)).unwrap();
    assert_eq!(Config { model: None, ..first }, Config::default());
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_was_meant() {
    for (text, expected) in [
        ("modle = \"x\"", "hardshell.toml:1:1: unknown field `modle`"),
        ("modle = \"x\"", "did you mean `model`?"),
        ("[gateway]\n  prot = 1", "hardshell.toml:2:3: unknown field `prot`"),
        ("[gateway]\n  prot = 1", "did you mean `port`?"),
        ("[shell]\nmode = \"aks\"", "did you mean `ask`?"),
        ("[gateway]\nport = 70000", "hardshell.toml:2:8: "),
        ("model = ", "hardshell.toml:1:"),
        ("model = \"claude\"", "no `[[models]]` entry is called `claude`"),
        ("[[mailboxes]]\nname = \"x\"", "it needs either `maildir` or `imap`"),
        ("[gateway]\naddress = \"0.0.0.0\"", "and `exposure = \"public\"` and a name in `names`"),
    ] {
        let found = problem(text);
        assert!(found.contains(expected), "{text:?}: {found}");
    }
}

#[test]
fn every_key_of_the_schema_has_a_word_of_explanation() {
    let schema = Config::schema();
    let properties = schema["properties"].as_object().unwrap();
    assert!(properties.values().all(|property| property.get("description").is_some()), "{schema}");
}
