//! The side of the socket that has the store. Must never let one connection hold up another, nor take more of them than it
//! can serve.

use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::wire::{self, Answer, Request};
use super::{ANSWER_BYTES_MAX, is_nobody};
use crate::record::Kind;
use crate::store::Store;

/// Connections that are served at once; more have to wait.
const CONNECTIONS_MAX: usize = 32;
/// How long a request may take to come in.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer, or one record of a copy, may take to be taken.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked of the service itself.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Answers a question.
    ///
    /// # Errors
    /// A sentence for who asked.
    async fn ask(&self, question: &str) -> std::result::Result<String, String>;
}

/// A socket at this path, for its owner only from the first moment on. One that nobody listens at any more is replaced.
///
/// # Errors
/// [`ErrorKind::AddrInUse`] where somebody listens there, also where they let nobody in at the moment; others of the file
/// system, and where it cannot be known.
pub async fn bind(path: &Path) -> Result<UnixListener> {
    match UnixStream::connect(path).await {
        Err(error) if is_nobody(&error) => {}
        Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
        _ => return Err(Error::new(ErrorKind::AddrInUse, "another service listens there")),
    }
    // It gets its name only when its mode is right.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let early = path.with_file_name(format!("{name}.{}", std::process::id()));
    let _ = std::fs::remove_file(&early);
    let listener = UnixListener::bind(&early)?;
    std::fs::set_permissions(&early, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&early, path)?;
    Ok(listener)
}

/// Serves the store, until the future is dropped.
pub async fn serve(listener: UnixListener, store: Arc<dyn Store>, control: Arc<dyn Control>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let mut stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("the control socket takes nobody: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (store, control) = (Arc::clone(&store), Arc::clone(&control));
        tokio::spawn(async move {
            if let Err(error) = answer(&mut stream, &*store, &*control).await {
                tracing::debug!("a request on the control socket was not answered: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(stream: &mut UnixStream, store: &dyn Store, control: &dyn Control) -> Result<()> {
    let request = tokio::time::timeout(REQUEST_TIMEOUT, wire::receive(stream)).await;
    let answer = match request.map_err(|_| Error::from(ErrorKind::TimedOut))?? {
        Request::Commit(batch) => Answer::Committed(store.commit(&batch).await),
        Request::Get(key) => Answer::Got(store.get(&key).await.map(|record| record.map(Box::new))),
        Request::List(query) => Answer::Listed(store.list(&query).await),
        Request::Keys(query) => Answer::Keys(store.keys(&query).await),
        Request::Copy(kinds) => return copy(stream, store, &kinds).await,
        Request::Health => Answer::Healthy(store.health().await),
        Request::Ask(question) => {
            Answer::Said(control.ask(&question).await.and_then(|text| fits(text, ANSWER_BYTES_MAX)))
        }
    };
    send(stream, &answer).await
}

/// A text that can be sent; else a sentence that can.
fn fits(text: String, bytes_max: usize) -> std::result::Result<String, String> {
    if text.len() <= bytes_max {
        return Ok(text);
    }
    Err(format!("the answer has {} bytes, and at most {bytes_max} can be sent", text.len()))
}

/// In time: who asks and does not listen keeps nobody else from the store.
async fn send(stream: &mut UnixStream, answer: &Answer) -> Result<()> {
    let sent = tokio::time::timeout(ANSWER_TIMEOUT, wire::send(stream, answer)).await;
    sent.map_err(|_| Error::from(ErrorKind::TimedOut))?
}

async fn copy(stream: &mut UnixStream, store: &dyn Store, kinds: &[Kind]) -> Result<()> {
    let mut copy = match store.copy(kinds).await {
        Ok(copy) => copy,
        Err(error) => return send(stream, &Answer::Failed(error)).await,
    };
    while let Some(record) = copy.recv().await {
        let answer = match record {
            Ok(record) => Answer::Copied(Some(Box::new(record))),
            Err(error) => return send(stream, &Answer::Failed(error)).await,
        };
        send(stream, &answer).await?;
    }
    send(stream, &Answer::Copied(None)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_sent_is_a_sentence() {
        assert_eq!(fits("abc".to_owned(), 3), Ok("abc".to_owned()));
        assert_eq!(fits("abcd".to_owned(), 3), Err("the answer has 4 bytes, and at most 3 can be sent".to_owned()));
    }
}
