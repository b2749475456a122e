//! A store behind a circuit breaker, whose calls end in time whatever the store does. Must never take a commit that did
//! not answer in time for done, nor for not done.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::batch::Batch;
use crate::breaker::{Breaker, BreakerConfig, Phase};
use crate::copy::Copy;
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record};
use crate::store::{Page, Query, Store};

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Reads, and the answer how the store is.
    pub read: Duration,
    /// Commits.
    pub commit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { read: Duration::from_secs(2), commit: Duration::from_secs(5) }
    }
}

/// What a guard has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarding {
    /// Where the breaker is.
    pub phase: Phase,
    /// How often the breaker changed its phase.
    pub changes: u64,
    /// The last phases, in order, with the time since then.
    pub transitions: Vec<(Phase, Duration)>,
    /// Calls that went to the store.
    pub calls: u64,
    /// Calls that were refused at once.
    pub refused: u64,
    /// The last failure, for as long as the breaker is not closed.
    pub failure: Option<StoreError>,
}

/// A store around a store.
pub struct Guarded {
    store: Arc<dyn Store>,
    patience: Patience,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    calls: u64,
    refused: u64,
    failure: Option<StoreError>,
}

impl Guarded {
    /// Around this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, breaker: BreakerConfig, patience: Patience) -> Self {
        let state = State { breaker: Breaker::new(breaker), calls: 0, refused: 0, failure: None };
        Self { store, patience, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has seen.
    #[must_use]
    pub fn guarding(&self) -> Guarding {
        let state = self.state();
        let transitions = state.breaker.transitions().map(|change| (change.to, change.at.elapsed())).collect();
        Guarding {
            phase: state.breaker.phase(),
            changes: state.breaker.changes(),
            transitions,
            calls: state.calls,
            refused: state.refused,
            failure: state.failure.clone(),
        }
    }

    /// The number by which the breaker lets a call through.
    fn admit(&self) -> Result<u64, StoreError> {
        let mut state = self.state();
        match state.breaker.admit(Instant::now()) {
            Ok(number) => {
                state.calls += 1;
                Ok(number)
            }
            Err(wait) => {
                state.refused += 1;
                Err(StoreError::BreakerOpen(wait))
            }
        }
    }

    async fn call<T>(
        &self,
        limit: Duration,
        late: impl FnOnce() -> StoreError,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let admitted = Admitted { guard: self, number: self.admit()?, is_over: false };
        let result = tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(late()));
        let number = admitted.over();
        let mut state = self.state();
        // What the caller did wrong says nothing about the store.
        let failure = result.as_ref().err().filter(|error| error.is_transient());
        state.breaker.done(number, Instant::now(), failure.is_none());
        match failure {
            Some(error) => state.failure = Some(error.clone()),
            None if state.breaker.phase() == Phase::Closed => state.failure = None,
            None => {}
        }
        result
    }

    async fn reading<T>(&self, call: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        let limit = self.patience.read;
        self.call(limit, || StoreError::TimedOut(limit), call).await
    }
}

/// A call that the breaker let through. Whoever drops it unfinished has given it up, and the breaker is told.
struct Admitted<'a> {
    guard: &'a Guarded,
    number: u64,
    is_over: bool,
}

impl Admitted<'_> {
    fn over(mut self) -> u64 {
        self.is_over = true;
        self.number
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.guard.state().breaker.given_up(self.number, Instant::now());
        }
    }
}

#[async_trait]
impl Store for Guarded {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let limit = self.patience.commit;
        let late = || StoreError::Unknown(format!("there was no answer within {limit:?}"));
        self.call(limit, late, self.store.commit(batch)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.reading(self.store.get(key)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.reading(self.store.list(query)).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        self.reading(self.store.keys(query)).await
    }

    /// Only that it begins has to be in time.
    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        self.reading(self.store.copy(kinds)).await
    }

    /// While the breaker is open the store is not asked, and what it failed by last is told.
    async fn health(&self) -> Health {
        let asked = self.reading(async {
            match self.store.health().await {
                Health::Well { round_trip } => Ok(round_trip),
                Health::Ill(error) => Err(error),
            }
        });
        match asked.await {
            Ok(round_trip) => Health::Well { round_trip },
            Err(error @ StoreError::BreakerOpen(_)) => {
                let state = self.state();
                Health::Ill(state.failure.clone().unwrap_or(error))
            }
            Err(error) => Health::Ill(error),
        }
    }
}
