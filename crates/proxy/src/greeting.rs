//! What a connection begins with: which protocol it speaks to its proxy, and what it speaks in its tunnel.

use crate::line::Line;
use crate::wire::{Answer, Breaks, Spoken};
use crate::{http, socks};
use egress::proxy::{GREETING_TIMEOUT, HELLO_BYTES_MAX, Hello, read_hello};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{self, Cursor};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The first byte of SOCKS 5 (RFC 1928 §3).
const SOCKS_VERSION: u8 = 5;

/// Serves one connection, whichever of the two protocols it speaks.
pub(crate) async fn serve(near: TcpStream, line: Line) -> io::Result<()> {
    let mut first = [0];
    let read = timeout(GREETING_TIMEOUT, near.peek(&mut first)).await??;
    match (read, first) {
        (1, [SOCKS_VERSION]) => socks::serve(near, line).await,
        (1, _) => http::serve_proxy(near, line).await,
        _ => Ok(()),
    }
}

/// Serves a tunnel that was opened as `answer` says. `first` was read of it already.
pub(crate) async fn tunnel(
    mut near: TcpStream,
    mut first: Vec<u8>,
    target: &str,
    answer: Answer,
    mut line: Line,
) -> io::Result<()> {
    let acceptor = match answer {
        Answer::Opaque => return line.carry(&first).await,
        Answer::Checked => None,
        Answer::Inspected { chain, key } => Some(acceptor(&chain, &key)?),
        Answer::Refused { .. } | Answer::Head { .. } => return Err(io::ErrorKind::InvalidData.into()),
    };
    timeout(GREETING_TIMEOUT, async {
        while first.is_empty() {
            if near.read_buf(&mut first).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    })
    .await??;
    // The methods of HTTP begin with a capital letter.
    if first.first().is_some_and(u8::is_ascii_uppercase) {
        return http::serve_origin(ahead(near, first), Spoken::Http, line).await;
    }
    let Some(acceptor) = acceptor else { return line.carry(&first).await };
    let heard = timeout(GREETING_TIMEOUT, listen(&mut near, &mut first, target)).await?;
    if let Err(why) = heard {
        return line.nonsense(target, Breaks::Sni, &why).await;
    }
    let stream = timeout(GREETING_TIMEOUT, acceptor.accept(ahead(near, first))).await??;
    http::serve_origin(stream, Spoken::Https, line).await
}

/// Reads until it is known whom the TLS is for.
async fn listen(near: &mut TcpStream, first: &mut Vec<u8>, target: &str) -> Result<(), String> {
    let wanted = target.rsplit_once(':').map_or(target, |(host, _port)| host);
    loop {
        match read_hello(first).map_err(|error| error.to_string())? {
            Hello::Incomplete if first.len() >= HELLO_BYTES_MAX => return Err("it is too long".to_string()),
            Hello::Incomplete => {}
            Hello::For(host) if wanted.eq_ignore_ascii_case(host.as_str()) => return Ok(()),
            Hello::For(host) => return Err(format!("the TLS inside is for `{host}`")),
        }
        match near.read_buf(first).await {
            Ok(0) => return Err("it ended before it said what it is".to_string()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The connection, with what was read of it already.
fn ahead(near: TcpStream, first: Vec<u8>) -> impl AsyncRead + AsyncWrite + Unpin + Send {
    let (reader, writer) = near.into_split();
    tokio::io::join(Cursor::new(first).chain(reader), writer)
}

/// Speaks TLS under the certificate that was issued for the host.
fn acceptor(chain: &str, key: &str) -> io::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
    let mut config = ServerConfig::builder_with_provider(egress::tls_provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
