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
    /// Longest that a reply is waited for.
    pub patience: Duration,
    /// Nothing came in that time, and the connection stands.
    pub is_silent: bool,
    read: Vec<u8>,
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
        Self { stream, patience: PATIENCE, is_silent: false, read: Vec::new() }
    }

    /// Sends bytes; whether the other end took them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next reply; nothing at the end of the stream.
    pub fn reply(&mut self) -> Option<Reply> {
        let mut reply = self.head()?;
        if reply.status == 101 {
            return Some(reply);
        }
        let length: usize = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more(self.patience)?;
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
            self.more(self.patience)?;
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
            if left.is_zero() {
                return false;
            }
            self.read.clear();
            if self.more(left).is_none() {
                return Instant::now() < deadline;
            }
        }
    }

    fn more(&mut self, time: Duration) -> Option<()> {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let mut buffer = [0; 16 << 10];
        let read = self.stream.read(&mut buffer);
        let late = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
        self.is_silent = read.as_ref().is_err_and(|error| late.contains(&error.kind()));
        let read = read.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
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
            let more = self.0.more(self.0.patience);
            assert!(!self.0.is_silent, "nothing comes, and the socket stands");
            more?;
        }
        Some(self.0.read.drain(..count).collect())
    }
}
