//! Well-known services: whose key is whose, where it goes, and what proves it. The data is in `services.toml`.

use domain::Host;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A service with keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What its key is called in the vault.
    pub name: String,
    /// What stands for it in the names of variables and settings.
    names: Vec<String>,
    hosts: Vec<String>,
    /// A URL that only a good key answers with 2xx.
    pub test: Option<String>,
    /// Where the key goes in that request.
    #[serde(rename = "as")]
    pub place: Option<String>,
    /// What else that request says.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    service: Vec<Service>,
}

#[expect(clippy::expect_used, reason = "a test reads the shipped data")]
static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    toml::from_str::<Wire>(include_str!("services.toml")).expect("the shipped services").service
});

impl Service {
    /// The service that one of these words stands for.
    #[must_use]
    pub fn named<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<&'static Self> {
        words
            .into_iter()
            .find_map(|word| SERVICES.iter().find(|service| service.names.iter().any(|name| name == word)))
    }

    /// The service that a secret for these hosts belongs to, where a call can prove it.
    #[must_use]
    pub fn tested_at(hosts: &[Host]) -> Option<&'static Self> {
        let at = |service: &&Service| {
            service.test.is_some() && service.hosts().iter().any(|host| hosts.contains(host))
        };
        SERVICES.iter().find(at)
    }

    /// The hosts its key goes to.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        self.hosts.iter().filter_map(|host| host.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_goes_to_hosts_and_is_proved_at_one_of_them() {
        for service in SERVICES.iter() {
            let name = &service.name;
            assert!(name.parse::<domain::SecretName>().is_ok(), "{name}");
            assert_eq!(service.hosts().len(), service.hosts.len(), "{name}");
            assert!(service.names.iter().all(|word| *word == word.to_lowercase()), "{name}");
            if let Some(test) = &service.test {
                let url: egress::Url = test.parse().unwrap();
                assert!(
                    service.hosts().iter().any(|host| url.destination.name() == Some(host)),
                    "{name}: {test}"
                );
                assert!(service.place.is_some(), "{name}");
            }
        }
        assert_eq!(Service::named(["some", "openai"]).unwrap().name, "openai");
        assert!(Service::named(["unknown"]).is_none());
    }
}
