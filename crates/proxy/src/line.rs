//! The line on which a connection asks: one question after the other.

use crate::wire::{self, Answer, Ask, Breaks, Reader, Writer};
use std::io;
use tokio::net::UnixStream;

/// Both directions of it.
pub(crate) struct Line {
    pub(crate) answers: Reader,
    pub(crate) asks: Writer,
}

impl Line {
    pub(crate) fn new(line: UnixStream) -> Self {
        let (answers, asks) = wire::halves(line);
        Self { answers, asks }
    }

    /// Asks for a tunnel to `target`.
    pub(crate) async fn tunnel(&mut self, target: String) -> io::Result<Answer> {
        self.asks.message(&Ask::Tunnel { target }).await?;
        self.answer().await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        self.answers.message().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Gives the tunnel back, to be carried unread, with what was read of it.
    pub(crate) async fn carry(mut self, first: &[u8]) -> io::Result<()> {
        self.asks.message(&Ask::Carry).await?;
        self.asks.piece(first).await?;
        self.asks.end().await
    }

    /// Tells of something that is not even a question.
    pub(crate) async fn nonsense(&mut self, target: &str, breaks: Breaks, why: &str) -> io::Result<()> {
        let (target, why) = (target.to_string(), why.to_string());
        self.asks.message(&Ask::Nonsense { target, breaks, why }).await
    }
}
