//! What is no HTTP, or two things at once, and what is too large: an answer that is a refusal, or an end; never a server
//! error, never a second request that nobody meant to send.

use std::time::Duration;

use serde_json::json;

use super::raw::{BINARY, Frames, PING, TEXT, Wire};
use super::scene::service;
use crate::client::{Client, account};
use crate::process::Home;

/// Sound, and the last one of its connection.
const LAST: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// What comes back of some bytes until the service ends the connection: statuses. Where it waits for more a last request is
/// sent, so that whatever the service made of the bytes is answered before that; where the bytes have no end, two.
fn statuses(client: &Client, bytes: &[u8]) -> Vec<u16> {
    let mut wire = Wire::open(client);
    wire.send(bytes);
    let (mut found, mut sent) = (Vec::new(), 0);
    loop {
        while sent < 2 && wire.is_quiet_for(Duration::from_millis(200)) {
            wire.send(LAST);
            sent += 1;
        }
        let Some(reply) = wire.reply() else { return found };
        assert!(reply.header("location").is_none() && reply.header("server").is_none(), "{reply:?}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!text.contains("smuggled") && !text.contains(".rs"), "{text}");
        found.push(reply.status);
    }
}

/// The same without the last request's.
fn answers(client: &Client, bytes: &[u8]) -> Vec<u16> {
    let mut found = statuses(client, bytes);
    found.pop_if(|last| *last == 200);
    found
}

fn post(more: &str, body: &str) -> Vec<u8> {
    format!("POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}\r\n{body}").into_bytes()
}

/// Each is read in two ways by somebody: where a body ends, or where a request does.
fn ambiguous() -> Vec<(&'static str, Vec<u8>)> {
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let both = format!("0\r\n\r\n{smuggled}");
    let length = both.len();
    vec![
        ("length, then chunks", post(&format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), &both)),
        ("chunks, then length", post(&format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"), &both)),
        (
            "two lengths",
            post(&format!("content-length: 2\r\ncontent-length: {length}\r\n"), &format!("{{}}{smuggled}")),
        ),
        ("a list of lengths", post(&format!("content-length: 2, {length}\r\n"), &format!("{{}}{smuggled}"))),
        ("a length with a sign", post("content-length: +2\r\n", &format!("{{}}{smuggled}"))),
        ("a length below zero", post("content-length: -1\r\n", smuggled)),
        ("a length beyond all", post("content-length: 99999999999999999999\r\n", smuggled)),
        ("a length in hex", post("content-length: 0x2\r\n", &format!("{{}}{smuggled}"))),
        (
            "a chunk that is too long",
            post("transfer-encoding: chunked\r\n", &format!("fffffffffffffffff\r\n{smuggled}")),
        ),
        ("a chunk without a length", post("transfer-encoding: chunked\r\n", &format!("\r\n{smuggled}"))),
        ("a chunk below zero", post("transfer-encoding: chunked\r\n", &format!("-1\r\n{smuggled}"))),
        ("a chunk longer than it says", post("transfer-encoding: chunked\r\n", &format!("2\r\n{{}}x\r\n{smuggled}"))),
        ("another coding", post("transfer-encoding: gzip, chunked, identity\r\n", &both)),
        ("a coding with a tab", post("transfer-encoding:\x0bchunked\r\n", &both)),
        ("chunks twice", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", &both)),
        ("a name with a space", post("transfer-encoding : chunked\r\n", &both)),
        ("a folded header", post(&format!("x-a: b\r\n content-length: {length}\r\n"), smuggled)),
        (
            "chunks in HTTP/1.0",
            format!("POST /sign-in HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n{both}").into_bytes(),
        ),
    ]
}

/// Each is no request that the service takes.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let head = |line: &str| format!("{line}\r\nhost: x\r\n\r\n").into_bytes();
    let many = (0..200).map(|n| format!("x-{n}: a\r\n")).collect::<String>();
    vec![
        ("HTTP/0.9", b"GET /health\r\n\r\n".to_vec()),
        ("HTTP/3.0", head("GET /health HTTP/3.0")),
        ("HTTP/1.2", head("GET /health HTTP/1.2")),
        ("no version", head("GET /health")),
        ("lower-case", head("GET /health http/1.1")),
        ("nothing", b"\r\n\r\n\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("noise", (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("an SMTP greeting", b"EHLO example.org\r\nMAIL FROM:<a@b>\r\n\r\n".to_vec()),
        ("a NUL in the path", head("GET /hea\0lth HTTP/1.1")),
        ("a NUL in a header", b"GET /nothing HTTP/1.1\r\nhost: x\0y\r\n\r\n".to_vec()),
        ("an absolute address", head("GET http://evil.example/nothing HTTP/1.1")),
        ("another's address", head("GET //evil.example/health HTTP/1.1")),
        ("CONNECT", head("CONNECT evil.example:443 HTTP/1.1")),
        ("CONNECT here", head("CONNECT 127.0.0.1:22 HTTP/1.1")),
        ("OPTIONS of everything", head("OPTIONS * HTTP/1.1")),
        ("TRACE", head("TRACE /health HTTP/1.1")),
        ("PRI", head("PRI * HTTP/2.0")),
        ("a broken preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("a long method", head(&format!("{} /health HTTP/1.1", "A".repeat(9000)))),
        ("a long path", head(&format!("GET /{} HTTP/1.1", "a".repeat(60_000)))),
        ("a long query", head(&format!("GET /health?{} HTTP/1.1", "a".repeat(60_000)))),
        (
            "a long header",
            format!("GET /health HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(60_000)).into_bytes(),
        ),
        ("many headers", format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n").into_bytes()),
        ("a header without a colon", b"GET /health HTTP/1.1\r\nhost: x\r\nabc\r\n\r\n".to_vec()),
        ("a header without a name", b"GET /health HTTP/1.1\r\nhost: x\r\n: abc\r\n\r\n".to_vec()),
        ("bare line ends in a value", b"GET /health HTTP/1.1\r\nhost: x\r\nx-a: b\rc\r\n\r\n".to_vec()),
        ("a large body", post("content-length: 20000000\r\n", &"a".repeat(100_000))),
        ("a body that ends too early", post("content-length: 50\r\n", "{")),
    ]
}

#[test]
fn what_is_malformed_or_ambiguous_is_refused_and_nothing_is_smuggled() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let mut place = 0;
    let mut from = || {
        place += 1;
        client.from([7, place])
    };
    for (what, bytes) in ambiguous() {
        let found = answers(&from(), &bytes);
        // The first may be refused as the request that it is; a second one is never answered.
        assert!(found.len() <= 1 && found.iter().all(|status| (400..500).contains(status)), "{what}: {found:?}");
    }
    for (what, bytes) in malformed() {
        let found = answers(&from(), &bytes);
        let is_refused =
            |status: &u16| (400..500).contains(status) || (what == "OPTIONS of everything" && *status == 204);
        assert!(found.len() <= 1 && found.iter().all(is_refused), "{what}: {found:?}");
    }
    // The control: the same bytes without the trick are two requests, and both are answered.
    let two = [post("content-length: 2\r\n", "{}"), b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()].concat();
    assert_eq!(statuses(&from(), &two), [400, 200, 200]);
    let chunks = post("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(statuses(&from(), &chunks), [400, 200, 200]);
    // A pipeline as long as one may like is answered in its order.
    let pipeline = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /nothing HTTP/1.1\r\nhost: x\r\n\r\n".repeat(15);
    assert_eq!(statuses(&from(), &pipeline), [[200, 404].repeat(15), vec![200]].concat());
    assert_eq!(client.get("/health").status, 200);
    service.stops();
}

#[test]
fn frames_that_break_the_protocol_close_the_socket() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let operator = client.signed_in("some-operator");
    let subscribe = json!({ "type": "subscribe", "seq": 1, "rate_hz": 1 }).to_string();
    let (whole, text) = (0x80, subscribe.as_bytes());
    let frame = Frames::frame;
    let large = vec![b' '; 200_000];
    let mut fragments = frame(TEXT, true, &[b' '; 8000]);
    (0..200).for_each(|_| fragments.extend(frame(0, true, &[b' '; 8000])));
    let endless = [&[whole | TEXT, 0x80 | 127][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    for path in ["/ws/telemetry", "/ws/debug"] {
        for (what, bytes, code) in [
            ("an unmasked frame", frame(whole | TEXT, false, text), Some(4400)),
            ("a reserved opcode", frame(whole | 3, true, text), Some(4400)),
            ("a reserved control opcode", frame(whole | 11, true, b""), Some(4400)),
            ("a reserved bit", frame(whole | 0x40 | TEXT, true, text), Some(4400)),
            ("a binary message", frame(whole | BINARY, true, text), Some(1003)),
            ("a large message", frame(whole | TEXT, true, &large), Some(1009)),
            ("a message that claims to be endless", endless.clone(), Some(1009)),
            ("endless fragments", fragments.clone(), Some(1009)),
            ("a piece of nothing", frame(whole, true, text), Some(4400)),
            ("a message within a message", [frame(TEXT, true, b"{"), frame(TEXT, true, text)].concat(), Some(4400)),
            ("a ping in pieces", frame(PING, true, b""), Some(4400)),
            ("a long ping", frame(whole | PING, true, &[0; 126]), Some(4400)),
            ("text that is not UTF-8", frame(whole | TEXT, true, b"{\"\xff\":1}"), Some(1007)),
            ("a close of one byte", frame(whole | 8, true, b"\x03"), Some(4400)),
        ] {
            let mut frames = Frames::signed_in(&operator, path);
            frames.0.send(&bytes);
            let closed = frames.closed();
            // Where the service has not taken all of it the system may drop its last word, and the end is all that comes.
            let is_cut = closed.is_none() && bytes.len() > 100_000;
            assert!(closed == code || is_cut, "{path}: {what}: {closed:?}");
        }
    }
    // The control: the same bytes, spelt well, are answered; so is a message in two pieces with a ping between them.
    let mut frames = Frames::signed_in(&operator, "/ws/telemetry");
    let (head, tail) = text.split_at(9);
    frames.0.send([frame(TEXT, true, head), frame(whole | PING, true, b"a"), frame(whole, true, tail)].concat());
    frames.hear_until("an answer", |text| text["type"] == "subscribed");
    assert!(!frames.0.is_closed_within(Duration::from_millis(300)));
    assert_eq!(client.get("/health").status, 200);
    service.stops();
}
