use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn named(text: &str) -> Destination {
    text.parse().unwrap()
}

fn rules() -> Rules {
    Rules::new()
        .with(Rule::host(named("api.example.org"), 443))
        .with(Rule::host(named("paths.example.org"), 443).method(Method::GET).path("/v1").path("/v2/x/"))
        .with(Rule::host(named("paths.example.org"), 443).method(Method::POST).path("/v1/messages"))
        .with(Rule::within("example.net".parse().unwrap(), 443).port(8443))
        .with(Rule::private(named("nas.home"), 80))
        .with(Rule::private(named("127.0.0.1"), 11434))
}

#[test]
fn a_request_is_judged_by_host_port_method_and_path() {
    for (method, text, verdict) in [
        ("GET", "https://api.example.org/any", "ok"),
        ("DELETE", "https://api.example.org/", "ok"),
        ("GET", "https://api.example.org:8443/", "egress.port"),
        ("GET", "http://api.example.org/", "egress.port"),
        ("GET", "https://sub.api.example.org/", "egress.host"),
        ("GET", "https://example.org/", "egress.host"),
        ("GET", "https://api.example.org.evil.example/", "egress.host"),
        ("GET", "https://evil-api.example.org/", "egress.host"),
        ("GET", "https://paths.example.org/v1", "ok"),
        ("GET", "https://paths.example.org/v1/", "ok"),
        ("GET", "https://paths.example.org/v1/a?b", "ok"),
        ("GET", "https://paths.example.org/v12", "egress.method-or-path"),
        ("GET", "https://paths.example.org/", "egress.method-or-path"),
        ("GET", "https://paths.example.org/v1/../admin", "egress.method-or-path"),
        ("GET", "https://paths.example.org/v1/%2e%2e/admin", "egress.method-or-path"),
        ("GET", "https://paths.example.org/v1/..%2fadmin", "egress.method-or-path"),
        ("GET", "https://paths.example.org/v1/..%2Fadmin", "egress.method-or-path"),
        ("GET", "https://paths.example.org/V1", "egress.method-or-path"),
        ("GET", "https://paths.example.org/v2/x", "ok"),
        ("GET", "https://paths.example.org/v2", "egress.method-or-path"),
        ("POST", "https://paths.example.org/v1/messages", "ok"),
        ("POST", "https://paths.example.org/v1", "egress.method-or-path"),
        ("PUT", "https://paths.example.org/v1/messages", "egress.method-or-path"),
        ("GET", "https://example.net/", "ok"),
        ("GET", "https://a.b.example.net:8443/", "ok"),
        ("GET", "https://badexample.net/", "egress.host"),
        ("GET", "http://nas.home/", "ok"),
        ("GET", "http://127.0.0.1:11434/", "ok"),
        ("GET", "http://127.0.0.1:11435/", "egress.port"),
        ("GET", "http://127.0.0.2:11434/", "egress.host"),
        ("GET", "http://localhost:11434/", "egress.host"),
    ] {
        let method: Method = method.parse().unwrap();
        let found = rules().judge_request(&url(text), &method).map_or_else(|refusal| refusal.rule, |_| "ok");
        assert_eq!(found, verdict, "{method} {text}");
    }
}

#[test]
fn a_blind_connection_needs_a_rule_without_methods_and_paths() {
    let rules = rules();
    for (host, port, verdict) in [
        ("api.example.org", 443, "ok"),
        ("paths.example.org", 443, "egress.method-or-path"),
        ("paths.example.org", 80, "egress.port"),
        ("example.org", 443, "egress.host"),
    ] {
        let found = rules.judge_connection(&named(host), port).map_or_else(|refusal| refusal.rule, |_| "ok");
        assert_eq!(found, verdict, "{host}:{port}");
    }
    assert!(rules.needs_inspection(&named("paths.example.org"), 443));
    assert!(!rules.needs_inspection(&named("api.example.org"), 443));
    assert!(!rules.needs_inspection(&named("example.org"), 443));
}

#[test]
fn no_rule_opens_a_metadata_name() {
    let rules = Rules::new()
        .with(Rule::anywhere(80))
        .with(Rule::private(named("metadata.google.internal"), 80))
        .with(Rule::private(named("metadata"), 80));
    for text in [
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://metadata/",
        "http://METADATA.google.internal/",
    ] {
        assert_eq!(
            rules.judge_request(&url(text), &Method::GET).unwrap_err().rule,
            "egress.metadata",
            "{text}"
        );
    }
}

#[test]
fn empty_rules_let_nothing_out() {
    let rules = Rules::new();
    assert_eq!(
        rules.judge_request(&url("https://example.org/"), &Method::GET).unwrap_err().rule,
        "egress.host"
    );
    assert_eq!(rules.judge_connection(&named("example.org"), 443).unwrap_err().rule, "egress.host");
}

#[test]
fn an_address_is_reached_only_by_a_rule_that_names_it() {
    let rules = Rules::new().with(Rule::anywhere(80));
    assert_eq!(rules.judge_request(&url("http://1.1.1.1/"), &Method::GET).unwrap_err().rule, "egress.host");
    let rules = rules.with(Rule::host(named("1.1.1.1"), 80));
    assert_eq!(rules.judge_request(&url("http://1.1.1.1/"), &Method::GET), Ok(Reach::Public));
}

/// Every address class against both reaches.
#[test]
fn what_a_private_rule_opens_is_loopback_and_private_only() {
    for line in include_str!("../../corpus/addresses.txt").lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((address, class)) = line.split_once(char::is_whitespace) else { continue };
        let (address, class): (IpAddr, &str) = (address.parse().unwrap(), class.trim());
        let destination = named("host.example");
        let judge = |reach: Reach| reach.judge(address, &destination, 80).is_ok();
        assert_eq!(judge(Reach::Public), class == "public", "{address} to anyone");
        assert_eq!(
            judge(Reach::Private),
            ["public", "loopback", "private"].contains(&class),
            "{address} by name"
        );
    }
}
