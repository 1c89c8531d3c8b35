//! Datagrams, and authorities that count for one receiver alone.

use crate::house::{House, LOOPBACK, Server, destination, ok, scope, short, tls};
use egress::{Error, Request, Rule, Rules, Scope, Settings, Tls, Trust};
use std::sync::Arc;
use tokio::net::UdpSocket;

fn trusting(rules: Rules, trust: Trust) -> Scope {
    Scope { who: "a test".to_string(), rules: Arc::new(rules.trusting(trust)), limits: short() }
}

fn private(host: &str, port: u16) -> Rules {
    Rules::new().with(Rule::private(destination(host), port))
}

fn pem(settings: &Settings) -> Vec<u8> {
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD.encode(&settings.trusted[0]);
    format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n").into_bytes()
}

#[tokio::test]
async fn an_authority_of_one_receiver_vouches_for_that_receiver_alone() {
    let (settings, acceptor) = tls(&["api.test"]);
    let trust = Trust::of_pem(Some(&pem(&settings)), None).unwrap();
    let server = Server::over_tls(acceptor, |_| ok("here")).await;
    let house = House::new();
    let url = || format!("https://api.test:{}/x", server.port).parse().unwrap();
    let scope_with = trusting(private("api.test", server.port), trust);
    let answer = house.egress.request(Request::get(url()), &scope_with).await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().as_ref(), b"here");
    let connected = house.egress.connect(&destination("api.test"), server.port, Tls::Now, &scope_with).await;
    assert!(connected.unwrap().is_tls());
    // The same server, the same house, without it.
    let plain = house.egress.request(Request::get(url()), &scope(&["api.test"], server.port)).await;
    assert!(matches!(plain, Err(Error::Tls { .. })), "{plain:?}");
    // And who is trusted instead of the well-known is trusted alone.
    let (others, _acceptor) = tls(&["api.test"]);
    let other = Trust::of_pem(Some(&pem(&others)), None).unwrap();
    let refused = trusting(private("api.test", server.port), other);
    let refused = house.egress.request(Request::get(url()), &refused).await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_is_no_certificate_or_key_is_said() {
    let (settings, _acceptor) = tls(&["api.test"]);
    let good = pem(&settings);
    for (authorities, own, said) in [
        (Some(&b"nothing"[..]), None, "no certificate"),
        (None, Some((good.as_slice(), &b"nothing"[..])), "no private key"),
    ] {
        let error = Trust::of_pem(authorities, own).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_datagram_goes_where_a_rule_leads_and_is_recorded() {
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let house = House::new();
    let way =
        house.egress.datagrams(&destination("api.test"), port, &scope(&["api.test"], port)).await.unwrap();
    way.send(b"hello").await.unwrap();
    let mut bytes = [0; 16];
    let (length, _) = socket.recv_from(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..length], b"hello");
    drop(way);
    assert_eq!(house.memory.stages(), ["connecting", "closed"]);
    assert_eq!(house.memory.records()[1].sent_bytes, 5);
}

#[tokio::test]
async fn datagrams_are_judged_as_connections_are() {
    let house = House::new();
    let nowhere = Scope { rules: Arc::new(Rules::new()), ..scope(&["api.test"], 514) };
    let public = Rules::new().with(Rule::host(destination("api.test"), 514));
    let public = Scope { rules: Arc::new(public), ..scope(&["api.test"], 514) };
    for (scope, rule) in [(nowhere, "egress.host"), (public, "egress.address")] {
        let refused = house.egress.datagrams(&destination("api.test"), 514, &scope).await.err().unwrap();
        assert_eq!(refused.refusal().unwrap().rule, rule);
    }
    assert_eq!(house.memory.stages(), ["refused egress.host", "refused egress.address"]);
}

#[tokio::test]
async fn a_port_where_nobody_listens_says_so() {
    let free = UdpSocket::bind((LOOPBACK, 0)).await.unwrap().local_addr().unwrap().port();
    let house = House::new();
    let way =
        house.egress.datagrams(&destination("api.test"), free, &scope(&["api.test"], free)).await.unwrap();
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let said = way.send(b"anybody?").await.and_then(|()| way.check());
        if let Err(error) = said {
            assert!(matches!(error, Error::Connect { .. }), "{error:?}");
            break;
        }
        assert!(tokio::time::Instant::now() < until, "nobody said that nobody listens");
        tokio::task::yield_now().await;
    }
}
