//! The corpora of addresses and of hosts, against every receiver that is reached over the network.

use crate::house::{House, NOW, pace, receiver, until};
use domain::Host;
use egress::{Destination, Egress, Observer, Record, Resolve, Rule, Rules, Settings, Stage, Url};
use shipping::{Confirmation, Facility, Otlp, Pace, Parts, Receiver, Shipping, Syslog, To, Transport};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Every name has the next address of the list, the last one for good.
struct Names(Mutex<Vec<IpAddr>>);

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        _host: &'a Host,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let mut left = self.0.lock().unwrap();
        let address = if left.len() > 1 { left.remove(0) } else { left[0] };
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// Counts refusals by the guard, and remembers whether anything was connected to.
#[derive(Default)]
struct Seen {
    refused: AtomicUsize,
    connected: AtomicBool,
}

impl Observer for Seen {
    fn observe(&self, record: &Record) {
        match &record.stage {
            Stage::Connecting => self.connected.store(true, Ordering::Relaxed),
            Stage::Refused { .. } => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            Stage::Failed { .. } | Stage::Closed { .. } | Stage::Misplaced { .. } => {}
        }
    }
}

/// A receiver of each kind at `host`, which its rules name as the configuration's do: wherever it is.
fn receivers(host: &str) -> Vec<Receiver> {
    let mut all = Vec::new();
    if let Ok(destination) = host.parse::<Destination>() {
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            let syslog = Syslog {
                destination: destination.clone(),
                port: 6514,
                transport,
                rules: Arc::new(Rules::new().with(Rule::private(destination.clone(), 6514))),
                facility: Facility::AUDIT,
                message_bytes_max: 8192,
                confirmation: Confirmation::Written,
            };
            all.push(receiver(transport.as_str(), To::Syslog(syslog)));
        }
    }
    if let Ok(url) = format!("https://{host}:4318/v1/logs").parse::<Url>() {
        let rules = Arc::new(Rules::new().with(Rule::private(url.destination.clone(), url.port)));
        let otlp = Otlp { logs: Some(url), traces: None, rules, credential: None };
        all.push(receiver("otel", To::Otlp(Box::new(otlp))));
    }
    all
}

/// Lets every receiver at `host` try, until each was refused `times` times.
async fn refused(host: &str, addresses: Vec<IpAddr>, times: usize) {
    let receivers = receivers(host);
    if receivers.is_empty() {
        return;
    }
    let house = House::new();
    let seen = Arc::new(Seen::default());
    let vault = Arc::new(vault::Vault::open(house.home.path(), &vault::KeySource::File).unwrap());
    // Each receiver asks by itself: every address is there once for each.
    let addresses = addresses.into_iter().flat_map(|one| vec![one; receivers.len()]).collect();
    let settings = Settings { resolver: Arc::new(Names(Mutex::new(addresses))), ..Settings::default() };
    let egress = Egress::new(vault, settings, Arc::clone(&seen) as Arc<dyn Observer>).unwrap();
    let soon = Duration::from_millis(1);
    let pace = Pace { gather: soon, retry_first: soon, retry_max: soon, ..pace() };
    let parts = Parts { egress: Arc::new(egress), clock: Arc::new(|| NOW), pace, ..house.parts.clone() };
    house.write(1).await;
    let wanted = receivers.len() * times;
    let shipping = Shipping::start(&parts, receivers).unwrap();
    until("every receiver was refused", async || seen.refused.load(Ordering::Relaxed) >= wanted).await;
    assert!(!seen.connected.load(Ordering::Relaxed), "{host:?} was connected to");
    drop(shipping);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_a_receiver_to_an_address_that_nobody_may_open() {
    let lines = include_str!("../../../egress/corpus/addresses.txt").lines();
    let closed: Vec<IpAddr> = lines
        .filter_map(|line| {
            let (address, class) = line.split('#').next()?.trim().split_once(char::is_whitespace)?;
            let open = ["public", "loopback", "private"].contains(&class.trim());
            if open { None } else { address.parse().ok() }
        })
        .collect();
    assert!(closed.len() > 30, "{closed:?}");
    let times = closed.len();
    refused("name.example", closed, times).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_receiver_is_a_host_that_means_something_else_to_somebody() {
    let lines = include_str!("../../../egress/corpus/hosts.txt").lines();
    let texts = lines.filter(|line| !line.starts_with("# ")).filter_map(|line| line.split_once('\t'));
    for (text, _why) in texts {
        let host = text.replace("\\0", "\0").replace("\\t", "\t").replace("\\r", "\r");
        refused(&host, vec!["93.184.216.34".parse().unwrap()], 1).await;
    }
}
