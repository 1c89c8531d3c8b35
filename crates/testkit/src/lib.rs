//! Far sides of sockets, for tests: strict about what they accept, awkward in how they answer.
//!
//! A development dependency only. Nothing here pretends to be a part of Hardshell itself.
#![forbid(unsafe_code)]

pub mod anthropic;
pub mod http;
pub mod ollama;
pub mod openai;
pub mod otlp;
mod shape;
pub mod smtp;
