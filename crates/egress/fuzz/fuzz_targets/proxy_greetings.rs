//! Any bytes are the greeting of a TLS client or a SOCKS client, the beginning of one, or an error; a greeting that is
//! complete stays what it is when it is cut and completed; and what a proxy process asks is a question or an error:
//! `cargo +nightly fuzz run --fuzz-dir crates/egress/fuzz proxy_greetings`.
#![no_main]

use egress::proxy::{Hello, read_hello};
use proxy::wire::Ask;
use proxy::{SocksRequest, read_socks_request};
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
    if let Ok(ask) = serde_json::from_slice::<Ask>(bytes) {
        assert_eq!(serde_json::from_slice::<Ask>(&serde_json::to_vec(&ask).unwrap()).unwrap(), ask);
    }
    if let Ok(SocksRequest::Connect { .. }) = read_socks_request(bytes) {
        for length in 0..bytes.len() {
            assert_eq!(read_socks_request(&bytes[..length]), Ok(SocksRequest::Incomplete));
        }
    }
});
