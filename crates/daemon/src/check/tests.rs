use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// What is said of a home with this configuration and these rule files, without the home's own path.
fn said(config: &str, rules: &[(&str, &str)]) -> Vec<(String, Weight)> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    fs::write(folder.path().join(config::FILE), config).unwrap();
    for (name, text) in rules {
        fs::write(folder.path().join("policy").join(name), text).unwrap();
    }
    let findings = check_home(folder.path()).unwrap();
    let here = format!("{}/", folder.path().display());
    findings.iter().map(|finding| (finding.to_string().replace(&here, ""), finding.weight)).collect()
}

#[test]
fn everything_that_a_start_would_refuse_is_named_with_its_place() {
    for (config, expected) in [
        ("model = \"x\"", "hardshell.toml:1:9: `model`: no `[[models]]` entry is called `x`"),
        (
            "[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"x\"\nurl = \"ftp://x\"",
            "hardshell.toml:5:7: `models.m.url`: starts with https:// or http://",
        ),
        ("[[models]]\nname = \"m\"\nkind = \"openai\"", "hardshell.toml:1:1: `models.m.model`: is missing"),
        (
            "[[models]]\nname = \"m\"\nkind = \"anthropic\"\nmodel = \"x\"\nkey = \"sk-123\"",
            "hardshell.toml:5:7: `models.m.key`: is a reference to the vault",
        ),
        (
            "[[models]]\nname = \"m\"\nkind = \"ollama\"\nmodel = \"x\"\nfallback = [\"n\"]",
            "hardshell.toml:5:12: `models.m.fallback`: names `n`, which is not configured",
        ),
        (
            "[[models]]\nname = \"m\"\nkind = \"script\"\nscript = \"/no/such/file\"",
            "hardshell.toml:4:10: `models.m.script`: ",
        ),
        (
            "[[mailboxes]]\nname = \"post\"\nmaildir = \"/no/such/folder\"",
            "hardshell.toml:3:11: `mailboxes.post.maildir`: ",
        ),
        (
            "[[mailboxes]]\nname = \"post\"\nimap = \"pop3://me@example.org\"\npassword = \"secret://x\"",
            "hardshell.toml:3:8: `mailboxes.post.imap`: `pop3://me@example.org` is not a mail server",
        ),
        (
            "[[mailboxes]]\nname = \"post\"\nimap = \"imaps://me@example.org\"",
            "hardshell.toml:3:8: `mailboxes.post.imap`: the mailbox `post` has no `password",
        ),
        ("[smtp]\nurl = \"smtps://example.org\"\nfrom = \"me at home\"", "hardshell.toml:3:8: `smtp.from`: "),
        (
            "[smtp]\nurl = \"http://example.org\"\nfrom = \"me@example.org\"",
            "hardshell.toml:2:7: `smtp.url`: `http://example.org` is not a mail server",
        ),
        (
            "[files]\nallowed_paths = [\"~/a\", \"~/b[\"]",
            "hardshell.toml:2:25: `files.allowed_paths`: `~/b[` ",
        ),
        (
            "[network]\nprivate_hosts = [\"localhost:1\", \"localhost\"]",
            "hardshell.toml:2:33: `network.private_hosts`: `localhost` is not HOST:PORT",
        ),
        (
            "[gateway.tls]\ncertificate = \"/no/such.pem\"\nkey = \"/no/such.key\"",
            "hardshell.toml:2:15: `gateway.tls.certificate`: cannot use the TLS file `/no/such.pem`",
        ),
        (
            "[gateway]\nnames = [\"a.example.org\", \"not a host\"]",
            "hardshell.toml:2:27: `gateway.names`: `not a host` is not a host name",
        ),
    ] {
        let found = said(config, &[]);
        assert!(
            found.iter().any(|(text, weight)| text.starts_with(expected) && *weight == Weight::Refused),
            "{expected} is not in {found:#?}"
        );
    }
}

#[test]
fn rule_files_are_read_each_and_together() {
    let rule = |id: &str| format!("@id(\"{id}\") @why(\"because\") forbid(principal, action, resource);");
    assert_eq!(said("", &[("good.cedar", &rule("mine"))]), []);
    for (files, expected) in [
        (vec![("broken.cedar", "forbid(".to_string())], "policy/broken.cedar: rule file `broken.cedar`: "),
        (
            vec![("open.cedar", rule("x").replace("forbid", "permit"))],
            "policy/open.cedar: rule file `open.cedar` permits something",
        ),
        (
            vec![("a.cedar", rule("same")), ("b.cedar", rule("same"))],
            "policy: rule file `b.cedar`: the id `same` is taken",
        ),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let found = said("", &files);
        assert!(found.iter().any(|(text, _)| text.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn what_has_no_effect_yet_is_said_and_refuses_nothing() {
    let found = said("[sources]\ninternal_senders = [\"@example.org\"]\n", &[]);
    let [(text, weight)] = found.as_slice() else { panic!("{found:#?}") };
    assert!(text.starts_with("hardshell.toml:2:20: `sources.internal_senders`"), "{text}");
    assert!(text.contains("has no effect") && text.contains("authserv_id = \"mx.example.org\""), "{text}");
    assert_eq!(*weight, Weight::WithoutEffect);
}

#[test]
fn checking_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(check_home(folder.path()).is_err(), "there is no configuration");
    fs::write(folder.path().join(config::FILE), config::FIRST).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(check_home(folder.path()).unwrap(), []);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_a_link_is_refused_and_where_it_leads_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    fs::create_dir(path.join("real")).unwrap();
    std::os::unix::fs::symlink("real", path.join("link")).unwrap();
    let config = |key: &str, name: &str| format!("[files]\n{key} = [\"{}\"]", path.join(name).display());
    for (key, name) in [("allowed_paths", "link"), ("readable_paths", "link/**"), ("readable_paths", "link/")]
    {
        let found = said(&config(key, name), &[]);
        let expected =
            format!("is a link to `{}`; if that is what you mean, write it so", path.join("real").display());
        let told = |text: &str| text.contains(&format!("`files.{key}`")) && text.contains(&expected);
        assert!(
            found.iter().any(|(text, weight)| told(text) && *weight == Weight::Refused),
            "{name}: {found:#?}"
        );
    }
    assert_eq!(said(&config("readable_paths", "real"), &[]), []);
}

#[test]
fn every_slip_in_the_shape_is_named_at_once_in_plain_words_with_its_key_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let text = "modle = \"é\"\n[gateway]\nport = 99999\nnames = \"x\"\n[[models]]\nname = \"m\"\n[agent]\nplan = 1\n[shel]\nx = 1\n";
    fs::write(folder.path().join(config::FILE), text).unwrap();
    let found = check_home(folder.path()).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|finding| {
            assert!(finding.hint.is_some() && finding.weight == Weight::Refused, "{finding:?}");
            (finding.place.unwrap().line, finding.key.clone().unwrap_or_default())
        })
        .collect();
    let expected = [
        (1, "modle"),
        (3, "gateway.port"),
        (4, "gateway.names"),
        (5, "models"),
        (8, "agent.plan"),
        (9, "shel"),
    ];
    assert_eq!(told, expected.map(|(line, key)| (line, key.to_string())), "{found:#?}");
    for port in ["99999", "-1", "\"abc\""] {
        fs::write(folder.path().join(config::FILE), format!("[gateway]\nport = {port}\n")).unwrap();
        let [one] = &check_home(folder.path()).unwrap()[..] else { panic!("{port}") };
        assert!(one.what.ends_with("is not a port: a number from 1 to 65535, or 0 for a free one"), "{one}");
    }
    let text = "[[models]]\nname = \"m\"\nkind = \"antropic\"\nmodel = \"y\"\n";
    fs::write(folder.path().join(config::FILE), text).unwrap();
    let [one] = &check_home(folder.path()).unwrap()[..] else { panic!("one slip is said once") };
    assert!(one.what.ends_with("did you mean `anthropic`?"), "{one}");
}

#[test]
fn limits_and_recipients_that_mean_nothing_are_refused_and_what_is_not_there_is_told() {
    for (config, expected, weight) in [
        ("[agent]\nsteps = 0", "2:9: `agent.steps`: 0 is not between 1 and ", Weight::Refused),
        (
            "[sandbox]\nmemory_mib = 1048577",
            "2:14: `sandbox.memory_mib`: 1048577 is not between",
            Weight::Refused,
        ),
        ("[limits]\ntokens_per_day = 0", "2:18: `limits.tokens_per_day`: 0 is not between", Weight::Refused),
        (
            "[mail]\nallowed_recipients = [\"@a.example\", \"nonsense\"]",
            "2:37: `mail.allowed_recipients`: `nonsense` is neither an address nor",
            Weight::Refused,
        ),
        (
            "[mail]\ndenied_recipients = [\"*\"]",
            "2:22: `mail.denied_recipients`: `*` is neither",
            Weight::Refused,
        ),
        (
            "[gateway]\naddress = \"0.0.0.0\"\nexposure = \"public\"\nnames = [\"a.example\"]",
            "2:11: `gateway.address`: an address beyond this machine needs `tls`: a certificate",
            Weight::Refused,
        ),
        (
            "[gateway]\nexposure = \"public\"",
            "2:12: `gateway.exposure`: has no effect: `address` is this machine's own, and for others it needs `tls`",
            Weight::WithoutEffect,
        ),
        (
            "[files]\nreadable_paths = [\"/no/such/folder/**\"]",
            "2:19: `files.readable_paths`: `/no/such/folder/**` has no effect: there is no /no/such/folder",
            Weight::WithoutEffect,
        ),
    ] {
        let found = said(config, &[]);
        let expected = format!("hardshell.toml:{expected}");
        assert!(
            found.iter().any(|(text, found)| text.starts_with(&expected) && *found == weight),
            "{expected} is not in {found:#?}"
        );
    }
    let good = "[mail]\nallowed_recipients = [\"@a.example\", \"anna@example.org\"]\n[limits]\neffects_per_minute = 0";
    assert_eq!(said(good, &[]), []);
}
