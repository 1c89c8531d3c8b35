//! The commands, one file each.

pub mod approvals;
pub mod audit;
pub mod backup;
pub mod channel;
pub mod chat;
pub mod completions;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod incident;
pub mod install;
pub mod lockdown;
pub mod model;
pub mod policy;
pub mod prove;
pub mod replay;
pub mod sandbox;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod status;
pub mod up;
