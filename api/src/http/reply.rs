//! What a handler answers. Must never carry a header that sends the caller elsewhere or leaves something with them.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;

use super::problem::{Code, Problem};

/// A content that goes out piece by piece.
pub type Outgoing = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send + Sync>>;

/// What is sent.
pub enum Sent {
    /// All at once.
    Whole(Bytes),
    /// Piece by piece, of this length.
    Pieces(Outgoing, u64),
}

/// An answer.
pub struct Reply {
    /// Status; one that the route's row lists.
    pub status: u16,
    /// Type of the content; none for an empty answer.
    pub content_type: Option<&'static str>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent.
    pub sent: Sent,
}

impl Reply {
    /// Nothing but the status.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), sent: Sent::Whole(Bytes::new()) }
    }

    /// JSON with status 200.
    ///
    /// # Errors
    /// [`Code::Failed`] where it cannot be written as JSON.
    pub fn json<T: Serialize>(value: &T) -> Result<Self, Problem> {
        Self::json_as(200, value)
    }

    /// JSON.
    ///
    /// # Errors
    /// [`Code::Failed`] where it cannot be written as JSON.
    pub fn json_as<T: Serialize>(status: u16, value: &T) -> Result<Self, Problem> {
        // Most answers are shorter: to grow step by step would copy them several times.
        let mut bytes = Vec::with_capacity(1024);
        let written = serde_json::to_writer(&mut bytes, value);
        written.map_err(|error| Problem::logged(Code::Failed, error.to_string()))?;
        Ok(Self::whole(status, "application/json", bytes))
    }

    /// Bytes of some type.
    #[must_use]
    pub fn whole(status: u16, content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let sent = Sent::Whole(bytes.into());
        Self { status, content_type: Some(content_type), headers: Vec::new(), sent }
    }

    /// Bytes of some type, piece by piece, of this length.
    #[must_use]
    pub fn pieces(status: u16, content_type: &'static str, pieces: Outgoing, length: u64) -> Self {
        Self { status, content_type: Some(content_type), headers: Vec::new(), sent: Sent::Pieces(pieces, length) }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Bytes of its content.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.sent {
            Sent::Whole(bytes) => bytes.len() as u64,
            Sent::Pieces(_, length) => *length,
        }
    }
}
