//! How old the secrets are: what is due to be replaced is not as it should be, and looks so.

use crate::{Proof, State};
use domain::Timestamp;
use vault::{Vault, Warning};

/// Whether any secret is due: older than 90 days, about to expire, expired, or half replaced.
pub fn the_secrets_are_fresh(vault: &Vault, now: Timestamp) -> Proof {
    let name = "vault.age";
    let entries = match vault.list() {
        Ok(entries) => entries,
        Err(error) => return Proof::new(name, State::Failed, format!("the vault cannot be read: {error}")),
    };
    let due: Vec<String> = entries
        .iter()
        .flat_map(|entry| entry.warnings(now).into_iter().map(move |warning| (&entry.name, warning)))
        .map(|(secret, warning)| match warning {
            Warning::Old { days } => format!("{secret} is {days} days old"),
            Warning::ExpiresSoon { days } => format!("{secret} expires in {days} day(s)"),
            Warning::Expired => format!("{secret} has expired and is not lent any more"),
            Warning::Staged => format!("a new value of {secret} was never proved"),
        })
        .collect();
    if due.is_empty() {
        let detail =
            format!("looked at {} secret(s): none is older than 90 days or about to expire", entries.len());
        return Proof::new(name, State::Holds, detail);
    }
    Proof::new(name, State::Off, format!("{}: `hardshell secret rotate NAME`", due.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;
    use vault::{About, KeySource, SecretText};

    #[test]
    fn a_secret_is_due_after_ninety_days_and_before_it_expires() {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let vault = Vault::open(home.path(), &KeySource::File).unwrap();
        let hosts = || vec!["a.example".parse().unwrap()];
        let about = About { hosts: hosts(), ..About::default() };
        let secret = || SecretText::new("correct horse".to_string()).unwrap();
        vault.set(&"old".parse().unwrap(), secret(), about).unwrap();
        let now = vault.list().unwrap()[0].created;
        let days = |count: u64| now.after(Duration::from_secs(count * 86_400));
        assert_eq!(the_secrets_are_fresh(&vault, days(89)).state, State::Holds);
        let due = the_secrets_are_fresh(&vault, days(90));
        assert_eq!(due.state, State::Off);
        assert!(due.detail.contains("old is 90 days old"), "{}", due.detail);
        let about = About { hosts: hosts(), expires: Some(days(20)), ..About::default() };
        vault.set(&"brief".parse().unwrap(), secret(), about).unwrap();
        assert_eq!(the_secrets_are_fresh(&vault, days(5)).state, State::Holds);
        assert!(the_secrets_are_fresh(&vault, days(8)).detail.contains("brief expires in 12 day(s)"));
        assert!(the_secrets_are_fresh(&vault, days(21)).detail.contains("brief has expired"));
    }
}
