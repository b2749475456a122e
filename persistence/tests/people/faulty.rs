//! A store that fails as it is told: before a call, after it, late. Must never fail in a way that a store may not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use persistence::{Batch, Copy, Health, Key, Kind, Page, Query, Record, Store, StoreError};
use persistence_testkit::trades::mix;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was done.
    Before,
    /// A commit was done and its answer lost; a read fails.
    After,
    /// A commit was not done, and nobody knows; a read fails.
    Lost,
    /// It takes its time.
    Late,
}

pub const FAULTS: [Fault; 4] = [Fault::Before, Fault::After, Fault::Lost, Fault::Late];

/// Which calls go wrong.
pub enum Plan {
    /// These many from this one on, all in the same way. Calls count from 0.
    From(u64, u64, Fault),
    /// One in so many, in any way, by a seed.
    OneIn(u64, u64),
}

pub struct Faulty {
    store: Arc<dyn Store>,
    plan: Plan,
    calls: AtomicU64,
}

impl Faulty {
    pub fn new(store: &Arc<dyn Store>, plan: Plan) -> Arc<Self> {
        Arc::new(Self { store: Arc::clone(store), plan, calls: AtomicU64::new(0) })
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.plan {
            Plan::From(first, count, fault) => (first..first.saturating_add(count)).contains(&call).then_some(fault),
            Plan::OneIn(one_in, seed) => {
                let random = mix(seed ^ mix(call));
                random.is_multiple_of(one_in).then(|| FAULTS[(random / one_in % 4) as usize])
            }
        }
    }

    async fn reading(&self) -> Result<(), StoreError> {
        match self.next() {
            None => Ok(()),
            Some(Fault::Late) => {
                late().await;
                Ok(())
            }
            Some(_) => Err(StoreError::Unavailable("so it was told".to_owned())),
        }
    }
}

async fn late() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

#[async_trait]
impl Store for Faulty {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let unknown = || Err(StoreError::Unknown("so it was told".to_owned()));
        match self.next() {
            None => self.store.commit(batch).await,
            Some(Fault::Before) => Err(StoreError::Unavailable("so it was told".to_owned())),
            Some(Fault::Lost) => unknown(),
            Some(Fault::After) => {
                self.store.commit(batch).await?;
                unknown()
            }
            Some(Fault::Late) => {
                late().await;
                self.store.commit(batch).await
            }
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.reading().await?;
        self.store.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.reading().await?;
        self.store.list(query).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        self.reading().await?;
        self.store.keys(query).await
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        self.reading().await?;
        self.store.copy(kinds).await
    }

    async fn health(&self) -> Health {
        self.store.health().await
    }
}
