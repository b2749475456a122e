//! Connections: kept alive, limited, closed when they do nothing; over HTTP/1.1 and HTTP/2.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::http::Rules;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Running};

/// Small enough to wait for, large enough for a busy machine.
const SHORT: Duration = Duration::from_millis(700);

async fn hasty() -> Running {
    let change = |listen: &mut api::http::Listen| {
        (listen.head_time, listen.idle_time, listen.stall_time) = (SHORT, SHORT, SHORT);
        listen.requests_per_connection = 200;
    };
    Running::with(Rules { body_time: SHORT, ..Rules::default() }, change, None).await
}

#[tokio::test]
async fn a_hundred_requests_go_over_one_connection_and_idle_ones_are_closed() {
    let running = hasty().await;
    let mut client = running.client().await;
    for _ in 0..100 {
        assert_eq!(client.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
    }
    let began = Instant::now();
    assert!(client.is_closed_within(PATIENCE).await);
    assert!(began.elapsed() > SHORT / 2, "closed after {:?}", began.elapsed());
    let mut client = running.client().await;
    let got = client.ask("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close", b"").await;
    assert_eq!((got.status, got.header("connection")), (200, Some("close")));
    assert!(client.is_closed_within(PATIENCE).await);
    // Without such haste the same connection stays.
    let calm = Running::start().await;
    let mut client = calm.client().await;
    assert_eq!(client.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
    assert!(!client.is_closed_within(SHORT * 2).await);
}

#[tokio::test]
async fn a_content_that_takes_its_time_comes_whole() {
    // Without anything to do, a connection would be closed after 0.7 s and cut off a second later.
    let running = hasty().await;
    let began = Instant::now();
    let got = running.client().await.ask("GET /test/lasting HTTP/1.1\r\nhost: x", b"").await;
    assert_eq!((got.status, got.body.len()), (200, 100));
    assert!(began.elapsed() > SHORT + Duration::from_secs(1), "{:?}", began.elapsed());
    let got = running.client().await.ask("GET /test/large HTTP/1.1\r\nhost: x", b"").await;
    assert_eq!((got.status, got.body.len()), (200, 2_000_000));
    let mut kept = multiplexed(&running).await;
    let request = Request::get(format!("http://{}/test/lasting", running.server.address())).body(Empty::new());
    let answer = kept.send_request(request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("all of it").to_bytes().len(), 100);
}

#[tokio::test]
async fn who_gives_no_room_for_a_content_is_cut_off() {
    let running = hasty().await;
    let stream = TcpStream::connect(running.server.address()).await.expect("a connection");
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1000)
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = Request::get("http://x/test/large").body(Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    // Its other end answers pings, and takes nothing more.
    let ended = tokio::time::timeout(PATIENCE, connection).await;
    assert!(ended.is_ok(), "it is held for ever");
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_connection_has_its_last_request() {
    let running = Running::with(Rules::default(), |listen| listen.requests_per_connection = 3, None).await;
    let mut client = running.client().await;
    for _ in 0..3 {
        client.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(client.reply().await.map(|got| got.status), Some(200));
    }
    assert!(client.is_closed_within(PATIENCE).await);
}

#[tokio::test]
async fn whoever_is_slow_is_cut_off() {
    let running = hasty().await;
    // Whoever says nothing at all, or never ends the first line of HTTP/2.
    for start in [&b""[..], b"PRI * HT"] {
        let mut client = running.client().await;
        client.send(start).await;
        assert!(client.is_closed_within(PATIENCE).await, "{:?}", String::from_utf8_lossy(start));
    }
    for start in [
        &b""[..],
        b"G",
        b"PRI * HTTP/2.0\r\n",
        b"GET /status HTTP/1.1\r\nhost: x\r\nx-a: ",
        b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET ",
    ] {
        let mut client = running.client().await;
        client.send(start).await;
        let began = Instant::now();
        // A byte now and then does not help.
        while !client.is_closed_within(SHORT / 4).await {
            client.send(b"a").await;
            assert!(began.elapsed() < PATIENCE, "{:?}", String::from_utf8_lossy(start));
        }
    }
    let mut client = running.client().await;
    client
        .send(b"POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
        .await;
    let got = client.reply().await.expect("a reply");
    assert_eq!((got.status, got.code().as_str()), (408, "slow"));
    assert!(client.is_closed_within(PATIENCE).await);
}

#[tokio::test]
async fn whoever_takes_nothing_is_cut_off() {
    let running = hasty().await;
    let mut client = running.client().await;
    // Far more replies than the sockets' buffers hold, and nobody reads them.
    let many = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    assert_eq!(client.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
    client.send(&many).await;
    let text = |running: &Running| running.api.metrics.text();
    let began = Instant::now();
    while !text(&running).contains("spacetime_api_connections 0") {
        assert!(began.elapsed() < PATIENCE, "{}", text(&running));
        tokio::time::sleep(SHORT / 10).await;
    }
}

#[tokio::test]
async fn connections_are_counted_per_address() {
    let running = Running::with(Rules::default(), |listen| listen.connections_per_address = 3, None).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = running.client().await;
        assert_eq!(client.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
        clients.push(client);
    }
    assert!(running.client().await.is_closed_within(PATIENCE).await);
    // Another address notices nothing of it.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 9], 0).into()).expect("another address");
    let mut other = running.client().await;
    other.stream = socket.connect(running.server.address()).await.expect("a connection");
    assert_eq!(other.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
    // Nor does who comes when somebody has gone.
    drop(clients);
    let began = Instant::now();
    loop {
        let mut client = running.client().await;
        client.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        if client.reply().await.is_some_and(|got| got.status == 200) {
            break;
        }
        assert!(began.elapsed() < PATIENCE);
    }
}

/// A connection of HTTP/2.
async fn multiplexed(running: &Running) -> hyper::client::conn::http2::SendRequest<Empty<bytes::Bytes>> {
    let stream = TcpStream::connect(running.server.address()).await.expect("a connection");
    let io = TokioIo::new(stream);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn fresh_kept_and_multiplexed_connections_spend_one_allowance() {
    let running = Running::start().await;
    running.gate.allowance.store(90, Ordering::SeqCst);
    let forwarded = |i: usize| {
        format!("GET /health HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 10.0.0.{i}\r\nforwarded: for=10.0.0.{i}")
    };
    let mut statuses = Vec::new();
    let mut kept = running.client().await;
    for i in 0..100 {
        statuses.push(running.ask(&forwarded(i), b"").await.status);
        statuses.push(kept.ask(&forwarded(i), b"").await.status);
    }
    let sender = multiplexed(&running).await;
    let asked = (0..100).map(|i| {
        let request = Request::get("http://x/health").header("x-forwarded-for", format!("10.0.1.{i}"));
        let mut sender = sender.clone();
        async move { sender.send_request(request.body(Empty::new()).expect("a request")).await.expect("a reply") }
    });
    // No more at once than the server allows.
    let asked: Vec<_> = futures_util::stream::iter(asked).buffered(50).collect().await;
    for got in asked {
        statuses.push(got.status().as_u16());
        assert!(got.headers().contains_key("retry-after"));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 90);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 210);
}

#[tokio::test]
async fn many_requests_go_over_one_connection_at_once() {
    let running = hasty().await;
    let sender = multiplexed(&running).await;
    let ask = |path: &str| {
        let request = Request::get(format!("http://x{path}")).header("authorization", "Bearer guest");
        let mut sender = sender.clone();
        async move { sender.send_request(request.body(Empty::new()).expect("a request")).await.expect("a reply") }
    };
    let began = Instant::now();
    let (slow, quick) = tokio::join!(ask("/test/slow"), async {
        let quick = futures_util::future::join_all((0..50).map(|_| ask("/status"))).await;
        (quick, began.elapsed())
    });
    assert_eq!(slow.status(), 204);
    assert!(quick.1 < began.elapsed(), "the slow one kept the others waiting");
    for got in quick.0 {
        assert_eq!(got.status(), 200);
        assert!(got.into_body().collect().await.expect("a body").to_bytes().starts_with(b"{"));
    }
    // With nothing to do it is closed, although its other end answers pings.
    let idle = async {
        while !sender.is_closed() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    tokio::time::timeout(PATIENCE, idle).await.expect("an end");
}

#[tokio::test]
async fn at_the_end_what_runs_is_finished() {
    let running = Running::start().await;
    let address = running.server.address();
    let mut client = running.client().await;
    let mut idle = running.client().await;
    client.send(b"GET /test/slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let began = Instant::now();
    while !running.api.metrics.text().contains("spacetime_api_in_flight 1") {
        assert!(began.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    let (ended, got) = tokio::join!(tokio::time::timeout(PATIENCE, running.server.end()), client.reply());
    assert_eq!((ended.is_ok(), got.map(|got| got.status)), (true, Some(204)));
    assert!(idle.is_closed_within(PATIENCE).await);
    assert!(TcpStream::connect(address).await.is_err());
}
