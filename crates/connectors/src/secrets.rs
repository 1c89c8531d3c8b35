//! Secrets that are kept elsewhere: read from their stores and lent to the vault of this process, under names of ours.

mod aws;
mod hashicorp;
mod oauth2;
mod program;

pub use aws::{Aws, AwsKey, Clock};
pub use hashicorp::{Hashicorp, HashicorpLogin};
pub use oauth2::{ClientLogin, OAuth2, Refused};
pub use program::Programs;

use domain::SecretName;
use std::sync::Arc;
use std::time::Duration;
use vault::{About, SecretRef, SecretText, Vault};

/// How often what is kept elsewhere is read again when its store names no time.
const REFRESH: Duration = Duration::from_secs(15 * 60);
/// How soon it is tried again when a store did not answer.
const RETRY: Duration = Duration::from_secs(60);

/// A secret that is kept elsewhere.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it is called here.
    pub name: SecretName,
    /// Where it is.
    pub from: SecretRef,
    /// Where it may go, and what it is for.
    pub about: About,
    /// Where it comes from when it is an access token, and `from` its refresh token.
    pub oauth2: Option<Arc<OAuth2>>,
}

/// A secret cannot be read from where it is kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The store could not be reached.
    #[error("read `{from}`")]
    Egress {
        /// Where the secret is.
        from: SecretRef,
        /// What happened.
        source: Box<egress::Error>,
    },
    /// The store answered, and not with the secret. What it said is not repeated: it may be the secret.
    #[error("read `{from}`: {reason}")]
    Store {
        /// Where the secret is.
        from: SecretRef,
        /// What is wrong.
        reason: String,
    },
}

/// The stores that are configured.
#[derive(Debug, Default)]
pub struct Stores {
    /// A `HashiCorp` Vault or `OpenBao`.
    pub hashicorp: Option<Hashicorp>,
    /// AWS Secrets Manager.
    pub aws: Option<Aws>,
    /// Programs that print secrets.
    pub programs: Programs,
}

/// Reads secrets from their stores, and again before they grow old.
#[derive(Debug)]
pub struct Keeper {
    vault: Arc<Vault>,
    stores: Stores,
    kept: Vec<Kept>,
    refused: Arc<Refused>,
}

impl Keeper {
    /// Keeps `kept` fresh in `vault`.
    #[must_use]
    pub fn new(vault: Arc<Vault>, stores: Stores, kept: Vec<Kept>) -> Self {
        Self { vault, stores, kept, refused: Arc::default() }
    }

    /// The same, where tokens that `refused` hears of are got anew.
    #[must_use]
    pub fn hearing(self, refused: Arc<Refused>) -> Self {
        Self { refused, ..self }
    }

    /// Reads every secret once. From here on each is redacted, and lent to its hosts.
    ///
    /// # Errors
    ///
    /// [`SecretsError`] of the first that cannot be read; those before it are attached.
    pub async fn fetch(&self) -> Result<(), SecretsError> {
        for kept in &self.kept {
            let Kept { name, from, about, oauth2 } = kept;
            if let Some(oauth2) = oauth2 {
                if oauth2.is_due(self.refused.take(name)) {
                    let token = oauth2.fetch(from).await?;
                    self.vault.attach_fetched(name, from, token, about.clone())?;
                }
                continue;
            }
            match from {
                SecretRef::Environment(_) | SecretRef::File(_) => {
                    self.vault.attach(name, from, about.clone())?
                }
                SecretRef::Vault(_)
                | SecretRef::HashicorpVault { .. }
                | SecretRef::AwsSecretsManager { .. }
                | SecretRef::Program(_) => {
                    let value = self.read(from).await?;
                    self.vault.attach_fetched(name, from, value, about.clone())?;
                }
            }
        }
        Ok(())
    }

    /// Reads them again and again, and renews what the stores lent only for a time. `failed` hears of what could not
    /// be read; what was read last stays in use. Never returns while there is anything to keep.
    pub async fn keep(&self, failed: impl Fn(&SecretsError)) {
        let remote = self.kept.iter().any(|kept| !matches!(kept.from, SecretRef::Environment(_)));
        if !remote {
            return;
        }
        let mut wait = self.patience();
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.refused.heard() => {}
            }
            if let Some(hashicorp) = &self.stores.hashicorp {
                hashicorp.renew().await;
            }
            wait = match self.fetch().await {
                Ok(()) => self.patience(),
                Err(error) => {
                    failed(&error);
                    RETRY
                }
            };
        }
    }

    /// Half of the shortest lease, so that one failure costs nothing.
    fn patience(&self) -> Duration {
        let tokens = self.kept.iter().filter_map(|kept| kept.oauth2.as_ref()?.lease());
        let lease = self.stores.hashicorp.as_ref().and_then(Hashicorp::lease);
        lease
            .into_iter()
            .chain(tokens)
            .min()
            .map_or(REFRESH, |lease| (lease / 2).clamp(Duration::from_secs(1), REFRESH))
    }

    async fn read(&self, from: &SecretRef) -> Result<SecretText, SecretsError> {
        let none = |store: &str| SecretsError::Store {
            from: from.clone(),
            reason: format!("`[secret_stores]` names no {store}"),
        };
        match from {
            SecretRef::HashicorpVault { mount, path, field } => {
                let store = self.stores.hashicorp.as_ref().ok_or_else(|| none("`hashicorp`"))?;
                store.read(from, mount, path, field).await
            }
            SecretRef::Program(name) => self.stores.programs.read(from, name).await,
            SecretRef::AwsSecretsManager { name, field } => {
                let store = self.stores.aws.as_ref().ok_or_else(|| none("`aws`"))?;
                store.read(from, name, field.as_deref()).await
            }
            SecretRef::Vault(_) | SecretRef::Environment(_) | SecretRef::File(_) => {
                Err(SecretsError::Store { from: from.clone(), reason: "nothing here reads it".to_string() })
            }
        }
    }
}
