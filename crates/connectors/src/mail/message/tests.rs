use super::*;
use proptest::prelude::*;

#[test]
fn a_plain_mail_is_read() {
    let mail = Mail::read(
        b"From: =?utf-8?q?J=C3=BCrgen?= <J@Example.org>\r\nTo: a@x.org, B <b@x.org>\r\nCc: c@x.org\r\nReply-To: r@x.org\r\n\
          Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n  aus\r\nDate: Sun, 26 May 2024 19:00:30 +0200\r\nMessage-ID: <1@x.org>\r\n\
          References: <a@x.org> <b@x.org>\r\nIn-Reply-To: <b@x.org>\r\n\r\nHello\r\nworld\r\n",
    );
    assert_eq!(
        mail,
        Mail {
            from: Some("j@example.org".to_string()),
            name: Some("Jürgen".to_string()),
            to: vec!["a@x.org".to_string(), "b@x.org".to_string()],
            cc: vec!["c@x.org".to_string()],
            reply_to: Some("r@x.org".to_string()),
            subject: "Grüße aus".to_string(),
            date: Some("2024-05-26 17:00:30Z".to_string()),
            message_id: Some("1@x.org".to_string()),
            references: vec!["a@x.org".to_string(), "b@x.org".to_string()],
            text: "Hello\nworld".to_string(),
            attachments: vec![],
            flaws: vec![],
            proof: None,
        }
    );
}

#[test]
fn html_is_read_as_text_and_attachments_are_listed() {
    let mail = Mail::read(
        b"From: a@x.org\nDate: 26 May 2024 17:00 +0000\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n\
          --B\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <a href=\"http://evil.example/?x\">you</a></p><script>x</script>\n\
          --B\nContent-Type: application/pdf; name=\"../../bill.pdf\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n--B--\n",
    );
    assert_eq!(mail.text, "Hello you⟦1⟧\n\nLinks:\n⟦1⟧ hxxp://evil[.]example/?x");
    let bill =
        Attachment { name: "../../bill.pdf".to_string(), kind: "application/pdf".to_string(), bytes: 5 };
    assert_eq!(mail.attachments, [bill]);
}

#[test]
fn a_forwarded_mail_is_text() {
    let mail = Mail::read(
        b"From: a@x.org\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nSee below\n--B\nContent-Type: message/rfc822\n\n\
          From: evil@y.org\nSubject: inner\n\ninner text\n--B--\n",
    );
    assert_eq!(mail.from.as_deref(), Some("a@x.org"));
    assert!(mail.text.contains("See below") && mail.text.contains("inner"), "{}", mail.text);
}

#[test]
fn what_is_wrong_is_said() {
    for (bytes, flaw) in [
        (&b""[..], "it has no headers that could be read"),
        (b"Subject: x\n\nhi", "it names no sender"),
        (
            b"From: a@x.org\nFrom: b@x.org\n\nhi",
            "it has more than one From header, which programs read differently",
        ),
        (b"From: a@x.org, b@x.org\n\nhi", "it has more than one sender address; the first is shown"),
        (b"From: a@x.org\nDate: yesterday\n\nhi", "it has no date that could be read"),
    ] {
        let mail = Mail::read(bytes);
        assert!(mail.flaws.contains(&flaw), "{mail:?}");
    }
}

#[test]
fn a_mail_as_deep_as_it_is_long_is_read() {
    use std::fmt::Write as _;
    let rfc822 = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let folded = "Content-Type:\r\n (x) message\r\n /rfc822\r\n\r\n".repeat(50_000);
    let digest = "CONTENT-TYPE : multipart/digest; boundary=b\r\n\r\n--b\r\n".repeat(20_000);
    let mut mixed = String::new();
    for level in 0..5_000 {
        let _ = write!(mixed, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
    }
    let encoded = format!(
        "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
        rfc822.replace('=', "=3D")
    );
    for (name, text) in
        [("rfc822", rfc822), ("folded", folded), ("digest", digest), ("mixed", mixed), ("encoded", encoded)]
    {
        let mail = Mail::read(format!("From: a@x.org\r\n{text}Subject: deep\r\n\r\nbody").as_bytes());
        assert_eq!(mail.from.as_deref(), Some("a@x.org"), "{name}");
    }
}

/// Every mail of the corpus, and every mail cut short at each of many places, is read.
#[test]
fn the_corpus_of_malformed_mails_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let step = (bytes.len() / 60).max(1);
        for end in (0..=bytes.len()).step_by(step).chain([bytes.len()]) {
            let mail = Mail::read(&bytes[..end]);
            assert!(mail.text.len() <= TEXT_BYTES_MAX);
            assert!(!mail.subject.chars().any(char::is_control));
            let _ = Mail::read_headers(&bytes[..end]);
        }
        read += 1;
    }
    assert!(read >= 20, "{read} mails");
}

proptest! {
    #[test]
    fn any_bytes_are_a_mail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Mail::read(&bytes);
    }

    #[test]
    fn any_mail_like_text_is_a_mail(text in "((From|To|Subject|Date|Content-Type|Content-Transfer-Encoding|Message-ID): ?([ -~]{0,30}|multipart/mixed; boundary=b|message/rfc822|base64|<[a-z@]{0,6}>)\r?\n( [a-z]{0,5}\n)?){0,8}\n([ -~]{0,30}\n|--b\n|--b--\n|\n){0,8}") {
        let mail = Mail::read(text.as_bytes());
        prop_assert!(mail.to.len() <= ADDRESSES_MAX);
    }
}
