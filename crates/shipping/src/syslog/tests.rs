use super::*;
use domain::Timestamp;

fn format(limit: usize) -> Format {
    Format {
        facility: Facility::AUDIT,
        message_bytes_max: limit,
        host: "box".to_string(),
        process: 42,
        log: "00112233445566778899aabbccddeeff".to_string(),
    }
}

fn message(line: &str) -> Message {
    Message {
        seq: 7,
        time: Timestamp(1_760_000_000_123),
        kind: "refusal",
        weight: Weight::Warning,
        hash: Some("ab".repeat(32)),
        line: line.to_string(),
        subject: None,
    }
}

#[test]
fn a_record_is_a_message_of_rfc_5424() {
    let text = String::from_utf8(format(8192).message(&message("{\"a\":1}"), 8192)).unwrap();
    assert_eq!(
        text,
        format!(
            "<108>1 2025-10-09T08:53:20.123Z box hardshell 42 refusal [hardshell@32473 log=\"00112233445566778899aabbccddeeff\" seq=\"7\" hash=\"{}\"] {{\"a\":1}}",
            "ab".repeat(32)
        )
    );
}

#[test]
fn a_long_record_is_cut_between_letters_and_says_so() {
    let line = "ä".repeat(1000);
    let bytes = format(600).message(&message(&line), 8192);
    assert!(bytes.len() <= 600 && bytes.len() > 590, "{}", bytes.len());
    let text = String::from_utf8(bytes).unwrap();
    let kept = text.rsplit_once("] ").unwrap().1.len();
    assert!(text.contains(&format!("cut=\"{}\"", line.len() - kept)), "{text}");
    assert!(format(8192).message(&message(&line), 300).len() <= 300);
}

#[test]
fn a_host_name_of_any_kind_stays_one_word() {
    let syslog = |host: &str| {
        let syslog = Syslog {
            destination: "logs.example.org".parse().unwrap(),
            port: 514,
            transport: crate::Transport::Udp,
            rules: Arc::default(),
            facility: Facility::parse("local3").unwrap(),
            message_bytes_max: 2048,
            confirmation: crate::Confirmation::Close,
        };
        Format::of(&syslog, host, "x").host
    };
    assert_eq!(syslog("my box ]\n\u{202e}"), "mybox]");
    assert_eq!(syslog("\u{e4}"), "-");
    assert_eq!(syslog(&"a".repeat(300)).len(), 255);
}
