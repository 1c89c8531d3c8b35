//! From columns to types. What cannot be read is an error that names it, never a guess.

use crate::Error;
use domain::{ActionDigest, Channel, Effect, Label, Principal, Role, Tier, Timestamp};
use rusqlite::Row;
use rusqlite::types::FromSql;
use std::str::FromStr;

pub(crate) fn column<T: FromSql>(row: &Row<'_>, name: &str) -> Result<T, Error> {
    row.get(name).map_err(|error| Error::database("read", error))
}

/// A text column, parsed; `of` is the row for the error.
pub(crate) fn parsed<T: FromStr>(row: &Row<'_>, name: &'static str, of: &str) -> Result<T, Error> {
    let text: String = column(row, name)?;
    text.parse().map_err(|_not_readable| Error::Unreadable { what: name, of: of.to_string() })
}

pub(crate) fn word<T>(
    row: &Row<'_>,
    name: &'static str,
    of: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    let text: String = column(row, name)?;
    read(&text).ok_or_else(|| Error::Unreadable { what: name, of: of.to_string() })
}

pub(crate) fn label(row: &Row<'_>, of: &str) -> Result<Label, Error> {
    parsed(row, "label", of)
}

pub(crate) fn channel(row: &Row<'_>, of: &str) -> Result<Channel, Error> {
    parsed(row, "channel", of)
}

pub(crate) fn effect(row: &Row<'_>, of: &str) -> Result<Effect, Error> {
    word(row, "effect", of, |text| Effect::ALL.into_iter().find(|effect| effect.as_str() == text))
}

pub(crate) fn principal(row: &Row<'_>, of: &str) -> Result<Principal, Error> {
    Ok(Principal { role: word(row, "role", of, role)?, name: column(row, "principal")? })
}

pub(crate) fn role(text: &str) -> Option<Role> {
    [Role::Owner, Role::Member, Role::Guest, Role::House].into_iter().find(|role| role.as_str() == text)
}

pub(crate) fn digest(row: &Row<'_>, of: &str) -> Result<[u8; 32], Error> {
    column(row, "digest").map_err(|_not_32_bytes| Error::Unreadable { what: "digest", of: of.to_string() })
}

pub(crate) fn action_digest(row: &Row<'_>, of: &str) -> Result<ActionDigest, Error> {
    let text: String = column(row, "digest")?;
    ActionDigest::from_hex(&text).ok_or_else(|| Error::Unreadable { what: "digest", of: of.to_string() })
}

/// SQLite counts in signed 64 bits. A number beyond them comes from no clock and no file.
pub(crate) fn number(row: &Row<'_>, name: &'static str) -> Result<u64, Error> {
    let number: i64 = column(row, name)?;
    u64::try_from(number).map_err(|_negative| Error::Unreadable { what: name, of: number.to_string() })
}

pub(crate) fn time(row: &Row<'_>, name: &'static str) -> Result<Timestamp, Error> {
    number(row, name).map(Timestamp)
}

pub(crate) fn optional_time(row: &Row<'_>, name: &'static str) -> Result<Option<Timestamp>, Error> {
    let time: Option<i64> = column(row, name)?;
    time.map(|time| u64::try_from(time).map(Timestamp))
        .transpose()
        .map_err(|_negative| Error::Unreadable { what: name, of: "a row".to_string() })
}

pub(crate) fn optional_tier(row: &Row<'_>, name: &'static str, of: &str) -> Result<Option<Tier>, Error> {
    let word: Option<String> = column(row, name)?;
    let read = |word: String| Tier::ALL.into_iter().find(|tier| tier.as_str() == word);
    word.map(|word| read(word).ok_or_else(|| Error::Unreadable { what: name, of: of.to_string() }))
        .transpose()
}

/// As SQLite keeps it: at most the largest signed number.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The bits of `number` as SQLite keeps them, for device and inode numbers, which use all 64.
pub(crate) fn bits(number: u64) -> i64 {
    number.cast_signed()
}
