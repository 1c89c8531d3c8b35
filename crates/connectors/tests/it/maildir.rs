//! Reading Maildirs as they are found: other programs write them, and some badly.

use crate::house::{House, NOW};
use connectors::Stop;
use connectors::mail::{MailBoxes, MailError, MailPlace, Mailbox, Maildir, Unread, sample};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn open(path: &Path) -> Result<MailBoxes, MailError> {
    let mailbox = Mailbox { name: "home".to_string(), place: MailPlace::Maildir(path.to_path_buf()) };
    MailBoxes::open(&[mailbox], None, Arc::clone(&House::new(vec![]).egress))
}

#[tokio::test]
async fn the_sample_mailbox_is_listed_read_searched_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    sample::write(folder.path(), NOW).unwrap();
    let mail = open(folder.path()).unwrap();
    assert!(mail.has_sample());
    let all = mail.list("inbox", Unread::All, 50, &Stop::default()).await.unwrap();
    let mails = all.fields["mails"].as_array().unwrap();
    assert_eq!(mails.len(), 13);
    assert_eq!(mails[0]["subject"], "URGENT: the shop page is down");
    assert!(mails.iter().all(|mail| mail["sample"] == true));
    assert!(all.text.contains("· sample"));
    let unread = mail.list("INBOX", Unread::Only, 2, &Stop::default()).await.unwrap();
    assert_eq!(
        (unread.fields["mails"].as_array().unwrap().len(), unread.fields["total"].as_u64()),
        (2, Some(4))
    );
    let read = mail.read(mails[0]["id"].as_str().unwrap()).await.unwrap();
    assert!(read.text.contains("error 502") && read.text.contains("a sample that comes with Hardshell"));
    let found = mail.search("lentil soup", 5, &Stop::default()).await.unwrap();
    assert_eq!(found.fields["mails"][0]["extract"].as_str().map(|line| line.contains("lentil")), Some(true));
    let again = sample::write(folder.path(), NOW);
    assert!(again.is_ok());
    assert_eq!(
        open(folder.path()).unwrap().list("INBOX", Unread::All, 50, &Stop::default()).await.unwrap().fields["total"],
        13
    );
}

#[tokio::test]
async fn whatever_lies_in_a_maildir_the_rest_of_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let cur = folder.path().join("cur");
    for part in ["cur", "new", "tmp", ".Archive.2024/cur", ".Archive.2024/new", ".empty"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
    }
    let malformed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let mut count = 0;
    for entry in fs::read_dir(malformed).unwrap() {
        let path = entry.unwrap().path();
        count += 1;
        fs::copy(&path, cur.join(format!("17167428{count:02}.M1P1.host:2,S"))).unwrap();
    }
    // What is no mail: folders, links out, pipes, sockets, names that cannot be.
    fs::create_dir(cur.join("1716742899.folder")).unwrap();
    fs::write(folder.path().join("outside"), "From: stolen@x.example\n\nsecret").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", cur.join("1716742898.link:2,")).unwrap();
    std::os::unix::fs::symlink("../outside", cur.join("1716742897.inside:2,")).unwrap();
    std::os::unix::net::UnixListener::bind(cur.join("1716742896.socket")).unwrap();
    fs::write(cur.join("bad\u{7}name:2,S"), "From: a@x.example\n\nx").unwrap();
    fs::write(cur.join(".hidden"), "x").unwrap();
    fs::write(folder.path().join("new/1716742900.fresh"), "From: fresh@x.example\nSubject: new\n\nx")
        .unwrap();
    fs::write(
        folder.path().join(".Archive.2024/cur/1.old:2,FS"),
        "From: old@x.example\nSubject: old\n\nold words",
    )
    .unwrap();
    let mail = open(folder.path()).unwrap();
    let all = mail.list("INBOX", Unread::All, 200, &Stop::default()).await.unwrap();
    let mails = all.fields["mails"].as_array().unwrap();
    assert_eq!(mails.len(), count + 1);
    assert_eq!(mails[0]["subject"], "new");
    assert_eq!(all.fields["unreadable"], 5);
    assert!(!all.text.contains("root:") && !all.text.contains("stolen"), "{}", all.text);
    for entry in mails {
        let read = mail.read(entry["id"].as_str().unwrap()).await.unwrap();
        assert!(read.fields["from"].is_string() || read.fields["from"].is_null());
    }
    let archived = mail.list("Archive.2024", Unread::All, 5, &Stop::default()).await.unwrap();
    assert_eq!(
        (&archived.fields["mails"][0]["subject"], &archived.fields["mails"][0]["flagged"]),
        (&"old".into(), &true.into())
    );
    let found = mail.search("\"old words\"", 5, &Stop::default()).await.unwrap();
    assert_eq!(found.fields["mails"][0]["id"], "home/Archive.2024/1.old");
}

#[tokio::test]
async fn a_mail_is_found_after_another_program_has_read_it() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    fs::write(folder.path().join("new/1716742900.a"), "From: a@x.example\nSubject: s\n\nx").unwrap();
    let mail = open(folder.path()).unwrap();
    let id =
        mail.list("INBOX", Unread::All, 5, &Stop::default()).await.unwrap().fields["mails"][0]["id"].clone();
    fs::rename(folder.path().join("new/1716742900.a"), folder.path().join("cur/1716742900.a:2,S")).unwrap();
    assert_eq!(mail.read(id.as_str().unwrap()).await.unwrap().fields["subject"], "s");
    fs::remove_file(folder.path().join("cur/1716742900.a:2,S")).unwrap();
    assert!(matches!(mail.read(id.as_str().unwrap()).await, Err(MailError::NoSuchMail { .. })));
}

#[tokio::test]
async fn names_of_folders_and_mails_lead_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    sample::write(&folder.path().join("mail"), NOW).unwrap();
    fs::create_dir_all(folder.path().join("cur")).unwrap();
    fs::write(folder.path().join("cur/1.x"), "From: a@x.example\n\nx").unwrap();
    let mail = open(&folder.path().join("mail")).unwrap();
    for name in ["../", "..", "../cur", "a/b", "/etc", "a..b", "x\n"] {
        assert!(mail.list(name, Unread::All, 5, &Stop::default()).await.is_err(), "{name}");
    }
    for id in ["home/../1.x", "home/INBOX/../../cur/1.x", "home/INBOX/", "x", "", "other/INBOX/1.x"] {
        assert!(mail.read(id).await.is_err(), "{id}");
    }
}

#[test]
fn what_is_no_maildir_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Maildir::open(folder.path()), Err(MailError::NotMaildir { .. })));
    assert!(Maildir::open(&folder.path().join("missing")).is_err());
}
