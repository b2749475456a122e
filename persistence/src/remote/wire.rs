//! Frames on the socket: a length (u32, little-endian), then a request or an answer in postcard. Must never allocate for a
//! stated length before that many bytes have come.

use std::io::{Error, ErrorKind, Result};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::batch::Batch;
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record};
use crate::store::{Page, Query};

/// Most bytes of a frame: a batch with the largest snapshot that there is.
const FRAME_BYTES_MAX: u32 = (1 << 30) + (64 << 20);

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Commit(Batch),
    Get(Key),
    List(Query),
    Keys(Query),
    Copy(Vec<Kind>),
    Health,
    Ask(String),
}

type Outcome<T> = std::result::Result<T, StoreError>;

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Committed(Outcome<()>),
    Got(Outcome<Option<Box<Record>>>),
    Listed(Outcome<Page>),
    Keys(Outcome<Vec<Key>>),
    /// One record of a copy; none behind the last one.
    Copied(Option<Box<Record>>),
    Failed(StoreError),
    Healthy(Health),
    Said(std::result::Result<String, String>),
}

impl Answer {
    /// The other side does not speak as this one does.
    pub(super) fn unexpected(self) -> StoreError {
        if let Self::Failed(error) = self {
            return error;
        }
        StoreError::Other("the service gave an answer to another question: is it of another version?".to_owned())
    }
}

/// Sends a frame.
pub(super) async fn send<T: Serialize + Sync>(stream: &mut UnixStream, message: &T) -> Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(|e| Error::new(ErrorKind::InvalidInput, e.to_string()))?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a message is too large"))?;
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(&bytes).await
}

/// Receives a frame.
pub(super) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> Result<T> {
    let length = stream.read_u32_le().await?;
    if length > FRAME_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, "a message claims to be too large"));
    }
    let mut bytes = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if bytes.len() != length as usize {
        return Err(Error::new(ErrorKind::UnexpectedEof, "a message is cut off"));
    }
    postcard::from_bytes(&bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "a message does not decode"))
}

/// Whether bytes are a request, or an answer: what the socket's decoders make of any bytes.
#[must_use]
pub fn decodes(bytes: &[u8]) -> (bool, bool) {
    let request = postcard::from_bytes::<Request>(bytes);
    if let Ok(Request::Commit(batch)) = &request {
        // Whatever decodes is checked before it is used, and its check must hold on anything.
        let _ = batch.check();
    }
    (request.is_ok(), postcard::from_bytes::<Answer>(bytes).is_ok())
}
