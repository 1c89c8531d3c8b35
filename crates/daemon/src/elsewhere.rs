//! Secrets that are kept elsewhere, as the configuration names them.

use crate::config::{AwsSection, ClientLoginWord, Config, HashicorpSection, OAuth2Section, SecretSection};
use crate::hands::{private_hosts, secret};
use crate::start_error::StartError;
use connectors::secrets::{
    Aws, AwsKey, ClientLogin, Hashicorp, HashicorpLogin, Keeper, Kept, OAuth2, Programs, Refused, Stores,
};
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
    refused: &Arc<Refused>,
) -> Result<Keeper, StartError> {
    let stores = &config.secret_stores;
    let hashicorp = stores.hashicorp.as_ref().map(|section| hashicorp(section, config, vault, egress));
    let mut programs = Programs::within(Arc::clone(sandbox));
    for (name, program) in &stores.programs {
        programs.add(name, program.command.clone(), program.read.clone());
    }
    let aws = stores.aws.as_ref().map(|section| aws(section, config, egress));
    let stores = Stores { hashicorp: hashicorp.transpose()?, aws: aws.transpose()?, programs };
    let kept = config.secrets.iter().map(|section| kept(section, config, vault, egress));
    let kept = kept.collect::<Result<Vec<_>, _>>()?;
    Ok(Keeper::new(Arc::clone(vault), stores, kept).hearing(Arc::clone(refused)))
}

fn kept(
    section: &SecretSection,
    config: &Config,
    vault: &Arc<Vault>,
    egress: &Arc<Egress>,
) -> Result<Kept, StartError> {
    let wrong =
        |reason: String| StartError::Hands { why: format!("`[[secrets]]` `{}`: {reason}", section.name) };
    let from: SecretRef =
        section.from.parse().map_err(|error: vault::ReferenceError| wrong(error.to_string()))?;
    match (&from, &section.oauth2) {
        (SecretRef::Vault(_), Some(_)) => {}
        (_, Some(_)) => {
            return Err(wrong("`from` of an `oauth2` is its refresh token, `secret://NAME`".to_string()));
        }
        (SecretRef::Vault(_), None) => {
            return Err(wrong("a secret of the vault needs no other name".to_string()));
        }
        (
            SecretRef::Environment(_)
            | SecretRef::File(_)
            | SecretRef::HashicorpVault { .. }
            | SecretRef::AwsSecretsManager { .. }
            | SecretRef::Program(_),
            None,
        ) => {}
    }
    let oauth2 = section.oauth2.as_ref().map(|of| oauth2(of, config, vault, egress));
    let oauth2 = oauth2.transpose().map_err(|error| wrong(crate::chain(&error)))?.map(Arc::new);
    let host = |text: &String| text.parse().map_err(|error: domain::HostError| wrong(error.to_string()));
    let hosts = section.hosts.iter().map(host).collect::<Result<Vec<_>, _>>()?;
    let about = About { hosts, note: section.note.clone(), expires: None };
    Ok(Kept { name: section.name.parse()?, from, about, oauth2 })
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
    let rules = rules(&base, config)?;
    let namespace = section.namespace.as_deref().map(HeaderValue::from_str);
    let namespace =
        namespace.transpose().map_err(|_bad| wrong("the namespace has characters that no header has"))?;
    Hashicorp::new(Arc::clone(egress), Arc::clone(vault), Arc::new(rules), base, namespace, login)
        .ok_or_else(|| wrong("`url` names an address; a secret goes to a host with a name"))
}

fn oauth2(
    section: &OAuth2Section,
    config: &Config,
    vault: &Arc<Vault>,
    egress: &Arc<Egress>,
) -> Result<OAuth2, StartError> {
    let wrong = |reason: &str| StartError::Hands { why: format!("`[secrets.oauth2]`: {reason}") };
    let url: Url = section.token_url.parse().map_err(|error: egress::UrlError| wrong(&error.to_string()))?;
    if url.destination.name().is_none() {
        return Err(wrong("`token_url` names an address; a secret goes to a host with a name"));
    }
    let client_secret = section.client_secret.as_deref().map(secret).transpose()?;
    let login = match (client_secret, section.login) {
        (None, ClientLoginWord::Body) => ClientLogin::Public,
        (None, ClientLoginWord::Basic) => return Err(wrong("`login = \"basic\"` needs a `client_secret`")),
        (Some(secret), ClientLoginWord::Body) => ClientLogin::Body(secret),
        (Some(secret), ClientLoginWord::Basic) => ClientLogin::Basic(secret),
    };
    let rules = Arc::new(rules(&url, config)?);
    let client = (section.client_id.clone(), login);
    Ok(OAuth2::new(Arc::clone(egress), Arc::clone(vault), rules, url, client, section.scope.clone()))
}

fn aws(section: &AwsSection, config: &Config, egress: &Arc<Egress>) -> Result<Aws, StartError> {
    let wrong = |reason: &str| StartError::Hands { why: format!("`[secret_stores.aws]`: {reason}") };
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !is_word(&section.region) || !is_word(&section.key_id) {
        return Err(wrong("`region` and `key_id` are letters, digits and `-`"));
    }
    let default = || format!("https://secretsmanager.{}.amazonaws.com", section.region);
    let url = section.url.clone().unwrap_or_else(default);
    let base: Url = url.parse().map_err(|error: egress::UrlError| wrong(&error.to_string()))?;
    if base.destination.name().is_none() {
        return Err(wrong("`url` names an address; a secret goes to a host with a name"));
    }
    let key = AwsKey {
        id: section.key_id.clone(),
        secret: secret(&section.secret)?,
        session_token: section.session_token.as_deref().map(secret).transpose()?,
    };
    let rules = Arc::new(rules(&base, config)?);
    let clock = Arc::new(crate::now);
    Ok(Aws::new(Arc::clone(egress), rules, (base, section.region.clone()), key, clock))
}

/// What opens the way to the server of a store.
fn rules(base: &Url, config: &Config) -> Result<Rules, StartError> {
    let private = private_hosts(config)?;
    let is_private =
        private.iter().any(|(host, port)| base.destination.to_string() == *host && base.port == *port);
    let rule = if is_private { Rule::private } else { Rule::host };
    Ok(Rules::new().with(rule(base.destination.clone(), base.port)))
}
