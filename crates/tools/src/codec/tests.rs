use crate::Catalog;

const GOOD: &str = r#"
version = 1
[[tool]]
name = "bank.pay"
about = "Pay"
effect = "spend"
sinks = ["service bank", "argument to"]
source = { tier = "high" }
show = ["Pay {amount} to {to}", "for {why}"]
argument = [
  { name = "to", about = "account", role = "authority", type = "address" },
  { name = "amount", about = "how much", role = "authority", type = "amount", min = 0.01, max = 1000 },
  { name = "why", about = "subject", role = "payload", type = "text", optional = true },
]
"#;

#[test]
fn a_manifest_that_contradicts_itself_is_refused_with_the_reason() {
    assert!(Catalog::from_toml(GOOD).is_ok());
    for (from, to, reason) in [
        ("version = 1", "version = 2", "version 2"),
        ("[[tool]]", "[[tol]]", "unknown field `tol`"),
        ("effect = \"spend\"", "effect = \"pay\"", "`pay` is no effect"),
        ("tier = \"high\"", "tier = \"secret\"", "`secret` is no tier"),
        ("tier = \"high\"", "tier = \"high\", integrity = \"trusted\"", "`trusted` is no label"),
        ("tier = \"high\"", "tier = \"high\", kind = \"owner\"", "`owner` is no kind of source"),
        ("tier = \"high\"", "tier = \"high\", name = \"argument who\"", "names `who`"),
        ("\"argument to\"", "\"argument whom\"", "names `whom`"),
        ("[\"service bank\", \"argument to\"]", "[]", "names no sink"),
        ("\"service bank\"", "\"bank\"", "`bank` is no sink"),
        ("\"for {why}\"", "\"for a reason\"", "leaves out the argument `why`"),
        ("\"for {why}\"", "\"for {why} {else}\"", "names `else`"),
        ("\"for {why}\"", "\"for {why\"", "a brace without"),
        ("role = \"payload\"", "role = \"data\"", "`data` is no role"),
        ("type = \"amount\"", "type = \"money\"", "`money` is not a type"),
        ("name = \"why\"", "name = \"to\"", "stands twice"),
        ("name = \"why\"", "name = \"w y\"", "no argument name"),
        ("name = \"bank.pay\"", "name = \"Bank Pay\"", "not a tool name"),
        ("optional = true", "default = 7", "the default of `why` takes"),
        ("optional = true", "optional = true, default = \"x\"", "need not say"),
        ("min = 0.01", "min = \"a\"", "no bound"),
        ("optional = true", "colour = \"red\"", "unknown field `colour`"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let error = Catalog::from_toml(&text).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn one_name_is_described_once() {
    let catalog = Catalog::from_toml(GOOD).unwrap();
    assert!(catalog.clone().with(catalog).is_err());
}

#[test]
fn every_builtin_tool_says_who_receives_what_it_is_given() {
    let catalog = Catalog::builtin().unwrap();
    let names: Vec<&str> = catalog.iter().map(|manifest| manifest.name().as_str()).collect();
    assert_eq!(
        names,
        [
            "files.delete",
            "files.find",
            "files.list",
            "files.move",
            "files.read",
            "files.restore",
            "files.undo",
            "files.write",
            "host.disk",
            "host.load",
            "host.logs",
            "host.ports",
            "host.processes",
            "host.services",
            "host.uptime",
            "mail.draft",
            "mail.list",
            "mail.read",
            "mail.search",
            "mail.send",
            "memory.note",
            "memory.search",
            "shell.run",
            "web.fetch",
        ]
    );
    for manifest in catalog.iter() {
        assert!(!manifest.sinks().is_empty() && !manifest.about().is_empty(), "{}", manifest.name());
        assert!(
            manifest.arguments().iter().all(|argument| !argument.about.is_empty()),
            "{}",
            manifest.name()
        );
    }
}
