//! The web page, the command line and the interface for programs: they read the transcript, so an answer is delivered
//! once it stands there.

use audit::Recorded;
use broker::{Carried, Context, Executor, Intent};
use domain::{Action, Blame, Done, Failure, Label, Labelled};

/// Delivers to screens. The broker puts the answer into the transcript and tells whoever watches, in one step with
/// the outcome: a screen that is away reads it when it comes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screens;

impl Executor for Screens {
    fn carry_out<'a>(&'a self, intent: Recorded<Intent>, context: Context<'a>) -> Carried<'a> {
        Box::pin(async move {
            let failed = |text: String| Failure {
                blame: Blame::Us,
                text,
                label: Label::nothing(),
                may_have_happened: false,
            };
            match intent.into_inner().redeem(context.now) {
                Ok(Action::Reply(_)) => Ok(Labelled::new(Done::Delivered, context.label.clone())),
                Ok(Action::AskModel(_) | Action::Call(_)) => {
                    Err(failed("this permit is not for an answer".to_string()))
                }
                Err(expired) => Err(failed(expired.to_string())),
            }
        })
    }
}
