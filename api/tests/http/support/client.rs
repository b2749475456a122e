//! A client that sends bytes as they are, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

/// A client that sends what it is told to.
pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// A reply.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    /// Values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(there, _)| there == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Where the first error of a problem is.
    pub fn at(&self) -> String {
        self.json()["errors"][0]["at"].as_str().unwrap_or("nowhere").to_owned()
    }
}

impl Client {
    /// A connection to a server.
    pub async fn of(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        // A server that has hung up is seen by who reads.
        drop(self.stream.write_all(bytes).await);
    }

    /// One request: a head without its end, and a body.
    pub async fn ask(&mut self, head: &str, body: &[u8]) -> Got {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        self.send(&[head.as_bytes(), b"\r\n", length.as_bytes(), b"\r\n", body].concat()).await;
        self.reply().await.expect("a reply")
    }

    /// The next reply; nothing at the end of the stream.
    pub async fn reply(&mut self) -> Option<Got> {
        let mut got = self.head_reply().await?;
        let length: usize = got.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more().await?;
        }
        got.body = String::from_utf8_lossy(&self.read.drain(..length).collect::<Vec<u8>>()).into_owned();
        Some(got)
    }

    /// The next reply's head, where no body follows.
    pub async fn head_reply(&mut self) -> Option<Got> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).expect("a head in ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Got { status, headers: lines.filter_map(pair).collect(), body: String::new() })
    }

    /// Whether the server ends the connection within a time.
    pub async fn is_closed_within(&mut self, time: Duration) -> bool {
        let end = async {
            while self.more().await.is_some() {
                self.read.clear();
            }
        };
        tokio::time::timeout(time, end).await.is_ok()
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("in time");
        let read = read.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
    }
}
