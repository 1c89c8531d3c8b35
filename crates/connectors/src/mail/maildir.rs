//! A Maildir: mails as files, one each, delivered by a rename. Nothing is changed but what is added.
//!
//! Format: D. J. Bernstein, "Using maildir format"; folders as Maildir++ has them (`.Sent`, `.Archive.2024`).

use super::message::{MAIL_BYTES_MAX, Mail};
use super::{Folder, MailError, Summary};
use domain::EffectKey;
use sandbox::{FileKind, PathError, Replace, Within};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// How much of a mail is read to list it, in bytes: headers of every mail seen in years are shorter.
const HEADER_BYTES_MAX: u64 = 256 * 1024;
/// The most mails of one folder; a larger one is looked at by an IMAP server.
const MAILS_MAX: usize = 100_000;
/// The most folders.
const FOLDERS_MAX: usize = 1_000;
/// What marks a mailbox as a sample of Hardshell's own writing.
pub(crate) const SAMPLE_MARK: &str = ".hardshell-sample";

/// A Maildir, opened.
#[derive(Debug)]
pub struct Maildir {
    within: Within,
    sample: bool,
}

/// One mail in it, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What stays of its name when its flags change.
    pub(crate) unique: String,
    path: PathBuf,
    pub(crate) received: i64,
    pub(crate) unread: bool,
    pub(crate) flagged: bool,
    pub(crate) bytes: u64,
}

impl Maildir {
    /// Opens the Maildir at `path`.
    ///
    /// # Errors
    ///
    /// [`MailError::Folder`] when it is not there; [`MailError::NotMaildir`] when it has no `cur` and `new`.
    pub fn open(path: &Path) -> Result<Self, MailError> {
        let within = Within::open(path)?;
        let is_folder =
            |name: &str| within.stat(Path::new(name)).is_ok_and(|found| found.kind == FileKind::Folder);
        if !is_folder("cur") && !is_folder("new") {
            return Err(MailError::NotMaildir { path: path.to_path_buf() });
        }
        let sample = within.stat(Path::new(SAMPLE_MARK)).is_ok();
        Ok(Self { within, sample })
    }

    /// Whether its mails are Hardshell's own samples.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        self.sample
    }

    /// Its folders, `INBOX` first.
    pub(crate) fn folders(&self) -> Result<Vec<Folder>, MailError> {
        let mut folders = vec![Folder::inbox()];
        for entry in self.within.list(Path::new("."), MAILS_MAX)? {
            let name =
                entry.name.to_str().and_then(|name| name.strip_prefix('.')).filter(|name| !name.is_empty());
            let Some(name) = name.filter(|_| entry.found.kind == FileKind::Folder) else { continue };
            let holds_mail = self.within.stat(&Path::new(&entry.name).join("cur")).is_ok();
            if let (true, Ok(folder)) = (holds_mail && folders.len() < FOLDERS_MAX, name.parse()) {
                folders.push(folder);
            }
        }
        Ok(folders)
    }

    /// The mails of `folder`, newest first, and how many names there were that are no mail's.
    pub(crate) fn find(&self, folder: &Folder) -> Result<(Vec<Found>, usize), MailError> {
        let base = base(folder);
        let mut mails = Vec::new();
        let mut odd = 0_usize;
        let mut there = false;
        for part in ["new", "cur"] {
            let place = base.join(part);
            let entries = match self.within.list(&place, MAILS_MAX) {
                Ok(entries) => entries,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            there = true;
            for entry in entries {
                let name = entry.name.to_str().filter(|name| !name.starts_with('.'));
                let unique = name.map(|name| name.split_once(":2,").unwrap_or((name, "")));
                let Some((unique, flags)) = unique.filter(|_| entry.found.kind == FileKind::File) else {
                    odd = odd.saturating_add(usize::from(name.is_some()));
                    continue;
                };
                if unique.is_empty() || unique.chars().any(char::is_control) || unique.contains('/') {
                    odd = odd.saturating_add(1);
                    continue;
                }
                mails.push(Found {
                    unique: unique.to_string(),
                    path: place.join(&entry.name),
                    received: received(unique).unwrap_or(entry.found.modified_seconds),
                    unread: part == "new" || !flags.contains('S'),
                    flagged: flags.contains('F'),
                    bytes: entry.found.bytes,
                });
            }
        }
        if !there {
            return Err(MailError::NoSuchFolder { folder: folder.to_string() });
        }
        mails.sort_by(|one, other| {
            other.received.cmp(&one.received).then_with(|| one.unique.cmp(&other.unique))
        });
        // A mail that is moved from `new` to `cur` during the listing is seen twice; once is enough.
        mails.dedup_by(|one, other| one.unique == other.unique);
        Ok((mails, odd))
    }

    /// The headers of a mail; `None` when it cannot be read, or is gone.
    pub(crate) fn summary(&self, folder: &Folder, found: &Found) -> Option<Summary> {
        let file = self.within.open_file(&found.path).ok()?;
        let mut bytes = Vec::new();
        file.take(HEADER_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(self.summary_of(folder, found, Mail::read_headers(&bytes)))
    }

    pub(crate) fn summary_of(&self, folder: &Folder, found: &Found, mail: Mail) -> Summary {
        Summary {
            folder: folder.clone(),
            unique: found.unique.clone(),
            received: found.received,
            unread: found.unread,
            flagged: found.flagged,
            bytes: found.bytes,
            sample: self.sample,
            mail,
        }
    }

    /// A whole mail, of which no more is read than is shown.
    pub(crate) fn read(&self, found: &Found) -> Result<Mail, MailError> {
        let file = self.within.open_file(&found.path)?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAIL_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let gone = |source| PathError::Io { path: found.path.clone(), source };
        file.take(limit).read_to_end(&mut bytes).map_err(gone)?;
        Ok(Mail::read(&bytes))
    }

    /// The mail called `unique` in `folder`, wherever its flags have moved it.
    pub(crate) fn one(&self, folder: &Folder, unique: &str) -> Result<Option<Found>, MailError> {
        Ok(self.find(folder)?.0.into_iter().find(|found| found.unique == unique))
    }

    /// Adds a mail to `folder`, which is made if missing; `flags` as Maildir has them (`S` read, `D` draft). The same
    /// key adds it once.
    pub(crate) fn add(
        &self,
        folder: &Folder,
        bytes: &[u8],
        flags: &str,
        received: i64,
        key: &EffectKey,
    ) -> Result<String, MailError> {
        let base = base(folder);
        for part in ["tmp", "new", "cur"] {
            self.within.make_folder(&base.join(part))?;
        }
        let digest = blake3::hash(key.as_str().as_bytes()).to_hex();
        let unique = format!("{received}.H{}.hardshell", digest.get(..20).unwrap_or_default());
        let place = base.join("cur").join(format!("{unique}:2,{flags}"));
        match self.within.write(&place, bytes, Replace::Never) {
            Ok(_identity) => Ok(unique),
            Err(PathError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
                Ok(unique)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn base(folder: &Folder) -> PathBuf {
    if folder.is_inbox() { PathBuf::from(".") } else { PathBuf::from(format!(".{folder}")) }
}

/// The moment of delivery, which a Maildir name begins with.
fn received(unique: &str) -> Option<i64> {
    let digits = unique.split(['.', ',', '_', '-']).next()?;
    digits.parse().ok().filter(|seconds| (100_000_000..100_000_000_000).contains(seconds))
}

fn is_missing(error: &PathError) -> bool {
    matches!(error, PathError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}
