//! What is known of files: what they were written from goes with their bytes and with their place, whoever writes,
//! moves, copies or reads them, tool or command.

use crate::error::Error;
use crate::executor::Connectors;
use crate::files::Identified;
use crate::finding::Finding;
use crate::found::{Found, Known};
use crate::given::path_of;
use crate::memory;
use crate::remember::KnownFile;
use crate::shell::Written;
use broker::Context;
use domain::{Label, Target};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of how many files that one command wrote each is known by itself; past it, or past so many bytes, or where no list
/// can be had, whatever in the workspace is not known may be one of them.
const FILES_MAX: usize = 2_000;
const BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Connectors {
    /// What a file says is believed as far as what it was written from, when these very bytes were written by us. One
    /// that somebody else changed is a stranger's, and no less confidential than it was.
    pub(crate) async fn labelled_file(&self, finding: Finding, target: &Target) -> Result<Found, Error> {
        let tier = self.parts.remember.tier_of(path_of(target));
        let known = match (target, digest_of(&finding)) {
            (Target::File { path, device, inode }, Some(digest)) => {
                let (path, device, inode) = (path.clone(), Some(*device), Some(*inode));
                self.label_of(KnownFile { path, device, inode, digest }).await?
            }
            // No text, or what there was is gone: what the place is known for.
            (Target::File { path, .. } | Target::NewFile { path } | Target::Program { path, .. }, _) => {
                Known::AtLeast(self.label_below(path).await?)
            }
            (Target::Host { .. }, _) => Known::AtLeast(Label::nothing()),
        };
        Ok(Found { finding, label: Some(known.raised_to(tier)) })
    }

    /// A file is about to hold what the session has read: if nothing can be noted after the writing, this stands.
    pub(crate) async fn remember_coming(
        &self,
        target: &Target,
        content: &str,
        context: Context<'_>,
    ) -> Result<(), Error> {
        let digest = *blake3::hash(content.as_bytes()).as_bytes();
        let file = KnownFile { path: path_of(target).to_path_buf(), device: None, inode: None, digest };
        self.keep(file, context.label.clone(), context).await
    }

    /// A file holds what the session has read.
    pub(crate) async fn remember_written(
        &self,
        finding: &Finding,
        context: Context<'_>,
    ) -> Result<(), Error> {
        let path = finding.fields.get("path").and_then(|path| path.as_str()).unwrap_or_default();
        let (Some(digest), Ok(Target::File { path, device, inode })) =
            (digest_of(finding), self.parts.files.target(path))
        else {
            // Somebody was quicker and moved it away: what is there now is not what we wrote, so nothing is known of it.
            return Ok(());
        };
        let file = KnownFile { path, device: Some(device), inode: Some(inode), digest };
        self.keep(file, context.label.clone(), context).await
    }

    /// What is known of a file or folder goes with it.
    pub(crate) async fn remember_moved(
        &self,
        from: &Target,
        to: &Target,
        context: Context<'_>,
    ) -> Result<(), Error> {
        let (from, to) = (path_of(from), path_of(to).to_path_buf());
        let moved = self.label_below(from).await?;
        if moved != Label::nothing() {
            self.keep_below(to.clone(), moved, context).await?;
        }
        if let (Identified::File(file), _) = self.identified(to).await?
            && let Known::Exactly(label) = self.label_of(file.clone()).await?
        {
            self.keep(file, label, context).await?;
        }
        Ok(())
    }

    /// The label of what a command, or a search, may have read: of the folders themselves, and of each file in them
    /// that is known.
    pub(crate) async fn label_of_folders(
        &self,
        folders: impl Iterator<Item = &Path>,
    ) -> Result<Label, Error> {
        let mut all = Label::nothing();
        for folder in folders {
            let below = self.label_below(folder).await?;
            all = all.join(&below.raised_to(self.parts.remember.tier_of(folder)));
        }
        Ok(all)
    }

    /// Files hold what a command of `label` wrote; those whose bytes were known before keep what is known of them: they
    /// were copied or moved.
    pub(crate) async fn remember_run(
        &self,
        written: Written,
        label: &Label,
        context: Context<'_>,
    ) -> Result<(), Error> {
        let workspace = self.parts.files.folders().next().unwrap_or(Path::new("")).to_path_buf();
        let paths = match written {
            Written::These(paths) if paths.len() <= FILES_MAX => paths,
            Written::These(_) | Written::Anything => {
                return self.keep_below(workspace, label.clone(), context).await;
            }
        };
        let mut bytes_left = BYTES_MAX;
        for path in paths {
            match self.identified_within(workspace.join(path), bytes_left).await? {
                (Identified::File(file), bytes) => {
                    bytes_left = bytes_left.saturating_sub(bytes);
                    let known = match self.label_of(file.clone()).await? {
                        Known::Exactly(known) => known,
                        Known::AtLeast(known) => known.join(label),
                    };
                    self.keep(file, known, context).await?;
                }
                (Identified::NoFile, _) => {}
                (Identified::Unread(path), _) => self.keep_below(path, label.clone(), context).await?,
            }
        }
        Ok(())
    }

    async fn identified(&self, path: PathBuf) -> Result<(Identified, u64), Error> {
        self.identified_within(path, BYTES_MAX).await
    }

    async fn identified_within(&self, path: PathBuf, bytes_max: u64) -> Result<(Identified, u64), Error> {
        let files = Arc::clone(&self.parts.files);
        let looking = tokio::task::spawn_blocking(move || files.identify(path, bytes_max));
        looking.await.map_err(|_panicked| Error::Broken)
    }

    async fn label_of(&self, file: KnownFile) -> Result<Known, Error> {
        self.parts.remember.file_label(file).await.map_err(Error::Remember)
    }

    async fn label_below(&self, folder: &Path) -> Result<Label, Error> {
        self.parts.remember.label_below(folder.to_path_buf()).await.map_err(Error::Remember)
    }

    async fn keep(&self, file: KnownFile, label: Label, context: Context<'_>) -> Result<(), Error> {
        self.parts.remember.file_written(file, label, context.now).await.map_err(Error::Remember)
    }

    async fn keep_below(&self, folder: PathBuf, label: Label, context: Context<'_>) -> Result<(), Error> {
        self.parts.remember.written_below(folder, label, context.now).await.map_err(Error::Remember)
    }
}

fn digest_of(finding: &Finding) -> Option<[u8; 32]> {
    finding.fields.get("digest").and_then(|digest| digest.as_str()).and_then(memory::digest)
}
