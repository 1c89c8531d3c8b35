//! The corpus of addresses, against every client there is.

use crate::house::{FakeDns, House, LOOPBACK, Server, destination, ok, scope, short};
use egress::{Destination, Error, Request, Rule, Rules, Scope, Settings, Tls, Url};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

fn corpus() -> Vec<(IpAddr, String)> {
    let lines = include_str!("../../corpus/addresses.txt").lines();
    lines
        .filter_map(|line| {
            let (address, class) = line.split('#').next()?.trim().split_once(char::is_whitespace)?;
            Some((address.parse().ok()?, class.trim().to_string()))
        })
        .collect()
}

fn open(rule: Rule) -> Scope {
    Scope { who: "a test".to_string(), rules: Arc::new(Rules::new().with(rule)), limits: short() }
}

fn house_where_every_name_is(addresses: &[IpAddr]) -> House {
    let resolver = Arc::new(FakeDns(Mutex::new(vec![addresses.to_vec()])));
    House::with(Settings { resolver, ..Settings::default() })
}

/// Every client, each asked to go to `host`.
const CLIENTS: usize = 7;

/// What each client makes of a name with this address, for a rule of this kind: the rule that refused it.
async fn refusals(addresses: &[IpAddr], rule: impl Fn(u16) -> Rule) -> Vec<Option<&'static str>> {
    let house = house_where_every_name_is(addresses);
    let results = every_client(&house, "name.example", rule).await;
    let connected = house.memory.stages().iter().any(|stage| stage == "connecting");
    assert!(!connected, "{addresses:?} was connected to");
    results
        .into_iter()
        .map(|result| result.err().and_then(|error| error.refusal().map(|refusal| refusal.rule)))
        .collect()
}

/// HTTP, HTTPS, both WebSockets, a connection in the clear and one under TLS, datagrams; the proxy has its own tests.
async fn every_client(house: &House, host: &str, rule: impl Fn(u16) -> Rule) -> Vec<Result<(), Error>> {
    let egress = &house.egress;
    let mut results = Vec::new();
    for (scheme, port) in [("http", 80), ("https", 443)] {
        let scope = open(rule(port));
        match format!("{scheme}://{host}/").parse::<Url>() {
            Ok(url) => {
                results.push(egress.request(Request::get(url.clone()), &scope).await.map(drop));
                results.push(egress.websocket(Request::get(url), &scope).await.map(drop));
            }
            Err(error) => results.extend([Err(error.clone().into()), Err(error.into())]),
        }
    }
    match host.parse::<Destination>() {
        Ok(to) => {
            results.push(egress.connect(&to, 25, Tls::Later, &open(rule(25))).await.map(drop));
            results.push(egress.connect(&to, 993, Tls::Now, &open(rule(993))).await.map(drop));
            results.push(egress.datagrams(&to, 514, &open(rule(514))).await.map(drop));
        }
        Err(error) => results.extend((0..3).map(|_| Err(error.clone().into()))),
    }
    assert_eq!(results.len(), CLIENTS);
    results
}

#[tokio::test]
async fn no_client_connects_to_an_address_that_is_not_public() {
    for (address, class) in corpus() {
        if class == "public" {
            continue;
        }
        let rule = if class == "cloud metadata" { "egress.metadata" } else { "egress.address" };
        let exact = |port| Rule::host(destination("name.example"), port);
        assert_eq!(refusals(&[address], exact).await, [Some(rule); CLIENTS], "{address}");
        assert_eq!(refusals(&[address], Rule::anywhere).await, [Some(rule); CLIENTS], "{address}");
        // One good address does not make up for a bad one.
        let good = "93.184.216.34".parse().unwrap();
        assert_eq!(refusals(&[good, address], exact).await, [Some(rule); CLIENTS], "{address} second");
    }
}

#[tokio::test]
async fn naming_a_host_as_private_does_not_open_link_local_metadata_or_disguised_addresses() {
    for (address, class) in corpus() {
        if ["public", "loopback", "private"].contains(&class.as_str()) {
            continue;
        }
        let rule = if class == "cloud metadata" { "egress.metadata" } else { "egress.address" };
        let private = |port| Rule::private(destination("name.example"), port);
        assert_eq!(refusals(&[address], private).await, [Some(rule); CLIENTS], "{address}");
    }
}

/// The hosts of the corpus of texts.
pub fn hosts() -> Vec<String> {
    let lines = include_str!("../../corpus/hosts.txt").lines().filter(|line| !line.starts_with("# "));
    let texts = lines.filter_map(|line| line.split_once('\t')).map(|(text, _why)| text);
    texts.map(|text| text.replace("\\0", "\0").replace("\\t", "\t").replace("\\r", "\r")).collect()
}

#[tokio::test]
async fn no_client_goes_to_a_host_that_means_something_else_to_somebody() {
    let house = house_where_every_name_is(&["93.184.216.34".parse().unwrap()]);
    for host in hosts() {
        for (client, result) in every_client(&house, &host, Rule::anywhere).await.iter().enumerate() {
            assert!(
                matches!(result, Err(Error::Refused(_) | Error::Url(_))),
                "{host:?}, {client}: {result:?}"
            );
        }
        // A name of the list is no better when a rule names it.
        if let Ok(to) = host.parse::<Destination>() {
            let named = every_client(&house, &host, |port| Rule::private(to.clone(), port)).await;
            assert!(
                named.iter().all(|result| matches!(result, Err(Error::Refused(_)))),
                "{host:?}: {named:?}"
            );
        }
    }
    assert!(!house.memory.stages().contains(&"connecting".to_string()), "{:?}", house.memory.records());
}

#[tokio::test]
async fn a_literal_address_that_is_not_public_is_refused_whatever_opens_the_web() {
    let house = House::new();
    for (address, class) in corpus() {
        if class == "public" {
            continue;
        }
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        let to = Destination::Address(address);
        let private = ["loopback", "private"].contains(&class.as_str());
        for (what, results) in [
            ("anywhere", every_client(&house, &host, Rule::anywhere).await),
            ("named", every_client(&house, &host, |port| Rule::host(to.clone(), port)).await),
            (
                "named as private",
                if private {
                    vec![]
                } else {
                    every_client(&house, &host, |port| Rule::private(to.clone(), port)).await
                },
            ),
        ] {
            assert!(
                results.iter().all(|result| matches!(result, Err(Error::Refused(_)))),
                "{host}, {what}: {results:?}"
            );
        }
    }
    assert!(!house.memory.stages().contains(&"connecting".to_string()), "{:?}", house.memory.records());
}

#[tokio::test]
async fn a_literal_address_is_refused_unless_a_rule_names_it() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let get = || Request::get(format!("http://127.0.0.1:{}/", server.port).parse().unwrap());
    let anywhere = open(Rule::anywhere(server.port));
    assert_eq!(
        house.egress.request(get(), &anywhere).await.unwrap_err().refusal().unwrap().rule,
        "egress.host"
    );
    let public = open(Rule::host(destination("127.0.0.1"), server.port));
    assert_eq!(
        house.egress.request(get(), &public).await.unwrap_err().refusal().unwrap().rule,
        "egress.address"
    );
    assert_eq!(server.requests(), Vec::<String>::new());
    let private = open(Rule::private(destination("127.0.0.1"), server.port));
    house.egress.request(get(), &private).await.unwrap();
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_the_check_gains_nothing() {
    // First answer good, every later one loopback: whoever asked twice would be led inside.
    let server = Server::answering(|_| ok("inside")).await;
    let answers = vec![vec!["192.0.2.1".parse().unwrap()], vec![LOOPBACK]];
    let resolver = Arc::new(FakeDns(Mutex::new(answers)));
    let house = House::with(Settings {
        resolver: Arc::clone(&resolver) as Arc<dyn egress::Resolve>,
        ..Settings::default()
    });
    let url = || Request::get(format!("http://rebind.example:{}/", server.port).parse().unwrap());
    let scope = open(Rule::host(destination("rebind.example"), server.port));
    for _ in 0..2 {
        let error = house.egress.request(url(), &scope).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().rule, "egress.address");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_connection() {
    struct Counting(Mutex<u32>);
    impl egress::Resolve for Counting {
        fn resolve<'a>(
            &'a self,
            _: &'a domain::Host,
        ) -> futures_util::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            *self.0.lock().unwrap() += 1;
            Box::pin(async { Ok(vec![LOOPBACK]) })
        }
    }
    let resolver = Arc::new(Counting(Mutex::new(0)));
    let house = House::with(Settings {
        resolver: Arc::clone(&resolver) as Arc<dyn egress::Resolve>,
        ..Settings::default()
    });
    let server = Server::answering(|_| ok("hello")).await;
    let url = format!("http://name.example:{}/", server.port).parse().unwrap();
    house.egress.request(Request::get(url), &scope(&["name.example"], server.port)).await.unwrap();
    assert_eq!(*resolver.0.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_an_error() {
    let house = house_where_every_name_is(&[]);
    let url = "http://name.example/".parse().unwrap();
    let error = house.egress.request(Request::get(url), &open(Rule::anywhere(80))).await.unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error}");
}
