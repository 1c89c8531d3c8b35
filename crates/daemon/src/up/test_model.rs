//! Asking a model whether it answers.

use super::Running;
use domain::SessionId;

impl Running {
    /// Puts a short question to the model `name`, through the same door as every prompt, and gives its answer.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in words.
    pub async fn test_model(&self, name: &str) -> Result<String, String> {
        let in_words = |error: &dyn std::error::Error| crate::tasks::error_chain(error);
        let model = name.parse().map_err(|error: domain::IdError| in_words(&error))?;
        let ask = self.state.registry.test_question(&model).map_err(|error| in_words(&error))?;
        let id = || (self.draw)();
        let session: SessionId =
            format!("test-{}", id()).parse().map_err(|error: domain::IdError| in_words(&error))?;
        let task = format!("t-{}", id()).parse().map_err(|error: domain::IdError| in_words(&error))?;
        let inbound = domain::Inbound {
            id: id().parse().map_err(|error: domain::IdError| in_words(&error))?,
            session: session.clone(),
            sender: domain::Sender { channel: domain::Channel::Cli, account: "local".to_string() },
            principal: domain::Principal::owner(),
            text: format!("test the model {name}"),
            quoted: None,
            received: (gateway::clock())(),
        };
        let who = broker::Speaker {
            session,
            task,
            principal: domain::Principal::owner(),
            channel: domain::Channel::Cli,
        };
        self.broker.deliver(inbound, who.task.clone()).await.map_err(|error| in_words(&error))?;
        self.broker.begin_task(&who).await.map_err(|error| in_words(&error))?;
        let went = self
            .broker
            .ask_model(&who, 0, ask, &broker::Cancel::new())
            .await
            .map_err(|error| in_words(&error))?;
        let answer = match went {
            broker::Went::On { usage: _ } => {
                self.broker.last_answer(&who).await.map_err(|error| in_words(&error))?
            }
            broker::Went::Stuck { why } => return Err(why),
            broker::Went::Waiting { question } => {
                return Err(format!("it needs your approval first: {question}"));
            }
            broker::Went::Stopped => return Err("it was stopped".to_string()),
        };
        let ended = self.broker.end_task(&who, domain::TaskState::Done, "the test is over").await;
        ended.map_err(|error| in_words(&error))?;
        Ok(answer)
    }
}
