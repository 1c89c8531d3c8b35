//! What of coming in is of consequence, on record.

use crate::house::{FrontDoor, failed};
use audit::{Entry, Event, SignInAct, Subject};
use gateway::{Happening, HouseError};

impl FrontDoor {
    pub(crate) async fn note_happening(&self, happening: Happening) -> Result<(), HouseError> {
        let (act, from) = match happening {
            Happening::LinkMade { id } => (SignInAct::LinkMade, id),
            Happening::SignedIn { id, peer } => (SignInAct::SignedIn, format!("{peer} as {id}")),
            Happening::Revoked { id, by } => (SignInAct::Revoked, format!("{id} by {by}")),
            Happening::TokenMade { id, name, scopes } => {
                let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
                (SignInAct::SignedIn, format!("token {id} `{name}` for {}", scopes.join(" ")))
            }
            Happening::LockedOut { peer, wait } => {
                (SignInAct::LockedOut, format!("{peer} for {} s", wait.as_secs()))
            }
        };
        let entry = Entry { subject: Subject::default(), event: Event::SignIn { act, from } };
        self.log.note(entry, (self.clock)()).await.map_err(|error| failed(&error))?;
        Ok(())
    }
}
