//! What handles and typed holes of a call stand for: put in before the call is judged, so that what is judged, shown and
//! approved is what is done.

use crate::Error;
use crate::broker::Broker;
use crate::ledger::Ledger;
use crate::quarantine::{Reached, Texts};
use crate::submit::Submission;
use domain::{Call, EffectKey, ProposedCall, ToolName, Value, ValueKind};
use policy::Constraint;
use tools::{Manifest, Wanted};

/// Where the keys of calls that fill holes begin, out of the way of all others.
const HOLE_STEPS_FROM: u32 = 3_000_000;
/// How many holes one call may have.
const HOLES_MAX: u32 = 8;

/// A call's arguments, and whether what a stranger wrote is in them.
type Whole = (String, bool);

impl Broker {
    /// The arguments of a call with what their handles stand for, and every typed hole of its grants filled.
    pub(crate) async fn put_in(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        proposed: &ProposedCall,
    ) -> Result<Reached<Whole>, Error> {
        let (mut arguments, mut strange, mut holes) = (proposed.arguments.clone(), false, 0);
        let tool = proposed.tool.parse::<ToolName>().ok();
        let Some(manifest) = tool.and_then(|tool| self.catalog.manifest(&tool)).cloned() else {
            return Ok(Reached::There((arguments, strange)));
        };
        if self.is_apart(ledger) && !tools::named_in(&arguments).is_empty() {
            let held = self.held(submission.who).await?;
            let filled = match tools::fill(&manifest, &arguments, &held) {
                Ok(filled) => filled,
                Err(error) => return Ok(Reached::Not(error.to_string())),
            };
            (arguments, strange) = (filled.arguments, !filled.used.is_empty());
            for (argument, handle) in filled.open {
                let texts = held.get(&handle).cloned().into_iter().collect();
                let at = (argument.as_str(), arguments.as_str(), holes);
                let value = match self.hole(submission, ledger, &manifest, at, texts).await? {
                    Reached::There(Some(value)) => value,
                    Reached::There(None) => {
                        return Ok(Reached::Not(tools::FillError::Decides { argument, handle }.to_string()));
                    }
                    other @ (Reached::Not(_) | Reached::Waiting(_) | Reached::Stopped) => {
                        return Ok(other.map(|_never| (arguments, strange)));
                    }
                };
                (holes, strange) = (holes.saturating_add(1), true);
                arguments = tools::with_argument(&arguments, &argument, &value).unwrap_or(arguments);
            }
        }
        Ok(self
            .check_holes(submission, ledger, &manifest, &arguments, holes)
            .await?
            .map(|()| (arguments, strange)))
    }

    /// Has the quarantined model say what the planner's own words for typed holes should be. Where it says otherwise, the
    /// grant no longer covers the call, and it asks.
    async fn check_holes(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        manifest: &Manifest,
        arguments: &str,
        mut holes: u32,
    ) -> Result<Reached<()>, Error> {
        let Ok(call) = self.catalog.parse(manifest.name().as_str(), arguments) else {
            return Ok(Reached::There(()));
        };
        if ledger.mandate.covering(&call, Some(manifest), &ledger.provenance).is_some() {
            return Ok(Reached::There(()));
        }
        for argument in &call.arguments {
            let leaves = argument.value.leaves();
            let known = leaves.iter().all(|leaf| ledger.provenance.is_extracted(leaf));
            if known || ledger.mandate.gap(manifest.name(), &argument.name).is_none() {
                continue;
            }
            if ledger.label.is_clean() {
                // No stranger was read, so none chose it.
                for leaf in leaves {
                    ledger.note_extracted((argument.name.clone(), String::new()), Some(leaf.clone()));
                }
                continue;
            }
            let task = submission.who.task.clone();
            let texts = tools::strange_in(&self.store.run(move |tx| tx.items_of(&task)).await?);
            let at = (argument.name.as_str(), arguments, holes);
            match self.hole(submission, ledger, manifest, at, texts).await? {
                // What it does not say stays the planner's own word, which no grant covers.
                Reached::There(_) | Reached::Not(_) => holes = holes.saturating_add(1),
                other @ (Reached::Waiting(_) | Reached::Stopped) => return Ok(other.map(|_never| ())),
            }
        }
        Ok(Reached::There(()))
    }

    /// What a quarantined model reads out of `texts` for an argument, the `number`-th of its call; nothing where no grant
    /// leaves a hole.
    async fn hole(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        manifest: &Manifest,
        (argument, arguments, number): (&str, &str, u32),
        texts: Texts,
    ) -> Result<Reached<Option<Value>>, Error> {
        let none = Ok(Reached::There(None));
        let Some((constraint, why)) = ledger.mandate.gap(manifest.name(), argument) else { return none };
        let at = (submission.key.to_string(), argument.to_string());
        if let Some(before) = ledger.extracted.iter().find(|extracted| extracted.at == at) {
            return Ok(Reached::There(before.value.clone()));
        }
        let spec = manifest.argument(argument);
        let about = spec.map_or("", |spec| spec.about.as_str());
        let question = format!("The value of `{argument}` ({about}) for {}: {why}", manifest.name());
        let (wanted, ids) = match constraint {
            Constraint::Hole(hole) => {
                (Wanted::of_hole(hole.as_str(), spec.map(|spec| &spec.limits)), Vec::new())
            }
            Constraint::Among(expression) => {
                // A handle is no address and no id, so that the call may not be one yet.
                let parsed = self.catalog.parse(manifest.name().as_str(), arguments);
                let call = parsed.unwrap_or_else(|_open| Call {
                    tool: manifest.name().clone(),
                    effect: manifest.effect(),
                    arguments: Vec::new(),
                    targets: Vec::new(),
                });
                let kind = match spec.map(|spec| &spec.kind) {
                    Some(ValueKind::Id(kind)) => kind.clone(),
                    _ => argument.to_string(),
                };
                (Some(Wanted::Id(kind)), expression.values(&ledger.provenance, &call).unwrap_or_default())
            }
            Constraint::Is(_) | Constraint::OneOf(_) | Constraint::Computed(_) => (None, Vec::new()),
        };
        let Some(wanted) = wanted else { return none };
        let step = submission.step.saturating_mul(HOLES_MAX).saturating_add(HOLE_STEPS_FROM);
        let place = submission.key.as_str().rsplit('.').next().and_then(|index| index.parse().ok());
        let key = EffectKey::new(&submission.who.task, step.saturating_add(number), place.unwrap_or(0))?;
        let asked = Submission { key: &key, ..*submission };
        match self.read_out(&asked, ledger, &wanted, &question, &ids, texts).await? {
            Reached::There(read) => {
                ledger.read(&read.label);
                ledger.note_extracted(at, read.value.clone());
                self.finish(&asked, ledger.clone(), Ok(read.done), Vec::new()).await?;
                let silent = || Reached::Not(format!("the text does not say what `{argument}` should be"));
                Ok(read.value.map_or_else(silent, |value| Reached::There(Some(value))))
            }
            other @ (Reached::Not(_) | Reached::Waiting(_) | Reached::Stopped) => {
                Ok(other.map(|_never| None))
            }
        }
    }
}

/// The step of the call for whose hole a key of this step was made; of any other, the step.
pub(crate) fn step_of_call(step: u32) -> u32 {
    step.checked_sub(HOLE_STEPS_FROM).map_or(step, |at| at.checked_div(HOLES_MAX).unwrap_or(at))
}
