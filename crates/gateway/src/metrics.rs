//! What the gateway counts. Labels are route templates, status codes and fixed words: nothing a client chooses.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The gateway's own metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Family<Why, Counter>,
    pub(crate) sockets: Gauge,
    pub(crate) sockets_dropped: Family<Why, Counter>,
    pub(crate) requests: Family<Served, Counter>,
    pub(crate) seconds: Durations,
    pub(crate) wrong_credentials: Family<Why, Counter>,
    pub(crate) lockouts: Counter,
}

/// How long requests took.
#[derive(Clone, Debug)]
pub(crate) struct Durations(pub(crate) Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(0.000_25, 4.0, 9)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Why {
    pub(crate) why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Served {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) status: u16,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("hardshell_gateway");
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "connections_refused",
            "Connections ended before they were served",
            self.connections_refused.clone(),
        );
        registry.register("sockets", "Open WebSockets", self.sockets.clone());
        registry.register(
            "sockets_dropped",
            "WebSockets that the gateway closed",
            self.sockets_dropped.clone(),
        );
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "How long a request took to its answer's head",
            Unit::Seconds,
            self.seconds.0.clone(),
        );
        registry.register(
            "wrong_credentials",
            "Credentials that did not count",
            self.wrong_credentials.clone(),
        );
        registry.register(
            "lockouts",
            "Times that someone had to wait after wrong credentials",
            self.lockouts.clone(),
        );
    }
}
