//! The home: its folders and first files, and their modes.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The home folder of the user that this process became; unset in one that still is whoever started it.
static BECAME: OnceLock<PathBuf> = OnceLock::new();

/// Says that this process became another user, whose home folder is `home`: what its environment says is the home of
/// whoever started it.
pub fn became_user_of(home: &Path) {
    // A second time is the same user: nobody can become a third one.
    let _already = BECAME.set(home.to_path_buf());
}

/// What `~` means: the home folder of the user that this process runs as.
pub(crate) fn own_folder() -> Option<PathBuf> {
    let set = || std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    BECAME.get().cloned().or_else(set)
}

/// The folders of a home, each for its owner alone.
const FOLDERS: [&str; 10] =
    ["", "workspace", "audit", "backups", "memory", "skills", "policy", "automations", "run", "mail"];
/// The files that are read at start and must be private.
const PRIVATE_FILES: [&str; 4] = [crate::config::FILE, SOUL, AGENTS, MEMORY];
/// What the store keeps, from the first time that Hardshell is up.
const DATABASE: &str = "state.db";
/// Who the assistant is.
pub const SOUL: &str = "SOUL.md";
/// How it works.
pub const AGENTS: &str = "AGENTS.md";
/// The longest SOUL.md or AGENTS.md, in bytes: they stand in every prompt.
const STANDING_TEXT_BYTES_MAX: u64 = 64 * 1024;

/// What the owner wants found again.
const MEMORY: &str = "MEMORY.md";

const FIRST_SOUL: &str = include_str!("home/soul.md");
const FIRST_AGENTS: &str = include_str!("home/agents.md");
const FIRST_MEMORY: &str = include_str!("home/memory.md");

/// The home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `HARDSHELL_HOME` nor `HOME` is set.
    #[error("neither `HARDSHELL_HOME` nor `HOME` says where the home is")]
    NoHome,
    /// Something cannot be read or made.
    #[error("the home's {} cannot be {step}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `made`, `read` or `written`.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Others can reach it.
    #[error("{} has mode {mode:04o}, so others on this machine can reach it", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it must have.
        wanted: u32,
    },
    /// It belongs to somebody else.
    #[error("{} belongs to user {owner}, and this is user {user}", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// A standing text is too long.
    #[error("{} has {bytes} bytes; it stands in every prompt, and the limit is {STANDING_TEXT_BYTES_MAX}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

impl HomeError {
    /// The command that mends it, where one does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("hardshell --home DIR …".to_string()),
            Self::Exposed { path, wanted, .. } => Some(format!("chmod {wanted:04o} '{}'", path.display())),
            Self::Foreign { path, user, .. } => {
                Some(format!("chown -R {user} '{}', or use another --home", path.display()))
            }
            Self::Io { path, .. } => Some(format!("ls -ld '{}'; df -h '{}'", path.display(), path.display())),
            Self::TooLong { path, .. } => Some(format!("shorten '{}'", path.display())),
        }
    }
}

/// A home that can be used: its folders are there, and private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    /// Whether this was made now.
    pub is_new: bool,
    /// Whether Hardshell has never been up on it, whatever else was done with it.
    pub is_unused: bool,
}

impl Home {
    /// Where the home is when nobody says: `$HARDSHELL_HOME`, else `~/.hardshell`.
    ///
    /// # Errors
    ///
    /// [`HomeError::NoHome`].
    pub fn default_path() -> Result<PathBuf, HomeError> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("HARDSHELL_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".hardshell")))
            .ok_or(HomeError::NoHome)
    }

    /// Makes what is missing of the home at `root`, and refuses what others can reach.
    ///
    /// # Errors
    ///
    /// See [`HomeError`].
    pub fn prepare(root: &Path) -> Result<Self, HomeError> {
        let is_new = !root.join(crate::config::FILE).exists();
        for folder in FOLDERS {
            make_folder(&root.join(folder))?;
        }
        let root = root.canonicalize().map_err(|source| io_error(root, "read", source))?;
        if is_new {
            write_first(&root.join(SOUL), FIRST_SOUL)?;
            write_first(&root.join(AGENTS), FIRST_AGENTS)?;
            write_first(&root.join(MEMORY), FIRST_MEMORY)?;
            write_first(&root.join(crate::config::FILE), crate::config::FIRST)?;
        }
        for folder in FOLDERS {
            check(&root.join(folder), 0o700)?;
        }
        for file in PRIVATE_FILES {
            let path = root.join(file);
            if path.exists() {
                check(&path, 0o600)?;
            }
        }
        let is_unused = !root.join(DATABASE).exists();
        Ok(Self { root, is_new, is_unused })
    }

    /// Its folder, canonical.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is below it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The text of SOUL.md or AGENTS.md; empty when there is none.
    ///
    /// # Errors
    ///
    /// [`HomeError::Io`], [`HomeError::TooLong`].
    pub fn standing_text(&self, name: &str) -> Result<String, HomeError> {
        let path = self.root.join(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(source) => return Err(io_error(&path, "read", source)),
            Ok(meta) if meta.len() > STANDING_TEXT_BYTES_MAX => {
                return Err(HomeError::TooLong { path, bytes: meta.len() });
            }
            Ok(_) => {}
        }
        fs::read_to_string(&path).map_err(|source| io_error(&path, "read", source))
    }
}

fn make_folder(path: &Path) -> Result<(), HomeError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| io_error(path, "made", source))
}

/// Writes a file that is not there yet, whole or not at all.
fn write_first(path: &Path, text: &str) -> Result<(), HomeError> {
    if path.exists() {
        return Ok(());
    }
    let part = path.with_extension("part");
    let written = write_part(&part, text).and_then(|()| match fs::hard_link(&part, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // A part that stays is written anew by the next start.
    let _gone = fs::remove_file(&part);
    written.map_err(|source| io_error(path, "written", source))
}

fn write_part(part: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn check(path: &Path, wanted: u32) -> Result<(), HomeError> {
    let meta = fs::symlink_metadata(path).map_err(|source| io_error(path, "read", source))?;
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(HomeError::Foreign { path: path.to_path_buf(), owner: meta.uid(), user });
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(HomeError::Exposed { path: path.to_path_buf(), mode, wanted });
    }
    Ok(())
}

fn io_error(path: &Path, step: &'static str, source: io::Error) -> HomeError {
    HomeError::Io { path: path.to_path_buf(), step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        Home::prepare(&root).unwrap();
        let path = root.join(SOUL);
        fs::remove_file(&path).unwrap();
        fs::write(root.join("SOUL.part"), "half").unwrap();
        write_first(&path, FIRST_SOUL).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), FIRST_SOUL);
        write_first(&path, "other").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), FIRST_SOUL, "what is there stays");
        assert!(!root.join("SOUL.part").exists());
        // No room: nothing that could be taken for it is left.
        fs::remove_file(&path).unwrap();
        fs::create_dir(root.join("SOUL.part")).unwrap();
        write_first(&path, FIRST_SOUL).unwrap_err();
        assert!(!path.exists());
    }

    #[test]
    fn a_home_is_unused_until_there_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        assert!(Home::prepare(&root).unwrap().is_unused);
        let again = Home::prepare(&root).unwrap();
        assert!(again.is_unused && !again.is_new, "another command made it");
        fs::write(root.join(DATABASE), "").unwrap();
        assert!(!Home::prepare(&root).unwrap().is_unused);
    }

    #[test]
    fn a_first_home_is_made_private_and_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        let home = Home::prepare(&root).unwrap();
        assert!(home.is_new);
        assert_eq!(fs::metadata(home.path(SOUL)).unwrap().mode() & 0o777, 0o600);
        fs::write(home.path(SOUL), "mine").unwrap();
        let again = Home::prepare(&root).unwrap();
        assert!(!again.is_new);
        assert_eq!(again.standing_text(SOUL).unwrap(), "mine");
    }

    #[test]
    fn a_home_that_others_can_reach_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        Home::prepare(&root).unwrap();
        for (name, mode, wanted) in
            [("", 0o755, 0o700), ("hardshell.toml", 0o644, 0o600), ("audit", 0o750, 0o700)]
        {
            let path = root.join(name);
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = Home::prepare(&root).unwrap_err();
            assert!(error.hint().unwrap().contains(&format!("chmod {wanted:04o}")), "{error}");
            fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
        }
        Home::prepare(&root).unwrap();
    }
}
