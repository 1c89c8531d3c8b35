//! Where it may listen, and what it says when it cannot.

use crate::house::{Running, STARTED, TestHouse, parts};
use gateway::{Config, Exposure, Gateway, Missing, SignInsInMemory, StartError, TlsFiles};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub(crate) async fn refused(config: Config) -> StartError {
    let now = Arc::new(AtomicU64::new(STARTED));
    let house = TestHouse::new(&now);
    match Gateway::start(config, parts(&house, Arc::new(SignInsInMemory::default()), &now)).await {
        Ok(handle) => panic!("it listens on {}", handle.address()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn anything_but_loopback_needs_everything_that_makes_it_safe() {
    let files = TlsFiles { certificate: "/none.pem".into(), key: "/none.key".into() };
    let name = || vec!["assistant.example.org".parse().unwrap()];
    for address in
        ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "169.254.1.1:0", "[2001:db8::1]:0", "[::ffff:192.0.2.1]:0"]
    {
        for (exposure, tls, public_names, missing) in [
            (Exposure::Loopback, None, vec![], Missing::Exposure),
            (Exposure::Loopback, Some(files.clone()), name(), Missing::Exposure),
            (Exposure::Public, None, name(), Missing::Tls),
            (Exposure::Public, Some(files.clone()), vec![], Missing::Name),
        ] {
            let address = address.parse().unwrap();
            let config = Config { address, exposure, tls, public_names, ..Config::loopback(0) };
            let error = refused(config).await;
            assert!(
                matches!(error, StartError::Exposed { missing: found, .. } if found == missing),
                "{address}: {error}"
            );
            assert!(!error.hint().is_empty());
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_says_by_whom_and_what_helps() {
    let running = Running::start().await;
    let error = refused(Config::loopback(running.port())).await;
    let text = error.to_string();
    let port = running.port();
    assert!(text.starts_with(&format!("the address 127.0.0.1:{port} is taken by ")), "{text}");
    assert!(text.ends_with(&format!("(pid {})", std::process::id())), "{text}");
    assert!(
        error.hint().contains(&format!("hardshell up --port {}", port.wrapping_add(1).max(1024))),
        "{}",
        error.hint()
    );
}

#[tokio::test]
async fn a_gateway_that_stops_frees_its_port() {
    let running = Running::start().await;
    let port = running.port();
    running.handle.stop().await;
    let again = Running::with(Config::loopback(port)).await;
    assert_eq!(again.port(), port);
}
