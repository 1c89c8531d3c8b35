//! The shipped program, started as anybody starts it: killed at every step and started again, and the messages and
//! exit codes of what goes wrong.
#![forbid(unsafe_code)]

#[cfg(test)]
mod afterwards;
#[cfg(test)]
mod backup_faults;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod ceiling;
#[cfg(test)]
mod client;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_check;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faults_check;
#[cfg(test)]
mod file_sources;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod install;
#[cfg(test)]
mod internal;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod kept_backups;
#[cfg(test)]
mod lockdown;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod no_bypass;
#[cfg(test)]
mod place;
#[cfg(test)]
mod races;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod revoke;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod sandbox_attacked;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sheet;
#[cfg(test)]
mod shipping;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod suspended;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod tracer;
#[cfg(test)]
mod typed;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod walls;
