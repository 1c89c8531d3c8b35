//! WebSockets, and a secret in a frame.

use crate::house::{API_KEY, House, LOOPBACK, MAIL_PASSWORD, Server, ok, scope, secret, tls};
use egress::{Error, Frame, Limits, Request, Scope};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Says back what it hears, over TLS; returns what it heard.
async fn echo() -> (egress::Settings, u16, JoinHandle<Vec<String>>) {
    let (settings, acceptor) = tls(&["api.test", "other.test"]);
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket =
            tokio_tungstenite::accept_async(acceptor.accept(stream).await.unwrap()).await.unwrap();
        let mut heard = Vec::new();
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                heard.push(text.to_string());
                socket.send(Message::Ping(Vec::new().into())).await.unwrap();
                socket.send(Message::Text("heard".into())).await.unwrap();
            }
        }
        heard
    });
    (settings, port, task)
}

fn get(host: &str, port: u16) -> Request {
    Request::get(format!("https://{host}:{port}/gateway?v=10").parse().unwrap())
}

#[tokio::test]
async fn a_secret_goes_into_a_frame_for_its_own_host() {
    let (settings, port, server) = echo().await;
    let house = House::with(settings);
    let mut socket =
        house.egress.websocket(get("api.test", port), &scope(&["api.test"], port)).await.unwrap();
    socket.send(&format!("a leak: {MAIL_PASSWORD}, no leak: {API_KEY}")).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Text("heard".to_string())));
    socket
        .send_with_secret("{\"op\":2,\"token\":\"__token__\"}", "__token__", &secret("api-key"))
        .await
        .unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Text("heard".to_string())));
    for (text, name) in [("__token__", "mail"), ("none", "api-key"), ("__token____token__", "api-key")] {
        assert!(socket.send_with_secret(text, "__token__", &secret(name)).await.is_err(), "{text} {name}");
    }
    socket.close().await;
    assert_eq!(
        server.await.unwrap(),
        [
            format!("a leak: [redacted:mail], no leak: {API_KEY}"),
            format!("{{\"op\":2,\"token\":\"{API_KEY}\"}}"),
        ]
    );
    assert_eq!(house.memory.stages(), ["connecting", "closed"]);
}

#[tokio::test]
async fn the_rules_hold_for_websockets_too() {
    let (settings, port, server) = echo().await;
    let house = House::with(settings);
    let open = scope(&["api.test"], port);
    let error = house.egress.websocket(get("other.test", port), &open).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.host");
    let error = house
        .egress
        .websocket(Request::post(get("api.test", port).url, "text/plain", "x"), &open)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error:?}");
    assert_eq!(house.memory.stages(), ["refused egress.host", "refused egress.request"]);
    server.abort();
}

#[tokio::test]
async fn a_server_that_does_not_switch_or_goes_silent_is_an_error() {
    let house = House::new();
    let server = Server::answering(|_| ok("no")).await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    let error =
        house.egress.websocket(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap_err();
    assert!(matches!(error, Error::Peer { .. }), "{error:?}");
    let (settings, port, server) = echo().await;
    let house = House::with(settings);
    let open = scope(&["api.test"], port);
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..open.limits };
    let mut socket = house.egress.websocket(get("api.test", port), &Scope { limits, ..open }).await.unwrap();
    assert!(matches!(socket.receive().await, Err(Error::Timeout { .. })));
    drop(socket);
    server.await.unwrap();
    assert_eq!(house.memory.stages(), ["connecting", "failed"]);
}
