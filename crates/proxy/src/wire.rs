//! What passes between a run's proxy process, which reads what its programs say, and the daemon, where it is judged.
//!
//! Each connection of a program has a line: a stream socket. On it go frames, each its kind (1 byte), its length (4
//! bytes, little-endian) and so many bytes: messages in JSON, and pieces of bodies with an end.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The longest message, in bytes: the largest head of a request fits, every byte of it written as two.
pub const MESSAGE_BYTES_MAX: usize = 160 * 1024;
/// The longest piece of a body, in bytes.
pub const PIECE_BYTES_MAX: usize = 64 * 1024;
const MESSAGE: u8 = b'm';
const PIECE: u8 = b'p';
const END: u8 = b'e';

/// What the proxy process asks for, on behalf of a program. Nothing in it is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// A tunnel to a host and port, as the program named them. Answered.
    Tunnel {
        /// `HOST:PORT`.
        target: String,
    },
    /// The tunnel is to carry what the program sends, unread. What was read of it already follows, as a body. The last.
    Carry,
    /// One request. Answered.
    Request(Asked),
    /// The program asked for something that is not even a question. Not answered.
    Nonsense {
        /// What it is about, as the program named it.
        target: String,
        /// Which rule it breaks.
        breaks: Breaks,
        /// Why.
        why: String,
    },
}

/// A request of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What is spoken in the tunnel; without a tunnel the target says so itself.
    pub spoken: Spoken,
    /// The method.
    pub method: String,
    /// The whole URL; path and query in a tunnel.
    pub target: String,
    /// The headers, as [`fields`] writes them.
    pub headers: Vec<(String, String)>,
    /// Whether a body follows.
    pub body: HasBody,
}

/// What a program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spoken {
    /// HTTP in the clear.
    Http,
    /// HTTP under TLS, with the certificate that was issued for the tunnel.
    Https,
}

/// Whether a body follows a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HasBody {
    /// It does, to its end.
    Follows,
    /// It does not.
    None,
}

/// A rule that a program breaks before there is anything to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaks {
    /// It names no host, or two.
    Host,
    /// The TLS in its tunnel is for another host.
    Sni,
}

/// What the proxy process is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// The tunnel carries anything.
    Opaque,
    /// The tunnel carries TLS for its host; HTTP in it is asked for request by request.
    Checked,
    /// Each request in the tunnel is asked for, TLS being spoken under this certificate.
    Inspected {
        /// The chain, in PEM.
        chain: String,
        /// The key of the certificate, in PEM: of this host and this process, trusted inside the sandbox alone.
        key: String,
    },
    /// It is not done.
    Refused {
        /// The HTTP status that says so.
        status: u16,
        /// For the program to read.
        why: String,
    },
    /// The head of an answer, whose body follows.
    Head {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
    },
}

/// The reading half of a line.
#[derive(Debug)]
pub struct Reader(OwnedReadHalf);

/// The writing half of a line.
#[derive(Debug)]
pub struct Writer(OwnedWriteHalf);

/// The two halves of a line.
#[must_use]
pub fn halves(line: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = line.into_split();
    (Reader(reader), Writer(writer))
}

impl Reader {
    /// The next message; `None` when the other side has hung up.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] when what came is not one.
    pub async fn message<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let kind = match self.0.read_u8().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            kind => kind?,
        };
        if kind != MESSAGE {
            return Err(broken("something other than a message came"));
        }
        let message = self.bytes(MESSAGE_BYTES_MAX).await?;
        serde_json::from_slice(&message).map(Some).map_err(|_| broken("a message is not one"))
    }

    /// The next piece of a body; `None` at its end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] when what came is not one, [`io::ErrorKind::UnexpectedEof`] when the body breaks
    /// off.
    pub async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let kind = self.0.read_u8().await?;
        let most = match kind {
            PIECE => PIECE_BYTES_MAX,
            END => 0,
            _ => return Err(broken("something other than a body came")),
        };
        let piece = self.bytes(most).await?;
        Ok((kind == PIECE).then_some(piece))
    }

    /// Returns when the other side hangs up, or says something although it is not its turn.
    pub async fn interrupted(&self) {
        let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        // What is known to be readable may have been read by now: only trying tells. An error is an end as well.
        while self.0.readable().await.is_ok() && self.0.try_read(&mut [0]).as_ref().is_err_and(would_block) {}
    }

    async fn bytes(&mut self, most: usize) -> io::Result<Bytes> {
        let length = usize::try_from(self.0.read_u32_le().await?).unwrap_or(usize::MAX);
        if length > most {
            return Err(broken("a frame is larger than the limit"));
        }
        let mut bytes = BytesMut::with_capacity(length);
        while bytes.len() < length {
            let left = length.saturating_sub(bytes.len());
            if (&mut self.0).take(u64::try_from(left).unwrap_or(u64::MAX)).read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(bytes.freeze())
    }
}

impl Writer {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] when it is too long; else the other side is gone.
    pub async fn message(&mut self, message: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(broken("a message is larger than the limit"));
        }
        self.frame(MESSAGE, &text).await
    }

    /// Sends a piece of a body, of any length.
    ///
    /// # Errors
    ///
    /// The other side is gone.
    pub async fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        for part in piece.chunks(PIECE_BYTES_MAX) {
            self.frame(PIECE, part).await?;
        }
        Ok(())
    }

    /// Ends a body.
    ///
    /// # Errors
    ///
    /// The other side is gone.
    pub async fn end(&mut self) -> io::Result<()> {
        self.frame(END, &[]).await
    }

    async fn frame(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| broken("a frame is larger than the limit"))?;
        let [a, b, c, d] = length.to_le_bytes();
        self.0.write_all_buf(&mut Buf::chain([kind, a, b, c, d].as_slice(), bytes)).await
    }
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Headers as they travel in a message: each byte of a value is the character of that number.
#[must_use]
pub fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect()
}

/// The headers that travelled as `fields`; `None` when they are none.
#[must_use]
pub fn headers(fields: &[(String, String)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value: Option<Vec<u8>> = value.chars().map(|letter| u8::try_from(letter).ok()).collect();
        headers.try_append(name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(&value?).ok()?).ok()?;
    }
    Some(headers)
}
