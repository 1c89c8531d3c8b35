//! The registry behind the door: it asks a model only against a permit that is on record.

use crate::exchange::Reached;
use crate::registry::{Registry, Unanswered};
use audit::Recorded;
use broker::{Carried, Context, Executor, Intent};
use domain::{Action, Blame, Done, Failure, Integrity, Label, Labelled, Source, SourceKind, Tier};

impl Executor for Registry {
    /// Asks the model that the permit names. The answer carries the label of everything the session has read: what a
    /// model writes is made of what it was shown.
    fn carry_out<'a>(&'a self, intent: Recorded<Intent>, context: Context<'a>) -> Carried<'a> {
        Box::pin(async move {
            let ask = match intent.into_inner().redeem(context.now) {
                Ok(Action::AskModel(ask)) => ask,
                Ok(Action::Call(_) | Action::Reply(_)) => {
                    return Err(ours("ask the model: this permit is for something else"));
                }
                Err(expired) => return Err(ours(&format!("ask the model: {expired}"))),
            };
            match self.ask(&ask, context).await {
                Ok(turn) => Ok(Labelled::new(Done::Answered(turn), context.label.clone())),
                Err(unanswered) => Err(failure(&unanswered, context.label)),
            }
        })
    }
}

fn ours(text: &str) -> Failure {
    Failure { blame: Blame::Us, text: text.to_string(), label: Label::nothing(), may_have_happened: false }
}

/// A server's words about a failure are a stranger's, and may quote the prompt.
fn failure(unanswered: &Unanswered, read: &Label) -> Failure {
    let mut label = Label::nothing();
    for error in unanswered.tried.iter().filter(|error| error.peer_words.is_some()) {
        let source = Source::new(SourceKind::Model, error.model.as_str());
        label = label.join(&Label::new(Integrity::Untrusted, Tier::Low, source)).join(read);
    }
    Failure {
        blame: unanswered.tried.first().map_or(Blame::Us, |error| error.trouble.blame()),
        text: unanswered.to_string(),
        label,
        may_have_happened: unanswered.reached > Reached::Nobody,
    }
}
