//! The way out.
#![forbid(unsafe_code)]

mod address;
mod url;

pub use address::AddressClass;
pub use url::{Destination, Scheme, Url, UrlError};
