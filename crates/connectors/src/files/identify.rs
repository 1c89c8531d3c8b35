//! Which file has which bytes.

use super::Files;
use crate::remember::KnownFile;
use domain::Target;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identified {
    /// A file of these bytes.
    File(KnownFile),
    /// Nothing that holds bytes of its own: a folder, a link, or nothing any more.
    NoFile,
    /// A file whose bytes could not be read, or were too many.
    Unread(PathBuf),
}

impl Files {
    /// The file at `path`, if it has at most `bytes_max` bytes, and how many were read.
    pub(crate) fn identify(&self, path: PathBuf, bytes_max: u64) -> (Identified, u64) {
        let Ok(Target::File { path: canonical, .. }) = self.target(&path.to_string_lossy()) else {
            return (Identified::NoFile, 0);
        };
        if canonical != path {
            // A link: what it leads to has a name of its own.
            return (Identified::NoFile, 0);
        }
        let opened = self.place(&path.to_string_lossy()).map(|(root, place)| root.within.open_file(&place));
        let file = match opened {
            Ok(Ok(file)) => file,
            Ok(Err(sandbox::PathError::Kind { .. } | sandbox::PathError::Special { .. })) => {
                return (Identified::NoFile, 0);
            }
            Ok(Err(_)) | Err(_) => return (Identified::Unread(path), 0),
        };
        let Ok(found) = file.metadata() else { return (Identified::Unread(path), 0) };
        let mut hasher = blake3::Hasher::new();
        let mut bounded = file.take(bytes_max.saturating_add(1));
        let read = match std::io::copy(&mut bounded, &mut hasher) {
            Ok(read) if read <= bytes_max => read,
            Ok(_) | Err(_) => return (Identified::Unread(path), 0),
        };
        let digest = *hasher.finalize().as_bytes();
        let (device, inode) = (Some(found.dev()), Some(found.ino()));
        (Identified::File(KnownFile { path, device, inode, digest }), read)
    }
}
