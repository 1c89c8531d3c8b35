//! What goes to the log: never a secret.

use crate::client::{get, post, sign_in, token};
use crate::house::Running;
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_whatever_its_level() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let running = Running::start().await;
    let link = running.handle.sign_in_link().await.unwrap();
    let link_token = link.link.dangerous_reveal().split_once("#token=").unwrap().1.to_string();
    assert!(!format!("{link:?}").contains(&link_token), "not by Debug either");
    post("/api/v1/sign-in", &json!({"token": link_token})).send(&running).await;
    let cookie = sign_in(&running).await;
    let bearer = token(&running, "one", &["chat", "read"], "owner").await;
    for n in 0..12 {
        get("/api/v1/status").bearer(&format!("hs_guess-{n}-marker")).send(&running).await;
    }
    get("/api/v1/status?token=query-marker").cookie(&running, &cookie).send(&running).await;
    get("/path-marker").send(&running).await;
    let message = json!({"id": "m1", "text": "body-marker"});
    post("/api/v1/sessions/main/messages", &message).cookie(&running, &cookie).send(&running).await;
    running.handle.stop().await;

    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("answered") && log.contains("too many wrong credentials"), "it does log: {log}");
    let secrets = [link_token.as_str(), cookie.split_once('=').unwrap().1, bearer.as_str()];
    for secret in secrets.into_iter().chain(["marker"]) {
        assert!(!log.contains(secret), "{log}");
    }
}
