//! How much, and how long, a peer may take.

use std::time::Duration;

/// The limits of one request. [`Limits::default`] suits a web page or an API call; a caller states what it needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The answer's status line and headers, in bytes. At least 8 KiB.
    pub head_bytes_max: usize,
    /// The answer's body, in bytes, after decompression.
    pub body_bytes_max: u64,
    /// Finding the address, connecting and TLS, together.
    pub connect_timeout: Duration,
    /// From the request to the answer's head.
    pub head_timeout: Duration,
    /// Between two pieces of the body.
    pub idle_timeout: Duration,
    /// From the beginning to the end of the body, redirects included.
    pub total_timeout: Duration,
    /// How many redirects are followed; with 0 they are handed to the caller.
    pub redirects_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 32 * 1024,
            body_bytes_max: 8 * 1024 * 1024,
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(120),
            redirects_max: 5,
        }
    }
}

impl Limits {
    /// For answers that stream for minutes, as a model's do: long silences before and between pieces, one long hour
    /// in all, no redirects.
    #[must_use]
    pub fn streaming() -> Self {
        Self {
            body_bytes_max: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(120),
            total_timeout: Duration::from_secs(3600),
            redirects_max: 0,
            ..Self::default()
        }
    }
}
