//! The fakes, asked by others than us.

mod clients;
