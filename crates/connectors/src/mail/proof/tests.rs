use super::*;
use proptest::prelude::*;

const SERVER: &str = "mx.corp.example";

/// A mail of `headers`, a line each.
fn mail(headers: &[&str]) -> Vec<u8> {
    format!("{}\r\n\r\ntext\r\n", headers.join("\r\n")).into_bytes()
}

/// Who is proved to have sent a mail, when the owner's own server is [`SERVER`].
fn proved(headers: &[&str]) -> Option<String> {
    let proof = Proof::read(&mail(headers)).filter(|proof| proof.by == SERVER)?;
    Some(proof.from.as_str().to_string())
}

fn with(results: &str, from: &str) -> Option<String> {
    proved(&[&format!("Authentication-Results: {results}"), &format!("From: {from}")])
}

#[test]
fn the_own_server_proves_the_one_domain_in_from() {
    for results in [
        "mx.corp.example; dmarc=pass header.from=corp.example",
        "mx.corp.example 1; dmarc=pass header.from=corp.example",
        "MX.Corp.Example; DMARC=Pass Header.From=CORP.example",
        " (a) mx.corp.example (b) 1 (c (d) \\) e); dmarc (f) = (g) pass (h) header.from (i) = (j) corp.example (k);",
        "mx.corp.example;\r\n\tdkim=fail header.d=other.example;\r\n dmarc=pass (p=NONE dis=NONE) header.from=corp.example",
        "mx.corp.example; dmarc/1=pass reason=\"all ; is = well\" header.from=\"corp.example\"",
        "mx.corp.example; dkim=pass header.i=@corp.example header.s=2026 header.d=corp.example header.b=Ab/+c=",
        "mx.corp.example; spf=fail smtp.mailfrom=a@b.example; dkim=none; dkim=pass header.d=corp.example",
    ] {
        assert_eq!(with(results, "anna@corp.example").as_deref(), Some("anna@corp.example"), "{results}");
    }
    for from in [
        "Anna <Anna@Corp.Example>",
        "\"Weber, Anna\" <anna@corp.example>",
        "=?utf-8?q?Anna?= (from home) <anna@corp.example>",
        "anna@corp.example (Anna)",
        "Änna <anna@corp.example>",
    ] {
        let results = "mx.corp.example; dmarc=pass header.from=corp.example";
        assert_eq!(with(results, from).as_deref(), Some("anna@corp.example"), "{from}");
    }
}

#[test]
fn what_does_not_prove_the_sender_is_nothing() {
    for results in [
        // Not the own server, or somebody who looks like it.
        "mx.evil.example; dmarc=pass header.from=corp.example",
        "mx.corp.example.evil.example; dmarc=pass header.from=corp.example",
        "mx.corp.example. ; dmarc=pass header.from=corp.example",
        "xmx.corp.example; dmarc=pass header.from=corp.example",
        "mx.c\u{43e}rp.example; dmarc=pass header.from=corp.example",
        "\"mx.corp.example\"; dmarc=pass header.from=corp.example",
        "(mx.corp.example;) mx.evil.example; dmarc=pass header.from=corp.example",
        "mx.evil.example (; mx.corp.example); dmarc=pass header.from=corp.example",
        "mx.corp.example, mx.evil.example; dmarc=pass header.from=corp.example",
        "dmarc=pass header.from=corp.example",
        "; dmarc=pass header.from=corp.example",
        // Versions that nobody knows.
        "mx.corp.example 2; dmarc=pass header.from=corp.example",
        "mx.corp.example 1 1; dmarc=pass header.from=corp.example",
        "mx.corp.example/1; dmarc=pass header.from=corp.example",
        "mx.corp.example; dmarc/2=pass header.from=corp.example",
        // Nothing, or not a pass.
        "mx.corp.example",
        "mx.corp.example;",
        "mx.corp.example; none",
        "mx.corp.example; none; dmarc=pass header.from=corp.example",
        "mx.corp.example; dmarc=fail header.from=corp.example",
        "mx.corp.example; dmarc=bestguesspass header.from=corp.example",
        "mx.corp.example; dmarc=\"pass\" header.from=corp.example",
        "mx.corp.example; x-dmarc=pass header.from=corp.example",
        "mx.corp.example; spf=pass smtp.mailfrom=anna@corp.example",
        // About another domain, none, or several.
        "mx.corp.example; dmarc=pass",
        "mx.corp.example; dmarc=pass header.from=other.example",
        "mx.corp.example; dmarc=pass header.from=mail.corp.example",
        "mx.corp.example; dmarc=pass header.from=example",
        "mx.corp.example; dmarc=pass header.from=corp.example header.from=other.example",
        "mx.corp.example; dmarc=pass header.from=corp.example; dmarc=fail header.from=corp.example",
        "mx.corp.example; dmarc=pass (header.from=corp.example)",
        "mx.corp.example; dmarc=pass reason=\"header.from=corp.example\"",
        "mx.corp.example; dmarc=pass reason=\"x\\\" header.from=corp.example\"",
        "mx.corp.example; dmarc=pass smtp.mailfrom=corp.example",
        // DKIM of another domain, of one above or below, or overruled by DMARC.
        "mx.corp.example; dkim=pass header.d=other.example",
        "mx.corp.example; dkim=pass header.d=mail.corp.example",
        "mx.corp.example; dkim=pass header.d=example",
        "mx.corp.example; dkim=pass header.i=@corp.example",
        "mx.corp.example; dkim=pass header.d=corp.example; dmarc=fail header.from=corp.example",
        "mx.corp.example; dkim=fail header.d=corp.example; dkim=pass header.d=other.example",
        // Not well formed.
        "mx.corp.example; dmarc=pass header.from=corp.example (open",
        "mx.corp.example; dmarc=pass header.from=corp.example \"open",
        "mx.corp.example; dmarc=pass header.from=corp.example)",
        "mx.corp.example; dmarc=pass header.from=corp.example stray",
        "mx.corp.example; dmarc pass header.from=corp.example",
        "mx.corp.example; dmarc=pass action=none header.from=corp.example",
        "mx.corp.example; ; dmarc=pass header.from=corp.example",
        "mx.corp.example; dmarc=pass header.from=corp\u{200b}.example",
        "mx.corp.example; dmarc=pass header.from=\u{441}orp.example",
    ] {
        assert_eq!(with(results, "anna@corp.example"), None, "{results}");
    }
    for from in [
        "anna@corp.example, mallory@evil.example",
        "mallory@evil.example, anna@corp.example",
        "Team: anna@corp.example;",
        "anna@corp.example <mallory@evil.example>",
        "<anna@corp.example> <mallory@evil.example>",
        "\"anna@corp.example\" <mallory@evil.example>",
        "\"boss@bank.example\" <anna@corp.example>",
        "<anna@corp.example>, ",
        "anna@corp.example\u{200b}",
        "anna@c\u{43e}rp.example",
        "\"anna\"@corp.example",
        "anna@corp.example@evil.example",
        "<@evil.example:anna@corp.example>",
        "(anna@corp.example",
        "anna@sub.corp.example",
        "anna@corp.example.evil.example",
        "anna@corp.example.",
        "anna@[192.0.2.1]",
        "anna@",
        "",
    ] {
        let results = "mx.corp.example; dmarc=pass header.from=corp.example";
        assert_eq!(with(results, from), None, "{from}");
    }
}

#[test]
fn only_the_topmost_results_count_and_only_above_what_a_sender_writes() {
    const PASS: &str = "Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example";
    const FAIL: &str = "Authentication-Results: mx.corp.example; dmarc=fail header.from=corp.example";
    const OTHER: &str = "Authentication-Results: mx.evil.example; dmarc=pass header.from=corp.example";
    const FROM: &str = "From: anna@corp.example";
    let anna = Some("anna@corp.example".to_string());
    let rows: [(&str, &[&str], bool); 13] = [
        (
            "below what servers add on the way in",
            &[
                "Return-Path: <a@b>",
                "Received: x",
                "Received-SPF: pass",
                "X-Received: y",
                "ARC-Seal: i=1",
                PASS,
                FROM,
            ],
            true,
        ),
        ("forged copies below change nothing", &[PASS, OTHER, FAIL, FROM], true),
        ("a forged pass below the own fail", &[FAIL, PASS, FROM], false),
        ("a forged pass below another server's", &[OTHER, PASS, FROM], false),
        ("below From", &[FROM, PASS], false),
        ("below a header of the sender's", &["Subject: hi", PASS, FROM], false),
        ("below an unknown header", &["X-Mine: 1", PASS, FROM], false),
        (
            "a name with a blank behind it is one of that name",
            &["Authentication-Results : mx.evil.example; none", PASS, FROM],
            false,
        ),
        (
            "a name that looks like it is none",
            &["Authentication_Results: mx.corp.example; dmarc=pass header.from=corp.example", FROM],
            false,
        ),
        ("two From headers", &[PASS, FROM, "From: mallory@evil.example"], false),
        ("two From headers, one in another spelling", &[PASS, "from : mallory@evil.example", FROM], false),
        ("no From header", &[PASS, "Sender: anna@corp.example"], false),
        ("a line that is no header", &[PASS, "nonsense", FROM], false),
    ];
    for (name, headers, is_proved) in rows {
        assert_eq!(proved(headers), anna.clone().filter(|_| is_proved), "{name}");
    }
}

#[test]
fn a_mail_that_programs_read_differently_proves_nothing() {
    let good = mail(&[
        "Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example",
        "From: anna@corp.example",
    ]);
    assert!(Proof::read(&good).is_some());
    let text = String::from_utf8(good.clone()).unwrap();
    for (name, bad) in [
        ("no end of the headers", text.split("\r\n\r\n").next().unwrap().to_string()),
        ("a bare return", text.replacen("anna@", "x\rFrom: anna@", 1)),
        ("a zero byte", text.replacen("anna@", "\0anna@", 1)),
        ("a continuation before any header", format!(" x\r\n{text}")),
        ("the line of an mbox", format!("From anna@corp.example Fri Nov 27\r\n{text}")),
        (
            "a very long header",
            text.replacen("From:", &format!("X: {}\r\nFrom:", "a".repeat(HEADER_BYTES_MAX + 1)), 1),
        ),
        ("very many headers", text.replacen("From:", &format!("{}From:", "X: a\r\n".repeat(HEADERS_MAX)), 1)),
        ("an empty mail", String::new()),
        ("nothing but the end of the headers", "\r\n".to_string()),
    ] {
        assert_eq!(Proof::read(bad.as_bytes()), None, "{name}");
    }
    assert!(
        Proof::read(text.replace("\r\n", "\n").as_bytes()).is_some(),
        "a Maildir has lines of its own system"
    );
}

proptest! {
    #[test]
    fn whatever_a_sender_writes_below_the_own_servers_word_is_not_believed(
        below in proptest::collection::vec("[A-Za-z-]{1,20}: [ -~]{0,60}", 0..6),
        forged in "[ -~]{0,80}",
    ) {
        let forged = format!("Authentication-Results: {forged}");
        let mut headers = vec!["Authentication-Results: mx.corp.example; dmarc=fail header.from=corp.example"];
        headers.push(&forged);
        headers.push("Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example");
        headers.extend(below.iter().map(String::as_str));
        headers.push("From: anna@corp.example");
        prop_assert_eq!(proved(&headers), None);
    }

    #[test]
    fn any_results_end_well_and_prove_at_most_what_they_say(
        results in "[ -~\t\u{430}]{0,120}",
        from in "[ -~\u{430}]{0,60}",
    ) {
        if let Some(proof) = Proof::read(&mail(&[&format!("Authentication-Results: {results}"), &format!("From: {from}")])) {
            prop_assert!(results.to_lowercase().contains("pass"));
            prop_assert!(from.to_lowercase().contains(proof.from.as_str()));
            prop_assert!(results.to_lowercase().contains(proof.from.domain().unwrap()));
        }
    }

    #[test]
    fn any_bytes_end_well(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _proof = Proof::read(&bytes);
    }
}
