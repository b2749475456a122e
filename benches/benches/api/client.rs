//! A client over one connection that is kept, as little as a measurement needs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A connection, signed in or not.
pub struct Client {
    stream: BufReader<TcpStream>,
    authorization: String,
    body: Vec<u8>,
}

impl Client {
    pub fn new(port: u16, token: Option<&str>) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        Self { stream: BufReader::new(stream), authorization, body: Vec::new() }
    }

    /// Asks; gives the status and how long the answer's body is.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, usize) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let about = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}{about}Content-Length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            assert!(self.stream.read_line(&mut line).expect("an answer") > 0, "{method} {path}: closed");
            let Some((name, value)) = line.trim_end().split_once([':', ' ']) else { break };
            if name.starts_with("HTTP/") {
                status = value.get(..3).and_then(|code| code.parse().ok()).expect("a status");
            } else if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).expect("the body");
        (status, length)
    }

    /// Asks for what is well answered; gives how long that took, and the answer.
    pub fn timed(&mut self, method: &str, path: &str, body: Option<&Value>) -> (Duration, Value) {
        let began = Instant::now();
        let (status, _) = self.ask(method, path, body);
        let took = began.elapsed();
        assert!((200..300).contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&self.body));
        (took, serde_json::from_slice(&self.body).unwrap_or_default())
    }
}

/// Half, 99 of 100 and the longest of these times.
pub fn quantiles_ms(mut took: Vec<Duration>) -> Value {
    took.sort_unstable();
    let at = |share: f64| {
        let place = (took.len() as f64 * share).ceil() as usize;
        took.get(place.saturating_sub(1)).map(|took| took.as_secs_f64() * 1e3)
    };
    json!({ "count": took.len(), "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}
