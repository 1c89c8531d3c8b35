//! A way out of its own, whose names lead to this machine.

use domain::{EffectKey, Timestamp};
use egress::{Egress, Observer, Record, Settings, Stage};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use vault::{About, KeySource, SecretText, Vault};

pub const NOW: Timestamp = Timestamp(1_716_742_830_000);
pub const PASSWORD: &str = "correct horse battery";

/// What was refused, by its rule and the host it was for.
#[derive(Default)]
pub struct Refusals(Mutex<Vec<String>>);

impl Refusals {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Refusals {
    fn observe(&self, record: &Record) {
        if let Stage::Refused { rule, .. } = &record.stage {
            self.0.lock().unwrap().push(format!("{rule} {}", record.destination));
        }
    }
}

pub struct House {
    pub egress: Arc<Egress>,
    pub refusals: Arc<Refusals>,
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
        let refusals = Arc::<Refusals>::default();
        let observer: Arc<dyn Observer> = Arc::clone(&refusals) as _;
        Self { egress: Arc::new(Egress::new(vault, settings, observer).unwrap()), refusals, _home: home }
    }
}

pub fn key(text: &str) -> EffectKey {
    text.parse().unwrap()
}
