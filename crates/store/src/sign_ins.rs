//! Links, browsers and tokens: the digest of the secret, never the secret.

use crate::row::{column, digest, integer, optional_time, principal, time};
use crate::{Error, Tx};
use domain::{Principal, Timestamp};
use rusqlite::{Row, params};

/// What is kept of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// What it is, in the gateway's word: `link`, `browser`, `token`.
    pub kind: String,
    /// The digest of the secret.
    pub digest: [u8; 32],
    /// A public name for lists and for taking it back.
    pub id: String,
    /// What lists call it.
    pub name: String,
    /// Whose words come with it.
    pub principal: Principal,
    /// What it may be used for, in the gateway's words.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
    /// When it was used up or taken away; it is good for nothing since.
    pub revoked: Option<Timestamp>,
}

impl Tx<'_> {
    /// Keeps a credential.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its digest or name is taken.
    pub fn add_sign_in(&self, sign_in: &SignIn) -> Result<(), Error> {
        let added = self.change(
            "INSERT INTO sign_ins (kind, digest, id, name, role, principal, scopes, created, expires, revoked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            params![
                sign_in.kind,
                sign_in.digest,
                sign_in.id,
                sign_in.name,
                sign_in.principal.role.as_str(),
                sign_in.principal.name,
                sign_in.scopes.join(" "),
                integer(sign_in.created.0),
                integer(sign_in.expires.0),
                sign_in.revoked.map(|at| integer(at.0)),
            ],
        )?;
        if added == 0 {
            return Err(Error::Conflict { what: "sign-in", id: sign_in.id.clone(), found: "there already" });
        }
        Ok(())
    }

    /// The credential of that kind and digest, unless it was revoked; lapsed ones are found too.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn sign_in(&self, kind: &str, digest: &[u8; 32]) -> Result<Option<SignIn>, Error> {
        let sql = "SELECT * FROM sign_ins WHERE kind = ?1 AND digest = ?2 AND revoked IS NULL";
        self.row(sql, params![kind, digest], read)
    }

    /// Uses up a credential: of several calls, one gets it.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn take_sign_in(
        &self,
        kind: &str,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<SignIn>, Error> {
        let found = self.sign_in(kind, digest)?;
        if found.is_some() {
            let sql = "UPDATE sign_ins SET revoked = ?3 WHERE kind = ?1 AND digest = ?2";
            self.change(sql, params![kind, digest, integer(now.0)])?;
        }
        Ok(found)
    }

    /// Takes a credential away by its public name; false when there is none, or it was revoked before.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn revoke_sign_in(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE sign_ins SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
        Ok(self.change(sql, params![id, integer(now.0)])? == 1)
    }

    /// Takes every credential away, and returns how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn revoke_every_sign_in(&self, now: Timestamp) -> Result<usize, Error> {
        self.change("UPDATE sign_ins SET revoked = ?1 WHERE revoked IS NULL", [integer(now.0)])
    }

    /// Every credential that was not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn sign_ins(&self) -> Result<Vec<SignIn>, Error> {
        self.rows("SELECT * FROM sign_ins WHERE revoked IS NULL ORDER BY created DESC, id", [], read)
    }

    /// Removes every credential that lapsed, or was revoked, before `now`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn prune_sign_ins(&self, now: Timestamp) -> Result<(), Error> {
        self.change("DELETE FROM sign_ins WHERE expires < ?1 OR revoked < ?1", [integer(now.0)])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<SignIn, Error> {
    let of: String = column(row, "id")?;
    let scopes: String = column(row, "scopes")?;
    Ok(SignIn {
        kind: column(row, "kind")?,
        digest: digest(row, &of)?,
        name: column(row, "name")?,
        principal: principal(row, &of)?,
        scopes: scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_string).collect(),
        created: time(row, "created")?,
        expires: time(row, "expires")?,
        revoked: optional_time(row, "revoked")?,
        id: of,
    })
}
