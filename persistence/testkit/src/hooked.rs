//! A store around a store, in which something happens at the worst moment: just before a commit or a read gets there. Must
//! never change what the store inside does with what reaches it.

use std::sync::Arc;

use async_trait::async_trait;
use persistence::{Batch, Copy, Health, Key, Kind, Page, Query, Record, Store, StoreError};

/// What happens before a call; an error takes the call's place.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Before a batch gets there.
    async fn before_commit(&self, _store: &dyn Store, _batch: &Batch) -> Result<(), StoreError> {
        Ok(())
    }

    /// Before one record is read.
    async fn before_get(&self, _store: &dyn Store, _key: &Key) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The store.
pub struct Hooked<H> {
    /// The store inside.
    pub inner: Arc<dyn Store>,
    /// What happens.
    pub hooks: H,
}

#[async_trait]
impl<H: Hooks + 'static> Store for Hooked<H> {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.hooks.before_commit(&*self.inner, batch).await?;
        self.inner.commit(batch).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.hooks.before_get(&*self.inner, key).await?;
        self.inner.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.list(query).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        self.inner.keys(query).await
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        self.inner.copy(kinds).await
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }
}
