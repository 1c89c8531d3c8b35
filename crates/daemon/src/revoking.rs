//! Secrets that are taken out of use end what they were lent to, at once, and every change of a secret is on record.

use crate::secret_record::{entry, take_over};
use audit::{Log, SecretAct};
use domain::{SecretName, Timestamp};
use egress::Egress;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vault::Vault;

/// How often it is looked. The vault itself lends nothing that is out of use; this is for what is under way.
const EVERY: Duration = Duration::from_millis(50);
/// How far apart it may be that something is done and that it is said.
const MOMENT: Duration = Duration::from_secs(10);

/// Watches the vault.
pub(crate) struct Revoking {
    pub(crate) vault: Arc<Vault>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) log: Arc<Log>,
    /// The home.
    pub(crate) root: PathBuf,
}

/// What a vault holds, as far as changes of it are on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// By name: when the value last changed.
    secrets: BTreeMap<SecretName, Timestamp>,
    revoked: BTreeSet<SecretName>,
}

impl Seen {
    fn of(vault: &Vault) -> Result<Self, vault::Error> {
        let secrets = vault.list()?.into_iter();
        let secrets = secrets.map(|entry| (entry.name, entry.rotated.unwrap_or(entry.created))).collect();
        let revoked = vault.revoked()?.into_keys().filter_map(|name| name.parse().ok()).collect();
        Ok(Self { secrets, revoked })
    }

    /// What has become of which secret since `before`.
    fn since(&self, before: &Self) -> Vec<(SecretName, SecretAct)> {
        let mut acts = Vec::new();
        for (name, changed) in &self.secrets {
            match before.secrets.get(name) {
                None => acts.push((name.clone(), SecretAct::Set)),
                Some(then) if then != changed => acts.push((name.clone(), SecretAct::Rotated)),
                Some(_) => {}
            }
        }
        let removed = before.secrets.keys().filter(|name| !self.secrets.contains_key(*name));
        acts.extend(removed.map(|name| (name.clone(), SecretAct::Removed)));
        let revoked = self.revoked.difference(&before.revoked);
        acts.extend(revoked.map(|name| (name.clone(), SecretAct::Revoked)));
        let back = before.revoked.difference(&self.revoked);
        // A new value says so by itself.
        let as_it_was = back.filter(|name| self.secrets.get(*name) == before.secrets.get(*name));
        acts.extend(as_it_was.map(|name| (name.clone(), SecretAct::Reinstated)));
        acts
    }
}

/// What was put on record a moment ago, so that it is not put there twice.
#[derive(Debug, Default)]
struct Recent(Vec<(Instant, SecretName, SecretAct)>);

impl Recent {
    fn push(&mut self, secret: SecretName, act: SecretAct) {
        self.0.retain(|(then, _, _)| then.elapsed() < MOMENT);
        self.0.push((Instant::now(), secret, act));
    }

    /// Whether this was put down; each counts once.
    fn settles(&mut self, secret: &SecretName, act: SecretAct) -> bool {
        self.0.retain(|(then, _, _)| then.elapsed() < MOMENT);
        let place = self.0.iter().position(|(_, name, done)| name == secret && *done == act);
        place.map(|place| self.0.remove(place)).is_some()
    }
}

impl Revoking {
    /// For as long as the house stands.
    pub(crate) async fn watch(self) {
        let mut seen = Seen::of(&self.vault).unwrap_or_default();
        let mut generation = None;
        let (mut told, mut noticed) = (Recent::default(), Recent::default());
        loop {
            match self.egress.end_revoked() {
                Ok(0) => {}
                Ok(ended) => tracing::warn!(ended, "connections were ended: their secret is out of use"),
                Err(error) => tracing::error!(%error, "what is out of use could not be looked for"),
            }
            // Whoever did it says so; what is noticed besides was done by somebody who did not.
            for (secret, act) in take_over(&self.root, &self.log).await {
                if !noticed.settles(&secret, act) {
                    told.push(secret.clone(), act);
                    self.note(secret, act).await;
                }
            }
            let now = self.vault.generation().ok();
            if now.is_some() && now != generation {
                if let Ok(changed) = Seen::of(&self.vault) {
                    for (secret, act) in changed.since(&seen) {
                        if !told.settles(&secret, act) {
                            noticed.push(secret.clone(), act);
                            self.note(secret, act).await;
                        }
                    }
                    seen = changed;
                }
                generation = now;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn note(&self, secret: SecretName, act: SecretAct) {
        if let Err(error) = self.log.note(entry(secret, act), (gateway::clock())()).await {
            tracing::error!(%error, "what became of a secret could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(secrets: &[(&str, u64)], revoked: &[&str]) -> Seen {
        Seen {
            secrets: secrets.iter().map(|(name, at)| (name.parse().unwrap(), Timestamp(*at))).collect(),
            revoked: revoked.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn every_change_of_a_secret_has_its_word() {
        let before = seen(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)], &["c", "d"]);
        let after = seen(&[("a", 1), ("c", 2), ("d", 1), ("e", 3)], &["a"]);
        let acts: Vec<(String, SecretAct)> =
            after.since(&before).into_iter().map(|(name, act)| (name.to_string(), act)).collect();
        let of = |name: &str, act| (name.to_string(), act);
        assert_eq!(
            acts,
            [
                of("c", SecretAct::Rotated),
                of("e", SecretAct::Set),
                of("b", SecretAct::Removed),
                of("a", SecretAct::Revoked),
                of("d", SecretAct::Reinstated),
            ]
        );
        assert!(after.since(&after).is_empty());
    }

    #[test]
    fn what_was_said_and_noticed_is_put_down_once_and_again_when_it_is_done_again() {
        let (wiki, mail): (SecretName, SecretName) = ("wiki".parse().unwrap(), "mail".parse().unwrap());
        let mut recent = Recent::default();
        recent.push(wiki.clone(), SecretAct::Set);
        assert!(!recent.settles(&mail, SecretAct::Set) && !recent.settles(&wiki, SecretAct::Removed));
        assert!(recent.settles(&wiki, SecretAct::Set));
        assert!(!recent.settles(&wiki, SecretAct::Set));
    }
}
