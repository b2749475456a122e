//! The one thread that writes to the embedded store. Must never answer before the disk has what it answers for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::{Database, ReadableDatabase as _, WriteTransaction};
use tokio::sync::oneshot;

use super::file::{Keeper, guarded, storage};
use super::{PEOPLE, read, rows, table};
use crate::batch::{Batch, Change, Stored, Verdict, decide};
use crate::error::StoreError;
use crate::record::{Key, Kind, Record, Token};

/// Most batches that share one synchronisation of the disk.
const GROUP_MAX: usize = 1024;
/// Bytes of records after which no further batch joins a group.
const GROUP_WEIGHT_MAX: usize = 64 << 20;

type Answer = Result<(), StoreError>;

/// Bytes of records that may wait for the disk; more are refused.
const WAITING_WEIGHT_MAX: usize = 512 << 20;

/// A batch, and who waits for it.
struct Order {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
    _waiting: Waiting,
}

/// The weight of a batch that waits, until it is dropped.
struct Waiting(Arc<AtomicUsize>, usize);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Sends batches to the thread.
pub(super) struct Writer {
    waiting: Arc<AtomicUsize>,
    orders: Mutex<Option<Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(keeper: Arc<Keeper>) -> Result<Self, StoreError> {
        let (sender, orders) = channel();
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || work(&keeper, &orders));
        let thread = thread.map_err(|e| StoreError::Other(format!("there is no thread for the store: {e}")))?;
        Ok(Self { waiting: Arc::default(), orders: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn commit(&self, batch: Batch) -> Answer {
        let weight = weight(&batch);
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        let waiting = Waiting(Arc::clone(&self.waiting), weight);
        // One alone is taken whatever it weighs.
        if before > 0 && before.saturating_add(weight) > WAITING_WEIGHT_MAX {
            return Err(StoreError::Unavailable("the disk does not keep up".to_owned()));
        }
        let (answer, answered) = oneshot::channel();
        let sender = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender
            .ok_or(StoreError::Closed)?
            .send(Order { batch, answer, _waiting: waiting })
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Unknown("the store was closed meanwhile".to_owned()))?
    }

    /// Writes what waits, and ends.
    pub(super) fn stop(&self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It catches its own panics.
            let _ = thread.join();
        }
    }
}

/// What the thread does until nobody is left to ask.
fn work(keeper: &Keeper, orders: &Receiver<Order>) {
    let mut is_sound = true;
    while let Ok(first) = orders.recv() {
        // Whoever does not wait any more sends it again: it need not be written for them.
        if first.answer.is_closed() {
            continue;
        }
        let mut weight = weight(&first.batch);
        let mut group = vec![first];
        while group.len() < GROUP_MAX && weight < GROUP_WEIGHT_MAX {
            let Ok(next) = orders.try_recv() else { break };
            weight += self::weight(&next.batch);
            group.push(next);
        }
        let answers = write(keeper, &group, &mut is_sound);
        for (order, answer) in group.into_iter().zip(answers) {
            // Who does not wait any more need not know.
            let _ = order.answer.send(answer);
        }
    }
}

fn weight(batch: &Batch) -> usize {
    batch.changes.iter().map(|change| change.record().map_or(64, Record::weight)).sum()
}

/// Writes a group. After a failure redb wants the file opened anew; what is in it then tells what became of the group.
fn write(keeper: &Keeper, group: &[Order], is_sound: &mut bool) -> Vec<Answer> {
    let all = |error: StoreError| group.iter().map(|_| Err(error.clone())).collect();
    let database = if *is_sound { keeper.database() } else { keeper.reopen() };
    let database = match database {
        Ok(database) => database,
        Err(error) => return all(error),
    };
    *is_sound = true;
    let failed = match guarded(|| attempt(&database, group)) {
        Ok(answers) => return answers,
        Err(error) => error,
    };
    *is_sound = false;
    drop(database);
    let Ok(database) = keeper.reopen() else { return all(StoreError::Unknown(failed.to_string())) };
    *is_sound = true;
    let became = |order: &Order| match guarded(|| is_written(&database, &order.batch)) {
        Ok(true) => Ok(()),
        // What another batch of the group wrote over it does not tell whether it was there.
        Ok(false) if !shares_records(order, group) => Err(failed.clone()),
        _ => Err(StoreError::Unknown(failed.to_string())),
    };
    group.iter().map(became).collect()
}

/// Whether another batch of the group changes a record that this one does.
fn shares_records(order: &Order, group: &[Order]) -> bool {
    let keys: BTreeSet<Key> = order.batch.changes.iter().map(Change::key).collect();
    let others = group.iter().filter(|other| !std::ptr::eq(*other, order));
    others.flat_map(|other| &other.batch.changes).any(|change| keys.contains(&change.key()))
}

/// One transaction for all batches of the group; each of them whole or not at all.
fn attempt(database: &Database, group: &[Order]) -> Result<Vec<Answer>, StoreError> {
    let transaction = database.begin_write().map_err(storage)?;
    let mut answers = Vec::with_capacity(group.len());
    for order in group {
        match judge(&transaction, &order.batch) {
            Ok(due) => {
                due.into_iter()
                    .try_for_each(|(change, stored)| apply(&transaction, order.batch.id, change, stored.as_ref()))?;
                answers.push(Ok(()));
            }
            Err(error) if error.is_transient() => return Err(error),
            // Of this batch only: nothing was changed for it.
            Err(refused) => answers.push(Err(refused)),
        }
    }
    transaction.commit().map_err(storage)?;
    Ok(answers)
}

/// A change that is to be made, and the record that was there.
type Due<'a> = Vec<(&'a Change, Option<Stored>)>;

/// What of the batch is to be written; or why nothing is.
fn judge<'a>(transaction: &WriteTransaction, batch: &'a Batch) -> Result<Due<'a>, StoreError> {
    let mut due = Vec::new();
    // Changes of one kind are mostly neighbours, and a table is opened once for them.
    for changes in batch.changes.chunk_by(|a, b| a.key().kind() == b.key().kind()) {
        let Some(kind) = changes.first().map(|change| change.key().kind()) else { continue };
        let rows = transaction.open_table(table(kind)).map_err(storage)?;
        for change in changes {
            let stored = read::stored(&rows, kind, &change.key().bytes())?;
            match decide(stored.as_ref(), batch.id, change) {
                Verdict::Write => due.push((change, stored)),
                Verdict::Already => {}
                Verdict::Refused(conflict) => return Err(conflict.into()),
            }
        }
    }
    let Some(fence) = &batch.fence else { return Ok(due) };
    let rows = transaction.open_table(table(Kind::World)).map_err(storage)?;
    let world = read::stored(&rows, Kind::World, &Key::World(fence.world.clone()).bytes())?;
    let found = world.and_then(|world| if let Record::World(world) = world.record { Some(world.epoch) } else { None });
    if found == Some(fence.epoch) {
        return Ok(due);
    }
    Err(StoreError::Fenced { world: fence.world.clone(), found, ours: fence.epoch })
}

fn apply(
    transaction: &WriteTransaction,
    batch: Token,
    change: &Change,
    stored: Option<&Stored>,
) -> Result<(), StoreError> {
    let key = change.key();
    let (kind, bytes) = (key.kind(), key.bytes());
    let mut rows = transaction.open_table(table(kind)).map_err(storage)?;
    let by = match change {
        Change::Put(record) if record.rev().is_some() => batch,
        _ => Token::default(),
    };
    match change.record() {
        Some(record) => {
            rows.insert(bytes.as_slice(), rows::encode(&bytes, record, by)?.as_slice()).map_err(storage)?;
        }
        None => {
            rows.remove(bytes.as_slice()).map_err(storage)?;
        }
    }
    let now = change.record().map_or([None; 2], Record::people);
    let before = stored.map_or([None; 2], |stored| stored.record.people());
    if Key::begins_with_person(kind) || now == before {
        return Ok(());
    }
    let mut people = transaction.open_table(PEOPLE).map_err(storage)?;
    for person in before.into_iter().flatten() {
        people.remove(read::entry(person, kind, &bytes).as_slice()).map_err(storage)?;
    }
    for person in now.into_iter().flatten() {
        people.insert(read::entry(person, kind, &bytes).as_slice(), ()).map_err(storage)?;
    }
    Ok(())
}

/// Whether all of a batch is there.
fn is_written(database: &Database, batch: &Batch) -> Result<bool, StoreError> {
    let transaction = database.begin_read().map_err(storage)?;
    if let Some(fence) = &batch.fence {
        let world = read::get(&transaction, &Key::World(fence.world.clone()))?.map(|stored| stored.record);
        if !matches!(world, Some(Record::World(world)) if world.epoch == fence.epoch) {
            return Ok(false);
        }
    }
    for change in &batch.changes {
        let stored = read::get(&transaction, &change.key())?;
        if decide(stored.as_ref(), batch.id, change) != Verdict::Already {
            return Ok(false);
        }
    }
    Ok(!batch.changes.is_empty())
}
