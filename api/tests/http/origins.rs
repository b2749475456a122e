//! Pages of other origins: which may read, and that none may act.

use std::sync::atomic::Ordering;

use api::http::{Origins, Rules};

use crate::support::{RUNS, Running};

const LISTED: &str = "https://console.example";
const FOREIGN: [&str; 8] = [
    "https://evil.example",
    "null",
    "https://console.example.evil",
    "https://xconsole.example",
    "https://console.example:8443",
    "http://console.example",
    "https://console.exampl",
    "https://CONSOLE.example",
];

async fn with_console() -> Running {
    let origins = Origins::new([LISTED.to_owned()]).expect("an origin");
    Running::with(Rules { origins, ..Rules::default() }, |_| {}, None).await
}

#[tokio::test]
async fn only_listed_origins_may_read() {
    let running = with_console().await;
    for origin in FOREIGN {
        for head in [
            format!("GET /status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guest\r\norigin: {origin}"),
            format!("OPTIONS /status HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\naccess-control-request-method: GET"),
            format!("GET /nothing HTTP/1.1\r\nhost: x\r\norigin: {origin}"),
        ] {
            let got = running.ask(&head, b"").await;
            assert!(!got.headers.iter().any(|(name, _)| name.starts_with("access-control")), "{head}: {got:?}");
            assert_eq!(got.header("vary"), Some("origin"));
        }
    }
    let read = format!("GET /status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guest\r\norigin: {LISTED}");
    let got = running.ask(&read, b"").await;
    assert_eq!(
        (got.status, got.header("access-control-allow-origin"), got.header("vary")),
        (200, Some(LISTED), Some("origin"))
    );
    assert_eq!(got.header("access-control-allow-credentials"), None);
    let preflight = |path: &str, method: &str| {
        format!("OPTIONS {path} HTTP/1.1\r\nhost: x\r\norigin: {LISTED}\r\naccess-control-request-method: {method}")
    };
    let got = running.ask(&preflight("/test/echo", "POST"), b"").await;
    assert_eq!((got.status, got.header("access-control-allow-methods")), (204, Some("POST, OPTIONS")));
    let got = running.ask(&preflight("/test/echo", "DELETE"), b"").await;
    assert_eq!((got.status, got.header("access-control-allow-methods")), (204, None));
    assert_eq!(running.ask(&preflight("/nothing", "GET"), b"").await.status, 404);
}

#[tokio::test]
async fn foreign_pages_may_not_act() {
    let running = with_console().await;
    let before = RUNS.load(Ordering::SeqCst);
    let body = b"{\"word\":\"a\",\"number\":1}";
    let post = |origin: &str, kind: &str| {
        format!(
            "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: {kind}\r\norigin: {origin}"
        )
    };
    for origin in FOREIGN {
        let got = running.ask(&post(origin, "application/json"), body).await;
        assert_eq!((got.status, got.code().as_str()), (403, "foreign_origin"), "{origin}");
        let socket = format!(
            "GET /ws/telemetry HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="
        );
        assert_eq!(running.ask(&socket, b"").await.status, 403, "{origin}");
    }
    for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(running.ask(&post(LISTED, simple), body).await.status, 415);
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), before, "a handler was run");
    // The same from the listed page, and from a script.
    assert_eq!(running.ask(&post(LISTED, "application/json"), body).await.status, 200);
    let script =
        "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: application/json";
    assert_eq!(running.ask(script, body).await.status, 200);
    assert_eq!(RUNS.load(Ordering::SeqCst), before + 2);
}
