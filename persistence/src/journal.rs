//! Writing behind: batches are taken at once and written in order, by a task that tries until it succeeds. Must never make
//! who offers a batch wait, drop a batch that it took, or tell that one is durable before the store has said so.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Digest, Record, Tick};
use crate::store::Store;

/// Changes of one commit; those of a single batch may be more.
const GROUP_CHANGES_MAX: usize = 4096;
/// Bytes of one commit; a single batch may have more.
const GROUP_WEIGHT_MAX: usize = 32 << 20;
/// Time between a failure and the next try, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, by [`Record::weight`].
    pub bytes: usize,
    /// Batches.
    pub batches: usize,
}

/// What is durable once a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The world's tick.
    pub tick: Tick,
    /// Its digest there.
    pub digest: Digest,
}

/// Why a batch was not taken. Nothing of it will be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no room. There will be, once the store has caught up.
    #[error("too much waits to be stored")]
    Full,
    /// Nothing is written any more.
    #[error("nothing is stored any more: {0}")]
    Over(StoreError),
}

/// How a journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Batches that wait, those under way among them.
    pub batches: usize,
    /// Their bytes.
    pub bytes: usize,
    /// How long the first of them waits.
    pub age: Option<Duration>,
    /// The last mark that is durable.
    pub durable: Option<Mark>,
    /// Why the last try failed, until one succeeds.
    pub trouble: Option<StoreError>,
    /// Why nothing is written any more.
    pub over: Option<StoreError>,
    /// Commits that succeeded.
    pub commits: u64,
    /// Batches that are durable: those with a [`Ticket`] up to here.
    pub written: Ticket,
}

/// The number of a batch that was taken, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Takes batches. Dropped, it leaves what waits to the task, which ends when the runtime does: [`Journal::drain`] first.
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    /// There is something to write, or the journal is gone.
    work: Notify,
    /// Something was written, or nothing will be any more.
    progress: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Entry>,
    bytes: usize,
    durable: Option<Mark>,
    trouble: Option<StoreError>,
    over: Option<StoreError>,
    commits: u64,
    written: u64,
    is_closed: bool,
}

struct Entry {
    batch: Arc<Batch>,
    weight: usize,
    mark: Option<Mark>,
    since: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Writes to this store, by a task of this runtime.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, limits: Limits, runtime: &Handle) -> Self {
        let shared = Arc::new(Shared { limits, state: Mutex::default(), work: Notify::new(), progress: Notify::new() });
        runtime.spawn(write(store, Arc::clone(&shared)));
        Self { shared }
    }

    /// Takes a batch, without waiting for anything. It is durable once [`Backlog::written`] has come to its number.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn offer(&self, batch: Batch, mark: Option<Mark>) -> Result<Ticket, Rejected> {
        let weight = batch.changes.iter().filter_map(Change::record).map(Record::weight).sum::<usize>() + 256;
        let mut state = self.shared.state();
        if let Some(error) = &state.over {
            return Err(Rejected::Over(error.clone()));
        }
        let Limits { bytes, batches } = self.shared.limits;
        // One alone is taken whatever it weighs: else it never could be.
        if state.queue.len() >= batches || (!state.queue.is_empty() && state.bytes.saturating_add(weight) > bytes) {
            return Err(Rejected::Full);
        }
        state.bytes += weight;
        state.queue.push_back(Entry { batch: Arc::new(batch), weight, mark, since: Instant::now() });
        let ticket = Ticket(state.written + state.queue.len() as u64);
        drop(state);
        self.shared.work.notify_one();
        Ok(ticket)
    }

    /// How it is.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let state = self.shared.state();
        Backlog {
            batches: state.queue.len(),
            bytes: state.bytes,
            age: state.queue.front().map(|entry| entry.since.elapsed()),
            durable: state.durable,
            trouble: state.trouble.clone(),
            over: state.over.clone(),
            commits: state.commits,
            written: Ticket(state.written),
        }
    }

    /// Waits until everything is written that was taken so far, or nothing will be any more, at most so long.
    pub async fn drain(&self, patience: Duration) -> Backlog {
        let drained = async {
            loop {
                let progress = self.shared.progress.notified();
                let backlog = self.backlog();
                if backlog.batches == 0 || backlog.over.is_some() {
                    return;
                }
                progress.await;
            }
        };
        // Whether it was in time, the backlog tells.
        let _ = tokio::time::timeout(patience, drained).await;
        self.backlog()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.work.notify_one();
    }
}

/// What the task does.
async fn write(store: Arc<dyn Store>, shared: Arc<Shared>) {
    loop {
        let (batches, is_closed) = {
            let state = shared.state();
            (first_batches(&state), state.is_closed)
        };
        if batches.is_empty() {
            if is_closed {
                return;
            }
            shared.work.notified().await;
            continue;
        }
        let count = batches.len();
        let group = merged(&batches);
        drop(batches);
        let written = persist(&*store, &shared, &group).await;
        let is_over = settle(&mut shared.state(), count, written);
        shared.progress.notify_waiters();
        if is_over {
            return;
        }
    }
}

/// So many of the first batches were written, or nothing will be any more.
fn settle(state: &mut State, count: usize, written: Result<(), StoreError>) -> bool {
    match written {
        Ok(()) => {
            for entry in state.queue.drain(..count) {
                state.bytes = state.bytes.saturating_sub(entry.weight);
                state.durable = entry.mark.or(state.durable);
            }
            state.commits += 1;
            state.written += count as u64;
            state.trouble = None;
        }
        Err(error) => {
            tracing::error!("nothing is stored any more: {error}");
            state.over = Some(error);
        }
    }
    state.over.is_some()
}

/// The first batches that may be written at once: of one fence, and no record twice.
fn first_batches(state: &State) -> Vec<Arc<Batch>> {
    let Some(first) = state.queue.front() else { return Vec::new() };
    let mut keys = BTreeSet::new();
    let (mut weight, mut changes) = (0, 0);
    let fits = |entry: &&Entry| {
        weight += entry.weight;
        changes += entry.batch.changes.len();
        let is_small = weight <= GROUP_WEIGHT_MAX && changes <= GROUP_CHANGES_MAX;
        let is_alone = std::ptr::eq(*entry, first);
        (is_small || is_alone)
            && entry.batch.fence == first.batch.fence
            && entry.batch.changes.iter().all(|change| keys.insert(change.key()))
    };
    state.queue.iter().take_while(fits).map(|entry| Arc::clone(&entry.batch)).collect()
}

/// All of them as one, by the name of the first.
fn merged(batches: &[Arc<Batch>]) -> Batch {
    let changes = batches.iter().flat_map(|batch| batch.changes.iter().cloned()).collect();
    let (id, fence) = batches.first().map_or_else(Default::default, |first| (first.id, first.fence.clone()));
    Batch { id, fence, changes }
}

/// Writes a batch, however often that takes. It is the same batch every time, so that one whose fate is unknown is known
/// again.
async fn persist(store: &dyn Store, shared: &Shared, batch: &Batch) -> Result<(), StoreError> {
    let mut pause = RETRY.0;
    loop {
        let error = match store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(error) if !error.is_transient() => return Err(error),
            Err(error) => error,
        };
        let wait = if let StoreError::BreakerOpen(wait) = error { wait.max(RETRY.0) } else { pause };
        pause = pause.saturating_mul(2).min(RETRY.1);
        note(&mut shared.state(), error);
        tokio::time::sleep(wait).await;
    }
}

/// That the breaker is open says less than why it opened.
fn note(state: &mut State, error: StoreError) {
    if state.trouble.is_none() || !matches!(error, StoreError::BreakerOpen(_)) {
        tracing::debug!("not stored yet: {error}");
        state.trouble = Some(error);
    }
}
