//! Waiting for one program of a pipeline, and handing its output on.

use super::ShellError;
use sandbox::{Report, Running, Stream};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::watch;

/// Waits for one program and hands its output on. When the next program no longer takes it, this one is ended, as a
/// broken pipe would end it.
pub(super) async fn wait(
    running: Running,
    next: Option<OwnedFd>,
    mut stopping: watch::Receiver<bool>,
    heard: Arc<dyn Fn(&str) + Send + Sync>,
) -> Result<Report, ShellError> {
    let (broke, mut broken) = watch::channel(false);
    let mut next = next.map(std::fs::File::from);
    let piped = next.is_some();
    let ended = async {
        tokio::select! {
            // When it is gone without a word, so is whoever waits for the program.
            _ = stopping.wait_for(|yes| *yes) => {}
            _ = broken.wait_for(|yes| *yes) => {}
        }
    };
    let mut on_output = |stream: Stream, bytes: &[u8]| match (stream, &mut next) {
        (Stream::Stdout, Some(pipe)) => {
            if pipe.write_all(bytes).is_err() {
                next = None;
                broke.send_replace(true);
            }
        }
        (Stream::Stdout, None) if piped => {}
        (Stream::Stdout | Stream::Stderr, _) => heard(&String::from_utf8_lossy(bytes)),
    };
    Ok(running.finish(ended, &mut on_output).await?)
}
