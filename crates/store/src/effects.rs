//! The journal of effects: each is begun at most once under its key, and its outcome is kept, so that after a restart
//! every effect is known to have happened, known not to have, or known to be unknown.

use crate::row::{action_digest, column, effect, integer, number, parsed, time};
use crate::{Error, Tx, wire};
use domain::{ActionDigest, Done, EffectKey, Failure, Labelled, SessionId, TaskId, Timestamp};
use rusqlite::{Row, params};

/// How an effect ended, as far as it is known.
pub type Ended = Result<Labelled<Done>, Failure>;

/// An effect of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Its name: the same after a restart.
    pub key: EffectKey,
    /// Its session.
    pub session: SessionId,
    /// Its task.
    pub task: TaskId,
    /// The action's name.
    pub tool: String,
    /// What it does to the world.
    pub effect: domain::Effect,
    /// The digest of the action.
    pub digest: ActionDigest,
    /// Where its intent stands in the audit log.
    pub intent: u64,
    /// When it was begun.
    pub begun: Timestamp,
}

/// Where an effect stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// It was begun. After a restart: nobody knows whether it happened.
    Begun,
    /// It ended.
    Ended(Ended),
    /// It was begun before a crash, and the owner was told that nobody knows whether it happened.
    Unknown,
}

/// What came of beginning an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is begun now, for the first time.
    First,
    /// It was begun before, with this action: carrying it out now would be a second time.
    Before {
        /// The digest of the action it was begun with.
        digest: ActionDigest,
        /// Where it stands.
        state: EffectState,
    },
}

impl Tx<'_> {
    /// Begins an effect, unless its key was begun before.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`]; [`Error::Database`] when there is no such session or task.
    pub fn begin_effect(&self, effect: &Effect) -> Result<Begun, Error> {
        let added = self.change(
            "INSERT INTO effects (key, session, task, tool, effect, digest, intent, begun, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'begun') ON CONFLICT (key) DO NOTHING",
            params![
                effect.key.as_str(),
                effect.session.as_str(),
                effect.task.as_str(),
                effect.tool,
                effect.effect.as_str(),
                effect.digest.to_string(),
                integer(effect.intent),
                integer(effect.begun.0),
            ],
        )?;
        if added == 1 {
            return Ok(Begun::First);
        }
        let (before, state) = self
            .effect(&effect.key)?
            .ok_or_else(|| Error::NotFound { what: "effect", id: effect.key.to_string() })?;
        Ok(Begun::Before { digest: before.digest, state })
    }

    /// Begins a repeatable effect (a read, a fetch, a question to a model) anew after a restart found it begun.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when it is not begun.
    pub fn begin_effect_again(&self, key: &EffectKey, intent: u64, now: Timestamp) -> Result<(), Error> {
        let changed = self.change(
            "UPDATE effects SET intent = ?2, begun = ?3 WHERE key = ?1 AND state = 'begun'",
            params![key.as_str(), integer(intent), integer(now.0)],
        )?;
        was_begun(changed, key)
    }

    /// Keeps the outcome of an effect.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when it is not begun, or ended before.
    pub fn end_effect(&self, key: &EffectKey, ended: &Ended, now: Timestamp) -> Result<(), Error> {
        let state = if ended.is_ok() { "done" } else { "failed" };
        let changed = self.change(
            "UPDATE effects SET state = ?2, ended = ?3, version = ?4, outcome = ?5 WHERE key = ?1 AND state = 'begun'",
            params![key.as_str(), state, integer(now.0), wire::OUTCOME_VERSION, wire::write_outcome(ended)],
        )?;
        was_begun(changed, key)
    }

    /// Notes that nobody knows whether an effect happened.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when it is not begun, or ended before.
    pub fn mark_effect_unknown(&self, key: &EffectKey, now: Timestamp) -> Result<(), Error> {
        let changed = self.change(
            "UPDATE effects SET state = 'unknown', ended = ?2 WHERE key = ?1 AND state = 'begun'",
            params![key.as_str(), integer(now.0)],
        )?;
        was_begun(changed, key)
    }

    /// The effect of that name, and where it stands.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn effect(&self, key: &EffectKey) -> Result<Option<(Effect, EffectState)>, Error> {
        self.row("SELECT * FROM effects WHERE key = ?1", [key.as_str()], read)
    }

    /// Every effect that was begun and has no outcome, oldest first. Right after a start: what a crash left open.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn effects_begun(&self) -> Result<Vec<Effect>, Error> {
        self.rows("SELECT * FROM effects WHERE state = 'begun' ORDER BY begun, key", [], |row| {
            Ok(read(row)?.0)
        })
    }

    /// Every effect of a task, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn effects_of(&self, task: &TaskId) -> Result<Vec<(Effect, EffectState)>, Error> {
        self.rows("SELECT * FROM effects WHERE task = ?1 ORDER BY begun, key", [task.as_str()], read)
    }
}

fn was_begun(changed: usize, key: &EffectKey) -> Result<(), Error> {
    if changed == 0 {
        return Err(Error::Conflict { what: "effect", id: key.to_string(), found: "not under way" });
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(Effect, EffectState), Error> {
    let of: String = column(row, "key")?;
    let state: String = column(row, "state")?;
    let state = match state.as_str() {
        "begun" => EffectState::Begun,
        "unknown" => EffectState::Unknown,
        "done" | "failed" => {
            let outcome: String = column(row, "outcome")?;
            let ended = wire::read_outcome(column(row, "version")?, &outcome);
            EffectState::Ended(ended.ok_or_else(|| Error::Unreadable { what: "outcome", of: of.clone() })?)
        }
        _other => return Err(Error::Unreadable { what: "state", of }),
    };
    let begun = Effect {
        key: parsed(row, "key", &of)?,
        session: parsed(row, "session", &of)?,
        task: parsed(row, "task", &of)?,
        tool: column(row, "tool")?,
        effect: effect(row, &of)?,
        digest: action_digest(row, &of)?,
        intent: number(row, "intent")?,
        begun: time(row, "begun")?,
    };
    Ok((begun, state))
}
