//! Serving over TLS: the certificate, its key, and what is refused about them.

use crate::{StartError, TlsFiles};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// The largest PEM file that is read: a chain of a dozen large certificates.
const PEM_BYTES_MAX: u64 = 256 * 1024;
/// Anyone but the owner.
const MODE_OTHERS: u32 = 0o077;

/// Whether `files` can be used, without serving anything.
///
/// # Errors
///
/// [`StartError::Tls`] names the file and what is wrong with it.
pub fn check_tls(files: &TlsFiles) -> Result<(), StartError> {
    acceptor(files).map(|_acceptor| ())
}

/// What accepts TLS connections with `files`: TLS 1.2 and 1.3, HTTP/1.1.
///
/// # Errors
///
/// [`StartError::Tls`] names the file and what is wrong with it.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, StartError> {
    let bad = |path: &Path, why: String| StartError::Tls { path: path.to_path_buf(), why };
    let pem = read(&files.certificate)?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(bad(&files.certificate, "there is no certificate in it".to_string()));
    }
    let mode = std::fs::metadata(&files.key).map_err(|error| bad(&files.key, error.to_string()))?.mode();
    if mode & MODE_OTHERS != 0 {
        return Err(bad(&files.key, format!("others may read it: its mode is {:04o}", mode & 0o7777)));
    }
    let pem = read(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_detail| bad(&files.key, "there is no private key in it".to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&files.certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            bad(&files.certificate, format!("certificate and key do not go together: {error}"))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, StartError> {
    use std::io::Read as _;
    let bad = |why: String| StartError::Tls { path: path.to_path_buf(), why };
    let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| bad(error.to_string()))?;
    Ok(bytes)
}
