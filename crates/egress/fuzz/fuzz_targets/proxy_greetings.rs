//! Any bytes are the greeting of a TLS client or a SOCKS client, the beginning of one, or an error; and a greeting that
//! is complete stays what it is when it is cut and completed:
//! `cargo +nightly fuzz run --fuzz-dir crates/egress/fuzz proxy_greetings`.
#![no_main]

use egress::proxy::{Hello, SocksRequest, read_hello, read_socks_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Hello::For(host)) = read_hello(bytes) {
        for length in 0..bytes.len() {
            match read_hello(&bytes[..length]) {
                Ok(Hello::For(other)) => assert_eq!(other, host),
                Ok(Hello::Incomplete) => {}
                Err(error) => panic!("a beginning of a good greeting is {error}"),
            }
        }
    }
    if let Ok(SocksRequest::Connect { .. }) = read_socks_request(bytes) {
        for length in 0..bytes.len() {
            assert_eq!(read_socks_request(&bytes[..length]), Ok(SocksRequest::Incomplete));
        }
    }
});
