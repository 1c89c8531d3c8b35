//! Files and standard output, written by a thread of their own: one that hangs holds up nothing else.

use crate::Name;
use crate::error::Trouble;
use crate::link::Went;
use crate::message::Message;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A place on this machine that lines are written to.
pub(crate) struct Local {
    jobs: mpsc::Sender<Job>,
    /// What is under way since the last time.
    pending: Option<oneshot::Receiver<io::Result<()>>>,
}

struct Job {
    bytes: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

enum Place {
    File { path: PathBuf, open: Option<File> },
    StandardOutput,
}

impl Local {
    pub(crate) fn file(name: &Name, path: &Path) -> io::Result<Self> {
        Self::start(name, Place::File { path: path.to_path_buf(), open: None })
    }

    pub(crate) fn standard_output(name: &Name) -> io::Result<Self> {
        Self::start(name, Place::StandardOutput)
    }

    fn start(name: &Name, mut place: Place) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        std::thread::Builder::new().name(format!("to {name}")).spawn(move || {
            while let Ok(job) = waiting.recv() {
                // Whoever asked may be gone.
                let _gone = job.done.send(place.write(&job.bytes));
            }
        })?;
        Ok(Self { jobs, pending: None })
    }

    pub(crate) async fn lines(&mut self, messages: &[Message], answer: Duration) -> Result<Went, Trouble> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend_from_slice(message.line.as_bytes());
            bytes.push(b'\n');
        }
        self.write(bytes, answer).await.map(|()| Went::Taken)
    }

    /// Writes `bytes` and waits for the disk to have them.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>, answer: Duration) -> Result<(), Trouble> {
        let later = |why: &str| Trouble::Later { why: why.to_string(), after: None };
        let started = tokio::time::Instant::now();
        if let Some(pending) = &mut self.pending {
            // Whether that one went well or not, it is to be written again.
            if tokio::time::timeout(answer, pending).await.is_err() {
                return Err(later("it takes nothing and says nothing"));
            }
            self.pending = None;
        }
        let (done, mut answered) = oneshot::channel();
        self.jobs.send(Job { bytes, done }).map_err(|_gone| later("its thread has ended"))?;
        match tokio::time::timeout(answer.saturating_sub(started.elapsed()), &mut answered).await {
            Ok(Ok(written)) => written.map_err(|error| Trouble::later(&error)),
            Ok(Err(_gone)) => Err(later("its thread has ended")),
            Err(_elapsed) => {
                self.pending = Some(answered);
                Err(later("it takes nothing and says nothing"))
            }
        }
    }
}

impl Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::StandardOutput => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File { path, open } => {
                let mut file = match open.take().filter(|file| is_at(file, path)) {
                    Some(file) => file,
                    None => begin(path)?,
                };
                let length = file.seek(SeekFrom::End(0))?;
                let written = file.write_all(bytes).and_then(|()| file.sync_data());
                if written.is_err() && is_at(&file, path) {
                    // Half a batch is taken back, where that can be; the whole of it comes again.
                    let _left = file.set_len(length);
                }
                written?;
                *open = Some(file);
                Ok(())
            }
        }
    }
}

/// Whether `path` is still the file that is open: it may have been moved away to begin a new one.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

fn begin(path: &Path) -> io::Result<File> {
    // Without NONBLOCK a pipe that nobody reads would be waited for.
    let flags = OFlags::RDWR
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::CLOEXEC
        | OFlags::NONBLOCK
        | OFlags::NOCTTY;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other(format!("{} is not an ordinary file", path.display())));
    }
    if about.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            // The line that a crash cut short stays what it is; the next begins anew.
            file.write_all(b"\n")?;
        }
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path) -> Place {
        Place::File { path: path.to_path_buf(), open: None }
    }

    #[test]
    fn lines_follow_each_other_also_behind_half_a_line_and_in_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "half a li").unwrap();
        let mut place = place(&path);
        place.write(b"one\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "half a li\none\n");
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        place.write(b"two\n").unwrap();
        place.write(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\nthree\n");
    }

    #[test]
    fn what_is_no_file_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [&link, &pipe, &folder.path().to_path_buf(), &folder.path().join("no/such")] {
            assert!(place(path).write(b"x\n").is_err(), "{}", path.display());
        }
        assert!(!folder.path().join("elsewhere").exists());
    }
}
