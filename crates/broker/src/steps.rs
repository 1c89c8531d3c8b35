//! The steps of a task: each goes through the door, and what came of it is in the transcript when it returns.

use crate::broker::{Broker, Speaker};
use crate::happened::{What, called};
use crate::ledger::{Ledger, Note};
use crate::quarantine::Reached;
use crate::submit::{Submission, Submitted};
use crate::{Cancel, Error};
use domain::{
    Action, AskModel, Blame, Done, EffectKey, Failure, Integrity, ItemBody, Label, Labelled, ModelTurn,
    Output, ProposedCall, QuestionId, Reply, RuleHit, Source, SourceKind, TaskState, Tier, Usage, Verdict,
};

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Went {
    /// The transcript has grown: ask the agent for the next step.
    On {
        /// What the step cost, in tokens.
        usage: Usage,
    },
    /// It waits for the owner's answer.
    Waiting {
        /// The question.
        question: QuestionId,
    },
    /// It could not be done, and the task cannot go on.
    Stuck {
        /// Why, for the owner.
        why: String,
    },
    /// The owner stopped it.
    Stopped,
}

impl Went {
    pub(crate) fn on() -> Self {
        Self::On { usage: Usage::default() }
    }
}

impl Broker {
    /// Puts a prompt to a model; its answer joins the transcript.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has been added to the transcript.
    pub async fn ask_model(
        &self,
        who: &Speaker,
        step: u32,
        ask: AskModel,
        cancel: &Cancel,
    ) -> Result<Went, Error> {
        self.model_step(who, step, ask, cancel, |turn| ItemBody::Answered {
            text: turn.text,
            calls: turn.calls,
        })
        .await
    }

    /// Has a model make older turns shorter; the summary joins the transcript under `label` and all the session read.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has been added to the transcript.
    pub async fn summarize(
        &self,
        who: &Speaker,
        step: u32,
        ask: AskModel,
        up_to: u64,
        cancel: &Cancel,
    ) -> Result<Went, Error> {
        self.model_step(who, step, ask, cancel, |turn| ItemBody::Summary { text: turn.text, up_to }).await
    }

    async fn model_step(
        &self,
        who: &Speaker,
        step: u32,
        ask: AskModel,
        cancel: &Cancel,
        body: impl FnOnce(ModelTurn) -> ItemBody,
    ) -> Result<Went, Error> {
        let key = EffectKey::new(&who.task, step, 0)?;
        let submission = Submission { who, key: &key, step, call_id: "", arguments: "", cancel };
        let mut ledger = self.ledger(&who.session).await?;
        match self.submit(&submission, &mut ledger, Action::AskModel(ask)).await? {
            Submitted::Done { done, rules: _ } => {
                let ended = Ok(done.clone());
                let (done, label) = done.into_parts();
                let Done::Answered(mut turn) = done else {
                    return Ok(Went::Stuck { why: "the model gave back what is not an answer".to_string() });
                };
                let usage = turn.usage;
                let label = label.join(&wrote(&turn.answered_by));
                ledger.read(&label);
                turn.text = self.defanged(turn.text, &ledger);
                self.finish(&submission, ledger, ended, vec![Labelled::new(body(turn), label)]).await?;
                Ok(Went::On { usage })
            }
            Submitted::Asked { question } => Ok(Went::Waiting { question }),
            Submitted::Refused { rules } => {
                Ok(Went::Stuck { why: refusal("the prompt may not go to this model", &rules) })
            }
            Submitted::Impossible { failure, rules: _ } => Ok(Went::Stuck { why: failure.text }),
            Submitted::Failed { failure, rules: _ } => {
                let why = failure.text.clone();
                self.finish(&submission, ledger, Err(failure), Vec::new()).await?;
                Ok(Went::Stuck { why })
            }
            Submitted::Stopped => Ok(Went::Stopped),
        }
    }

    /// The text of the last answer of a task; empty when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn last_answer(&self, who: &Speaker) -> Result<String, Error> {
        let task = who.task.clone();
        let items = self.store.run(move |tx| tx.items_of(&task)).await?;
        let answer = items.iter().rev().find_map(|item| {
            if let ItemBody::Answered { text, calls: _ } = item.body_ref() {
                Some(text.clone())
            } else {
                None
            }
        });
        Ok(answer.unwrap_or_default())
    }

    /// Carries out the `index`-th call of an answer; its result, or a question about it, joins the transcript.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has been added to the transcript.
    pub async fn call(
        &self,
        who: &Speaker,
        step: u32,
        index: u32,
        proposed: &ProposedCall,
        cancel: &Cancel,
    ) -> Result<Went, Error> {
        let key = EffectKey::new(&who.task, step, index)?;
        let arguments = proposed.arguments.as_str();
        let submission = Submission { who, key: &key, step, call_id: &proposed.id, arguments, cancel };
        let mut ledger = self.ledger(&who.session).await?;
        if proposed.tool == tools::EXTRACT && self.is_apart(&ledger) {
            return self.extract(&submission, ledger, proposed).await;
        }
        let (whole, strange) = match self.put_in(&submission, &mut ledger, proposed).await? {
            Reached::There(whole) => whole,
            Reached::Not(why) => return self.told_not(&submission, ledger, proposed, &why).await,
            Reached::Waiting(question) => return self.waits(&submission, ledger, question).await,
            Reached::Stopped => return Ok(Went::Stopped),
        };
        let call = match self.catalog.parse(&proposed.tool, &whole) {
            Ok(call) => call,
            Err(error) => {
                let text = if strange {
                    "could not understand the call: with what its handles stand for, it does not fit the tool"
                        .to_string()
                } else {
                    format!("could not understand the call: {error}")
                };
                let label = ledger.label.clone();
                let item = Self::result(proposed, self.clean(&text), Outlook::Failed, Vec::new(), label);
                self.append(who, ledger, vec![item], None).await?;
                return Ok(Went::on());
            }
        };
        self.tell(who, called(&proposed.id, &call));
        // What was given a stranger's text may say it back.
        let which = if strange { tools::Facts::Numbers } else { tools::Facts::All };
        match self.submit(&submission, &mut ledger, Action::Call(call)).await? {
            Submitted::Done { done, rules } => {
                let ended = Ok(done.clone());
                let (done, label) = done.into_parts();
                let output = match done {
                    Done::Ran(output) => output,
                    Done::Answered(_) | Done::Delivered => {
                        Output { text: "done".to_string(), fields: Vec::new(), label: label.clone() }
                    }
                };
                ledger.suspicious |= !label.is_clean() && self.scan.is_suspicious(&output.text);
                let note =
                    Note::Result { tool: proposed.tool.clone(), arguments: whole, output: output.clone() };
                ledger.note(note, &self.catalog);
                let kept_back = rules.iter().any(|hit| hit.verdict == Verdict::Deny);
                let outlook = if kept_back { Outlook::Failed } else { Outlook::Well };
                let text =
                    if label.is_clean() { output.text.clone() } else { self.scan.reveal(&output.text) };
                let output = Output { text, label, ..output };
                let items = self.resulted(&mut ledger, proposed, output, (outlook, which), rules);
                self.finish(&submission, ledger, ended, items).await?;
                Ok(Went::on())
            }
            Submitted::Asked { question } => self.waits(&submission, ledger, question).await,
            Submitted::Refused { rules } => {
                let text = refusal("this was refused", &rules);
                let item = Self::result(proposed, text, Outlook::Failed, rules, ours());
                self.append(who, ledger, vec![item], None).await?;
                Ok(Went::on())
            }
            Submitted::Impossible { failure, rules } => {
                let output = said_of(&failure);
                let items = self.resulted(&mut ledger, proposed, output, (Outlook::Failed, which), rules);
                self.append(who, ledger, items, None).await?;
                Ok(Went::on())
            }
            Submitted::Failed { failure, rules } => {
                let output = said_of(&failure);
                let items = self.resulted(&mut ledger, proposed, output, (Outlook::Failed, which), rules);
                self.finish(&submission, ledger, Err(failure), items).await?;
                Ok(Went::on())
            }
            Submitted::Stopped => Ok(Went::Stopped),
        }
    }

    /// Says `text` to whoever asked, and ends the task.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has been said.
    pub async fn reply(
        &self,
        who: &Speaker,
        step: u32,
        text: String,
        cancel: &Cancel,
    ) -> Result<Went, Error> {
        let key = EffectKey::new(&who.task, step, 0)?;
        let submission = Submission { who, key: &key, step, call_id: "", arguments: "", cancel };
        let mut ledger = self.ledger(&who.session).await?;
        let text = if self.is_apart(&ledger) { self.with_quotes(who, text).await? } else { text };
        let reply = Reply { session: who.session.clone(), text: text.clone() };
        match self.submit(&submission, &mut ledger, Action::Reply(reply)).await? {
            Submitted::Done { done, rules: _ } => {
                let label = done.label().clone();
                let body = Labelled::new(ItemBody::Replied { text: text.clone() }, label.clone());
                self.finish(&submission, ledger, Ok(done), vec![body]).await?;
                self.tell(who, What::Replied { text, label });
                self.tell(who, What::Ended { state: TaskState::Done, why: String::new() });
                Ok(Went::on())
            }
            Submitted::Asked { question } => Ok(Went::Waiting { question }),
            Submitted::Refused { rules } => {
                Ok(Went::Stuck { why: refusal("the answer may not go out", &rules) })
            }
            Submitted::Impossible { failure, rules: _ } => Ok(Went::Stuck { why: failure.text }),
            Submitted::Failed { failure, rules: _ } => {
                let why = failure.text.clone();
                self.finish(&submission, ledger, Err(failure), Vec::new()).await?;
                Ok(Went::Stuck { why })
            }
            Submitted::Stopped => Ok(Went::Stopped),
        }
    }

    pub(crate) fn result(
        proposed: &ProposedCall,
        text: String,
        outlook: Outlook,
        rules: Vec<RuleHit>,
        label: Label,
    ) -> Labelled<ItemBody> {
        let failed = match outlook {
            Outlook::Well => false,
            Outlook::Failed => true,
        };
        let (call_id, tool) = (proposed.id.clone(), proposed.tool.clone());
        Labelled::new(ItemBody::Result { call_id, tool, text, failed, rules }, label)
    }
}

/// Whether a call worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It did.
    Well,
    /// It did not.
    Failed,
}

/// What Hardshell itself says.
pub(crate) fn ours() -> Label {
    Label::new(Integrity::Attested, Tier::Low, Source::new(SourceKind::Config, "hardshell"))
}

pub(crate) fn wrote(model: &str) -> Label {
    Label::new(Integrity::Trusted, Tier::Low, Source::new(SourceKind::Model, model))
}

pub(crate) fn refusal(what: &str, rules: &[RuleHit]) -> String {
    let deciding = rules.iter().filter(|hit| hit.verdict != Verdict::Allow);
    let rules: Vec<String> = deciding.map(|hit| format!("{} ({})", hit.why, hit.id)).collect();
    format!("{what}: {}", rules.join("; "))
}

fn said_of(failure: &Failure) -> Output {
    Output { text: failed_text(failure), fields: Vec::new(), label: failure.label.clone() }
}

fn failed_text(failure: &Failure) -> String {
    let doubt =
        if failure.may_have_happened { " It is not known whether it happened all the same." } else { "" };
    let hint = match failure.blame {
        Blame::Model => " Correct the call and try again.",
        Blame::Owner | Blame::Tool | Blame::Peer | Blame::Us => "",
    };
    format!("could not be done: {}.{doubt}{hint}", failure.text)
}

impl Ledger {
    /// Uses up what a permit used.
    pub(crate) fn use_grant(&mut self, place: Option<usize>, call: Option<&domain::Call>) {
        if let (Some(place), Some(call)) = (place, call) {
            self.mandate.consume(place, call);
        }
    }
}
