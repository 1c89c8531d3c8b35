//! A way out of its own, whose names lead to this machine.

use domain::{EffectKey, Timestamp};
use egress::{Egress, Settings, Unobserved};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use vault::{About, KeySource, SecretText, Vault};

pub const NOW: Timestamp = Timestamp(1_716_742_830_000);
pub const PASSWORD: &str = "correct horse battery";

pub struct House {
    pub egress: Arc<Egress>,
    pub _home: tempfile::TempDir,
}

impl House {
    /// `mail.test` and `web.test` are this machine; the secret `mail` belongs to `mail.test`.
    pub fn new(trusted: Vec<Vec<u8>>) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let vault = Arc::new(Vault::open(home.path(), &KeySource::File).unwrap());
        let about = About { hosts: vec!["mail.test".parse().unwrap()], ..About::default() };
        vault.set(&"mail".parse().unwrap(), SecretText::new(PASSWORD.to_string()).unwrap(), about).unwrap();
        let here = || vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let names = ["mail.test", "web.test", "other.test"];
        let settings = Settings {
            trusted: trusted.into_iter().map(egress::CertificateDer::from).collect(),
            names: names.into_iter().map(|name| (name.parse().unwrap(), here())).collect(),
            ..Settings::default()
        };
        Self { egress: Arc::new(Egress::new(vault, settings, Arc::new(Unobserved)).unwrap()), _home: home }
    }
}

pub fn key(text: &str) -> EffectKey {
    text.parse().unwrap()
}
