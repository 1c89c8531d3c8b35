//! A certificate of its own making, for a server on loopback.

use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate for one host, of its own making.
#[derive(Clone)]
pub struct Certified {
    /// The certificate, DER: what a client has to trust.
    pub certificate: Vec<u8>,
    pub(super) acceptor: TlsAcceptor,
}

impl Certified {
    /// A certificate for `host`.
    ///
    /// # Errors
    ///
    /// What the making of it says.
    pub fn for_host(host: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let made = rcgen::generate_simple_self_signed(vec![host.to_string()])?;
        let certificate = made.cert.der().to_vec();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let chain = vec![CertificateDer::from(certificate.clone())];
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        Ok(Self { certificate, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
