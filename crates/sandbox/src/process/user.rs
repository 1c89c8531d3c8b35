//! From root to an ordinary user, for good.
#![expect(unsafe_code, reason = "the C library changes the ids of all threads; nothing safe does")]

use std::io;

use thiserror::Error;

/// An account of this machine, from `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub user: u32,
    /// Its group id.
    pub group: u32,
    /// Its home folder.
    pub home: std::path::PathBuf,
}

/// An account that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UserError {
    /// `/etc/passwd` cannot be read.
    #[error("`/etc/passwd`: {source}")]
    Read {
        /// What the kernel said.
        source: io::Error,
    },
    /// No such account.
    #[error("no user `{name}` on this machine")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// The account is root by another name.
    #[error("user `{name}` is root")]
    Root {
        /// Its name.
        name: String,
    },
    /// The kernel refused, or the change did not hold.
    #[error("could not become user `{name}`: {source}")]
    Refused {
        /// Its name.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The account of that name in `/etc/passwd`: service accounts are local, and a name service would load foreign code.
///
/// # Errors
///
/// [`UserError::Read`], [`UserError::NotFound`].
pub fn find_user(name: &str) -> Result<User, UserError> {
    let accounts = std::fs::read_to_string("/etc/passwd").map_err(|source| UserError::Read { source })?;
    accounts
        .lines()
        .find_map(|line| account(line).filter(|user| user.name == name))
        .ok_or_else(|| UserError::NotFound { name: name.to_owned() })
}

/// One line of passwd(5).
fn account(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let _password = fields.next()?;
    let user = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let _comment = fields.next()?;
    let home = fields.next()?.into();
    Some(User { name, user, group, home })
}

/// Changes every thread of this process from root to the user `name`: real, effective and saved ids, no supplementary
/// groups, no capabilities. Irrevocable, and checked to be so.
///
/// # Errors
///
/// [`UserError::NotFound`], [`UserError::Root`] before anything is changed; [`UserError::Refused`] when a change
/// failed or could be taken back, after which the caller must end.
pub fn become_user(name: &str) -> Result<User, UserError> {
    let user = find_user(name)?;
    if user.user == 0 || user.group == 0 {
        return Err(UserError::Root { name: name.to_owned() });
    }
    let refused = |source| UserError::Refused { name: name.to_owned(), source };
    // SAFETY: an empty list reads nothing from the pointer (setgroups(2)); the C library applies it to all threads.
    check(unsafe { libc::setgroups(0, std::ptr::null()) }).map_err(refused)?;
    // SAFETY: takes plain numbers (setresgid(2)); the C library applies it to all threads.
    check(unsafe { libc::setresgid(user.group, user.group, user.group) }).map_err(refused)?;
    // SAFETY: takes plain numbers (setresuid(2)); clears the capability sets of all threads (capabilities(7)).
    check(unsafe { libc::setresuid(user.user, user.user, user.user) }).map_err(refused)?;
    // SAFETY: as above; it must fail now.
    let back = unsafe { libc::setresuid(0, 0, 0) };
    let capable = rustix::thread::capabilities(None).map_or(true, |sets| {
        !sets.effective.is_empty() || !sets.permitted.is_empty() || !sets.inheritable.is_empty()
    });
    if back == 0 || capable || super::is_root() {
        return Err(refused(io::Error::other("the change could be taken back")));
    }
    Ok(user)
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_root_is_never_become() {
        assert_eq!(find_user("root").unwrap().user, 0);
        assert!(matches!(become_user("root"), Err(UserError::Root { .. })));
        assert!(matches!(become_user("no-such-user"), Err(UserError::NotFound { .. })));
        assert_eq!(account("broken:x:1"), None);
        assert_eq!(account(""), None);
    }
}
