//! SOCKS 5 (RFC 1928), names only: `socks5h://`.

use crate::greeting;
use crate::line::Line;
use crate::wire::{Answer, Breaks};
use domain::Host;
use egress::proxy::GREETING_TIMEOUT;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest greeting or request: a name of 255 bytes, and what stands around it.
const MESSAGE_BYTES_MAX: usize = 512;
const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const COMMAND_CONNECT: u8 = 1;
const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;
/// The HTTP status of what the rules refuse.
const NOT_ALLOWED: u16 = 403;
const REPLY_DONE: u8 = 0;
const REPLY_FAILED: u8 = 1;
const REPLY_NOT_ALLOWED: u8 = 2;
const REPLY_COMMAND_UNKNOWN: u8 = 7;
const REPLY_ADDRESS_UNKNOWN: u8 = 8;

/// What a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocksRequest {
    /// More bytes are needed.
    Incomplete,
    /// A connection to this host and port.
    Connect {
        /// The name.
        host: Host,
        /// The port.
        port: u16,
    },
}

/// Something else was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the SOCKS request: {reason}")]
pub struct SocksError {
    /// What is wrong.
    pub reason: String,
    reply: u8,
}

/// Reads a request, after the greeting.
///
/// # Errors
///
/// [`SocksError`] when it is not one, asks for an address instead of a name, or for something that is not a strict
/// host name.
pub fn read_socks_request(bytes: &[u8]) -> Result<SocksRequest, SocksError> {
    let bad = |reason: &str, reply| Err(SocksError { reason: reason.to_string(), reply });
    match bytes {
        [] | [VERSION] | [VERSION, _] | [VERSION, _, _] => Ok(SocksRequest::Incomplete),
        [VERSION, command, ..] if *command != COMMAND_CONNECT => {
            bad("only CONNECT is served", REPLY_COMMAND_UNKNOWN)
        }
        [VERSION, _, 0, ADDRESS_NAME, length, rest @ ..] => {
            let length = usize::from(*length);
            let Some((name, rest)) = rest.split_at_checked(length) else {
                return Ok(SocksRequest::Incomplete);
            };
            match rest {
                [] | [_] => Ok(SocksRequest::Incomplete),
                [high, low] => connect(name, u16::from_be_bytes([*high, *low])),
                [_, _, ..] => bad("something follows it", REPLY_FAILED),
            }
        }
        [VERSION, _, 0, ADDRESS_NAME] => Ok(SocksRequest::Incomplete),
        [VERSION, _, 0, ADDRESS_V4 | ADDRESS_V6, ..] => {
            bad("it names an address; names are resolved here, use socks5h", REPLY_NOT_ALLOWED)
        }
        [VERSION, _, 0, _, ..] => bad("it names no host", REPLY_ADDRESS_UNKNOWN),
        _ => bad("it is not SOCKS 5", REPLY_FAILED),
    }
}

fn connect(name: &[u8], port: u16) -> Result<SocksRequest, SocksError> {
    let bad = |reason: String| Err(SocksError { reason, reply: REPLY_NOT_ALLOWED });
    let Ok(name) = std::str::from_utf8(name) else { return bad("the name is not ASCII".to_string()) };
    match name.parse::<Host>() {
        _ if port == 0 => bad("the port is 0".to_string()),
        Ok(host) => Ok(SocksRequest::Connect { host, port }),
        Err(error) => bad(error.to_string()),
    }
}

/// Serves one connection whose first byte is SOCKS 5's.
pub(crate) async fn serve(mut stream: TcpStream, mut line: Line) -> io::Result<()> {
    let (host, port) = timeout(GREETING_TIMEOUT, negotiate(&mut stream, &mut line)).await??;
    let target = format!("{host}:{port}");
    match line.tunnel(target.clone()).await? {
        Answer::Refused { status: NOT_ALLOWED, why: _ } => reply(&mut stream, REPLY_NOT_ALLOWED).await,
        Answer::Refused { .. } => reply(&mut stream, REPLY_FAILED).await,
        answer @ (Answer::Opaque | Answer::Checked | Answer::Inspected { .. } | Answer::Head { .. }) => {
            reply(&mut stream, REPLY_DONE).await?;
            greeting::tunnel(stream, Vec::new(), &target, answer, line).await
        }
    }
}

/// Greeting and request; an error when there is nothing to serve.
async fn negotiate(stream: &mut TcpStream, line: &mut Line) -> io::Result<(Host, u16)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start).await?;
    let [_, count] = start;
    let mut methods = vec![0; usize::from(count)];
    stream.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        stream.write_all(&[VERSION, NO_ACCEPTABLE_METHOD]).await?;
        return Err(io::Error::other("no common method"));
    }
    stream.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut bytes = Vec::new();
    loop {
        match read_socks_request(&bytes) {
            Ok(SocksRequest::Connect { host, port }) => return Ok((host, port)),
            // Byte by byte, so that nothing of what follows the request is taken with it.
            Ok(SocksRequest::Incomplete) if bytes.len() < MESSAGE_BYTES_MAX => {
                bytes.push(stream.read_u8().await?)
            }
            Ok(SocksRequest::Incomplete) => return Err(io::Error::other("too long")),
            Err(error) => {
                line.nonsense("(SOCKS)", Breaks::Host, &error.to_string()).await?;
                reply(stream, error.reply).await?;
                return Err(io::Error::other(error));
            }
        }
    }
}

async fn reply(stream: &mut TcpStream, code: u8) -> io::Result<()> {
    // The address bound is nobody's business: 0.0.0.0:0.
    stream.write_all(&[VERSION, code, 0, ADDRESS_V4, 0, 0, 0, 0, 0, 0]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(name: &[u8], port: u16) -> Vec<u8> {
        [&[5, 1, 0, 3, u8::try_from(name.len()).unwrap()], name, &port.to_be_bytes()].concat()
    }

    #[test]
    fn a_request_names_a_strict_host_or_is_refused() {
        let whole = request(b"Example.org", 443);
        let wanted = SocksRequest::Connect { host: "example.org".parse().unwrap(), port: 443 };
        assert_eq!(read_socks_request(&whole), Ok(wanted));
        for length in 0..whole.len() {
            assert_eq!(read_socks_request(&whole[..length]), Ok(SocksRequest::Incomplete), "{length}");
        }
        for name in [
            "",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "::1",
            "[::1]",
            "a@b",
            "a%00b",
            "a\0b",
            "example.org.",
            "bücher.example",
        ] {
            assert!(read_socks_request(&request(name.as_bytes(), 443)).is_err(), "{name:?}");
        }
        for bytes in [
            request(b"example.org", 0),
            request(b"\xff\xfe.org", 443),
            [request(b"example.org", 443), vec![0]].concat(),
            vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 80],
            vec![5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80],
            vec![5, 2, 0, 3, 1, b'a', 0, 80],
            vec![5, 3, 0, 3, 1, b'a', 0, 80],
            vec![5, 1, 1, 3, 1, b'a', 0, 80],
            vec![4, 1, 0, 80, 127, 0, 0, 1, 0],
        ] {
            assert!(read_socks_request(&bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_socks_request(&bytes);
            let _ = read_socks_request(&[&[5, 1, 0, 3], bytes.as_slice()].concat());
        }
    }
}
