//! The way out of a sandbox: what programs ask for on a listener that only one run can reach is judged and carried out.
//!
//! The listener itself identifies the run, so nobody logs in. What programs say is read by a process of the run's own,
//! which has no secret and nothing to decide; what it asks for is judged here as if a program had sent it itself. Names
//! are resolved here; a run that asks for an address, a number form, or anything else that is not a strict host name is
//! refused. What passes by unread must be TLS for exactly the host that was asked for; a host whose rules name methods
//! or paths, or that one of the run's placeholders belongs to, is spoken to under a certificate of this home's own, and
//! each request is judged.

mod authority;
mod forward;
mod hello;
mod placeholder;
mod tunnel;

pub use authority::{Authority, Leaf};
pub use forward::{Asked, Origin};
pub use hello::{HELLO_BYTES_MAX, Hello, HelloError, read_hello};
pub use placeholder::{Binding, Placeholder, Placeholders};
pub use tunnel::{Passing, Tunnel};

use crate::connect::reason;
use crate::record::Trace;
use crate::rules::refusal;
use crate::{Destination, Egress, Error, Limits, Refusal, Rules};
use std::sync::Arc;
use std::time::Duration;

/// How long a program has for what it says before its bytes are passed on: greeting, head, ClientHello.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(15);

/// What one run may do.
#[derive(Clone)]
pub struct Run {
    /// Its name in records: `run 17`.
    pub who: String,
    /// What it may reach.
    pub rules: Arc<Rules>,
    /// How much and how long, for each request or connection.
    pub limits: Limits,
    /// What stands for secrets in it.
    pub placeholders: Placeholders,
}

/// Judges what the programs of one run ask for, and carries it out. What asks is not believed: it may be a process that
/// a program has taken over.
pub struct Judge {
    egress: Arc<Egress>,
    run: Run,
}

impl Limits {
    /// For what a program in a sandbox does: long downloads, each piece within two minutes.
    #[must_use]
    pub fn proxied() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            body_bytes_max: 4 * 1024 * 1024 * 1024,
            head_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(120),
            total_timeout: Duration::from_secs(3600),
            redirects_max: 0,
            ..Self::default()
        }
    }
}

impl Egress {
    /// Judges for the programs of one run, on what their proxy asks for them.
    #[must_use]
    pub fn proxy(self: &Arc<Self>, run: Run) -> Arc<Judge> {
        Arc::new(Judge { egress: Arc::clone(self), run })
    }
}

impl Judge {
    /// Follows an attempt of the run.
    fn trace(&self, destination: &str, port: u16) -> Trace {
        Trace::new(self.egress.observer(), self.egress.redactor().ok(), &self.run.who, destination, port)
    }

    /// Records something that was not let out before there was a destination to judge.
    pub fn refused(&self, destination: &str, port: u16, rule: &'static str, why: &str) {
        self.trace(destination, port).refused(rule, why);
    }

    /// Whether requests to this host are looked into.
    fn inspects(&self, destination: &Destination, port: u16) -> bool {
        self.run.rules.needs_inspection(destination, port) || self.run.placeholders.are_for(destination, port)
    }
}

/// A program in a sandbox names its hosts; an address, which says nothing of whose it is, is not reached.
fn is_named(destination: &Destination, port: u16) -> Result<(), Refusal> {
    let address = || refusal("egress.host", destination, port, "it is an address, and no name".to_string());
    destination.name().map(drop).ok_or_else(address)
}

/// Tells an attempt's trace what became of it, whichever kind of error it was.
fn tell(trace: &mut Trace, error: &Error) {
    match error.refusal() {
        Some(Refusal { rule, why, destination: _ }) => trace.refused(rule, why),
        None => trace.failed(&reason(error)),
    }
}
