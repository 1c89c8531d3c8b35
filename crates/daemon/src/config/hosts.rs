//! `[[sandbox.hosts]]`: what commands may say to the hosts that their calls name.

use crate::start_error::StartError;
use connectors::way_out::{OpenHost, OpenName, PORT, Protocol, StandIn};
use domain::Host;
use egress::{HeaderName, Method, Reach, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where programs of AWS look for a key.
const AWS_VARIABLE: &str = "AWS_SECRET_ACCESS_KEY";

/// One of `[[sandbox.hosts]]`. A host that none names is reached over HTTPS, when the owner allows the call that names
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxHost {
    /// A host, or `*.example.org` for those below one.
    pub host: String,
    /// The ports.
    #[serde(default = "https")]
    pub ports: Vec<u16>,
    /// The methods; left out, all. With methods or paths its TLS is read, under a certificate that only the sandbox
    /// trusts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The paths, each with what is below it; left out, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What may be spoken.
    #[serde(default)]
    pub protocol: HostProtocol,
    /// The secret that goes there, as a reference: `secret://github`. The command gets a stand-in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The variable that the stand-in is in: `GH_TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The header that the program sends it in; `authorization` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The id of the AWS key whose secret `secret` is: `AKIA…`. The command has stand-ins in `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, and what it signs with them is signed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_key_id: Option<String>,
}

/// What may be spoken with a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostProtocol {
    /// TLS for that host, or HTTP.
    #[default]
    Web,
    /// Anything, unread.
    Any,
}

fn https() -> Vec<u16> {
    vec![PORT]
}

impl SandboxHost {
    /// What it opens. `private` are the places of `network.private_hosts`.
    ///
    /// # Errors
    ///
    /// [`StartError::Hands`] naming what means nothing.
    pub(crate) fn open(&self, private: &[(String, u16)]) -> Result<OpenHost, StartError> {
        let wrong = |reason: String| StartError::Hands {
            why: format!("`[[sandbox.hosts]]` of `{}`: {reason}", self.host),
        };
        let host = |text: &str| text.parse::<Host>().map_err(|error| wrong(error.to_string()));
        let name = match self.host.strip_prefix("*.") {
            Some(parent) => OpenName::Below(host(parent)?),
            None => OpenName::Exactly(host(&self.host)?),
        };
        let method = |text: &String| {
            let known = text.chars().all(|c| c.is_ascii_uppercase()).then(|| text.parse::<Method>().ok());
            known.flatten().ok_or_else(|| wrong(format!("`{text}` is no method; write `GET`")))
        };
        if let Some(path) = self.paths.iter().find(|path| !path.starts_with('/')) {
            return Err(wrong(format!("the path `{path}` does not start with `/`")));
        }
        if self.ports.is_empty() || self.ports.contains(&0) {
            return Err(wrong("`ports` names no port".to_string()));
        }
        let is_private = |port: &u16| private.iter().any(|(host, at)| *host == self.host && at == port);
        let reach = if self.ports.iter().all(is_private) { Reach::Private } else { Reach::Public };
        Ok(OpenHost {
            stand_in: self.stand_in(&name, &wrong)?,
            name,
            ports: self.ports.clone(),
            methods: self.methods.iter().map(method).collect::<Result<_, _>>()?,
            paths: self.paths.clone(),
            protocol: match self.protocol {
                HostProtocol::Web => Protocol::Web,
                HostProtocol::Any => Protocol::Any,
            },
            reach,
        })
    }

    fn stand_in(
        &self,
        name: &OpenName,
        wrong: &impl Fn(String) -> StartError,
    ) -> Result<Option<StandIn>, StartError> {
        if let Some(id) = &self.aws_key_id {
            if self.secret.is_none() || self.variable.is_some() || self.header.is_some() {
                let why = "`aws_key_id` stands with `secret`, and without `variable` and `header`";
                return Err(wrong(why.to_string()));
            }
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(wrong("`aws_key_id` is no id of a key; write `AKIA…`".to_string()));
            }
        }
        let aws = self.aws_key_id.as_ref().map(|_id| AWS_VARIABLE);
        let (secret, variable) = match (&self.secret, self.variable.as_deref().or(aws)) {
            (None, None) => return Ok(None),
            (Some(secret), Some(variable)) => (secret, variable),
            (Some(_), None) | (None, Some(_)) => {
                return Err(wrong("`secret` and `variable` stand together".to_string()));
            }
        };
        if matches!(name, OpenName::Below(_)) || self.ports.len() != 1 || self.protocol == HostProtocol::Any {
            return Err(wrong("a secret goes to one host on one port, over HTTPS".to_string()));
        }
        let header = match &self.header {
            None => header::AUTHORIZATION,
            Some(text) => {
                text.parse::<HeaderName>().map_err(|_bad| wrong(format!("`{text}` is no header")))?
            }
        };
        let (secret, variable) = (crate::hands::secret(secret)?, variable.to_string());
        Ok(Some(StandIn { secret, variable, header, aws_key_id: self.aws_key_id.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<OpenHost, String> {
        let host: SandboxHost = toml::from_str(text).unwrap();
        host.open(&[("db.lan".to_string(), 5432)]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_host_is_opened_as_it_is_written() {
        let plain = open("host = \"github.com\"").unwrap();
        assert_eq!((plain.ports, plain.reach, plain.protocol), (vec![443], Reach::Public, Protocol::Web));
        let private = open("host = \"db.lan\"\nports = [5432]\nprotocol = \"any\"").unwrap();
        assert_eq!((private.reach, private.protocol), (Reach::Private, Protocol::Any));
        let keyed = open(
            "host = \"api.github.com\"\nmethods = [\"GET\"]\nsecret = \"secret://github\"\nvariable = \"GH_TOKEN\"",
        );
        let stand_in = keyed.unwrap().stand_in.unwrap();
        assert_eq!((stand_in.variable.as_str(), stand_in.header), ("GH_TOKEN", header::AUTHORIZATION));
        let aws = "host = \"sts.amazonaws.com\"\nsecret = \"secret://aws\"\naws_key_id = \"AKIDEXAMPLE\"";
        let stand_in = open(aws).unwrap().stand_in.unwrap();
        assert_eq!(
            (stand_in.variable.as_str(), stand_in.aws_key_id.as_deref()),
            (AWS_VARIABLE, Some("AKIDEXAMPLE"))
        );
    }

    #[test]
    fn what_means_nothing_is_named() {
        for (text, said) in [
            ("host = \"127.0.0.1\"", "127.0.0.1"),
            ("host = \"a.example\"\nmethods = [\"get\"]", "`get`"),
            ("host = \"a.example\"\npaths = [\"v1\"]", "`v1`"),
            ("host = \"a.example\"\nports = []", "ports"),
            ("host = \"a.example\"\nsecret = \"secret://x\"", "stand together"),
            ("host = \"*.a.example\"\nsecret = \"secret://x\"\nvariable = \"X\"", "one host"),
            ("host = \"a.example\"\nsecret = \"sk-123456789\"\nvariable = \"X\"", "secret://NAME"),
            ("host = \"a.example\"\naws_key_id = \"AKID\"", "`aws_key_id` stands with"),
            ("host = \"a.example\"\nsecret = \"secret://x\"\naws_key_id = \"AK/ID\"", "no id of a key"),
        ] {
            let error = open(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("sk-123456789"), "{error}");
        }
    }
}
