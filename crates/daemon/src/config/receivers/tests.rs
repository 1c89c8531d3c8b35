use super::*;

fn open(text: &str) -> Result<Receiver, String> {
    let section: ShippingSection = toml::from_str(&format!("name = \"a\"\n{text}")).unwrap();
    let opened = section.open(Path::new("/home/me/.hardshell"), &[]);
    opened.map_err(|wrong| format!("{}: {}", wrong.field, wrong.why))
}

#[test]
fn a_receiver_is_what_it_says() {
    for (text, kind, to) in [
        ("kind = \"file\"\npath = \"/mnt/log\"", "file", "/mnt/log"),
        ("kind = \"stdout\"", "stdout", "standard output"),
        ("kind = \"checkpoint\"\npath = \"/mnt/signed\"", "checkpoint", "/mnt/signed"),
        ("kind = \"syslog\"\nurl = \"tls://logs.example.org:6514\"", "syslog", "tls://logs.example.org:6514"),
        ("kind = \"syslog\"\nurl = \"udp://localhost:6514\"", "syslog", "udp://localhost:6514"),
        (
            "kind = \"otlp\"\nurl = \"https://otel.example.org/base/\"\nsecret = \"secret://otel\"\nheader = \"api-key\"",
            "otlp",
            "https://otel.example.org/base/v1/logs and https://otel.example.org/base/v1/traces",
        ),
        (
            "kind = \"otlp\"\nurl = \"http://127.0.0.1:4318\"\nsignals = [\"traces\"]",
            "otlp",
            "http://127.0.0.1:4318/v1/traces",
        ),
    ] {
        let receiver = open(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((receiver.to.kind(), receiver.to.to_string().as_str()), (kind, to), "{text}");
        assert_eq!(receiver.behind_records_max, 1_000_000);
    }
}

#[test]
fn what_means_nothing_is_named() {
    for (text, said) in [
        ("kind = \"file\"", "path: a receiver of this kind needs one"),
        ("kind = \"file\"\npath = \"log\"", "path: it is not a whole path"),
        ("kind = \"file\"\npath = \"/mnt/../home/log\"", "path: it is not a whole path"),
        ("kind = \"file\"\npath = \"/home/me/.hardshell/log\"", "path: it is in the home"),
        ("kind = \"stdout\"\npath = \"/mnt/log\"", "path: a receiver of this kind has no such setting"),
        ("kind = \"stdout\"\nbehind_records = 5", "behind_records: it is less than 1000"),
        ("kind = \"syslog\"", "url: a receiver of this kind needs one"),
        ("kind = \"syslog\"\nurl = \"relp://h:1\"", "url: `relp://h:1` is not"),
        ("kind = \"syslog\"\nurl = \"tcp://h\"", "url: `tcp://h` is not"),
        ("kind = \"syslog\"\nurl = \"tcp://h:0\"", "url: `tcp://h:0` is not"),
        ("kind = \"syslog\"\nurl = \"tcp://h:1\"\nca = \"/x\"", "url: certificates are for `tls://`"),
        ("kind = \"syslog\"\nurl = \"tls://h:1\"\nca = \"/no/such\"", "ca: /no/such cannot be read"),
        ("kind = \"syslog\"\nurl = \"tls://h:1\"\nca = \"/etc/hostname\"", "ca: "),
        ("kind = \"syslog\"\nurl = \"tls://h:1\"\nkey = \"/x\"", "certificate: a key needs"),
        ("kind = \"syslog\"\nurl = \"tls://h:1\"\nfacility = \"kern\"", "facility: `kern` is none of"),
        ("kind = \"syslog\"\nurl = \"tls://h:1\"\nmessage_bytes = 10", "message_bytes: it is not between"),
        ("kind = \"otlp\"\nurl = \"otel\"", "url: "),
        ("kind = \"otlp\"\nurl = \"https://h\"\nsignals = []", "signals: it names neither"),
        ("kind = \"otlp\"\nurl = \"https://h\"\nsecret = \"sk-1234\"", "secret: "),
        ("kind = \"otlp\"\nurl = \"https://h\"\nheader = \"x\"", "header: there is no `secret`"),
    ] {
        let why = open(text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(why.starts_with(said), "{text}: {why}");
        assert!(!why.contains("sk-1234"), "{why}");
    }
    let two: ShippingSection = toml::from_str("name = \"a\"\nkind = \"stdout\"").unwrap();
    assert_eq!(two.open(Path::new("/x"), std::slice::from_ref(&two)).err().unwrap().field, "name");
    let loud: ShippingSection = toml::from_str("name = \"A\"\nkind = \"stdout\"").unwrap();
    assert_eq!(loud.open(Path::new("/x"), &[]).err().unwrap().field, "name");
}
