//! What the gateway is told of the configuration.

use crate::config::{Config, Exposure};
use crate::home::Home;
use std::net::SocketAddr;

/// Where it listens, for whom; `port` stands in the place of the configured one.
pub(crate) fn gateway_config(home: &Home, config: &Config, port: Option<u16>) -> gateway::Config {
    let section = &config.gateway;
    gateway::Config {
        address: SocketAddr::new(section.address, port.unwrap_or(section.port)),
        exposure: match section.exposure {
            Exposure::Loopback => gateway::Exposure::Loopback,
            Exposure::Public => gateway::Exposure::Public,
        },
        tls: crate::up::tls_files(config),
        public_names: config.public_names(),
        socket: Some(home.path("run/hardshell.sock")),
        limits: gateway::Limits::default(),
    }
}
