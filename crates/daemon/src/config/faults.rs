//! What a configuration of the right shape may say that means nothing, and what it says without effect.

use super::locate::Step;
use super::{Config, Exposure};

/// One thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The key, with its section, as messages name it.
    pub(crate) key: String,
    /// The way to it in the file.
    pub(crate) way: Vec<Step>,
    /// What is wrong.
    pub(crate) reason: String,
    /// What helps, where the reason does not say it.
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(key: &str, reason: impl Into<String>) -> Self {
        let way = key.split('.').map(Step::from).collect();
        Self { key: key.to_string(), way, reason: reason.into(), hint: None }
    }

    /// Of the key `field` of the list entry number `at`, which calls itself `name`.
    pub(crate) fn of_entry(list: &str, at: usize, name: &str, field: &str, reason: String) -> Self {
        let name = if name.is_empty() { format!("[{at}]") } else { format!(".{name}") };
        let way = vec![list.into(), at.into(), field.into()];
        Self { key: format!("{list}{name}.{field}"), way, reason, hint: None }
    }

    pub(crate) fn with_hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl Config {
    /// What refers to nothing or contradicts itself, all of it.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(model) = &self.model
            && model != "builtin"
            && !self.models.iter().any(|known| known.name == *model)
        {
            faults.push(
                Fault::new("model", format!("no `[[models]]` entry is called `{model}`"))
                    .with_hint("hardshell model list"),
            );
        }
        for (at, mailbox) in self.mailboxes.iter().enumerate() {
            if mailbox.maildir.is_some() == mailbox.imap.is_some() {
                let reason = "it needs either `maildir` or `imap`".to_string();
                faults.push(Fault::of_entry("mailboxes", at, &mailbox.name, "name", reason));
            }
            let is_id =
                |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            if let Some(id) = mailbox.authserv_id.as_deref().filter(|id| id.is_empty() || !is_id(id)) {
                let reason = format!(
                    "`{id}` is not the name of a mail server, such as stands first in the `Authentication-Results` of a mail"
                );
                faults.push(Fault::of_entry("mailboxes", at, &mailbox.name, "authserv_id", reason));
            }
        }
        for (at, name) in self.gateway.names.iter().enumerate() {
            if name.parse::<domain::Host>().is_err() {
                let mut fault = Fault::new("gateway.names", format!("`{name}` is not a host name"));
                fault.way.push(at.into());
                faults.push(fault);
            }
        }
        if !self.gateway.address.is_loopback() {
            let missing = self.missing_for_the_public();
            if !missing.is_empty() {
                let reason = format!("an address beyond this machine needs {}", missing.join(" and "));
                faults.push(Fault::new("gateway.address", reason).with_hint(
                    "leave the address out, and use the SSH tunnel that `hardshell sign-in` prints",
                ));
            }
        }
        faults.extend(self.limits_that_mean_nothing());
        faults.extend(self.recipients_that_are_none());
        faults
    }

    /// What `[gateway]` lacks to be reached from other machines.
    fn missing_for_the_public(&self) -> Vec<&'static str> {
        let gateway = &self.gateway;
        let needed = [
            (gateway.tls.is_none(), "`tls`: a certificate and its key under `[gateway.tls]`"),
            (gateway.exposure != Exposure::Public, "`exposure = \"public\"`"),
            (gateway.names.is_empty(), "a name in `names`, by which browsers reach it"),
        ];
        needed.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect()
    }

    /// What it says that changes nothing yet. A setting that is off must look off.
    pub(crate) fn without_effect(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        let proves = |mailbox: &super::Mailbox| mailbox.authserv_id.is_some();
        if !self.sources.internal_senders.is_empty() && !self.mailboxes.iter().any(proves) {
            let reason = "has no effect, for nothing proves who sent a mail: add `authserv_id = \"mx.example.org\"` to an entry of \
                `[[mailboxes]]`, with the name that your own mail server writes first into the `Authentication-Results` of a mail";
            found.push(Fault::new("sources.internal_senders", reason));
        }
        let gateway = &self.gateway;
        // Behind a proxy with TLS, which a name says there is, it stays on this machine's own address.
        if gateway.exposure == Exposure::Public && gateway.address.is_loopback() && gateway.names.is_empty() {
            let missing = self.missing_for_the_public();
            let reason = format!(
                "has no effect: `address` is this machine's own, and for others it needs {}",
                missing.join(" and ")
            );
            found.push(Fault::new("gateway.exposure", reason));
        }
        found
    }
}
