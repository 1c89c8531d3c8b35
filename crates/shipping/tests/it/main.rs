//! The log on its way elsewhere: to a real rsyslog, to a strict collector, to files; and what happens when they go away.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod files;
#[cfg(test)]
mod history;
#[cfg(test)]
mod house;
#[cfg(test)]
mod rsyslog;
#[cfg(test)]
mod syslog;
