//! A new value in the place of an old one, once a call has proved it.

use super::{Opened, done, failed};
use crate::arguments::Common;
use crate::hidden;
use crate::problem::Problem;
use audit::SecretAct;
use daemon::{Calls, SecretRecord, TestCall};
use domain::SecretName;
use std::collections::BTreeMap;
use std::sync::Arc;
use vault::SecretText;

/// What proves the new value.
pub enum Proof<'a> {
    /// The call that is known for its hosts.
    Known,
    /// This call.
    By {
        /// What is asked.
        url: &'a str,
        /// Where the secret goes.
        place: &'a str,
    },
    /// Nothing: the owner says so.
    Untested,
}

/// Reads the new value, proves it, and replaces the old one; when it is not proved, the old one stands.
pub async fn run(common: &Common, opened: &Opened, name: &str, proof: &Proof<'_>) -> Result<(), Problem> {
    let name: SecretName = name.parse().map_err(failed)?;
    let entries = opened.vault.list().map_err(failed)?;
    let Some(entry) = entries.into_iter().find(|entry| entry.name == name) else {
        return Err(failed(vault::Error::Unknown { name }));
    };
    let call = match proof {
        Proof::By { url, place } => {
            Some(TestCall { url: (*url).to_string(), place: (*place).to_string(), headers: BTreeMap::new() })
        }
        Proof::Known => TestCall::known(&entry.about.hosts),
        Proof::Untested => None,
    };
    if call.is_none() && !matches!(proof, Proof::Untested) {
        return Err(Problem::Other {
            what: format!("prove a new `{name}`: no call is known for its hosts"),
            hint: Some(format!("hardshell secret rotate {name} --test URL, or --untested")),
        });
    }
    let text = hidden::secret("new secret (not shown): ")
        .map_err(|source| Problem::Io { step: "read the secret".to_string(), source })?;
    let fresh = || SecretText::new(text.clone()).map_err(failed);
    let record = SecretRecord::open(opened.home.root()).await?;
    opened.vault.stage(&name, fresh()?).map_err(failed)?;
    let calls = Arc::new(Calls::default());
    let proved = match &call {
        Some(call) => {
            let of = (opened.home.root(), &opened.config);
            call.proves(&opened.vault, &name, fresh()?, of, Arc::clone(&calls)).await.map(drop)
        }
        None => Ok(()),
    };
    record.note_calls(&name, &calls).await?;
    if let (Some(call), Err(error)) = (&call, proved) {
        opened.vault.discard(&name).map_err(failed)?;
        record.close().await?;
        return Err(Problem::Other {
            what: format!(
                "prove the new `{name}` at {}, so the old one stands: could not {}",
                call.url,
                daemon::chain(&error)
            ),
            hint: Some(format!("hardshell secret rotate {name} --test URL, or --untested")),
        });
    }
    opened.vault.promote(&name).map_err(failed)?;
    record.note(&name, SecretAct::Rotated).await?;
    record.close().await?;
    let how = if call.is_some() { "after a call proved it" } else { "without a call" };
    done(common, &format!("{name} is replaced, {how}; the old value is overwritten."));
    Ok(())
}
