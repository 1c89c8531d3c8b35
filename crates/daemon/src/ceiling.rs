//! What a session may read at most: asked for when it is opened, changed by the owner in person.

use crate::house::{FrontDoor, failed};
use audit::{Entry, Event, PolicyAct, Subject};
use domain::{RuleHit, SessionId, Tier, Verdict};
use gateway::{Caller, HouseError, wire};

impl FrontDoor {
    /// The ceiling of the session `id` that `caller` opens, on record where one was asked for. A program gets at most
    /// what the configuration says.
    pub(crate) async fn ceiling_of_new(
        &self,
        caller: &Caller,
        id: &SessionId,
        asked: Option<wire::Tier>,
    ) -> Result<Option<Tier>, HouseError> {
        let Some(asked) = asked.map(Tier::from) else { return Ok(None) };
        let most = self.broker.policy().ceiling();
        if asked > most && !caller.is_owner_in_person() {
            let why = format!(
                "the configuration lets sessions read {} at most; only the owner in person opens one that reads more",
                most.as_str()
            );
            let id = "flow.ceiling".to_string();
            return Err(HouseError::Refused { rules: vec![RuleHit { verdict: Verdict::Deny, id, why }] });
        }
        self.note_ceiling(caller, id, asked).await?;
        Ok(Some(asked))
    }

    /// Changes the ceiling of a session, on record first. What it has read before stays read.
    pub(crate) async fn change_ceiling(
        &self,
        caller: &Caller,
        id: &SessionId,
        ceiling: Tier,
    ) -> Result<wire::Session, HouseError> {
        self.visible(caller, id).await?;
        self.note_ceiling(caller, id, ceiling).await?;
        let of = id.clone();
        self.store.run(move |tx| tx.set_ceiling(&of, ceiling)).await.map_err(|error| failed(&error))?;
        self.shown(self.visible(caller, id).await?).await
    }

    async fn note_ceiling(&self, caller: &Caller, id: &SessionId, ceiling: Tier) -> Result<(), HouseError> {
        let detail = format!("the session may read {} at most", ceiling.as_str());
        let event = Event::Policy { act: PolicyAct::Changed, rule: "flow.ceiling".to_string(), detail };
        let subject = Subject {
            session: Some(id.clone()),
            principal: Some(caller.principal().clone()),
            channel: Some(caller.channel()),
            ..Subject::default()
        };
        let noted = self.log.note(Entry { subject, event }, (self.clock)()).await;
        noted.map(|_place| ()).map_err(|error| failed(&error))
    }
}
