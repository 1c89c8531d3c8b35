//! The rules in force: that they are those on disk, that no unsigned file permits anything, and how others take their
//! place.

use crate::house::{FrontDoor, failed};
use crate::start_error::StartError;
use audit::{Entry, Event, PolicyAct, Subject};
use domain::Channel;
use ed25519_dalek::{Signer as _, SigningKey};
use gateway::{HouseError, wire};
use policy::{Policy, RuleFile, signed_bytes};
use posture::{Proof, State};
use std::sync::{Arc, PoisonError};

/// A rule that would open a door, if it counted.
const CANARY: &str = r#"
@id("proof.canary")
@why("anybody may spend")
permit (principal, action == Action::"spend", resource);
"#;
const CANARY_FILE: &str = "proof-canary.cedar";

/// The digest of rules, as screens and records show it.
pub(crate) fn digest_of(policy: &Policy) -> String {
    blake3::Hash::from_bytes(*policy.digest()).to_hex().to_string()
}

/// Whether the rules of digest `in_force` are those on disk.
pub(crate) fn rules_are_those_on_disk(in_force: Option<&str>, on_disk: Result<Policy, StartError>) -> Proof {
    let (state, detail) = match (in_force, on_disk) {
        (_, Err(error)) => {
            let why = crate::tasks::error_chain(&error);
            (
                State::NotShown,
                format!("the rules on disk cannot be read, so they are not those in force: {why}"),
            )
        }
        (None, Ok(policy)) => {
            (State::Holds, format!("nothing runs; what is on disk would be in force: {}", digest_of(&policy)))
        }
        (Some(digest), Ok(policy)) if digest == digest_of(&policy) => {
            (State::Holds, format!("the rules in force and those on disk have the digest {digest}"))
        }
        (Some(digest), Ok(policy)) => {
            let detail = format!(
                "the rules in force have the digest {digest}, those on disk {}; `hardshell policy reload` puts them in force",
                digest_of(&policy)
            );
            (State::NotShown, detail)
        }
    };
    Proof { name: "policy.on-disk".to_string(), state, detail }
}

/// Tries to have a permission counted that the owner has not signed. `load` puts a file in force with the others, under
/// the owner's key, or under the one that is given.
pub(crate) fn an_unsigned_permission_does_not_count(
    load: &dyn Fn(RuleFile, Option<[u8; 32]>) -> Result<(), policy::Error>,
) -> Proof {
    let proof = |state, detail: String| Proof { name: "policy.unsigned".to_string(), state, detail };
    let mut seed = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        return proof(State::NotShown, format!("no key could be drawn: {error}"));
    }
    let key = SigningKey::from_bytes(&seed);
    let file = |signature| RuleFile { name: CANARY_FILE.to_string(), text: CANARY.to_string(), signature };
    let signature = key.sign(&signed_bytes(CANARY_FILE, CANARY)).to_bytes();
    if let Err(error) = load(file(Some(signature)), Some(key.verifying_key().to_bytes())) {
        return proof(State::NotShown, format!("the canary is not taken when it is signed either: {error}"));
    }
    let unsigned = load(file(None), None);
    let by_another = load(file(Some(signature)), None);
    match (unsigned, by_another) {
        (Err(policy::Error::Unsigned { .. }), Err(policy::Error::BadSignature { .. })) => proof(
            State::Holds,
            "a rule that lets anybody spend was put beside the owner's: unsigned and signed by another key it was refused"
                .to_string(),
        ),
        (unsigned, by_another) => {
            let how = |taken: bool| if taken { "TAKEN" } else { "refused" };
            let detail = format!(
                "a rule that lets anybody spend was put beside the owner's: unsigned {}, signed by another key {}",
                how(unsigned.is_ok()),
                how(by_another.is_ok())
            );
            let through = unsigned.is_ok() || by_another.is_ok();
            proof(if through { State::Failed } else { State::NotShown }, detail)
        }
    }
}

impl FrontDoor {
    /// Puts the rules on disk in force, on record: from the next decision on. Rules that cannot be used change nothing.
    pub(crate) async fn reload_rules(&self, by: Channel) -> Result<wire::PolicyInForce, HouseError> {
        let root = self.state.home.clone();
        let read = tokio::task::spawn_blocking(move || crate::rules::policy_of(&root)).await;
        let policy = match read.map_err(|error| failed(&error))? {
            Ok(policy) => Arc::new(policy),
            Err(error) => {
                let why = crate::tasks::error_chain(&error);
                self.note_policy(by, PolicyAct::Refused, &why).await?;
                return Err(HouseError::Invalid { why: format!("the rules stay as they are: {why}") });
            }
        };
        let changed = policy.digest() != self.broker.policy().digest();
        if changed {
            self.broker.replace_policy(Arc::clone(&policy)).await.map_err(|error| failed(&error))?;
            *self.state.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&policy);
            let status = self.state.status();
            self.screens.events().publish(wire::Event::Status { status }, (self.clock)());
        }
        let digest = digest_of(&policy);
        self.show_proof(&digest);
        Ok(wire::PolicyInForce { digest, changed })
    }

    /// The proof that a reload answers, as it now is.
    fn show_proof(&self, digest: &str) {
        let proof = rules_are_those_on_disk(Some(digest), crate::rules::policy_of(&self.state.home));
        let proof = crate::proofs::wire_proof(&proof, (self.clock)());
        let mut proofs = self.state.proofs.write().unwrap_or_else(PoisonError::into_inner);
        for shown in proofs.iter_mut().flatten().filter(|shown| shown.name == proof.name) {
            *shown = proof.clone();
        }
    }

    async fn note_policy(&self, by: Channel, act: PolicyAct, detail: &str) -> Result<(), HouseError> {
        let event = Event::Policy { act, rule: "the rules on disk".to_string(), detail: detail.to_string() };
        let subject = Subject { channel: Some(by), ..Subject::default() };
        let noted = self.log.note(Entry { subject, event }, (self.clock)()).await;
        noted.map(|_place| ()).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{Places, Settings};

    fn load(file: RuleFile, signer: Option<[u8; 32]>) -> Result<Policy, policy::Error> {
        let places = Places {
            home: "/h".into(),
            workspace: "/h/workspace".into(),
            owner_home: "/home/owner".into(),
            programs: vec![],
        };
        Policy::load(&Settings::default(), &[file], &places, signer.as_ref())
    }

    #[test]
    fn a_loader_that_takes_what_nobody_signed_is_found_out() {
        let sound = an_unsigned_permission_does_not_count(&|file, signer| load(file, signer).map(drop));
        assert_eq!(sound.state, State::Holds, "{sound:?}");
        let careless = an_unsigned_permission_does_not_count(&|_file, _signer| Ok(()));
        assert_eq!(careless.state, State::Failed, "{careless:?}");
        let broken = an_unsigned_permission_does_not_count(&|file, _signer| {
            Err(policy::Error::BadSignature { file: file.name })
        });
        assert_eq!(broken.state, State::NotShown, "{broken:?}");
    }

    #[test]
    fn rules_that_are_not_on_disk_are_found_out() {
        let on_disk = || {
            let file = RuleFile { name: "own.cedar".into(), text: String::new(), signature: None };
            load(file, None).map_err(StartError::Policy)
        };
        let digest = digest_of(&on_disk().unwrap());
        for (in_force, state) in
            [(Some(digest.as_str()), State::Holds), (None, State::Holds), (Some("00"), State::NotShown)]
        {
            assert_eq!(rules_are_those_on_disk(in_force, on_disk()).state, state, "{in_force:?}");
        }
        let unreadable = StartError::Key { why: "no key".into() };
        assert_eq!(rules_are_those_on_disk(Some(&digest), Err(unreadable)).state, State::NotShown);
    }
}
