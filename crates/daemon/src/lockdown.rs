//! The stop switch: a file that everybody reads before they act, so that it holds over a restart.

use policy::Lockdown;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The name of the file in the home; while it is there, everything is stopped.
pub const FILE: &str = "lockdown";
/// A file that is made when there is room, below the home: where there is none, it is given the switch's name, which
/// takes no room.
const READY: &str = "run/lockdown.ready";
/// The longest reason that is read back, in bytes.
const WHY_BYTES_MAX: u64 = 4096;
/// `O_NOFOLLOW` and `O_NONBLOCK`: whatever has the switch's name, opening it takes no time.
const AT_ONCE: i32 = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits().cast_signed();

/// The switches that this process turned on and that could not be written: they are on for as long as it lives.
static UNWRITTEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The stop switch of one home.
#[derive(Clone, Debug)]
pub struct Switch {
    path: PathBuf,
}

impl Switch {
    /// The switch of the home at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { path: root.join(FILE) }
    }

    /// Whether it is on. When that cannot be told, it is.
    #[must_use]
    pub fn state(&self) -> Lockdown {
        if self.is_unwritten() {
            return Lockdown::Locked;
        }
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Lockdown::Released,
            Ok(_) | Err(_) => Lockdown::Locked,
        }
    }

    fn is_unwritten(&self) -> bool {
        UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.path)
    }

    /// Whether it is on, in a word.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.state() == Lockdown::Locked
    }

    /// Why it is on, as whoever turned it on said; nothing while it is off.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let nobody = || Some("nobody said why".to_string());
        let Ok(file) = OpenOptions::new().read(true).custom_flags(AT_ONCE).open(&self.path) else {
            return nobody();
        };
        if !file.metadata().is_ok_and(|about| about.is_file()) {
            return nobody();
        }
        let mut why = Vec::new();
        // What was read before an error is shown as far as it goes.
        let _ = file.take(WHY_BYTES_MAX).read_to_end(&mut why);
        let why = String::from_utf8_lossy(&why).trim().to_string();
        if why.is_empty() { nobody() } else { Some(why) }
    }

    /// Turns it on: it is on disk when this returns. While it is on already, the first reason stays. On a disk without
    /// room the reason may be lost; where not even a name can be given, it is on until this process ends.
    ///
    /// # Errors
    ///
    /// What the system says where it may not hold over a restart. It is on all the same.
    pub fn lock(&self, why: &str) -> io::Result<()> {
        let kept = self.write(why);
        // A switch that is on by its file stays on by it.
        if kept.is_err() && std::fs::symlink_metadata(&self.path).is_err() {
            UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).insert(self.path.clone());
        }
        kept
    }

    fn write(&self, why: &str) -> io::Result<()> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        let file = match opened {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => {
                std::fs::rename(self.ready(), &self.path).map_err(|_none_ready| error)?;
                OpenOptions::new().write(true).custom_flags(AT_ONCE).open(&self.path)
            }
            opened => opened,
        };
        // It is on from here, also when the disk has no room for the reason.
        let _reason = file.and_then(|mut file| file.write_all(why.as_bytes()).and_then(|()| file.sync_all()));
        File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    fn ready(&self) -> PathBuf {
        self.path.with_file_name(READY)
    }

    /// Makes what turning it on needs, for a day when the disk has no room.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.ready());
        match open {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Turns it on for a reason that nobody is there to hear of; what goes wrong with it is logged.
    pub(crate) fn lock_or_say(&self, why: &str) {
        tracing::error!(why, "locking down");
        if let Err(error) = self.lock(why) {
            tracing::error!(%error, "the stop switch could not be written whole");
        }
    }

    /// The same switch, as sandboxes read it.
    pub(crate) fn for_sandboxes(&self) -> std::io::Result<sandbox::StopSwitch> {
        sandbox::StopSwitch::open(self.path.parent().unwrap_or(Path::new("/")), FILE)
    }

    /// Releases it. For whoever sits at the machine: nothing that comes in over a channel calls this.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn dangerous_release(&self) -> io::Result<()> {
        UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::IsADirectory => std::fs::remove_dir(&self.path)?,
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // A switch that was turned on by the file that was ready has none any more; the next start makes one too.
        let _none = self.prepare();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_on() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::of(folder.path());
        assert_eq!(switch.state(), Lockdown::Released);
        switch.lock("test").unwrap();
        assert_eq!(switch.state(), Lockdown::Locked);
        switch.lock("another").unwrap();
        assert_eq!(switch.why().as_deref(), Some("test"));
        switch.dangerous_release().unwrap();
        // Whatever has the name is a switch that is on, and reading it blocks nobody.
        let name = folder.path().join(FILE);
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(switch.why().as_deref(), Some("nobody said why"));
        switch.dangerous_release().unwrap();
        std::fs::create_dir(&name).unwrap();
        assert_eq!(switch.why().as_deref(), Some("nobody said why"));
        switch.dangerous_release().unwrap();
        switch.lock("test").unwrap();
        let below_a_file = Switch::of(&folder.path().join(FILE));
        assert_eq!(below_a_file.state(), Lockdown::Locked);
        switch.dangerous_release().unwrap();
        switch.dangerous_release().unwrap();
        assert_eq!(switch.state(), Lockdown::Released);
    }

    #[test]
    fn where_no_name_can_be_written_it_is_on_in_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::of(&folder.path().join("no such folder"));
        assert_eq!(switch.state(), Lockdown::Released);
        switch.lock("test").unwrap_err();
        assert_eq!(switch.state(), Lockdown::Locked);
        assert_eq!(Switch::of(&folder.path().join("no such folder")).state(), Lockdown::Locked);
        switch.dangerous_release().unwrap();
        assert_eq!(switch.state(), Lockdown::Released);
    }
}
