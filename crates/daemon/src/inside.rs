//! The house from within this program: the owner's words, answers and screens without a socket between.

use crate::tasks::error_chain;
use crate::up::Running;
use broker::{Answer, Happened};
use domain::{Channel, Inbound, Item, Principal, QuestionId, Sender, SessionId, TaskId};
use tokio::sync::broadcast;

/// How many items of a transcript are read at once.
const ITEMS_PAGE: u32 = 1_000;

impl Running {
    /// Follows everything that happens from here on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Happened> {
        self.door.screens.follow()
    }

    /// Delivers words of the owner's, as if typed at this machine. What becomes of the task is told to
    /// [`Running::follow`].
    ///
    /// # Errors
    ///
    /// Why they were not taken in, in words.
    pub async fn say(&self, session: &SessionId, text: &str) -> Result<TaskId, String> {
        let inbound = Inbound {
            id: crate::message_id().parse().map_err(|error: domain::IdError| error_chain(&error))?,
            session: session.clone(),
            sender: Sender { channel: Channel::Cli, account: "local".to_string() },
            principal: Principal::owner(),
            text: text.to_string(),
            quoted: None,
            received: (self.door.clock)(),
        };
        let (_accepted, who) = self.door.take_in(inbound).await.map_err(|error| error_chain(&error))?;
        Ok(who.task)
    }

    /// Puts the rules on disk in force, and tells their digest.
    ///
    /// # Errors
    ///
    /// Why the rules stay as they are, in words.
    pub async fn reload_policy(&self) -> Result<String, String> {
        let reloaded = self.door.reload_rules(Channel::Cli).await;
        reloaded.map(|now| now.digest).map_err(|error| error_chain(&error))
    }

    /// Answers a question as the owner at this machine, and goes on with what waited for it.
    ///
    /// # Errors
    ///
    /// Why the answer does not count, in words.
    pub async fn answer(&self, question: &QuestionId, answer: Answer) -> Result<(), String> {
        let door = &self.door;
        let answered = door.broker.answer(question, answer, &Principal::owner(), Channel::Cli).await;
        let task = answered.map_err(|error| error_chain(&error))?.task;
        if let Some(who) = door.broker.speaker_of(&task).await.map_err(|error| error_chain(&error))? {
            door.tasks.go_on(who);
        }
        Ok(())
    }

    /// The first items of a session's transcript, as many as a short conversation has.
    ///
    /// # Errors
    ///
    /// Why the store cannot be read, in words.
    pub async fn transcript(&self, session: &SessionId) -> Result<Vec<Item>, String> {
        let of = session.clone();
        self.door.store.run(move |tx| tx.items(&of, 0, ITEMS_PAGE)).await.map_err(|error| error_chain(&error))
    }
}
