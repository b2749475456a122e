//! Connections that say too little, take too little, or say it too slowly: each is closed in its limit, and nobody else
//! notices.

use std::io::{ErrorKind, Write as _};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::raw::{Frames, Wire};
use super::scene::service;
use crate::client::{Client, account};
use crate::process::{Home, turns_between};

/// Within this every one of them is closed, 30 s with what a busy machine needs.
const LIMIT: Duration = Duration::from_secs(36);
const DRIP: Duration = Duration::from_millis(500);

/// Sends a piece now and then until the connection is closed.
fn dripping(mut wire: Wire, start: &[u8], piece: &[u8]) -> Duration {
    let began = Instant::now();
    wire.send(start);
    while !wire.is_closed_within(DRIP) {
        if began.elapsed() > LIMIT || !wire.send(piece) {
            break;
        }
    }
    began.elapsed()
}

/// Asks for much and reads nothing: closed when the system takes nothing any more for it.
fn reading_nothing(mut wire: Wire) -> Duration {
    let began = Instant::now();
    wire.stream.set_write_timeout(Some(DRIP)).expect("a time-out");
    let many = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let mut rest = &many[..];
    while began.elapsed() < LIMIT {
        match wire.stream.write(rest) {
            Ok(written) => rest = if written == rest.len() { &many } else { &rest[written..] },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    began.elapsed()
}

/// A socket that subscribes and then neither reads nor answers a ping.
fn deaf(mut frames: Frames) -> Duration {
    frames.say(&json!({ "type": "subscribe", "seq": 1, "rate_hz": 10 }));
    let began = Instant::now();
    while began.elapsed() < LIMIT - Duration::from_secs(2) {
        thread::park_timeout(DRIP);
    }
    // What it was told before the end lies there still.
    frames.0.is_closed_within(Duration::from_secs(1));
    if frames.0.is_closed_within(Duration::from_millis(500)) { began.elapsed() } else { LIMIT * 2 }
}

type Slow = (&'static str, Box<dyn FnOnce() -> Duration + Send>);

fn all(client: &Client, operator: &Client) -> Vec<Slow> {
    let open = |n: u8| Wire::open(&client.from([9, n]));
    let head = "POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let (a, b, c, d, e, f, g) = (open(1), open(2), open(3), open(4), open(5), open(6), open(7));
    let [deaf_one, deaf_two] = ["/ws/telemetry", "/ws/debug"].map(|path| Frames::signed_in(operator, path));
    let unsaid = Frames::open(client, "/ws/debug").0;
    let (length, chunked) =
        (format!("{head}content-length: 1000\r\n\r\n"), format!("{head}transfer-encoding: chunked\r\n\r\n"));
    drop(e.stream.shutdown(Shutdown::Write));
    vec![
        ("says nothing", Box::new(|| dripping(a, b"", b"")) as Box<dyn FnOnce() -> Duration + Send>),
        ("says a head, letter by letter", Box::new(|| dripping(b, b"GET /health HTTP/1.1\r\nx-a: ", b"a"))),
        ("says a body, letter by letter", Box::new(move || dripping(c, length.as_bytes(), b" "))),
        ("says a body, chunk by chunk", Box::new(move || dripping(d, chunked.as_bytes(), b"1\r\n \r\n"))),
        ("is open by half", Box::new(|| dripping(e, b"", b""))),
        ("is kept and not used", Box::new(|| dripping(f, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n", b""))),
        ("reads nothing", Box::new(|| reading_nothing(g))),
        ("opens a socket and does not say who asks", Box::new(|| dripping(unsaid, b"", b"\x89\x80\0\0\0\0"))),
        ("subscribes and is deaf", Box::new(|| deaf(deaf_one))),
        ("debugs and is deaf", Box::new(|| deaf(deaf_two))),
    ]
}

#[test]
fn whoever_is_slow_is_closed_in_time_and_nobody_else_notices() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let operator = client.signed_in("some-operator");
    let before = home.asked("status");
    let slow: Vec<_> = all(&client, &operator).into_iter().map(|(what, run)| (what, thread::spawn(run))).collect();
    // The control: a connection that is used now and then outlives all of them.
    let mut used = Wire::open(&operator);
    let mut times = Vec::new();
    while slow.iter().any(|(_, thread)| !thread.is_finished()) {
        let began = Instant::now();
        assert_eq!(operator.get("/status").status, 200);
        times.push(began.elapsed());
        used.send("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(used.reply().map(|reply| reply.status), Some(200));
        thread::park_timeout(Duration::from_millis(100));
    }
    for (what, thread) in slow {
        let took = thread.join().expect("it ends");
        println!("{what}: closed after {took:?}");
        assert!(took <= LIMIT, "whoever {what} is open after {took:?}");
    }
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(median < Duration::from_millis(100) && worst < Duration::from_secs(3), "{median:?}, {worst:?}");
    let (turns, _, seconds) = turns_between(&before, &home.asked("status"));
    assert!(turns as f64 / seconds > 25.0, "{turns} turns in {seconds} s");
    service.stops();
}
