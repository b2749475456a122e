//! A store around a store that can be switched: to fail, to hang, to lose its answers. Must never change what the store
//! inside does with what reaches it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persistence::{Batch, Copy, Health, Key, Kind, Page, Query, Record, Store, StoreError};

/// What it does with calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Lets them through.
    #[default]
    Well,
    /// Refuses them: nothing reaches the store inside.
    Fails(StoreError),
    /// Lets them through so much later.
    Late(Duration),
    /// Lets commits through, and then says that it does not know.
    LosesAnswers,
}

/// The store.
pub struct Switched {
    inner: Arc<dyn Store>,
    switch: Mutex<Switch>,
    calls: AtomicU64,
}

impl Switched {
    /// Around this one, switched to [`Switch::Well`].
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, switch: Mutex::default(), calls: AtomicU64::new(0) })
    }

    /// Switches it.
    pub fn set(&self, switch: Switch) {
        *self.switch() = switch;
    }

    /// How many calls it had.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn switch(&self) -> MutexGuard<'_, Switch> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass<T>(&self, call: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let switch = self.switch().clone();
        match switch {
            Switch::Fails(error) => return Err(error),
            Switch::Late(delay) => tokio::time::sleep(delay).await,
            Switch::Well | Switch::LosesAnswers => {}
        }
        call.await
    }
}

#[async_trait::async_trait]
impl Store for Switched {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let done = self.pass(self.inner.commit(batch)).await;
        if *self.switch() == Switch::LosesAnswers {
            return Err(StoreError::Unknown("the answer was lost".to_owned()));
        }
        done
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.pass(self.inner.get(key)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.pass(self.inner.list(query)).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        self.pass(self.inner.keys(query)).await
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        self.pass(self.inner.copy(kinds)).await
    }

    async fn health(&self) -> Health {
        match self.pass(async { Ok(self.inner.health().await) }).await {
            Ok(health) => health,
            Err(error) => Health::Ill(error),
        }
    }
}
