//! Comes in: HTTP, WebSocket, sign-in, the OpenAI-compatible interface and the web page, on loopback and on a unix
//! socket.
//!
//! The gateway decides who may ask, and nothing else: it never carries out an effect, never decides a policy
//! question, never keeps or logs a secret, and listens on nothing but loopback unless TLS, authentication and an
//! explicit `exposure = "public"` are all there.
#![forbid(unsafe_code)]

mod api;
mod body;
mod caller;
mod chat;
mod config;
mod connections;
mod entry;
mod error;
mod events;
mod gate;
mod gateway;
mod house;
mod live;
mod lockout;
mod metrics;
mod names;
mod openapi;
mod operations;
mod page;
mod port_holder;
mod refusal;
mod routes;
mod server;
mod shared;
mod sign_ins;
mod socket;
mod stall;
mod tls;
pub mod wire;

pub use caller::{Caller, Proved, Scope};
pub use config::{Config, Exposure, Limits, PORT, TlsFiles};
pub use error::{Missing, StartError};
pub use events::{EVENTS_KEPT_BYTES_MAX, EVENTS_KEPT_MAX, Events};
pub use gateway::{Credentials, Gateway, Handle, Parts, clock, random};
pub use house::{Chat, ChatMessage, ChatRole, Completion, Happening, House, HouseError, Later, Model, Piece};
pub use sign_ins::{CredentialKind, SecretDigest, SignInRecord, SignIns, SignInsError, SignInsInMemory};
pub use tls::check_tls;

/// Draws random bytes: `getrandom::fill`, or a fixed source in a test.
pub type Random = std::sync::Arc<dyn Fn(&mut [u8]) -> Result<(), getrandom::Error> + Send + Sync>;
/// Reads the clock.
pub type Clock = std::sync::Arc<dyn Fn() -> domain::Timestamp + Send + Sync>;
