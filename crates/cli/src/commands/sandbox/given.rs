//! Paths that somebody types as grants: a link in the place of what was meant is refused, since a program that could
//! write there may have planted it.

use super::problem::SandboxProblem;
use crate::show;
use sandbox::{Access, Grant, PathError, Within};
use std::path::{Component, Path, PathBuf};

/// What was typed is a link.
#[derive(Debug, thiserror::Error)]
#[error("follow `{}`: it is a link to `{}`", seen(typed), seen(leads_to))]
pub struct Link {
    /// The flag it was typed after.
    flag: &'static str,
    typed: PathBuf,
    leads_to: PathBuf,
}

impl Link {
    /// What to type instead, by whoever means it.
    pub fn hint(&self) -> String {
        let path = tools::shell::quote(&[self.leads_to.to_string_lossy().into_owned()]);
        format!(
            "a program that could write there may have planted it; if it is what you mean: {} {path}",
            self.flag
        )
    }
}

/// Why a folder was not opened.
#[derive(Debug, thiserror::Error)]
pub enum WithinError {
    /// It is a link.
    #[error(transparent)]
    Link(#[from] Link),
    /// It cannot be.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// What `typed` after `flag` names, seen from `folder`.
pub fn grant(
    flag: &'static str,
    folder: &Path,
    typed: &Path,
    access: Access,
) -> Result<Grant, SandboxProblem> {
    let place = Place::of(flag, folder, typed)?;
    let grant = Grant::resolve(&place.path, access)?;
    place.is(grant.path())?;
    Ok(grant)
}

/// The folder that `typed` after `--within` names.
pub fn within(typed: &Path) -> Result<Within, WithinError> {
    let place = Place::of("--within", Path::new(""), typed)?;
    let within = Within::open(typed)?;
    place.is(within.path())?;
    Ok(within)
}

/// A typed path, and where it must lead.
struct Place {
    flag: &'static str,
    typed: PathBuf,
    path: PathBuf,
    /// Its last name in the folder that those before it lead to; nothing when it has none.
    expected: Option<PathBuf>,
}

impl Place {
    fn of(flag: &'static str, folder: &Path, typed: &Path) -> Result<Self, Link> {
        let path = folder.join(typed);
        // `.` and a slash at the end are no names.
        let expected = path.file_name().and_then(|name| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Some(parent.unwrap_or(Path::new(".")).canonicalize().ok()?.join(name))
        });
        let place = Self { flag, typed: typed.to_path_buf(), path, expected };
        match &place.expected {
            Some(expected) if expected.is_symlink() => {
                let target = expected.canonicalize().or_else(|_dangling| expected.read_link());
                Err(place.link(target.unwrap_or_default()))
            }
            Some(_) | None => Ok(place),
        }
    }

    /// Refuses what became a link since it was looked at; tells where links in the folders above lead.
    fn is(&self, found: &Path) -> Result<(), Link> {
        if self.expected.as_ref().is_some_and(|expected| expected != found) {
            return Err(self.link(found.to_path_buf()));
        }
        if self.path.is_absolute() && plain(&self.path) != found {
            show::note(&format!("hardshell: `{}` is `{}`", seen(&self.typed), seen(found)));
        }
        Ok(())
    }

    fn link(&self, leads_to: PathBuf) -> Link {
        Link { flag: self.flag, typed: self.typed.clone(), leads_to }
    }
}

/// The path without `.` and `..`, as if nothing in it were a link.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

fn seen(path: &Path) -> String {
    tools::visible(&path.to_string_lossy())
}
