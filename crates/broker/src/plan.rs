//! A task's plan: written by a model that is shown the owner's words and nothing else, before their answer is worked on.

use crate::broker::{Broker, Speaker};
use crate::happened::What;
use crate::ledger::Ledger;
use crate::steps::{Went, ours, refusal};
use crate::submit::{Submission, Submitted};
use crate::{Cancel, Error};
use domain::{
    Action, AskModel, Done, EffectKey, ItemBody, Label, Labelled, Message, ModelName, Purpose, Role, Tier,
    Usage,
};
use policy::{Extension, Plan};

/// The step of every plan, out of the way of turns and summaries.
pub(crate) const PLAN_STEP: u32 = 2_000_000;
/// How many of a session's newest items are looked through for what the owner said before.
const ITEMS_MAX: u32 = 200;

impl Broker {
    /// Has `model` write what the task may do without a question. The door itself puts the prompt together, from the
    /// tools and from what the owner typed in this session, so that nothing else can be in it, `now` being the date in
    /// words. It becomes an [`ItemBody::Planned`]; a plan that cannot be had or read is an empty one, and then more asks.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has been added to the transcript.
    pub async fn plan(
        &self,
        who: &Speaker,
        model: ModelName,
        answer_tokens_max: u32,
        now: &str,
        cancel: &Cancel,
    ) -> Result<Went, Error> {
        let key = EffectKey::new(&who.task, PLAN_STEP, 0)?;
        let submission = Submission { who, key: &key, step: PLAN_STEP, call_id: "", arguments: "", cancel };
        let mut ledger = self.ledger(&who.session).await?;
        let Some((words, label)) = self.words_of_the_owner(who).await? else {
            return self.without_plan(who, ledger, "nothing of it was said by you").await;
        };
        if ledger.label.tier() > self.house.model_clearance(&model) {
            return self
                .without_plan(who, ledger, "the session holds more than the model is cleared for")
                .await;
        }
        let tools = self.catalog.schema_for_model(|_tool| true);
        let messages = vec![Message::System(tools::plan::plan_prompt(&tools, now)), Message::User(words)];
        let ask = AskModel { model, purpose: Purpose::Plan, messages, tools: Vec::new(), answer_tokens_max };
        match self.submit(&submission, &mut ledger, Action::AskModel(ask)).await? {
            Submitted::Done { done, rules: _ } => {
                let ended = Ok(done.clone());
                let (Done::Answered(turn), _) = done.into_parts() else {
                    return self.without_plan(who, ledger, "the model gave back what is not an answer").await;
                };
                let body = planned(&mut ledger, &turn.text, &label);
                self.finish(&submission, ledger, ended, vec![Labelled::new(body.clone(), ours())]).await?;
                self.tell_plan(who, body);
                Ok(Went::On { usage: turn.usage })
            }
            Submitted::Asked { question } => Ok(Went::Waiting { question }),
            Submitted::Refused { rules } => {
                let why = refusal("the prompt may not go to this model", &rules);
                self.without_plan(who, ledger, &why).await
            }
            Submitted::Impossible { failure, rules: _ } => {
                self.without_plan(who, ledger, &failure.text).await
            }
            Submitted::Failed { failure, rules: _ } => {
                let body = ItemBody::Planned { grants: Vec::new(), why: failure.text.clone() };
                self.finish(&submission, ledger, Err(failure), vec![Labelled::new(body.clone(), ours())])
                    .await?;
                self.tell_plan(who, body);
                Ok(Went::On { usage: Usage::default() })
            }
            Submitted::Stopped => Ok(Went::Stopped),
        }
    }

    /// What the owner typed in the session, up to this task's message, oldest first; never what came quoted with it.
    async fn words_of_the_owner(&self, who: &Speaker) -> Result<Option<(String, Label)>, Error> {
        if who.principal.role != Role::Owner {
            return Ok(None);
        }
        let of = who.session.clone();
        let items = self.store.run(move |tx| {
            let from = tx.last_item(&of)?.saturating_sub(u64::from(ITEMS_MAX));
            tx.items(&of, from, ITEMS_MAX)
        });
        let (mut earlier, mut now) = (String::new(), None);
        for item in items.await? {
            if let ItemBody::Said { by, text, quoted: _ } = item.body_ref()
                && *by == who.principal.to_string()
            {
                if item.task == who.task {
                    now = Some(text.clone());
                } else {
                    earlier.push_str(&format!("- {text}\n"));
                }
            }
        }
        Ok(now.map(|now| {
            let label = Label::owner();
            let label = if now.contains("[redacted:") { label.raised_to(Tier::High) } else { label };
            let before = if earlier.is_empty() {
                earlier
            } else {
                format!("Said before, not asked again:\n{earlier}\n")
            };
            (format!("{before}The task:\n{now}"), label)
        }))
    }

    async fn without_plan(&self, who: &Speaker, ledger: Ledger, why: &str) -> Result<Went, Error> {
        let body = ItemBody::Planned { grants: Vec::new(), why: self.clean(why) };
        self.append(who, ledger, vec![Labelled::new(body.clone(), ours())], None).await?;
        self.tell_plan(who, body);
        Ok(Went::On { usage: Usage::default() })
    }

    fn tell_plan(&self, who: &Speaker, body: ItemBody) {
        if let ItemBody::Planned { grants, why } = body {
            self.tell(who, What::Planned { grants, why });
        }
    }
}

/// Adds what a planner wrote to the mandate: all of it or nothing. After the freeze it still counts, for it was written
/// from the owner's later words alone.
fn planned(ledger: &mut Ledger, text: &str, label: &Label) -> ItemBody {
    let extension = if ledger.mandate.is_frozen() { Extension::OwnerSpoke } else { Extension::Plan };
    let before = ledger.mandate.in_words().len();
    let added = Plan::from_json(text)
        .and_then(|plan| plan.grants(label))
        .and_then(|grants| ledger.mandate.extend(grants, extension));
    match added {
        Ok(()) => {
            let grants = ledger.mandate.in_words().into_iter().skip(before).collect();
            ItemBody::Planned { grants, why: String::new() }
        }
        Err(error) => ItemBody::Planned { grants: Vec::new(), why: error.to_string() },
    }
}
