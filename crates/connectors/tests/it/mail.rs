//! Sending, against a server that checks every command and hangs up where it is told to.

use crate::house::{House, NOW, PASSWORD, key};
use connectors::mail::{MailBoxes, MailError, MailPlace, Mailbox, Recipients, Security, SmtpServer, sample};
use std::path::Path;
use std::sync::Arc;
use testkit::smtp::{Certified, Manner, Smtp, Trouble};

fn server(smtp: &Smtp, security: Security, user: Option<&str>) -> SmtpServer {
    SmtpServer {
        host: "mail.test".parse().unwrap(),
        port: smtp.port,
        security,
        login: user.map(|user| (user.to_string(), "mail".parse().unwrap())),
        from: "me@home.example".parse().unwrap(),
    }
}

fn boxes(house: &House, maildir: &Path, server: SmtpServer) -> MailBoxes {
    sample::write(maildir, NOW).unwrap();
    let mailbox = Mailbox { name: "home".to_string(), place: MailPlace::Maildir(maildir.to_path_buf()) };
    MailBoxes::open(&[mailbox], Some(server), Arc::clone(&house.egress)).unwrap()
}

fn to(addresses: &[&str]) -> Recipients {
    Recipients { to: addresses.iter().map(|address| address.parse().unwrap()).collect(), cc: vec![] }
}

#[tokio::test]
async fn a_mail_is_sent_once_and_a_copy_kept() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let house = House::new(vec![]);
    let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
    let body = "Grüße\n.\n..two\nFrom here\n\r\nlone\rreturn";
    let sent = mail
        .send(&to(&["b@x.example", "a@x.example"]), "Grüße", body, None, &key("t1.0.0"), NOW)
        .await
        .unwrap();
    assert_eq!(smtp.violations(), Vec::<String>::new());
    let deliveries = smtp.deliveries();
    let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!(delivery.from, "me@home.example");
    assert_eq!(delivery.to, ["a@x.example", "b@x.example"]);
    assert_eq!(sent.fields["message_id"], delivery.header("Message-ID").unwrap());
    let read = connectors::mail::message::Mail::read(delivery.mail.as_bytes());
    assert_eq!(read.text.replace("\r\n", "\n"), "Grüße\n.\n..two\nFrom here\n\nlone\nreturn");
    let copy = mail.read(sent.fields["sent_copy"].as_str().unwrap()).await.unwrap();
    assert_eq!(copy.fields["subject"], "Grüße");
    assert_eq!(copy.fields["unread"], false);
}

#[tokio::test]
async fn a_retry_can_be_told_apart_by_its_message_id() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let house = House::new(vec![]);
    let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
    for name in ["t1.0.0", "t1.0.0", "t1.0.1"] {
        mail.send(&to(&["a@x.example"]), "x", "x", None, &key(name), NOW).await.unwrap();
    }
    let ids: Vec<String> =
        smtp.deliveries().iter().map(|delivery| delivery.header("Message-ID").unwrap()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn wherever_the_server_hangs_up_it_is_known_whether_the_mail_may_be_gone() {
    for (trouble, unknown, delivered) in [
        (Trouble::HangUpAt("EHLO"), false, 0),
        (Trouble::HangUpAt("MAIL"), false, 0),
        (Trouble::HangUpAt("RCPT"), false, 0),
        (Trouble::HangUpAt("DATA"), false, 0),
        (Trouble::DropThenHangUp, true, 0),
        (Trouble::TakeThenHangUp, true, 1),
        (Trouble::Answer("EHLO", "554 no service"), false, 0),
        (Trouble::Answer("MAIL", "550 5.7.1 not you"), false, 0),
        (Trouble::Answer("RCPT", "550 5.1.1 nobody of that name"), false, 0),
        (Trouble::Answer("RCPT", "banana"), false, 0),
        (Trouble::Answer("DATA", "451 later"), false, 0),
        (Trouble::Answer(".", "554 5.7.1 spam"), false, 0),
        (Trouble::Answer(".", "nonsense"), true, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let smtp =
            Smtp::start(Manner { troubles: vec![trouble.clone()], ..Manner::default() }).await.unwrap();
        let house = House::new(vec![]);
        let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
        let error = mail.send(&to(&["a@x.example"]), "x", "x", None, &key("t1.0.0"), NOW).await.unwrap_err();
        assert_eq!(error.may_have_happened(), unknown, "{trouble:?}: {error}");
        assert_eq!(smtp.deliveries().len(), delivered, "{trouble:?}");
        assert_eq!(smtp.sessions(), 1, "{trouble:?}: nothing is tried again behind the owner's back");
        assert_eq!(smtp.violations(), Vec::<String>::new(), "{trouble:?}");
        let kept = mail.list("Sent", connectors::mail::Unread::All, 5, &connectors::Stop::default()).await;
        assert!(kept.is_err(), "{trouble:?}: no copy of what was not sent");
    }
}

#[tokio::test]
async fn it_signs_in_over_tls_and_only_with_the_server_that_is_meant() {
    let certified = Certified::for_host("mail.test").unwrap();
    let manner = Manner {
        account: Some(("me".to_string(), PASSWORD.to_string())),
        tls: Some(certified.clone()),
        troubles: vec![],
    };
    let smtp = Smtp::start(manner).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(vec![certified.certificate]);
    let mut server = server(&smtp, Security::StartTls, Some("me"));
    let secure = boxes(&house, folder.path(), server.clone());
    secure.send(&to(&["a@x.example"]), "x", "x", None, &key("t1.0.0"), NOW).await.unwrap();
    let delivery = smtp.deliveries().remove(0);
    assert_eq!((delivery.tls, delivery.account.as_deref()), (true, Some("me")));
    assert_eq!(smtp.violations(), Vec::<String>::new());
    let elsewhere = House::new(vec![Certified::for_host("mail.test").unwrap().certificate]);
    let untrusted = boxes(&elsewhere, folder.path(), server.clone());
    let error = untrusted.send(&to(&["a@x.example"]), "x", "x", None, &key("t1.0.1"), NOW).await.unwrap_err();
    assert!(matches!(error, MailError::Egress(egress::Error::Tls { .. })), "{error}");
    server.security = Security::Plain;
    let clear = boxes(&house, folder.path(), server);
    let error = clear.send(&to(&["a@x.example"]), "x", "x", None, &key("t1.0.2"), NOW).await.unwrap_err();
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    assert_eq!(smtp.deliveries().len(), 1);
}

#[tokio::test]
async fn nothing_in_a_call_can_add_a_command_or_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let house = House::new(vec![]);
    let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
    let body = "x\r\n.\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<evil@x.example>\r\nDATA\r\nFrom: x\r\n.\r\n";
    mail.send(&to(&["a@x.example"]), "x", body, None, &key("t1.0.0"), NOW).await.unwrap();
    for subject in ["x\r\nBcc: evil@x.example", "x\ny"] {
        assert!(mail.send(&to(&["a@x.example"]), subject, "x", None, &key("t1.0.1"), NOW).await.is_err());
    }
    for address in
        ["a@x.example> SIZE=1", "a@x.example>\u{b}RCPT", "a b@x.example", "a@x.example,b@x.example"]
    {
        let Ok(address) = address.parse() else { continue };
        let to = Recipients { to: vec![address], cc: vec![] };
        assert!(mail.send(&to, "x", "x", None, &key("t1.0.2"), NOW).await.is_err(), "{to:?}");
    }
    assert_eq!(smtp.deliveries().len(), 1);
    assert_eq!(smtp.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_names_what_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let house = House::new(vec![]);
    let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
    let found = mail.search("subject:logo from:ines", 5, &connectors::Stop::default()).await.unwrap();
    let id = found.fields["mails"][0]["id"].as_str().unwrap().to_string();
    mail.send(&to(&["ines@carvalho-design.example"]), "Re: logo", "ok", Some(&id), &key("t1.0.0"), NOW)
        .await
        .unwrap();
    let delivery = smtp.deliveries().remove(0);
    assert_eq!(delivery.header("In-Reply-To").as_deref(), Some("<sample-06@hardshell.invalid>"));
    let missing =
        mail.send(&to(&["a@x.example"]), "x", "x", Some("home/INBOX/none"), &key("t1.0.1"), NOW).await;
    assert!(matches!(missing, Err(MailError::NoSuchMail { .. })));
    assert_eq!(smtp.deliveries().len(), 1);
}

#[tokio::test]
async fn a_draft_is_kept_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Manner::default()).await.unwrap();
    let house = House::new(vec![]);
    let mail = boxes(&house, folder.path(), server(&smtp, Security::Plain, None));
    let kept = mail.draft(&Recipients::default(), "An idea", "text", &key("t1.0.0"), NOW).await.unwrap();
    let read = mail.read(kept.fields["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(read.fields["subject"], "An idea");
    assert_eq!(smtp.sessions(), 0);
}
