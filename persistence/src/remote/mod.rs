//! A store in another process, over a Unix socket that only its owner can open: how tools work on a store that a service
//! has open. Must never be reached over a network: whoever can connect may do anything.
//!
//! One request per connection, then one answer; to [`Store::copy`] many answers, and behind the last record the word that
//! it was all. The frames are in `wire`. A service that hangs is not waited for: every answer has a time limit.

mod serve;
mod wire;

pub use serve::{Control, bind, serve};
pub use wire::decodes;

use std::future::Future;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::UnixStream;

use crate::batch::Batch;
use crate::copy::{Copy, Copying};
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record};
use crate::store::{Page, Query, Store};
use wire::{Answer, Request};

/// Most bytes of an answer to [`Remote::ask`].
pub const ANSWER_BYTES_MAX: usize = 1 << 30;
/// How long a service may take to let somebody in.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Time between two tries to be let in.
const CONNECT_AGAIN: Duration = Duration::from_millis(20);
/// How long an answer, or the next record of a copy, may take: longer than a service waits for its own store, or for a save
/// to be durable, unless it is configured to.
const ANSWER_PATIENCE: Duration = Duration::from_secs(90);

/// A store behind a socket.
#[derive(Clone, Debug)]
pub struct Remote {
    path: PathBuf,
    patience: Duration,
}

impl Remote {
    /// Behind this socket. Nothing is asked yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), patience: ANSWER_PATIENCE }
    }

    /// With another limit than 90 s for an answer, or for the next record of a copy. To be let in takes no longer either.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether somebody listens there, also where they let nobody in at the moment.
    pub async fn is_there(&self) -> bool {
        !UnixStream::connect(&self.path).await.is_err_and(|error| is_nobody(&error))
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
        let patience = CONNECT_PATIENCE.min(self.patience);
        let connecting = tokio::time::timeout(patience, enter(&self.path)).await;
        connecting.map_err(|_| StoreError::TimedOut(patience))?.map_err(|e| match e.kind() {
            _ if is_nobody(&e) => StoreError::Unavailable(format!("no service listens at {}", self.path.display())),
            ErrorKind::PermissionDenied => {
                StoreError::Refused(format!("{} belongs to somebody else", self.path.display()))
            }
            _ => StoreError::Unavailable(format!("{}: {e}", self.path.display())),
        })
    }

    /// In time, or not at all.
    async fn timed<T>(&self, work: impl Future<Output = std::io::Result<T>> + Send) -> Result<T, StoreError> {
        let done = tokio::time::timeout(self.patience, work).await;
        done.map_err(|_| StoreError::TimedOut(self.patience))?.map_err(|e| StoreError::Unavailable(e.to_string()))
    }

    /// A connection on which something was asked.
    async fn send(&self, request: &Request) -> Result<UnixStream, StoreError> {
        let mut stream = self.connect().await?;
        self.timed(wire::send(&mut stream, request)).await?;
        Ok(stream)
    }

    async fn request(&self, request: &Request) -> Result<Answer, StoreError> {
        let mut stream = self.send(request).await?;
        self.timed(wire::receive(&mut stream)).await
    }

    /// Takes records until it hears that they were all.
    async fn receive_copy(&self, mut stream: UnixStream, copying: &Copying) -> Result<(), StoreError> {
        loop {
            match self.timed(wire::receive(&mut stream)).await? {
                Answer::Copied(Some(record)) => {
                    if copying.push(*record).await.is_err() {
                        return Ok(());
                    }
                }
                Answer::Copied(None) => return Ok(()),
                Answer::Failed(error) => return Err(error),
                other => return Err(other.unexpected()),
            }
        }
    }
}

/// Whether this is how a connection fails where nobody listens.
fn is_nobody(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Connects, however long there is no room among those who wait to be let in: a Unix socket says so at once.
async fn enter(path: &Path) -> std::io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(CONNECT_AGAIN).await,
            result => return result,
        }
    }
}

#[async_trait]
impl Store for Remote {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        // A request that did not get there in whole is not carried out.
        let mut stream = self.send(&Request::Commit(batch.clone())).await?;
        // The service may have written it and died, or hang, before it could say so.
        let answer = self.timed(wire::receive(&mut stream)).await.map_err(|e| StoreError::Unknown(e.to_string()))?;
        match answer {
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
        let stream = self.send(&Request::Copy(kinds.to_vec())).await?;
        let (copying, copy) = Copying::begin();
        let this = self.clone();
        tokio::spawn(async move {
            let received = this.receive_copy(stream, &copying).await;
            copying.end(received).await;
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
