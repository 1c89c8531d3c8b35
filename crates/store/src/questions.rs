//! Questions to the owner: they outlive a restart, are answered once, and an answer is used once.

use crate::row::{action_digest, column, effect, integer, optional_time, parsed, role, time};
use crate::{Error, Tx, wire};
use domain::{
    ActionDigest, EffectKey, Principal, QuestionId, RuleHit, SessionId, TaskId, Timestamp, ToolName,
};
use rusqlite::{Row, params};

/// The longest question, in bytes: its arguments and its text, of which nothing may be cut.
const QUESTION_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A question to the owner about one exact action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub id: QuestionId,
    /// The effect that waits for it.
    pub key: EffectKey,
    /// Its session.
    pub session: SessionId,
    /// Its task.
    pub task: TaskId,
    /// The model's id of the call it is about.
    pub call_id: String,
    /// The tool.
    pub tool: ToolName,
    /// What the action does to the world.
    pub effect: domain::Effect,
    /// The arguments as proposed: JSON.
    pub arguments: String,
    /// The digest of the action, targets included: what the answer is good for.
    pub digest: ActionDigest,
    /// What is asked, in one line.
    pub title: String,
    /// The action as the owner is shown it, every byte of it.
    pub text: String,
    /// The rules that ask.
    pub rules: Vec<RuleHit>,
    /// Who or what made the model propose it, in words.
    pub source: String,
    /// The standing rule that "always" would make, in words; none where "always" is not on offer.
    pub standing: Option<String>,
    /// When it was asked.
    pub asked: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
    /// The answer, who gave it and when.
    pub answer: Option<(Answer, Principal, Timestamp)>,
    /// When the answer was used.
    pub used: Option<Timestamp>,
}

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it, this once.
    Approve,
    /// Do not.
    Deny,
    /// Do it, and what is like it from now on.
    Always,
    /// Nobody answered in time.
    Expired,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Deny, Self::Always, Self::Expired];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Always => "always",
            Self::Expired => "expired",
        }
    }
}

impl Tx<'_> {
    /// Keeps a new, open question. Its answer and use are ignored: they come by [`Tx::answer_question`] and
    /// [`Tx::use_answer`].
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its name is taken; [`Error::TooLong`]; [`Error::Database`] when there is no such
    /// session or task.
    pub fn add_question(&self, question: &Question) -> Result<(), Error> {
        let length = question.arguments.len().saturating_add(question.text.len());
        if length > QUESTION_BYTES_MAX {
            return Err(Error::TooLong { what: "question", found: length, limit: QUESTION_BYTES_MAX });
        }
        let added = self.change(
            "INSERT INTO questions (id, key, session, task, call_id, tool, effect, arguments, digest, title, text, rules,
               source, standing, asked, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING",
            params![
                question.id.as_str(),
                question.key.as_str(),
                question.session.as_str(),
                question.task.as_str(),
                question.call_id,
                question.tool.as_str(),
                question.effect.as_str(),
                question.arguments,
                question.digest.to_string(),
                question.title,
                question.text,
                wire::write_rules(&question.rules),
                question.source,
                question.standing,
                integer(question.asked.0),
                integer(question.expires.0),
            ],
        )?;
        if added == 0 {
            return Err(Error::Conflict {
                what: "question",
                id: question.id.to_string(),
                found: "there already",
            });
        }
        Ok(())
    }

    /// The question of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn question(&self, id: &QuestionId) -> Result<Option<Question>, Error> {
        self.row("SELECT * FROM questions WHERE id = ?1", [id.as_str()], read)
    }

    /// The newest question about an effect.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn question_about(&self, key: &EffectKey) -> Result<Option<Question>, Error> {
        let sql = "SELECT * FROM questions WHERE key = ?1 ORDER BY asked DESC, id DESC LIMIT 1";
        self.row(sql, [key.as_str()], read)
    }

    /// Every question without an answer, oldest first, lapsed ones included.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn questions_open(&self) -> Result<Vec<Question>, Error> {
        self.rows("SELECT * FROM questions WHERE answer IS NULL ORDER BY asked, id", [], read)
    }

    /// The questions asked since `from`, oldest first, at most the newest `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn questions_since(&self, from: Timestamp, limit: u32) -> Result<Vec<Question>, Error> {
        let sql =
            "SELECT * FROM (SELECT * FROM questions WHERE asked >= ?1 ORDER BY asked DESC, id DESC LIMIT ?2)
                   ORDER BY asked, id";
        self.rows(sql, params![integer(from.0), limit], read)
    }

    /// Every question of a task, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn questions_of(&self, task: &TaskId) -> Result<Vec<Question>, Error> {
        self.rows("SELECT * FROM questions WHERE task = ?1 ORDER BY asked, id", [task.as_str()], read)
    }

    /// Answers an open question and returns it with its answer. Only the first answer counts. Whether `by` may answer
    /// is the caller's to know.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is answered, or has lapsed and the answer is not
    /// [`Answer::Expired`].
    pub fn answer_question(
        &self,
        id: &QuestionId,
        answer: Answer,
        by: &Principal,
        now: Timestamp,
    ) -> Result<Question, Error> {
        let mut question =
            self.question(id)?.ok_or_else(|| Error::NotFound { what: "question", id: id.to_string() })?;
        let conflict = |found| Err(Error::Conflict { what: "question", id: id.to_string(), found });
        if question.answer.is_some() {
            return conflict("answered");
        }
        if now > question.expires && answer != Answer::Expired {
            return conflict("lapsed");
        }
        self.change(
            "UPDATE questions SET answer = ?2, answered = ?3, answered_role = ?4, answered_by = ?5 WHERE id = ?1",
            params![id.as_str(), answer.as_str(), integer(now.0), by.role.as_str(), by.name],
        )?;
        question.answer = Some((answer, by.clone(), now));
        Ok(question)
    }

    /// Uses up the approval of one exact action: true once, if there is a question of that name, approved (once or
    /// always), not lapsed, about `digest`, and not used before.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn use_answer(&self, id: &QuestionId, digest: &ActionDigest, now: Timestamp) -> Result<bool, Error> {
        let changed = self.change(
            "UPDATE questions SET used = ?3
             WHERE id = ?1 AND digest = ?2 AND used IS NULL AND answer IN ('approve', 'always') AND expires >= ?3",
            params![id.as_str(), digest.to_string(), integer(now.0)],
        )?;
        Ok(changed == 1)
    }
}

fn read(row: &Row<'_>) -> Result<Question, Error> {
    let of: String = column(row, "id")?;
    let unreadable = |what| Error::Unreadable { what, of: of.clone() };
    let answer = match column::<Option<String>>(row, "answer")? {
        None => None,
        Some(text) => {
            let answer =
                Answer::ALL.into_iter().find(|answer| answer.as_str() == text).ok_or(unreadable("answer"))?;
            let role_word: Option<String> = column(row, "answered_role")?;
            let role = role_word.as_deref().and_then(role).ok_or(unreadable("answered_role"))?;
            let name: Option<String> = column(row, "answered_by")?;
            let by = Principal { role, name: name.ok_or(unreadable("answered_by"))? };
            Some((answer, by, optional_time(row, "answered")?.ok_or(unreadable("answered"))?))
        }
    };
    let rules: String = column(row, "rules")?;
    Ok(Question {
        id: parsed(row, "id", &of)?,
        key: parsed(row, "key", &of)?,
        session: parsed(row, "session", &of)?,
        task: parsed(row, "task", &of)?,
        call_id: column(row, "call_id")?,
        tool: parsed(row, "tool", &of)?,
        effect: effect(row, &of)?,
        arguments: column(row, "arguments")?,
        digest: action_digest(row, &of)?,
        title: column(row, "title")?,
        text: column(row, "text")?,
        rules: wire::read_rules(&rules).ok_or(unreadable("rules"))?,
        source: column(row, "source")?,
        standing: column(row, "standing")?,
        asked: time(row, "asked")?,
        expires: time(row, "expires")?,
        answer,
        used: optional_time(row, "used")?,
    })
}
