//! The tools with real parts: real files, real programs in the real sandbox, real servers on loopback.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod files;
#[cfg(test)]
mod host;
#[cfg(test)]
mod house;
#[cfg(test)]
mod imap;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod maildir;
#[cfg(test)]
mod oauth2;
#[cfg(test)]
mod secret_stores;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod way_out;
#[cfg(test)]
mod web;
