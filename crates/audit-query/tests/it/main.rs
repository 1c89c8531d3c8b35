//! The log searched from outside.
#![forbid(unsafe_code)]

#[cfg(test)]
mod found;
