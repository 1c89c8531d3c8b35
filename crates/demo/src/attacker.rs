//! The attacker's server: listens on loopback and keeps whatever it is sent.

use crate::error::DemoError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The most that is kept of one request, in bytes: a stolen file of the demo has a few hundred.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// The most requests that are kept; a demo makes a handful.
const REQUESTS_MAX: usize = 100;
/// How long a sender may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that keeps what it is sent.
pub(crate) struct Attacker {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Attacker {
    /// Listens on this port of 127.0.0.1, or on a free one for 0.
    pub(crate) async fn listen(port: u16) -> Result<(Self, Answers), DemoError> {
        let step = DemoError::at("start the attacker's server");
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(&step)?;
        let port = listener.local_addr().map_err(&step)?.port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers = Answers(Arc::new(Mutex::new(String::new())));
        let serving = tokio::spawn(serve(listener, Arc::clone(&received), answers.clone()));
        Ok((Self { port, received, serving }, answers))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Everything so far, one text a request.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Attacker {
    /// Stops listening; the port is free when this returns.
    pub(crate) async fn close(mut self) {
        self.serving.abort();
        // It was told to end, and that is all that is wanted of it.
        let _ended = (&mut self.serving).await;
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the server answers.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Mutex<String>>);

impl Answers {
    /// Answers with `status` and `body` from here on.
    pub(crate) fn with(&self, status: u16, body: &str) {
        let text = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn now(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, received: Arc<Mutex<Vec<String>>>, answers: Answers) {
    while let Ok((mut stream, _peer)) = listener.accept().await {
        let (received, answers) = (Arc::clone(&received), answers.clone());
        tokio::spawn(async move {
            let request = match tokio::time::timeout(PATIENCE, request(&mut stream)).await {
                Ok(request) => request,
                Err(_too_slow) => return,
            };
            {
                let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                if !request.is_empty() && received.len() < REQUESTS_MAX {
                    received.push(request);
                }
            }
            // Whoever is gone is not answered.
            let _ = stream.write_all(answers.now().as_bytes()).await;
        });
    }
}

/// The head of a request, or as much of it as came.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0_u8; 4096];
    while bytes.len() < REQUEST_BYTES_MAX && !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend(piece.iter().take(read)),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
