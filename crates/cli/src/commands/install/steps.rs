//! What installing does to the machine, a step a function. Each can be done again.
#![expect(
    clippy::disallowed_methods,
    reason = "an administrator's own command runs useradd and systemctl, by fixed paths; no action of a model comes here"
)]

use crate::problem::Problem;
use crate::show;
use sandbox::process::{User, UserError, find_user};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of a service.
pub const PROGRAMS: [&str; 2] = ["hardshell", "hardshell-sandbox"];
/// Where tools of the administrator are. `PATH` is not asked: root runs these.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// There exactly while the machine's systemd runs (sd_booted(3)).
const SYSTEM_RUNS: &str = "/run/systemd/system";

/// What an error of the system becomes.
pub fn io(step: &str) -> impl Fn(std::io::Error) -> Problem + use<> {
    let step = step.to_string();
    move |source| Problem::Io { step: step.clone(), source }
}

/// A service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systemd {
    /// The machine's.
    System,
    /// That of the user who types.
    User,
}

impl Systemd {
    /// Whether it runs.
    pub fn is_here(self) -> bool {
        match self {
            Self::System => Path::new(SYSTEM_RUNS).is_dir(),
            Self::User => std::env::var_os("XDG_RUNTIME_DIR")
                .is_some_and(|folder| Path::new(&folder).join("systemd/private").exists()),
        }
    }

    /// Why it cannot be asked.
    pub fn why_not(self) -> &'static str {
        match self {
            Self::System => "systemd does not run on this machine",
            Self::User => "no systemd of yours runs here (it begins when you sign in)",
        }
    }

    /// The line that a person types.
    pub fn start_line(self) -> &'static str {
        match self {
            Self::System => "systemctl daemon-reload && systemctl enable --now hardshell.service",
            Self::User => "systemctl --user daemon-reload && systemctl --user enable --now hardshell.service",
        }
    }

    /// The line that stops it.
    pub fn stop_line(self) -> &'static str {
        match self {
            Self::System => "systemctl disable --now hardshell.service",
            Self::User => "systemctl --user disable --now hardshell.service",
        }
    }

    /// Starts the service, or starts it anew with what was just installed; returns when it says that it is ready.
    pub fn start(self) -> Result<(), Problem> {
        self.reload()?;
        self.control(&["enable", "hardshell.service"])?;
        self.control(&["restart", "hardshell.service"]).inspect_err(|_failed| {
            // systemd says only that it failed; why stands in the journal.
            self.last_words().iter().for_each(|line| show::note(&show::printable(line)));
        })
    }

    /// What the service itself said last, before it ended.
    fn last_words(self) -> Vec<String> {
        let whose: &[&str] = match self {
            Self::System => &["-u", "hardshell"],
            Self::User => &["--user-unit", "hardshell"],
        };
        let words = [whose, &["-t", "hardshell", "-n", "6", "-o", "cat", "--no-pager", "-q"]].concat();
        let output = find("journalctl").and_then(|program| Command::new(program).args(words).output().ok());
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.unwrap_or_default().lines().map(|line| format!("  {line}")).collect()
    }

    /// Stops the service and forgets that it starts with the machine.
    pub fn stop(self) -> Result<(), Problem> {
        self.control(&["disable", "--now", "hardshell.service"])
    }

    /// Lets it read the units again.
    pub fn reload(self) -> Result<(), Problem> {
        self.control(&["daemon-reload"])
    }

    fn control(self, words: &[&str]) -> Result<(), Problem> {
        let whose: &[&str] = match self {
            Self::System => &[],
            Self::User => &["--user"],
        };
        let logs = match self {
            Self::System => "journalctl -u hardshell -n 30",
            Self::User => "journalctl --user -u hardshell -n 30",
        };
        call("systemctl", &[whose, words].concat(), logs)
    }
}

/// The system user; made where it is missing.
pub fn user(name: &str, home: &Path) -> Result<User, Problem> {
    let refused =
        |error: UserError| Problem::Other { what: format!("use the user `{name}`: {error}"), hint: None };
    match find_user(name) {
        Err(UserError::NotFound { .. }) => {
            let home = home.display().to_string();
            let words = ["--system", "--home-dir", &home, "--shell", "/usr/sbin/nologin", name];
            call("useradd", &words, &format!("useradd {}", words.join(" ")))?;
            find_user(name).map_err(refused)
        }
        found => found.map_err(refused),
    }
}

/// Copies this program and its helper, which is beside it, into `library`.
pub fn programs(library: &Path) -> Result<(), Problem> {
    let own = std::env::current_exe().map_err(io("find this program"))?;
    let folder = own.parent().unwrap_or(Path::new("/"));
    if folder == library {
        return Ok(());
    }
    for (name, from) in PROGRAMS.iter().zip([own.clone(), folder.join(PROGRAMS[1])]) {
        let bytes = fs::read(&from).map_err(io(&format!("read {}", from.display())))?;
        write(&library.join(name), &bytes, 0o755)?;
    }
    Ok(())
}

/// Writes a file whole or not at all, and makes the folders above it.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Problem> {
    let failed = io(&format!("write {}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(&failed)?;
    let mut beside = PathBuf::from(path);
    beside.as_mut_os_string().push(".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .map_err(&failed)?;
    file.set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| {
            // What was begun is not left behind.
            let _ = fs::remove_file(&beside);
            failed(error)
        })
}

/// Lets `name` lead to `target`; what somebody else put there stays.
pub fn link(name: &Path, target: &Path) -> Result<(), Problem> {
    match fs::read_link(name) {
        Ok(there) if there == target => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = name.parent().unwrap_or(Path::new("/"));
            let made = fs::create_dir_all(folder).and_then(|()| std::os::unix::fs::symlink(target, name));
            return made.map_err(io(&format!("make {}", name.display())));
        }
        Err(_not_a_link) => {}
    }
    crate::show::note(&format!(
        "{} is there already and stays; the program is {}",
        name.display(),
        target.display()
    ));
    Ok(())
}

/// Takes `name` away if it leads to `target`.
pub fn remove_link(name: &Path, target: &Path) -> Result<(), Problem> {
    if fs::read_link(name).is_ok_and(|there| there == target) { remove_file(name) } else { Ok(()) }
}

/// Takes a file away, if it is there.
pub fn remove_file(path: &Path) -> Result<(), Problem> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(io(&format!("remove {}", path.display()))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes a folder away, if it is there and nobody put anything else into it.
pub fn remove_empty(path: &Path) -> Result<(), Problem> {
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
            Err(io(&format!("remove {}", path.display()))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn find(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

fn call(name: &str, words: &[&str], hint: &str) -> Result<(), Problem> {
    let line = format!("{name} {}", words.join(" "));
    let Some(program) = find(name) else {
        return Err(Problem::Other {
            what: format!("run `{line}`: there is no `{name}` on this machine"),
            hint: None,
        });
    };
    let ended = Command::new(program).args(words).output().map_err(io(&format!("run `{line}`")))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let what = format!("run `{line}`: {}", said.lines().last().unwrap_or("it failed without a word"));
    Err(Problem::Other { what, hint: Some(hint.to_string()) })
}
