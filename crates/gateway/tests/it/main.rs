//! The gateway over real sockets: what it serves, what it refuses, and to whom.

mod client;
mod credentials;
mod house;
mod limits;
mod malformed;
mod official_clients;
mod openai;
mod openapi;
mod origins;
mod page;
mod sign_in;
mod sockets;
mod start;
mod tls;
mod unix_socket;
