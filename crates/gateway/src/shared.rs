//! What every request can reach.

use crate::connections::Connections;
use crate::live::Live;
use crate::lockout::Lockouts;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::refusal::Refusal;
use crate::wire::ErrorCode;
use crate::{Clock, House, HouseError, Limits, Random, SignIns};
use domain::Timestamp;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What every request can reach.
pub(crate) struct Shared {
    pub(crate) house: Arc<dyn House>,
    pub(crate) sign_ins: Arc<dyn SignIns>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    pub(crate) names: Names,
    /// The cookie's name where browsers come by plain HTTP: one for each port, since cookies know no ports.
    pub(crate) cookie: String,
    /// Where links lead.
    pub(crate) origin: String,
    pub(crate) lockouts: Lockouts,
    pub(crate) live: Live,
    pub(crate) connections: Arc<Connections>,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    pub(crate) openapi: bytes::Bytes,
    /// True once the gateway stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The house's answer, within the time it may take.
    pub(crate) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, HouseError>>,
    ) -> Result<T, Refusal> {
        self.ask_within(self.limits.answer_time, answer).await
    }

    /// As [`Shared::ask`], for what takes its time.
    pub(crate) async fn ask_within<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<T, HouseError>>,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(time, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => {
                let seconds = time.as_secs();
                Err(Refusal::new(ErrorCode::NotReady, format!("no answer within {seconds} seconds"))
                    .hint("`hardshell status` shows how it is"))
            }
        }
    }
}
