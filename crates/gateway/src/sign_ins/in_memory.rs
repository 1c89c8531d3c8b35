//! Sign-ins that last as long as the process, for a house that keeps nothing (`hardshell demo`) and for tests.

use super::{CredentialKind, SecretDigest, SignInRecord, SignIns, SignInsError};
use domain::Timestamp;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most records; beyond it none is taken, so that a loop cannot fill the memory.
const RECORDS_MAX: usize = 10_000;

/// Sign-ins in memory.
#[derive(Debug, Default)]
pub struct SignInsInMemory {
    records: Mutex<Vec<SignInRecord>>,
}

impl SignInsInMemory {
    fn records(&self) -> MutexGuard<'_, Vec<SignInRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignIns for SignInsInMemory {
    fn keep(&self, record: SignInRecord) -> BoxFuture<'_, Result<(), SignInsError>> {
        let mut records = self.records();
        let taken = records.iter().any(|other| other.digest == record.digest || other.id == record.id);
        let result = if taken || records.len() >= RECORDS_MAX {
            let why = if taken { "its id is taken" } else { "there are too many" };
            Err(SignInsError { step: "written", why: why.to_string() })
        } else {
            records.push(record);
            Ok(())
        };
        ready(result).boxed()
    }

    fn find(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>> {
        let found =
            self.records().iter().find(|record| record.kind == kind && record.digest == digest).cloned();
        ready(Ok(found)).boxed()
    }

    fn take(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>> {
        let mut records = self.records();
        let at = records.iter().position(|record| record.kind == kind && record.digest == digest);
        ready(Ok(at.map(|at| records.remove(at)))).boxed()
    }

    fn remove(&self, id: &str) -> BoxFuture<'_, Result<bool, SignInsError>> {
        let mut records = self.records();
        let before = records.len();
        records.retain(|record| record.id != id);
        ready(Ok(records.len() < before)).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<SignInRecord>, SignInsError>> {
        let mut all = self.records().clone();
        all.sort_by_key(|record| std::cmp::Reverse(record.created));
        ready(Ok(all)).boxed()
    }

    fn prune(&self, now: Timestamp) -> BoxFuture<'_, Result<(), SignInsError>> {
        self.records().retain(|record| record.expires >= now);
        ready(Ok(())).boxed()
    }
}
