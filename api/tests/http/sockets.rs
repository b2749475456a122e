//! WebSockets: who may speak, what is taken, how they end.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::clock::{Clock, SystemClock};
use api::http::ws::Close;
use api::http::{Rules, SocketRules};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{PATIENCE, Running};

type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(running: &Running) -> Ws {
    connect_to(running, "/ws/telemetry").await
}

async fn connect_to(running: &Running, path: &str) -> Ws {
    let url = format!("ws://{}{path}", running.server.address());
    connect_async(url).await.expect("a WebSocket").0
}

async fn signed_in(running: &Running) -> Ws {
    let mut ws = connect(running).await;
    say(&mut ws, "{\"type\":\"authenticate\",\"token\":\"guest\"}").await;
    assert_eq!(hear(&mut ws).await["type"], "authenticated");
    ws
}

async fn say(ws: &mut Ws, text: &str) {
    ws.send(Message::text(text)).await.expect("sent");
}

/// The next message that is JSON.
async fn hear(ws: &mut Ws) -> Value {
    loop {
        let message =
            tokio::time::timeout(PATIENCE, ws.next()).await.expect("in time").expect("a message").expect("sound");
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

/// The code that the socket is closed with, whatever else comes before.
async fn closed(ws: &mut Ws) -> Option<u16> {
    let end = async {
        loop {
            match ws.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| u16::from(frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    tokio::time::timeout(PATIENCE, end).await.expect("an end")
}

fn code(close: Close) -> Option<u16> {
    Some(close.told().0)
}

#[tokio::test]
async fn the_first_message_authenticates() {
    let running = Running::start().await;
    for (first, close) in [
        ("{\"type\":\"authenticate\",\"token\":\"nobody\"}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"token\":7}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"token\":\"admin\",\"role\":\"admin\"}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"token\":\"guest\",\"token\":\"admin\"}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}", Close::NotAuthenticated),
        ("authenticate", Close::Contract),
        ("[[[[", Close::Contract),
    ] {
        let mut ws = connect(&running).await;
        say(&mut ws, first).await;
        assert_eq!(closed(&mut ws).await, code(close), "{first}");
    }
    let mut ws = connect(&running).await;
    ws.send(Message::binary(b"{}".to_vec())).await.expect("sent");
    assert_eq!(closed(&mut ws).await, code(Close::NotText));
    signed_in(&running).await;
    // The header does not help, nor does a token in the query.
    let head = "GET /ws/telemetry?token=admin HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==";
    assert_eq!(running.ask(head, b"").await.status, 400);
    assert_eq!(running.get("/ws/telemetry", "admin").await.at(), "header.upgrade");
}

#[tokio::test]
async fn silence_before_the_first_message_is_cut_off() {
    assert_eq!(SocketRules::default().authenticate_time, Duration::from_secs(10));
    let sockets = SocketRules { authenticate_time: Duration::from_millis(500), ..SocketRules::default() };
    let running = Running::with(Rules { sockets, ..Rules::default() }, |_| {}, None).await;
    let mut ws = connect(&running).await;
    let began = Instant::now();
    // Pings are no message.
    ws.send(Message::Ping(b"a".to_vec().into())).await.expect("sent");
    assert_eq!(closed(&mut ws).await, code(Close::NotAuthenticated));
    assert!(began.elapsed() >= Duration::from_millis(450));
}

#[tokio::test]
async fn what_breaks_the_contract_closes() {
    let running = Running::start().await;
    for (message, close) in [
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":11}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":0}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":\"1\"}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1}", Close::Contract),
        ("{\"type\":\"subscribe\",\"rate_hz\":1}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":-1,\"rate_hz\":1}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":1,\"role\":\"admin\"}", Close::Contract),
        ("{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":1,\"rate_hz\":1}", Close::Contract),
        ("{\"type\":\"order\",\"seq\":1}", Close::Contract),
        ("{\"seq\":1}", Close::Contract),
        ("7", Close::Contract),
        ("", Close::Contract),
    ] {
        let mut ws = signed_in(&running).await;
        say(&mut ws, message).await;
        assert_eq!(closed(&mut ws).await, code(close), "{message}");
    }
    for stale in [1, 2] {
        let mut ws = signed_in(&running).await;
        say(&mut ws, "{\"type\":\"subscribe\",\"seq\":2,\"rate_hz\":1}").await;
        say(&mut ws, &format!("{{\"type\":\"subscribe\",\"seq\":{stale},\"rate_hz\":1}}")).await;
        assert_eq!(closed(&mut ws).await, code(Close::Sequence));
    }
    let mut ws = signed_in(&running).await;
    say(&mut ws, &" ".repeat(5000)).await;
    assert_eq!(closed(&mut ws).await, code(Close::TooLarge));
    let mut ws = signed_in(&running).await;
    ws.send(Message::binary(vec![1])).await.expect("sent");
    assert_eq!(closed(&mut ws).await, code(Close::NotText));
    let mut ws = signed_in(&running).await;
    let frame = tokio_tungstenite::tungstenite::protocol::frame::Frame::message(
        b"{\"\xff\":1}".to_vec(),
        tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode::Data(
            tokio_tungstenite::tungstenite::protocol::frame::coding::Data::Text,
        ),
        true,
    );
    ws.send(Message::Frame(frame)).await.expect("sent");
    assert_eq!(closed(&mut ws).await, code(Close::NotUtf8));
}

#[tokio::test]
async fn subscribers_get_rising_samples_at_their_rate() {
    let running = Running::start().await;
    let mut ws = signed_in(&running).await;
    say(&mut ws, "{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}").await;
    assert_eq!(hear(&mut ws).await["type"], "subscribed");
    let mut numbers = Vec::new();
    while numbers.len() < 10 {
        let sample = hear(&mut ws).await;
        assert_eq!((sample["type"].as_str(), sample["tick"].as_u64()), (Some("sample"), Some(7)));
        numbers.extend(sample["sample"].as_u64());
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    say(&mut ws, "{\"type\":\"unsubscribe\",\"seq\":5}").await;
    while hear(&mut ws).await["type"] != "subscribed" {}
    assert!(tokio::time::timeout(Duration::from_millis(500), ws.next()).await.is_err(), "samples go on");
}

#[tokio::test]
async fn the_end_of_a_sign_in_is_the_end_of_its_sockets() {
    let running = Running::start().await;
    let mut ws = signed_in(&running).await;
    running.gate.revoked.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(closed(&mut ws).await, code(Close::NotAuthenticated));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    running.gate.revoked.store(false, Ordering::SeqCst);
    running.gate.ends_at.store(SystemClock::default().now().0 + 1000, Ordering::SeqCst);
    let mut ws = signed_in(&running).await;
    assert_eq!(closed(&mut ws).await, code(Close::NotAuthenticated));
    running.gate.ends_at.store(0, Ordering::SeqCst);
    let mut ws = signed_in(&running).await;
    let (_, end) = tokio::join!(running.server.end(), closed(&mut ws));
    assert_eq!(end, code(Close::Ending));
}

#[tokio::test]
async fn a_newer_token_of_the_same_sign_in_lets_a_socket_live_on() {
    let running = Running::start().await;
    let until = SystemClock::default().now().0 + 2000;
    running.gate.ends_at.store(until, Ordering::SeqCst);
    let (mut renewed, mut other) = (signed_in(&running).await, signed_in(&running).await);
    running.gate.ends_at.store(0, Ordering::SeqCst);
    say(&mut renewed, "{\"type\":\"authenticate\",\"seq\":3,\"token\":\"guest\"}").await;
    let hello = hear(&mut renewed).await;
    assert_eq!((hello["type"].as_str(), hello["re"].as_u64()), (Some("authenticated"), Some(3)), "{hello}");
    assert!(hello["expires_at"].as_str().is_some_and(|at| at.starts_with("9999")), "{hello}");
    assert_eq!(closed(&mut other).await, code(Close::NotAuthenticated));
    assert!(SystemClock::default().now().0 >= until);
    say(&mut renewed, "{\"type\":\"subscribe\",\"seq\":4,\"rate_hz\":1}").await;
    assert_eq!(hear(&mut renewed).await["type"], "subscribed");
    for (again, close) in [
        // Another sign-in's, nobody's, none, with something besides, and without a number or an old one.
        ("{\"type\":\"authenticate\",\"seq\":5,\"token\":\"admin\"}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"seq\":5,\"token\":\"nobody\"}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"seq\":5}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"seq\":5,\"token\":\"guest\",\"role\":\"admin\"}", Close::NotAuthenticated),
        ("{\"type\":\"authenticate\",\"token\":\"guest\"}", Close::Contract),
        ("{\"type\":\"authenticate\",\"seq\":4,\"token\":\"guest\"}", Close::Sequence),
    ] {
        let mut ws = signed_in(&running).await;
        say(&mut ws, "{\"type\":\"subscribe\",\"seq\":4,\"rate_hz\":1}").await;
        say(&mut ws, again).await;
        assert_eq!(closed(&mut ws).await, code(close), "{again}");
    }
}

#[tokio::test]
async fn the_stream_heals_and_its_health_shows() {
    let running = Running::start().await;
    let mut ws = signed_in(&running).await;
    say(&mut ws, "{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}").await;
    let condition = async || {
        let got = running.get("/health", "guest").await;
        assert_eq!(got.status, 200);
        got.json()["parts"][0]["condition"].as_str().unwrap_or_default().to_owned()
    };
    let until = async |wanted: &str| {
        let began = Instant::now();
        while condition().await != wanted {
            assert!(began.elapsed() < PATIENCE, "never {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        began.elapsed()
    };
    until("well").await;
    running.api.telemetry.kill();
    let took = until("degraded").await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    until("well").await;
    let newest = running.api.telemetry.watch().borrow().as_ref().map_or(0, |sample| sample.number);
    while hear(&mut ws).await["sample"].as_u64().is_none_or(|number| number < newest) {}
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_closed_and_others_go_on() {
    let stall_time = Duration::from_secs(1);
    let sockets = SocketRules { silent_time: stall_time, ping_every: stall_time / 4, ..SocketRules::default() };
    let running = Running::with(Rules { sockets, ..Rules::default() }, |_| {}, None).await;
    let mut blocked = signed_in(&running).await;
    say(&mut blocked, "{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}").await;
    let mut other = signed_in(&running).await;
    say(&mut other, "{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}").await;
    // It reads nothing, so it answers no ping.
    let began = Instant::now();
    while running.api.metrics.text().contains("spacetime_api_sockets 2") {
        hear(&mut other).await;
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(hear(&mut other).await["type"], "sample");
}

#[tokio::test]
async fn who_has_not_said_who_they_are_takes_up_nobodys_place() {
    let running = Running::start().await;
    let token = "{\"type\":\"authenticate\",\"token\":\"guest\"}";
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(connect_to(&running, "/test/socket").await);
    }
    let mut let_in = Vec::new();
    for _ in 0..2 {
        let mut ws = connect_to(&running, "/test/socket").await;
        say(&mut ws, token).await;
        assert_eq!(hear(&mut ws).await["type"], "authenticated");
        let_in.push(ws);
    }
    let mut one_more = connect_to(&running, "/test/socket").await;
    say(&mut one_more, token).await;
    assert_eq!(closed(&mut one_more).await, code(Close::TooMany));
    let_in.pop().expect("one").close(None).await.expect("closed");
    // Its place is free once it has gone.
    let end = Instant::now() + PATIENCE;
    loop {
        let mut ws = connect_to(&running, "/test/socket").await;
        say(&mut ws, token).await;
        let first = tokio::time::timeout(PATIENCE, ws.next()).await.expect("in time");
        if matches!(first, Some(Ok(Message::Text(_)))) {
            break;
        }
        assert!(Instant::now() < end, "its place stays taken");
    }
    drop(silent);
}

#[tokio::test]
async fn a_newer_licence_closes_what_is_open() {
    let running = Running::start().await;
    let mut ws = signed_in(&running).await;
    running.gate.is_unlicensed.store(true, Ordering::SeqCst);
    assert_eq!(closed(&mut ws).await, code(Close::NotAllowed));
}
