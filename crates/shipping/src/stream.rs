//! Syslog over a stream: counted octets (RFC 6587 §3.4.1), under TLS as RFC 5425 has it.
//!
//! No server answers a message. What is known is how a server that was told "that is all" leaves: it closes its side
//! when it has read everything, and a system whose program went without reading resets the connection instead.

use crate::error::{Trouble, chain};
use crate::link::Went;
use crate::message::Message;
use crate::syslog::Format;
use crate::{Confirmation, Transport};
use egress::{Connection, Destination, Egress, Scope, Tls};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// A server that is sent a stream.
pub(crate) struct Stream {
    egress: Arc<Egress>,
    place: (Destination, u16),
    tls: Tls,
    confirmation: Confirmation,
    scope: Scope,
    format: Format,
    connection: Option<Connection>,
}

impl Stream {
    pub(crate) fn new(
        egress: Arc<Egress>,
        place: (Destination, u16),
        transport: Transport,
        confirmation: Confirmation,
        scope: Scope,
        format: Format,
    ) -> Self {
        let tls = match transport {
            Transport::Tls => Tls::Now,
            Transport::Tcp | Transport::Udp => Tls::Later,
        };
        Self { egress, place, tls, confirmation, scope, format, connection: None }
    }

    pub(crate) async fn send(&mut self, messages: &[Message], answer: Duration) -> Result<Went, Trouble> {
        let mut bytes = Vec::new();
        for message in messages {
            let message = self.format.message(message, usize::MAX);
            bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
            bytes.extend_from_slice(&message);
        }
        self.open().await?;
        let Some(connection) = &mut self.connection else {
            return Err(Trouble::Later { why: "there is no connection".to_string(), after: None });
        };
        let writing = async {
            connection.write_all(&bytes).await?;
            connection.flush().await
        };
        match timeout(answer, writing).await {
            Ok(Ok(())) => Ok(match self.confirmation {
                Confirmation::Close => Went::Written,
                Confirmation::Written => Went::Taken,
            }),
            Ok(Err(error)) => Err(Trouble::later(&error)),
            Err(_elapsed) => Err(slow("it does not read what it is sent", answer)),
        }
    }

    /// Says that this is all, waits until the server has read it, and opens the next connection.
    pub(crate) async fn confirm(&mut self, answer: Duration) -> Result<(), Trouble> {
        if let Some(mut connection) = self.connection.take() {
            let closing = async {
                connection.shutdown().await?;
                read_to_end(&mut connection).await
            };
            match timeout(answer, closing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(Trouble::later(&error)),
                Err(_elapsed) => {
                    return Err(slow("it does not close when it is told that this is all", answer));
                }
            }
        }
        // Held open it tells when the server goes away.
        self.open().await
    }

    /// Returns when the server closes by itself.
    pub(crate) async fn gone(&mut self) -> Trouble {
        let Some(connection) = &mut self.connection else { return std::future::pending().await };
        let why = match read_to_end(connection).await {
            Ok(()) => "it closed the connection".to_string(),
            Err(error) => chain(&error),
        };
        Trouble::Later { why, after: None }
    }

    pub(crate) fn reset(&mut self) {
        self.connection = None;
    }

    async fn open(&mut self) -> Result<(), Trouble> {
        if self.connection.is_none() {
            let (to, port) = (&self.place.0, self.place.1);
            let connected = self.egress.connect(to, port, self.tls, &self.scope).await;
            self.connection = Some(connected.map_err(|error| Trouble::later(&error))?);
        }
        Ok(())
    }
}

fn slow(why: &str, answer: Duration) -> Trouble {
    Trouble::Later { why: format!("{why} within {} ms", answer.as_millis()), after: None }
}

/// Reads what a server has to say, which means nothing here, until it closes.
async fn read_to_end(connection: &mut Connection) -> std::io::Result<()> {
    let mut ignored = [0; 512];
    loop {
        match connection.read(&mut ignored).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // Most servers end TLS by closing the connection (RFC 5425 §4.4 has them say so first).
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
