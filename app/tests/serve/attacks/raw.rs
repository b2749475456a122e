//! Bytes to the service, and what comes back: HTTP as it is spelt, and WebSockets frame by frame. Must never correct what a
//! test wants to send.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::process::PATIENCE;

/// A connection.
pub struct Wire {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// What waiting for bytes comes to.
#[derive(Debug, PartialEq)]
enum More {
    Came,
    /// The other end has ended the connection, well or not.
    Ended,
    /// Neither, in that time.
    Late,
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The code of a problem, or nothing.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Wire {
    /// From the client's address.
    pub fn open(client: &Client) -> Self {
        let stream = client.connect();
        stream.set_nodelay(true).expect("set");
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes; whether the other end took them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next reply; nothing at the end of the stream. One of both has to come.
    pub fn reply(&mut self) -> Option<Reply> {
        let mut reply = self.head()?;
        if reply.status == 101 {
            return Some(reply);
        }
        let length: usize = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.awaited()?;
        }
        reply.body = self.read.drain(..length).collect();
        Some(reply)
    }

    /// The next reply's head.
    pub fn head(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.awaited()?;
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("a head in ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Reply { status, headers: lines.filter_map(pair).collect(), body: Vec::new() })
    }

    /// Whether the service ends the connection within a time, whatever it says before.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.read.clear();
            match self.more(left.max(Duration::from_millis(1))) {
                More::Ended => return true,
                More::Late => return false,
                More::Came if left.is_zero() => return false,
                More::Came => {}
            }
        }
    }

    /// Whether the service neither says anything more nor ends the connection for a time.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.more(time) == More::Late
    }

    /// Waits for more; nothing where the connection has ended.
    fn awaited(&mut self) -> Option<()> {
        match self.more(PATIENCE) {
            More::Came => Some(()),
            More::Ended => None,
            More::Late => panic!("neither more nor an end within {PATIENCE:?}"),
        }
    }

    fn more(&mut self, time: Duration) -> More {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => More::Ended,
            Ok(read) => {
                self.read.extend_from_slice(&buffer[..read]);
                More::Came
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => More::Late,
            Err(_) => More::Ended,
        }
    }
}

/// A WebSocket, frame by frame.
pub struct Frames(pub Wire);

/// A frame that came.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Text(Value),
    Ping,
    Pong,
    /// With its code; none where the connection ended without a word.
    Closed(Option<u16>),
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const PING: u8 = 9;

impl Frames {
    /// Asks for a WebSocket.
    pub fn open(client: &Client, path: &str) -> Self {
        let mut wire = Wire::open(client);
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ));
        let reply = wire.reply().expect("a reply");
        assert_eq!(reply.status, 101, "{reply:?}");
        Self(wire)
    }

    /// The same, and says who asks.
    pub fn signed_in(client: &Client, path: &str) -> Self {
        let mut frames = Self::open(client, path);
        frames.say(&serde_json::json!({ "type": "authenticate", "token": client.token() }));
        frames.hear_until("to be let in", |text| text["type"] == "authenticated");
        frames
    }

    /// A frame as it is told: first byte, masked or not.
    pub fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        let mask = if masked { 0x80 } else { 0 };
        match payload.len() {
            short @ 0..=125 => bytes.push(mask | u8::try_from(short).expect("short")),
            long @ 126..=65_535 => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(long).expect("it fits").to_be_bytes());
            }
            longer => {
                bytes.push(mask | 127);
                bytes.extend((longer as u64).to_be_bytes());
            }
        }
        if masked {
            // The mask of zeros leaves the payload as it is.
            bytes.extend([0; 4]);
        }
        bytes.extend(payload);
        bytes
    }

    /// Sends a whole text.
    pub fn say(&mut self, message: &Value) -> bool {
        self.0.send(Self::frame(0x80 | TEXT, true, message.to_string().as_bytes()))
    }

    /// The next frame.
    pub fn hear(&mut self) -> Frame {
        let Some(first) = self.take(2) else { return Frame::Closed(None) };
        let length = match first[1] & 0x7f {
            126 => self.take(2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]]))),
            127 => panic!("a frame beyond what the service sends"),
            short => Some(usize::from(short)),
        };
        assert_eq!(first[1] & 0x80, 0, "a service masks nothing");
        let Some(payload) = length.and_then(|length| self.take(length)) else { return Frame::Closed(None) };
        match first[0] & 0xf {
            TEXT => Frame::Text(serde_json::from_slice(&payload).expect("JSON")),
            PING => Frame::Ping,
            10 => Frame::Pong,
            8 => Frame::Closed(payload.get(..2).map(|two| u16::from_be_bytes([two[0], two[1]]))),
            other => panic!("opcode {other}"),
        }
    }

    /// The next frame that is no ping.
    pub fn hear_word(&mut self) -> Frame {
        loop {
            match self.hear() {
                Frame::Ping | Frame::Pong => {}
                other => return other,
            }
        }
    }

    /// The next text that fits.
    pub fn hear_until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.hear() {
                Frame::Text(text) if fits(&text) => return text,
                Frame::Closed(code) => panic!("{what}: closed with {code:?}"),
                _ => {}
            }
        }
        panic!("{what} never came")
    }

    /// The code with which the service closes, whatever comes before.
    pub fn closed(&mut self) -> Option<u16> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Frame::Closed(code) = self.hear() {
                return code;
            }
        }
        panic!("it is not closed")
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.0.read.len() < count {
            self.0.awaited()?;
        }
        Some(self.0.read.drain(..count).collect())
    }
}
