//! The authority whose certificates a run trusts inside its sandbox, and nobody else anywhere.

use crate::Error;
use domain::Host;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many hosts' certificates are kept; when there are more, all are made anew as they are needed.
const CERTIFICATES_MAX: usize = 512;

/// A certificate authority that lives as long as this process. Its key is never written down, so that it can be
/// neither copied nor trusted for longer.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    leaves: Mutex<HashMap<Host, Leaf>>,
}

/// A certificate for one host, up to this authority's own, and its key; both in PEM. All that a proxy process has of it.
#[derive(Clone)]
pub struct Leaf {
    /// The chain.
    pub chain: String,
    /// The key.
    pub key: String,
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
        Ok(Self { issuer: Issuer::new(params, key), pem, leaves: Mutex::default() })
    }

    /// The certificate, as programs in the sandbox are to trust it: PEM, beside the system's own.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What to speak TLS as `host` with.
    pub(crate) fn leaf(&self, host: &Host) -> Result<Leaf, Error> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(host) {
            return Ok(leaf.clone());
        }
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(vec![host.as_str().to_string()]).map_err(failed)?;
        params.distinguished_name = named("Hardshell sandbox");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let leaf = Leaf { chain: certificate.pem() + &self.pem, key: key.serialize_pem() };
        if leaves.len() >= CERTIFICATES_MAX {
            leaves.clear();
        }
        leaves.insert(host.clone(), leaf.clone());
        Ok(leaf)
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
