//! Root never runs the assistant, and never works in its home as root.

use crate::problem::Problem;
use crate::show::{self, SERVICE_HOME, SERVICE_USER};
use sandbox::process::{User, UserError, become_user, find_user};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

/// As [`leave`], for a command that means a home which is there: a name that was mistyped makes none.
pub fn enter(home: &Path) -> Result<(), Problem> {
    match std::fs::metadata(home) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::Other {
            what: format!("do that: there is no home at {}", home.display()),
            hint: Some("`hardshell up` makes one; `--home DIR` names another".to_string()),
        }),
        Ok(_) | Err(_) => leave(home),
    }
}

/// Root prepares the home and becomes the user that the assistant runs as, for good.
pub fn leave(home: &Path) -> Result<(), Problem> {
    if std::fs::metadata(home).is_ok_and(|about| !about.is_dir()) {
        return Err(Problem::Other {
            what: format!("use the home: {} is no folder", home.display()),
            hint: Some(
                "`--home DIR` names a folder; one that is not there is made by `hardshell up`".to_string(),
            ),
        });
    }
    if sandbox::is_root() {
        become_its_user(home)?;
    }
    // A restore that was cut short is finished before anybody looks into the home.
    let finished = backup::finish(home).map_err(|error| Problem::Other {
        what: format!("finish the restore that was begun: {}", daemon::chain(&error)),
        hint: None,
    })?;
    if let Some(aside) = finished {
        show::note(&format!(
            "finished a restore that was cut short; what stood there is in {}",
            aside.display()
        ));
    }
    Ok(())
}

fn become_its_user(home: &Path) -> Result<(), Problem> {
    give_to_service(home)?;
    let user = become_user(SERVICE_USER).map_err(refused)?;
    daemon::became_user_of(&user.home);
    show::note(&format!("started as root: running as the user `{SERVICE_USER}` from here on, for good"));
    Ok(())
}

/// Root hands `folder` to the user that the assistant runs as; for anybody else it is their own.
pub fn give_to_service(folder: &Path) -> Result<(), Problem> {
    if !sandbox::is_root() {
        return Ok(());
    }
    let user = find_user(SERVICE_USER).map_err(refused)?;
    give(folder, &user).map_err(|source| Problem::Io {
        step: format!("give {} to `{SERVICE_USER}`", folder.display()),
        source,
    })
}

fn refused(error: UserError) -> Problem {
    Problem::Other {
        what: format!("run as root: the assistant runs as the user `{SERVICE_USER}` only, and {error}"),
        hint: Some(format!(
            "useradd --system --home-dir {SERVICE_HOME} --shell /usr/sbin/nologin {SERVICE_USER}"
        )),
    }
}

/// Makes the home if it is missing. One that root made before is handed over; anybody else's stays theirs.
pub fn give(home: &Path, user: &User) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(home)?;
    let meta = std::fs::symlink_metadata(home)?;
    if meta.uid() == 0 && meta.is_dir() && std::fs::read_dir(home)?.next().is_none() {
        std::os::unix::fs::chown(home, Some(user.user), Some(user.group))?;
    }
    Ok(())
}
