//! Reads: single rows, pages, whole copies. Must never bring more into memory than a page.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::session::Session;
use super::table::{Table, table};
use super::value::{Value, damaged};
use super::{rows, sql, trouble};
use crate::copy::Copying;
use crate::error::StoreError;
use crate::record::{Key, Kind, PersonId, Record, Scope};
use crate::store::{Order, Page, Query};

/// Records that a page of a copy has at most.
const COPY_PAGE: usize = 1000;
/// Bytes after which a page of a copy ends.
const COPY_WEIGHT_MAX: usize = 8 << 20;
/// How long a copy may wait for whoever takes it.
const COPY_PATIENCE: &str = "600000";

/// Whatever runs a prepared statement.
pub(super) enum Reader<'a> {
    Alone(&'a Session),
    Within(&'a Transaction<'a>),
}

impl Reader<'_> {
    async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        limit: Duration,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = match self {
            Self::Alone(session) => match session.client.prepare_cached(sql).await {
                Ok(statement) => session.client.query(&statement, parameters).await,
                Err(error) => Err(error),
            },
            Self::Within(transaction) => match transaction.prepare_cached(sql).await {
                Ok(statement) => transaction.query(&statement, parameters).await,
                Err(error) => Err(error),
            },
        };
        rows.map_err(|error| trouble::before_commit(&error, limit))
    }

    /// Whether the server would take a write now.
    pub(super) async fn takes_writes(&self, limit: Duration) -> Result<(), StoreError> {
        let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
        let rows = self.query(sql, &[], limit).await?;
        let flag = |at| rows.first().and_then(|row| row.try_get::<_, bool>(at).ok()).unwrap_or(true);
        match (flag(0), flag(1)) {
            (false, false) => Ok(()),
            (true, _) => Err(StoreError::ReadOnly("it is a standby".to_owned())),
            (_, true) => Err(StoreError::ReadOnly("default_transaction_read_only is on".to_owned())),
        }
    }

    pub(super) async fn get(&self, key: &Key, limit: Duration) -> Result<Option<Record>, StoreError> {
        let values = rows::key_values(key);
        let parameters: Vec<_> = values.iter().map(Value::parameter).collect();
        let found = self.query(&sql::get(table(key.kind())), &parameters, limit).await?;
        found.first().map(|row| rows::stored(key.kind(), row).map(|stored| stored.record)).transpose()
    }

    pub(super) async fn list(&self, query: &Query, weight_max: usize, limit: Duration) -> Result<Page, StoreError> {
        let table = table(query.kind);
        let Some(chosen) = Chosen::of(table, query) else { return Ok(Page::default()) };
        // One more than is wanted tells whether there are more.
        let (most, weight_max) = (number(query.limit.saturating_add(1)), number(weight_max));
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&most, &weight_max];
        parameters.extend(chosen.values.iter().map(Value::parameter));
        let found = self.query(&sql::list(table, chosen.part), &parameters, limit).await?;
        let total = found.first().map_or(Ok(0), |row| row.try_get::<_, i64>(row.len() - 1));
        let total = total.map_err(|_| damaged(table.name, "is not counted"))?;
        let records = found.iter().take(query.limit).map(|row| rows::stored(query.kind, row).map(|s| s.record));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        Ok(Page { more: number(records.len()) < total, records })
    }

    pub(super) async fn keys(&self, query: &Query, limit: Duration) -> Result<Vec<Key>, StoreError> {
        let table = table(query.kind);
        let Some(chosen) = Chosen::of(table, query) else { return Ok(Vec::new()) };
        let most = number(query.limit);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&most];
        parameters.extend(chosen.values.iter().map(Value::parameter));
        let found = self.query(&sql::keys(table, chosen.part), &parameters, limit).await?;
        found.iter().map(|row| rows::key(query.kind, row)).collect()
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Which part of a table is wanted, and the values for it.
struct Chosen<'a> {
    part: sql::Part,
    values: Vec<Value<'a>>,
}

impl<'a> Chosen<'a> {
    /// Nothing where no record of the kind can be within the scope.
    fn of(table: &Table, query: &'a Query) -> Option<Self> {
        let mut values = Vec::new();
        let scope = match &query.scope {
            Scope::All => sql::Within::All,
            Scope::Person(_) if table.people.is_empty() => return None,
            Scope::Person(PersonId(person)) => {
                values.push(Value::number(*person));
                sql::Within::Person
            }
            Scope::World(world) => {
                table.world?;
                values.push(Value::name(world));
                sql::Within::World
            }
        };
        let beyond = query.beyond.as_ref().filter(|key| key.kind() == query.kind);
        if let Some(key) = beyond {
            values.extend(rows::key_values(key));
        }
        Some(Self { part: sql::Part { scope, is_beyond: beyond.is_some(), order: query.order }, values })
    }
}

/// Sends all records of these kinds, as they were when `begun` was called; ends when nobody listens any more.
pub(super) async fn copy(
    session: &mut Session,
    kinds: &[Kind],
    to: &Copying,
    limit: Duration,
    begun: impl FnOnce() + Send,
) -> Result<(), StoreError> {
    let failed = |error: tokio_postgres::Error| trouble::before_commit(&error, limit);
    let late = |_| StoreError::TimedOut(limit);
    let builder = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = tokio::time::timeout(limit, builder.start()).await.map_err(late)?.map_err(failed)?;
    let reader = Reader::Within(&transaction);
    // The first statement is the moment of the copy.
    let patience = "SELECT set_config('idle_in_transaction_session_timeout', $1::text, true)";
    tokio::time::timeout(limit, reader.query(patience, &[&COPY_PATIENCE], limit)).await.map_err(late)??;
    begun();
    for kind in kinds {
        let mut query = Query { order: Order::Up, ..Query::of(*kind).first(COPY_PAGE) };
        loop {
            let page =
                tokio::time::timeout(limit, reader.list(&query, COPY_WEIGHT_MAX, limit)).await.map_err(late)??;
            let last = page.records.last().map(Record::key).filter(|_| page.more);
            for record in page.records {
                if to.push(record).await.is_err() {
                    return Ok(());
                }
            }
            let Some(last) = last else { break };
            query = query.beyond(last);
        }
    }
    Ok(())
}
