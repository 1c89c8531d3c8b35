//! The proxy process, as the shipped program is one.

#[cfg(test)]
mod process;
