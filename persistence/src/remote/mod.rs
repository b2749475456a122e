//! A store in another process, over a Unix socket that only its owner can open: how tools work on a store that a service
//! has open. Must never be reached over a network: whoever can connect may do anything.
//!
//! One request per connection, then one answer; to [`Store::copy`] many answers. The frames are in `wire`.

mod serve;
mod wire;

pub use serve::{Control, bind, serve};
pub use wire::decodes;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::net::UnixStream;

use crate::batch::Batch;
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record};
use crate::store::{COPY_WAITING_MAX, Copy, Page, Query, Store};
use wire::{Answer, Request};

/// Most bytes of an answer to [`Remote::ask`].
pub const ANSWER_BYTES_MAX: usize = 1 << 30;

/// A store behind a socket.
#[derive(Clone, Debug)]
pub struct Remote {
    path: PathBuf,
}

impl Remote {
    /// Behind this socket. Nothing is asked yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Whether somebody listens there.
    pub async fn is_there(&self) -> bool {
        UnixStream::connect(&self.path).await.is_ok()
    }

    /// Asks the service that has the store, in its own words.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where nobody listens, [`StoreError::Other`] with the service's own sentence.
    pub async fn ask(&self, question: &str) -> Result<String, StoreError> {
        match self.request(&Request::Ask(question.to_owned())).await? {
            Answer::Said(Ok(text)) => Ok(text),
            Answer::Said(Err(why)) => Err(StoreError::Other(why)),
            other => Err(other.unexpected()),
        }
    }

    async fn connect(&self) -> Result<UnixStream, StoreError> {
        UnixStream::connect(&self.path).await.map_err(|e| match e.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                StoreError::Unavailable(format!("no service listens at {}", self.path.display()))
            }
            ErrorKind::PermissionDenied => {
                StoreError::Refused(format!("{} belongs to somebody else", self.path.display()))
            }
            _ => StoreError::Unavailable(format!("{}: {e}", self.path.display())),
        })
    }

    async fn request(&self, request: &Request) -> Result<Answer, StoreError> {
        let mut stream = self.connect().await?;
        wire::send(&mut stream, request).await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        wire::receive(&mut stream).await.map_err(|e| StoreError::Unavailable(e.to_string()))
    }
}

#[async_trait]
impl Store for Remote {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut stream = self.connect().await?;
        wire::send(&mut stream, &Request::Commit(batch.clone()))
            .await
            .map_err(|e| StoreError::Unknown(e.to_string()))?;
        // The service may have written it and died before it could say so.
        match wire::receive(&mut stream).await.map_err(|e| StoreError::Unknown(e.to_string()))? {
            Answer::Committed(result) => result,
            other => Err(other.unexpected()),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        match self.request(&Request::Get(key.clone())).await? {
            Answer::Got(result) => result.map(|record| record.map(|record| *record)),
            other => Err(other.unexpected()),
        }
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        match self.request(&Request::List(query.clone())).await? {
            Answer::Listed(result) => result,
            other => Err(other.unexpected()),
        }
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        match self.request(&Request::Keys(query.clone())).await? {
            Answer::Keys(result) => result,
            other => Err(other.unexpected()),
        }
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        let mut stream = self.connect().await?;
        let request = Request::Copy(kinds.to_vec());
        wire::send(&mut stream, &request).await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let (sender, copy) = tokio::sync::mpsc::channel(COPY_WAITING_MAX);
        tokio::spawn(async move {
            loop {
                let record = match wire::receive(&mut stream).await {
                    Ok(Answer::Copied(Some(record))) => Ok(*record),
                    Ok(Answer::Copied(None)) => return,
                    Ok(Answer::Failed(error)) => Err(error),
                    Ok(other) => Err(other.unexpected()),
                    // Without the word that it was all, it was not.
                    Err(e) => Err(StoreError::Unavailable(e.to_string())),
                };
                let failed = record.is_err();
                if sender.send(record).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(copy)
    }

    async fn health(&self) -> Health {
        match self.request(&Request::Health).await {
            Ok(Answer::Healthy(health)) => health,
            Ok(other) => Health::Ill(other.unexpected()),
            Err(error) => Health::Ill(error),
        }
    }
}
