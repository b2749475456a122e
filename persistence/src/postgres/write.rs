//! Commits: one transaction for a batch, one statement for what a kind has to write. Must never take a COMMIT for done
//! that was not answered, nor for undone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::session::Session;
use super::table::{Table, table};
use super::value::{Column, Sort, Value};
use super::{rows, sql, trouble};
use crate::batch::{Batch, Change, Fence, Verdict, decide};
use crate::error::StoreError;
use crate::record::{Epoch, Key, Kind, Record, Rev, Token};

/// How often a batch is tried that others got in the way of.
const ATTEMPTS_MAX: u32 = 8;
/// Bytes of records in one statement, beyond which it is split.
const STATEMENT_WEIGHT_MAX: usize = 32 << 20;
/// Who wrote what is imported.
static NOBODY: Token = Token([0; 16]);

/// How far a commit has come.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicBool);

impl Progress {
    /// COMMIT was sent: from here on it may be done.
    pub(super) fn may_be_done(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Why an attempt failed.
enum Failure {
    /// The same may get through now.
    Again,
    Final(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

/// Writes a batch.
pub(super) async fn write(
    session: &mut Session,
    batch: &Batch,
    progress: &Progress,
    limit: Duration,
) -> Result<(), StoreError> {
    for attempt in 1..=ATTEMPTS_MAX {
        match try_once(session, batch, progress, limit).await {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            // Nobody should come back at the same moment: by the batch's random name some wait longer.
            Err(Failure::Again) => {
                let wait = u64::from(attempt) * (1 + u64::from(batch.id.0[0] % 16));
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }
    Err(StoreError::Unavailable("others were in the way too often".to_owned()))
}

async fn try_once(session: &mut Session, batch: &Batch, progress: &Progress, limit: Duration) -> Result<(), Failure> {
    let warnings = session.warnings();
    let transaction = session.client.transaction().await.map_err(|e| trouble::before_commit(&e, limit))?;
    let writer = Writer { transaction: &transaction, batch, limit };
    if let Some(fence) = &batch.fence {
        writer.hold(fence).await?;
    }
    for (kind, work) in sorted(batch) {
        writer.apply(table(kind), &work).await?;
    }
    progress.0.store(true, Ordering::Release);
    transaction.commit().await.map_err(|e| trouble::in_commit(&e, limit))?;
    // A wait for the standby that somebody cancelled looks like success, but for a warning.
    if session.warnings() != warnings {
        return Err(StoreError::Unknown("the server warned while it committed".to_owned()).into());
    }
    Ok(())
}

/// The changes of one kind, each in the order of keys.
#[derive(Default)]
struct Work<'a> {
    all: BTreeMap<Key, &'a Change>,
    first: Vec<&'a Record>,
    next: Vec<&'a Record>,
    removed: Vec<(&'a Key, Option<Rev>)>,
}

fn sorted(batch: &Batch) -> BTreeMap<Kind, Work<'_>> {
    let mut kinds: BTreeMap<Kind, Work<'_>> = BTreeMap::new();
    for change in &batch.changes {
        let key = change.key();
        kinds.entry(key.kind()).or_default().all.insert(key, change);
    }
    for work in kinds.values_mut() {
        for change in work.all.values() {
            match change {
                Change::Put(record) if record.rev().is_some_and(|rev| rev > Rev::FIRST) => work.next.push(record),
                Change::Put(record) | Change::Import(record) => work.first.push(record),
                Change::Remove(key, rev) => work.removed.push((key, *rev)),
            }
        }
    }
    kinds
}

struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    batch: &'a Batch,
    limit: Duration,
}

impl Writer<'_> {
    async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let failed = |error: tokio_postgres::Error| {
            if trouble::is_worth_another_try(&error) {
                Failure::Again
            } else {
                Failure::Final(trouble::before_commit(&error, self.limit))
            }
        };
        let statement = self.transaction.prepare_cached(sql).await.map_err(failed)?;
        self.transaction.query(&statement, parameters).await.map_err(failed)
    }

    /// Checks who owns the world, and keeps it so until the transaction ends.
    async fn hold(&self, fence: &Fence) -> Result<(), Failure> {
        let rows = self.query(sql::FENCE, &[&fence.world.as_str()]).await?;
        let found = rows.first().map(|row| row.try_get::<_, i64>(0)).transpose();
        let found = found.map_err(|_| StoreError::Corrupt("a row of worlds has no epoch".to_owned()))?;
        let found = found.map(|epoch| Epoch(epoch.cast_unsigned()));
        if found == Some(fence.epoch) {
            return Ok(());
        }
        Err(StoreError::Fenced { world: fence.world.clone(), found, ours: fence.epoch }.into())
    }

    async fn apply(&self, table: &'static Table, work: &Work<'_>) -> Result<(), Failure> {
        let mut missing = BTreeSet::new();
        for records in chunks(&work.next) {
            missing.extend(self.put(table, &sql::update(table), records, true).await?);
        }
        for removed in work.removed.chunks(10_000) {
            missing.extend(self.remove(table, removed).await?);
        }
        for records in chunks(&work.first) {
            missing.extend(self.put(table, &sql::insert(table), records, false).await?);
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.judge(table, work, &missing).await?;
        // What is there already may be there without the standby's knowing, where a wait for it was cut short. A
        // transaction that wrote nothing does not wait either.
        self.query(sql::MARK, &[]).await.map(drop)
    }

    /// Writes records; gives back the keys of those that were not written.
    async fn put(
        &self,
        table: &'static Table,
        sql: &str,
        records: &[&Record],
        was_there: bool,
    ) -> Result<BTreeSet<Key>, Failure> {
        let mut columns: Vec<_> = table.columns.iter().map(|(_, sort)| Column::new(*sort)).collect();
        let imported: BTreeSet<Key> = self.imported(table.kind);
        for record in records {
            let by = if imported.contains(&record.key()) { &NOBODY } else { &self.batch.id };
            columns.iter_mut().zip(rows::values(record, by)).for_each(|(column, value)| column.push(value));
        }
        let missing = self.changed(table, sql, &columns, records.iter().map(|record| record.key())).await?;
        let written: Vec<&Record> =
            records.iter().copied().filter(|record| missing.is_empty() || !missing.contains(&record.key())).collect();
        match table.kind {
            Kind::Inventory => self.put_items(&written, was_there).await?,
            Kind::Trade => self.put_trade_items(&written).await?,
            _ => {}
        }
        Ok(missing)
    }

    fn imported(&self, kind: Kind) -> BTreeSet<Key> {
        let imports = self.batch.changes.iter().filter(|change| matches!(change, Change::Import(_)));
        imports.map(Change::key).filter(|key| key.kind() == kind).collect()
    }

    async fn remove(&self, table: &'static Table, removed: &[(&Key, Option<Rev>)]) -> Result<BTreeSet<Key>, Failure> {
        let mut columns: Vec<_> = table.keys().iter().map(|(_, sort)| Column::new(*sort)).collect();
        columns.push(Column::new(Sort::Number));
        for (key, rev) in removed {
            let mut values = rows::key_values(key);
            values.push(rev.map_or(Value::Null, |rev| Value::number(rev.0)));
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let keys = removed.iter().map(|(key, _)| (*key).clone());
        let missing = self.changed(table, &sql::remove(table), &columns, keys).await?;
        let gone = removed.iter().map(|(key, _)| *key).filter(|key| !missing.contains(key));
        let mut owners = Column::new(table.columns.first().map_or(Sort::Number, |(_, sort)| *sort));
        gone.flat_map(rows::key_values).for_each(|value| owners.push(value));
        match table.kind {
            Kind::Inventory => self.query(sql::ITEMS_CLEAR, &[owners.parameter()]).await.map(drop)?,
            Kind::Trade => self.query(sql::TRADE_ITEMS_CLEAR, &[owners.parameter()]).await.map(drop)?,
            _ => {}
        }
        Ok(missing)
    }

    /// Runs a statement that gives back keys; of these keys, those that it did not.
    async fn changed(
        &self,
        table: &'static Table,
        sql: &str,
        columns: &[Column<'_>],
        keys: impl Iterator<Item = Key> + Send,
    ) -> Result<BTreeSet<Key>, Failure> {
        let parameters: Vec<_> = columns.iter().map(Column::parameter).collect();
        let done = self.query(sql, &parameters).await?;
        let mut missing: BTreeSet<Key> = keys.collect();
        if done.len() == missing.len() {
            return Ok(BTreeSet::new());
        }
        for row in &done {
            missing.remove(&rows::key(table.kind, row)?);
        }
        Ok(missing)
    }

    /// What was not changed is there already, or was changed by somebody else.
    async fn judge(&self, table: &'static Table, work: &Work<'_>, missing: &BTreeSet<Key>) -> Result<(), Failure> {
        let mut columns: Vec<_> = table.keys().iter().map(|(_, sort)| Column::new(*sort)).collect();
        for key in missing {
            columns.iter_mut().zip(rows::key_values(key)).for_each(|(column, value)| column.push(value));
        }
        let parameters: Vec<_> = columns.iter().map(Column::parameter).collect();
        let mut there = BTreeMap::new();
        for row in self.query(&sql::get_many(table), &parameters).await? {
            let stored = rows::stored(table.kind, &row)?;
            there.insert(stored.record.key(), stored);
        }
        for key in missing {
            let Some(change) = work.all.get(key) else { continue };
            match decide(there.get(key), self.batch.id, change) {
                Verdict::Already => {}
                Verdict::Refused(conflict) => return Err(StoreError::from(conflict).into()),
                // It came or went between the two statements.
                Verdict::Write => return Err(Failure::Again),
            }
        }
        Ok(())
    }

    async fn put_items(&self, written: &[&Record], was_there: bool) -> Result<(), Failure> {
        let (mut people, mut owners, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        let (mut counts, mut data): (Vec<i64>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        for record in written {
            let Record::Inventory(inventory) = record else { continue };
            people.push(inventory.person.0.cast_signed());
            for item in &inventory.items {
                owners.push(inventory.person.0.cast_signed());
                kinds.push(item.kind.as_str());
                counts.push(item.count.cast_signed());
                data.push(&item.data);
            }
        }
        if was_there && !people.is_empty() {
            self.query(sql::ITEMS_REMOVE, &[&people, &owners, &kinds]).await?;
        }
        if !owners.is_empty() {
            self.query(sql::ITEMS_WRITE, &[&owners, &kinds, &counts, &data]).await?;
        }
        Ok(())
    }

    async fn put_trade_items(&self, written: &[&Record]) -> Result<(), Failure> {
        let (mut trades, mut sides, mut kinds) = (Vec::<&[u8]>::new(), Vec::new(), Vec::new());
        let (mut counts, mut data): (Vec<i64>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        for record in written {
            let Record::Trade(trade) = record else { continue };
            let gives = trade.gives.iter().map(|item| (true, item));
            for (is_given, item) in gives.chain(trade.takes.iter().map(|item| (false, item))) {
                trades.push(&trade.id.0);
                sides.push(is_given);
                kinds.push(item.kind.as_str());
                counts.push(item.count.cast_signed());
                data.push(&item.data);
            }
        }
        if !trades.is_empty() {
            self.query(sql::TRADE_ITEMS_WRITE, &[&trades, &sides, &kinds, &counts, &data]).await?;
        }
        Ok(())
    }
}

/// Parts of a list that are not too heavy for one statement.
fn chunks<'s, 'a>(records: &'s [&'a Record]) -> Vec<&'s [&'a Record]> {
    let (mut out, mut rest) = (Vec::new(), records);
    while !rest.is_empty() {
        let mut weight = 0;
        let fits = rest.iter().take_while(|record| {
            weight += record.weight();
            weight <= STATEMENT_WEIGHT_MAX
        });
        let (chunk, others) = rest.split_at(fits.count().max(1));
        out.push(chunk);
        rest = others;
    }
    out
}
