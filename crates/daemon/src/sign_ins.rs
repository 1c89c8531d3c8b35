//! Links, browsers and tokens, kept in the store.

use domain::Timestamp;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gateway::{CredentialKind, Scope, SecretDigest, SignInRecord, SignIns, SignInsError};
use std::sync::Arc;
use store::{SignIn, Store};

/// Keeps sign-ins in the store.
pub struct KeptSignIns {
    store: Store,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl KeptSignIns {
    /// Keeps them in `store`.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { store, clock }
    }
}

fn failed(step: &'static str) -> impl Fn(store::Error) -> SignInsError {
    move |error| SignInsError { step, why: error.to_string() }
}

fn to_store(record: SignInRecord) -> SignIn {
    SignIn {
        kind: record.kind.as_str().to_string(),
        digest: *record.digest.as_bytes(),
        id: record.id,
        name: record.name,
        principal: record.principal,
        scopes: record.scopes.iter().map(|scope| scope.as_str().to_string()).collect(),
        created: record.created,
        expires: record.expires,
        revoked: None,
    }
}

/// What is kept of a kind or scope that this program does not know is good for nothing.
fn from_store(sign_in: SignIn) -> Option<SignInRecord> {
    let kind = CredentialKind::ALL.into_iter().find(|kind| kind.as_str() == sign_in.kind)?;
    let scope = |word: &String| Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
    Some(SignInRecord {
        digest: SecretDigest::from_bytes(sign_in.digest),
        id: sign_in.id,
        kind,
        name: sign_in.name,
        principal: sign_in.principal,
        scopes: sign_in.scopes.iter().map(scope).collect::<Option<_>>()?,
        created: sign_in.created,
        expires: sign_in.expires,
    })
}

impl SignIns for KeptSignIns {
    fn keep(&self, record: SignInRecord) -> BoxFuture<'_, Result<(), SignInsError>> {
        async move { self.store.run(move |tx| tx.add_sign_in(&to_store(record))).await.map_err(failed("written")) }.boxed()
    }

    fn find(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>> {
        async move {
            let found = self.store.run(move |tx| tx.sign_in(kind.as_str(), digest.as_bytes())).await;
            Ok(found.map_err(failed("read"))?.and_then(from_store))
        }
        .boxed()
    }

    fn take(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>> {
        let now = (self.clock)();
        async move {
            let taken =
                self.store.run(move |tx| tx.take_sign_in(kind.as_str(), digest.as_bytes(), now)).await;
            Ok(taken.map_err(failed("written"))?.and_then(from_store))
        }
        .boxed()
    }

    fn remove(&self, id: &str) -> BoxFuture<'_, Result<bool, SignInsError>> {
        let (id, now) = (id.to_string(), (self.clock)());
        async move { self.store.run(move |tx| tx.revoke_sign_in(&id, now)).await.map_err(failed("written")) }
            .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<SignInRecord>, SignInsError>> {
        async move {
            let all = self.store.run(|tx| tx.sign_ins()).await.map_err(failed("read"))?;
            Ok(all.into_iter().filter_map(from_store).collect())
        }
        .boxed()
    }

    fn prune(&self, now: Timestamp) -> BoxFuture<'_, Result<(), SignInsError>> {
        async move { self.store.run(move |tx| tx.prune_sign_ins(now)).await.map_err(failed("written")) }
            .boxed()
    }
}
