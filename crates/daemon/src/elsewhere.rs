//! Secrets that are kept elsewhere, as the configuration names them.

use crate::config::{Config, HashicorpSection, SecretSection};
use crate::hands::{private_hosts, secret};
use crate::start_error::StartError;
use connectors::secrets::{Hashicorp, HashicorpLogin, Keeper, Kept, Programs, Stores};
use egress::{Egress, HeaderValue, Rule, Rules, Url};
use sandbox::Sandbox;
use std::sync::Arc;
use vault::{About, SecretRef, Vault};

/// Keeps what `config` names.
pub(crate) fn keeper(
    config: &Config,
    vault: &Arc<Vault>,
    egress: &Arc<Egress>,
    sandbox: &Arc<Sandbox>,
) -> Result<Keeper, StartError> {
    let stores = &config.secret_stores;
    let hashicorp = stores.hashicorp.as_ref().map(|section| hashicorp(section, config, vault, egress));
    let mut programs = Programs::within(Arc::clone(sandbox));
    for (name, program) in &stores.programs {
        programs.add(name, program.command.clone(), program.read.clone());
    }
    let stores = Stores { hashicorp: hashicorp.transpose()?, programs };
    let kept = config.secrets.iter().map(kept).collect::<Result<Vec<_>, _>>()?;
    Ok(Keeper::new(Arc::clone(vault), stores, kept))
}

fn kept(section: &SecretSection) -> Result<Kept, StartError> {
    let wrong =
        |reason: String| StartError::Hands { why: format!("`[[secrets]]` `{}`: {reason}", section.name) };
    let from: SecretRef =
        section.from.parse().map_err(|error: vault::ReferenceError| wrong(error.to_string()))?;
    match from {
        SecretRef::Environment(_)
        | SecretRef::File(_)
        | SecretRef::HashicorpVault { .. }
        | SecretRef::Program(_) => {}
        SecretRef::Vault(_) => return Err(wrong("a secret of the vault needs no other name".to_string())),
        SecretRef::AwsSecretsManager { .. } => {
            return Err(wrong("`aws-sm://` is understood and not read yet".to_string()));
        }
    }
    let host = |text: &String| text.parse().map_err(|error: domain::HostError| wrong(error.to_string()));
    let hosts = section.hosts.iter().map(host).collect::<Result<Vec<_>, _>>()?;
    let about = About { hosts, note: section.note.clone(), expires: None };
    Ok(Kept { name: section.name.parse()?, from, about })
}

fn hashicorp(
    section: &HashicorpSection,
    config: &Config,
    vault: &Arc<Vault>,
    egress: &Arc<Egress>,
) -> Result<Hashicorp, StartError> {
    let wrong = |reason: &str| StartError::Hands { why: format!("`[secret_stores.hashicorp]`: {reason}") };
    let login = match (&section.token, &section.role_id, &section.role_secret) {
        (Some(token), None, None) => HashicorpLogin::Token(secret(token)?),
        (None, Some(role_id), Some(role_secret)) => {
            HashicorpLogin::AppRole { role_id: role_id.clone(), secret: secret(role_secret)? }
        }
        (_, _, _) => return Err(wrong("it needs either `token`, or `role_id` and `role_secret`")),
    };
    let base: Url = section.url.parse().map_err(|error: egress::UrlError| wrong(&error.to_string()))?;
    let private = private_hosts(config)?;
    let is_private =
        private.iter().any(|(host, port)| base.destination.to_string() == *host && base.port == *port);
    let rule = if is_private { Rule::private } else { Rule::host };
    let rules = Rules::new().with(rule(base.destination.clone(), base.port));
    let namespace = section.namespace.as_deref().map(HeaderValue::from_str);
    let namespace =
        namespace.transpose().map_err(|_bad| wrong("the namespace has characters that no header has"))?;
    Hashicorp::new(Arc::clone(egress), Arc::clone(vault), Arc::new(rules), base, namespace, login)
        .ok_or_else(|| wrong("`url` names an address; a secret goes to a host with a name"))
}
