//! Syslog to a real rsyslog: over UDP, TCP and TLS, killed, replaced, and never reading.

use crate::house::{House, caught_up, receiver, state, to_file, to_syslog, until};
use crate::rsyslog::{Rsyslog, missing};
use egress::Trust;
use shipping::{Confirmation, Receiver, To, Transport};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_arrive_as_messages_of_the_log() {
    let mut server = Rsyslog::new(Transport::Udp);
    let house = House::new();
    let shipping = house.start(&[to_syslog(Transport::Udp, server.port, None)]);
    house.write(100).await;
    until("nobody is there, and that is said", async || state(&shipping).failed > 0).await;
    server.start().await;
    house.write(100).await;
    caught_up(&house, &shipping).await;
    until("all have arrived", async || missing(&house.news(), &server.lines()).is_empty()).await;
    let records = house.records();
    for line in server.lines() {
        let record = &records[usize::try_from(line.seq()).unwrap() - 1];
        assert_eq!((record.seq().0, record.json()), (line.seq(), line.text.as_str()));
        assert_eq!((line.host.as_str(), line.program.as_str()), ("box", "hardshell"));
        assert_eq!(line.kind, record.kind().as_str());
        assert!(line.data.contains(&format!("hash=\"{}\"", record.hash())), "{line:?}");
        // `log audit`, and what a changed setting weighs.
        assert!(record.kind() != audit::Kind::Config || line.priority == "109", "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_misses_nothing() {
    let mut server = Rsyslog::new(Transport::Tcp);
    server.start().await;
    let house = House::new();
    let shipping = house.start(&[to_syslog(Transport::Tcp, server.port, None)]);
    for _ in 0..3 {
        house.write(400).await;
        server.kill();
        house.write(200).await;
        until("it is missed", async || state(&shipping).down_since.is_some()).await;
        server.start().await;
        house.write(100).await;
    }
    caught_up(&house, &shipping).await;
    until("all have arrived", async || missing(&house.news(), &server.lines()).is_empty()).await;
    let told = house.told("shipping.siem");
    assert!(told.iter().any(|said| said.contains("takes records again")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_named_authority_counts_and_no_other() {
    let mut server = Rsyslog::new(Transport::Tls);
    let authority = server.certify("localhost");
    server.start().await;
    let house = House::new();
    let stranger = Rsyslog::new(Transport::Tls).certify("localhost");
    let wrong = Trust::of_pem(Some(&stranger), None).unwrap();
    let shipping = house.start(&[to_syslog(Transport::Tls, server.port, Some(wrong))]);
    house.write(10).await;
    until("the certificate is refused", async || {
        state(&shipping).last_error.is_some_and(|why| why.contains("invalid peer certificate"))
    })
    .await;
    shipping.stop().await;
    assert!(server.lines().is_empty());
    let trust = Trust::of_pem(Some(&authority), None).unwrap();
    let shipping = house.start(&[to_syslog(Transport::Tls, server.port, Some(trust))]);
    house.write(300).await;
    caught_up(&house, &shipping).await;
    until("all have arrived", async || missing(&house.news(), &server.lines()).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused() {
    let mut server = Rsyslog::new(Transport::Tls);
    let authority = server.certify("elsewhere.example");
    server.start().await;
    let house = House::new();
    let trust = Trust::of_pem(Some(&authority), None).unwrap();
    let shipping = house.start(&[to_syslog(Transport::Tls, server.port, Some(trust))]);
    house.write(10).await;
    until("the certificate is refused", async || {
        state(&shipping).last_error.is_some_and(|why| why.contains("invalid peer certificate"))
    })
    .await;
    assert!(server.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_reads_holds_up_nothing_and_counts_as_having_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let house = House::new();
    let out = house.path("copy.jsonl");
    let mut house = house;
    house.parts.pace.answer = Duration::from_millis(300);
    let shipping = house.start(&[to_syslog(Transport::Tcp, port, None), to_file(&out)]);
    house.write(300).await;
    until("the file has all", async || shipping.states()[1].seq >= house.news().last().copied().unwrap())
        .await;
    until("it is said that the other takes nothing", async || {
        let state = state(&shipping);
        state.failed > 1 && state.last_error.is_some_and(|why| why.contains("does not"))
    })
    .await;
    assert_eq!(state(&shipping).seq, 0);
    assert!(!house.told("shipping.siem").is_empty());
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_configuration_says_so_what_was_written_counts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let house = House::new();
    let To::Syslog(syslog) = to_syslog(Transport::Tcp, port, None).to else { panic!("it is syslog") };
    let written = To::Syslog(shipping::Syslog { confirmation: Confirmation::Written, ..syslog });
    let shipping = house.start(&[receiver("siem", written)]);
    house.write(20).await;
    caught_up(&house, &shipping).await;
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sending_causes_is_not_sent_for_its_own_sake() {
    let mut server = Rsyslog::new(Transport::Tcp);
    server.start().await;
    let house = House::new();
    let receivers: Vec<Receiver> = vec![to_syslog(Transport::Tcp, server.port, None)];
    let shipping = house.start(&receivers);
    house.write(10).await;
    caught_up(&house, &shipping).await;
    let own = || house.records().len() - house.news().len();
    until("the connection that was closed is on record", async || {
        house.records().iter().any(|record| record.kind() == audit::Kind::Connection)
    })
    .await;
    // Signatures follow what was written; then there is nothing more to say.
    let mut before = own();
    let mut still = 0;
    until("it comes to rest", async || {
        let now = own();
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still > 120
    })
    .await;
    assert!(before < 12, "{before} records about 10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_and_closes_is_let_alone_and_feeds_itself_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            use tokio::io::AsyncReadExt as _;
            let _some = socket.read(&mut [0; 64]).await;
        }
    });
    let house = House::new();
    let shipping = house.start(&[to_syslog(Transport::Tcp, port, None)]);
    house.write(20).await;
    until("it has closed a few times", async || state(&shipping).failed > 8).await;
    // One record about each connection, and one that says that it takes nothing.
    let (own, failed) = (house.records().len() - house.news().len(), state(&shipping).failed);
    assert!(own as u64 <= failed + 8, "{own} records about {failed} tries");
    assert!(house.told("shipping.siem").len() <= 2, "{:?}", house.told("shipping.siem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_everything_is_stopped_nothing_goes_over_the_network() {
    let mut server = Rsyslog::new(Transport::Tcp);
    server.start().await;
    let house = House::new();
    house.stopped.store(true, Ordering::Relaxed);
    let out = house.path("copy.jsonl");
    let shipping = house.start(&[to_syslog(Transport::Tcp, server.port, None), to_file(&out)]);
    house.write(50).await;
    until("the file has all", async || shipping.states()[1].seq >= house.news().last().copied().unwrap())
        .await;
    assert!(server.lines().is_empty());
    assert_eq!(state(&shipping).failed, 0);
    house.stopped.store(false, Ordering::Relaxed);
    caught_up(&house, &shipping).await;
    until("all have arrived", async || missing(&house.news(), &server.lines()).is_empty()).await;
}
