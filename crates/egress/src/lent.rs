//! Which secrets went along on which open connections, so that a secret that is taken out of use ends them.

use crate::{Egress, Error};
use domain::SecretName;
use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The connections of one process that a secret went along on.
pub(crate) struct Lent {
    open: Mutex<BTreeMap<u64, (SecretName, TcpStream)>>,
    number: Mutex<u64>,
    /// Everything that is out of use, as last looked at.
    revoked: watch::Sender<Vec<SecretName>>,
}

/// Says that a connection is open. Dropping it says that it is over.
pub(crate) struct Held(Arc<Lent>, u64);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Lent {
    pub(crate) fn new() -> Arc<Self> {
        let revoked = watch::Sender::new(Vec::new());
        Arc::new(Self { open: Mutex::default(), number: Mutex::new(0), revoked })
    }

    /// Remembers that `secret` goes along on `socket`.
    pub(crate) fn hold(
        self: &Arc<Self>,
        secret: &SecretName,
        socket: &tokio::net::TcpStream,
    ) -> std::io::Result<Held> {
        let other = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
        let mut number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        *number = number.saturating_add(1);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(*number, (secret.clone(), other));
        Ok(Held(Arc::clone(self), *number))
    }
}

impl Egress {
    /// Ends every connection on which a secret went along that is out of use by now, in both directions and whatever
    /// is under way on it, and wakes those who wait in [`Egress::revoked`]. Tells how many ended.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when the vault cannot be read.
    pub fn end_revoked(&self) -> Result<usize, Error> {
        let revoked: Vec<SecretName> =
            self.vault.revoked()?.into_keys().filter_map(|name| name.parse().ok()).collect();
        let mut ended = 0_usize;
        for (secret, socket) in self.lent.open.lock().unwrap_or_else(PoisonError::into_inner).values() {
            // One that is over already cannot be ended again.
            if revoked.contains(secret) && socket.shutdown(Shutdown::Both).is_ok() {
                ended = ended.saturating_add(1);
            }
        }
        self.lent.revoked.send_if_modified(|known| std::mem::replace(known, revoked.clone()) != revoked);
        Ok(ended)
    }

    /// Returns when one of `secrets` is out of use; never when there are none.
    pub async fn revoked(&self, secrets: &[SecretName]) {
        let mut known = self.lent.revoked.subscribe();
        let gone =
            known.wait_for(|revoked| secrets.iter().any(|secret| revoked.contains(secret))).await.is_ok();
        if !gone {
            std::future::pending::<()>().await;
        }
    }
}
