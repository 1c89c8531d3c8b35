//! Proves a new secret by a call with it, before it takes the place of the old one.

use crate::config::Config;
use crate::lockdown::Switch;
use crate::secret_record::{Calls, WHO};
use domain::{Host, SecretName};
use egress::{Credential, Egress, HeaderName, HeaderValue, Limits, Place, Request, Rule, Rules, Scope, Url};
use posture::Service;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vault::{About, SecretRef, SecretText, Vault};

/// How long the call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that only a good secret answers with 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCall {
    /// What is asked.
    pub url: String,
    /// Where the secret goes: `bearer`, `basic:USER`, `header:NAME`, `header:NAME PREFIX`, `query:NAME`, `cookie:NAME`.
    pub place: String,
    /// What else the request says.
    pub headers: BTreeMap<String, String>,
}

/// A new secret was not proved; the old one still stands.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    /// The call is not one.
    #[error("make the call: {reason}")]
    Call {
        /// What is wrong with it.
        reason: String,
    },
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The call could not be made.
    #[error("make the call")]
    Egress(#[from] egress::Error),
    /// The service did not take it.
    #[error("use it: the service answered {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
}

impl TestCall {
    /// The call that is known for a secret of these hosts.
    #[must_use]
    pub fn known(hosts: &[Host]) -> Option<Self> {
        let service = Service::tested_at(hosts)?;
        let (url, place) = (service.test.clone()?, service.place.clone()?);
        Some(Self { url, place, headers: service.headers.clone() })
    }

    fn place(&self) -> Result<Place, NotProved> {
        let wrong = || NotProved::Call {
            reason: format!(
                "`{}` is no place; say `bearer`, `basic:USER`, `header:NAME`, `query:NAME` or `cookie:NAME`",
                self.place
            ),
        };
        let header = |text: &str| text.parse::<HeaderName>().map_err(|_bad| wrong());
        match self.place.split_once(':') {
            None if self.place == "bearer" => Ok(Place::Bearer),
            Some(("basic", user)) => Ok(Place::Basic { user: user.to_string() }),
            Some(("query", name)) => Ok(Place::Query { name: name.to_string() }),
            Some(("cookie", name)) => Ok(Place::Cookie { name: name.to_string() }),
            Some(("header", text)) => Ok(match text.split_once(' ') {
                None => Place::Header { name: header(text)?, prefix: String::new() },
                Some((name, prefix)) => Place::Header { name: header(name)?, prefix: format!("{prefix} ") },
            }),
            Some(_) | None => Err(wrong()),
        }
    }

    /// Calls with `value` as the new value of `name`, for the home at `root`, unless its stop switch is on. It is known
    /// to the vault of this process alone, and written nowhere; `calls` hears of each connection.
    ///
    /// # Errors
    ///
    /// [`NotProved`], which never repeats the secret.
    pub async fn proves(
        &self,
        vault: &Arc<Vault>,
        name: &SecretName,
        value: SecretText,
        (root, config): (&Path, &Config),
        calls: Arc<Calls>,
    ) -> Result<u16, NotProved> {
        let bad = |reason: String| NotProved::Call { reason };
        let url: Url = self.url.parse().map_err(|error: egress::UrlError| bad(error.to_string()))?;
        let host =
            url.destination.name().ok_or_else(|| bad("a secret goes to a host with a name".to_string()))?;
        vault.allows(name, host)?;
        let fresh: SecretName =
            format!("{name}.new").parse().map_err(|error: domain::IdError| bad(error.to_string()))?;
        let about = About { hosts: vec![host.clone()], ..About::default() };
        vault.attach_fetched(&fresh, &SecretRef::Vault(name.clone()), value, about)?;
        let named = format!("{host}:{}", url.port);
        let rule = if config.network.private_hosts.contains(&named) {
            Rule::private(url.destination.clone(), url.port)
        } else {
            Rule::host(url.destination.clone(), url.port)
        };
        let limits = Limits { total_timeout: PATIENCE, redirects_max: 0, ..Limits::default() };
        let scope = Scope { who: WHO.to_string(), rules: Arc::new(Rules::new().with(rule)), limits };
        let mut request = Request::get(url).credential(Credential { secret: fresh, place: self.place()? });
        for (name, value) in &self.headers {
            let wrong = || bad(format!("the header `{name}` is none"));
            let value = HeaderValue::from_str(value).map_err(|_bad| wrong())?;
            request = request.header(name.parse().map_err(|_bad| wrong())?, value);
        }
        let switch = Switch::of(root);
        let stopped = Arc::new(move || switch.is_on());
        let settings = egress::Settings { stopped, ..egress::Settings::default() };
        let egress = Egress::new(Arc::clone(vault), settings, calls)?;
        let status = egress.request(request, &scope).await?.status;
        if status.is_success() {
            Ok(status.as_u16())
        } else {
            Err(NotProved::Refused { status: status.as_u16() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// The call goes out without a broker in between: the tables of egress hold for it too.
    #[tokio::test]
    async fn no_test_call_goes_to_a_host_that_means_something_else_or_to_an_address() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let vault = Arc::new(Vault::open(folder.path(), &vault::KeySource::File).unwrap());
        let name: SecretName = "hub".parse().unwrap();
        let texts =
            include_str!("../../egress/corpus/hosts.txt").lines().filter(|line| !line.starts_with("# "));
        let texts = texts.filter_map(|line| line.split_once('\t')).map(|(text, _why)| text.to_string());
        let literals = include_str!("../../egress/corpus/addresses.txt").lines().filter_map(|line| {
            let address: std::net::IpAddr = line.split_whitespace().next()?.parse().ok()?;
            Some(if address.is_ipv6() { format!("[{address}]") } else { address.to_string() })
        });
        for host in texts.chain(literals) {
            // The owner may have said that the secret goes there.
            let hosts = vec![host.parse().unwrap_or_else(|_no_host| "example.org".parse().unwrap())];
            let about = About { hosts, ..About::default() };
            let text = || SecretText::new("s3cret-enough-to-see".to_string()).unwrap();
            vault.set(&name, text(), about).unwrap();
            let url = format!("https://{host}/me");
            let call = TestCall { url, place: "bearer".to_string(), headers: BTreeMap::new() };
            let config = Config::default();
            match call.proves(&vault, &name, text(), (folder.path(), &config), Arc::default()).await {
                Err(NotProved::Call { .. } | NotProved::Vault(_)) => {}
                Err(NotProved::Egress(error)) => assert!(error.refusal().is_some(), "{host:?}: {error}"),
                other => panic!("{host:?}: {other:?}"),
            }
        }
    }
}
