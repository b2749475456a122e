//! The console as a browser gets it, and what it lives on: its files, scenes, peers.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{PATIENCE, Running};

type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The paths of files that the page names.
fn named(page: &str) -> Vec<String> {
    page.split('"').filter(|part| part.starts_with("/console/")).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_page_is_one_document_at_three_paths_and_all_that_it_names_is_there_to_be_kept() {
    let running = Running::start().await;
    let get = async |path: &str| running.ask(&format!("GET {path} HTTP/1.1\r\nhost: x"), b"").await;
    let page = get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("script-src 'self'; style-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for path in ["/console", "/console/", "/?still=1"] {
        let again = get(path).await;
        assert_eq!((again.status, &again.body), (200, &page.body), "{path}");
    }
    let text = page.body.clone();
    let files = named(&text);
    assert!(files.len() >= 6, "{files:?}");
    for path in &files {
        let got = get(path).await;
        let kind = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((got.status, got.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert!(got.header("etag").is_some_and(|tag| tag.starts_with('"')), "a strong tag");
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_there_whatever_it_is_called() {
    let running = Running::start().await;
    let page = running.ask("GET / HTTP/1.1\r\nhost: x", b"").await;
    let text = page.body;
    let script = named(&text).into_iter().find(|path| path.ends_with("main.js")).expect("a script");
    let version = script.split('/').nth(2).expect("a version").to_owned();
    for path in [
        script.replace(&version, "0000000000000000"),
        script.replace("main.js", "MAIN.JS"),
        script.replace("js/main.js", "css/main.js"),
        script.replace("js/main.js", "vendor/README.md"),
        script.replace("js/main.js", "vendor/SHA256SUMS"),
        script.replace("js/main.js", "index.html"),
        script.replace("js/main.js", "js/..%2f..%2fsrc%2flib.rs"),
        script.replace("js/main.js", "js/../index.html"),
        format!("/console//{}", &script[1..]),
        "/console/js/main.js".to_owned(),
        "//".to_owned(),
        "/console//".to_owned(),
        "/status/".to_owned(),
    ] {
        let got = running.ask(&format!("GET {path} HTTP/1.1\r\nhost: x"), b"").await;
        assert!([400, 404].contains(&got.status), "{path}: {got:?}");
        assert_eq!(got.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn operators_see_peers_with_their_links() {
    let running = Running::start().await;
    assert_eq!(running.get("/peers", "player").await.status, 403);
    let told = running.get("/peers", "operator").await.json();
    assert_eq!(
        told["peers"],
        json!([
            {
                "player": 1, "ship": 3, "key": "ab".repeat(32),
                "link": { "round_trip_us": 1500, "loss": 0.25, "redundancy": 2, "relays": false },
            },
            { "player": 2 },
        ])
    );
    assert_eq!((&told["turn_ticks"], &told["input_delay_turns"]), (&json!(3), &json!(2)));
}

/// Hears at least so many scenes and samples; gives how many scenes there were, and the last one.
async fn hear(ws: &mut Ws, scenes: usize, samples: usize) -> (usize, Value) {
    let (mut seen, mut scene) = ((0, 0), Value::Null);
    while seen.0 < scenes || seen.1 < samples {
        let message = ws.next().await.expect("a message").expect("sound");
        let Message::Text(text) = message else { continue };
        let value: Value = serde_json::from_str(&text).expect("JSON");
        match value["type"].as_str() {
            Some("scene") => (seen.0, scene) = (seen.0 + 1, value),
            Some("sample") => seen.1 += 1,
            _ => {}
        }
    }
    (seen.0, scene)
}

#[tokio::test]
async fn scenes_come_to_who_asks_for_them_and_once_where_nothing_moves() {
    let running = Running::start().await;
    let url = format!("ws://{}/ws/telemetry", running.server.address());
    let (mut ws, _) = connect_async(url).await.expect("a WebSocket");
    let say = |text: &str| Message::text(text.to_owned());
    ws.send(say("{\"type\":\"authenticate\",\"token\":\"guest\"}")).await.expect("sent");
    ws.send(say("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}")).await.expect("sent");
    let (scenes, _) = tokio::time::timeout(PATIENCE, hear(&mut ws, 0, 12)).await.expect("in time");
    assert_eq!(scenes, 0, "nobody has asked for any");
    ws.send(say("{\"type\":\"subscribe\",\"seq\":2,\"rate_hz\":10,\"scene\":true}")).await.expect("sent");
    // A world that stands still is told of once.
    let (scenes, scene) = tokio::time::timeout(PATIENCE, hear(&mut ws, 1, 20)).await.expect("in time");
    assert_eq!((scenes, &scene["tick"]), (1, &json!(7)));
    let ids: Vec<i64> =
        scene["bodies"].as_array().expect("bodies").iter().filter_map(|body| body["id"].as_i64()).collect();
    assert_eq!(ids, [-2, -1, 1, 2, 3, 4, 5]);
    assert!(scene["bodies"][0]["cell"].is_array() && scene["bodies"][0]["offset_m"].is_array(), "{scene}");
    assert_eq!(scene["has_more"], false);
}
