//! Strangers' text apart from the planner: it is held under a handle, and a model without tools, in a context of its own,
//! reads single values out of it. Nothing here makes a decision milder: what is held counts like what is shown.

use crate::Error;
use crate::broker::{Broker, Speaker};
use crate::ledger::{Extracted, Ledger};
use crate::steps::{Outlook, Went, ours, refusal, wrote};
use crate::submit::{Submission, Submitted};
use domain::{
    Action, AskModel, Done, ItemBody, Label, Labelled, Message, ModelName, Output, ProposedCall, Purpose,
    QuestionId, RuleHit, TextIsolation, Usage, Value,
};
use tools::{Facts, Held, Known, Request, Wanted};

/// The most text that is read at once, in bytes: what a window of a hundred thousand tokens holds.
const READ_BYTES_MAX: usize = 256 * 1024;
/// How many items are read from the store at once.
const ITEMS_PAGE: u32 = 1_000;

/// How strangers' text is kept from the planner, and who reads it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// How it reaches the planner.
    pub isolation: TextIsolation,
    /// The model that reads single values; nothing when none can.
    pub model: Option<ModelName>,
    /// The longest answer of it.
    pub answer_tokens_max: u32,
}

/// How far something came that a quarantined model may have to be asked for.
pub(crate) enum Reached<T> {
    /// It is there.
    There(T),
    /// It is not; why, for the planner.
    Not(String),
    /// The owner is asked whether that model may be asked.
    Waiting(QuestionId),
    /// The owner stopped it.
    Stopped,
}

/// What a quarantined model read out: noted, but not yet in the transcript.
pub(crate) struct ReadOut {
    /// The value, or that the text does not say.
    pub(crate) value: Option<Value>,
    pub(crate) label: Label,
    pub(crate) done: Labelled<Done>,
    usage: Usage,
}

impl<T> Reached<T> {
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Reached<U> {
        match self {
            Self::There(there) => Reached::There(make(there)),
            Self::Not(why) => Reached::Not(why),
            Self::Waiting(question) => Reached::Waiting(question),
            Self::Stopped => Reached::Stopped,
        }
    }
}

pub(crate) type Texts = Vec<(Held, Label)>;

impl Broker {
    /// Whether the planner of this session works with handles.
    pub(crate) fn is_apart(&self, ledger: &Ledger) -> bool {
        self.house.quarantine().isolation == TextIsolation::Strict || ledger.handles > 0
    }

    /// What joins the transcript of a call that gave `output`: in strict isolation, a stranger's text under a handle, and
    /// for the planner what is attested of it.
    pub(crate) fn resulted(
        &self,
        ledger: &mut Ledger,
        proposed: &ProposedCall,
        output: Output,
        (outlook, which): (Outlook, Facts),
        rules: Vec<RuleHit>,
    ) -> Vec<Labelled<ItemBody>> {
        ledger.read(&output.label);
        let strange = !output.label.is_clean() || which == Facts::Numbers;
        if self.house.quarantine().isolation == TextIsolation::Wrapped || !strange || output.text.is_empty() {
            ledger.shown |= !output.label.is_clean();
            return vec![Self::result(proposed, output.text, outlook, rules, output.label)];
        }
        let handle = ledger.next_handle(&proposed.tool);
        let told = tools::shown(&handle, &proposed.tool, &output, which);
        let held = ItemBody::Held { handle, tool: proposed.tool.clone(), text: output.text };
        let facts = tools::label_of_facts(&output.label);
        vec![Labelled::new(held, output.label), Self::result(proposed, told, outlook, rules, facts)]
    }

    /// Everything that is held in the session, by its handle.
    pub(crate) async fn held(&self, who: &Speaker) -> Result<Known, Error> {
        let of = who.session.clone();
        let held = self.store.run(move |tx| {
            let (mut found, mut after) = (Known::new(), 0);
            loop {
                let page = tx.items(&of, after, ITEMS_PAGE)?;
                let Some(last) = page.last() else { return Ok(found) };
                after = last.number;
                found.extend(page.iter().filter_map(tools::held_in));
            }
        });
        Ok(held.await?)
    }

    /// `text` with what its handles stand for below it, for people.
    pub(crate) async fn with_quotes(&self, who: &Speaker, text: String) -> Result<String, Error> {
        if tools::named_in(&text).is_empty() {
            return Ok(text);
        }
        Ok(tools::with_quotes(&text, &self.held(who).await?))
    }

    /// A planner's question about what is held. Asking the quarantined model is the action; its answer is a value of the
    /// type that was asked for, or nothing.
    pub(crate) async fn extract(
        &self,
        submission: &Submission<'_>,
        mut ledger: Ledger,
        proposed: &ProposedCall,
    ) -> Result<Went, Error> {
        let request = match Request::parse(&proposed.arguments) {
            Ok(request) => request,
            Err(error) => return self.told_not(submission, ledger, proposed, &error.to_string()).await,
        };
        let held = self.held(submission.who).await?;
        let mut texts = Texts::new();
        for handle in &request.from {
            let Some(found) = held.get(handle) else {
                let why =
                    format!("there is no `{}` in this conversation", self.clean(&tools::visible(handle)));
                return self.told_not(submission, ledger, proposed, &why).await;
            };
            texts.push(found.clone());
        }
        let ids = if let Wanted::Id(kind) = &request.wanted {
            ledger.provenance.ids_of(kind, tools::IDS_MAX)
        } else {
            Vec::new()
        };
        match self.read_out(submission, &mut ledger, &request.wanted, &request.question, &ids, texts).await? {
            Reached::There(read) => {
                if request.wanted.fills_holes() {
                    ledger.note_extracted((submission.key.to_string(), String::new()), read.value.clone());
                }
                let items = self.told_value(&mut ledger, proposed, &request.wanted, read.value, read.label);
                self.finish(submission, ledger, Ok(read.done), items).await?;
                Ok(Went::On { usage: read.usage })
            }
            Reached::Not(why) => self.told_not(submission, ledger, proposed, &why).await,
            Reached::Waiting(question) => self.waits(submission, ledger, question).await,
            Reached::Stopped => Ok(Went::Stopped),
        }
    }

    /// What a stranger can spell stays under a handle: the planner is shown what it, or a calendar, or counting spells.
    fn told_value(
        &self,
        ledger: &mut Ledger,
        proposed: &ProposedCall,
        wanted: &Wanted,
        value: Option<Value>,
        label: Label,
    ) -> Vec<Labelled<ItemBody>> {
        ledger.read(&label);
        let fact = value.as_ref().is_none_or(|value| ledger.provenance.is_attested(value));
        let kind = if value.is_some() { wanted.held_as(fact) } else { None };
        let text = value.map_or("the text does not say".to_string(), |value| value.canonical());
        let Some(kind) = kind else {
            return vec![Self::result(proposed, text, Outlook::Well, Vec::new(), label)];
        };
        let handle = ledger.next_handle(kind);
        let told = format!("{handle} holds it: {} bytes", text.len());
        let held = ItemBody::Held { handle, tool: kind.to_string(), text };
        let facts = tools::label_of_facts(&label);
        vec![Labelled::new(held, label), Self::result(proposed, told, Outlook::Well, Vec::new(), facts)]
    }

    pub(crate) async fn told_not(
        &self,
        submission: &Submission<'_>,
        ledger: Ledger,
        proposed: &ProposedCall,
        why: &str,
    ) -> Result<Went, Error> {
        let told = format!("could not be done: {why}");
        let item = Self::result(proposed, told, Outlook::Failed, Vec::new(), ours());
        self.append(submission.who, ledger, vec![item], None).await?;
        Ok(Went::on())
    }

    /// Notes that the call waits for the owner.
    pub(crate) async fn waits(
        &self,
        submission: &Submission<'_>,
        ledger: Ledger,
        question: QuestionId,
    ) -> Result<Went, Error> {
        let body = ItemBody::Asked { call_id: submission.call_id.to_string(), question: question.clone() };
        let label = ledger.label.clone();
        self.append(submission.who, ledger, vec![Labelled::new(body, label)], None).await?;
        Ok(Went::Waiting { question })
    }

    /// Asks the quarantined model: no tools, no conversation, nothing but the question, the type and the texts.
    pub(crate) async fn read_out(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        wanted: &Wanted,
        question: &str,
        ids: &[String],
        texts: Texts,
    ) -> Result<Reached<ReadOut>, Error> {
        let quarantine = self.house.quarantine();
        let Some(model) = quarantine.model else {
            return Ok(Reached::Not("no language model is connected that could read it".to_string()));
        };
        let bytes = texts.iter().map(|(held, _label)| held.text.len()).fold(0, usize::saturating_add);
        if bytes > READ_BYTES_MAX || texts.is_empty() {
            return Ok(Reached::Not(format!(
                "there are {bytes} bytes to read, and 1 to {READ_BYTES_MAX} are read at once"
            )));
        }
        let session = &submission.who.session;
        let shown =
            texts.iter().map(|(held, label)| (self.wrap)(session, &held.text, &tools::sources_of(label)));
        let messages = vec![
            Message::System(wanted.instruction(question, ids)),
            Message::User(shown.collect::<Vec<_>>().join("\n\n")),
        ];
        let answer_tokens_max = quarantine.answer_tokens_max;
        let ask =
            AskModel { model, purpose: Purpose::Extract, messages, tools: Vec::new(), answer_tokens_max };
        match self.submit(submission, ledger, Action::AskModel(ask)).await? {
            Submitted::Done { done, rules: _ } => {
                let (Done::Answered(turn), _session) = done.clone().into_parts() else {
                    return Ok(Reached::Not("the model gave back what is not an answer".to_string()));
                };
                let label =
                    texts.iter().fold(wrote(&turn.answered_by), |all, (_held, label)| all.join(label));
                let whole: String = texts.iter().map(|(held, _label)| format!("{}\n", held.text)).collect();
                match wanted.read(&turn.text, &whole, ids) {
                    Ok(value) => Ok(Reached::There(ReadOut { value, label, done, usage: turn.usage })),
                    Err(error) => {
                        self.finish(submission, ledger.clone(), Ok(done), Vec::new()).await?;
                        Ok(Reached::Not(error.to_string()))
                    }
                }
            }
            Submitted::Asked { question } => Ok(Reached::Waiting(question)),
            Submitted::Refused { rules } => {
                Ok(Reached::Not(refusal("the text may not go to the model that would read it", &rules)))
            }
            Submitted::Impossible { failure, rules: _ } => Ok(Reached::Not(failure.text)),
            Submitted::Failed { failure, rules: _ } => {
                // What a provider says of a prompt can quote the prompt.
                self.finish(submission, ledger.clone(), Err(failure), Vec::new()).await?;
                Ok(Reached::Not("the model that would read it did not answer".to_string()))
            }
            Submitted::Stopped => Ok(Reached::Stopped),
        }
    }
}

impl Ledger {
    fn next_handle(&mut self, tool: &str) -> String {
        self.handles = self.handles.saturating_add(1);
        tools::handle_of(tool, self.handles)
    }

    pub(crate) fn note_extracted(&mut self, at: (String, String), value: Option<Value>) {
        self.provenance.extracted.extend(value.clone());
        self.extracted.push(Extracted { at, value });
    }
}
