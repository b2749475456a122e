//! The store for a fleet: PostgreSQL 15 or newer, one server that takes writes and any number of standbys. Must never
//! acknowledge what a crash of that server, or a change to a synchronous standby, could lose.
//!
//! Time-outs are this program's own: a server that is stopped or out of reach fires none. What was asked before COMMIT
//! was sent is known not to be written; from then on it is unknown until the answer is there.

mod config;
mod read;
mod rows;
mod schema;
mod seen;
mod session;
mod sql;
mod table;
mod trouble;
mod value;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, TimeoutType, Timeouts};
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::copy::{Copy, Copying};
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record};
use crate::store::{PAGE_WEIGHT_MAX, Page, Query, Store};
use read::Reader;
use session::{Keeper, Session, Shared};
use write::Progress;

pub use config::PostgresConfig;
pub use schema::ROLES_SQL;

/// How often the pool is filled up again.
const REFILL_EVERY: Duration = Duration::from_secs(1);

/// A store in PostgreSQL. Its connections are closed once it is dropped.
pub struct Postgres {
    pool: Pool<Shared>,
    config: PostgresConfig,
    refill: JoinHandle<()>,
    server: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.refill.abort();
        self.pool.close();
    }
}

impl Postgres {
    /// Finds the server that takes writes, checks that it is safe to write to and has the tables of this program, and
    /// opens the connections that are kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::TimedOut`], [`StoreError::Refused`], [`StoreError::Unsafe`],
    /// [`StoreError::Schema`], [`StoreError::ReadOnly`], [`StoreError::Superseded`].
    pub async fn connect(config: PostgresConfig) -> Result<Self, StoreError> {
        let keeper = Arc::new(Keeper::new(config.clone())?);
        keeper.survey().await;
        let hosts = u32::try_from(config.hosts()?.len()).unwrap_or(u32::MAX);
        let pool = Pool::builder(Shared(keeper))
            .max_size(config.connections_max.max(1))
            .wait_timeout(Some(config.wait_timeout))
            .create_timeout(Some(config.connect_timeout.saturating_mul(hosts.saturating_add(1))))
            .runtime(Runtime::Tokio1)
            .build();
        let pool = pool.map_err(|e| StoreError::Other(format!("the pool cannot be made: {e}")))?;
        let min = config.connections_min.min(config.connections_max);
        let refill = tokio::spawn(refill(pool.clone(), min));
        let mut store = Self { pool, config, refill, server: String::new() };
        let mut lease = store.session().await?;
        let (session, limit) = (lease.session()?, store.config.read_timeout);
        let checked = within(limit, async {
            schema::check(session).await?;
            session.shown(limit).await
        });
        let checked = checked.await;
        store.server = lease.settle(checked)?;
        fill(&store.pool, min).await;
        Ok(store)
    }

    /// Brings the tables to the version of this program; by a role that owns them. Gives back what was applied.
    ///
    /// # Errors
    /// As [`Postgres::connect`]; [`StoreError::Schema`] where the tables are newer, or not what they say.
    pub async fn migrate(config: PostgresConfig) -> Result<Vec<String>, StoreError> {
        let keeper = Arc::new(Keeper::new(config)?);
        keeper.survey().await;
        let mut session = keeper.connect().await?;
        schema::migrate(&mut session).await
    }

    /// Names the server that it was connected to first: the same for every database on it and every URL that leads
    /// there, another one for every other server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    async fn session(&self) -> Result<Lease, StoreError> {
        let session = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => StoreError::PoolExhausted(self.config.connections_max),
            PoolError::Timeout(_) => StoreError::TimedOut(self.config.connect_timeout),
            PoolError::Closed => StoreError::Closed,
            other => StoreError::Other(format!("the pool: {other}")),
        })?;
        Ok(Lease(Some(session)))
    }
}

/// A connection that is in use. Unless it is given back it is thrown away: nobody knows what still waits in it.
struct Lease(Option<Object<Shared>>);

impl Lease {
    fn session(&mut self) -> Result<&mut Session, StoreError> {
        self.0.as_deref_mut().ok_or(StoreError::Closed)
    }

    /// Gives the connection back, if what came out of it leaves it in order.
    fn settle<T>(mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let is_sound = match &outcome {
            Ok(_) => true,
            Err(error) => {
                matches!(error, StoreError::Conflict(_) | StoreError::Fenced { .. } | StoreError::Corrupt(_))
            }
        };
        if is_sound {
            drop(self.0.take());
        }
        outcome
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            drop(Object::take(session));
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(StoreError::TimedOut(limit)))
}

/// Opens connections until so many are there. Who needs one meanwhile gets it.
async fn fill(pool: &Pool<Shared>, min: usize) {
    let patience = Timeouts { wait: Some(Duration::ZERO), ..pool.timeouts() };
    let mut held = Vec::new();
    while held.len() < min && pool.status().size < min {
        let Ok(session) = pool.timeout_get(&patience).await else { return };
        held.push(session);
    }
}

async fn refill(pool: Pool<Shared>, min: usize) {
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + REFILL_EVERY, REFILL_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !pool.is_closed() {
        clock.tick().await;
        // The pool itself finds out only when somebody wants one of them.
        pool.retain(|session, _| !session.client.is_closed());
        fill(&pool, min).await;
    }
}

#[async_trait]
impl Store for Postgres {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut lease = self.session().await?;
        let (progress, limit) = (Progress::default(), self.config.write_timeout);
        let outcome = tokio::time::timeout(limit, write::write(lease.session()?, batch, &progress, limit)).await;
        lease.settle(outcome.unwrap_or_else(|_| {
            let unknown = || StoreError::Unknown(format!("no answer to COMMIT within {limit:?}"));
            Err(if progress.may_be_done() { unknown() } else { StoreError::TimedOut(limit) })
        }))
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let (mut lease, limit) = (self.session().await?, self.config.read_timeout);
        let found = within(limit, Reader::Alone(lease.session()?).get(key, limit)).await;
        lease.settle(found)
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        let (mut lease, limit) = (self.session().await?, self.config.read_timeout);
        let found = within(limit, Reader::Alone(lease.session()?).list(query, PAGE_WEIGHT_MAX, limit)).await;
        lease.settle(found)
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        let (mut lease, limit) = (self.session().await?, self.config.read_timeout);
        let found = within(limit, Reader::Alone(lease.session()?).keys(query, limit)).await;
        lease.settle(found)
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        let (copying, copy) = Copying::begin();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (mut lease, limit, kinds) = (self.session().await?, self.config.read_timeout, kinds.to_vec());
        tokio::spawn(async move {
            let copied = match lease.session() {
                Ok(session) => {
                    read::copy(session, &kinds, &copying, limit, || {
                        let _ = begun.send(());
                    })
                    .await
                }
                Err(error) => Err(error),
            };
            copying.end(lease.settle(copied)).await;
        });
        // Where it does not begin, the reason is the first that the copy has to say.
        let _ = has_begun.await;
        Ok(copy)
    }

    async fn health(&self) -> Health {
        let began = Instant::now();
        let asked = async {
            let (mut lease, limit) = (self.session().await?, self.config.read_timeout);
            let answer = within(limit, Reader::Alone(lease.session()?).takes_writes(limit)).await;
            lease.settle(answer)
        };
        match asked.await {
            Ok(()) => Health::Well { round_trip: began.elapsed() },
            Err(error) => Health::Ill(error),
        }
    }
}
