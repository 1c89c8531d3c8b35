//! The gateway over real sockets: what it serves, what it refuses, and to whom.

#[cfg(test)]
mod client;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod house;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod official_clients;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod page;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod start;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod unix_socket;
#[cfg(test)]
mod wire;
