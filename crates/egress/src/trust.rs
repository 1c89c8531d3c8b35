//! Whom a connection trusts where its owner names the authorities, and how it shows itself.

use crate::Error;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// The authorities of one receiver, and the certificate to show it. It holds for the [`crate::Rules`] it stands in
/// alone: an authority of the owner's own vouches for no other host.
#[derive(Clone)]
pub struct Trust(pub(crate) Arc<ClientConfig>);

/// A certificate chain and its private key, each in PEM.
pub type OwnCertificate<'a> = (&'a [u8], &'a [u8]);

impl Trust {
    /// Trusts the `authorities`, in PEM, and nobody else; the well-known ones when there are none. Shows `own` to a
    /// server that asks for a certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when a PEM text holds nothing of its kind, or the key does not fit the certificate.
    pub fn of_pem(authorities: Option<&[u8]>, own: Option<OwnCertificate<'_>>) -> Result<Self, Error> {
        let failed = |reason: String| Error::Setup { reason };
        let mut roots = RootCertStore { roots: Vec::new() };
        match authorities {
            None => roots.roots = webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            Some(pem) => {
                for certificate in certificates(pem)? {
                    roots.add(certificate).map_err(|error| failed(error.to_string()))?;
                }
            }
        }
        let builder = builder(roots)?;
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_not_a_key| failed("there is no private key in the PEM text".to_string()))?;
                builder
                    .with_client_auth_cert(certificates(chain)?, key)
                    .map_err(|error| failed(error.to_string()))?
            }
        };
        Ok(Self(Arc::new(config)))
    }
}

pub(crate) fn builder(
    roots: RootCertStore,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Error> {
    let builder = ClientConfig::builder_with_provider(tls_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup { reason: error.to_string() })?;
    Ok(builder.with_root_certificates(roots))
}

/// The cipher that browsers prefer stands first: ten rounds a block, where the library's own choice has fourteen.
#[must_use]
pub fn tls_provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| Error::Setup { reason: "there is no certificate in the PEM text".to_string() })
}

/// Never shows a key.
impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(…)")
    }
}
