//! Which host a TLS ClientHello asks for (RFC 8446 §4.1.2, RFC 6066 §3), read without answering it.

use domain::Host;

/// The longest ClientHello, in bytes with its record headers: a post-quantum key share and a session ticket fit.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;
const RECORD_HANDSHAKE: u8 = 22;
const RECORD_BYTES_MAX: usize = 16 * 1024;
const MESSAGE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ENCRYPTED_HELLO: u16 = 0xfe0d;
const NAME_TYPE_HOST: u8 = 0;

/// What was found so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// More bytes are needed.
    Incomplete,
    /// The whole ClientHello is there, and asks for this host.
    For(Host),
}

/// It is not a ClientHello whose host can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the TLS greeting: {reason}")]
pub struct HelloError {
    /// What is wrong.
    pub reason: &'static str,
}

/// Reads the beginning of what a TLS client sends.
///
/// # Errors
///
/// [`HelloError`] when it is no ClientHello, names no host or more than one, names something that is not a strict host
/// name, or hides another name inside (Encrypted ClientHello).
pub fn read_hello(bytes: &[u8]) -> Result<Hello, HelloError> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(hello) = complete(&message)? {
            return read_message(hello).map(Hello::For);
        }
        if bytes.len() >= HELLO_BYTES_MAX {
            return Err(HelloError { reason: "it is longer than 16 KiB" });
        }
        let Some((header, tail)) = rest.split_first_chunk::<5>() else {
            return if rest.first().is_none_or(|first| *first == RECORD_HANDSHAKE) {
                Ok(Hello::Incomplete)
            } else {
                Err(HelloError { reason: "it is not a TLS handshake" })
            };
        };
        let [kind, major, _minor, high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != RECORD_HANDSHAKE || major != 3 || length == 0 || length > RECORD_BYTES_MAX {
            return Err(HelloError { reason: "it is not a TLS handshake" });
        }
        // A record that is not all there yet may already hold what is needed, or be known to be wrong; neither matters.
        let Some((record, tail)) = tail.split_at_checked(length) else { return Ok(Hello::Incomplete) };
        message.extend_from_slice(record);
        rest = tail;
    }
}

/// The ClientHello's body, once all of it is in `message`.
fn complete(message: &[u8]) -> Result<Option<&[u8]>, HelloError> {
    let Some(kind) = message.first() else { return Ok(None) };
    if *kind != MESSAGE_CLIENT_HELLO {
        return Err(HelloError { reason: "it does not begin with a ClientHello" });
    }
    let Some(([_, high, middle, low], rest)) = message.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])).unwrap_or(usize::MAX);
    if length > HELLO_BYTES_MAX {
        return Err(HelloError { reason: "it is longer than 16 KiB" });
    }
    if rest.len() > length {
        return Err(HelloError { reason: "something follows the ClientHello in the same record" });
    }
    Ok((rest.len() == length).then_some(rest))
}

fn read_message(bytes: &[u8]) -> Result<Host, HelloError> {
    let cut = HelloError { reason: "its lengths do not fit" };
    let mut reader = Reader(bytes);
    reader.skip(2 + 32).ok_or(cut)?;
    reader.vector_u8().ok_or(cut)?;
    reader.vector_u16().ok_or(cut)?;
    reader.vector_u8().ok_or(cut)?;
    if reader.0.is_empty() {
        return Err(HelloError { reason: "it names no host" });
    }
    let mut extensions = Reader(reader.vector_u16().ok_or(cut)?);
    if !reader.0.is_empty() {
        return Err(cut);
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16().ok_or(cut)?;
        let content = extensions.vector_u16().ok_or(cut)?;
        if kind == EXTENSION_ENCRYPTED_HELLO {
            return Err(HelloError { reason: "it hides another name inside (Encrypted ClientHello)" });
        }
        if kind == EXTENSION_SERVER_NAME {
            if found.is_some() {
                return Err(HelloError { reason: "it names its host twice" });
            }
            found = Some(server_name(content)?);
        }
    }
    found.ok_or(HelloError { reason: "it names no host" })
}

fn server_name(bytes: &[u8]) -> Result<Host, HelloError> {
    let bad = HelloError { reason: "the host it names is not one" };
    let mut outer = Reader(bytes);
    let mut list = Reader(outer.vector_u16().ok_or(bad)?);
    let kind = list.u8().ok_or(bad)?;
    let name = list.vector_u16().ok_or(bad)?;
    if kind != NAME_TYPE_HOST || !list.0.is_empty() || !outer.0.is_empty() {
        return Err(bad);
    }
    std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()).ok_or(bad)
}

/// Takes fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.skip(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        let (head, tail) = self.0.split_first_chunk::<2>()?;
        self.0 = tail;
        Some(u16::from_be_bytes(*head))
    }

    fn vector_u8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.skip(usize::from(length))
    }

    fn vector_u16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.skip(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        [kind.to_be_bytes().as_slice(), &length.to_be_bytes(), content].concat()
    }

    fn names(list: &[(u8, &str)]) -> Vec<u8> {
        let inner: Vec<u8> = list
            .iter()
            .flat_map(|(kind, name)| {
                [&[*kind], u16::try_from(name.len()).unwrap().to_be_bytes().as_slice(), name.as_bytes()]
                    .concat()
            })
            .collect();
        [u16::try_from(inner.len()).unwrap().to_be_bytes().as_slice(), &inner].concat()
    }

    fn hello(extensions: &[Vec<u8>], record_bytes: usize) -> Vec<u8> {
        let extensions = extensions.concat();
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend([0, 2, 0x13, 1, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        let record = |part: &[u8]| {
            [&[22, 3, 1], u16::try_from(part.len()).unwrap().to_be_bytes().as_slice(), part].concat()
        };
        message.chunks(record_bytes).flat_map(record).collect()
    }

    fn for_host(name: &str) -> Vec<u8> {
        hello(&[extension(10, &[0, 2, 0, 29]), extension(0, &names(&[(0, name)]))], 16_000)
    }

    #[test]
    fn a_greeting_names_exactly_one_strict_host_or_is_refused() {
        let wanted = Ok(Hello::For("example.org".parse().unwrap()));
        assert_eq!(read_hello(&for_host("example.org")), wanted);
        assert_eq!(read_hello(&for_host("EXAMPLE.org")), wanted);
        for bad in [
            "",
            "127.0.0.1",
            "example.org.",
            "exa\0mple.org",
            "user@example.org",
            "2130706433",
            "bücher.example",
        ] {
            assert!(read_hello(&for_host(bad)).is_err(), "{bad:?}");
        }
        let name = extension(0, &names(&[(0, "example.org")]));
        for (shows, extensions) in [
            ("none", vec![]),
            ("no name among others", vec![extension(10, &[0, 2, 0, 29])]),
            ("two extensions", vec![name.clone(), extension(0, &names(&[(0, "evil.example")]))]),
            ("two names", vec![extension(0, &names(&[(0, "example.org"), (0, "evil.example")]))]),
            ("another kind of name", vec![extension(0, &names(&[(1, "example.org")]))]),
            ("an empty extension", vec![extension(0, &[])]),
            ("an encrypted greeting", vec![name.clone(), extension(0xfe0d, &[0])]),
            ("an encrypted greeting first", vec![extension(0xfe0d, &[0]), name.clone()]),
        ] {
            assert!(read_hello(&hello(&extensions, 16_000)).is_err(), "{shows}");
        }
        for bytes in
            [b"GET / HTTP/1.1\r\n".as_slice(), b"SSH-2.0-x\r\n", &[0x80, 0x2e, 1, 0, 2], &[22, 2, 0, 0, 5, 1]]
        {
            assert!(read_hello(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_greeting_may_come_byte_by_byte_and_in_many_records() {
        for record_bytes in [1, 2, 7, 50, 16_000] {
            let whole = hello(&[extension(0, &names(&[(0, "example.org")]))], record_bytes);
            for length in 0..whole.len() {
                assert_eq!(
                    read_hello(&whole[..length]),
                    Ok(Hello::Incomplete),
                    "{length} of {}",
                    whole.len()
                );
            }
            assert_eq!(read_hello(&whole), Ok(Hello::For("example.org".parse().unwrap())));
        }
    }

    #[test]
    fn an_endless_greeting_ends() {
        let endless = [22, 3, 1, 0, 1, 1].repeat(10_000);
        assert!(read_hello(&endless).is_err());
    }

    /// What the TLS library of this workspace reads out of the same bytes.
    fn by_rustls(bytes: &[u8]) -> Option<String> {
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor.read_tls(&mut &*bytes).ok()?;
        Some(acceptor.accept().ok()??.client_hello().server_name()?.to_string())
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_hello(&bytes);
        }

        #[test]
        fn a_changed_greeting_is_never_read_as_another_host_than_a_tls_library_reads(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = for_host("example.org");
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let (Ok(Hello::For(host)), Some(theirs)) = (read_hello(&bytes), by_rustls(&bytes)) {
                prop_assert_eq!(host.as_str(), theirs.to_lowercase());
            }
        }
    }
}
