//! The authority whose certificates a run trusts inside its sandbox, and nobody else anywhere.

use crate::Error;
use crate::trust::provider;
use domain::Host;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;

/// How many hosts' certificates are kept; when there are more, all are made anew as they are needed.
const CERTIFICATES_MAX: usize = 512;

/// A certificate authority that lives as long as this process. Its key is never written down, so that it can be
/// neither copied nor trusted for longer.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    acceptors: Mutex<HashMap<Host, TlsAcceptor>>,
}

impl Authority {
    /// Draws a key and signs its own certificate.
    pub(crate) fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named("Hardshell, inside its sandboxes only");
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let pem = certificate.pem();
        Ok(Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            pem,
            acceptors: Mutex::default(),
        })
    }

    /// The certificate, as programs in the sandbox are to trust it: PEM, beside the system's own.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Speaks TLS as `host`.
    pub(crate) fn acceptor(&self, host: &Host) -> Result<TlsAcceptor, Error> {
        let mut acceptors = self.acceptors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(acceptor) = acceptors.get(host) {
            return Ok(acceptor.clone());
        }
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(vec![host.as_str().to_string()]).map_err(failed)?;
        params.distinguished_name = named("Hardshell sandbox");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .map_err(failed)?;
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        if acceptors.len() >= CERTIFICATES_MAX {
            acceptors.clear();
        }
        acceptors.insert(host.clone(), acceptor.clone());
        Ok(acceptor)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn failed(error: impl std::error::Error) -> Error {
    Error::Setup { reason: format!("make a certificate: {error}") }
}
